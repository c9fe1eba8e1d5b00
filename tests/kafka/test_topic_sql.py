"""Topics and what goes on in them, as tables of `weir sql`; held against what confluent-kafka
says."""
import itertools
import json
import pathlib
import sys
import time

import pytest
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from weir_process import run_weir  # noqa: E402
from weir_project import Ended  # noqa: E402

SECONDS_MAX = 20
START_MS = 1_700_000_000_000  # 2023-11-14 22:13:20
_numbers = itertools.count()


@pytest.fixture(scope="module")
def sql(broker, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sql")

    def ended(statement: str, *flags: str) -> Ended:
        done = run_weir("sql", "--server", broker.address, "-c", statement, *flags, cwd=folder,
                        timeout=SECONDS_MAX)
        return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())

    def rows(statement: str) -> list:
        answer = ended(statement, "--format", "json")
        assert answer.code == 0, answer
        return json.loads(answer.out)

    rows.ended = ended
    return rows


@pytest.fixture(scope="module")
def admin(broker) -> AdminClient:
    return AdminClient({"bootstrap.servers": broker.address})


@pytest.fixture
def name() -> str:
    return f"events{next(_numbers)}"


def make(admin, topic: str, partitions: int = 1) -> None:
    config = {"retention.ms": "-1"}  # the records are old
    (future,) = admin.create_topics([NewTopic(topic, partitions, 1, config=config)]).values()
    future.result(SECONDS_MAX)


def minutes(broker, admin, topic: str, count: int, partitions: int) -> None:
    """A record a minute, in turn to each partition."""
    make(admin, topic, partitions)
    producer = Producer({"bootstrap.servers": broker.address, "compression.type": "lz4"})
    for i in range(count):
        producer.produce(topic, json.dumps({"n": i}), key=f"k{i}", partition=i % partitions,
                         timestamp=START_MS + i * 60_000, headers=[("i", str(i))])
    assert producer.flush(SECONDS_MAX) == 0


def test_records_are_rows(sql, broker, admin, name):
    minutes(broker, admin, name, 4, 2)
    assert sql(f"SELECT * FROM topic('{name}') ORDER BY timestamp LIMIT 2") == [
        {"topic": name, "partition": 0, "offset": 0, "timestamp": "2023-11-14 22:13:20+00",
         "timestamp_type": "create", "key": "k0", "value": '{"n": 0}', "headers": {"i": "0"}},
        {"topic": name, "partition": 1, "offset": 0, "timestamp": "2023-11-14 22:14:20+00",
         "timestamp_type": "create", "key": "k1", "value": '{"n": 1}', "headers": {"i": "1"}}]
    assert sql(f"SELECT sum((value->>'$.n')::INT) AS s, count(*) AS c FROM topic('{name}')") \
        == [{"s": 6, "c": 4}]
    assert sql(f"SELECT count(*) AS c FROM topic('{name}')") == [{"c": 4}]
    assert sql(f"SELECT typeof(value) AS t, octet_length(key) AS k "
               f"FROM topic('{name}', raw => true) LIMIT 1") == [{"t": "BLOB", "k": 2}]


@pytest.mark.parametrize("condition, expected", [
    ('"offset" >= 7', [14, 15, 16, 17, 18, 19]),
    ('"offset" BETWEEN 2 AND 3', [4, 5, 6, 7]),
    ('"offset" IN (1, 9)', [2, 3, 18, 19]),
    ('"offset" = 3 AND partition = 1', [7]),
    ('"offset" > 100', []),
    ("partition = 1 AND key > 'k5'", [7, 9]),
    ("partition = 7", []),
    ("partition IS NULL", []),
    ("timestamp >= '2023-11-14 22:30:20Z'", [17, 18, 19]),
    ("timestamp > '2023-11-14 22:30:20Z' AND timestamp < '2023-11-14 22:32:20Z'", [18]),
    ("timestamp < '2023-11-14 22:14:00Z'", [0]),
    ("timestamp >= '2033-01-01 00:00:00Z'", []),
    ("headers['i'] = '3' OR \"offset\" = 0", [0, 1, 3]),
    ("value->>'$.n' = '12'", [12])])
def test_conditions_choose_what_is_read(sql, broker, admin, condition, expected):
    topic = "conditions"
    if topic not in admin.list_topics(timeout=SECONDS_MAX).topics:
        minutes(broker, admin, topic, 20, 2)
    rows = sql(f"SELECT (value->>'$.n')::INT AS n FROM topic('{topic}') WHERE {condition} "
               "ORDER BY n")
    assert [row["n"] for row in rows] == expected


def test_newest_rows_without_order_of_offsets(sql, broker, admin, name):
    minutes(broker, admin, name, 50, 3)
    rows = sql(f'SELECT key FROM topic(\'{name}\') ORDER BY timestamp DESC LIMIT 3')
    assert [row["key"] for row in rows] == ["k49", "k48", "k47"]
    rows = sql(f'SELECT partition, max("offset") AS o FROM topic(\'{name}\') GROUP BY 1 ORDER BY 1')
    assert rows == [{"partition": 0, "o": 16}, {"partition": 1, "o": 16}, {"partition": 2, "o": 15}]


