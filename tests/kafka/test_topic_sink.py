"""INSERT INTO a topic, against `weir serve`: what consumers of librdkafka find there."""
import json
import pathlib
import random
import subprocess
import sys
import uuid

import pytest
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from crash_points import run_until_killed  # noqa: E402
from kafka_broker import Broker  # noqa: E402
from weir_process import weir_bin  # noqa: E402
from weir_project import Project  # noqa: E402


def name() -> str:
    return "t-" + uuid.uuid4().hex[:8]


def read(broker, topic, isolation="read_committed") -> list:
    """All records of a topic up to the ends as they are now, partition by partition."""
    consumer = Consumer({"bootstrap.servers": broker.address, "group.id": uuid.uuid4().hex,
                         "isolation.level": isolation, "enable.partition.eof": True,
                         "fetch.wait.max.ms": 20})
    partitions = list(consumer.list_topics(topic, 10).topics[topic].partitions)
    consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
    found = []
    open_ones = set(partitions)
    while open_ones:
        message = consumer.poll(10)
        assert message is not None, f"{topic}: partitions {open_ones} do not end"
        if message.error():
            assert message.error().code() == KafkaError._PARTITION_EOF, message.error()
            open_ones.discard(message.partition())
        else:
            found.append(message)
    found.sort(key=lambda message: (message.partition(), message.offset()))
    consumer.close()
    return found


def values(broker, topic, **how) -> list:
    return [json.loads(m.value()) for m in read(broker, topic, **how)]


def project(folder, broker, sink, query, *more, columns="id INT, name VARCHAR", **options):
    """A project that sends its files' rows to a topic."""
    made = Project(folder)
    given = {"connector": "kafka", "format": "json",
             "properties.bootstrap.servers": broker.address, **options}
    with_clause = ", ".join(f"'{k}' = '{v}'" for k, v in given.items())
    made.write("project.sql", f"""
CREATE TABLE raw (id INT, name VARCHAR, seen TIMESTAMP_LTZ(3))
  WITH ('connector' = 'filesystem', 'path' = 'data/*.csv', 'format' = 'csv');
CREATE TABLE {sink} ({columns}) WITH ({with_clause});
INSERT INTO {sink} {query};
""" + "\n".join(more))
    return made


def deliver(made, step, first, count):
    made.write(f"data/{step:02}.csv", "id,name,seen\n" + "".join(
        f"{i},n{i},2024-05-01 12:00:{i % 60:02}\n" for i in range(first, first + count)))


def test_rows_are_added_run_by_run(broker, tmp_path):
    topic = name()
    made = project(tmp_path, broker, "out_t", "SELECT id, name FROM raw", topic=topic)
    deliver(made, 0, 0, 5000)
    assert "created" in made.run_ok().err
    deliver(made, 1, 5000, 3)
    assert "appended" in made.run_ok().err
    assert "up to date" in made.run_ok().err
    found = values(broker, topic)
    assert sorted(row["id"] for row in found) == list(range(5003))
    assert all(row == {"id": row["id"], "name": f"n{row['id']}"} for row in found)
    assert list((made.warehouse / "_weir/out_t/staged").iterdir()) == []


def test_the_order_of_rows_stays_within_a_key(broker, tmp_path):
    topic = name()
    made = project(tmp_path, broker, "out_t",
                   "SELECT id % 10, name FROM raw", topic=topic,
                   columns="id INT, name VARCHAR, PRIMARY KEY (id) NOT ENFORCED")
    deliver(made, 0, 0, 20000)
    made.run_ok()
    seen = {}
    for message in read(broker, topic):
        row = json.loads(message.value())
        assert json.loads(message.key()) == {"id": row["id"]}
        seen.setdefault(row["id"], []).append((message.partition(), int(row["name"][1:])))
    assert len(seen) == 10
    for places in seen.values():
        assert len({partition for partition, _ in places}) == 1
        numbers = [number for _, number in places]
        assert numbers == sorted(numbers) and len(numbers) == 2000


def test_keys_land_where_other_producers_put_them(broker, tmp_path):
    topic = name()
    create = (f"CREATE TOPIC \"{topic}\" WITH ('properties.bootstrap.servers' = "
              f"'{broker.address}', 'partitions' = '7');")
    made = project(tmp_path, broker, "out_t", "SELECT name, id FROM raw", create, topic=topic,
                   columns="name VARCHAR, id INT", **{
                       "key.format": "raw", "key.fields": "name",
                       "value.fields-include": "EXCEPT_KEY"})
    deliver(made, 0, 0, 200)
    made.run_ok()
    ours = {m.key(): m.partition() for m in read(broker, topic)}
    assert len(ours) == 200 and len(set(ours.values())) == 7
    assert all(json.loads(m.value()).keys() == {"id"} for m in read(broker, topic))
    producer = Producer({"bootstrap.servers": broker.address, "partitioner": "murmur2_random"})
    for key in ours:
        producer.produce(topic, b"{}", key)
    producer.flush(10)
    for message in read(broker, topic):
        assert message.partition() == ours[message.key()]


