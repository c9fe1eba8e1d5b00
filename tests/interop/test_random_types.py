"""Random schemas with values of every type, out of CSV, JSON and Parquet files that DuckDB wrote,
are the same rows and types in the Delta table, as deltalake and DuckDB's delta extension see it."""
import datetime
import random

import deltalake
import pytest
from weir_project import Project, oracle

CHARACTERS = ["a", "Z", "0", " ", ",", ";", '"', "'", "\\", "\n", "\r\n", "\t", "{", "}", "[", "]",
              ":", "=", "ß", "日", "🌦", "NULL", "\x01", "\x7f"]
INTEGERS = {"TINYINT": 7, "SMALLINT": 15, "INTEGER": 31, "BIGINT": 63}
PARTITION_TYPES = ("BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "DATE")
SCALARS = (*INTEGERS, "BOOLEAN", "FLOAT", "DOUBLE", "DECIMAL", "VARCHAR", "BLOB", "DATE",
           "TIMESTAMP", "TIMESTAMP WITH TIME ZONE")


def random_type(draw, depth: int):
    """A type's name for a scalar; (kind, parts) for a nested one."""
    if depth > 0 and draw.random() < 0.4:
        kind = draw.choice(["struct", "list", "map"])
        if kind == "struct":
            return kind, [(f"f{i}", random_type(draw, depth - 1))
                          for i in range(draw.randrange(1, 4))]
        if kind == "list":
            return kind, [random_type(draw, depth - 1)]
        return kind, [draw.choice(["VARCHAR", "BIGINT", "DATE"]), random_type(draw, depth - 1)]
    name = draw.choice(SCALARS)
    if name != "DECIMAL":
        return name
    width = draw.randrange(1, 39)
    return f"DECIMAL({width},{draw.randrange(0, width + 1)})"


def sql_type(kind) -> str:
    if isinstance(kind, str):
        return kind
    name, parts = kind
    if name == "struct":
        return "STRUCT(" + ", ".join(f"{n} {sql_type(k)}" for n, k in parts) + ")"
    if name == "list":
        return sql_type(parts[0]) + "[]"
    return f"MAP({sql_type(parts[0])}, {sql_type(parts[1])})"


def text(draw) -> str:
    return "".join(draw.choice(CHARACTERS) for _ in range(draw.choice([0, 1, 3, 30])))


def moment(draw) -> datetime.datetime:
    """Any from year 1 to 9999; the last seconds of either are left to the unit tests."""
    return datetime.datetime(1, 1, 2) + datetime.timedelta(
        days=draw.choice([draw.randrange(3_652_000), draw.randrange(719_160, 740_000)]),
        microseconds=draw.choice([0, draw.randrange(86_400_000_000)]))


def scalar(draw, kind: str, finite: bool) -> str:
    """A value as an SQL literal."""
    if kind in INTEGERS:
        limit = 1 << INTEGERS[kind]
        value = draw.choice([0, -limit, limit - 1, draw.randrange(-limit, limit),
                             draw.randrange(-9, 10)])
        return f"'{value}'::{kind}"
    if kind == "BOOLEAN":
        return draw.choice(["true", "false"])
    if kind in ("FLOAT", "DOUBLE"):
        # No -0.0: it equals 0.0, and DuckDB's Parquet writer keeps one of the two in a dictionary.
        special = [] if finite else ["nan", "inf", "-inf"]
        value = draw.choice([*special, "0", "0.0", repr(draw.uniform(-1, 1) * 10 **
                                                         draw.randrange(-30, 30)), "1e-38"])
        return f"'{value}'::{kind}"
    if kind.startswith("DECIMAL"):
        width, scale = map(int, kind[8:-1].split(","))
        digits = str(draw.randrange(10 ** draw.randrange(1, width + 1))).rjust(scale + 1, "0")
        value = digits[:len(digits) - scale] + ("." + digits[-scale:] if scale else "")
        return f"'{draw.choice(['', '-'])}{value}'::{kind}"
    if kind == "VARCHAR":
        return "'" + text(draw).replace("'", "''") + "'"
    if kind == "BLOB":
        return "'" + "".join(f"\\x{draw.randrange(256):02X}"
                             for _ in range(draw.choice([0, 1, 20]))) + "'::BLOB"
    if kind == "DATE":
        return f"'{moment(draw).date().isoformat()}'::DATE"
    suffix = "+00" if kind.endswith("ZONE") else ""
    return f"'{moment(draw).isoformat(' ')}{suffix}'::{kind}"


def literal(draw, kind, finite: bool, null=0.15) -> str:
    if draw.random() < null:
        return "NULL"
    if isinstance(kind, str):
        return scalar(draw, kind, finite)
    name, parts = kind
    if name == "struct":
        value = "{" + ", ".join(f"'{n}': {literal(draw, k, finite)}" for n, k in parts) + "}"
    elif name == "list":
        value = "[" + ", ".join(literal(draw, parts[0], finite)
                                for _ in range(draw.choice([0, 1, 4]))) + "]"
    else:
        keys = {scalar(draw, parts[0], finite) for _ in range(draw.choice([0, 1, 3]))}
        value = "MAP {" + ", ".join(f"{key}: {literal(draw, parts[1], finite)}"
                                    for key in sorted(keys)) + "}"
    return f"({value})::{sql_type(kind)}"


def shown(connection, relation: str) -> list:
    return connection.execute(f"SELECT CAST(COLUMNS(*) AS VARCHAR) FROM {relation} "
                              "ORDER BY CAST(id AS INTEGER)").fetchall()


def types(connection, relation: str) -> list:
    return [row[:2] for row in connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()]


def check(folder, seed: int, format_name: str) -> None:
    draw = random.Random(f"{seed} {format_name}")
    connection = oracle()
    depth = 0 if format_name == "csv" else 2  # nested values have no text that all agree on
    columns = [("id", "INTEGER")] + [
        (draw.choice(["c", "Größe", "select", "X_"]) + str(i), random_type(draw, depth))
        for i in range(draw.randrange(1, 9))]
    declared = ", ".join(f'"{name}" {sql_type(kind)}' for name, kind in columns)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE source_rows ({declared})")
    count = draw.choice([0, 1, 10, 60])
    for i in range(count):
        row = ", ".join(literal(draw, kind, format_name == "json") for _, kind in columns[1:])
        connection.execute(f"INSERT INTO source_rows VALUES ({i}, {row})")
    project = Project(folder, ["--threads", str(draw.choice([1, 2]))])
    cut = draw.randrange(count + 1)
    for number, where in enumerate([f"id < {cut}", f"id >= {cut}"]):
        header = ", HEADER" if format_name == "csv" else ""
        connection.execute(f"COPY (SELECT * FROM source_rows WHERE {where}) TO "
                           f"'{project.path(f'data/{number}.{format_name}')}' "
                           f"(FORMAT {format_name}{header})")
    inferred = format_name == "parquet" and draw.random() < 0.5
    # deltalake hands "-0.5" on to PyArrow as "0.-5": only whole decimals here.
    partitions = [name for name, kind in columns[1:]
                  if kind in PARTITION_TYPES or str(kind).endswith(",0)")]
    by = f'PARTITIONED BY ("{partitions[0]}")' if partitions and draw.random() < 0.4 else ""
    project.write("project.sql", f"""
        CREATE TABLE raw {'' if inferred else f'({declared})'} WITH ('connector' = 'filesystem',
          'path' = 'data/*', 'format' = '{format_name}', 'source.last-line' = 'complete');
        CREATE MATERIALIZED TABLE t {by} AS SELECT * FROM raw;""")
    ended = project.run_ok()
    wanted, wanted_types = shown(connection, "source_rows"), types(connection, "source_rows")
    about = f"seed {seed}: {declared} {by}\n{ended}"
    with project.connect():
        assert shown(connection, "t") == wanted, about
        assert types(connection, "t") == wanted_types, about
    table = deltalake.DeltaTable(project.warehouse / "t").to_pyarrow_table()
    connection.register("by_deltalake", table)
    try:
        assert shown(connection, "by_deltalake") == wanted, about
        assert types(connection, "by_deltalake") == wanted_types, about
    finally:
        connection.unregister("by_deltalake")
    assert "t__quarantine" not in project.tables(), about


@pytest.mark.parametrize("format_name", ["csv", "json", "parquet"])
@pytest.mark.parametrize("seed", range(2))
def test_random_types(tmp_path, seed, format_name):
    check(tmp_path, seed, format_name)


@pytest.mark.slow
@pytest.mark.parametrize("format_name", ["csv", "json", "parquet"])
@pytest.mark.parametrize("seed", range(100, 200))
def test_many_random_types(tmp_path, seed, format_name):
    check(tmp_path, seed, format_name)
