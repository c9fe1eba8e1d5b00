"""Bad input that a .test file can't make: huge lines, deep nesting, rights, a full disk, another
program that writes to the same table. Each is said with its place and what to do, within memory."""
import os
import resource
import shutil
import subprocess
import sys
import threading

import deltalake
import pyarrow as pa
import pytest
from weir_process import weir_bin
from weir_project import Project

MB = 1 << 20


def project_of(folder, kind="csv", columns="id INT, s VARCHAR", options="") -> Project:
    project = Project(folder)
    project.write("project.sql", f"""
        CREATE TABLE raw ({columns})
          WITH ('connector' = 'filesystem', 'path' = 'data/*.{kind}'{options});
        CREATE MATERIALIZED TABLE t AS SELECT id FROM raw;""")
    return project


# What a process had before it became weir counts as its peak too: a small one starts it.
MEASURE = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
sys.exit(code)
"""


def peak_memory(project, *args) -> tuple:
    """(exit code, text, peak resident bytes) of a run."""
    ended = subprocess.run([sys.executable, "-c", MEASURE, weir_bin(), "run", ".", *args],
                           cwd=project.folder, capture_output=True, text=True)
    return ended.returncode, ended.stderr, int(ended.stdout.splitlines()[-1])


def write_long_line(path, megabytes):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as file:
        file.write(b"id,s\n1,a\n2,")
        for _ in range(megabytes):
            file.write(b"x" * MB)
        file.write(b"\n3,c\n")


@pytest.mark.parametrize("megabytes", [64, pytest.param(1024, marks=pytest.mark.slow)])
def test_one_long_line(tmp_path, megabytes):
    """It is set aside with its place; its neighbours are read; memory stays where it was."""
    project = project_of(tmp_path)
    write_long_line(project.path("data/1.csv"), megabytes)
    code, text, peak = peak_memory(project, "--memory", "512MB")
    assert code == 0, text
    assert "data/1.csv line 3, at byte 9: the line has" in text
    assert "'max-record-bytes' is" in text and "fix:" in text
    assert project.rows("SELECT id FROM t ORDER BY id") == [(1,), (3,)]
    [(length, raw, truncated)] = project.rows(
        "SELECT length, octet_length(raw), raw_truncated FROM t__quarantine")
    assert length == megabytes * MB + 2 and raw <= 64 << 10 and truncated
    assert peak < 300 * MB, f"{peak / MB:.0f} MB"


def test_one_long_line_of_json(tmp_path):
    project = project_of(tmp_path, "ndjson")
    project.write("data/1.ndjson",
                  b'{"id": 1}\n{"id": 2, "s": "' + b"x" * (64 * MB) + b'"}\n{"id": 3}\n')
    code, text, peak = peak_memory(project, "--memory", "512MB")
    assert code == 0, text
    assert "data/1.ndjson line 2, at byte 10: the line has" in text
    assert project.rows("SELECT id FROM t ORDER BY id") == [(1,), (3,)]
    assert peak < 300 * MB, f"{peak / MB:.0f} MB"


def test_name_that_is_not_utf8(tmp_path):
    """A name in another encoding can't be written into a table: the file is named, no crash."""
    project = Project(tmp_path)
    project.write("project.sql", """
        CREATE TABLE raw (id INT, file VARCHAR METADATA FROM 'file.name')
          WITH ('connector' = 'filesystem', 'path' = 'data/**/*.csv');
        CREATE MATERIALIZED TABLE t AS SELECT * FROM raw;""")
    project.write(os.fsdecode(b"data/caf\xe9.csv"), "id\n1\n")
    ended = project.run()
    assert ended.code == 2, str(ended)
    assert "the name of data/caf\\xe9.csv is not UTF-8" in ended.text, ended.text
    assert "fix: rename the file or its folder" in ended.text


@pytest.mark.parametrize("opened,closed", [('{"a":', "}"), ("[", "]"), ('[{"a":', "}]")])
def test_deeply_nested_json(tmp_path, opened, closed):
    """A hundred thousand brackets are one rejected row, not a broken stack."""
    project = project_of(tmp_path, "ndjson")
    deep = opened * 100_000 + "1" + closed * 100_000
    project.write("data/1.ndjson", '{"id": 1}\n{"id": 2, "s": ' + deep + '}\n{"id": 3}\n')
    ended = project.run_ok()
    assert "data/1.ndjson line 2, at byte 10" in ended.text
    assert "nested more than 64 deep ('json.max-depth')" in ended.text
    assert "fix: flatten the document, or raise 'json.max-depth'" in ended.text
    assert project.rows("SELECT id FROM t ORDER BY id") == [(1,), (3,)]
    shown = project.weir("quarantine", "show", "t", ".")
    assert shown.code == 0 and len(shown.out) < 20_000


# --- rights ---

def without_rights(project, *args):
    """Runs as a user to whom the files' modes apply; root without the capabilities is one."""
    drop = []
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("root, and no setpriv here to run without its rights")
        drop = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]
        probe = subprocess.run([*drop, "true"], capture_output=True, text=True)
        if probe.returncode != 0:
            pytest.skip(f"root can't drop its rights here: {probe.stderr.strip()}")
    return subprocess.run([*drop, weir_bin(), "run", ".", *args], cwd=project.folder, text=True,
                          capture_output=True, timeout=60)


