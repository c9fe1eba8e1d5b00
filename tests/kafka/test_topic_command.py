"""`weir topic` as a new user meets it: against `weir serve`, and against a folder that nobody
serves. What it tells is held against confluent-kafka's own answers."""
import itertools
import json
import pathlib
import socket
import subprocess
import sys
import time
import urllib.request

import pytest
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, OffsetSpec, ResourceType

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "cli"))

from kafka_broker import Broker  # noqa: E402
from terminal import Terminal  # noqa: E402
from weir_process import run_weir, weir_bin  # noqa: E402
from weir_project import Ended  # noqa: E402

SECONDS_MAX = 15
_numbers = itertools.count()


class Tools:
    """`weir topic --server ADDRESS ...`"""

    def __init__(self, folder: pathlib.Path, *where: str):
        self.folder = folder
        self.where = where

    def bytes(self, *arguments: str, typed: str = "") -> subprocess.CompletedProcess:
        return run_weir("topic", *self.where, *arguments, cwd=self.folder, input=typed.encode(),
                        timeout=SECONDS_MAX)

    def ended(self, *arguments: str, typed: str = "") -> Ended:
        done = self.bytes(*arguments, typed=typed)
        return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())

    def __call__(self, *arguments: str, typed: str = "") -> str:
        ended = self.ended(*arguments, typed=typed)
        assert ended.code == 0, ended
        return ended.out

    def json(self, *arguments: str):
        return json.loads(self(*arguments, "--format", "json"))

    def lines(self, *arguments: str) -> list:
        return [json.loads(line) for line in self(*arguments, "--format", "json").splitlines()]


@pytest.fixture(scope="module")
def tools(broker, tmp_path_factory) -> Tools:
    return Tools(tmp_path_factory.mktemp("tools"), "--server", broker.address)


@pytest.fixture(scope="module")
def admin(broker) -> AdminClient:
    return AdminClient({"bootstrap.servers": broker.address})


@pytest.fixture
def name() -> str:
    return f"topic{next(_numbers)}"


def values(rows: list) -> list:
    return [row["value"] for row in rows]


# --- topics ---

def test_a_topic_is_made_described_altered_and_deleted(tools, admin, name):
    assert tools("create", name, "--partitions", "3", "--set", "cleanup.policy=compact") \
        == f"{name} is made\n"
    again = tools.ended("create", name)
    assert again.code == 2 and "--if-absent" in again.err
    assert tools("create", name, "--if-absent") == f"{name} was there\n"

    (told,) = [row for row in tools.json("ls") if row["topic"] == name]
    assert (told["partitions"], told["records"]) == (3, 0)
    tools("alter", name, "--partitions", "5", "--set", "retention.ms=1000", "--unset",
          "cleanup.policy")
    (described,) = tools.json("describe", name)
    assert [row["partition"] for row in described["partitions"]] == [0, 1, 2, 3, 4]
    assert [row["name"] for row in described["settings"] if row["set"]] == ["retention.ms"]
    (future,) = admin.describe_configs([ConfigResource(ResourceType.TOPIC, name)]).values()
    config = future.result(SECONDS_MAX)
    assert config["retention.ms"].value == "1000"
    assert config["cleanup.policy"].value == "delete"
    assert {row["name"]: row["value"] for row in described["settings"]} \
        == {entry.name: entry.value for entry in config.values()}
    assert "retention.ms" in tools("describe", name)

    tools("produce", name, typed="x\n")
    unsure = tools.ended("delete", name)
    assert unsure.code == 2 and "1 record" in unsure.err and "--yes" in unsure.err
    tools("delete", name, "--yes")
    assert name not in admin.list_topics(timeout=SECONDS_MAX).topics


