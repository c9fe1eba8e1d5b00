"""Random text files, read in splits of a few hundred bytes by several threads, give the rows that
were written into them. The oracle is what Python wrote."""
import csv
import gzip
import io
import json
import random
import threading

import pytest
from weir_project import Project

CHARACTERS = ["a", "B", "7", ",", ";", '"', "'", "\n", "\r\n", " ", "ß", "日", "🌦", "\\", "|", "#"]


def value(draw: random.Random) -> str:
    return "".join(draw.choice(CHARACTERS) for _ in range(draw.choice([1, 2, 3, 8, 40])))


def rows(draw: random.Random) -> list:
    """(id, text, number). Texts are never empty, as an empty field is NULL."""
    return [(i, value(draw), draw.choice([None, draw.randrange(-10**9, 10**9)]))
            for i in range(draw.choice([0, 1, 5, 300]))]


def as_csv(draw: random.Random, table: list) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator=draw.choice(["\n", "\r\n"]))
    writer.writerow(["id", "s", "n"])
    if draw.random() < 0.5:
        writer.writerows(table)
    else:  # every text in quotes; a missing number stays bare, see sources/quoted_empty.test
        for i, text, number in table:
            quoted = text.replace('"', '""')
            out.write(f'{i},"{quoted}",{"" if number is None else number}\n')
    data = out.getvalue().encode()
    return data[:-1] if draw.random() < 0.2 and data.endswith(b"\n") else data


def as_json(draw: random.Random, table: list) -> bytes:
    separators = draw.choice([(",", ":"), (", ", " : ")])
    lines = [json.dumps({"id": i, "s": text, "n": number}, ensure_ascii=draw.random() < 0.5,
                        separators=separators) for i, text, number in table]
    if draw.random() < 0.5:
        return "".join(line + "\n" for line in lines).encode()
    return ("[" + ",\n ".join(lines) + "]").encode()


def check(folder, seed: int, format_name: str) -> None:
    draw = random.Random(seed)
    project = Project(folder, ["--threads", str(draw.choice([1, 2, 4]))])
    # A file of JSON ends as it ends; a line of CSV without its end would wait for the next run.
    project.write("project.sql", f"""
CREATE TABLE raw (id INT, s VARCHAR, n BIGINT) WITH ('connector' = 'filesystem',
  'path' = 'data/*', 'format' = '{format_name}', 'source.last-line' = 'complete',
  'source.split-bytes' = '{draw.choice([64, 300, 5000, 1 << 20])}');
CREATE MATERIALIZED TABLE t AS SELECT * FROM raw;
""")
    written = []
    for number in range(draw.randrange(1, 4)):
        table = rows(draw)
        data = (as_csv if format_name == "csv" else as_json)(draw, table)
        zipped = draw.random() < 0.3
        name = f"data/{number}.{format_name}{'.gz' if zipped else ''}"
        project.write(name, gzip.compress(data, mtime=0) if zipped else data)
        written += table
        if draw.random() < 0.5:
            project.run_ok()
    ended = project.run_ok()
    got = project.rows("SELECT id, s, n FROM t")
    assert sorted(got, key=repr) == sorted(written, key=repr), f"seed {seed}\n{ended}"
    assert "t__quarantine" not in project.tables()


@pytest.mark.parametrize("format_name", ["csv", "json"])
@pytest.mark.parametrize("seed", range(3))
def test_random_files(tmp_path, seed, format_name):
    check(tmp_path, seed, format_name)


@pytest.mark.slow
@pytest.mark.parametrize("format_name", ["csv", "json"])
@pytest.mark.parametrize("seed", range(100, 300))
def test_many_random_files(tmp_path, seed, format_name):
    check(tmp_path, seed, format_name)


def test_field_that_is_being_written(tmp_path):
    """A run sees the first line of a field that goes on: the row is left for the next run. Where
    the run comes so late that the row is whole it leaves nothing, and the rows are the same."""
    project = Project(tmp_path)
    project.write("project.sql", """
CREATE TABLE raw (id INT, s VARCHAR) WITH ('connector' = 'filesystem', 'path' = 'data/*.csv');
CREATE MATERIALIZED TABLE t AS SELECT * FROM raw;
""")
    project.write("data/1.csv", 'id,s\n1,a\n2,"b\n')
    later = threading.Timer(0.8, lambda: project.append("data/1.csv", 'c"\n3,d\n'))
    later.start()
    project.run_ok()
    later.join()
    project.run_ok()
    assert project.rows("SELECT id, s FROM t ORDER BY id") == [(1, "a"), (2, "b\nc"), (3, "d")]
    assert "t__quarantine" not in project.tables()