def test_metadata_is_written(broker, tmp_path):
    topic = name()
    keep = (f"CREATE TOPIC \"{topic}\" WITH ('properties.bootstrap.servers' = '{broker.address}', "
            "'retention.ms' = '-1');")  # the record says to be from 2024
    made = project(
        tmp_path, broker, "out_t",
        "SELECT name, seen, MAP {'source': 'test'::BLOB, 'n': id::VARCHAR::BLOB} FROM raw",
        keep, topic=topic, format="raw",
        columns="v VARCHAR, at TIMESTAMP_LTZ(3) METADATA FROM 'timestamp', "
                "headers MAP<VARCHAR, BLOB> METADATA, place BIGINT METADATA FROM 'offset' VIRTUAL")
    deliver(made, 0, 7, 1)
    made.run_ok()
    [message] = read(broker, topic)
    assert message.value() == b"n7"
    assert message.timestamp()[1] == 1714564807000
    assert message.headers() == [("source", b"test"), ("n", b"7")]


def test_round_robin(broker, tmp_path):
    topic = name()
    create = (f"CREATE TOPIC \"{topic}\" WITH ('properties.bootstrap.servers' = "
              f"'{broker.address}', 'partitions' = '3');")
    made = project(tmp_path, broker, "out_t", "SELECT id, name FROM raw", create, topic=topic,
                   **{"sink.partitioner": "round-robin"})
    deliver(made, 0, 0, 9)
    made.run_ok()
    assert [m.partition() for m in read(broker, topic)] == [0] * 3 + [1] * 3 + [2] * 3


def test_rejected_rows_are_in_the_quarantine(broker, tmp_path):
    topic = name()
    made = project(tmp_path, broker, "out_t", "SELECT id, name FROM raw", topic=topic,
                   columns="id INT, name VARCHAR, CONSTRAINT odd EXPECT (id % 2 = 1) "
                           "ON VIOLATION QUARANTINE")
    deliver(made, 0, 0, 10)
    made.write("data/bad.csv", "id,name,seen\nmany,x,2024-05-01 12:00:00\n")
    made.run_ok()
    assert sorted(row["id"] for row in values(broker, topic)) == [1, 3, 5, 7, 9]
    assert made.rows("SELECT count(*) FROM out_t__quarantine") == [(6,)]
    # What is mended goes the same way.
    project(tmp_path, broker, "out_t", "SELECT id, name FROM raw", topic=topic,
            columns="id INT, name VARCHAR, CONSTRAINT odd EXPECT (id >= 0) ON VIOLATION QUARANTINE")
    ended = made.weir("quarantine", "replay", "out_t")
    assert ended.code == 0, str(ended)
    assert sorted(row["id"] for row in values(broker, topic)) == list(range(10))


@pytest.mark.parametrize("query,columns,said", [
    ("SELECT id % 2, max(name) FROM raw GROUP BY ALL", "id INT, name VARCHAR", "GROUP BY"),
    ("SELECT id % 2, max(name) FROM raw GROUP BY ALL",
     "id INT, name VARCHAR, PRIMARY KEY (id) NOT ENFORCED", "can only be added"),
    ("SELECT id, name FROM raw", "id INT, name VARCHAR, EXPECT UNIQUE (id)", "UNIQUE"),
    ("SELECT id, 1 FROM raw", "id INT, o BIGINT METADATA FROM 'offset'", "can be read only"),
    ("SELECT id FROM raw", "id INT, name VARCHAR", "INSERT INTO out_t needs 2"),
])
def test_what_can_not_be_written_is_said_before_anything_runs(broker, tmp_path, query, columns,
                                                              said):
    topic = name()
    made = project(tmp_path, broker, "out_t", query, topic=topic, columns=columns)
    deliver(made, 0, 0, 3)
    ended = made.run()
    assert ended.code == 2 and said in ended.err, str(ended)
    assert not made.warehouse.exists()


