"""INSERT INTO a topic of Apache Kafka 4.2: the tests of test_topic_sink.py with its broker."""
import pytest

from apache_kafka import Cluster
from test_topic_sink import (  # noqa: F401
    test_create_topic,
    test_keys_land_where_other_producers_put_them,
    test_killed_at_changes_of_the_disk,
    test_killed_at_random_moments,
    test_metadata_is_written,
    test_notes_behind_an_open_transaction_are_waited_for,
    test_rejected_rows_are_in_the_quarantine,
    test_rows_are_added_run_by_run,
    test_the_order_of_rows_stays_within_a_key,
    test_what_was_sent_stays_sent,
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    cluster = Cluster(tmp_path_factory.mktemp("kafka"), brokers=1,
                      settings={"auto.create.topics.enable": "true", "num.partitions": "4"})
    try:
        yield cluster
    finally:
        cluster.stop()
