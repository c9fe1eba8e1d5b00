"""A cluster of real Apache Kafka brokers on this machine, of jars that Maven brings."""
import pathlib
import shutil
import socket
import subprocess
import time

import pytest
from confluent_kafka.admin import AdminClient

VERSION = "4.2.0"
CLUSTER_ID = "MkU3OEVBNTcwNTJENDM2Qg"
ROOT = pathlib.Path(__file__).parents[2]
START_SECONDS_MAX = 180
POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>weir.tests</groupId><artifactId>kafka</artifactId><version>1</version><dependencies>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId>
<version>{VERSION}</version></dependency>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId>
<version>{VERSION}</version></dependency>
</dependencies></project>
"""


def kafka_jars() -> pathlib.Path:
    """The folder of Kafka's jars, fetched once; skips where they cannot be had."""
    if not (shutil.which("mvn") and shutil.which("java")):
        pytest.skip("Maven or Java is not installed: Apache Kafka cannot be had")
    folder = ROOT / f"build/deps/apache-kafka-{VERSION}"
    if not list(folder.glob("lib/kafka_2.13-*.jar")):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "pom.xml").write_text(POM)
        done = subprocess.run(
            ["mvn", "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={folder}/lib"],
            cwd=folder, capture_output=True, text=True, timeout=600)
        if done.returncode != 0:
            pytest.skip(f"Maven did not bring Apache Kafka: {done.stdout[-500:]}")
    return folder / "lib"


def free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


class Cluster:
    """Brokers that are controllers too, as many replicas of everything as there are brokers;
    `settings` are added to each one's."""

    def __init__(self, folder: pathlib.Path, brokers: int = 3, settings: dict | None = None):
        java = ["java", "-Xmx384m", "-XX:+UseSerialGC", "-cp", f"{kafka_jars()}/*"]
        ports = free_ports(2 * brokers)
        listeners, controllers = ports[:brokers], ports[brokers:]
        voters = ",".join(f"{i + 1}@127.0.0.1:{port}" for i, port in enumerate(controllers))
        self.processes, self.logs = [], []
        self.address = ",".join(f"127.0.0.1:{port}" for port in listeners)
        for i in range(brokers):
            data = folder / f"broker-{i + 1}"
            data.mkdir(parents=True)
            properties = {
                "process.roles": "broker,controller", "node.id": str(i + 1),
                "controller.quorum.voters": voters,
                "listeners": f"PLAINTEXT://127.0.0.1:{listeners[i]},"
                             f"CONTROLLER://127.0.0.1:{controllers[i]}",
                "advertised.listeners": f"PLAINTEXT://127.0.0.1:{listeners[i]}",
                "controller.listener.names": "CONTROLLER", "log.dirs": str(data / "logs"),
                "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
                "offsets.topic.replication.factor": str(brokers),
                "offsets.topic.num.partitions": "4",
                "transaction.state.log.replication.factor": str(brokers),
                "transaction.state.log.num.partitions": "4",
                "transaction.state.log.min.isr": str(min(2, brokers)),
                "default.replication.factor": str(brokers),
                "min.insync.replicas": str(min(2, brokers)),
                "group.initial.rebalance.delay.ms": "0", "auto.create.topics.enable": "false",
                **(settings or {}),
            }
            path = data / "server.properties"
            path.write_text("".join(f"{key}={value}\n" for key, value in properties.items()))
            log = open(data / "log.txt", "wb")
            self.logs.append(log)
            subprocess.run([*java, "kafka.tools.StorageTool", "format", "-t", CLUSTER_ID,
                            "-c", str(path)], check=True, stdout=log, stderr=log)
            self.processes.append(subprocess.Popen([*java, "kafka.Kafka", str(path)],
                                                   stdout=log, stderr=log))
        self.wait(brokers)

    def wait(self, brokers: int) -> None:
        admin = AdminClient({"bootstrap.servers": self.address, "log_level": 0})
        until = time.time() + START_SECONDS_MAX
        while True:
            try:
                if len(admin.list_topics(timeout=2).brokers) == brokers:
                    return
            except Exception:  # not up yet
                pass
            dead = [p.args for p in self.processes if p.poll() is not None]
            assert not dead and time.time() < until, f"Kafka did not start: {dead}"
            time.sleep(0.5)

    def stop(self) -> None:
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.wait()
        for log in self.logs:
            log.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
