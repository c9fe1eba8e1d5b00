"""Any sequence of runs = one full refresh.

A project drawn from a seed (sources, a chain of tables of every kind, contracts) meets a drawn
sequence of deliveries (new files, grown files, rows of old keys) with runs in between, lost work
folders and kills. At the end the tables equal those of a fresh copy that runs once."""
import random
import shutil

import pytest
from crash_points import run_until_killed
from weir_project import Project, difference

DEFINITIONS = (
    "SELECT id, g, v FROM {raw}",
    "SELECT id, g, v * 2 AS v FROM {raw} WHERE v % 3 <> 0",
    "SELECT r.id, r.g, r.v + coalesce(n, 0) AS v FROM {raw} r LEFT JOIN names ON r.g = names.g",
    "SELECT id, g, v FROM {raw} UNION ALL SELECT id + 1000, g, v FROM {raw} WHERE v > 50",
    "SELECT id, g, unnest([v, v + 1]) AS v FROM {raw}",
    "SELECT min(id) AS id, g, sum(v) AS v FROM {raw} GROUP BY g",
    "SELECT id, g, v FROM {raw} QUALIFY row_number() OVER (PARTITION BY g ORDER BY v, id) <= 2",
    "SELECT DISTINCT 1 AS id, g, v % 5 AS v FROM {raw}",
    "SELECT a.id, b.g, a.v FROM {raw} a JOIN {raw} b ON a.id = b.v",
)
ORDERED = (DEFINITIONS[0], DEFINITIONS[1], DEFINITIONS[4])
CONTRACTS = (
    "",
    "CONSTRAINT c EXPECT (v <> 13) ON VIOLATION QUARANTINE",
    "CONSTRAINT c EXPECT (v < 90) ON VIOLATION DROP ROW",
    "CONSTRAINT c EXPECT (g <> 'g1') ON VIOLATION WARN",
)


def project_sql(draw: random.Random) -> str:
    out = ["CREATE TABLE raw (id INT, g VARCHAR, v INT) WITH ('connector' = 'filesystem', "
           "'path' = 'data/*.csv', 'source.last-line' = 'wait');",
           "CREATE TABLE names (g VARCHAR, n INT) WITH ('connector' = 'filesystem', "
           "'path' = 'names/*.csv', 'source.last-line' = 'wait');"]
    readable = ["raw"]
    ordered = ["raw"]
    for number in range(draw.randrange(1, 5)):
        elements = [draw.choice(CONTRACTS)]
        # With a key, equal keys in one run must have one answer: keys are drawn over the source
        # and over tables whose rows are, in its order, those of the source.
        source = draw.choice(readable)
        definition = draw.choice(DEFINITIONS)
        if definition in ORDERED and source in ordered:
            ordered.append(f"t{number}")
            if draw.random() < 0.5:
                elements.append("PRIMARY KEY (id) NOT ENFORCED")
            elif draw.random() < 0.3:
                elements.append("CONSTRAINT u EXPECT UNIQUE (id) ON VIOLATION QUARANTINE")
        elements = ", ".join(e for e in elements if e)
        parts = " PARTITIONED BY (g)" if draw.random() < 0.3 else ""
        out.append(f"CREATE MATERIALIZED TABLE t{number} {f'({elements})' if elements else ''}"
                   f"{parts} AS {definition.format(raw=source)};")
        readable.append(f"t{number}")
    return "\n".join(out) + "\n"


def new_rows(draw: random.Random) -> str:
    return "".join(f"{draw.randrange(40)},g{draw.randrange(4)},{draw.choice([13, 7, 'x', ''])}\n"
                   if draw.random() < 0.2 else
                   f"{draw.randrange(40)},g{draw.randrange(4)},{draw.randrange(100)}\n"
                   for _ in range(draw.randrange(1, 12)))


def check_seed(folder, seed: int) -> None:
    draw = random.Random(seed)
    project = Project(folder / "p", ["--threads", str(draw.choice([1, 2]))])
    sql = project_sql(draw)
    project.write("project.sql", sql)
    project.write("names/0.csv", "g,n\ng0,1\ng1,2\n")
    files, last = 0, None
    for _ in range(draw.randrange(2, 6)):
        for _ in range(draw.randrange(1, 3)):
            # Keys take the last row in source order: only the last file may grow.
            if last and draw.random() < 0.4:
                project.append(last, new_rows(draw))
            else:
                last = f"data/{files:03}.csv"
                files += 1
                project.write(last, "id,g,v\n" + new_rows(draw))
        if draw.random() < 0.2:
            project.append("names/0.csv", f"g{draw.randrange(2, 4)},{draw.randrange(9)}\n")
        if draw.random() < 0.3:
            run_until_killed(project, [], after=draw.randrange(1, 150))
        if draw.random() < 0.3:
            shutil.rmtree(project.folder / ".weir", ignore_errors=True)
        project.run_ok()
    once = Project(folder / "once")
    shutil.copytree(project.folder, once.folder, dirs_exist_ok=True,
                    ignore=shutil.ignore_patterns("tables", ".weir"))
    once.run_ok()
    wrong = difference(project.contents(), once.contents())
    assert not wrong, f"seed {seed}\n{sql}\n{wrong}"


@pytest.mark.parametrize("seed", range(3))
def test_any_sequence_of_runs_is_one_full_refresh(tmp_path, seed):
    check_seed(tmp_path, seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 400))
def test_many_sequences(tmp_path, seed):
    check_seed(tmp_path, seed)