def test_mistakes_are_told_with_what_to_write(tools, name):
    tools("create", name)
    wrong = tools.ended("describe", name + "x")
    assert wrong.code == 2 and f"did you mean '{name}'?" in wrong.err
    wrong = tools.ended("alter", name, "--set", "retention.mss=1")
    assert wrong.code == 2 and "did you mean 'retention.ms'?" in wrong.err
    wrong = tools.ended("alter", name, "--set", "retention.ms")
    assert wrong.code == 2 and "no name=value" in wrong.err
    wrong = tools.ended("alter", name, "--partitions", "1")
    assert wrong.code == 2 and "INVALID_PARTITIONS" in wrong.err
    wrong = tools.ended("tail", name, "--from", "yesterdya")
    assert wrong.code == 2 and "--from" in wrong.err and "15m" in wrong.err
    wrong = tools.ended("tail", name, "--where", "valeu = '1'")
    assert wrong.code == 2 and "--where" in wrong.err and "valeu" in wrong.err
    wrong = tools.ended("tale", name)
    assert wrong.code == 2 and "did you mean 'tail'?" in wrong.err
    answer = tools.ended("describe", name + "x", "--format", "json")
    assert json.loads(answer.out)["errors"][0]["code"] == "not_found"


def test_who_does_not_answer_is_named(tmp_path):
    ended = Tools(tmp_path, "--server", "127.0.0.1:1").ended("ls")
    assert ended.code == 3
    assert "127.0.0.1:1" in ended.err and "weir serve" in ended.err
    ended = Tools(tmp_path).ended("ls")
    assert ended.code == 2 and "weir serve" in ended.err


# --- produce and tail ---

def test_lines_come_back_in_order_with_keys_headers_and_times(tools, broker, name):
    tools("create", name)
    ended = tools.ended("produce", name, "--key-separator", ":", "--header", "from=test",
                        typed="a:1\nb:2\n\u00fc:3\n")
    assert ended.code == 0 and f"3 records acknowledged by {name}" in ended.err
    rows = tools.lines("tail", name)
    assert [(row["offset"], row["key"], row["value"]) for row in rows] \
        == [(0, "a", "1"), (1, "b", "2"), (2, "\u00fc", "3")]
    assert all(row["headers"] == {"from": "test"} for row in rows)
    text = tools("tail", name)
    assert "0@1  b  2" in text and "    from: test" in text

    consumer = Consumer({"bootstrap.servers": broker.address, "group.id": name,
                         "auto.offset.reset": "earliest"})
    consumer.assign([TopicPartition(name, 0, 0)])
    message = consumer.poll(SECONDS_MAX)
    assert (message.key(), message.value(), message.headers()) == (b"a", b"1", [("from", b"test")])
    consumer.close()


def test_keys_go_where_other_clients_send_them(tools, broker, name):
    tools("create", name, "--partitions", "7")
    keys = [f"key-{i}" for i in range(50)]
    tools("produce", name, "--key-separator", "=", typed="".join(f"{key}=mine\n" for key in keys))
    producer = Producer({"bootstrap.servers": broker.address, "partitioner": "murmur2_random"})
    for key in keys:
        producer.produce(name, "theirs", key=key)
    assert producer.flush(SECONDS_MAX) == 0
    where = {"mine": {}, "theirs": {}}
    for row in tools.lines("tail", name, "--from", "earliest"):
        where[row["value"]][row["key"]] = row["partition"]
    assert len(where["mine"]) == 50 and where["mine"] == where["theirs"]


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_each_compression_is_written_and_read(tools, name, codec):
    tools("create", name)
    tools("produce", name, "--compression", codec, typed="".join(f"{i}\n" for i in range(500)))
    assert values(tools.lines("tail", name, "--from", "earliest")) == [str(i) for i in range(500)]


def test_files_json_and_tombstones(tools, name, tmp_path):
    tools("create", name, "--partitions", "2", "--set", "retention.ms=-1")
    lines = [{"key": "k", "value": None, "headers": {"h": "1", "n": None}},
             {"key": None, "value": {"a": [1]}, "partition": 1,
              "timestamp": "2026-01-02 03:04:05.678"}]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    told = tools.json("produce", name, str(tmp_path / "in.jsonl"), "--input", "json")
    assert told["records"] == 2
    rows = {row["key"]: row for row in tools.lines("tail", name, "--from", "earliest")}
    assert rows["k"]["value"] is None and rows["k"]["headers"] == {"h": "1", "n": None}
    assert (rows[None]["value"], rows[None]["partition"]) == ('{"a":[1]}', 1)
    assert rows[None]["timestamp"] == "2026-01-02 03:04:05.678"
    assert "tombstone" in tools("tail", name)
    wrong = tools.ended("produce", name, "--input", "json", typed='{"value": "good"}\n{"value": \n')
    assert wrong.code == 2 and "stdin:2" in wrong.err
    assert "good" in values(tools.lines("tail", name, "--from", "earliest"))


