"""Administration with the clients that people have: confluent-kafka (librdkafka) and
kafka-python. What a field means is tested in src/weir/log/kafka/handlers; here, that others
understand it."""
import itertools

import pytest
from confluent_kafka import (Consumer, ConsumerGroupTopicPartitions, KafkaError, KafkaException,
                             Producer, TopicCollection, TopicPartition)
from confluent_kafka.admin import (AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource,
                                   ConfigSource, NewPartitions, NewTopic, OffsetSpec, ResourceType)

from kafka_broker import Broker

SECONDS_MAX = 15
_numbers = itertools.count()


@pytest.fixture
def name() -> str:
    return f"topic{next(_numbers)}"


@pytest.fixture(scope="module")
def admin(broker) -> AdminClient:
    return AdminClient({"bootstrap.servers": broker.address})


@pytest.fixture(scope="module")
def py_admin(broker):
    from kafka import KafkaAdminClient
    client = KafkaAdminClient(bootstrap_servers=broker.address)
    yield client
    client.close()


def done(futures):
    """The one result of a call with one subject."""
    (future,) = futures.values() if isinstance(futures, dict) else [futures]
    return future.result(SECONDS_MAX)


def refused(futures) -> KafkaError:
    with pytest.raises(KafkaException) as raised:
        done(futures)
    return raised.value.args[0]


def produce(broker, topic: str, count: int) -> None:
    producer = Producer({"bootstrap.servers": broker.address})
    for i in range(count):
        producer.produce(topic, f"{i}", partition=0)
    assert producer.flush(SECONDS_MAX) == 0


# --- librdkafka ---

def test_a_topic_is_created_described_grown_and_deleted(admin, name):
    done(admin.create_topics([NewTopic(name, 3, 1, config={"cleanup.policy": "compact"})]))
    described = done(admin.describe_topics(TopicCollection([name])))
    assert [p.id for p in described.partitions] == [0, 1, 2]
    assert [node.id for node in described.partitions[0].isr] == [1]
    done(admin.create_partitions([NewPartitions(name, 5)]))
    assert len(admin.list_topics(name, timeout=SECONDS_MAX).topics[name].partitions) == 5
    done(admin.delete_topics([name]))
    assert name not in admin.list_topics(timeout=SECONDS_MAX).topics


def test_a_replication_factor_of_three_is_taken_as_one(admin, name):
    done(admin.create_topics([NewTopic(name, 1, 3)]))
    topic = admin.list_topics(name, timeout=SECONDS_MAX).topics[name]
    assert topic.partitions[0].replicas == [1]


def test_a_replication_factor_of_three_may_be_refused(tmp_path):
    settings = tmp_path / "weir.toml"
    settings.write_text('[serve]\nreplication = "strict"\n')
    with Broker(tmp_path / "data", "--config", str(settings)) as broker:
        admin = AdminClient({"bootstrap.servers": broker.address})
        error = refused(admin.create_topics([NewTopic("t", 1, 3)]))
        assert error.code() == KafkaError.INVALID_REPLICATION_FACTOR
        done(admin.create_topics([NewTopic("t", 1, 1)]))


def test_what_is_wrong_is_said(admin, name):
    done(admin.create_topics([NewTopic(name + ".a", 2, 1)]))
    error = refused(admin.create_topics([NewTopic(name + ".a", 2, 1)]))
    assert error.code() == KafkaError.TOPIC_ALREADY_EXISTS
    assert error.str() == f"Topic '{name}.a' already exists."
    error = refused(admin.create_topics([NewTopic(name + "_a", 2, 1)]))
    assert error.code() == KafkaError.TOPIC_EXCEPTION
    error = refused(admin.create_topics([NewTopic(name, 1, 1, config={"retention.ms": "soon"})]))
    assert error.code() == KafkaError.INVALID_CONFIG
    assert "Not a number of type LONG" in error.str()
    error = refused(admin.create_partitions([NewPartitions(name + ".a", 1)]))
    assert error.code() == KafkaError.INVALID_PARTITIONS
    error = refused(admin.delete_topics([name]))
    assert error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART


def test_settings_of_a_topic_are_read_and_changed(admin, name):
    done(admin.create_topics([NewTopic(name, 1, 1, config={"cleanup.policy": "compact"})]))
    topic = ConfigResource(ResourceType.TOPIC, name)
    configs = done(admin.describe_configs([topic]))
    assert configs["cleanup.policy"].value == "compact"
    assert configs["cleanup.policy"].source == ConfigSource.DYNAMIC_TOPIC_CONFIG.value
    assert configs["retention.ms"].value == "604800000"
    assert configs["retention.ms"].is_default
    done(admin.incremental_alter_configs([ConfigResource(
        ResourceType.TOPIC, name, incremental_configs=[
            ConfigEntry("retention.ms", "5000",
                        incremental_operation=AlterConfigOpType.SET),
            ConfigEntry("cleanup.policy", "delete",
                        incremental_operation=AlterConfigOpType.APPEND)])]))
    configs = done(admin.describe_configs([topic]))
    assert configs["retention.ms"].value == "5000"
    assert configs["cleanup.policy"].value == "compact,delete"
    done(admin.incremental_alter_configs([ConfigResource(
        ResourceType.TOPIC, name, incremental_configs=[
            ConfigEntry("retention.ms", None,
                        incremental_operation=AlterConfigOpType.DELETE)])]))
    assert done(admin.describe_configs([topic]))["retention.ms"].is_default


