"""Sensors of a building, played by an ordinary Kafka client: units by make, drift, gaps followed by
late bursts, readings sent twice, clocks that are wrong, lines that were cut off on the radio.

    sensors.py --broker HOST:PORT --seconds 60 --rate 20000 --acknowledged FILE

Writes a line for every record that the broker acknowledged: partition, offset, sensor, seq ("-" for
a cut-off line). The same seed plays the same sensors.
"""
import argparse
import json
import math
import random
import time

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

KINDS = {  # kind: units by make, mean, swing
    "temperature": (("C", "F", "K"), 21.0, 4.0),
    "pressure": (("hPa", "kPa", "psi"), 1013.0, 12.0),
    "humidity": (("%",), 45.0, 10.0),
}
IN_UNIT = {"C": lambda v: v, "F": lambda v: v * 1.8 + 32, "K": lambda v: v + 273.15,
           "hPa": lambda v: v, "kPa": lambda v: v / 10, "psi": lambda v: v / 68.9476,
           "%": lambda v: v}
BROKEN_WIRE = -9999.0
CLOCK_AHEAD_MS = 3_600_000  # a clock that was never set: an hour ahead


class Sensor:
    def __init__(self, number, rng):
        self.name = f"s-{number:05d}"
        self.rng = rng
        self.kind = rng.choice(list(KINDS))
        units, mean, swing = KINDS[self.kind]
        self.unit = rng.choice(units)
        self.mean = mean + rng.gauss(0, swing / 4)
        self.swing = swing
        self.drift = rng.gauss(0, swing / 20) if rng.random() < 0.05 else 0.0  # a reading
        self.skew_ms = CLOCK_AHEAD_MS if rng.random() < 0.01 else int(rng.gauss(0, 800))
        self.battery = rng.uniform(0.2, 1.0)
        self.seq = 0
        self.silent_until = 0.0
        self.kept = []  # what it measured while its radio was off

    def measure(self, now):
        """What is sent now: nothing, one reading, or all that was kept during a gap."""
        self.seq += 1
        self.battery = max(0.0, self.battery - 0.0005)
        value = IN_UNIT[self.unit](
            self.mean + self.swing * math.sin(now / 60 + self.mean) / 2 + self.drift * self.seq
            + self.rng.gauss(0, self.swing / 50))
        unit = self.unit
        fate = self.rng.random()
        if fate < 0.002:
            value = BROKEN_WIRE
        elif fate < 0.003:
            unit = "arb"
        reading = json.dumps({
            "sensor": self.name, "seq": self.seq, "at_ms": int(now * 1000) + self.skew_ms,
            "kind": self.kind, "unit": unit, "value": round(value, 4),
            "battery": round(self.battery, 3)}).encode()
        self.kept.append((self.seq, reading))
        if now < self.silent_until and len(self.kept) < 20:
            return []
        if self.rng.random() < 0.01:
            self.silent_until = now + self.rng.uniform(1, 5)
        sent, self.kept = self.kept, []
        if self.rng.random() < 0.01:
            sent = sent + sent[-1:]  # it did not hear the answer
        return sent


def make_topic(broker, topic, partitions):
    admin = AdminClient({"bootstrap.servers": broker})
    if topic not in admin.list_topics(timeout=30).topics:
        admin.create_topics([NewTopic(topic, partitions)])[topic].result(30)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--broker", required=True)
    parser.add_argument("--topic", default="readings")
    parser.add_argument("--partitions", type=int, default=4)
    parser.add_argument("--sensors", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rate", type=int, default=10_000, help="readings a second of all sensors")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--acknowledged", required=True)
    flags = parser.parse_args()

    make_topic(flags.broker, flags.topic, flags.partitions)
    producer = Producer({"bootstrap.servers": flags.broker, "enable.idempotence": True,
                         "linger.ms": 5, "delivery.timeout.ms": 300_000,
                         "reconnect.backoff.max.ms": 300, "log_level": 0})
    rng = random.Random(flags.seed)
    sensors = [Sensor(number, random.Random(rng.random())) for number in range(flags.sensors)]
    failed = []
    counts = {"sent": 0, "acknowledged": 0}

    with open(flags.acknowledged, "w") as acknowledged:
        def told(sensor, seq):
            def delivered(error, message):
                if error is not None:
                    failed.append(f"{sensor} {seq}: {error}")
                else:
                    counts["acknowledged"] += 1
                    acknowledged.write(f"{message.partition()} {message.offset()} {sensor} {seq}\n")
            return delivered

        def send(sensor, seq, reading):
            while True:
                try:
                    producer.produce(flags.topic, reading, key=sensor,
                                     on_delivery=told(sensor, seq))
                    break
                except BufferError:  # the broker is away: what was not sent yet waits here
                    producer.poll(0.1)
            counts["sent"] += 1

        begin = time.time()
        turn = 0
        while (now := time.time()) < begin + flags.seconds:
            due = int((now - begin) * flags.rate)
            while turn < due:
                sensor = sensors[turn % len(sensors)]
                turn += 1
                for seq, reading in sensor.measure(time.time()):
                    if rng.random() < 0.001:  # cut off on the way
                        send("-", "-", reading[:rng.randrange(1, len(reading) - 1)])
                    send(sensor.name, seq, reading)
                if turn % 500 == 0:
                    producer.poll(0)
            producer.poll(0.005)
        for sensor in sensors:  # the building closes: the last gaps end
            for seq, reading in sensor.kept:
                send(sensor.name, seq, reading)
        left = producer.flush(120)
    if failed or left:
        raise SystemExit(f"{len(failed) + left} readings were not acknowledged: {failed[:3]}")
    print(f"{counts['sent']} readings of {flags.sensors} sensors sent, "
          f"{counts['acknowledged']} acknowledged")


if __name__ == "__main__":
    main()
