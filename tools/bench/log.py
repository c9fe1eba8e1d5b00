#!/usr/bin/env python3
"""`weir serve` beside Apache Kafka: the same client (librdkafka) and machine, one after the other.

    ./dev bench log                       # every system and row, 3 rounds
    ./dev bench log --systems weir,kafka --rows small,large --rounds 1

Systems: weir (acknowledged = on disk), weir-os (with the operating system), kafka (as shipped:
with the operating system), kafka-flush (a flush a batch). Kafka 4.2 comes from Maven Central;
without Maven or Java it is left out, and said so. Rates are the client's; CPU seconds are the
broker's alone, from /proc. Every result is a JSON line in build/bench/log.jsonl; medians are
printed.
"""
import argparse
import json
import os
import pathlib
import shutil
import signal
import socket
import statistics
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORK = ROOT / "build/bench/log"
SYSTEMS = ("weir", "weir-os", "kafka", "kafka-flush")
PARTITIONS = 4
# Row: mode of the client, records, bytes of one, further settings.
ROWS = {
    "small": ("produce", 3_000_000, 100, ["linger.ms=5"]),
    "large": ("produce", 600_000, 1024, ["linger.ms=5"]),
    "ten": ("produce", 300_000, 100, ["linger.ms=0", "batch.num.messages=10"]),
    "single": ("produce", 60_000, 100, ["linger.ms=0", "batch.num.messages=1"]),
    # As many producers, each a process of its own, as the last number says.
    "small-8": ("produce", 3_000_000, 100, ["linger.ms=5"], 8),
    "small-32": ("produce", 3_000_000, 100, ["linger.ms=5"], 32),
    "large-8": ("produce", 600_000, 1024, ["linger.ms=5"], 8),
    "single-8": ("produce", 120_000, 100, ["linger.ms=0", "batch.num.messages=1"], 8),
    "single-32": ("produce", 120_000, 100, ["linger.ms=0", "batch.num.messages=1"], 32),
    "rate": ("rate", 100_000, 1024, ["linger.ms=1", "records_per_second=20000"]),
    # The same, with a reader at the end: the latencies are from the record made to the record read.
    "tailing": ("tail", 100_000, 1024, ["linger.ms=1", "records_per_second=20000"]),
    "catchup-small": ("consume", 3_000_000, 100, []),
    "catchup-large": ("consume", 600_000, 1024, []),
}
READS = {"catchup-small": "small", "catchup-large": "large"}
DEPENDENCY = """<dependency><groupId>org.apache.kafka</groupId><artifactId>{}</artifactId>
<version>4.2.0</version></dependency>"""
POM = ("<project><modelVersion>4.0.0</modelVersion><groupId>bench</groupId>"
       "<artifactId>bench</artifactId><version>1</version><dependencies>"
       + DEPENDENCY.format("kafka_2.13") + DEPENDENCY.format("kafka-tools")
       + "</dependencies></project>")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def build_client() -> pathlib.Path:
    client = WORK / "log_client"
    subprocess.run(["g++", "-O2", "-std=c++20", ROOT / "tools/bench/log_client.cc", "-o", client,
                    "-lrdkafka", "-pthread"], check=True)
    return client


def kafka_jars() -> pathlib.Path | None:
    if not (shutil.which("mvn") and shutil.which("java")):
        print("no Maven or no Java here: Kafka is left out")
        return None
    folder = WORK / "kafka"
    jars = folder / "lib"
    if not list(jars.glob("kafka_2.13-*.jar")):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "pom.xml").write_text(POM)
        subprocess.run(["mvn", "-q", "dependency:copy-dependencies", f"-DoutputDirectory={jars}"],
                       cwd=folder, check=True)
    return jars


def fill_page_cache() -> None:
    """Leaves little memory free, as a machine has that is up for a while: the pages of a sparse
    file take it, and give way to the broker's. Free memory would be taken from the host of a
    virtual machine while it is measured, which costs more than a broker does with it."""
    filler = WORK / "page-cache"
    meminfo = pathlib.Path("/proc/meminfo").read_text()
    free = int(meminfo.split("MemFree:")[1].split()[0]) * 1024
    begin = filler.stat().st_size if filler.exists() else 0
    end = begin + max(free - (700 << 20), 0)
    with open(filler, "ab") as file:
        file.truncate(end)
    with open(filler, "rb") as file:
        file.seek(begin)
        while file.read(8 << 20):
            pass


