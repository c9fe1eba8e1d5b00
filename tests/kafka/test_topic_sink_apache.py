"""INSERT INTO a topic of Apache Kafka 4.2: the tests of test_topic_sink.py with its broker."""
import pathlib
import shutil
import sys
import types

import pytest

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
def broker():
    if not (shutil.which("mvn") and shutil.which("java")):
        pytest.skip("Apache Kafka needs Java, and Maven to fetch it")
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools/bench"))
    import log  # the benchmark knows how Kafka is started
    log.WORK.mkdir(parents=True, exist_ok=True)
    try:
        server = log.Server("kafka", log.kafka_jars())
    except SystemExit as slow:
        pytest.fail(str(slow))
    try:
        yield types.SimpleNamespace(address=f"127.0.0.1:{server.port}")
    finally:
        server.stop()
        shutil.rmtree(server.data, ignore_errors=True)