def test_batches_are_no_larger_than_the_topic_allows(tools, name):
    tools("create", name, "--set", "max.message.bytes=50000")
    lines = [f"{i} {'x' * 50}" for i in range(3000)] + ["y" * 49000]
    tools("produce", name, typed="\n".join(lines))
    assert tools("tail", name, "--from", "earliest", "--format", "raw").splitlines() == lines


def test_a_record_with_an_impossible_place_or_time_is_refused(tools, name):
    tools("create", name)
    for wrong, said in (('{"value":"a","partition":4294967296}', "has no partition"),
                        ('{"value":"a","timestamp":"1969-12-31"}', "no time since 1970")):
        ended = tools.ended("produce", name, "--input", "json", typed=wrong)
        assert ended.code == 2 and said in ended.err, ended
    assert tools("tail", name, "--from", "earliest") == ""


def test_places_to_read_from(tools, broker, name):
    tools("create", name, "--partitions", "2", "--set", "retention.ms=-1")
    producer = Producer({"bootstrap.servers": broker.address})
    for i in range(20):
        producer.produce(name, str(i), partition=i % 2, timestamp=1_700_000_000_000 + i * 60_000)
    assert producer.flush(SECONDS_MAX) == 0
    tail = lambda *more: sorted(map(int, values(tools.lines("tail", name, *more))))  # noqa: E731
    assert tail() == list(range(10, 20))
    assert values(tools.lines("tail", name, "--last", "3")) == ["17", "18", "19"]  # in time's order
    assert tail("--from", "earliest") == list(range(20))
    assert tail("--from", "latest") == []
    assert tail("--from", "8") == [16, 17, 18, 19]
    assert tail("--from", "8", "--partition", "1") == [17, 19]
    assert tail("--from", "2023-11-14 22:23:20") == list(range(10, 20))
    assert tail("--from", "1h") == []
    assert len(tail("--from", "earliest", "-n", "4")) == 4
    # SQL over what a record is
    assert tail("--from", "earliest", "--where", "value::INT % 7 = 0") == [0, 7, 14]
    assert tail("--from", "earliest", "--where", 'partition = 1 AND "offset" < 2') == [1, 3]
    assert tail("--from", "earliest", "--where",
                "timestamp >= '2023-11-14 22:31:20Z' AND key IS NULL") == [18, 19]


def test_what_is_no_text_is_shown_and_kept(tools, broker, name):
    tools("create", name)
    producer = Producer({"bootstrap.servers": broker.address})
    producer.produce(name, b"\xff\x00a\\", headers=[("h", b"\xfe"), ("h", b"last")])
    producer.produce(name, "a\nb\x1b[31m")
    assert producer.flush(SECONDS_MAX) == 0
    first, second = tools.lines("tail", name)
    assert first["value"] == r"\xFF\x00a\x5C" and first["headers"] == {"h": "last"}
    assert second["value"] == "a\nb\x1b[31m"
    assert r"a\nb\x1B[31m" in tools("tail", name)
    assert tools.bytes("tail", name, "--format", "raw").stdout \
        == b"\xff\x00a\\\na\nb\x1b[31m\n"


def test_dead_letters_of_kafka_connect_are_shown_in_words(tools, broker, name):
    tools("create", name)
    told = {"topic": "orders", "partition": "3", "offset": "17", "connector.name": "files",
            "task.id": "0", "stage": "VALUE_CONVERTER", "exception.class.name": "DataException",
            "exception.message": "no number"}
    producer = Producer({"bootstrap.servers": broker.address})
    producer.produce(name, "broken", headers=[(f"__connect.errors.{k}", v) for k, v in told.items()]
                     + [("trace", "7")])
    assert producer.flush(SECONDS_MAX) == 0
    lines = tools("tail", name).splitlines()
    assert lines[0].endswith("0@0  broken")
    assert lines[1:] == ["    dead letter: from orders/3 at 17, by files, at VALUE_CONVERTER: "
                         "DataException: no number", "    trace: 7"]


