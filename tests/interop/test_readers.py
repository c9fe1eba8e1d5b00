"""Tables written by Weir open in deltalake, Polars and Spark with the rows and types that DuckDB's
delta extension sees, and those are the rows that the query gave."""
import json
import shutil

import deltalake
import duckdb
import pyarrow as pa
import pytest
from weir_project import Project

SQL = """
CREATE TABLE raw (i INT, g VARCHAR) WITH ('connector' = 'filesystem', 'path' = 'data/*.csv');
CREATE MATERIALIZED TABLE every_type PARTITIONED BY (p_text, p_date) AS SELECT
  i % 2 = 0 AS c_bool, i::TINYINT AS c_tiny, i::SMALLINT AS c_small, i AS c_int,
  i::BIGINT * 1000000007 AS c_big, i::FLOAT / 4 AS c_float, i::DOUBLE / 3 AS c_double,
  (i / 4)::DECIMAL(9,3) AS c_dec9, (i / 4)::DECIMAL(18,4) AS c_dec18,
  (i::DECIMAL(38,9) * 1000000000000) AS c_dec38, 'ß' || i AS c_text, encode('b' || i) AS c_blob,
  DATE '1969-12-30' + i AS c_date,
  TIMESTAMP '1969-12-31 23:59:59.999999' + INTERVAL (i) HOUR AS c_ntz,
  TIMESTAMPTZ '2024-03-31 00:30:00.000001+00' + INTERVAL (i) HOUR AS c_tz,
  CASE WHEN i <> 3 THEN {'a': i, 'b': [i, NULL], 'c': {'d': g}} END AS c_struct,
  CASE WHEN i <> 4 THEN list_resize([i, NULL], i % 3) END AS c_list,
  MAP {'k' || i: i} AS c_map,
  g AS p_text, CASE WHEN i % 3 <> 0 THEN DATE '2024-02-28' + i % 2 END AS p_date
FROM raw;
-- Makes every_type keep the order of its rows, in a column that its schema does not name.
CREATE MATERIALIZED TABLE every_last (PRIMARY KEY (c_bool) NOT ENFORCED) AS
  SELECT c_bool, c_int FROM every_type;
CREATE MATERIALIZED TABLE keyed (PRIMARY KEY (g) NOT ENFORCED,
  CONSTRAINT small EXPECT (i < 11) ON VIOLATION QUARANTINE) AS SELECT g, i FROM raw;
"""
TYPES = {
    "c_bool": pa.bool_(), "c_tiny": pa.int8(), "c_small": pa.int16(), "c_int": pa.int32(),
    "c_big": pa.int64(), "c_float": pa.float32(), "c_double": pa.float64(),
    "c_dec9": pa.decimal128(9, 3), "c_dec18": pa.decimal128(18, 4),
    "c_dec38": pa.decimal128(38, 9), "c_date": pa.date32(), "c_ntz": pa.timestamp("us"),
    "c_tz": pa.timestamp("us", "UTC"), "p_date": pa.date32(),
}


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Project:
    project = Project(tmp_path_factory.mktemp("interop"))
    project.write("project.sql", SQL)
    groups = ["a", "", "b c/d=e%", "ü"]
    for number in range(3):
        project.write(f"data/{number}.csv", "i,g\n" + "".join(
            f"{i},{groups[i % 4]}\n" for i in range(number * 4, number * 4 + 4)))
        project.run_ok()
    return project


def as_text(query: str) -> str:
    return f"SELECT CAST(COLUMNS(*) AS VARCHAR) FROM ({query})"


def query_rows(project) -> list:
    """The same query, run by a DuckDB of the tests' own over the CSV files."""
    select = SQL.split("every_type PARTITIONED BY (p_text, p_date) AS ")[1].split(";")[0]
    with duckdb.connect() as connection:
        connection.execute(f"CREATE VIEW raw AS FROM read_csv('{project.folder}/data/*.csv', "
                           "header = true, columns = {'i': 'INT', 'g': 'VARCHAR'})")
        return connection.execute(as_text(f"SELECT * FROM ({select}) ORDER BY c_int")).fetchall()


def test_duckdb_sees_the_rows_of_the_query(project):
    got = project.rows(as_text("SELECT * FROM every_type ORDER BY c_int"))
    assert got == query_rows(project)


def test_deltalake_sees_the_same_rows_and_types(project):
    table = deltalake.DeltaTable(project.warehouse / "every_type")
    arrow = pa.table(deltalake.QueryBuilder().register("t", table)
                     .execute("SELECT * FROM t ORDER BY c_int").read_all())
    schema = pa.schema(table.schema().to_arrow())
    for name, wanted in TYPES.items():
        assert schema.field(name).type == wanted, name
    with duckdb.connect() as connection:
        got = connection.execute(as_text("SELECT * FROM arrow ORDER BY c_int")).fetchall()
    assert got == query_rows(project)


