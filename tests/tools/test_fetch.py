"""tools/deps/fetch.py lets nothing in that is not what artifacts.lock pins."""
import hashlib
import importlib.util
import pathlib
import tarfile

import pytest

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture
def fetch(monkeypatch, tmp_path):
    spec = importlib.util.spec_from_file_location("fetch", ROOT / "tools/deps/fetch.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setenv("WEIR_DEPS", str(tmp_path / "cache"))
    archive = tmp_path / "thing-1.0.tgz"
    (tmp_path / "hello").write_text("hello")
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(tmp_path / "hello", "hello")
    module.calls = []

    def registry(*command, cwd):
        module.calls.append(command)
        (cwd / archive.name).write_bytes(archive.read_bytes())

    monkeypatch.setattr(module, "run", registry)
    monkeypatch.setattr(module, "HERE", tmp_path)
    module.archive = archive
    return module


def pin(fetch, sha256: str) -> None:
    line = f"thing npm thing 1.0 {fetch.archive.name} {sha256}\n"
    (fetch.HERE / "artifacts.lock").write_text(line)


def call(fetch, monkeypatch, capsys) -> pathlib.Path:
    monkeypatch.setattr("sys.argv", ["fetch.py", "thing"])
    fetch.main()
    return pathlib.Path(capsys.readouterr().out.strip())


def test_the_pinned_artifact_is_fetched_once(fetch, monkeypatch, capsys):
    pin(fetch, hashlib.sha256(fetch.archive.read_bytes()).hexdigest())
    folder = call(fetch, monkeypatch, capsys)
    assert (folder / "hello").read_text() == "hello"
    assert call(fetch, monkeypatch, capsys) == folder
    assert len(fetch.calls) == 1


def test_another_artifact_is_refused_and_leaves_nothing(fetch, monkeypatch, capsys):
    pin(fetch, "0" * 64)
    with pytest.raises(SystemExit, match="artifacts.lock says 0000"):
        call(fetch, monkeypatch, capsys)
    assert [p.name for p in fetch.cache_root().iterdir()] == [".thing.lock"]


def test_new_pins_get_a_folder_of_their_own(fetch, monkeypatch, capsys):
    pin(fetch, hashlib.sha256(fetch.archive.read_bytes()).hexdigest())
    first = call(fetch, monkeypatch, capsys)
    (fetch.HERE / "hello").write_text("hello again")
    with tarfile.open(fetch.archive, "w:gz") as tar:
        tar.add(fetch.HERE / "hello", "hello")
    pin(fetch, hashlib.sha256(fetch.archive.read_bytes()).hexdigest())
    second = call(fetch, monkeypatch, capsys)
    assert (first / "hello").read_text() == "hello"
    assert (second / "hello").read_text() == "hello again"