@pytest.mark.parametrize("taken,mode", [
    ("project.sql", 0o000), ("data/1.csv", 0o000), ("data", 0o000), ("tables/t", 0o555),
    ("tables/t/_delta_log", 0o000), ("tables/_weir", 0o555)])
def test_no_permission(tmp_path, taken, mode):
    """Exit 3, the path, and no harm: with the right given back, the run goes on."""
    project = project_of(tmp_path)
    project.write("data/1.csv", "id,s\n1,a\n")
    project.run_ok()
    project.write("data/2.csv", "id,s\n2,b\n")
    path = project.path(taken)
    paths = [path, *(p for p in path.rglob("*") if p.is_dir())] if mode == 0o555 else [path]
    modes = {p: p.stat().st_mode for p in paths}
    for p in paths:
        p.chmod(mode)
    if taken == "tables/_weir":  # an old lock may be taken by whoever can write it
        (path / "lock").chmod(0o444)
    try:
        ended = without_rights(project)
    finally:
        for p, old in modes.items():
            p.chmod(old)
    assert ended.returncode == 3, ended.stderr
    assert taken in ended.stderr and "Permission denied" in ended.stderr, ended.stderr
    assert "fix: " in ended.stderr and "another run" not in ended.stderr, ended.stderr
    if taken == "tables/_weir":
        (path / "lock").chmod(0o644)
    project.run_ok()
    assert project.rows("SELECT id FROM t ORDER BY id") == [(1,), (2,)]


# --- full disk ---

def test_full_disk_of_its_own(tmp_path):
    """A real file system that is full: exit 3, said so, and with space the run goes on."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)],
                             capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    try:
        project = project_of(disk / "project")
        shutil.copytree(project.folder, tmp_path / "spare")
        project.write("data/1.csv", "id,s\n1,a\n")
        project.run_ok()
        before = project.contents()
        project.write("data/2.csv", "id,s\n" + "".join(f"{i * 7919},b\n" for i in range(20_000)))
        free = os.statvfs(disk)
        with open(disk / "ballast", "wb") as ballast:
            ballast.write(b"x" * (free.f_bavail * free.f_bsize - 16384))
        ended = project.run()
        assert ended.code == 3, str(ended)
        assert "No space left on device" in ended.text and "fix: " in ended.text, str(ended)
        assert project.contents() == before
        (disk / "ballast").unlink()
        project.run_ok()
        assert project.rows("SELECT count(*) FROM t") == [(20_001,)]
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=False)


def test_file_size_limit(tmp_path):
    """The disk is full for this process alone: every file ends at 4 KB."""
    project = project_of(tmp_path)
    project.write("data/1.csv", "id,s\n" + "".join(f"{i * 7919},b\n" for i in range(20_000)))

    def limit():
        import signal
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    ended = subprocess.run([weir_bin(), "run", "."], cwd=project.folder, preexec_fn=limit,
                           capture_output=True, text=True, timeout=60)
    assert ended.returncode == 3, ended.stderr
    assert "File too large" in ended.stderr, ended.stderr
    project.run_ok()
    assert project.rows("SELECT count(*) FROM t") == [(20_000,)]


# --- two writers ---

@pytest.mark.parametrize("key", [pytest.param("", marks=pytest.mark.slow),
                                 "PRIMARY KEY (id) NOT ENFORCED"])
def test_another_program_appends_meanwhile(tmp_path, key):
    """Both commits stay, whichever comes first; nothing is lost and nothing comes twice."""
    project = Project(tmp_path)
    project.write("project.sql", f"""
        CREATE TABLE raw (id BIGINT)
          WITH ('connector' = 'filesystem', 'path' = 'data/*.csv');
        CREATE MATERIALIZED TABLE t {f'({key})' if key else ''} AS SELECT id FROM raw;""")
    project.write("data/0.csv", "id\n0\n")
    project.run_ok()
    theirs, stop = [], threading.Event()

    def append():
        while not stop.is_set():
            row = pa.table({"id": pa.array([1_000_000 + len(theirs)], pa.int64())})
            deltalake.write_deltalake(project.warehouse / "t", row, mode="append")
            theirs.append(row["id"][0].as_py())
            stop.wait(0.2)  # who rewrites files loses every race against appends without pause

    writer = threading.Thread(target=append)
    writer.start()
    ours = [0]
    try:
        step = 0
        while step < 4 or (len(theirs) < 4 and step < 40):
            step += 1
            ids = range(step * 10_000, step * 10_000 + 5_000)
            project.write(f"data/{step}.csv", "id\n" + "".join(f"{i}\n" for i in ids))
            ours += ids
            project.run_ok()
    finally:
        stop.set()
        writer.join()
    assert len(theirs) >= 4
    assert project.rows("SELECT id FROM t ORDER BY id") == [(i,) for i in sorted(ours + theirs)]


def test_second_run_is_told_who_runs(tmp_path):
    """One writer a project: the second is refused as retryable while the first holds the lock."""
    import fcntl
    project = project_of(tmp_path)
    project.write("data/1.csv", "id,s\n1,a\n")
    project.run_ok()
    with open(project.warehouse / "_weir/lock", "r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ended = project.run()
    assert ended.code == 3, str(ended)
    assert "another run is writing to this project" in ended.text, str(ended)
    project.run_ok()
