"""A disk that is nearly full: producers wait, everybody else goes on; room again, all go on."""
import threading
import time

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

import preloaded
from kafka_broker import Broker
from test_clients import make_topic, produce, read_all

GIB = 1 << 30


def test_it_serves_also_where_it_cannot_say_so(tmp_path):
    # serving.json is for other programs of Weir on this machine; here nothing can take its name.
    serving = tmp_path / "data" / "serving.json"
    (serving / "in the way").mkdir(parents=True)
    with Broker(tmp_path / "data") as broker:
        assert any("don't find this server" in line for line in broker.said), broker.said
        topic = make_topic(broker)
        produce(broker, topic, ["1"])
        assert sum(len(rows) for rows in read_all(broker, topic).values()) == 1
        (serving / "in the way").rmdir()
        serving.rmdir()
        until = time.time() + 10
        while not serving.is_file():  # tried again from time to time
            assert time.time() < until
            time.sleep(0.02)


def test_producers_wait_for_room(tmp_path, monkeypatch):
    free = tmp_path / "free"
    free.write_text(str(100 * GIB))  # of which 2 GiB are kept in reserve
    monkeypatch.setenv("LD_PRELOAD", preloaded.library("kafka/nearly_full.c"))
    monkeypatch.setenv("WEIR_TEST_FREE_BYTES", str(free))
    with Broker(tmp_path / "data") as broker:
        monkeypatch.delenv("LD_PRELOAD")
        said = []
        threading.Thread(target=lambda: said.extend(broker.process.stdout), daemon=True).start()

        def told(words: str) -> None:
            until = time.time() + 15
            while not any(words in line for line in said):
                assert time.time() < until, said
                time.sleep(0.05)

        topic = make_topic(broker)
        produce(broker, topic, [str(i) for i in range(100)])
        free.write_text(str(GIB))
        time.sleep(1.2)  # the disk is asked once a second
        errors = []
        hasty = Producer({"bootstrap.servers": broker.address, "delivery.timeout.ms": 1000,
                          "log_level": 0})
        hasty.produce(topic, b"too late", on_delivery=lambda error, _: errors.append(error))
        assert hasty.flush(20) == 0
        assert errors[0].code() == KafkaError._MSG_TIMED_OUT  # it was told to try again
        told("producers are refused")

        assert sum(len(rows) for rows in read_all(broker, topic).values()) == 100
        consumer = Consumer({"bootstrap.servers": broker.address, "group.id": "g"})
        consumer.commit(offsets=[TopicPartition(topic, 0, 7)], asynchronous=False)
        (committed,) = consumer.committed([TopicPartition(topic, 0)], timeout=10)
        assert committed.offset == 7
        consumer.close()

        patient = Producer({"bootstrap.servers": broker.address, "enable.idempotence": True,
                            "delivery.timeout.ms": 60000, "log_level": 0})
        for i in range(100, 120):
            patient.produce(topic, str(i), on_delivery=lambda error, _: errors.append(error))
        assert patient.flush(0.5) > 0
        free.write_text(str(100 * GIB))
        assert patient.flush(30) == 0
        assert errors[1:] == [None] * 20
        told("there is room on the disk again")
        values = [value for rows in read_all(broker, topic).values() for _, value in rows]
        assert sorted(int(value) for value in values) == list(range(120))
