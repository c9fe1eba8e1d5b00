"""Apache Kafka's own Java clients, of several versions, against `weir serve`."""
import pytest

import java_programs

CONSUMER = "org.apache.kafka.clients.consumer."

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("version", [java_programs.KAFKA, java_programs.BEFORE,
                                     java_programs.OLDEST])
def test_produce_and_consume(broker, version):
    said = java_programs.run(java_programs.clients(version), "ProduceAndConsume.java",
                             broker.address)
    assert "ok: 7 round trips" in said


@pytest.mark.parametrize("version, protocol", [
    (java_programs.KAFKA, ["consumer"]),
    (java_programs.KAFKA, ["consumer", "range"]),
    (java_programs.KAFKA, ["classic", CONSUMER + "CooperativeStickyAssignor"]),
    (java_programs.KAFKA, ["classic", CONSUMER + "RangeAssignor"]),
    (java_programs.BEFORE, ["classic"]),
], ids=["consumer", "consumer-range", "cooperative", "range", "before"])
def test_members_of_a_group(broker, version, protocol):
    said = java_programs.run(java_programs.clients(version), "GroupMembers.java", broker.address,
                             *protocol)
    assert "ok: 18000 records" in said


@pytest.mark.parametrize("version, groups", [(java_programs.KAFKA, "classic,consumer"),
                                             (java_programs.BEFORE, "classic")],
                         ids=["an-epoch-each", "before"])
def test_transactions(broker, version, groups):
    said = java_programs.run(java_programs.clients(version), "Transactions.java", broker.address,
                             options=(f"-Dprotocols={groups}",))
    assert said.endswith("ok\n")


def test_administration(broker):
    said = java_programs.run(java_programs.clients(), "Administration.java", broker.address)
    assert "ok: cluster, topics" in said