class Server:
    """One broker: started on an empty folder, asked for its CPU time and memory, stopped."""

    def __init__(self, system: str, jars: pathlib.Path | None):
        self.data = WORK / f"data-{system}"
        shutil.rmtree(self.data, ignore_errors=True)
        self.data.mkdir(parents=True)
        self.port = free_port()
        self.log = open(WORK / f"{system}.log", "w")
        begin = time.monotonic()
        command = self.weir(system) if system.startswith("weir") else self.kafka(system, jars)
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.2).close()
                break
            except OSError:
                if self.process.poll() is not None or time.monotonic() - begin > 60:
                    raise SystemExit(f"{system} does not start: see {self.log.name}")
                time.sleep(0.005)
        self.start_seconds = time.monotonic() - begin
        if system.startswith("kafka"):
            time.sleep(3)  # until it is really ready

    def weir(self, system: str) -> list[str]:
        return [os.environ["WEIR_BIN"], "serve", "--data", str(self.data), "--http", "0",
                "--listen", f"127.0.0.1:{self.port}", "--partitions", str(PARTITIONS),
                "--durability", "os" if system == "weir-os" else "fsync"]

    def kafka(self, system: str, jars: pathlib.Path) -> list[str]:
        controller = free_port()
        settings = {
            "process.roles": "broker,controller", "node.id": "1",
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "listeners": f"PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self.port}",
            "controller.listener.names": "CONTROLLER", "log.dirs": str(self.data / "logs"),
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
            "num.partitions": str(PARTITIONS), "offsets.topic.replication.factor": "1",
            "transaction.state.log.replication.factor": "1", "transaction.state.log.min.isr": "1",
        }
        if system == "kafka-flush":
            settings["log.flush.interval.messages"] = "1"
        path = self.data / "server.properties"
        path.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
        java = ["java", "-Xmx1G", "-Xms1G", "-cp", f"{jars}/*"]
        subprocess.run(java + ["kafka.tools.StorageTool", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qg",
                               "-c", str(path)], check=True, stdout=self.log, stderr=self.log)
        return java + ["kafka.Kafka", str(path)]

    def cpu_seconds(self) -> float:
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")")[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_mb(self) -> float:
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024
        return 0

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        shutil.rmtree(self.data, ignore_errors=True)


def measure(client, server, topic, row) -> dict:
    mode, records, size, settings, *producers = ROWS[row]
    clients = producers[0] if producers else 1

    def start(mode: str, *settings: str) -> subprocess.Popen:
        return subprocess.Popen(
            [client, mode, f"127.0.0.1:{server.port}", topic, str(PARTITIONS),
             str(records // clients), str(size), *settings],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    reader = None
    if mode == "tail":
        # The topic is there before its reader, as the reader looks for the end.
        producer = subprocess.run([client, "produce", f"127.0.0.1:{server.port}", topic,
                                   str(PARTITIONS), "1000", str(size)], capture_output=True)
        if producer.returncode != 0:
            return {"broke": producer.stderr.decode()[-300:]}
        reader, mode = start("tail"), "rate"
        reader.stdout.readline()
    before = server.cpu_seconds()
    running = [start(mode, *settings) for _ in range(clients)]
    said = [process.communicate(timeout=400) for process in running]
    for process, (out, err) in zip(running, said):
        if process.returncode != 0:
            return {"broke": (out + err)[-300:]}
    if reader is not None:
        out, err = reader.communicate(timeout=400)
        if reader.returncode != 0:
            return {"broke": (out + err)[-300:]}
        said = [(out, err)]
    results = [json.loads(out) for out, _ in said]
    # The slowest of them has the time and the latencies.
    result = max(results, key=lambda one: one["seconds"])
    for sum_of in ("records", "bytes", "failed"):
        result[sum_of] = sum(one[sum_of] for one in results)
    result["broker_cpu_s"] = server.cpu_seconds() - before
    result["resident_mb"] = server.resident_mb()
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--systems", default=",".join(SYSTEMS))
    parser.add_argument("--rows", default=",".join(ROWS))
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    client = build_client()
    systems = arguments.systems.split(",")
    jars = kafka_jars() if any(s.startswith("kafka") for s in systems) else None
    if jars is None:
        systems = [s for s in systems if s.startswith("weir")]
    rows = arguments.rows.split(",")
    for row in [row for row in rows if READS.get(row, row) not in rows]:
        rows.insert(rows.index(row), READS[row])
    found: dict = {}
    with open(WORK.parent / "log.jsonl", "a") as lines:
        for round_number in range(arguments.rounds):
            # Each is the first one once.
            first = round_number % len(systems)
            for system in systems[first:] + systems[:first]:
                server = Server(system, jars)
                idle = server.resident_mb()
                for row in rows:
                    fill_page_cache()
                    topic = READS.get(row, row)
                    result = measure(client, server, topic, row)
                    result.update(system=system, row=row, round=round_number, idle_mb=idle,
                                  start_s=server.start_seconds)
                    lines.write(json.dumps(result) + "\n")
                    lines.flush()
                    found.setdefault((row, system), []).append(result)
                server.stop()
    (WORK / "page-cache").unlink(missing_ok=True)
    print(f"{'row':14}{'system':13}{'records/s':>12}{'MB/s':>8}{'rec/CPU s':>12}{'p50 ms':>9}"
          f"{'p99 ms':>9}{'p99.9':>9}{'MB now':>8}{'idle':>7}")
    for row in rows:
        for system in systems:
            good = [r for r in found[row, system] if "broke" not in r]
            if not good:
                print(f"{row:14}{system:13} {found[row, system][-1]['broke']}")
                continue

            def middle(f):
                return statistics.median(f(r) for r in good)
            print(f"{row:14}{system:13}{middle(lambda r: r['records'] / r['seconds']):12,.0f}"
                  f"{middle(lambda r: r['bytes'] / r['seconds'] / 1e6):8,.0f}"
                  f"{middle(lambda r: r['records'] / max(r['broker_cpu_s'], 0.01)):12,.0f}"
                  f"{middle(lambda r: r['p50_ms']):9.2f}{middle(lambda r: r['p99_ms']):9.2f}"
                  f"{middle(lambda r: r['p999_ms']):9.2f}{middle(lambda r: r['resident_mb']):8,.0f}"
                  f"{middle(lambda r: r['idle_mb']):7,.0f}")


if __name__ == "__main__":
    main()
