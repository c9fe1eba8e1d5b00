"""Tables that Weir wrote, read and continued by other engines: same rows, same types.

Oracles: deltalake (delta-rs), DuckDB's delta extension, and Spark where it is installed.
"""

import datetime
import json

import deltalake
import duckdb
import pyarrow as pa
import pytest
from weir_process import run_weir, text
from weir_project import delta_extension

KINDS = """
CREATE TABLE rows_in (id BIGINT, s VARCHAR)
  WITH ('connector' = 'filesystem', 'path' = 'in*.csv', 'format' = 'csv');
CREATE MATERIALIZED TABLE kinds PARTITIONED BY (p) AS
SELECT id, id::INTEGER AS i, id::SMALLINT AS sh, (id % 100)::TINYINT AS b, (id % 2 = 0) AS f,
  id / 3 AS d,
  (id / 3)::FLOAT AS fl, (id * 1.25)::DECIMAL(12,2) AS c, s, encode(s) AS bin,
  DATE '2024-02-28' + id::INTEGER AS dt,
  TIMESTAMP '2024-01-01 10:00:00.123456' + to_days(id::INTEGER) AS ntz,
  TIMESTAMPTZ '2024-01-01 10:00:00.123456+00' + to_days(id::INTEGER) AS tz,
  {'a': id, 'b': s} AS st, [s, NULL, 'x'] AS li, MAP {coalesce(s, '-'): id} AS mp,
  CASE WHEN id % 3 = 0 THEN NULL ELSE 'p ' || (id % 3) || '/%' END AS p
FROM rows_in;
"""

# With it `kinds` keeps the order of its rows, in a column that its schema does not name.
KINDS_LAST = """
CREATE MATERIALIZED TABLE kinds_last (PRIMARY KEY (b) NOT ENFORCED) AS SELECT b, i FROM kinds;
"""


def run(folder, *arguments):
    result = text(run_weir("run", *arguments, cwd=folder))
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout + result.stderr


def write_rows(path, ids):
    lines = ["id,s"] + [f'{i},"fünf ""x"" {i}"' if i % 4 else f"{i}," for i in ids]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def expected_row(i):
    s = f'fünf "x" {i}' if i % 4 else None
    day = datetime.datetime(2024, 1, 1, 10, 0, 0, 123456) + datetime.timedelta(days=i)
    return {
        "id": i,
        "s": s,
        "bin": None if s is None else s.encode(),
        "c": i * 1.25,
        "dt": datetime.date(2024, 2, 28) + datetime.timedelta(days=i),
        "ntz": day,
        "tz": day.replace(tzinfo=datetime.timezone.utc),
        "st": {"a": i, "b": s},
        "li": [s, None, "x"],
        "mp": [(s or "-", i)],
        "p": None if i % 3 == 0 else f"p {i % 3}/%",
    }


def rows_of(table):
    """Rows of a pyarrow table by id, the columns that expected_row names."""
    names = list(expected_row(1))
    rows = {}
    for row in table.select(names).to_pylist():
        row["c"] = float(row["c"])
        row["tz"] = row["tz"].astimezone(datetime.timezone.utc)
        row["mp"] = list(row["mp"].items()) if isinstance(row["mp"], dict) else row["mp"]
        rows[row["id"]] = row
    return rows


def delta_scan(path):
    connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
    connection.execute(f"LOAD '{delta_extension()}'")
    connection.execute("SET TimeZone = 'UTC'")
    table = connection.execute(f"SELECT * FROM delta_scan('{path}')").arrow()
    return table.read_all() if hasattr(table, "read_all") else table


@pytest.fixture(params=[pytest.param("plain", marks=pytest.mark.slow), "ordered"])
def kinds(tmp_path, request):
    """A table with all types; ordered, it has all that the plain one has, and one column more."""
    sql = KINDS + (KINDS_LAST if request.param == "ordered" else "")
    (tmp_path / "kinds.sql").write_text(sql, encoding="utf-8")
    write_rows(tmp_path / "in1.csv", range(1, 8))
    run(tmp_path, "kinds.sql")
    return tmp_path


def test_deltalake_reads_the_same_rows_and_types(kinds):
    table = deltalake.DeltaTable(kinds / "tables/kinds").to_pyarrow_table()
    assert rows_of(table) == {i: expected_row(i) for i in range(1, 8)}
    types = {field.name: field.type for field in table.schema}
    assert types["i"] == pa.int32() and types["sh"] == pa.int16() and types["b"] == pa.int8()
    assert types["d"] == pa.float64() and types["fl"] == pa.float32()
    assert types["c"] == pa.decimal128(12, 2) and types["f"] == pa.bool_()
    assert types["ntz"] == pa.timestamp("us") and types["tz"] == pa.timestamp("us", tz="UTC")
    assert types["bin"] == pa.binary() and types["dt"] == pa.date32()


def test_duckdb_delta_reads_the_same_rows(kinds):
    assert rows_of(delta_scan(kinds / "tables/kinds")) == {i: expected_row(i) for i in range(1, 8)}


