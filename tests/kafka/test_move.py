"""Moving to another cluster: topics and groups' offsets are copied, nothing is lost or doubled."""
import json
import random
import signal
import subprocess
import threading
import time
import uuid

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from apache_kafka import Cluster
from kafka_broker import Broker
from weir_process import run_weir, text, weir_bin
from weir_project import Project

PARTITIONS = 3


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    with Broker(tmp_path_factory.mktemp("target") / "data") as broker:
        yield broker


@pytest.fixture(params=["weir", pytest.param("kafka", marks=pytest.mark.slow)], scope="module")
def other(request, tmp_path_factory):
    """What is moved to: another Weir, and three brokers of Apache Kafka."""
    if request.param == "weir":
        with Broker(tmp_path_factory.mktemp("other") / "data") as broker:
            yield broker.address
    else:
        with Cluster(tmp_path_factory.mktemp("cluster")) as cluster:
            yield cluster.address


def copy_command(source, to, *arguments):
    return ["topic", "copy", "--server", source, "--to", to, "--format", "json", *arguments]


def copy(source, to, *arguments, code=0):
    done = text(run_weir(*copy_command(source, to, *arguments)))
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout) if code == 0 else done.stderr + done.stdout


def new_topic(address, name=None, partitions=PARTITIONS, **config):
    name = name or "m-" + uuid.uuid4().hex[:8]
    admin = AdminClient({"bootstrap.servers": address})
    admin.create_topics([NewTopic(name, partitions, config=config)])[name].result(30)
    return name


def records(address, topic, seconds=60):
    """What read_committed consumers see, by partition: offset, key, value, headers, timestamp."""
    consumer = Consumer({"bootstrap.servers": address, "group.id": uuid.uuid4().hex,
                         "enable.auto.commit": False, "isolation.level": "read_committed",
                         "enable.partition.eof": True, "fetch.wait.max.ms": 20})
    count = len(consumer.list_topics(topic, 30).topics[topic].partitions)
    consumer.assign([TopicPartition(topic, i, 0) for i in range(count)])
    found, ended, until = {i: [] for i in range(count)}, set(), time.time() + seconds
    while len(ended) < count:
        assert time.time() < until
        for message in consumer.consume(5000, 0.2):
            if message.error():
                ended.add(message.partition())
            else:
                found[message.partition()].append((message.offset(), message.key(), message.value(),
                                                   message.headers(), message.timestamp()))
    consumer.close()
    return found


def without_offsets(found):
    return {partition: [record[1:] for record in rows] for partition, rows in found.items()}


def test_records_come_whole_and_once(broker, other):
    topic = new_topic(broker.address, **{"cleanup.policy": "delete", "retention.ms": "-1"})
    producer = Producer({"bootstrap.servers": broker.address,
                         "transactional.id": uuid.uuid4().hex})
    producer.init_transactions(30)
    for turn in range(6):
        producer.begin_transaction()
        for i in range(200):
            producer.produce(topic, key=None if i % 7 == 0 else b"" if i % 7 == 1 else f"k{i}",
                             value=None if i % 5 == 0 else f"{turn}-{i}", partition=i % PARTITIONS,
                             timestamp=1_700_000_000_000 + i,
                             headers=[("h", b"\x00\xff"), ("h", None)] if i % 3 == 0 else None)
        if turn % 3 == 2:
            producer.flush(30)
            producer.abort_transaction(30)
        else:
            producer.commit_transaction(30)
    group = uuid.uuid4().hex
    consumer = Consumer({"bootstrap.servers": broker.address, "group.id": group})
    seen = records(broker.address, topic)
    # One in the middle, one at the end, one in the gap that an aborted transaction left.
    offsets = {0: seen[0][77][0], 1: seen[1][-1][0] + 1, 2: seen[2][2 * 67 - 1][0] + 30}
    consumer.commit(offsets=[TopicPartition(topic, p, o) for p, o in offsets.items()],
                    asynchronous=False)
    consumer.close()

    told = copy(broker.address, other, topic, "--group", group)
    assert told["records"] == sum(len(rows) for rows in seen.values())
    assert told["groups"] == [{"group": group, "partitions": 3, "behind": 0}]
    copied = records(other, topic)
    assert without_offsets(copied) == without_offsets(seen)
    there = Consumer({"bootstrap.servers": other, "group.id": group})
    for place in there.committed([TopicPartition(topic, p) for p in range(PARTITIONS)], 30):
        before = sum(1 for row in seen[place.partition] if row[0] < offsets[place.partition])
        after = sum(1 for row in copied[place.partition] if row[0] < place.offset)
        assert before == after, place
    there.close()
    # Again: nothing is new, nothing is doubled.
    assert copy(broker.address, other, topic)["records"] == 0
    assert without_offsets(records(other, topic)) == without_offsets(seen)


