"""What producers and consumers of librdkafka do every day: groups, idempotence, transactions."""
import itertools
import threading
import time
import uuid

import pytest
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from kafka_broker import Broker

PARTITIONS = 4


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    """Members of KIP-848's groups hear at once what they are to do, not after five seconds."""
    folder = tmp_path_factory.mktemp("clients")
    (folder / "weir.toml").write_text("[groups]\nconsumer-heartbeat-interval-ms = 500\n")
    with Broker(folder / "data", "--config", str(folder / "weir.toml")) as broker:
        yield broker
    assert broker.process.returncode == 0


@pytest.fixture
def topic(broker):
    return make_topic(broker)


def make_topic(broker) -> str:
    name = "t-" + uuid.uuid4().hex[:8]
    admin = AdminClient({"bootstrap.servers": broker.address})
    for made in admin.create_topics([NewTopic(name, PARTITIONS)]).values():
        made.result(20)
    return name


def produce(broker, topic, values, **settings):
    failed = []
    producer = Producer({"bootstrap.servers": broker.address, "acks": "all", **settings})
    for value in values:
        producer.produce(topic, value, partition=int(value) % PARTITIONS,
                         on_delivery=lambda error, _: error and failed.append(error))
        producer.poll(0)
    assert producer.flush(30) == 0
    assert not failed


def read_all(broker, topic, isolation="read_committed", wait=10.0):
    """All records of a topic, by partition, up to the ends as they are now."""
    consumer = Consumer({"bootstrap.servers": broker.address, "group.id": uuid.uuid4().hex,
                         "isolation.level": isolation, "enable.auto.commit": False})
    places = [TopicPartition(topic, i, 0) for i in range(PARTITIONS)]
    ends = {p.partition: consumer.get_watermark_offsets(p, 10)[1] for p in places}
    consumer.assign(places)
    found = {i: [] for i in range(PARTITIONS)}
    until = time.time() + wait
    while time.time() < until:
        for message in consumer.consume(5000, 0.2):
            assert message.error() is None, message.error()
            found[message.partition()].append((message.offset(), message.value()))
        at = {p.partition: p.offset for p in consumer.position(places)}
        if all(at[i] >= ends[i] or ends[i] == 0 for i in ends):
            break
    else:
        pytest.fail(f"at {at} of {ends} after {wait} s")
    consumer.close()
    return found


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_every_codec_comes_back_as_it_was_sent(broker, topic, codec):
    values = [str(i).encode() for i in range(2000)]
    produce(broker, topic, values, **{"compression.type": codec})
    found = read_all(broker, topic)
    for partition, records in found.items():
        assert [value for _, value in records] == values[partition::PARTITIONS]
        assert [offset for offset, _ in records] == list(range(len(records)))


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_members_of_a_group_share_the_partitions(broker, topic, protocol):
    values = [str(i).encode() for i in range(4000)]
    produce(broker, topic, values)
    group = uuid.uuid4().hex
    seen = []
    stops = [threading.Event(), threading.Event()]
    owned = [set(), set()]

    def member(index):
        consumer = Consumer({"bootstrap.servers": broker.address, "group.id": group,
                             "group.protocol": protocol, "auto.offset.reset": "earliest",
                             "enable.auto.commit": False})
        consumer.subscribe([topic])
        while not stops[index].is_set():
            messages = consumer.consume(500, 0.1)
            seen.extend(m.value() for m in messages if m.error() is None)
            if messages:
                consumer.commit(asynchronous=False)
            owned[index] = {p.partition for p in consumer.assignment()}
        consumer.close()

    threads = [threading.Thread(target=member, args=(i,)) for i in range(2)]
    for thread in threads:
        thread.start()
    until = time.time() + 40
    while time.time() < until:
        if len(seen) >= len(values) and len(owned[0]) == len(owned[1]) == PARTITIONS // 2:
            break
        time.sleep(0.1)
    assert owned[0] | owned[1] == set(range(PARTITIONS)) and not owned[0] & owned[1]
    stops[0].set()
    threads[0].join()
    while time.time() < until and len(owned[1]) < PARTITIONS:
        time.sleep(0.1)
    assert owned[1] == set(range(PARTITIONS))
    stops[1].set()
    threads[1].join()
    # What was read and not yet committed when a partition moved is read again; nothing is left out.
    assert set(seen) == set(values)
    committed = Consumer({"bootstrap.servers": broker.address, "group.id": group}).committed(
        [TopicPartition(topic, i) for i in range(PARTITIONS)], 10)
    assert [p.offset for p in committed] == [1000] * PARTITIONS


def test_transactions_are_seen_whole_or_not_at_all(broker, topic):
    producer = Producer({"bootstrap.servers": broker.address, "transactional.id": topic})
    producer.init_transactions(20)
    for number in range(6):
        producer.begin_transaction()
        for partition in range(PARTITIONS):
            producer.produce(topic, str(number).encode(), partition=partition)
        assert producer.flush(20) == 0
        if number % 2 == 0:
            producer.commit_transaction(20)
        else:
            producer.abort_transaction(20)
    for records in read_all(broker, topic).values():
        assert [value for _, value in records] == [b"0", b"2", b"4"]
    for records in read_all(broker, topic, "read_uncommitted").values():
        assert [value for _, value in records] == [b"0", b"1", b"2", b"3", b"4", b"5"]


def test_a_second_producer_fences_the_first(broker, topic):
    settings = {"bootstrap.servers": broker.address, "transactional.id": topic}
    first = Producer(settings)
    first.init_transactions(20)
    first.begin_transaction()
    first.produce(topic, b"old", partition=0)
    assert first.flush(20) == 0
    second = Producer(settings)
    second.init_transactions(20)
    with pytest.raises(Exception) as refused:
        first.commit_transaction(20)
    assert refused.value.args[0].code() == KafkaError._FENCED
    second.begin_transaction()
    second.produce(topic, b"new", partition=0)
    second.commit_transaction(20)
    assert [value for _, value in read_all(broker, topic)[0]] == [b"new"]


def test_read_transform_write_is_exactly_once(broker, topic):
    values = [str(i).encode() for i in range(3000)]
    produce(broker, topic, values)
    target = make_topic(broker)
    group = uuid.uuid4().hex
    consumer = Consumer({"bootstrap.servers": broker.address, "group.id": group,
                         "auto.offset.reset": "earliest", "enable.auto.commit": False})
    consumer.subscribe([topic])
    producer = Producer({"bootstrap.servers": broker.address, "transactional.id": group})
    producer.init_transactions(20)
    done = 0
    for step in itertools.count():
        messages = [m for m in consumer.consume(700, 1.0) if m.error() is None]
        if not messages and done == len(values):
            break
        assert step < 60
        if not messages:
            continue
        producer.begin_transaction()
        for message in messages:
            producer.produce(target, message.value(), partition=message.partition())
        producer.send_offsets_to_transaction(
            consumer.position(consumer.assignment()), consumer.consumer_group_metadata(), 20)
        if step % 3 == 1:  # and now and then it fails
            producer.abort_transaction(20)
            for place in consumer.committed(consumer.assignment(), 10):
                consumer.seek(TopicPartition(topic, place.partition, max(place.offset, 0)))
            continue
        producer.commit_transaction(20)
        done += len(messages)
    consumer.close()
    for partition, records in read_all(broker, target).items():
        assert [value for _, value in records] == values[partition::PARTITIONS]
