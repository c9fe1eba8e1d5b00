#!/usr/bin/env python3
"""librdkafka's own tests, built already, against `weir serve`: one process and one log a number.

    librdkafka_suite.py FOLDER/tests/test-runner [--protocol consumer] [--only 0012,0081]

What docs/kafka-compatibility.md leaves out by number is not run, unless it is asked for; what it
leaves out by name runs with its neighbours and may fail. Exits with 1 if another test failed. Tests
without a broker and those of share groups are no part of it. Some tests start Kafka's own command
line tools: KAFKA_PATH in the environment says where bin/ with them is.
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from exclusions import exclusions  # noqa: E402
from kafka_broker import Broker  # noqa: E402

RESULT = re.compile(r"\|\s+(\d{4}_\w+)\s+\|\s+(\w[\w ]*?)\s+\|\s+([\d.]+)s")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
KAFKA_VERSION = "4.2.0"  # whose tests a runner picks
SECONDS_MAX = 900  # a number; 0098 starts a dozen Java programs


def numbers(runner: pathlib.Path) -> list:
    found = {source.name[:4] for pattern in ("*.c", "*.cpp")
             for source in runner.parent.glob("[0-9]" * 4 + "-" + pattern)}
    return sorted(number for number in found if number < "8000")


def run(runner, number, protocol, address, config, logs, flags):
    """[(test, result, seconds)]: several tests may share a number, local ones give none."""
    log = logs / f"{number}-{protocol}.log"
    environment = dict(os.environ, TESTS=number, RDKAFKA_TEST_CONF=str(config),
                       TEST_KAFKA_VERSION=KAFKA_VERSION, BROKERS=address,
                       TEST_CONSUMER_GROUP_PROTOCOL=protocol,
                       LD_LIBRARY_PATH="../src:../src-cpp")
    begin = time.time()
    with open(log, "wb") as out:
        try:
            code = subprocess.run([runner, "-p1", "-L", *flags], cwd=runner.parent, stdout=out,
                                  stderr=out, env=environment, timeout=SECONDS_MAX).returncode
        except subprocess.TimeoutExpired:
            code = "time is up"
    said = COLOUR.sub("", log.read_text(errors="replace"))
    found = {name: (state, float(seconds)) for name, state, seconds in RESULT.findall(said)}
    for name, state in re.findall(r"=+ Test (\d{4}_\w+) (PASSED|FAILED|SKIPPED)", said):
        found.setdefault(name, (state, time.time() - begin))
    # A runner with a failure aborts, without its table.
    for name in re.findall(r'### Test "(\d{4}_\w+)', said):
        found[name] = ("FAILED", time.time() - begin)
    if code != 0 and not any(state == "FAILED" for state, _ in found.values()):
        found[number] = (f"FAILED ({code})", time.time() - begin)
    return [(name, *result) for name, result in sorted(found.items())]


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("runner", type=pathlib.Path)
    arguments.add_argument("--protocol", choices=("classic", "consumer"), default="classic")
    arguments.add_argument("--only", help="numbers, with commas")
    arguments.add_argument("--jobs", type=int, default=2)
    arguments.add_argument("--scenario", choices=("default", "noautocreate"), default="default",
                           help="librdkafka's word for how the broker is set up")
    arguments.add_argument("--known-issues", action="store_true",
                           help="tests that librdkafka itself leaves out")
    arguments.add_argument("--quick", action="store_true", help="fewer parts of each test")
    arguments.add_argument("--broker", help="HOST:PORT of one that runs; else one is started")
    arguments.add_argument("--config", help="weir.toml of the broker that is started")
    arguments.add_argument("--set", action="append", default=[], help="a client's setting")
    arguments.add_argument("--logs", type=pathlib.Path)
    given = arguments.parse_args()
    runner = given.runner.resolve()
    left_out = exclusions("librdkafka", given.protocol)
    chosen = given.only.split(",") if given.only else [
        number for number in numbers(runner) if number not in left_out]
    work = pathlib.Path(tempfile.mkdtemp(prefix="librdkafka-"))
    logs = given.logs or work
    logs.mkdir(parents=True, exist_ok=True)
    broker = None if given.broker else Broker(
        work / "data", "--partitions", "4",
        *(("--no-auto-create",) if given.scenario == "noautocreate" else ()),
        *(("--config", given.config) if given.config else ()))
    if broker:  # which would wait for a reader of a full pipe
        copy = shutil.copyfileobj
        threading.Thread(target=copy, args=(broker.process.stdout, open(logs / "broker.log", "w")),
                         daemon=True).start()
    address = given.broker or broker.address
    config = work / "test.conf"
    config.write_text("".join(line + "\n" for line in (
        f"bootstrap.servers={address}", *given.set)))
    flags = ["-s", given.scenario]
    if given.quick:
        flags.append("-Q")
    if given.known_issues:
        flags.append("-k")
    results = []
    try:
        with concurrent.futures.ThreadPoolExecutor(given.jobs) as pool:
            for found in pool.map(lambda number: run(runner, number, given.protocol, address,
                                                     config, logs, flags), chosen):
                for name, state, seconds in found:
                    print(f"{state:12} {seconds:7.1f} s  {name}", flush=True)
                results += found
    finally:
        if broker:
            broker.stop()
    failed = [name for name, state, _ in results
              if state not in ("PASSED", "SKIPPED") and name not in left_out]
    passed = sum(state == "PASSED" for _, state, _ in results)
    rest = len(results) - passed - len(failed)
    print(f"{given.protocol}: {passed} passed, {len(failed)} failed, {rest} left out or skipped by "
          f"themselves; logs in {logs}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