def test_only_committed_rows_unless_asked(sql, broker, admin, name):
    make(admin, name)
    producer = Producer({"bootstrap.servers": broker.address, "transactional.id": name})
    producer.init_transactions(SECONDS_MAX)
    for value, commit in (("lost", False), ("kept", True)):
        producer.begin_transaction()
        producer.produce(name, value)
        assert producer.flush(SECONDS_MAX) == 0
        (producer.commit_transaction if commit else producer.abort_transaction)(SECONDS_MAX)
    producer.begin_transaction()
    producer.produce(name, "open")
    assert producer.flush(SECONDS_MAX) == 0
    values = lambda source: [row["value"] for row in  # noqa: E731
                             sql(f'SELECT value FROM {source} ORDER BY "offset"')]
    assert values(f"topic('{name}')") == ["kept"]
    assert values(f"topic('{name}', committed => false)") == ["lost", "kept", "open"]
    (told,) = sql(f"SELECT * FROM system.transactions WHERE transactional_id = '{name}'")
    assert (told["state"], told["open"], told["held_back_records"]) == ("Ongoing", True, 1)
    assert told["partitions"] == [{"topic": name, "partition": 0}]
    (told,) = sql(f"SELECT * FROM system.partitions WHERE topic = '{name}'")
    assert told["stable_offset"] == told["end_offset"] - 1 == 4
    producer.abort_transaction(SECONDS_MAX)


def test_system_tables_say_what_admins_say(sql, broker, admin, name):
    minutes(broker, admin, name, 30, 3)
    group = f"{name}-readers"
    consumer = Consumer({"bootstrap.servers": broker.address, "group.id": group,
                         "client.id": "reader", "enable.auto.commit": False})
    consumer.subscribe([name])
    until = time.monotonic() + SECONDS_MAX
    while len(consumer.assignment()) < 3:
        consumer.poll(0.1)
        assert time.monotonic() < until
    consumer.commit(offsets=[TopicPartition(name, 0, 3), TopicPartition(name, 1, 10)],
                    asynchronous=False)

    topics = admin.list_topics(timeout=SECONDS_MAX).topics
    told = {row["topic"]: row["partitions"] for row in sql("SELECT * FROM system.topics")}
    assert told == {topic.topic: len(topic.partitions) for topic in topics.values()}
    assert sql(f"SELECT topic, records, internal FROM system.topics WHERE topic = '{name}'") \
        == [{"topic": name, "records": 30, "internal": False}]

    ends = admin.list_offsets({TopicPartition(name, p): OffsetSpec.latest() for p in range(3)})
    begins = admin.list_offsets({TopicPartition(name, p): OffsetSpec.earliest() for p in range(3)})
    for row in sql(f"SELECT * FROM system.partitions WHERE topic = '{name}'"):
        key = TopicPartition(name, row["partition"])
        assert row["end_offset"] == ends[key].result(SECONDS_MAX).offset
        assert row["begin_offset"] == begins[key].result(SECONDS_MAX).offset
        assert row["bytes"] > 0 and row["replicas"] == row["in_sync"] == [row["leader"]]

    (described,) = admin.describe_consumer_groups([group]).values()
    theirs = described.result(SECONDS_MAX)
    (mine,) = sql(f"SELECT * FROM system.groups WHERE group_id = '{group}'")
    assert (mine["state"], mine["members"]) == ("Stable", len(theirs.members))
    members = sql("SELECT member_id, client_id, topic, partition FROM system.group_members "
                  f"WHERE group_id = '{group}' ORDER BY partition")
    assert [tuple(row.values()) for row in members] \
        == [(theirs.members[0].member_id, "reader", name, p) for p in range(3)]

    asked = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])
    committed = {p.partition: p.offset for p in asked[group].result(SECONDS_MAX).topic_partitions}
    lag = {row["partition"]: row for row in
           sql(f"SELECT * FROM system.consumer_lag WHERE group_id = '{group}'")}
    assert {p: row["committed_offset"] for p, row in lag.items() if row["committed_offset"]} \
        == committed
    assert [lag[p]["lag_records"] for p in range(3)] == [7, 0, None]
    next_ms = START_MS + 3 * 3 * 60_000
    assert abs(lag[0]["lag_seconds"] - (time.time() - next_ms / 1000)) < 60
    assert lag[1]["lag_seconds"] == 0 and lag[0]["client_id"] == "reader"
    consumer.close()


def test_mistakes(sql, broker, admin, name):
    make(admin, name)
    wrong = sql.ended(f"SELECT * FROM topic('{name}x')")
    assert wrong.code == 2 and f"did you mean '{name}'?" in wrong.err
    wrong = sql.ended("SELECT * FROM topic('')")
    assert wrong.code == 2


def test_where_nobody_serves_and_nothing_is(tmp_path):
    def ended(statement):
        done = run_weir("sql", "-c", statement, cwd=tmp_path, timeout=SECONDS_MAX)
        return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())
    wrong = ended("SELECT * FROM system.topics")
    assert wrong.code == 2 and "weir serve" in wrong.err
    assert ended("SELECT 42").code == 0
    assert not (tmp_path / "data").exists()
    for command in (["create", "orders"], ["produce", "orders"]):
        run_weir("topic", *command, cwd=tmp_path, input=b"1\n").check_returncode()
    assert "orders" in ended("SELECT topic FROM system.topics").out
