"""kill -9 of `weir quarantine replay`, and the project is moved: whatever runs next, each row is in
T or in T__quarantine exactly once."""
import shutil

import preloaded
import pytest
from weir_project import Project

SQL = """
CREATE TABLE raw (id INT, v INT) WITH ('connector' = 'filesystem', 'path' = 'data/*.csv');
CREATE MATERIALIZED TABLE t (CONSTRAINT pos EXPECT (v > {least}) ON VIOLATION QUARANTINE)
AS SELECT id, v FROM raw;
"""
ROWS = [(i, i % 10) for i in range(40)]


@pytest.fixture(scope="module")
def quarantined(tmp_path_factory) -> Project:
    """20 rows in T, 20 aside, of which 10 pass the contract of today."""
    project = Project(tmp_path_factory.mktemp("quarantined"))
    project.write("data/1.csv", "id,v\n" + "".join(f"{i},{v}\n" for i, v in ROWS))
    project.write("project.sql", SQL.format(least=4))
    project.run_ok()
    project.write("project.sql", SQL.format(least=1))
    return project


def check_killed_at(folder, quarantined: Project, point: int) -> int:
    """The exit code of the replay that was to be killed."""
    before = folder / f"before{point}"
    shutil.copytree(quarantined.folder, before)
    killed = Project(before).weir(
        "quarantine", "replay", "t", "--threads", "1",
        env={"LD_PRELOAD": preloaded.library("crash_points.c"), "WEIR_TEST_KILL_AT": str(point)})
    moved = folder / f"moved{point}"
    before.rename(moved)
    project = Project(moved)
    if point % 2 == 0:
        project.run_ok()
    ended = project.weir("quarantine", "replay", "t")
    assert ended.code == 0, f"killed at {point}: {ended}"
    kept = project.rows("SELECT id, v FROM t")
    aside = project.rows("""SELECT CAST("row"->>'id' AS INT), CAST("row"->>'v' AS INT)
                            FROM t__quarantine""")
    assert sorted(kept + aside) == ROWS, f"killed at {point}"
    assert sorted(kept) == [row for row in ROWS if row[1] > 1], f"killed at {point}"
    assert not list(moved.glob("tables/_weir/*/*.rows.parquet")) or killed.code == -9
    shutil.rmtree(moved)
    return killed.code


def test_killed_at_some_changes_of_the_disk(tmp_path, quarantined):
    codes = [check_killed_at(tmp_path, quarantined, point) for point in (3, 11, 18, 26, 33, 41)]
    assert codes[0] == -9
    assert check_killed_at(tmp_path, quarantined, 1_000_000) == 0


@pytest.mark.slow
def test_killed_at_every_change_of_the_disk(tmp_path, quarantined):
    point = 1
    while check_killed_at(tmp_path, quarantined, point) == -9:
        point += 1
    assert point > 20
