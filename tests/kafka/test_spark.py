"""Spark reads topics with its Kafka source and writes them with its sink: batch and streaming.

Runs in the environment of tools/deps/python-spark.in (`./dev test slow`).
"""
import json

import pytest

import java_programs

pyspark = pytest.importorskip("pyspark")

VALUES = 3000


@pytest.fixture(scope="module")
def spark():
    # Maven does not always bring the token provider of 4.0.1; nothing here uses tokens.
    jars = java_programs.class_path(
        "org.apache.spark:spark-sql-kafka-0-10_2.13:4.0.1",
        "org.apache.spark:spark-token-provider-kafka-0-10_2.13:4.0.0",
        "org.apache.kafka:kafka-clients:3.9.1", "org.apache.commons:commons-pool2:2.12.0",
        alone=True)
    session = (pyspark.sql.SparkSession.builder.master("local[2]")
               .config("spark.ui.enabled", "false")
               .config("spark.driver.memory", "512m")
               .config("spark.sql.shuffle.partitions", "2")
               .config("spark.jars", jars.replace(":", ","))
               .getOrCreate())
    yield session
    session.stop()


def write(spark, broker, topic, first, count):
    (spark.range(first, first + count)
     .selectExpr("CAST(id % 10 AS STRING) AS key", "CAST(id AS STRING) AS value",
                 "array(struct('origin' AS key, CAST('spark' AS BINARY) AS value)) AS headers")
     .write.format("kafka").option("kafka.bootstrap.servers", broker.address)
     .option("topic", topic).save())


def source(reader, broker, topic, **options):
    return (reader.format("kafka").option("kafka.bootstrap.servers", broker.address)
            .option("subscribe", topic).options(**options).load())


def numbers(frame):
    rows = frame.selectExpr("CAST(value AS STRING) AS value").collect()
    return sorted(int(row.value) for row in rows)


@pytest.mark.slow
def test_spark_in_batches(spark, broker):
    write(spark, broker, "spark-batch", 0, VALUES)
    frame = source(spark.read, broker, "spark-batch", includeHeaders="true")
    assert numbers(frame) == list(range(VALUES))
    rows = frame.where("CAST(value AS STRING) = '42'").collect()
    assert bytes(rows[0].key) == b"2"
    assert [(h.key, bytes(h.value)) for h in rows[0].headers] == [("origin", b"spark")]
    # A range of offsets, and from a time on.
    rows = frame.groupBy("partition").count().collect()
    counts = {str(row.partition): row["count"] for row in rows}
    frame = source(spark.read, broker, "spark-batch", startingOffsets=json.dumps(
        {"spark-batch": {partition: count - 7 for partition, count in counts.items()}}))
    assert frame.count() == 7 * len(counts)
    assert all(row.offset >= counts[str(row.partition)] - 7 for row in frame.collect())
    frame = source(spark.read, broker, "spark-batch", startingTimestamp="1")
    assert frame.count() == VALUES


@pytest.mark.slow
def test_spark_streams_go_on_where_they_were(spark, broker, tmp_path):
    def run_once():
        query = (source(spark.readStream, broker, "spark-stream", startingOffsets="earliest",
                        maxOffsetsPerTrigger="700")
                 .selectExpr("CAST(value AS STRING) AS value", "partition", "offset")
                 .writeStream.format("parquet").option("path", str(tmp_path / "out"))
                 .option("checkpointLocation", str(tmp_path / "checkpoint"))
                 .trigger(availableNow=True).start())
        assert query.awaitTermination(200)
        return query.recentProgress

    write(spark, broker, "spark-stream", 0, VALUES)
    assert len([p for p in run_once() if p["numInputRows"] > 0]) > 3
    write(spark, broker, "spark-stream", VALUES, VALUES)
    run_once()
    assert numbers(spark.read.parquet(str(tmp_path / "out"))) == list(range(2 * VALUES))


@pytest.mark.slow
def test_spark_streams_into_a_topic(spark, broker, tmp_path):
    write(spark, broker, "spark-from", 0, VALUES)
    query = (source(spark.readStream, broker, "spark-from", startingOffsets="earliest")
             .selectExpr("key", "value").writeStream.format("kafka")
             .option("kafka.bootstrap.servers", broker.address).option("topic", "spark-to")
             .option("checkpointLocation", str(tmp_path / "checkpoint"))
             .trigger(availableNow=True).start())
    assert query.awaitTermination(200)
    assert numbers(source(spark.read, broker, "spark-to")) == list(range(VALUES))
