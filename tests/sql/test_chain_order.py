"""The last row of a key, and the first, through chains of tables: rows keep the order of their
sources, whatever threads, files, partitions and row groups they went through.

Enough rows that several splits, threads and row groups take part; the answers are those of a loop
over the lines of the files."""
import random
import re

import duckdb
import pytest
from weir_project import Project, difference

KEYS = 5000
SQL = """
CREATE TABLE raw (id INT, g VARCHAR, v INT)
  WITH ('connector' = 'filesystem', 'path' = 'data/*.csv'{options});
CREATE MATERIALIZED TABLE plain AS SELECT id, g, v FROM raw;
CREATE MATERIALIZED TABLE parted PARTITIONED BY (g) AS SELECT id, g, v FROM raw WHERE v % 7 <> 0;
CREATE MATERIALIZED TABLE pairs PARTITIONED BY (g) AS
  SELECT id, CASE WHEN v % 2 = 0 THEN g ELSE 'odd' END AS g, v
  FROM (SELECT id, g, unnest([v, v + 1, v + 2]) AS v FROM raw);
CREATE VIEW kept AS SELECT * FROM parted WHERE g <> 'g3';
CREATE MATERIALIZED TABLE onward AS SELECT id, v, g FROM kept;
CREATE MATERIALIZED TABLE plain_last (PRIMARY KEY (id) NOT ENFORCED) AS SELECT id, v FROM plain;
CREATE MATERIALIZED TABLE parted_last (PRIMARY KEY (id) NOT ENFORCED) AS SELECT id, v FROM parted;
CREATE MATERIALIZED TABLE few_last (PRIMARY KEY (id) NOT ENFORCED) AS
  SELECT id, v FROM parted WHERE g IN ('g5', 'g2');
CREATE MATERIALIZED TABLE pairs_last (PRIMARY KEY (id) NOT ENFORCED) AS SELECT id, v FROM pairs;
CREATE MATERIALIZED TABLE onward_last (PRIMARY KEY (id) NOT ENFORCED) AS SELECT id, v FROM onward;
CREATE MATERIALIZED TABLE elements_last (PRIMARY KEY (id) NOT ENFORCED) AS
  SELECT id, unnest([v, v * 2]) AS v FROM pairs;
CREATE MATERIALIZED TABLE last_of_last (PRIMARY KEY (g) NOT ENFORCED) AS
  SELECT v % 10 AS g, id, v FROM parted_last;
CREATE MATERIALIZED TABLE onward_first
  (CONSTRAINT once EXPECT UNIQUE (id) ON VIOLATION DROP ROW) AS SELECT id, v FROM onward;
CREATE MATERIALIZED TABLE pairs_first
  (CONSTRAINT once EXPECT UNIQUE (id) ON VIOLATION DROP ROW) AS SELECT id, v FROM pairs;
"""


def rows_of(draw: random.Random, count: int) -> list:
    return [(draw.randrange(KEYS), f"g{draw.randrange(9)}", draw.randrange(10**6))
            for _ in range(count)]


def write(project: Project, name: str, rows: list) -> None:
    project.write(name, "id,g,v\n" + "".join(f"{i},{g},{v}\n" for i, g, v in rows))


def model(rows: list) -> dict:
    parted = [r for r in rows if r[2] % 7]
    onward = [r for r in parted if r[1] != "g3"]
    pairs = [(i, g, v + n) for i, g, v in rows for n in range(3)]
    last = {
        "plain_last": {i: v for i, _, v in rows},
        "parted_last": {i: v for i, _, v in parted},
        "few_last": {i: v for i, g, v in parted if g in ("g5", "g2")},
        "pairs_last": {i: v for i, _, v in pairs},
        "onward_last": {i: v for i, _, v in onward},
        "elements_last": {i: v * 2 for i, _, v in pairs},
        "onward_first": {i: v for i, _, v in reversed(onward)},
        "pairs_first": {i: v for i, _, v in reversed(pairs)},
    }
    places = {i: place for place, (i, _, _) in enumerate(parted)}
    kept = sorted((place, i) for i, place in places.items())
    last["last_of_last"] = {parted[p][2] % 10: (i, parted[p][2]) for p, i in kept}
    return last


def check(project: Project, rows: list, without=()) -> None:
    for table, expected in model(rows).items():
        if table in without:
            continue
        columns = "g, id, v" if table == "last_of_last" else "id, v"
        found = {key: rest[0] if len(rest) == 1 else tuple(rest)
                 for key, *rest in project.rows(f"SELECT {columns} FROM {table}")}
        wrong = [(key, found.get(key), value) for key, value in expected.items()
                 if found.get(key) != value]
        assert not wrong and len(found) == len(expected), \
            f"{table}: {len(wrong)} of {len(expected)} rows, as {wrong[:3]}"


