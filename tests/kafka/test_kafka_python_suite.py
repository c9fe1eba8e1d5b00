"""kafka-python's own integration tests, unchanged, against `weir serve`: a choice, and all (slow).

What is left out stands in docs/kafka-compatibility.md.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import xml.etree.ElementTree

import pytest

from exclusions import exclusions
from kafka_broker import Broker

ROOT = pathlib.Path(__file__).resolve().parents[2]
SECONDS_MAX = 900
RUN_MIN = 55
# What runs in every test run, within two seconds of CPU time; it needs no more than we have.
CHOICE = {
    "producer": ("end_to_end[None]", "kafka_producer_proper_record_metadata[gzip]",
                 "idempotent_producer_max_in_flight[2]", "transactional_producer_messages",
                 "transactional_producer_offsets"),
    "consumer": ("kafka_consumer", "kafka_consumer__offset_commit_resume",
                 "kafka_consumer_offsets_for_time", "group"),
    "admin": ("create_delete_topics", "create_partitions", "create_describe_delete_acls",
              "describe_configs_mixed_resources_returns_configs", "describe_topic_partitions"),
}
# Their broker of four partitions is number 0 and lets members fall silent for a second only. With
# access control, for the test of it: who is not asked who they are may do everything.
SETTINGS = """
[serve]
partitions = 4
node-id = 0
[groups]
min-session-timeout-ms = 1000
[security]
acls = true
super-users = ["ANONYMOUS"]
"""
# The source package leaves out what starts services; a service that runs already needs this of it.
SERVICE = """
class ExternalService:
    def __init__(self, host, port):
        self.host, self.port = host, port

    def open(self):
        pass

    close = open


SpawnedService = None
"""


def fetch(group: str) -> pathlib.Path:
    done = subprocess.run([sys.executable, str(ROOT / "tools/deps/fetch.py"), group],
                          capture_output=True, text=True, timeout=SECONDS_MAX)
    if done.returncode != 0:
        pytest.skip(f"{group} can't be fetched: {done.stdout}{done.stderr}")
    return pathlib.Path(done.stdout.strip())


def run_suite(folder: pathlib.Path, python, selection) -> list:
    """The test cases that ran and passed, of all that the selection is."""
    (sources,) = fetch("kafka-python-suite").glob("kafka_python-*")
    work = folder / "suite"
    shutil.copytree(sources / "test", work / "test")
    shutil.copy(sources / "pyproject.toml", work)
    (work / "test/__init__.py").touch()
    (work / "test/service.py").write_text(SERVICE)
    settings = folder / "weir.toml"
    settings.write_text(SETTINGS)
    with Broker(folder / "data", "--config", str(settings)) as broker:
        environment = dict(os.environ, KAFKA_URI=f"kafka://{broker.address}", KAFKA_VERSION="4.2.0",
                           KAFKA_ROOT=str(folder))

        def run():
            # Their options are for plugins that are of no use here.
            return subprocess.run(
                [python, "-m", "pytest", "-q", "--tb=short", "-o", "addopts=", "-p", "no:xdist",
                 "--junitxml=results.xml", *selection],
                cwd=work, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                text=True, timeout=SECONDS_MAX)

        ran = run()
        if ran.returncode == 1:  # test_group gives four members 15 s: little on a busy machine
            ran = run()
    assert ran.returncode == 0, ran.stdout[-20000:]
    cases = list(xml.etree.ElementTree.parse(work / "results.xml").getroot().iter("testcase"))
    assert [case.get("name") for case in cases if case.find("skipped") is not None] == []
    return cases


def test_a_choice_of_kafka_python(tmp_path):
    choice = [f"test/integration/test_{file}_integration.py::test_{test}"
              for file, tests in CHOICE.items() for test in tests]
    assert len(run_suite(tmp_path, sys.executable, choice)) == len(choice)


@pytest.mark.slow
def test_kafka_python(tmp_path):
    left_out = [f"--deselect=test/integration/{test}"
                for test in exclusions("kafka-python", "both")]
    cases = run_suite(tmp_path, fetch("python-kafka-suite") / "bin/python",
                      [*left_out, "test/integration"])
    assert len(cases) >= RUN_MIN