def test_nobody_sees_the_column_of_the_order(project):
    import polars
    folder = project.warehouse / "every_type"
    files = [str(file) for file in folder.glob("*/*/*.parquet")]
    with duckdb.connect() as connection:
        stored = connection.execute("SELECT * FROM read_parquet($f, union_by_name = true) LIMIT 0",
                                    {"f": files}).description
    assert "__weir_order" in [column[0] for column in stored]
    with project.connect() as connection:
        columns = [c[0] for c in connection.execute("FROM every_type LIMIT 0").description]
    assert "__weir_order" not in columns
    assert deltalake.DeltaTable(folder).to_pyarrow_table().column_names == columns
    assert polars.scan_delta(str(folder)).collect().columns == columns
    assert polars.scan_delta(str(folder)).collect().height == 12
    assert project.rows("SELECT * FROM every_last ORDER BY ALL") == [(False, 11), (True, 10)]


def test_polars_sees_the_same_rows(project):
    import polars
    frame = polars.scan_delta(str(project.warehouse / "keyed")).sort("g").collect()
    assert frame.rows() == project.rows("SELECT g, i FROM keyed ORDER BY g NULLS FIRST")
    assert frame.height == 4


def test_upsert_and_quarantine_in_deltalake(project):
    with project.connect() as connection:
        for table in ("keyed", "keyed__quarantine"):
            arrow = deltalake.DeltaTable(project.warehouse / table)
            rows = pa.table(deltalake.QueryBuilder().register("t", arrow)
                            .execute("SELECT * FROM t").read_all()).num_rows
            assert rows == connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] > 0


def test_statistics_are_true(project):
    """Readers skip files by these: a wrong minimum or maximum loses rows."""
    folder = project.warehouse / "every_type"
    seen = 0
    for commit in sorted((folder / "_delta_log").glob("*.json")):
        for line in commit.read_text().splitlines():
            add = json.loads(line).get("add")
            if not add or not add.get("stats"):
                continue
            stats = json.loads(add["stats"])
            from urllib.parse import unquote
            file = folder / unquote(add["path"])
            for column in ("c_int", "c_big", "c_text", "c_date", "c_double"):
                rows, low, high, nulls = duckdb.sql(
                    f"SELECT count(*), min({column}), max({column}), count(*) - count({column}) "
                    "FROM read_parquet($f, hive_partitioning = false)",
                    params={"f": str(file)}).fetchone()
                assert rows == stats["numRecords"]
                assert nulls == stats["nullCount"][column]
                if column in ("c_int", "c_big", "c_double"):
                    assert stats["minValues"][column] <= low
                    assert stats["maxValues"][column] >= high
                else:
                    assert stats["minValues"][column] <= str(low)
                    assert stats["maxValues"][column] >= str(high)
                seen += 1
    assert seen > 0


def test_pruned_reads_find_their_rows(project):
    with project.connect() as connection:
        for value in range(12):
            found = connection.execute(
                "SELECT count(*) FROM every_type WHERE c_int = $1", [value]).fetchone()[0]
            assert found == 1, value
        assert connection.execute(
            "SELECT count(*) FROM every_type WHERE p_text = 'b c/d=e%'").fetchone()[0] == 3
        assert connection.execute(
            "SELECT count(*) FROM every_type WHERE p_date IS NULL").fetchone()[0] == 4


def test_deltalake_appends_and_weir_goes_on(project, tmp_path):
    """Another writer's commit in between is no accident: the next run appends after it."""
    copy = Project(tmp_path / "copy")
    shutil.copytree(project.folder, copy.folder, dirs_exist_ok=True)
    before = deltalake.DeltaTable(copy.warehouse / "keyed").version()
    deltalake.write_deltalake(copy.warehouse / "keyed",
                              pa.table({"g": ["foreign"], "i": pa.array([1], pa.int32())}),
                              mode="append")
    copy.write("data/9.csv", "i,g\n9,z\n")
    copy.run_ok()
    table = deltalake.DeltaTable(copy.warehouse / "keyed")
    assert table.version() == before + 2
    rows = dict(copy.rows("SELECT g, i FROM keyed"))
    assert rows["foreign"] == 1 and rows["z"] == 9


@pytest.mark.slow
def test_spark_sees_the_same_rows(project):
    """With the Java classes of delta-spark, where the machine has them (see docs/testing.md)."""
    pyspark = pytest.importorskip("pyspark")
    delta = pytest.importorskip("delta")
    builder = (pyspark.sql.SparkSession.builder.master("local[1]")
               .config("spark.ui.enabled", "false")
               .config("spark.sql.session.timeZone", "UTC")
               .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
               .config("spark.sql.catalog.spark_catalog",
                       "org.apache.spark.sql.delta.catalog.DeltaCatalog"))
    spark = delta.configure_spark_with_delta_pip(builder).getOrCreate()
    try:
        frame = spark.read.format("delta").load(str(project.warehouse / "every_type"))
        got = [(r.c_int, r.c_text, r.c_dec18, r.c_date, r.c_ntz, r.p_text, r.p_date)
               for r in frame.orderBy("c_int").collect()]
    finally:
        spark.stop()
    assert got == project.rows("SELECT c_int, c_text, c_dec18, c_date, c_ntz, p_text, p_date "
                               "FROM every_type ORDER BY c_int")
