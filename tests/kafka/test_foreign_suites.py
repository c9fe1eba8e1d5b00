"""Tests of Kafka clients that come with their packages, unchanged, against `weir serve`.

franz-go's module brings the tests of its client `kgo`. What is left out stands in
docs/kafka-compatibility.md.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from exclusions import exclusions
from kafka_broker import Broker, weir_bin

FRANZ_GO = ("github.com/twmb/franz-go", "v1.22.2")
RECORDS = "50000"  # of each ETL; theirs is 500000
MINUTES_MAX = 25
# Not to be passed by being skipped: groups and transactions of both protocols.
WANTED = ("TestGroupETL/cooperative-sticky/static", "TestGroupETL/sticky/848/static",
          "TestGroupETL/range/848", "TestTxnEtl/range", "TestTxnEtl/sticky/848/static",
          "Test848RegexBrokerResolves", "TestSCRAMAuth")
USER, PASSWORD = "kgo", "secret"

pytestmark = pytest.mark.slow


def go(*arguments, cwd):
    program = shutil.which("go") or "/usr/local/go/bin/go"
    if not os.path.exists(program):
        pytest.skip("Go is not installed here")
    return subprocess.run([program, *arguments], cwd=cwd, text=True, capture_output=True,
                          timeout=1200)


@pytest.fixture(scope="module")
def kgo(tmp_path_factory):
    """(the built tests, the folder of their sources)."""
    work = tmp_path_factory.mktemp("kgo")
    (work / "go.mod").write_text("module suite\n")
    module, version = FRANZ_GO
    fetched = go("mod", "download", "-json", f"{module}@{version}", cwd=work)
    if fetched.returncode != 0:
        pytest.skip(f"{module} can't be fetched: {fetched.stdout}{fetched.stderr}")
    sources = pathlib.Path(json.loads(fetched.stdout)["Dir"]) / "pkg/kgo"
    for arguments in (("get", f"{module}/pkg/kgo@{version}"),
                      ("test", "-p", "2", "-c", "-o", "kgo.test", f"{module}/pkg/kgo")):
        built = go(*arguments, cwd=work)
        assert built.returncode == 0, built.stderr
    return work / "kgo.test", sources


@pytest.fixture
def plain_and_sasl(tmp_path):
    added = subprocess.run([weir_bin(), "user", "add", USER, "--data", str(tmp_path / "data")],
                           input=PASSWORD + "\n", text=True, timeout=60)
    assert added.returncode == 0
    with Broker(tmp_path / "data", "--listen", "127.0.0.1:0", "--listen",
                "sasl://127.0.0.1:0") as broker:
        yield broker


def test_franz_go(kgo, plain_and_sasl):
    program, sources = kgo
    plain, sasl = plain_and_sasl.addresses
    left_out = "|".join(re.escape(test) for test in exclusions("franz-go", "both"))
    environment = dict(os.environ, KGO_SEEDS=plain, KGO_TEST_RF="1", KGO_TEST_SCRAM_SEEDS=sasl,
                       KGO_TEST_SCRAM=f"{USER}:{PASSWORD}:256",
                       KGO_TEST_RECORDS=RECORDS, KGO_LOG_LEVEL="none")
    ran = subprocess.run(
        [program, "-test.v", f"-test.skip=^({left_out})$", f"-test.timeout={MINUTES_MAX}m"],
        cwd=sources, env=environment, text=True, errors="replace", stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, timeout=MINUTES_MAX * 60 + 60)
    results = {test: result for result, test in
               re.findall(r"^\s*--- (PASS|FAIL|SKIP): (\S+)", ran.stdout, re.MULTILINE)}
    failed = [test for test, result in results.items() if result == "FAIL"]
    assert ran.returncode == 0 and not failed, f"{failed}\n{ran.stdout[-20000:]}"
    assert {test: results.get(test) for test in WANTED} == dict.fromkeys(WANTED, "PASS")
    assert not [test for test, result in results.items() if result == "SKIP"]
