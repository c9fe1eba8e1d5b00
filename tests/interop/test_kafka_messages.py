"""Kafka's messages as Weir writes them, held against Apache Kafka's own client library.

The library comes from Maven, or out of what Maven brought before; without Maven or a JDK these
tests are skipped and say so.
"""
import hashlib
import importlib.util
import json
import pathlib
import re
import shutil
import subprocess
import zipfile

import pytest

ROOT = pathlib.Path(__file__).parents[2]
GOLDEN = ROOT / "tests/golden/kafka_messages.txt"
JARS = {
    "org.apache.kafka:kafka-clients:4.2.0":
        "bcf39f152c5553c2501a491fc4a73c5b0330741e8eed96a481323b8ee89738af",
    "org.slf4j:slf4j-api:1.7.36":
        "d3ef575e3e4979678dc01bf1dcce51021493b4d11fb7f1be8ad982877c16a1c0",
}
LAST = 10**6


@pytest.fixture(scope="session")
def jars(tmp_path_factory):
    if not shutil.which("mvn") or not shutil.which("java"):
        pytest.skip("Maven or Java is not installed: Kafka's client library cannot be had")
    folder = tmp_path_factory.mktemp("kafka-jars")
    files = []
    for artifact, sha256 in JARS.items():
        group, name, version = artifact.split(":")
        kept = pathlib.Path.home() / ".m2/repository" / group.replace(".", "/") / name / version
        file = kept / f"{name}-{version}.jar"
        if not file.exists():
            done = subprocess.run(
                ["mvn", "-q", "-B", "dependency:copy", f"-Dartifact={artifact}",
                 f"-DoutputDirectory={folder}"],
                cwd=folder, capture_output=True, text=True, timeout=300)
            file = folder / file.name
            if done.returncode != 0 or not file.exists():
                pytest.skip(f"Maven did not bring {artifact}: {done.stdout[-500:]}")
        assert hashlib.sha256(file.read_bytes()).hexdigest() == sha256, artifact
        files.append(file)
    return sorted(files)


@pytest.fixture(scope="session")
def codec():
    spec = importlib.util.spec_from_file_location("kafka_codec", ROOT / "tools/kafka_codec.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def ours(codec):
    return {m.name: m for m in codec.parse(codec.SOURCE.read_text())}


def verify_in_java(jars) -> list:
    """What VerifyKafkaMessages.java says of the golden messages, line by line."""
    return subprocess.run(
        # Flags for a program that is compiled from its source and ends within a second or two.
        ["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", ":".join(map(str, jars)),
         str(ROOT / "tests/interop/VerifyKafkaMessages.java")],
        input=GOLDEN.read_text(), capture_output=True, text=True, timeout=120,
        check=True).stdout.splitlines()


def kafkas_messages(jars):
    """name -> the JSON of every message in the library."""
    found = {}
    for jar in jars:
        with zipfile.ZipFile(jar) as archive:
            for name in archive.namelist():
                if re.fullmatch(r"common/message/\w+\.json", name):
                    text = re.sub(r"(?m)(^|\s)//.*$", "", archive.read(name).decode())
                    message = json.loads(text)
                    found[message["name"]] = message
    return found


def versions(text, around):
    """The (first, last) of "3+", "3-5", "3" or "none" inside of `around`."""
    match = re.fullmatch(r"(\d+)(?:(\+)|-(\d+))?", str(text))
    if not match:
        return None
    first = int(match[1])
    last = LAST if match[2] else int(match[3] or first)
    both = (max(first, around[0]), min(last, around[1]))
    return both if both[0] <= both[1] else None


def default_of(kind, value):
    """A default as one value, whatever way it is written."""
    text = "" if value is None else str(value).lower()
    if text == "null":
        return None
    if kind == "bool":
        return text == "true"
    if kind.startswith("[]") or kind in ("string", "bytes", "records", "uuid") or kind[0].isupper():
        return text
    return float(text or 0) if kind == "float64" else int(text or "0", 0)


def theirs_flat(fields, shared, message_versions, around=None, prefix=""):
    """path -> all facts of the fields and of the structs inside of them."""
    around = around or message_versions
    flat = {}
    for field in fields:
        path = f"{prefix}{field['name']}"
        valid = versions(field["versions"], around)
        if valid is None:
            continue
        kind = field["type"]
        null = versions(field.get("nullableVersions", "none"), valid)
        if "taggedVersions" in field:
            assert versions(field["taggedVersions"], around) == valid, path
        flat[path] = (kind, valid, null, field.get("tag"), default_of(kind, field.get("default")),
                      bool(field.get("ignorable")), field.get("flexibleVersions") == "none")
        base = kind.removeprefix("[]")
        if "fields" in field:
            flat |= theirs_flat(field["fields"], shared, message_versions, valid, path + ".")
        elif base in shared:
            flat |= theirs_flat(shared[base], shared, message_versions, None, path + ".")
    return flat


def ours_flat(message, fields, prefix=""):
    flat = {}
    for field in fields:
        path = f"{prefix}{field.name}"
        kind = ("[]" if field.is_array else "") + field.type
        flat[path] = (kind, field.versions, field.null, field.tag,
                      default_of(kind, field.default), field.ignorable, field.never_compact)
        if field.is_struct:
            flat |= ours_flat(message, field.fields or message.shared[field.type], path + ".")
    return flat


def test_messages_are_those_of_the_library(jars, ours):
    kafka = kafkas_messages(jars)
    assert len(ours) > 100
    for name, message in ours.items():
        theirs = kafka[name]
        valid = versions(theirs["validVersions"], (0, LAST))
        assert (message.key, message.versions) == (theirs.get("apiKey"), valid), name
        flexible = versions(theirs["flexibleVersions"], valid)
        assert message.flexible == (flexible[0] if flexible else LAST), name
        shared = {s["name"]: s["fields"] for s in theirs.get("commonStructs", [])}
        fields = theirs_flat(theirs["fields"], shared, valid)
        assert ours_flat(message, message.fields) == fields, name
        unstable = theirs.get("latestVersionUnstable", False)
        assert message.unstable == (valid[1] if unstable else None), name


def test_fields_come_in_the_same_order(jars, ours):
    kafka = kafkas_messages(jars)
    for name, message in ours.items():
        shared = {s["name"]: s["fields"] for s in kafka[name].get("commonStructs", [])}
        theirs = theirs_flat(kafka[name]["fields"], shared, message.versions)
        assert list(ours_flat(message, message.fields)) == list(theirs), name


def test_kafkas_own_classes_read_golden_messages_and_have_the_same_error_codes(jars):
    *errors, verdict = verify_in_java(jars)
    lines = [line for line in GOLDEN.read_text().splitlines() if not line.startswith("#")]
    assert verdict == f"same: {len(lines)}"
    theirs = [tuple(line.split()) for line in errors]
    numbers = dict(re.findall(r"^  (k\w+) = (-?\d+),$",
                              (ROOT / "src/weir/log/kafka/errors.h").read_text(), re.MULTILINE))
    rows = re.findall(r'\{KafkaError::(k\w+),\s*"(\w+)",\s*(true|false)\}',
                      (ROOT / "src/weir/log/kafka/errors.cc").read_text())
    assert len(numbers) == len(rows)
    assert [(numbers[word], name, retriable) for word, name, retriable in rows] == theirs
