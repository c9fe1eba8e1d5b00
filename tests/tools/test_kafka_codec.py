"""tools/kafka_codec.py refuses a list of messages that is not in its notation, naming the line."""
import importlib.util
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture
def codec():
    spec = importlib.util.spec_from_file_location("kafka_codec", ROOT / "tools/kafka_codec.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("text,says", [
    ("request 1 FetchRequest 4-18 flexible 12+\n  Topics []Topic 20+\n", "messages.txt:2: Topics"),
    ("request 1 FetchRequest 4-18\n  MaxWaitMs int32 nul\n", "messages.txt:2: what is nul"),
    ("request 1 FetchRequest 4-18\n  MaxWaitMs\n", "messages.txt:2: MaxWaitMs"),
    ("request 1 FetchRequest 4-18\n    MaxWaitMs int32\n", "messages.txt:2: indentation"),
    ("request 1 FetchRequest 4-18\n  Max int32\n    A int32\n", "messages.txt:3: indentation"),
    ("request 1 FetchRequest 4-18\n  Topics []Topic\n", "no struct Topic"),
    ("request 1 FetchRequest 4-18 soft 3\n", "FetchRequest: what is soft"),
    ("request 1 FetchRequest four\n", "not a range of versions: four"),
])
def test_what_is_no_list_of_messages_is_refused(codec, text, says):
    with pytest.raises(ValueError, match=says):
        codec.files(codec.parse(text))


def test_a_second_run_writes_nothing(codec, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["kafka_codec.py", str(codec.SOURCE), str(tmp_path)])
    codec.main()
    written = {file: file.stat().st_mtime_ns for file in tmp_path.iterdir()}
    codec.main()
    assert {file: file.stat().st_mtime_ns for file in tmp_path.iterdir()} == written
    assert {file.name for file in written} == set(codec.files(codec.parse(
        codec.SOURCE.read_text())))
