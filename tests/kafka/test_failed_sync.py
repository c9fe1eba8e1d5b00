"""A disk that fails: what was acknowledged stays readable, producers are refused, it is said."""
import threading
import time

from confluent_kafka import KafkaError, Producer

import preloaded
from kafka_broker import Broker
from test_clients import make_topic, produce, read_all


def test_a_failed_sync_makes_it_read_only(tmp_path, monkeypatch):
    broken = tmp_path / "broken"
    monkeypatch.setenv("LD_PRELOAD", preloaded.library("kafka/failing_sync.c"))
    monkeypatch.setenv("WEIR_TEST_FAIL_SYNC", str(broken))
    with Broker(tmp_path / "data") as broker:
        monkeypatch.delenv("LD_PRELOAD")
        said = []
        threading.Thread(target=lambda: said.extend(broker.process.stdout), daemon=True).start()
        topic = make_topic(broker)
        produce(broker, topic, [str(i) for i in range(100)])
        broken.touch()
        errors = []
        producer = Producer({"bootstrap.servers": broker.address, "enable.idempotence": True,
                             "delivery.timeout.ms": 1500, "log_level": 0})
        begin = time.time()
        for i in range(10):
            producer.produce(topic, b"lost", partition=0,
                             on_delivery=lambda error, _: errors.append(error))
        assert producer.flush(30) == 0
        assert time.time() - begin < 25
        assert [error.code() for error in errors] == [KafkaError._MSG_TIMED_OUT] * 10
        # The sync that failed is not tried again: its pages may be gone.
        broken.unlink()
        second = Producer({"bootstrap.servers": broker.address, "delivery.timeout.ms": 1500,
                           "log_level": 0})
        second.produce(topic, b"refused", on_delivery=lambda error, _: errors.append(error))
        assert second.flush(20) == 0
        assert errors[-1] is not None
        seen = read_all(broker, topic)
        assert sum(len(rows) for rows in seen.values()) == 100
        until = time.time() + 10
        while not (told := [line for line in said if "only reading from now on" in line]):
            assert time.time() < until, said
            time.sleep(0.05)
        assert "Input/output error" in told[0]
    # After a restart on a disk that works: all that was acknowledged, and producing again.
    with Broker(tmp_path / "data") as broker:
        produce(broker, topic, [str(i) for i in range(100, 140)])
        seen = read_all(broker, topic)
        values = [value for rows in seen.values() for _, value in rows if value != b"lost"]
        assert sorted(int(value) for value in values) == list(range(140))
