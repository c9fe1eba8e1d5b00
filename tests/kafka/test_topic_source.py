"""Topics as sources: record by record into a table and its quarantine, each once, run by run."""
import json
import pathlib
import random
import struct
import subprocess
import sys
import time
import uuid

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from kafka_broker import Broker
from test_clients import PARTITIONS, make_topic

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from weir_process import weir_bin  # noqa: E402
from weir_project import Project  # noqa: E402

ORDERS = """
CREATE TABLE orders_raw (
  id BIGINT, amount DOUBLE,
  "partition" INT METADATA, "offset" BIGINT METADATA, at TIMESTAMPTZ METADATA FROM 'timestamp'
) WITH ('connector' = 'kafka', 'topic' = '{topic}', 'format' = 'json',
        'properties.bootstrap.servers' = '{address}'{more});
CREATE MATERIALIZED TABLE orders (
  CONSTRAINT positive EXPECT (amount >= 0) ON VIOLATION QUARANTINE
) AS SELECT * FROM orders_raw;
"""


def project_on(tmp_path, broker, topic, more="", sql=ORDERS):
    project = Project(tmp_path / "project")
    project.write("p.sql", sql.format(topic=topic, address=broker.address, more=more))
    return project


class Sent:
    """What was produced, by partition and offset."""

    def __init__(self, broker, topic, **settings):
        self.topic = topic
        self.records = {}
        self.producer = Producer({"bootstrap.servers": broker.address, "acks": "all", **settings})

    def _delivered(self, error, message):
        assert error is None, error
        self.records[(message.partition(), message.offset())] = message.value()

    def send(self, values, partition=None, **more):
        for i, value in enumerate(values):
            self.producer.produce(self.topic, value, on_delivery=self._delivered,
                                  partition=i % PARTITIONS if partition is None else partition,
                                  **more)
            self.producer.poll(0)
        assert self.producer.flush(30) == 0


def orders(first, count):
    """One in 50 breaks the constraint, one in 70 can't be decoded."""
    made = []
    for i in range(first, first + count):
        if i % 70 == 69:
            made.append(b'{"id": %d, "amount": "a lot"}' % i)
        elif i % 50 == 49:
            made.append(b'{"id": %d, "amount": -1}' % i)
        else:
            made.append(b'{"id": %d, "amount": %d.5}' % (i, i))
    return made


def assert_table_is(project, sent):
    """Every record is in the table or in its quarantine, where it stood and as it was, once."""
    good, bad = {}, {}
    for place, value in sent.records.items():
        row = json.loads(value)
        if isinstance(row["amount"], str) or row["amount"] < 0:
            bad[place] = value
        else:
            good[place] = (row["id"], row["amount"])
    rows = project.rows('SELECT "partition", "offset", id, amount FROM orders')
    assert len(rows) == len(good)
    assert {(p, o): (i, a) for p, o, i, a in rows} == good
    if not bad:
        return
    rows = project.rows("SELECT source, position, raw, reason FROM "
                        "(SELECT *, message AS reason FROM orders__quarantine)")
    assert len(rows) == len(bad)
    found = {}
    for source, position, raw, _ in rows:
        topic, partition = source.rsplit("/", 1)
        assert topic == sent.topic
        found[(int(partition), position)] = bytes(raw)
    assert found == bad


def test_runs_read_on_where_the_last_one_ended(tmp_path, broker):
    topic = make_topic(broker)
    project = project_on(tmp_path, broker, topic)
    sent = Sent(broker, topic)
    project.run_ok()  # an empty topic is no error
    for batch in range(3):
        sent.send(orders(batch * 3000, 3000))
        project.run_ok()
        assert_table_is(project, sent)
    versions = project.versions()
    project.run_ok()
    assert project.versions() == versions, "nothing new, nothing written"
    before = project.contents()
    project.run_ok("--full-refresh", "orders")
    assert project.contents() == before


