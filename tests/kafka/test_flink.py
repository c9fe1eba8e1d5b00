"""Flink's Kafka source and its exactly-once sink, with a failure between two checkpoints."""
import time

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

import java_programs

FLINK = "2.2.0"
CONNECTOR = "5.0.0-2.2"
RECORDS = 6000
OPENS = tuple(f"--add-opens=java.base/java.{name}=ALL-UNNAMED"
              for name in ("lang", "util", "time", "util.concurrent"))


@pytest.mark.slow
def test_a_copy_that_fails_is_exactly_once(broker, tmp_path):
    names = ("flink-streaming-java", "flink-clients", "flink-connector-base")
    jars = java_programs.class_path(
        *(f"org.apache.flink:{name}:{FLINK}" for name in names),
        f"org.apache.flink:flink-connector-kafka:{CONNECTOR}", java_programs.SLF4J)
    jars = java_programs.compiled(jars, "FlinkCopy.java", tmp_path)
    admin = AdminClient({"bootstrap.servers": broker.address})
    for made in admin.create_topics([NewTopic("flink-in", 3), NewTopic("flink-out", 2)]).values():
        made.result(20)
    producer = Producer({"bootstrap.servers": broker.address})
    for i in range(RECORDS):
        producer.produce("flink-in", str(i), partition=i % 3)
    assert producer.flush(20) == 0

    said = java_programs.run(jars, "FlinkCopy", broker.address, "flink-in", "flink-out",
                             str(RECORDS // 2), options=OPENS)
    assert "failed: true" in said
    seen = int(said.split("ok: ")[1].split()[0])
    assert seen > RECORDS  # some were worked on twice

    consumer = Consumer({"bootstrap.servers": broker.address, "group.id": "reader",
                         "auto.offset.reset": "earliest", "isolation.level": "read_committed"})
    consumer.subscribe(["flink-out"])
    values, until = [], time.time() + 60
    while time.time() < until and len(values) < RECORDS:
        values += [int(message.value()) for message in consumer.consume(5000, 0.5)]
    values += [int(message.value()) for message in consumer.consume(5000, 2)]
    consumer.close()
    assert sorted(values) == list(range(RECORDS))
    committed = Consumer({"bootstrap.servers": broker.address, "group.id": "flink-flink-in"}
                         ).committed([TopicPartition("flink-in", i) for i in range(3)], 20)
    # For people to see, at checkpoints; what is read after the last one is not told.
    assert all(0 < place.offset <= RECORDS // 3 for place in committed), committed