def test_only_committed_records_are_shown_unless_asked(tools, broker, name):
    tools("create", name)
    producer = Producer({"bootstrap.servers": broker.address, "transactional.id": name})
    producer.init_transactions(SECONDS_MAX)
    for value, end in (("aborted", producer.abort_transaction),
                       ("committed", producer.commit_transaction), ("open", None)):
        producer.begin_transaction()
        producer.produce(name, value)
        assert producer.flush(SECONDS_MAX) == 0
        if end:
            end(SECONDS_MAX)
    assert values(tools.lines("tail", name, "--from", "earliest")) == ["committed"]
    assert values(tools.lines("tail", name, "--from", "earliest", "--uncommitted")) \
        == ["aborted", "committed", "open"]
    producer.abort_transaction(SECONDS_MAX)


def test_follow_shows_what_comes_until_ctrl_c(tools, broker, name, tmp_path):
    tools("create", name)
    tools("produce", name, typed="before\n")
    argv = [weir_bin(), "topic", "tail", name, "--server", broker.address, "--follow",
            "--last", "1", "--where", "value <> 'not me'"]
    with Terminal(argv, tmp_path, columns=60) as terminal:
        terminal.expect("before")
        tools("produce", name, typed="first\nnot me\nsecond\n" + "long" * 30 + "\n")
        terminal.expect("second")
        terminal.expect("…")
        terminal.type("\x03")
        assert terminal.end() == 0
        assert "not me" not in terminal.screen
        assert max(map(len, terminal.screen.replace("^C", "").splitlines())) <= 60


def test_a_pipe_is_written_as_it_comes(tools, broker, name, tmp_path):
    tools("create", name)
    argv = [weir_bin(), "topic", "produce", name, "--server", broker.address]
    with Terminal(argv, tmp_path) as terminal:
        terminal.expect("Ctrl-D ends")
        terminal.type("one\n")
        until = time.monotonic() + SECONDS_MAX
        while values(tools.lines("tail", name)) != ["one"]:
            assert time.monotonic() < until
        terminal.type("\x04")
        assert terminal.end() == 0
        assert f"1 record acknowledged by {name}" in terminal.screen


# --- groups ---

def committed_group(broker, topic: str, group: str, offsets: dict) -> None:
    consumer = Consumer({"bootstrap.servers": broker.address, "group.id": group})
    consumer.commit(offsets=[TopicPartition(topic, partition, offset)
                             for partition, offset in offsets.items()], asynchronous=False)
    consumer.close()


def test_lag_is_what_other_admins_compute(tools, broker, admin, name):
    tools("create", name, "--partitions", "3")
    producer = Producer({"bootstrap.servers": broker.address})
    written_ms = int(time.time() * 1000) - 601_000
    for i in range(30):
        producer.produce(name, str(i), partition=i % 3, timestamp=written_ms + i)
    assert producer.flush(SECONDS_MAX) == 0
    group = f"{name}-readers"
    committed_group(broker, name, group, {0: 4, 1: 10})
    rows = {row["partition"]: row for row in tools.json("lag", group)}
    assert set(rows) == {0, 1}

    asked = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])
    theirs = {p.partition: p.offset
              for p in asked[group].result(SECONDS_MAX).topic_partitions}
    ends = admin.list_offsets({TopicPartition(name, p): OffsetSpec.latest() for p in theirs})
    for partition, future in ends.items():
        row = rows[partition.partition]
        assert row["committed"] == theirs[partition.partition]
        assert row["end"] == future.result(SECONDS_MAX).offset
        assert row["lag_records"] == row["end"] - row["committed"]
    assert 600 <= rows[0]["lag_seconds"] < 660 and rows[1]["lag_seconds"] == 0
    assert "10 min" in tools("lag", group)
    assert group in tools("groups") and "Empty" in tools("groups", group)


