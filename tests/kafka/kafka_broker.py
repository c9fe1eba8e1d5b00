"""A `weir serve` of a test's own."""
import pathlib
import re
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from weir_process import weir_bin  # noqa: E402

STOP_SECONDS_MAX = 20


class Broker:
    """A broker on a free port of this machine, or on the one that the flags say; with
    listen=False as its configuration says."""

    def __init__(self, data: pathlib.Path, *flags: str, listen=True):
        self.data = data
        listen = () if "--listen" in flags or not listen else ("--listen", "127.0.0.1:0")
        http = () if "--http" in flags else ("--http", "0")
        self.process = subprocess.Popen(
            [weir_bin(), "serve", "--data", str(data), *http, *listen, *flags],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        said = []
        while not (found := re.search(r"clients on \S*?([\d.]+:\d+)", said[-1] if said else "")):
            line = self.process.stdout.readline()
            assert line, "".join(said)
            said.append(line)
        self.said = said  # up to where it says that it is there
        self.address = found.group(1)
        # Of every listener, in their order, without what stands before the address.
        self.addresses = re.findall(r"[\d.]+:\d+", said[-1].split("health and metrics")[0])

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
