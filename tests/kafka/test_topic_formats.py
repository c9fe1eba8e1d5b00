"""csv and avro there and back: a topic into a Delta table, and the table into another topic. What
others wrote and read is this file's own encoding."""
import csv
import datetime
import io
import random
import struct

from confluent_kafka import Producer
from weir_project import Project

from kafka_broker import Broker
from test_topic_sink import read

COLUMNS = ["id BIGINT", "label VARCHAR", "score DOUBLE", "day DATE", "good BOOLEAN"]
EPOCH = datetime.date(1970, 1, 1)


def rows(count: int) -> list:
    rng = random.Random(7)
    made = [(0, 'a "quoted", text\nof two lines; ä', -0.5, datetime.date(1969, 12, 31), True),
            (-(2**63), "", 1e-300, datetime.date(9999, 12, 31), False)]
    for i in range(len(made), count):
        made.append((rng.randrange(-2**40, 2**40), f"n{i}", rng.random(),
                     EPOCH + datetime.timedelta(rng.randrange(20000)), rng.random() < 0.5))
    return [tuple(None if i > 8 and column > 0 and i % 9 == column else value
                  for column, value in enumerate(row)) for i, row in enumerate(made)]


def varint(number: int) -> bytes:
    left, out = (number << 1) ^ (number >> 63), bytearray()
    while left > 0x7f:
        out.append(left & 0x7f | 0x80)
        left >>= 7
    return bytes(out) + bytes([left])


def avro(row) -> bytes:
    """A record of unions of null and the column's type."""
    number, label, score, day, good = row
    fields = [varint(number), label is not None and varint(len(label.encode())) + label.encode(),
              score is not None and struct.pack("<d", score),
              day is not None and varint((day - EPOCH).days), good is not None and bytes([good])]
    return b"".join(b"\x00" if value is None else b"\x02" + field
                    for value, field in zip(row, fields))


def csv_line(row) -> bytes:
    """NULL is an empty field; a text that is empty stands between quotes."""
    out = io.StringIO()
    plain = ["" if value is None else str(value).lower() if isinstance(value, bool) else value
             for value in row]
    csv.writer(out, lineterminator="").writerow(plain)
    fields = out.getvalue()
    return fields.replace(f"{row[0]},,", f'{row[0]},"",', 1).encode() if row[1] == "" else \
        fields.encode()


def of_csv(line: bytes) -> tuple:
    number, label, score, day, good = next(csv.reader(io.StringIO(line.decode(), newline="")))
    return (int(number), label or None, float(score) if score else None,
            datetime.date.fromisoformat(day) if day else None,
            {"true": True, "false": False, "": None}[good])


def test_there_and_back(tmp_path):
    sent = rows(300)
    project = Project(tmp_path)
    sql = ""
    forms = {"avro": avro, "csv": csv_line}
    for form in forms:
        for table in (f"{form}_in", f"{form}_out"):
            sql += (f"CREATE TABLE {table} ({', '.join(COLUMNS)}) WITH ('connector' = 'topic', "
                    f"'format' = '{form}');\n")
        sql += (f"CREATE MATERIALIZED TABLE {form}_rows AS SELECT * FROM {form}_in;\n"
                f"INSERT INTO {form}_out SELECT * FROM {form}_rows;\n")
    project.write("p.sql", sql)
    with Broker(tmp_path / "data") as broker:
        producer = Producer({"bootstrap.servers": broker.address})
        for form, encode in forms.items():
            for value in [*map(encode, sent), b"\x03"]:
                producer.produce(f"{form}_in", value)
        assert producer.flush(10) == 0
    project.run_ok()  # with the topics in its own process: quicker
    for form in forms:
        got = project.rows(f"SELECT * FROM {form}_rows")
        assert sorted(got, key=repr) == sorted(sent, key=repr)
        assert project.rows(f"SELECT source LIKE '%/%', raw FROM {form}_rows__quarantine") == [
            (True, b"\x03")]
    with Broker(tmp_path / "data") as broker:
        found = [[m.value() for m in read(broker, f"{form}_out")] for form in forms]
    assert sorted(found[0]) == sorted(map(avro, sent))
    # An empty text is read as NULL by Python's reader, but written as itself.
    assert sorted(map(of_csv, found[1]), key=repr) == sorted(
        ((row[0], row[1] or None, *row[2:]) for row in sent), key=repr)
    assert any(b',"",' in line for line in found[1])
    # What is not the table's row is told where it stood in the topic.
    told = project.weir("quarantine", "show", "csv_rows")
    assert told.code == 0 and " at offset " in told.out, str(told)
    # Rows that went to a topic are not looked for in the warehouse.
    told = project.weir("sql", "-c", "SELECT count(*) FROM csv_out")
    assert "rows of csv_out are in the topic: FROM topic('csv_out')" in told.err, str(told)


def test_a_time_that_is_none_is_a_record_that_does_not_decode(tmp_path):
    """Any 64 bits are a time to Avro. Those that no reader has a date for went into the table's
    file, which then could not be written: one such record held up all that came after it."""
    logical = '{{"type": "{}", "logicalType": "{}"}}'
    schema = ('{"type": "record", "name": "R", "fields": ['
              f'{{"name": "at", "type": {logical.format("long", "timestamp-micros")}}}, '
              f'{{"name": "ms", "type": {logical.format("long", "timestamp-millis")}}}, '
              f'{{"name": "day", "type": {logical.format("int", "date")}}}]}}')
    project = Project(tmp_path)
    project.write("p.sql", f"""
CREATE TABLE times (at TIMESTAMP, ms TIMESTAMPTZ, day DATE, "offset" BIGINT METADATA)
  WITH ('connector' = 'topic', 'format' = 'avro', 'avro.schema' = '{schema}');
CREATE MATERIALIZED TABLE kept AS SELECT * FROM times;
""")
    good = [(0, 0, 0), (-9_223_372_022_400_000_000, -9_223_372_022_400_000, -(2**31) + 2),
            (2**63 - 2, 9_223_372_036_854_775, 2**31 - 2)]
    bad = [(-9_223_372_022_400_000_001, 0, 0), (-2**63, 0, 0), (2**63 - 1, 0, 0),
           (0, -9_223_372_022_400_001, 0), (0, 9_223_372_036_854_776, 0), (0, -2**63, 0),
           (0, 0, 2**31 - 1), (0, 0, -2**31), (0, 0, -2**31 + 1)]
    with Broker(tmp_path / "data") as broker:
        producer = Producer({"bootstrap.servers": broker.address})
        for row in good + bad:
            producer.produce("times", b"".join(map(varint, row)))
        assert producer.flush(10) == 0
    project.run_ok()
    assert project.rows('SELECT "offset" FROM kept ORDER BY 1') == [(0,), (1,), (2,)]
    assert project.rows("SELECT position FROM kept__quarantine ORDER BY 1") == [
        (i,) for i in range(3, 12)]
