"""Rows in quarantine that came of a topic, as dead letters with Kafka Connect's headers."""
import pathlib
import sys
import uuid

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from weir_project import Project  # noqa: E402

SECONDS_MAX = 20
PROJECT = """
CREATE TABLE orders_raw (id BIGINT, amount DOUBLE) WITH ('connector' = 'kafka',
  'topic' = '{topic}', 'format' = 'json', 'properties.bootstrap.servers' = '{address}');
CREATE MATERIALIZED TABLE orders (
  CONSTRAINT positive EXPECT (amount >= 0) ON VIOLATION QUARANTINE
) AS SELECT * FROM orders_raw;
"""


def test_rejected_records_become_dead_letters(broker, tmp_path):
    topic, letters = (f"{kind}-{uuid.uuid4().hex[:8]}" for kind in ("orders", "letters"))
    admin = AdminClient({"bootstrap.servers": broker.address})
    made = admin.create_topics([NewTopic(topic, 2, 1), NewTopic(letters, 1, 1)])
    assert all(future.result(SECONDS_MAX) is None for future in made.values())
    producer = Producer({"bootstrap.servers": broker.address})
    for partition, value in ((0, b'{"id": 1, "amount": 2}'), (0, b'{"id": 2, "amount": "a lot" }'),
                             (1, b'{"id":3,  "amount":-1}')):
        producer.produce(topic, value, partition=partition)
    assert producer.flush(SECONDS_MAX) == 0
    project = Project(tmp_path)
    project.write("p.sql", PROJECT.format(topic=topic, address=broker.address))
    project.run_ok()

    export = ["quarantine", "export", "orders", "--server", broker.address, "--to-topic"]
    ended = project.weir(*export, letters)
    assert ended.code == 0 and f"2 rows written to topic {letters}" in ended.out, ended
    consumer = Consumer({"bootstrap.servers": broker.address, "group.id": letters})
    consumer.assign([TopicPartition(letters, 0, 0)])
    found = {}
    while len(found) < 2:
        message = consumer.poll(SECONDS_MAX)
        assert message is not None and message.error() is None
        headers = {name.removeprefix("__connect.errors."): value.decode()
                   for name, value in message.headers()}
        assert headers["topic"] == topic and headers["connector.name"] == "orders"
        found[(int(headers["partition"]), int(headers["offset"]))] = (message.value(), headers)
    consumer.close()
    value, headers = found[(0, 1)]
    assert value == b'{"id": 2, "amount": "a lot" }'
    assert (headers["stage"], headers["exception.class.name"]) == ("VALUE_CONVERTER", "parses")
    assert "a lot" in headers["exception.message"]
    value, headers = found[(1, 0)]
    assert value == b'{"id":3,  "amount":-1}'
    assert (headers["stage"], headers["exception.class.name"]) == ("TRANSFORMATION", "positive")
    shown = project.weir("topic", "tail", letters, "--server", broker.address)
    assert f"dead letter: from {topic}/1 at 0, by orders" in shown.out

    ended = project.weir(*export, letters + "x")
    assert ended.code == 2 and f"did you mean '{letters}'?" in ended.err
    ended = project.weir(*export[:3])
    assert ended.code == 2 and "--to-topic" in ended.err


def test_rows_of_files_stay(broker, tmp_path):
    letters = f"letters-{uuid.uuid4().hex[:8]}"
    admin = AdminClient({"bootstrap.servers": broker.address})
    assert admin.create_topics([NewTopic(letters, 1, 1)])[letters].result(SECONDS_MAX) is None
    project = Project(tmp_path)
    project.write("data/1.csv", "id,amount\n1,x\n")
    project.write("p.sql", """
CREATE TABLE raw (id BIGINT, amount DOUBLE)
  WITH ('connector' = 'filesystem', 'path' = 'data/*.csv', 'format' = 'csv');
CREATE MATERIALIZED TABLE orders AS SELECT * FROM raw;
""")
    project.run_ok()
    ended = project.weir("quarantine", "export", "orders", "--server", broker.address,
                         "--to-topic", letters)
    assert ended.code == 0
    assert f"0 rows written to topic {letters}; 1 did not come of a topic" in ended.out
