#!/usr/bin/env python3
"""librdkafka's own tests, built already, against `weir serve`: one process and one log a number.

    librdkafka_suite.py FOLDER/tests/test-runner [--protocol consumer] [--only 0012,0081]

Most share a broker with the usual settings; what needs another one gets it (SETUPS): without
topics by first use, with access control, with TLS, with users. What docs/kafka-compatibility.md
leaves out by number is not run, unless it is asked for; what it leaves out by name runs with its
neighbours and may fail. Exits with 1 if another test failed. Tests without a broker and those of
share groups are no part of it. Some tests start Kafka's own command line tools: KAFKA_PATH in the
environment says where bin/ with them is.
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
import typing

from confluent_kafka.admin import (AclBinding, AclOperation, AclPermissionType, AdminClient,
                                   ResourcePatternType, ResourceType)

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from exclusions import exclusions  # noqa: E402
from kafka_broker import Broker  # noqa: E402

RESULT = re.compile(r"\|\s+(\d{4}_\w+)\s+\|\s+(\w[\w ]*?)\s+\|\s+([\d.]+)s")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
KAFKA_VERSION = "4.2.0"  # whose tests a runner picks
AGAIN = "PASSED AGAIN"  # not the first time
SECONDS_MAX = 900  # a number; 0098 starts a dozen Java programs
USER, PASSWORD = "admin", "secret"
FIRST_USER = f"""first-user = "{USER}"
first-user-password-file = "password"
mechanisms = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]
"""
SASL = ("security.protocol=sasl_plaintext", "sasl.mechanism=SCRAM-SHA-256",
        f"sasl.username={USER}", f"sasl.password={PASSWORD}")


class Setup(typing.NamedTuple):
    """A broker for these numbers, and what clients are told."""
    numbers: tuple = ()  # (): all others
    toml: str = ""
    scenario: str = "default"  # librdkafka's word for how the broker is set up
    listen: tuple = ("127.0.0.1:0",)  # the first one is for the tests
    client: tuple = ()  # "@": the setup's folder
    protocols: tuple = ("classic", "consumer")
    alone: bool = False  # one number at a time
    # For which parts of a number the runner is started, a time each (its SUBTESTS); {}: all of it.
    # Share groups have the others.
    parts: dict = {}
    before: typing.Callable = None  # folder -> more of the runner's environment
    after: typing.Callable = None  # broker -> None, when it runs


def allow_strangers(broker) -> None:
    """Everything, by entries of access control, over which others win."""
    admin = AdminClient({"bootstrap.servers": broker.addresses[1], "log_level": 0,
                         **dict(setting.split("=") for setting in SASL)})
    entries = [AclBinding(kind, name, ResourcePatternType.LITERAL, "User:ANONYMOUS", "*",
                          AclOperation.ALL, AclPermissionType.ALLOW)
               for kind, name in ((ResourceType.TOPIC, "*"), (ResourceType.GROUP, "*"),
                                  (ResourceType.TRANSACTIONAL_ID, "*"),
                                  (ResourceType.BROKER, "kafka-cluster"))]
    for made in admin.create_acls(entries).values():
        made.result(20)


def stand_back(broker) -> None:
    """librdkafka names another error than 0097 wants if the answer to its first bytes of TLS is
    there before the call that sends them has ended, as it may be on a busy machine."""
    os.setpriority(os.PRIO_PROCESS, broker.process.pid, 19)


def certificates(folder: pathlib.Path) -> dict:
    """A server's and a client's of one authority, and another authority, as 0097 wants them."""
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    secret = f"pass:{PASSWORD}"
    for name in ("ca", "other"):
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key",
                "-out", f"{name}.pem", "-days", "2", "-subj", f"/CN={name}")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
    for name, key in (("server", ("-nodes",)), ("client", ("-passout", secret))):
        openssl("req", "-newkey", "rsa:2048", *key, "-keyout", f"{name}.key",
                "-out", f"{name}.csr", "-subj", f"/CN={name}")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                "-CAcreateserial", "-out", f"{name}.pem", "-days", "2", "-extfile", "names")
    for name in ("ca", "client"):
        openssl("x509", "-in", f"{name}.pem", "-outform", "DER", "-out", f"{name}.der")
    openssl("pkcs8", "-topk8", "-nocrypt", "-in", "client.key", "-passin", secret,
            "-outform", "DER", "-out", "client.key.der")
    openssl("pkcs12", "-export", "-inkey", "client.key", "-passin", secret, "-in", "client.pem",
            "-certfile", "ca.pem", "-passout", secret, "-out", "client.p12")
    (folder / "all.pem").write_text((folder / "ca.pem").read_text() +
                                    (folder / "other.pem").read_text())
    names = {"pkcs": "client.p12", "pub_der": "client.der", "pub_pem": "client.pem",
             "priv_der": "client.key.der", "priv_pem": "client.key", "ca_der": "ca.der",
             "all_cas_pem": "all.pem"}
    return {**{f"SSL_{name}": str(folder / file) for name, file in names.items()},
            "SSL_password": PASSWORD, "SSL_client_auth": "requested"}


SETUPS = {
    "default": Setup(),
    # 0033 takes topics of other tests for its own, the others count milliseconds.
    "alone": Setup(numbers=("0033", "0055", "0127"), alone=True),
    "noautocreate": Setup(numbers=("0045", "0107", "0111"), scenario="noautocreate",
                          toml="[serve]\nauto-create = false\n"),
    # 0113 waits 30 s until a client that nobody polls has left its group.
    "sessions": Setup(numbers=("0113",), protocols=("consumer",),
                      toml="[groups]\nconsumer-session-timeout-ms = 10000\n"
                           "consumer-heartbeat-interval-ms = 3100\n"),
    "acls-super": Setup(numbers=("0081",), toml='[security]\nacls = true\n'
                                                'super-users = ["ANONYMOUS"]\n'),
    "acls": Setup(numbers=("0109", "0115", "0119"), after=allow_strangers,
                  listen=("127.0.0.1:0", "sasl://127.0.0.1:0"),
                  toml=f'[security]\nacls = true\nsuper-users = ["{USER}"]\n' + FIRST_USER),
    "tls": Setup(numbers=("0097",), listen=("tls://127.0.0.1:0",), before=certificates,
                 after=stand_back,
                 toml='[tls]\ncertificate = "server.pem"\nkey = "server.key"\n',
                 client=("security.protocol=ssl", "ssl.ca.location=@/ca.pem",
                         "ssl.certificate.location=@/client.pem",
                         "ssl.key.location=@/client.key", f"ssl.key.password={PASSWORD}")),
    "sasl": Setup(numbers=("0135", "0142"), listen=("sasl://127.0.0.1:0",), client=SASL,
                  toml="[security]\nmax-reauth-ms = 5000\n" + FIRST_USER,
                  parts={"0135": ("do_test:",),
                         "0142": ("do_test_consumer", "do_test_producer", "do_test_txn_producer",
                                  "do_test_reauth_failure")}),
}


def numbers(runner: pathlib.Path) -> list:
    found = {source.name[:4] for pattern in ("*.c", "*.cpp")
             for source in runner.parent.glob("[0-9]" * 4 + "-" + pattern)}
    return sorted(number for number in found if number < "8000")


def run(runner, number, log, environment, flags):
    """[(test, result, seconds)]: several tests may share a number, local ones give none."""
    begin = time.time()
    with open(log, "wb") as out:
        try:
            code = subprocess.run([runner, "-p1", "-L", *flags], cwd=runner.parent, stdout=out,
                                  stderr=out, env={**environment, "TESTS": number},
                                  timeout=SECONDS_MAX).returncode
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


def run_parts(runner, number, parts, logs, environment, flags):
    """Passed is what passed in every part, and ran one."""
    results = {}
    for part in parts:
        log = logs / f"{number}-{part.strip(':')}.log"
        for name, state, seconds in run(runner, number, log, {**environment, "SUBTESTS": part},
                                        flags):
            if state == "PASSED" and f": PASS (" not in log.read_text(errors="replace"):
                state = f"FAILED (no part {part})"
            before, spent = results.get(name, ("PASSED", 0))
            results[name] = (before if before != "PASSED" else state, spent + seconds)
    return [(name, *result) for name, result in sorted(results.items())]


def is_failure(state: str) -> bool:
    return state not in ("PASSED", AGAIN, "SKIPPED")


def run_setup(given, runner, name, setup, chosen, left_out, work, logs):
    folder = work / name
    folder.mkdir()
    logs = logs / f"{given.protocol}-{name}"
    logs.mkdir(parents=True, exist_ok=True)
    more = setup.before(folder) if setup.before else {}
    (folder / "password").write_text(PASSWORD)
    settings = folder / "weir.toml"
    settings.write_text(setup.toml)
    broker = None if given.broker else Broker(
        folder / "data", "--partitions", "4", "--config", str(settings),
        *(flag for address in setup.listen for flag in ("--listen", address)))
    try:
        if broker:  # which would wait for a reader of a full pipe
            threading.Thread(target=shutil.copyfileobj, daemon=True, args=(
                broker.process.stdout, open(logs / "broker.log", "w"))).start()
        if setup.after:
            setup.after(broker)
        address = given.broker or broker.addresses[0]
        config = folder / "test.conf"
        config.write_text("".join(line + "\n" for line in (
            f"bootstrap.servers={address}", *(line.replace("@", str(folder))
                                              for line in setup.client), *given.set)))
        environment = dict(os.environ, RDKAFKA_TEST_CONF=str(config), BROKERS=address,
                           TEST_KAFKA_VERSION=KAFKA_VERSION,
                           TEST_CONSUMER_GROUP_PROTOCOL=given.protocol,
                           LD_LIBRARY_PATH="../src:../src-cpp", **more)
        flags = ["-s", setup.scenario]
        if given.quick:
            flags.append("-Q")
        if given.known_issues:
            flags.append("-k")

        def once(number, logs):
            logs.mkdir(exist_ok=True)
            if number in setup.parts:
                return run_parts(runner, number, setup.parts[number], logs, environment, flags)
            return run(runner, number, logs / f"{number}.log", environment, flags)

        def one(number):
            found = once(number, logs)
            wrong = {test for test, state, _ in found if is_failure(state)}
            if not given.again or wrong <= set(left_out):
                return found
            return [(test, AGAIN if state == "PASSED" and wrong & {test, number} else state,
                     seconds) for test, state, seconds in once(number, logs / "again")]

        results = []
        with concurrent.futures.ThreadPoolExecutor(1 if setup.alone else given.jobs) as pool:
            for found in pool.map(one, chosen):
                for test, state, seconds in found:
                    print(f"{state:12} {seconds:7.1f} s  {test}  ({name})", flush=True)
                results += found
        return results
    finally:
        if broker:
            broker.stop()


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("runner", type=pathlib.Path)
    arguments.add_argument("--protocol", choices=("classic", "consumer"), default="classic")
    arguments.add_argument("--only", help="numbers, with commas")
    arguments.add_argument("--jobs", type=int, default=2)
    arguments.add_argument("--setups", help="some of " + ", ".join(SETUPS))
    arguments.add_argument("--known-issues", action="store_true",
                           help="tests that librdkafka itself leaves out")
    arguments.add_argument("--quick", action="store_true", help="fewer parts of each test")
    arguments.add_argument("--again", action="store_true",
                           help="a number that fails has a second try, which is said")
    arguments.add_argument("--broker", help="HOST:PORT of one that runs; else some are started")
    arguments.add_argument("--set", action="append", default=[], help="a client's setting")
    arguments.add_argument("--logs", type=pathlib.Path)
    given = arguments.parse_args()
    runner = given.runner.resolve()
    left_out = exclusions("librdkafka", given.protocol)
    wanted = given.only.split(",") if given.only else [
        number for number in numbers(runner) if number not in left_out]
    setups = {"default": Setup()} if given.broker else {
        name: setup for name, setup in SETUPS.items() if given.protocol in setup.protocols}
    # Of numbers with several tests some may be for the usual broker, too.
    elsewhere = {number for name, setup in setups.items() for number in setup.numbers
                 if setup.scenario == "default"}
    work = pathlib.Path(tempfile.mkdtemp(prefix="librdkafka-"))
    logs = given.logs or work / "logs"
    results = {}
    for name, setup in setups.items():
        chosen = [number for number in wanted if
                  (number in setup.numbers if setup.numbers else number not in elsewhere)]
        if not chosen or (given.setups and name not in given.setups.split(",")):
            continue
        for test, state, _ in run_setup(given, runner, name, setup, chosen, left_out,
                                        work, logs):
            # A test may have its turn with one broker and skip itself with another.
            if results.get(test, "SKIPPED") == "SKIPPED" or is_failure(state):
                results[test] = state
    failed = [test for test, state in results.items()
              if is_failure(state) and test not in left_out]
    again = sum(state == AGAIN for state in results.values())
    passed = sum(state == "PASSED" for state in results.values()) + again
    rest = len(results) - passed - len(failed)
    print(f"{given.protocol}: {passed} passed ({again} not the first time), {len(failed)} failed, "
          f"{rest} left out or skipped by themselves; logs in {logs}")
    for test in failed:
        print(f"  failed: {test}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