def test_settings_of_the_broker_are_read(broker, admin):
    configs = done(admin.describe_configs([ConfigResource(ResourceType.BROKER, "1")]))
    assert configs["node.id"].value == "1"
    assert configs["advertised.listeners"].value == f"PLAINTEXT://{broker.address}"
    assert configs["log.dirs"].value == str(broker.data / "log")
    assert configs["num.partitions"].is_read_only


def test_the_brokers_number_and_the_groups_times_are_settings(tmp_path):
    settings = tmp_path / "weir.toml"
    settings.write_text("[serve]\nnode-id = 7\n[groups]\nmin-session-timeout-ms = 1000\n"
                        "consumer-session-timeout-ms = 9000\n"
                        "consumer-heartbeat-interval-ms = 2000\n")
    with Broker(tmp_path / "data", "--config", str(settings)) as broker:
        admin = AdminClient({"bootstrap.servers": broker.address})
        assert done(admin.describe_cluster()).controller.id == 7
        configs = done(admin.describe_configs([ConfigResource(ResourceType.BROKER, "7")]))
        assert configs["group.min.session.timeout.ms"].value == "1000"
        assert configs["group.consumer.session.timeout.ms"].value == "9000"
        assert configs["group.consumer.heartbeat.interval.ms"].value == "2000"


def test_the_cluster_is_this_broker(broker, admin):
    cluster = done(admin.describe_cluster())
    assert len(cluster.cluster_id) == 22
    assert [f"{node.host}:{node.port}" for node in cluster.nodes] == [broker.address]
    assert cluster.controller.id == 1


def test_records_are_deleted(broker, admin, name):
    done(admin.create_topics([NewTopic(name, 1, 1)]))
    produce(broker, name, 10)
    deleted = done(admin.delete_records([TopicPartition(name, 0, 4)]))
    assert deleted.low_watermark == 4
    offsets = done(admin.list_offsets({TopicPartition(name, 0): OffsetSpec.earliest()}))
    assert offsets.offset == 4
    error = refused(admin.delete_records([TopicPartition(name, 0, 11)]))
    assert error.code() == KafkaError.OFFSET_OUT_OF_RANGE


def test_a_deleted_topic_takes_its_committed_offsets_along(broker, admin, name):
    done(admin.create_topics([NewTopic(name, 1, 1)]))
    produce(broker, name, 2)
    consumer = Consumer({"bootstrap.servers": broker.address, "group.id": name})
    consumer.commit(offsets=[TopicPartition(name, 0, 2)], asynchronous=False)
    group = [ConsumerGroupTopicPartitions(name, [TopicPartition(name, 0)])]
    assert done(admin.list_consumer_group_offsets(group)).topic_partitions[0].offset == 2
    done(admin.delete_topics([name]))
    done(admin.create_topics([NewTopic(name, 1, 1)]))
    assert done(admin.list_consumer_group_offsets(group)).topic_partitions[0].offset < 0
    consumer.close()


# --- kafka-python ---
# It takes long to import, so only who runs these does.

def test_kafka_python_administers_topics(py_admin, name):
    from kafka.admin import NewTopic as PyNewTopic
    from kafka.errors import TopicAlreadyExistsError
    py_admin.create_topics([PyNewTopic(name, num_partitions=2, replication_factor=-1)])
    (described,) = py_admin.describe_topics([name])
    assert len(described["partitions"]) == 2
    with pytest.raises(TopicAlreadyExistsError):
        py_admin.create_topics([PyNewTopic(name, num_partitions=2, replication_factor=1)])
    py_admin.delete_topics([name])
    assert name not in py_admin.list_topics()


def test_kafka_python_describes_the_cluster(py_admin):
    cluster = py_admin.describe_cluster()
    assert cluster["controller_id"] == 1
    assert len(cluster["brokers"]) == 1


def test_kafka_python_reads_settings(py_admin, name):
    from kafka.admin import ConfigResource as PyConfigResource
    from kafka.admin import ConfigResourceType as PyConfigResourceType
    from kafka.admin import NewTopic as PyNewTopic
    py_admin.create_topics([PyNewTopic(name, num_partitions=1, replication_factor=1,
                                       topic_configs={"cleanup.policy": "compact"})])
    described = py_admin.describe_configs([PyConfigResource(PyConfigResourceType.TOPIC, name)])
    assert list(described["topic"][name]) == ["cleanup.policy"]  # only what is set