@pytest.mark.parametrize("options,files,rows", [
    # Several splits and row groups a file.
    pytest.param("", 3, 150_000, marks=pytest.mark.slow),
    pytest.param(", 'source.split-bytes' = '50000'", 3, 15_000, marks=pytest.mark.slow),
    # Many splits, interleaved between threads.
    (", 'source.split-bytes' = '997'", 3, 800),
])
def test_last_and_first_rows_of_chains(tmp_path, options, files, rows):
    draw = random.Random(7)
    project = Project(tmp_path / "p", ["--threads", "4"])
    project.write("project.sql", SQL.format(options=options))
    everything = []
    for number in range(files):
        new = rows_of(draw, rows)
        everything += new
        write(project, f"data/{number}.csv", new)
        if number != 1:  # the second and third file come in one run
            project.run_ok()
            check(project, everything)
    before = project.contents()
    project.run_ok("--full-refresh")
    check(project, everything)
    wrong = difference(project.contents(), before)
    assert not wrong, wrong


def without_tables(sql: str, tables) -> str:
    return ";".join(part for part in sql.split(";")
                    if not re.search(rf" TABLE ({'|'.join(tables)})\b", part))


@pytest.mark.parametrize("without", [
    pytest.param([], id="all", marks=pytest.mark.slow),
    # One that is read from, partitioned, and one read from that one.
    pytest.param(["plain", "pairs", "plain_last", "parted_last", "pairs_last", "elements_last",
                  "last_of_last", "pairs_first"], id="some"),
])
def test_many_commits_and_a_checkpoint(tmp_path, without):
    """Also where a snapshot comes from a checkpoint, in which the order of files says nothing."""
    draw = random.Random(8)
    project = Project(tmp_path / "p")
    sql = without_tables(SQL.format(options=""), without or ["none"])
    # Each table that is read from has one with a key behind it, for which it keeps its order; the
    # others come when there is a checkpoint.
    later = ["few_last", "elements_last", "onward_first", "pairs_first"]
    project.write("project.sql", without_tables(sql, later))
    everything = []
    for number in range(11):
        new = rows_of(draw, 300)
        everything += new
        write(project, f"data/{number:02}.csv", new)
        project.run_ok()
    assert list((project.warehouse / "parted" / "_delta_log").glob("*.checkpoint.parquet"))
    project.write("project.sql", sql)
    project.run_ok()
    check(project, everything, without)
    keyed = [table for table in model([(1, "g", 1)]) if table not in without]
    project.run_ok(*[flag for table in keyed for flag in ("--full-refresh", table)])
    check(project, everything, without)


def test_rewritten_files_keep_the_order(tmp_path):
    """A backfill writes files of the upstream again: rows that stay, stay where they were."""
    draw = random.Random(9)
    project = Project(tmp_path / "p")
    project.write("project.sql", """
CREATE TABLE raw (id INT, g VARCHAR, v INT)
  WITH ('connector' = 'filesystem', 'path' = 'data/*.csv');
CREATE MATERIALIZED TABLE one AS SELECT id, g, v FROM raw;
CREATE MATERIALIZED TABLE latest (PRIMARY KEY (id) NOT ENFORCED) AS
  SELECT id, v FROM one WHERE g <> 'g0';
""")
    everything = []
    for number in range(3):
        new = rows_of(draw, 2_000)
        everything += new
        write(project, f"data/{number}.csv", new)
        project.run_ok()
    project.run_ok("--backfill", "g = 'g0'", "--table", "one")
    found = dict(project.rows("SELECT id, v FROM latest"))
    assert found == {i: v for i, g, v in everything if g != "g0"}


def test_rows_that_come_of_one_row(tmp_path):
    """Elements of lists, and of their elements, out of many Parquet files."""
    project = Project(tmp_path / "p", ["--threads", "4"])
    project.write("project.sql", """
CREATE TABLE raw (id INT, n INT) WITH ('connector' = 'filesystem', 'path' = 'data/*.parquet');
CREATE MATERIALIZED TABLE elements PARTITIONED BY (p) AS
  SELECT id % 5 AS k, e % 3 AS p, e FROM (SELECT id, unnest(range(n)) AS e FROM raw);
CREATE MATERIALIZED TABLE twice PARTITIONED BY (p) AS
  SELECT k, f % 2 AS p, e, f
  FROM (SELECT k, e, unnest([e, e + 1, e + 1, e + 2]) AS f FROM elements);
CREATE MATERIALIZED TABLE last (PRIMARY KEY (k) NOT ENFORCED) AS SELECT k, e, f FROM twice;
CREATE MATERIALIZED TABLE first (CONSTRAINT once EXPECT UNIQUE (k) ON VIOLATION DROP ROW)
  AS SELECT k, e, f FROM twice;
""")
    last = {}
    for number in range(40):
        rows = [(i, 3 + (i * 37 + number) % 90) for i in range(20)]
        file = project.path(f"data/{number:02}.parquet")
        values = ", ".join(f"({i}, {n})" for i, n in rows)
        duckdb.sql(f"COPY (SELECT * FROM (VALUES {values}) v(id, n)) TO '{file}' (FORMAT parquet)")
        last.update({i % 5: n - 1 for i, n in rows})
        if number in (0, 20, 21):
            project.run_ok()
    for flags in ([], ["--full-refresh"]):
        project.run_ok(*flags)
        assert project.rows("SELECT k, e, f FROM last ORDER BY k") == [
            (k, e, e + 2) for k, e in sorted(last.items())]
        assert project.rows("SELECT * FROM first ORDER BY k") == [(k, 0, 0) for k in range(5)]