def test_batches_are_no_larger_than_the_topic_allows(broker, target):
    topic = new_topic(broker.address, partitions=1, **{"max.message.bytes": "50000"})
    producer = Producer({"bootstrap.servers": broker.address, "batch.size": 40000})
    for i in range(5000):
        producer.produce(topic, f"{i} {'x' * 50}")
    assert producer.flush(30) == 0
    assert copy(broker.address, target.address, topic, "--no-groups")["records"] == 5000
    assert (without_offsets(records(target.address, topic)) ==
            without_offsets(records(broker.address, topic)))


def test_what_is_refused(broker, target):
    topic = new_topic(broker.address)
    said = copy(broker.address, target.address, topic, "no-such-topic", code=2)
    assert "no-such-topic" in said
    assert "one cluster" in copy(broker.address, broker.address, topic, code=2)
    new_topic(target.address, topic, partitions=5)
    assert "5 on" in copy(broker.address, target.address, topic, code=2)
    taken = new_topic(broker.address)
    new_topic(target.address, taken)
    producer = Producer({"bootstrap.servers": target.address})
    producer.produce(taken, b"another's")
    assert producer.flush(30) == 0
    assert "records already" in copy(broker.address, target.address, taken, code=2)
    # A place where nobody ever was is not waited for as a cluster that went away.
    begin = time.time()
    said = copy(broker.address, "127.0.0.1:1", topic, "--to-property", "default.api.timeout.ms=300",
                code=3)
    assert "127.0.0.1:1" in said and "refused" in said and time.time() - begin < 5