def test_lag_goes_to_the_last_stable_offset(tools, broker, name):
    tools("create", name)
    tools("produce", name, typed="0\n1\n")
    producer = Producer({"bootstrap.servers": broker.address, "transactional.id": name})
    producer.init_transactions(SECONDS_MAX)
    producer.begin_transaction()
    for i in range(5):
        producer.produce(name, str(i))
    assert producer.flush(SECONDS_MAX) == 0
    committed_group(broker, name, name, {0: 0})
    lag = lambda *more: tools.json("lag", name, *more)[0]["lag_records"]  # noqa: E731
    assert lag() == 2 and lag("--uncommitted") == 7

    (told,) = [row for row in tools.json("transactions") if row["owner"] == name]
    assert told["state"] == "Ongoing" and told["held_back_records"] == 5
    assert told["partitions"] == [{"topic": name, "partition": 0}]
    assert told["open_seconds"] < 60 and told["timeout_ms"] > 0
    wrong = tools.ended("transactions", "--abort", name + "x")
    assert wrong.code == 2 and f"did you mean '{name}'?" in wrong.err
    assert "is aborted" in tools("transactions", "--abort", name)
    assert lag() >= 7
    assert values(tools.lines("tail", name, "--from", "earliest")) == ["0", "1"]
    assert not [row for row in tools.json("transactions") if row["owner"] == name]
    with pytest.raises(Exception, match="fenced|FENCED|epoch"):
        producer.commit_transaction(SECONDS_MAX)


def test_a_group_is_moved_only_when_told_to_and_nobody_reads(tools, broker, name):
    tools("create", name, "--partitions", "2", "--set", "retention.ms=-1")
    producer = Producer({"bootstrap.servers": broker.address})
    for i in range(20):
        producer.produce(name, str(i), partition=i % 2, timestamp=1_700_000_000_000 + i * 60_000)
    assert producer.flush(SECONDS_MAX) == 0
    committed_group(broker, name, name, {0: 5, 1: 6})
    offsets = lambda: {row["partition"]: row["committed"]  # noqa: E731
                       for row in tools.json("lag", name)}
    shown = tools("reset", name, "--topic", name, "--to-earliest")
    assert "would be" in shown and "--execute" in shown
    assert offsets() == {0: 5, 1: 6}
    reset = lambda *more: tools("reset", name, *more, "--execute")  # noqa: E731
    reset("--all-topics", "--by=-3")
    assert offsets() == {0: 2, 1: 3}
    reset("--topic", f"{name}:1", "--to-latest")
    assert offsets() == {0: 2, 1: 10}
    reset("--topic", name, "--to-time", "2023-11-14 22:23:20")
    assert offsets() == {0: 5, 1: 5}
    reset("--topic", name, "--to-offset", "99")
    assert offsets() == {0: 10, 1: 10}
    reset("--topic", name, "--to-earliest")
    assert offsets() == {0: 0, 1: 0}
    wrong = tools.ended("reset", name, "--all-topics")
    assert wrong.code == 2 and "--to-earliest" in wrong.err

    consumer = Consumer({"bootstrap.servers": broker.address, "group.id": name, "client.id": "me"})
    consumer.subscribe([name])
    until = time.monotonic() + SECONDS_MAX
    while not consumer.assignment():
        consumer.poll(0.1)
        assert time.monotonic() < until
    wrong = tools.ended("reset", name, "--all-topics", "--to-earliest", "--execute")
    assert wrong.code == 2 and "1 member" in wrong.err and "me on" in wrong.err
    (told,) = tools.json("groups", name)
    assert told["state"] == "Stable" and told["members"][0]["client"] == "me"
    assert len(told["members"][0]["assigned"]) == 2
    consumer.close()