def test_what_was_sent_stays_sent(broker, tmp_path):
    topic = name()
    made = project(tmp_path, broker, "out_t", "SELECT id, name FROM raw", topic=topic)
    deliver(made, 0, 0, 3)
    made.run_ok()
    ended = made.run("--full-refresh", "out_t")
    assert ended.code == 2 and "can only be added" in ended.err, str(ended)
    # The same flow in a folder of its own does not know what it sent: the cluster does.
    again = project(tmp_path / "copy", broker, "out_t", "SELECT id, name FROM raw", topic=topic)
    deliver(again, 0, 0, 3)
    ended = again.run()
    assert ended.code == 3 and "already holds an epoch 1" in ended.err, str(ended)
    assert len(values(broker, topic)) == 3


def test_a_broker_that_is_away_is_waited_for(broker, tmp_path):
    made = project(tmp_path, broker, "out_t", "SELECT id, name FROM raw", topic=name(), **{
        "properties.bootstrap.servers": "127.0.0.1:1", "properties.default.api.timeout.ms": "500"})
    deliver(made, 0, 0, 3)
    ended = made.run()
    assert ended.code == 3 and "127.0.0.1:1" in ended.err, str(ended)
    assert not list((made.warehouse / "_weir/out_t").glob("*.json"))


def test_notes_behind_an_open_transaction_are_waited_for(broker, tmp_path):
    """Another flow's open transaction hides notes behind it, our own perhaps among them."""
    topic = name()
    made = project(tmp_path, broker, "out_t", "SELECT id, name FROM raw", topic=topic, **{
        "properties.default.api.timeout.ms": "3000"})
    deliver(made, 0, 0, 3)
    made.run_ok()
    other = Producer({"bootstrap.servers": broker.address, "transactional.id": name()})
    other.init_transactions(10)
    other.begin_transaction()
    other.produce("__weir_epochs", b'{"epoch":1}', b"another/flow")
    other.flush(10)
    deliver(made, 1, 3, 3)
    ended = made.run()
    assert ended.code == 3 and "another flow's transaction may be open" in ended.err, str(ended)
    assert "run again" in ended.err and len(values(broker, topic)) == 3
    other.abort_transaction(10)
    made.run_ok()
    assert sorted(row["id"] for row in values(broker, topic)) == list(range(6))


def test_lineage_and_explain_name_the_topic(broker, tmp_path):
    topic = name()
    made = project(tmp_path, broker, "out_t", "SELECT id, name FROM raw", topic=topic)
    deliver(made, 0, 0, 3)
    made.run_ok("--lineage", "events.json")
    events = [json.loads(line) for line in (tmp_path / "events.json").read_text().splitlines()]
    [output] = events[-1]["outputs"]
    assert output["namespace"] == f"kafka://{broker.address}" and output["name"] == topic
    assert f"sink: kafka://{broker.address}/{topic}" in made.weir("explain", ".").out


def test_create_topic(broker, tmp_path):
    topic = name()
    made = Project(tmp_path)

    def run(*settings):
        options = ", ".join([f"'properties.bootstrap.servers' = '{broker.address}'", *settings])
        made.write("project.sql", f'CREATE TOPIC "{topic}" WITH ({options});')
        return made.run()

    assert "created on" in run("'partitions' = '2'", "'retention.ms' = '1000000'").err
    assert "topic " not in run("'partitions' = '2'", "'retention.ms' = '1000000'").err
    changed = run("'partitions' = '3'", "'retention.ms' = '2000000'", "'segment.ms' = '600000'").err
    assert "retention.ms 1000000 -> 2000000" in changed and "2 partitions -> 3" in changed, changed
    fewer = run("'partitions' = '1'")
    assert fewer.code == 2 and "partitions can only be added" in fewer.err
    wrong = run("'retention.ms' = 'soon'")
    assert wrong.code == 2 and "retention.ms" in wrong.err, str(wrong)
    admin = AdminClient({"bootstrap.servers": broker.address})
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
    configs = admin.describe_configs([resource])[resource].result(10)
    assert configs["retention.ms"].value == "2000000" and configs["segment.ms"].value == "600000"
    assert len(admin.list_topics(topic, 10).topics[topic].partitions) == 3


def crash_and_finish(folder, broker, crash, steps=3, count=50):
    topic = name()
    made = project(folder, broker, "out_t", "SELECT id, name FROM raw", topic=topic,
                   columns="id INT, name VARCHAR, CONSTRAINT five EXPECT (id % 5 <> 0) "
                           "ON VIOLATION QUARANTINE")
    for step in range(steps):
        deliver(made, step, step * count, count)
        crash(made)
        made.run_ok()
        sent = sorted(row["id"] for row in values(broker, topic))
        everything = range((step + 1) * count)
        assert sent == [i for i in everything if i % 5], f"step {step}"
        aside = made.rows("SELECT count(*) FROM out_t__quarantine")
        assert aside == [(len([i for i in everything if i % 5 == 0]),)]
    assert list((made.warehouse / "_weir/out_t/staged").iterdir()) == []


