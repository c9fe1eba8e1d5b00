"""What `weir serve` stands: a terminal or disk that takes its messages no more, more connections
than there are files, being asked twice to stop."""
import os
import resource
import signal
import socket
import struct
import subprocess
import time

import pytest

from kafka_broker import Broker, weir_bin

PING = struct.pack(">ihhih", 10, 18, 0, 1, -1)  # ApiVersions
NO_REQUEST = struct.pack(">i", 2_000_000_000)
# Waits 60 s for records of partition 0 of "t".
LONG_POLL = struct.pack(">hhihiiiibi", 1, 4, 1, -1, -1, 60_000, 1, 1 << 20, 0, 1) + \
    struct.pack(">h1siiqi", 1, b"t", 1, 0, 0, 1 << 20)
MAKE_TOPIC = struct.pack(">hhihih1s", 3, 1, 1, -1, 1, 1, b"t")  # Metadata
SECONDS_MAX = 30


def connect(address):
    host, port = address.split(":")
    return socket.create_connection((host, int(port)), timeout=SECONDS_MAX)


def is_answered(address, request=PING):
    with connect(address) as client:
        try:
            client.sendall(request)
            return client.recv(4) != b""
        except ConnectionError:
            return False


def serving(folder, **options):
    """A broker whose stderr is not ours, and its address."""
    process = subprocess.Popen(
        [weir_bin(), "serve", "--data", str(folder), "--http", "0", "--listen", "127.0.0.1:0"],
        stdout=subprocess.PIPE, text=True, **options)
    said = process.stdout.readline()
    assert " clients on " in said, said
    return process, said.split(" clients on ")[1].strip().split(",")[0]


@pytest.mark.parametrize("stderr", ["full", "gone"])
def test_a_message_that_nobody_takes_stops_no_broker(tmp_path, stderr):
    if stderr == "full":
        with open("/dev/full", "w") as full:
            process, address = serving(tmp_path / "data", stderr=full)
    else:
        reader, writer = os.pipe()
        process, address = serving(tmp_path / "data", stderr=writer)
        os.close(writer)
        os.close(reader)
    try:
        assert not is_answered(address, NO_REQUEST)  # that is said
        assert is_answered(address)
    finally:
        process.terminate()
        assert process.wait(SECONDS_MAX) == 0
        process.stdout.close()


def test_connections_leave_files_for_the_log(tmp_path):
    files = 300

    def few_files():
        resource.setrlimit(resource.RLIMIT_NOFILE, (files // 2, files))

    process, address = serving(tmp_path / "data", stderr=subprocess.DEVNULL, preexec_fn=few_files)
    clients = []
    try:
        clients = [connect(address) for _ in range(files)]
        assert not is_answered(address)  # there are too many
        opened = len(os.listdir(f"/proc/{process.pid}/fd"))
        # What it may have is raised to what there is; half of that is not for connections.
        assert files // 2 <= opened <= files // 2 + 50
        clients[0].sendall(PING)
        assert clients[0].recv(4)
        for client in clients:
            client.close()
        while not is_answered(address):
            time.sleep(0.05)
    finally:
        process.terminate()
        assert process.wait(SECONDS_MAX) == 0
        process.stdout.close()


def cpu_seconds(process):
    fields = open(f"/proc/{process.pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_monitor_that_finds_no_file_free_waits(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with Broker(tmp_path / "data", "--http", str(port)) as broker:
        assert is_answered(broker.address)  # it has all files that it begins with
        pid = broker.process.pid
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        used = len(os.listdir(f"/proc/{pid}/fd"))
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (used, before[1]))
        with socket.create_connection(("127.0.0.1", port), timeout=SECONDS_MAX) as monitor:
            began = cpu_seconds(broker.process)
            time.sleep(1)
            assert cpu_seconds(broker.process) - began < 0.05
            resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
            monitor.sendall(b"GET /health HTTP/1.0\r\n\r\n")
            assert monitor.recv(1000).startswith(b"HTTP/1.0 200")


def test_asked_twice_to_stop_it_waits_for_nobody(tmp_path):
    with Broker(tmp_path / "data") as broker:
        frame = lambda body: struct.pack(">i", len(body)) + body  # noqa: E731
        with connect(broker.address) as client:
            client.sendall(frame(MAKE_TOPIC))
            assert client.recv(4)
            client.sendall(frame(LONG_POLL))
            time.sleep(0.5)
            broker.process.send_signal(signal.SIGTERM)
            with pytest.raises(subprocess.TimeoutExpired):
                broker.process.wait(1)
            broker.process.send_signal(signal.SIGTERM)
            assert broker.process.wait(5) == 0