def test_killed_runs_lose_nothing_and_double_nothing(tmp_path, broker):
    topic = make_topic(broker)
    project = project_on(tmp_path, broker, topic)
    sent = Sent(broker, topic)
    chance = random.Random(5)
    first = 0
    killed = 0
    for _ in range(8):
        sent.send(orders(first, 2000))
        first += 2000
        run = subprocess.Popen([weir_bin(), "run", "."], cwd=project.folder,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            run.wait(chance.uniform(0.02, 0.25))
        except subprocess.TimeoutExpired:
            run.kill()
            killed += 1
        run.wait()
    assert killed > 0, "every run ended before it was killed"
    project.run_ok()
    assert_table_is(project, sent)


def test_two_threads_read_one_partition(tmp_path, broker):
    topic = make_topic(broker)
    project = project_on(tmp_path, broker, topic, ", 'scan.split-records' = '700'")
    sent = Sent(broker, topic)
    sent.send(orders(0, 10000), partition=0)
    project.run_ok()
    assert_table_is(project, sent)


def test_aborted_transactions_are_not_seen(tmp_path, broker):
    topic = make_topic(broker)
    project = project_on(tmp_path, broker, topic)
    sent = Sent(broker, topic, **{"transactional.id": uuid.uuid4().hex})
    sent.producer.init_transactions(20)
    kept = {}
    for batch in range(6):
        sent.records = {}
        sent.producer.begin_transaction()
        sent.send(orders(batch * 500, 500))
        if batch % 2 == 0:
            sent.producer.commit_transaction(20)
            kept.update(sent.records)
        else:
            sent.producer.abort_transaction(20)
        if batch in (1, 4):
            sent.records, records = dict(kept), sent.records
            project.run_ok()
            assert_table_is(project, sent)
            sent.records = records
    # One that is open: nothing behind its first record may be read yet.
    sent.records = {}
    sent.producer.begin_transaction()
    sent.send(orders(9000, 100))
    other = Sent(broker, topic)
    other.send(orders(9500, 100))
    project.run_ok()
    open_records, sent.records = sent.records, dict(kept)
    assert_table_is(project, sent)
    sent.producer.commit_transaction(20)
    sent.records = {**kept, **open_records, **other.records}
    project.run_ok()
    assert_table_is(project, sent)


def records_of(broker, topic) -> int:
    """How many a consumer gets from the first partition."""
    consumer = Consumer({"bootstrap.servers": broker.address, "group.id": uuid.uuid4().hex,
                         "enable.partition.eof": True, "enable.auto.commit": False,
                         "fetch.wait.max.ms": 20})
    consumer.assign([TopicPartition(topic, 0, 0)])
    found = 0
    while (message := consumer.poll(10)) is not None and not message.error():
        found += 1
    consumer.close()
    return found


def test_gaps_of_compaction_end_where_they_should(tmp_path):
    with Broker(tmp_path / "data") as broker:
        topic = "t-" + uuid.uuid4().hex[:8]
        admin = AdminClient({"bootstrap.servers": broker.address})
        config = {"cleanup.policy": "compact", "segment.ms": "100",
                  "min.cleanable.dirty.ratio": "0.01", "max.compaction.lag.ms": "200"}
        for made in admin.create_topics([NewTopic(topic, 1, config=config)]).values():
            made.result(20)
        sent = Sent(broker, topic)
        for round_ in range(3):
            for i in range(300):
                sent.producer.produce(topic, b'{"id": %d, "amount": %d}' % (i, round_),
                                      key=str(i % 100), on_delivery=sent._delivered)
            assert sent.producer.flush(30) == 0
            time.sleep(0.3)
        until = time.time() + 60
        while records_of(broker, topic) == len(sent.records):
            assert time.time() < until, "nothing was compacted"
            time.sleep(1)
        project = project_on(tmp_path, broker, topic)
        project.run_ok()
        # What compaction left: every key's last record is there, and nothing that was not sent.
        rows = project.rows('SELECT "offset", id, amount FROM orders')
        assert len({r[0] for r in rows}) == len(rows) < len(sent.records)
        for offset, id_, amount in rows:
            assert json.loads(sent.records[(0, offset)]) == {"id": id_, "amount": amount}
        last = max(offset for _, offset in sent.records)
        assert {last - i for i in range(100)} <= {r[0] for r in rows}
        project.run_ok()
        assert len(project.rows("SELECT 1 FROM orders")) == len(rows)


def test_records_that_were_removed_unread_are_said(tmp_path, broker):
    topic = make_topic(broker)
    project = project_on(tmp_path, broker, topic)
    sent = Sent(broker, topic)
    sent.send(orders(0, 100), partition=0)
    project.run_ok()
    sent.send(orders(100, 100), partition=0)
    from kafka import KafkaAdminClient
    from kafka import TopicPartition as Place
    admin = KafkaAdminClient(bootstrap_servers=broker.address)
    admin.delete_records({Place(topic, 0): 150})
    admin.close()
    ended = project.run()
    assert ended.code == 2, str(ended)
    assert "50 records from offset 100 on were removed" in ended.text
    project = project_on(tmp_path, broker, topic, ", 'scan.offset-out-of-range' = 'earliest'")
    ended = project.run_ok()
    assert "50 records from offset 100 on were removed" in ended.text
    sent.records = {place: value for place, value in sent.records.items()
                    if not 100 <= place[1] < 150}
    assert_table_is(project, sent)


def test_a_topic_made_again_is_another_one(tmp_path, broker):
    topic = make_topic(broker)
    project = project_on(tmp_path, broker, topic)
    sent = Sent(broker, topic)
    sent.send(orders(0, 100))
    project.run_ok()
    admin = AdminClient({"bootstrap.servers": broker.address})
    for gone in admin.delete_topics([topic]).values():
        gone.result(20)
    ended = project.run()
    assert ended.code in (2, 3), str(ended)
    assert topic in ended.text
    for made in admin.create_topics([NewTopic(topic, PARTITIONS)]).values():
        made.result(20)
    ended = project.run()
    assert ended.code == 2, str(ended)
    assert "made again" in ended.text


@pytest.mark.parametrize("mode,expected", [
    ("'scan.startup.mode' = 'earliest-offset'", range(0, 40)),
    ("'scan.startup.mode' = 'latest-offset'", range(0, 0)),
    ("'scan.startup.mode' = 'specific-offsets', "
     "'scan.startup.specific-offsets' = 'partition:0,offset:15'", range(15, 40)),
    ("'scan.bounded.mode' = 'specific-offsets', "
     "'scan.bounded.specific-offsets' = 'partition:0,offset:15'", range(0, 15)),
    ("'scan.startup.mode' = 'timestamp', 'scan.startup.timestamp-millis' = '{at20}', "
     "'scan.bounded.mode' = 'timestamp', 'scan.bounded.timestamp-millis' = '{at30}'",
     range(20, 30)),
])
def test_where_reading_begins_and_ends(tmp_path, broker, mode, expected):
    topic = make_topic(broker)
    sent = Sent(broker, topic)
    now = int(time.time() * 1000)  # what is older than its retention goes
    for i in range(40):
        sent.send([b'{"id": %d, "amount": 1}' % i], partition=0, timestamp=now + i)
    mode = mode.format(at20=now + 20, at30=now + 30)
    project = project_on(tmp_path, broker, topic, ", " + mode)
    project.run_ok()
    assert sorted(r[0] for r in project.rows("SELECT id FROM orders")) == list(expected)
    if "scan.bounded" not in mode:
        # The beginning counts for the first run alone.
        sent.send([b'{"id": 40, "amount": 1}'], partition=0)
        project.run_ok()
        assert sorted(r[0] for r in project.rows("SELECT id FROM orders")) == [*expected, 40]


def test_keys_headers_and_raw(tmp_path, broker):
    topic = make_topic(broker)
    sql = """
CREATE TABLE src (
  k BIGINT, v VARCHAR, h MAP(VARCHAR, BLOB) METADATA FROM 'headers',
  t VARCHAR METADATA FROM 'topic', tt VARCHAR METADATA FROM 'timestamp-type',
  ms BIGINT METADATA FROM 'timestamp', e INT METADATA FROM 'leader-epoch'
) WITH ('connector' = 'kafka', 'topic' = '{topic}', 'properties.bootstrap.servers' = '{address}',
        'key.format' = 'raw', 'key.fields' = 'k', 'value.format' = 'raw',
        'value.fields-include' = 'EXCEPT_KEY'{more});
CREATE MATERIALIZED TABLE seen AS SELECT k, v, h['a'] AS a, h['b'] AS b, t, tt, ms FROM src;
"""
    project = project_on(tmp_path, broker, topic, sql=sql)
    sent = Sent(broker, topic)
    now = int(time.time() * 1000)
    sent.send([b"x"], key=struct.pack(">q", 7), headers=[("a", b"\x00\x01"), ("a", b"2")],
              timestamp=now)
    sent.send([None], key=struct.pack(">q", -8), headers=[("b", None)], timestamp=now + 1)
    sent.send([b"y"], key=b"short", timestamp=now + 2)
    project.run_ok()
    assert sorted(project.rows("SELECT k, v, a, b, t, tt, ms FROM seen")) == [
        (-8, None, None, None, topic, "CreateTime", now + 1),
        (7, "x", b"2", None, topic, "CreateTime", now)]
    rows = project.rows("SELECT source, position, raw, message FROM seen__quarantine")
    assert [(r[0], r[1], bytes(r[2])) for r in rows] == [(f"{topic}/0", 2, b"y")]
    assert "5 bytes where BIGINT has 8" in rows[0][3]


def test_a_cluster_that_is_away_and_options_that_are_wrong(tmp_path, broker):
    topic = make_topic(broker)
    project = project_on(tmp_path, broker, topic)
    project.write("p.sql", ORDERS.format(
        topic=topic, address="127.0.0.1:1",
        more=", 'properties.default.api.timeout.ms' = '500'"))
    ended = project.run()
    assert ended.code == 3, str(ended)
    assert "127.0.0.1:1" in ended.text and "refused" in ended.text
    project = project_on(tmp_path, broker, topic, ", 'propertis.group.id' = 'x'")
    ended = project.run()
    assert ended.code == 2, str(ended)
    assert "did you mean 'properties.group.id'?" in ended.text
    project = project_on(tmp_path, broker, "nowhere-" + topic)
    ended = project.run()
    assert ended.code == 2, str(ended)
    assert "nowhere-" + topic in ended.text


TOPIC = """
CREATE TABLE orders_raw (
  id BIGINT, amount DOUBLE,
  "partition" INT METADATA, "offset" BIGINT METADATA, at TIMESTAMPTZ METADATA FROM 'timestamp'
) WITH ('connector' = 'topic', 'topic' = '{topic}', 'format' = 'json'{more});
CREATE MATERIALIZED TABLE orders (
  CONSTRAINT positive EXPECT (amount >= 0) ON VIOLATION QUARANTINE
) AS SELECT * FROM orders_raw;
"""


def test_weirs_own_topic_that_was_made_again_while_it_was_served(tmp_path):
    """It has more records than were read of the old one: only its id tells them apart."""
    (tmp_path / "project").mkdir()
    with Broker(tmp_path / "project/data") as broker:
        topic = make_topic(broker)
        project = project_on(tmp_path, broker, topic, sql=TOPIC)
        Sent(broker, topic).send(orders(0, 300))
        project.run_ok()
        admin = AdminClient({"bootstrap.servers": broker.address})
        for gone in admin.delete_topics([topic]).values():
            gone.result(20)
        for made in admin.create_topics([NewTopic(topic, PARTITIONS)]).values():
            made.result(20)
        sent = Sent(broker, topic)
        sent.send(orders(1000, 900))
        ended = project.run()
        assert ended.code == 2 and "deleted and made again" in ended.text, str(ended)
        project.run_ok("--full-refresh", "orders")
        assert_table_is(project, sent)


def test_weirs_own_topic_served_or_not(tmp_path):
    data = tmp_path / "project" / "data"
    data.parent.mkdir()
    serving = data / "serving.json"
    with Broker(data) as broker:
        topic = make_topic(broker)
        assert json.loads(serving.read_text())["address"] == broker.address
        project = project_on(tmp_path, broker, topic, sql=TOPIC)
        sent = Sent(broker, topic, **{"compression.type": "zstd"})
        sent.send(orders(0, 2000))
        project.run_ok()  # as a client of the server
        assert_table_is(project, sent)
        sent.send(orders(2000, 2000))
    assert not serving.exists()
    project.run_ok()  # in process
    assert_table_is(project, sent)
    with Broker(data) as broker:
        again = Sent(broker, topic, **{"transactional.id": "x"})
        again.producer.init_transactions(20)
        again.producer.begin_transaction()
        again.send(orders(9000, 300))
        again.producer.abort_transaction(20)
        again.records = {}
        again.producer.begin_transaction()
        again.send(orders(4000, 1000))
        again.producer.commit_transaction(20)
        sent.records.update(again.records)
        broker.process.kill()
        broker.process.wait()
    assert serving.exists(), "killed: nobody took it away"
    project.run_ok()
    assert_table_is(project, sent)
    with Broker(data) as broker:
        admin = AdminClient({"bootstrap.servers": broker.address})
        for gone in admin.delete_topics([topic]).values():
            gone.result(20)
        for made in admin.create_topics([NewTopic(topic, PARTITIONS)]).values():
            made.result(20)
        Sent(broker, topic).send(orders(0, 8000))
    ended = project.run()
    assert ended.code == 2, str(ended)
    assert "deleted and made again" in ended.text


LINES = """
CREATE TABLE lines_raw (line VARCHAR)
  WITH ('connector' = 'topic', 'topic' = 'lines', 'format' = 'raw');
CREATE MATERIALIZED TABLE lines AS SELECT * FROM lines_raw;
"""


def test_the_folder_is_the_one_that_weir_toml_says(tmp_path):
    project = Project(tmp_path / "project")
    project.write("p.sql", LINES)
    project.write("words.txt", "one\ntwo\n")
    project.write("weir.toml", '[serve]\ndata = "../events"\n')
    assert project.weir("topic", "create", "lines").code == 0
    assert project.weir("topic", "produce", "lines", "words.txt").code == 0
    project.run_ok()
    assert sorted(project.rows("SELECT line FROM lines")) == [("one",), ("two",)]
    counted = project.weir("sql", "-c", "SELECT records FROM system.topics", "--format", "csv")
    assert counted.out == "records\n2\n", str(counted)
    assert not (project.folder / "data").exists()
    project.write("weir.toml", '[serve]\ndate = "../events"\n')
    wrong = project.run()
    assert wrong.code == 2 and "weir.toml:2:1" in wrong.text and "'data'" in wrong.text, str(wrong)


def test_tables_and_topics_of_one_folder_in_one_session(tmp_path):
    project = Project(tmp_path / "project")
    project.write("p.sql", LINES)
    project.write("words.txt", "one\ntwo\n")
    assert project.weir("topic", "create", "lines").code == 0
    assert project.weir("topic", "produce", "lines", "words.txt").code == 0
    of_table, of_topic = "lines_raw", "topic('lines')"
    both = f"{of_table} JOIN {of_topic} ON line = value"
    for order in ((of_table, of_topic, both), (of_topic, of_table), (both,)):
        statements = "".join(f"SELECT count(*) AS n FROM {rows};" for rows in order)
        told = project.weir("sql", "--format", "csv", "-c", statements)
        assert told.code == 0 and told.out.split() == ["n", "2"] * len(order), str(told)


def test_a_folder_without_topics(tmp_path):
    project = Project(tmp_path / "project")
    project.write("p.sql", TOPIC.format(topic="t", more=""))
    ended = project.run()
    assert ended.code == 2, str(ended)
    assert "no topics" in ended.text
    assert not (project.folder / "data").exists(), "reading makes nothing"


def test_debezium_with_deletes(tmp_path, broker):
    topic = make_topic(broker)
    sql = """
CREATE TABLE changes (id BIGINT, name VARCHAR{op})
WITH ('connector' = 'kafka', 'topic' = '{topic}', 'format' = 'debezium-json',
      'properties.bootstrap.servers' = '{address}');
CREATE MATERIALIZED TABLE customers (PRIMARY KEY (id) NOT ENFORCED) AS SELECT * FROM changes;
"""
    sent = Sent(broker, topic)
    sent.send([json.dumps(event).encode() for event in (
        {"before": None, "after": {"id": 1, "name": "ann"}, "op": "c", "ts_ms": 1},
        {"before": None, "after": {"id": 2, "name": "bob"}, "op": "r", "ts_ms": 2},
        {"schema": {}, "payload": {"before": {"id": 1}, "after": {"id": 1, "name": "anna"},
                                   "op": "u", "ts_ms": 3}},
        {"before": {"id": 2, "name": "bob"}, "after": None, "op": "d", "ts_ms": 4})],
        partition=0)
    sent.send([None], key=b"2", partition=0)
    project = project_on(tmp_path, broker, topic, sql=sql.replace("{op}", ""))
    ended = project.run()
    assert ended.code == 2, str(ended)
    assert "METADATA FROM 'value.op'" in ended.text
    project = project_on(tmp_path, broker, topic,
                         sql=sql.replace("{op}", ", op VARCHAR METADATA FROM 'value.op'"))
    project.run_ok()
    assert sorted(project.rows("SELECT id, name, op FROM customers")) == [
        (1, "anna", "u"), (2, "bob", "d")]


def test_queries_read_only_what_they_ask_for(tmp_path, broker):
    topic = make_topic(broker)
    sent = Sent(broker, topic)
    now = int(time.time() * 1000)
    for i in range(1000):
        sent.send([b'{"id": %d, "amount": 1}' % i], partition=i % 2, timestamp=now + i)
    project = project_on(tmp_path, broker, topic)

    def scanned(where):
        """How many rows the query found, and how many the source gave for it."""
        query = f"SELECT id FROM orders_raw WHERE {where}"
        ended = project.weir("sql", "--format", "json", "-c", "EXPLAIN ANALYZE " + query)
        assert ended.code == 0, str(ended)
        steps = json.loads(ended.out)["plan"]
        found = steps[0]["rows"]
        while steps[0].get("inputs"):
            steps = steps[0]["inputs"]
        return found, steps[0]["rows"]

    assert scanned("true") == (1000, 1000)
    assert scanned('"offset" BETWEEN 100 AND 109') == (20, 20)
    assert scanned('"offset" >= 490 AND "partition" = 1') == (10, 10)
    assert scanned('"partition" = 7') == (0, 0)
    assert scanned(f'"at" >= make_timestamptz({now + 990}000)') == (10, 10)
    n, rows = scanned("id < 10")
    assert n == 10 and rows == 1000
