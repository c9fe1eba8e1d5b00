"""kill -9 of `weir run`, then runs to the end: the tables equal one clean run, and each row of the
source is in T or in T__quarantine exactly once."""
import random
import shutil
import subprocess

import pytest
from crash_points import run_until_killed
from weir_process import weir_bin
from weir_project import Project, difference

SQL = """
CREATE TABLE raw (id INT, shop VARCHAR, v INT)
  WITH ('connector' = 'filesystem', 'path' = 'data/*.csv', 'source.last-line' = 'wait');
CREATE MATERIALIZED TABLE sales (
  CONSTRAINT pos EXPECT (v >= 0) ON VIOLATION QUARANTINE,
  CONSTRAINT odd EXPECT (v <> 7) ON VIOLATION DROP ROW
) PARTITIONED BY (shop) AS SELECT id, shop, v FROM raw;
CREATE MATERIALIZED TABLE latest (PRIMARY KEY (shop) NOT ENFORCED,
  CONSTRAINT pos EXPECT (v >= 0) ON VIOLATION QUARANTINE) AS SELECT shop, id, v FROM raw;
CREATE MATERIALIZED TABLE totals AS SELECT shop, sum(v) AS total FROM sales GROUP BY shop;
"""


def rows(first: int, count: int) -> str:
    """About one row in five is bad in some way."""
    bad = {0: "-5", 3: "many", 4: "7"}
    return "".join(f"{i},s{i % 3},{bad.get(i % 15, i)}\n" for i in range(first, first + count))


def deliver(project: Project, step: int) -> None:
    """What arrives before the step's run: a new file, and more rows in the first one."""
    project.write(f"data/{step}.csv", "id,shop,v\n" + rows(step * 100, 40))
    if step > 0:
        project.append("data/0.csv", rows(step * 100 + 50, 10))


STEPS = 3


@pytest.fixture(scope="module")
def clean(tmp_path_factory) -> dict:
    """The tables of one run over everything."""
    project = Project(tmp_path_factory.mktemp("clean"))
    project.write("project.sql", SQL)
    for step in range(STEPS):
        deliver(project, step)
    project.run_ok()
    return project.contents()


def check_once(project: Project) -> None:
    """Every line of the files is accounted for: accepted, quarantined, or dropped (v = 7)."""
    delivered = [line for file in project.folder.glob("data/*.csv")
                 for line in file.read_text().splitlines()[1:] if not line.endswith(",7")]
    kept = [f"{i},{shop},{v}" for i, shop, v in project.rows("SELECT id, shop, v FROM sales")]
    aside = [raw for (raw,) in
             project.rows("SELECT decode(raw) FROM sales__quarantine")]
    assert sorted(kept + aside) == sorted(delivered)


def crash_and_finish(folder, clean, crash) -> None:
    project = Project(folder)
    project.write("project.sql", SQL)
    for step in range(STEPS):
        deliver(project, step)
        crash(project, step)
        project.run_ok()
        check_once(project)
    wrong = difference(project.contents(), clean)
    assert not wrong, wrong


def count_changes(folder) -> int:
    """How many changes of the disk a run of the first step makes."""
    low, high = 1, 1 << 14
    while low < high:
        middle = (low + high) // 2
        shutil.rmtree(folder, ignore_errors=True)
        project = Project(folder)
        project.write("project.sql", SQL)
        deliver(project, 0)
        if run_until_killed(project, ["--threads", "1"], after=middle).code == 0:
            high = middle
        else:
            low = middle + 1
    return low - 1


def test_points_are_found(tmp_path):
    """Otherwise the tests below would kill nothing and pass."""
    project = Project(tmp_path)
    project.write("project.sql", SQL)
    deliver(project, 0)
    for point in (1, 20, 40):
        assert run_until_killed(project, [], after=point).code == -9
    assert run_until_killed(project, [], after=1_000_000).code == 0


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_killed_at_changes_of_the_disk(tmp_path, clean, seed):
    draw = random.Random(seed)

    def crash(project, step):
        for _ in range(2):
            run_until_killed(project, [], after=draw.randrange(1, 150))

    crash_and_finish(tmp_path, clean, crash)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(10))
def test_killed_at_every_change(tmp_path, clean, part):
    """Each point of the first and of the second run, one project a point."""
    for point in range(1 + part, count_changes(tmp_path / "count") + 60, 10):
        def crash(project, step, point=point):
            run_until_killed(project, ["--threads", "1"], after=point)

        crash_and_finish(tmp_path / str(point), clean, crash)
        shutil.rmtree(tmp_path / str(point))


def kill_at_random_moments(tmp_path, clean, seed, kills):
    """So many kill -9 in each step. A run that ends before its kill counts as none; it is likelier
    on a fast machine, so the moments come closer to the start until they hit."""
    draw = random.Random(seed)

    def crash(project, step):
        left, latest = kills, 0.3
        while left > 0:
            child = subprocess.Popen([weir_bin(), "run", "."], cwd=project.folder,
                                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                child.wait(timeout=draw.uniform(0.005, latest))
                latest = max(0.01, latest * 0.8)
            except subprocess.TimeoutExpired:
                child.kill()
                left -= 1
                child.wait()

    crash_and_finish(tmp_path, clean, crash)


def test_killed_at_random_moments(tmp_path, clean):
    kill_at_random_moments(tmp_path, clean, seed=1, kills=2)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(17))
def test_killed_at_random_moments_often(tmp_path, clean, seed):
    """17 projects, 3 steps, 4 kills in each: 204 kills."""
    kill_at_random_moments(tmp_path, clean, 100 + seed, kills=4)


def test_two_runs_at_once(tmp_path, clean):
    """One writer a project: the second waits or is refused as retryable, and no row comes twice."""
    project = Project(tmp_path)
    project.write("project.sql", SQL)
    for step in range(STEPS):
        deliver(project, step)
        runs = [subprocess.Popen([weir_bin(), "run", "."], cwd=project.folder,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                for _ in range(3)]
        ended = [run.communicate() + (run.returncode,) for run in runs]
        codes = sorted(code for _, _, code in ended)
        assert codes[0] == 0 and set(codes) <= {0, 3}, ended
        check_once(project)
    wrong = difference(project.contents(), clean)
    assert not wrong, wrong


def test_full_disk(tmp_path, clean):
    """A run that finds no space fails as retryable and leaves what was there; later it finishes."""
    project = Project(tmp_path)
    project.write("project.sql", SQL)
    deliver(project, 0)
    project.run_ok()
    before = project.contents()
    deliver(project, 1)
    # Files of this process may not grow beyond 1 KB: writes fail as they do on a full disk.
    limited = "trap '' XFSZ; ulimit -f 1; exec \"$0\" run ."
    ended = subprocess.run(["bash", "-c", limited, weir_bin()], cwd=project.folder,
                           capture_output=True, text=True, timeout=60)
    assert ended.returncode == 3, ended.stderr
    assert difference(project.contents(), before) == ""
    project.run_ok()
    deliver(project, 2)
    project.run_ok()
    wrong = difference(project.contents(), clean)
    assert not wrong, wrong