def test_topic_to_topic(broker, tmp_path):
    """What one run adds to a topic the next flow of the same run sends on."""
    first, second = name(), name()
    made = Project(tmp_path)
    given = (f"'connector' = 'kafka', 'format' = 'json', "
             f"'properties.bootstrap.servers' = '{broker.address}'")
    made.write("project.sql", f"""
CREATE TABLE raw (id INT, name VARCHAR, seen TIMESTAMP)
  WITH ('connector' = 'filesystem', 'path' = 'data/*.csv', 'format' = 'csv');
CREATE TABLE first_t (id INT, name VARCHAR) WITH ({given}, 'topic' = '{first}');
CREATE TABLE second_t (id INT) WITH ({given}, 'topic' = '{second}');
INSERT INTO second_t SELECT id * 10 FROM first_t WHERE id % 2 = 0;
INSERT INTO first_t SELECT id, name FROM raw;
""")
    for step in range(3):
        deliver(made, step, step * 100, 100)
        made.run_ok()
    made.run_ok()
    assert sorted(row["id"] for row in values(broker, first)) == list(range(300))
    assert sorted(row["id"] for row in values(broker, second)) == list(range(0, 3000, 20))


EMBEDDED = """
CREATE TOPIC one WITH ('partitions' = '3');
CREATE TABLE raw (id INT, name VARCHAR, seen TIMESTAMP)
  WITH ('connector' = 'filesystem', 'path' = 'in/*.csv', 'format' = 'csv');
CREATE TABLE one (id INT, name VARCHAR, PRIMARY KEY (id) NOT ENFORCED)
  WITH ('connector' = 'topic', 'format' = 'json');
CREATE TABLE two (id INT) WITH ('connector' = 'topic', 'format' = 'raw');
INSERT INTO one SELECT id, name FROM raw;
INSERT INTO two SELECT id FROM one WHERE id % 2 = 0;
"""


def embedded_run(folder, step, count=1000):
    """A project whose topics lie in its own folder, and a run of it over one more file."""
    made = Project(folder)
    made.write("project.sql", EMBEDDED)
    made.write(f"in/{step}.csv", "id,name,seen\n" + "".join(
        f"{i},n{i},2024-05-01 12:00:00\n" for i in range(step * count, (step + 1) * count)))
    return made


def check_embedded(there, rows):
    assert sorted(row["id"] for row in values(there, "one")) == list(range(rows))
    two = sorted(int.from_bytes(m.value(), "big") for m in read(there, "two"))
    assert two == list(range(0, rows, 2))


def test_topics_of_a_folder_that_nobody_serves(tmp_path):
    for step in range(3):
        made = embedded_run(tmp_path, step)
        made.run_ok()
    # The same flows go on through a broker, and without it again.
    with Broker(made.folder / "data") as there:
        check_embedded(there, 3000)
        embedded_run(tmp_path, 3).run_ok()
        check_embedded(there, 4000)
        ours = {m.key(): m.partition() for m in read(there, "one")}
        assert len(ours) == 4000 and len(set(ours.values())) == 3
        producer = Producer({"bootstrap.servers": there.address, "partitioner": "murmur2_random"})
        landed = {}
        for key in list(ours)[:100]:
            producer.produce("one", b'{"id": -1}', key, on_delivery=lambda _, m: landed.update(
                {m.key(): m.partition()}))
        producer.flush(10)
        assert landed == {key: ours[key] for key in landed} and len(landed) == 100


@pytest.mark.parametrize("seed", range(1))
def test_killed_with_topics_in_process(tmp_path, seed):
    draw = random.Random(seed)
    for step in range(3):
        made = embedded_run(tmp_path, step, count=500)
        for _ in range(3):
            run_until_killed(made, [], after=draw.randrange(1, 140))
        made.run_ok()
    with Broker(made.folder / "data") as there:
        check_embedded(there, 1500)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(5))
def test_killed_at_every_change_with_topics_in_process(tmp_path, part):
    for point in range(1 + part, 160, 5):
        folder = tmp_path / str(point)
        for step in range(2):
            made = embedded_run(folder, step, count=20)
            run_until_killed(made, ["--threads", "1"], after=point)
            made.run_ok()
        with Broker(folder / "data") as there:
            check_embedded(there, 40)


