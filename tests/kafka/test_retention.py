"""Retention as consumers see it, with settings that make it short."""
import time

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from test_topic_sink import name


def test_what_a_group_has_not_read_is_kept(broker):
    topic, group = name(), name()
    admin = AdminClient({"bootstrap.servers": broker.address})
    admin.create_topics([NewTopic(topic, 3, config={
        "retention.ms": "1", "weir.retain.until.consumed.by": group})])[topic].result(10)
    producer = Producer({"bootstrap.servers": broker.address})
    for batch in range(3):
        for partition in range(3):
            for i in range(20):
                producer.produce(topic, str(batch * 20 + i), partition=partition, timestamp=1000)
        assert producer.flush(10) == 0  # so these are batches of their own
    consumer = Consumer({"bootstrap.servers": broker.address, "group.id": group})
    assert consumer.get_watermark_offsets(TopicPartition(topic, 2), 10) == (0, 60)
    # All of 0 is read, 1 up to the middle of its second batch, of 2 nothing.
    consumer.commit(offsets=[TopicPartition(topic, 0, 60), TopicPartition(topic, 1, 30)],
                    asynchronous=False)
    until = time.time() + 10
    while (begin := consumer.get_watermark_offsets(TopicPartition(topic, 0), 10)[0]) != 60:
        assert begin == 0 and time.time() < until, begin
        time.sleep(0.02)
    # All three are looked at in one go.
    assert consumer.get_watermark_offsets(TopicPartition(topic, 1), 10) == (20, 60)
    assert consumer.get_watermark_offsets(TopicPartition(topic, 2), 10) == (0, 60)
    consumer.assign([TopicPartition(topic, 1, 30)])
    assert consumer.poll(10).value() == b"30"
    consumer.close()