def test_killed_copies_go_on(broker, other):
    """kill -9 of the copy at random moments; the last one ends it."""
    topic = new_topic(broker.address)
    producer = Producer({"bootstrap.servers": broker.address})
    for i in range(60_000):
        producer.produce(topic, value=f"{i}", partition=i % PARTITIONS)
        if i % 1000 == 0:
            producer.poll(0)
    assert producer.flush(60) == 0
    rng = random.Random(5)
    for _ in range(5):
        process = subprocess.Popen([weir_bin(), *copy_command(broker.address, other, topic)],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(rng.uniform(0.05, 0.6))
        process.kill()
        process.wait()
    copy(broker.address, other, topic)
    assert without_offsets(records(other, topic)) == without_offsets(records(broker.address, topic))


def test_what_was_removed_after_it_was_copied_is_not_missed(broker, target):
    """All records of a topic and the marker behind them, which is no record."""
    topic = new_topic(broker.address, partitions=1)
    producer = Producer({"bootstrap.servers": broker.address,
                         "transactional.id": uuid.uuid4().hex})
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(topic, "1")
    producer.commit_transaction(30)
    assert copy(broker.address, target.address, topic)["records"] == 1
    admin = AdminClient({"bootstrap.servers": broker.address})
    for done in admin.delete_records([TopicPartition(topic, 0, 2)]).values():
        assert done.result(30).low_watermark == 2
    assert copy(broker.address, target.address, topic)["records"] == 0


def test_notes_behind_another_copys_open_transaction_count(broker, target):
    """Two clusters are copied to one; the other copy died between its notes and its commit."""
    topic = new_topic(broker.address, partitions=1)
    producer = Producer({"bootstrap.servers": broker.address})

    def send(first, last):
        for i in range(first, last):
            producer.produce(topic, str(i))
        assert producer.flush(30) == 0

    send(0, 50)
    assert copy(broker.address, target.address, topic)["records"] == 50
    other = Producer({"bootstrap.servers": target.address, "transactional.id": uuid.uuid4().hex})
    other.init_transactions(30)
    other.begin_transaction()
    other.produce("__weir_copies", b"no note", key=b"k")
    other.flush(30)
    ending = threading.Timer(2, other.abort_transaction)
    ending.start()
    send(50, 80)
    assert copy(broker.address, target.address, topic)["records"] == 30
    assert copy(broker.address, target.address, topic)["records"] == 0
    ending.join()
    assert without_offsets(records(target.address, topic)) == without_offsets(
        records(broker.address, topic))


class Pipeline:
    """A producer that goes on, and a member of a group that commits what it processed."""

    def __init__(self, topic, group):
        self.topic, self.group = topic, group
        self.sent, self.processed = 0, []
        self.failed = []

    def run(self, address, produced):
        """Until `produced` more are sent; then until the group has read them."""
        self.stop = threading.Event()
        reader = threading.Thread(target=self.consume, args=(address,))
        reader.start()
        producer = Producer({"bootstrap.servers": address, "enable.idempotence": True,
                             "linger.ms": 5, "log_level": 0})
        for _ in range(produced):
            producer.produce(self.topic, str(self.sent), partition=self.sent % PARTITIONS,
                             on_delivery=lambda error, _: error and self.failed.append(error))
            self.sent += 1
            producer.poll(0)
            if self.sent % 100 == 0:
                time.sleep(0.01)
        assert producer.flush(60) == 0
        return reader

    def consume(self, address):
        consumer = Consumer({"bootstrap.servers": address, "group.id": self.group,
                             "enable.auto.commit": False, "auto.offset.reset": "error",
                             "isolation.level": "read_committed", "log_level": 0})
        consumer.subscribe([self.topic])
        while not self.stop.is_set():
            batch = consumer.consume(500, 0.2)
            values = [int(m.value()) for m in batch if not m.error()]
            self.failed += [m.error() for m in batch if m.error()]
            if not values:
                continue
            self.processed += values
            try:
                consumer.commit(asynchronous=False)
            except KafkaException as error:
                self.failed.append(error)
        consumer.close()


def test_a_running_pipeline_moves(broker, other):
    topic = new_topic(broker.address)
    pipeline = Pipeline(topic, group="g-" + topic)
    # The group begins at the beginning.
    first = Consumer({"bootstrap.servers": broker.address, "group.id": pipeline.group})
    first.commit(offsets=[TopicPartition(topic, i, 0) for i in range(PARTITIONS)],
                 asynchronous=False)
    first.close()
    command = copy_command(broker.address, other, topic, "--follow")
    follower = subprocess.Popen([weir_bin(), *command], stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True)
    reader = pipeline.run(broker.address, 10_000)
    time.sleep(random.Random(3).uniform(0, 1))  # wherever the group is then
    pipeline.stop.set()
    reader.join(60)
    follower.send_signal(signal.SIGINT)
    said, _ = follower.communicate(timeout=60)
    assert follower.returncode == 0, said
    copy(broker.address, other, topic, "--group", pipeline.group)

    reader = pipeline.run(other, 5_000)
    until = time.time() + 60
    while len(pipeline.processed) < pipeline.sent and time.time() < until:
        time.sleep(0.1)
    pipeline.stop.set()
    reader.join(60)
    assert not pipeline.failed
    assert sorted(pipeline.processed) == list(range(pipeline.sent))


MOVED_TABLE = """
CREATE TABLE numbers_raw (number BIGINT) WITH ('connector' = 'kafka', 'topic' = '{topic}',
  'format' = 'json', 'properties.bootstrap.servers' = '{address}');
CREATE MATERIALIZED TABLE numbers AS SELECT number FROM numbers_raw;
"""


def send_numbers(address, topic, numbers):
    producer = Producer({"bootstrap.servers": address, "transactional.id": uuid.uuid4().hex})
    producer.init_transactions(30)
    producer.begin_transaction()
    for number in numbers:
        producer.produce(topic, f'{{"number": {number}}}',
                         partition=number % PARTITIONS)
    producer.commit_transaction(30)


def test_a_table_goes_on_in_the_copy(broker, other, tmp_path):
    topic = new_topic(broker.address)
    project = Project(tmp_path / "project")

    def run(address, code=0):
        project.write("p.sql", MOVED_TABLE.format(topic=topic, address=address))
        ended = project.run()
        assert ended.code == code, ended
        return ended.text

    send_numbers(broker.address, topic, range(100))
    run(broker.address)
    send_numbers(broker.address, topic, range(100, 130))  # not read before the move
    # Without a copy the other cluster's offsets mean nothing.
    new_topic(other, topic)
    assert "no copy" in run(other, code=2)
    admin = AdminClient({"bootstrap.servers": other})
    admin.delete_topics([topic])[topic].result(30)
    time.sleep(1)  # a cluster of three takes a moment

    copy(broker.address, other, topic)
    send_numbers(other, topic, range(130, 150))
    assert "moved to another cluster" in run(other)
    send_numbers(other, topic, range(150, 160))
    run(other)
    rows = sorted(project.rows("SELECT number FROM numbers"))
    assert rows == [(number,) for number in range(160)]
    # Read beyond what was copied: it is said, not skipped.
    topic = new_topic(broker.address)
    send_numbers(broker.address, topic, range(30))
    copy(broker.address, other, topic)
    send_numbers(broker.address, topic, range(30, 60))
    project = Project(tmp_path / "late")
    run(broker.address)
    assert "again" in run(other, code=2)
    copy(broker.address, other, topic)
    run(other)
    assert sorted(project.rows("SELECT number FROM numbers")) == [(number,) for number in range(60)]
