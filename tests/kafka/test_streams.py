"""Kafka Streams counts words exactly once; it is killed in between, or the broker is."""
import collections
import random
import time

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

import java_programs
from test_broker_crash import KilledNowAndThen

LINES = 1000  # three words each
WORDS = [f"word{i}" for i in range(40)]
KILLS = 2
SECONDS_MAX = 240


class Counts:
    """The counts of each word, as they come out."""

    def __init__(self, broker, topic):
        self.consumer = Consumer({"bootstrap.servers": broker.address, "group.id": topic,
                                  "auto.offset.reset": "earliest",
                                  "isolation.level": "read_committed"})
        self.consumer.subscribe([topic])
        self.of = collections.defaultdict(list)

    def read(self) -> int:
        for message in self.consumer.consume(1000, 0.5):
            if message.error() is not None:
                assert message.error().retriable() or message.error().code() < 0, message.error()
                continue
            self.of[message.key().decode()].append(int(message.value()))
        return sum(map(len, self.of.values()))


class WordCount:
    """Lines go in, counts come out, of an application that is started again and again."""

    def __init__(self, broker, folder):
        self.jars = java_programs.kafka()
        self.broker = broker
        self.folder = folder
        self.name = folder.name
        self.runs = 0
        admin = AdminClient({"bootstrap.servers": broker.address})
        topics = [NewTopic(f"{self.name}-{end}", 3) for end in ("lines", "counts")]
        for made in admin.create_topics(topics).values():
            made.result(20)
        self.draw = random.Random(1)
        self.expected = collections.Counter()
        self.counts = Counts(broker, f"{self.name}-counts")

    def run(self):
        """Each run has a state folder of its own: state comes back from the changelog."""
        self.runs += 1
        self.application = java_programs.Running(
            self.folder / "streams.log", self.jars, "WordCount.java", self.broker.address,
            self.name, str(self.folder / f"state{self.runs}"), f"{self.name}-lines",
            f"{self.name}-counts")
        return self.application

    def write(self, lines):
        producer = Producer({"bootstrap.servers": self.broker.address})
        for _ in range(lines):
            words = self.draw.choices(WORDS, k=3)
            self.expected.update(words)
            producer.produce(f"{self.name}-lines", " ".join(words))
        assert producer.flush(20) == 0

    def wait_for(self, number):
        until = time.time() + SECONDS_MAX
        while self.counts.read() < number:
            assert self.application.alive(), self.application.log.read_text()[-3000:]
            assert time.time() < until, f"{self.counts.read()} of {number}"

    def check(self):
        self.wait_for(sum(self.expected.values()))
        assert {word: max(seen) for word, seen in self.counts.of.items()} == self.expected
        for word, seen in self.counts.of.items():
            assert seen == list(range(1, self.expected[word] + 1)), word
        self.counts.consumer.close()


@pytest.mark.slow
def test_a_killed_word_count_counts_each_word_once(broker, tmp_path):
    count = WordCount(broker, tmp_path)
    for _ in range(KILLS):
        done = sum(count.expected.values())
        with count.run():  # and is killed in the middle of its work
            count.write(LINES)
            count.wait_for(done + LINES)
    with count.run():
        count.write(LINES)
        count.check()


@pytest.mark.slow
def test_over_a_killed_broker_each_word_is_counted_once(tmp_path):
    server = KilledNowAndThen(tmp_path / "data", seed=3)
    count = WordCount(server.broker, tmp_path)
    with count.run():
        for _ in range(KILLS):
            count.write(LINES)
            count.wait_for(sum(count.expected.values()) - 2 * LINES)
            server.kill(time.time)  # soon
        count.write(LINES)
        count.check()
    server.broker.stop()
