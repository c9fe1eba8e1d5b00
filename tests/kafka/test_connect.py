"""Kafka Connect, distributed, with its file connectors: a worker is killed and started again."""
import collections
import json
import pathlib
import time
import urllib.error
import urllib.request

import pytest
from confluent_kafka import Consumer

import java_programs
from test_broker_crash import free_port

WORKER = "org.apache.kafka.connect.cli.ConnectDistributed"
FILE = "org.apache.kafka.connect.file.FileStream"
LINES = 20_000
SECONDS_MAX = 150


class Worker:
    """A worker of a Connect cluster; its three topics are made by itself, replicated threefold as
    far as it knows."""

    def __init__(self, jars, broker, folder: pathlib.Path):
        self.jars = jars
        self.folder = folder
        self.port = free_port()
        strings = "org.apache.kafka.connect.storage.StringConverter"
        self.settings = folder / "worker.properties"
        self.settings.write_text("".join(f"{key}={value}\n" for key, value in {
            "bootstrap.servers": broker.address,
            "group.id": "connect",
            "listeners": f"http://127.0.0.1:{self.port}",
            "key.converter": strings,
            "value.converter": strings,
            "config.storage.topic": "connect-configs",
            "offset.storage.topic": "connect-offsets",
            "status.storage.topic": "connect-status",
            "exactly.once.source.support": "enabled",
            "offset.flush.interval.ms": 500,
            "session.timeout.ms": 6000,
            "heartbeat.interval.ms": 1000,
            "scheduled.rebalance.max.delay.ms": 1000,
            "consumer.auto.offset.reset": "earliest",
        }.items()))
        self.start()

    def start(self):
        self.program = java_programs.Running(self.folder / "worker.log", self.jars, WORKER,
                                             str(self.settings))
        self.wait_for(lambda: self.ask("/connectors") is not None)

    def ask(self, path: str, body: dict | None = None):
        """What it answers; None while it cannot."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", method="GET" if body is None else "PUT",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except (urllib.error.URLError, OSError):
            return None

    def wait_for(self, holds):
        until = time.time() + SECONDS_MAX
        while not holds():
            assert self.program.alive(), self.log_end()
            assert time.time() < until, self.log_end()
            time.sleep(0.3)

    def connector(self, name: str, settings: dict):
        self.wait_for(lambda: self.ask(f"/connectors/{name}/config", settings) is not None)

    def states(self, name: str) -> list[str]:
        said = self.ask(f"/connectors/{name}/status") or {"tasks": []}
        return [task["state"] for task in said["tasks"]]

    def log_end(self) -> str:
        return self.program.log.read_text()[-4000:]


def line_counts(file: pathlib.Path) -> collections.Counter:
    return collections.Counter(file.read_text().splitlines() if file.exists() else [])


def read_topic(broker, topic: str, count: int) -> list[str]:
    """All values of a topic, `count` at least; a moment longer, for what is too much."""
    consumer = Consumer({"bootstrap.servers": broker.address, "group.id": "reader",
                         "auto.offset.reset": "earliest", "isolation.level": "read_committed"})
    consumer.subscribe([topic])
    values, until, last = [], time.time() + SECONDS_MAX, time.time()
    while time.time() < until and (len(values) < count or time.time() < last + 2):
        for message in consumer.consume(5000, 0.2):
            assert message.error() is None
            values.append(message.value().decode())
            last = time.time()
    consumer.close()
    return values


@pytest.mark.slow
def test_files_through_topics_with_a_killed_worker(broker, tmp_path):
    source, sink = tmp_path / "in.txt", tmp_path / "out.txt"
    lines = [f"line {i}" for i in range(LINES)]
    source.write_text("".join(f"{line}\n" for line in lines[:LINES // 2]))
    worker = Worker(java_programs.kafka(), broker, tmp_path)
    with worker.program:
        worker.connector("in", {"connector.class": FILE + "SourceConnector", "file": str(source),
                                "topic": "lines-in", "tasks.max": 1, "batch.size": 100})
        worker.connector("out", {"connector.class": FILE + "SinkConnector", "file": str(sink),
                                 "topics": "lines-in", "tasks.max": 1})
        worker.wait_for(lambda: worker.states("in") == worker.states("out") == ["RUNNING"])
        worker.wait_for(lambda: line_counts(sink))
    # Killed while it works; it comes back with its connectors, where it was.
    with open(source, "a") as more:
        more.write("".join(f"{line}\n" for line in lines[LINES // 2:]))
    worker.start()
    with worker.program:
        worker.wait_for(lambda: len(line_counts(sink)) == LINES)
        assert worker.states("in") == worker.states("out") == ["RUNNING"]
    # Exactly once into the topic; the sink's file gets each line at least once.
    assert read_topic(broker, "lines-in", LINES) == lines
    assert set(line_counts(sink)) == set(lines)