def test_what_a_group_has_read_is_forgotten_only_when_told_to(tools, broker, name):
    tools("create", name, "--partitions", "2")
    other = f"{name}-other"
    for topic in (name, other):
        tools("create", topic, "--partitions", "2", "--if-absent")
        tools("produce", topic, typed="1\n2\n3\n4\n")
        committed_group(broker, topic, name, {0: 1, 1: 1})
    read = lambda: {(row["topic"], row["partition"])  # noqa: E731
                    for row in tools.json("lag", name) if row["committed"] is not None}
    assert len(read()) == 4
    assert "forgotten" in tools("reset", name, "--topic", f"{name}:1", "--forget")
    assert len(read()) == 4
    told = tools.json("reset", name, "--topic", f"{name}:1", "--forget", "--execute")
    assert told["offsets"] == [{"topic": name, "partition": 1, "was": 1, "offset": None}]
    assert read() == {(name, 0), (other, 0), (other, 1)}
    wrong = tools.ended("reset", name, "--all-topics", "--forget", "--to-latest")
    assert wrong.code == 2 and "--forget" in wrong.err

    wrong = tools.ended("groups", name, "--delete")
    assert wrong.code == 2 and "3 offsets" in wrong.err and "--yes" in wrong.err
    assert len(read()) == 3
    wrong = tools.ended("groups", "--delete", "--yes")
    assert wrong.code == 2 and "which groups" in wrong.err
    consumer = Consumer({"bootstrap.servers": broker.address, "group.id": name, "client.id": "me"})
    consumer.subscribe([name])
    until = time.monotonic() + SECONDS_MAX
    while not consumer.assignment():
        consumer.poll(0.1)
        assert time.monotonic() < until
    wrong = tools.ended("groups", name, "--delete", "--yes")
    assert wrong.code == 2 and "1 member" in wrong.err and "me on" in wrong.err
    consumer.close()
    tools("groups", name, "--delete", "--yes")
    assert name not in [row["group"] for row in tools.json("groups")]
    wrong = tools.ended("groups", name, "--delete", "--yes")
    assert wrong.code == 2 and "no group" in wrong.err


# --- without a server ---

def test_a_folder_that_is_served_is_asked_for_at_its_server(tools, broker, name):
    tools("create", name)
    of_folder = Tools(tools.folder, "--data", str(broker.data))
    of_folder("produce", name, typed="by folder\n")
    assert values(tools.lines("tail", name)) == ["by folder"]
    sql = run_weir("sql", "--data", broker.data, "--format", "csv", "-c",
                   f"SELECT value FROM topic('{name}')", cwd=tools.folder, timeout=SECONDS_MAX)
    assert sql.stdout == b"value\nby folder\n", sql.stderr


def test_a_folder_has_one_broker(broker, tmp_path):
    done = run_weir("serve", "--data", broker.data, "--listen", "127.0.0.1:0", "--http", "0",
                    cwd=tmp_path, timeout=SECONDS_MAX)
    said = done.stderr.decode()
    assert done.returncode == 2 and f"process {broker.process.pid} " in said, said


def test_a_folder_that_nobody_serves(tmp_path):
    tools = Tools(tmp_path, "--data", "events")
    tools("create", "orders")
    tools("produce", "orders", typed="1\n2\n")
    assert values(tools.lines("tail", "orders")) == ["1", "2"]
    assert [row["topic"] for row in tools.json("ls")] == ["orders"]


# --- metrics ---

def metrics(port: int) -> dict:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=SECONDS_MAX) as page:
        lines = page.read().decode().splitlines()
    return {name: float(value) for name, value in
            (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


def test_monitors_see_the_lag_in_records_and_seconds(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with Broker(tmp_path / "data", "--http", str(port)) as broker:
        tools = Tools(tmp_path, "--server", broker.address)
        tools("create", "orders", "--partitions", "2")
        producer = Producer({"bootstrap.servers": broker.address})
        written_ms = int(time.time() * 1000) - 300_000
        for i in range(10):
            producer.produce("orders", str(i), partition=i % 2, timestamp=written_ms)
        assert producer.flush(SECONDS_MAX) == 0
        committed_group(broker, "orders", 'a "group"', {0: 2, 1: 5})
        told = metrics(port)
        series = r'{group="a \"group\"",topic="orders",partition="%d"}'
        assert told["weir_consumer_lag_records" + series % 0] == 3
        assert 300 <= told["weir_consumer_lag_seconds" + series % 0] < 360
        assert told["weir_consumer_lag_records" + series % 1] == 0
        assert told["weir_consumer_lag_seconds" + series % 1] == 0
        assert told["weir_consumer_lag_left_out"] == 0
        tools("delete", "orders", "--yes")
        assert "weir_consumer_lag_records" + series % 0 not in metrics(port)
