"""kill -9 of a broker under load: what was acknowledged is there, once."""
import random
import socket
import threading
import time

import pytest
from confluent_kafka import Producer

from kafka_broker import Broker
from test_clients import PARTITIONS, make_topic, read_all

KILLS_FAST = 4
KILLS_SLOW = 100  # for each of two kinds of load


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class KilledNowAndThen:
    """A broker that is killed at random moments and started again on its address."""

    def __init__(self, data, seed):
        self.data = data
        self.listen = f"127.0.0.1:{free_port()}"
        self.random = random.Random(seed)
        self.broker = self.start()

    def start(self):
        return Broker(self.data, "--listen", self.listen)

    def kill(self, acknowledged):
        """A moment after something more was acknowledged: a client needs seconds to come back."""
        before, until = acknowledged(), time.time() + 60
        while acknowledged() == before:
            assert time.time() < until, "nothing is acknowledged any more"
            time.sleep(0.01)
        time.sleep(self.random.uniform(0, 0.3))
        self.broker.process.kill()
        self.broker.process.wait()
        self.broker.process.stdout.close()
        self.broker = self.start()


@pytest.fixture(params=[pytest.param(KILLS_FAST, id="fast"),
                        pytest.param(KILLS_SLOW, id="slow", marks=pytest.mark.slow)])
def kills(request):
    return request.param


def test_idempotent_load(tmp_path, kills):
    server = KilledNowAndThen(tmp_path / "data", seed=1)
    topic = make_topic(server.broker)
    acknowledged = {i: [] for i in range(PARTITIONS)}
    stop = threading.Event()
    failed = []

    def load():
        producer = Producer({"bootstrap.servers": server.listen, "enable.idempotence": True,
                             "linger.ms": 1, "delivery.timeout.ms": 120_000,
                             "reconnect.backoff.max.ms": 200, "log_level": 0})

        def delivered(error, message):
            if error is not None:
                failed.append(error)
            else:
                acknowledged[message.partition()].append((message.offset(), message.value()))

        number = 0
        while not stop.is_set():
            if len(producer) < 2000:
                producer.produce(topic, str(number).encode(), partition=number % PARTITIONS,
                                 on_delivery=delivered)
                number += 1
            producer.poll(0 if number % 100 else 0.001)
        assert producer.flush(60) == 0

    thread = threading.Thread(target=load)
    thread.start()
    for _ in range(kills):
        server.kill(lambda: sum(len(records) for records in acknowledged.values()))
    stop.set()
    thread.join()
    assert not failed
    found = read_all(server.broker, topic, wait=120)
    for partition, records in found.items():
        assert len(records) > 10
        assert records == acknowledged[partition]  # all, once, in order, where they were said to be
    server.broker.stop()


def test_transactional_load(tmp_path, kills):
    server = KilledNowAndThen(tmp_path / "data", seed=2)
    topic = make_topic(server.broker)
    committed, aborted, in_doubt = [], [], []
    stop = threading.Event()

    def load():
        number = 0
        producer = None
        while not stop.is_set():
            if producer is None:
                producer = Producer({"bootstrap.servers": server.listen, "transactional.id": "load",
                                     "reconnect.backoff.max.ms": 200, "log_level": 0})
                producer.init_transactions(60)
            value = str(number).encode()
            try:
                producer.begin_transaction()
                for partition in range(PARTITIONS):
                    producer.produce(topic, value, partition=partition)
                if number % 5 == 4:
                    producer.flush(30)
                    producer.abort_transaction(60)
                    aborted.append(value)
                else:
                    producer.commit_transaction(60)
                    committed.append(value)
            except Exception:  # pylint: disable=broad-except
                in_doubt.append(value)
                producer = None  # a new incarnation ends what is open
            number += 1

    thread = threading.Thread(target=load)
    thread.start()
    for _ in range(kills):
        server.kill(lambda: len(committed))
    stop.set()
    thread.join()
    found = {i: [value for _, value in records]
             for i, records in read_all(server.broker, topic, wait=120).items()}
    assert len(committed) >= kills
    for partition in range(PARTITIONS):
        values = found[partition]
        assert len(values) == len(set(values)), "doubled"
        assert set(committed) <= set(values), "lost"
        assert not set(aborted) & set(values), "aborted, and seen"
        assert set(values) <= set(committed) | set(in_doubt)
        assert set(values) == set(found[0]), "in part"
    server.broker.stop()
