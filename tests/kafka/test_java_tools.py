"""The programs of Apache Kafka's bin folder (kafka-topics.sh and its like) and kcat."""
import json
import subprocess

import pytest

import java_programs

TOOLS = "org.apache.kafka.tools."
RECORDS = 1000
SECONDS_MAX = 60


@pytest.fixture(scope="module")
def tool(broker):
    jars = java_programs.kafka()

    def run(name: str, *arguments: str, input=None) -> str:
        program = name if name.startswith("kafka.") else TOOLS + name
        return java_programs.run(jars, program, "--bootstrap-server", broker.address, *arguments,
                                 input=input)
    return run


def json_lines(text: str, name: str) -> list[dict]:
    found = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    return [line for line in found if line.get("name") == name]


@pytest.mark.slow
def test_topics_and_their_settings(tool):
    assert "Created topic tools." in tool("TopicCommand", "--create", "--topic", "tools",
                                          "--partitions", "3", "--replication-factor", "3",
                                          "--config", "retention.ms=100000000")
    tool("TopicCommand", "--alter", "--topic", "tools", "--partitions", "5")
    described = tool("TopicCommand", "--describe", "--topic", "tools")
    assert "PartitionCount: 5\tReplicationFactor: 1\tConfigs: retention.ms=100000000" in described
    assert "tools" in tool("TopicCommand", "--list").split()
    topic = ("--entity-type", "topics", "--entity-name", "tools")
    tool("kafka.admin.ConfigCommand", "--alter", *topic,
         "--add-config", "max.message.bytes=2000000")
    described = tool("kafka.admin.ConfigCommand", "--describe", *topic)
    assert ("max.message.bytes=2000000 sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:"
            "max.message.bytes=2000000, DEFAULT_CONFIG:message.max.bytes=1048588}") in described
    tool("kafka.admin.ConfigCommand", "--alter", *topic, "--delete-config", "max.message.bytes")
    assert "max.message.bytes" not in tool("kafka.admin.ConfigCommand", "--describe", *topic)
    tool("TopicCommand", "--delete", "--topic", "tools")
    assert "tools" not in tool("TopicCommand", "--list").split()


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_verifiable_producer_and_consumer_and_their_group(tool, protocol):
    topic = group = f"verifiable-{protocol}"
    tool("TopicCommand", "--create", "--topic", topic, "--partitions", "3")
    said = tool("VerifiableProducer", "--topic", topic, "--max-messages", str(RECORDS),
                "--acks", "-1")
    (data,) = json_lines(said, "tool_data")
    assert (data["sent"], data["acked"]) == (RECORDS, RECORDS)
    acked = {(r["partition"], r["offset"]) for r in json_lines(said, "producer_send_success")}
    said = tool("VerifiableConsumer", "--topic", topic, "--group-id", group, "--max-messages",
                str(RECORDS), "--reset-policy", "earliest", "--group-protocol", protocol)
    consumed = [(p["partition"], offset) for line in json_lines(said, "records_consumed")
                for p in line["partitions"] for offset in range(p["minOffset"], p["maxOffset"] + 1)]
    assert len(consumed) == RECORDS and set(consumed) == acked
    groups = "consumer.group.ConsumerGroupCommand"
    rows = [line.split() for line in tool(groups, "--describe", "--group", group).splitlines()
            if line.startswith(group)]
    assert sum(int(row[3]) for row in rows) == RECORDS
    assert {row[5] for row in rows} == {"0"}  # lag
    tool(groups, "--group", group, "--topic", topic, "--reset-offsets", "--to-earliest",
         "--execute")
    rows = [line.split() for line in tool(groups, "--describe", "--group", group).splitlines()
            if line.startswith(group)]
    assert {row[3] for row in rows} == {"0"}
    assert "successful" in tool(groups, "--delete", "--group", group)
    assert group not in tool(groups, "--list").split()


@pytest.mark.slow
def test_records_from_and_to_the_console(tool, tmp_path):
    tool("TopicCommand", "--create", "--topic", "console", "--partitions", "1")
    tool("ConsoleProducer", "--topic", "console", "--reader-property", "parse.key=true",
         "--reader-property", "key.separator=:", input="a:1\nb:2\nc:3\n")
    said = tool("consumer.ConsoleConsumer", "--topic", "console", "--from-beginning",
                "--max-messages", "3", "--formatter-property", "print.key=true")
    assert said.splitlines()[:3] == ["a\t1", "b\t2", "c\t3"]
    upto = tmp_path / "upto.json"
    upto.write_text('{"partitions":[{"topic":"console","partition":0,"offset":2}]}')
    tool("DeleteRecordsCommand", "--offset-json-file", str(upto))
    assert "console:0:2\n" in tool("GetOffsetShell", "--topic", "console", "--time", "-2")
    assert "console:0:3\n" in tool("GetOffsetShell", "--topic", "console", "--time", "-1")
    said = tool("LogDirsCommand", "--describe", "--topic-list", "console")
    assert '"partition":"console-0"' in said


@pytest.mark.slow
def test_the_cluster_and_its_features(tool):
    described = tool("FeatureCommand", "describe")
    assert "group.version\tSupportedMinVersion: 0\tSupportedMaxVersion: 1" in described
    assert "FinalizedVersionLevel: 2" in described  # transaction.version
    assert "Produce(0): 0 to 13 [usable: 13]" in tool("BrokerApiVersionsCommand")
    assert "LeaderId:" in tool("MetadataQuorumCommand", "describe", "--status")


def kcat(broker, *arguments: str, input=None) -> str:
    done = subprocess.run(["kcat", "-b", broker.address, *arguments], input=input, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=SECONDS_MAX)
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_kcat(broker):
    kcat(broker, "-P", "-t", "cat", "-p", "0", "-K", ":", "-z", "zstd", input="a:1\nb:2\nc:3\n")
    read = kcat(broker, "-C", "-t", "cat", "-e", "-q", "-f", "%p/%o %k=%s\\n")
    assert read == "0/0 a=1\n0/1 b=2\n0/2 c=3\n"
    assert 'topic "cat"' in kcat(broker, "-L")
    assert kcat(broker, "-Q", "-t", "cat:0:-1") == "cat [0] offset 3\n"
    grouped = kcat(broker, "-G", "cats", "-X", "auto.offset.reset=earliest", "-e", "-q",
                   "-f", "%s,", "-c", "3", "cat")
    assert "1,2,3," in grouped
