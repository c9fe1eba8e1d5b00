"""Sources behind http:// and s3://: read whole, then only what is new."""
import contextlib
import functools
import gzip
import http.server
import os
import shutil
import socket
import subprocess
import threading
import time

import duckdb
import pytest
from weir_project import Project


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def web(tmp_path):
    folder = tmp_path / "web"
    folder.mkdir()
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(QuietHandler, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def source(name: str, path: str, columns: str = "(a INT, b VARCHAR)") -> str:
    return (f"CREATE TABLE {name}_raw {columns} WITH ('connector' = 'filesystem', "
            f"'path' = '{path}');\nCREATE MATERIALIZED TABLE {name} AS SELECT * FROM {name}_raw;\n")


def write_parquet(path, query: str) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet)")


def test_http_sources_are_read_incrementally(web, tmp_path):
    folder, url = web
    (folder / "plain.csv").write_text('a,b\n1,x\nno,y\n3,"z\nz"\n')
    (folder / "packed.csv.gz").write_bytes(gzip.compress(b"a,b\n1,x\n"))
    (folder / "lines.json").write_text('{"a": 1, "b": "x"}\n')
    write_parquet(folder / "p.parquet", "SELECT 1 AS a, 'x' AS b")
    project = Project(tmp_path / "project")
    project.write("project.sql", "".join(source(name, f"{url}/{file}") for name, file in [
        ("plain", "plain.csv"), ("packed", "packed.csv.gz"), ("lines", "lines.json"),
        ("parquet", "p.parquet")]))
    project.run_ok()
    assert sorted(project.rows("SELECT * FROM plain")) == [(1, "x"), (3, "z\nz")]
    assert project.rows("SELECT source, position, decode(raw) FROM plain__quarantine") == [
        (f"{url}/plain.csv", 8, "no,y")]
    for table in ("packed", "lines", "parquet"):
        assert project.rows(f"SELECT * FROM {table}") == [(1, "x")]

    with open(folder / "lines.json", "a", encoding="utf-8") as lines:
        lines.write('{"a": 2, "b": "y"}\n')
    ended = project.run_ok()
    assert "lines    appended" in ended.text
    assert ended.text.count("up to date") >= 3
    assert sorted(project.rows("SELECT * FROM lines")) == [(1, "x"), (2, "y")]


def test_a_server_that_is_not_there_can_be_tried_again(tmp_path):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    project = Project(tmp_path)
    project.write("project.sql", source("t", f"http://127.0.0.1:{port}/x.csv"))
    ended = project.weir("run", ".")
    assert ended.code == 3
    assert f"http://127.0.0.1:{port}/x.csv" in ended.text


def free_port() -> int:
    with socket.socket() as any_port:
        any_port.bind(("127.0.0.1", 0))
        return any_port.getsockname()[1]


@contextlib.contextmanager
def object_store(folder):
    """versitygw, an S3 server over a folder: its top folders are the buckets."""
    server = shutil.which("versitygw")
    if server is None:
        pytest.skip("versitygw is not installed")
    port = free_port()
    process = subprocess.Popen(
        [server, "--access", "user", "--secret", "password", "--port", f"127.0.0.1:{port}",
         "posix", str(folder)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.05)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


@pytest.mark.slow
def test_s3_sources_are_read_incrementally(tmp_path, monkeypatch):
    bucket = tmp_path / "store" / "bucket"
    (bucket / "in").mkdir(parents=True)
    (bucket / "in" / "1.csv").write_text("a,b\n1,x\n")
    (bucket / "day=3").mkdir()
    write_parquet(bucket / "day=3" / "p.parquet", "SELECT 1 AS a")
    with object_store(tmp_path / "store") as endpoint:
        for name, value in {"AWS_ACCESS_KEY_ID": "user", "AWS_SECRET_ACCESS_KEY": "password",
                            "AWS_REGION": "us-east-1",
                            "AWS_ENDPOINT_URL": f"http://{endpoint}"}.items():
            monkeypatch.setenv(name, value)
        project = Project(tmp_path / "project")
        project.write("project.sql", source("t", "s3://bucket/in/*.csv") +
                      source("p", "s3://bucket/*/*.parquet", "(a INT, day INT)"))
        project.run_ok()
        assert project.rows("SELECT * FROM t") == [(1, "x")]
        assert project.rows("SELECT * FROM p") == [(1, 3)]
        (bucket / "in" / "2.csv").write_text("a,b\n2,y\n")
        assert "1 new file" in project.run_ok().text
        assert sorted(project.rows("SELECT * FROM t")) == [(1, "x"), (2, "y")]
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
        ended = project.weir("run", ".")
        assert ended.code == 3
        assert "s3://bucket" in ended.text
        assert "password" not in ended.text
