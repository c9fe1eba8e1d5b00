"""A `weir serve` of a test's own."""
import pathlib
import re
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from weir_project import weir_bin  # noqa: E402

STOP_SECONDS_MAX = 20


class Broker:
    """A broker on a free port of this machine, or on the one that the flags say."""

    def __init__(self, data: pathlib.Path, *flags: str):
        self.data = data
        listen = () if "--listen" in flags else ("--listen", "127.0.0.1:0")
        self.process = subprocess.Popen(
            [weir_bin(), "serve", "--data", str(data), "--http", "0", *listen, *flags],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        said = []
        while not (found := re.search(r"clients on ([\d.]+:\d+)", said[-1] if said else "")):
            line = self.process.stdout.readline()
            assert line, "".join(said)
            said.append(line)
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
