"""One broker for a whole file of tests."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from kafka_broker import Broker  # noqa: E402


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    with Broker(tmp_path_factory.mktemp("kafka") / "data") as broker:
        yield broker
    assert broker.process.returncode == 0