def with_limits(folder, connector, settings, columns, query):
    """A project that writes to a topic with these settings: of a broker, or in process."""
    where = "" if connector == "topic" else (
        f", 'connector' = 'kafka', 'properties.bootstrap.servers' = '{connector}'")
    made = Project(folder)
    topic = name()
    made.write("project.sql", f"""
CREATE TOPIC "{topic}" WITH ({settings}{where});
CREATE TABLE raw (id INT, name VARCHAR, seen TIMESTAMP)
  WITH ('connector' = 'filesystem', 'path' = 'in/*.csv', 'format' = 'csv');
CREATE TABLE out_t ({columns}) WITH ('topic' = '{topic}', 'format' = 'json'
  {where or ", 'connector' = 'topic'"});
INSERT INTO out_t {query};
""")
    return made, topic


@pytest.fixture(params=["topic", "kafka"])
def connector(request, broker):
    return "topic" if request.param == "topic" else broker.address


def test_batches_are_no_larger_than_the_topic_allows(broker, tmp_path, connector):
    made, topic = with_limits(tmp_path, connector, "'max.message.bytes' = '50000'",
                              "id INT, name VARCHAR", "SELECT id, name FROM raw")
    # Together more than a batch may have, and one that nearly fills a batch of its own.
    rows = [(i, f"n{i}") for i in range(5000)] + [(5000, "x" * 49000)]
    made.write("in/0.csv", "id,name,seen\n" + "".join(f"{i},{n},\n" for i, n in rows))
    made.run_ok()
    if connector == "topic":
        with Broker(made.folder / "data") as there:
            found = values(there, topic)
    else:
        found = values(broker, topic)
    assert sorted((row["id"], row["name"]) for row in found) == rows


@pytest.mark.parametrize("settings,columns,query,wrong,right,said", [
    ("'cleanup.policy' = 'compact'", "id INT, name VARCHAR",
     "SELECT id, name FROM raw WHERE id < 0", "-1,n,", "1,n,", "takes no record without a key"),
    ("'partitions' = '1'", "id INT, h MAP<VARCHAR, VARCHAR> METADATA FROM 'headers'",
     "SELECT id, MAP{'h': repeat(name, 200000)} FROM raw", "1,abcdefgh,", "1,a,",
     "bytes is more than"),
    ("'partitions' = '1'", "id INT, seen TIMESTAMP METADATA FROM 'timestamp'",
     "SELECT id, seen FROM raw", "1,n,2199-01-01 00:00:00", "1,n,2024-01-01 00:00:00",
     "too far from now"),
])
def test_what_a_topic_refuses_is_said_before_the_epoch_is_decided(
        tmp_path, connector, settings, columns, query, wrong, right, said):
    made, _ = with_limits(tmp_path, connector, settings, columns, query)
    made.write("in/0.csv", f"id,name,seen\n{wrong}\n")
    ended = made.run()
    assert ended.code != 0 and said in ended.err and "is decided" not in ended.err, str(ended)
    # Nothing waits to be committed again: mended data is all that it takes.
    made.write("in/0.csv", f"id,name,seen\n{right}\n")
    made.run_ok()


def kill_after(made, draw):
    """kill -9 within a run; one that ends before it was soon done."""
    child = subprocess.Popen([weir_bin(), "run", "."], cwd=made.folder, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
    try:
        child.wait(timeout=draw.uniform(0.02, 1.5))
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


@pytest.mark.parametrize("seed", range(1))
def test_killed_at_changes_of_the_disk(broker, tmp_path, seed):
    draw = random.Random(seed)

    def crash(made):
        for _ in range(2):
            run_until_killed(made, [], after=draw.randrange(1, 70))

    crash_and_finish(tmp_path, broker, crash)


def test_killed_at_random_moments(broker, tmp_path):
    draw = random.Random(1)
    crash_and_finish(tmp_path, broker, lambda made: kill_after(made, draw), count=3000)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 130))
def test_killed_at_random_moments_often(broker, tmp_path, seed):
    """30 projects, 4 steps, 2 kills in each: 240 kills."""
    draw = random.Random(seed)

    def crash(made):
        kill_after(made, draw)
        kill_after(made, draw)

    crash_and_finish(tmp_path, broker, crash, steps=4, count=3000)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(5))
def test_killed_at_every_change_of_the_disk(broker, tmp_path, part):
    for point in range(1 + part, 80, 5):
        crash_and_finish(tmp_path / str(point), broker,
                         lambda made, point=point: run_until_killed(made, ["--threads", "1"],
                                                                    after=point), steps=2)
