"""`weir serve` for Kafka's clients: one for a whole file of tests, or one of a test's own."""
import pathlib
import re
import signal
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from weir_project import weir_bin  # noqa: E402

STOP_SECONDS_MAX = 20


class Broker:
    """A broker on a free port of this machine."""

    def __init__(self, data: pathlib.Path, *flags: str):
        self.data = data
        self.process = subprocess.Popen(
            [weir_bin(), "serve", "--data", str(data), "--listen", "127.0.0.1:0", "--http", "0",
             *flags], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        said = self.process.stdout.readline()
        found = re.search(r"on ([\d.]+:\d+)", said)
        assert found, said + self.process.stdout.read()
        self.address = found.group(1)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS_MAX)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    with Broker(tmp_path_factory.mktemp("kafka") / "data") as broker:
        yield broker
    assert broker.process.returncode == 0