def test_statistics_hold_for_the_rows(kinds):
    table = deltalake.DeltaTable(kinds / "tables/kinds")
    by_partition = {}
    for row in table.to_pyarrow_table().to_pylist():
        by_partition.setdefault(row["p"], []).append(row)
    for action in table.get_add_actions(flatten=False).to_struct_array().to_pylist():
        rows = by_partition.pop(action["partition"]["p"])
        assert action["num_records"] == len(rows)
        for column in ("id", "i", "d", "c", "s", "dt"):
            values = [row[column] for row in rows if row[column] is not None]
            assert action["min"][column] <= min(values)
            assert action["max"][column] >= max(values)
            assert action["null_count"][column] == len(rows) - len(values)
    assert not by_partition
    far = table.to_pyarrow_table(filters=[("id", ">", 5)])
    assert sorted(far["id"].to_pylist()) == [6, 7]


def test_checkpoints_are_read_by_others(kinds):
    for n in range(2, 14):
        write_rows(kinds / f"in{n}.csv", [n * 10])
        run(kinds, "kinds.sql")
    log = kinds / "tables/kinds/_delta_log"
    assert (log / "00000000000000000010.checkpoint.parquet").exists()
    assert json.loads((log / "_last_checkpoint").read_text())["version"] == 10
    for version in range(10):  # only the checkpoint stands for them now
        (log / f"{version:020}.json").unlink()
    ids = set(range(1, 8)) | {n * 10 for n in range(2, 14)}
    assert rows_of(deltalake.DeltaTable(kinds / "tables/kinds").to_pyarrow_table()).keys() == ids
    assert rows_of(delta_scan(kinds / "tables/kinds")).keys() == ids
    write_rows(kinds / "in99.csv", [99])
    run(kinds, "kinds.sql")
    assert deltalake.DeltaTable(kinds / "tables/kinds").version() == 13


def test_weir_goes_on_after_other_writers(kinds):
    path = kinds / "tables/kinds"
    row = deltalake.DeltaTable(path).to_pyarrow_table().slice(0, 1)
    names = row.column_names
    other = row.set_column(names.index("id"), "id", pa.array([1000], pa.int64()))
    deltalake.write_deltalake(path, other, mode="append")
    write_rows(kinds / "in2.csv", [11])
    run(kinds, "kinds.sql")
    deltalake.DeltaTable(path).optimize.compact()
    deltalake.DeltaTable(path).create_checkpoint()
    write_rows(kinds / "in3.csv", [12])
    run(kinds, "kinds.sql")
    ids = deltalake.DeltaTable(path).to_pyarrow_table()["id"].to_pylist()
    assert sorted(ids) == [1, 2, 3, 4, 5, 6, 7, 11, 12, 1000]
    operations = [entry["operation"] for entry in deltalake.DeltaTable(path).history()]
    assert operations.count("WRITE") >= 3


def test_upserts_keep_one_row_a_key(tmp_path):
    (tmp_path / "keyed.sql").write_text(
        """
        CREATE TABLE rows_in (id BIGINT, s VARCHAR)
          WITH ('connector' = 'filesystem', 'path' = 'in*.csv', 'format' = 'csv');
        CREATE MATERIALIZED TABLE keyed (PRIMARY KEY (id) NOT ENFORCED) AS
          SELECT id, s FROM rows_in;
        """,
        encoding="utf-8",
    )
    (tmp_path / "in1.csv").write_text("id,s\n1,a\n2,b\n1,c\n")
    run(tmp_path, "keyed.sql")
    (tmp_path / "in2.csv").write_text("id,s\n2,B\n3,d\n")
    run(tmp_path, "keyed.sql")
    expected = [(1, "c"), (2, "B"), (3, "d")]
    table = deltalake.DeltaTable(tmp_path / "tables/keyed").to_pyarrow_table()
    assert sorted(zip(table["id"].to_pylist(), table["s"].to_pylist())) == expected
    table = delta_scan(tmp_path / "tables/keyed")
    assert sorted(zip(table["id"].to_pylist(), table["s"].to_pylist())) == expected


@pytest.mark.slow
def test_spark_reads_and_continues(kinds):
    pytest.importorskip("pyspark", reason="pyspark and delta-spark are not installed")
    delta = pytest.importorskip("delta")
    from pyspark.sql import SparkSession

    builder = (
        SparkSession.builder.master("local[1]")
        .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
        .config(
            "spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog"
        )
        .config("spark.sql.session.timeZone", "UTC")
    )
    spark = delta.configure_spark_with_delta_pip(builder).getOrCreate()
    path = str(kinds / "tables/kinds")
    rows = {row["id"]: row for row in spark.read.format("delta").load(path).collect()}
    assert rows.keys() == set(range(1, 8))
    for i, row in rows.items():
        expected = expected_row(i)
        for column in ("s", "dt", "p"):
            assert row[column] == expected[column]
    spark.sql(f"DELETE FROM delta.`{path}` WHERE id = 3")
    write_rows(kinds / "in2.csv", [11])
    run(kinds, "kinds.sql")
    ids = [row["id"] for row in spark.read.format("delta").load(path).collect()]
    assert sorted(ids) == [1, 2, 4, 5, 6, 7, 11]
    spark.stop()
