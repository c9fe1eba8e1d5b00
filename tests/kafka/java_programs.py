"""Java programs against a broker: libraries from Maven, our small sources run as they are.

Where Maven or Java is not installed, or Maven brings nothing, the test is skipped and says so.
"""
import functools
import pathlib
import shutil
import subprocess
import tempfile

import pytest

SOURCES = pathlib.Path(__file__).resolve().parent / "java"
KAFKA = "4.2.0"
BEFORE = "3.9.1"  # the last before transactions' second protocol
OLDEST = "2.1.1"  # the oldest that Kafka 4 itself still serves
SLF4J = "org.slf4j:slf4j-simple:1.7.36"
LOG_LEVEL = "-Dorg.slf4j.simpleLogger.defaultLogLevel="
SECONDS_MAX = 300


def clients(version: str = KAFKA) -> str:
    return class_path(f"org.apache.kafka:kafka-clients:{version}", SLF4J)


def kafka() -> str:
    """Everything: tools, Connect, Streams."""
    names = ("kafka_2.13", "kafka-tools", "connect-runtime", "connect-file", "kafka-streams")
    return class_path(*(f"org.apache.kafka:{name}:{KAFKA}" for name in names), SLF4J)


@functools.cache
def class_path(*artifacts: str, alone: bool = False) -> str:
    """The jars of these artifacts (GROUP:NAME:VERSION) and, unless alone, of all that they need."""
    if not shutil.which("mvn") or not shutil.which("java"):
        pytest.skip("Maven or Java is not installed")
    exclusions = ("<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId>"
                  "</exclusion></exclusions>" if alone else "")
    dependencies = "".join(
        "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version>{}"
        "</dependency>".format(*artifact.split(":"), exclusions) for artifact in artifacts)
    with tempfile.TemporaryDirectory() as folder:
        pom = pathlib.Path(folder) / "pom.xml"
        pom.write_text("<project><modelVersion>4.0.0</modelVersion><groupId>tests</groupId>"
                       "<artifactId>tests</artifactId><version>1</version><dependencies>"
                       f"{dependencies}</dependencies></project>")
        for _ in range(3):  # a registry is not always there at once
            done = subprocess.run(
                ["mvn", "-q", "-B", "dependency:build-classpath", "-Dmdep.outputFile=jars"],
                cwd=folder, capture_output=True, text=True, timeout=900)
            if done.returncode == 0:
                return (pathlib.Path(folder) / "jars").read_text()
    pytest.skip(f"Maven did not bring {artifacts}: {done.stdout[-500:]}")


def compiled(jars: str, source: str, folder: pathlib.Path) -> str:
    """`jars` with the classes of a source of ours, for libraries that send classes elsewhere."""
    subprocess.run(["javac", "-nowarn", "-d", str(folder), "-cp", jars, str(SOURCES / source)],
                   check=True, capture_output=True, timeout=SECONDS_MAX)
    return f"{folder}:{jars}"


def command(jars: str, program: str, *arguments: str, options: tuple[str, ...] = ()) -> list[str]:
    """`program`: a source of ours (X.java) or a class of the libraries'."""
    if program.endswith(".java"):
        program = str(SOURCES / program)
    return ["nice", "-n", "5", "java", "-Xmx512m", LOG_LEVEL + "error", *options, "-cp", jars,
            program, *arguments]


def run(jars: str, program: str, *arguments: str, options: tuple[str, ...] = (), input=None) -> str:
    """What it printed; it must end well."""
    done = subprocess.run(command(jars, program, *arguments, options=options), input=input,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=SECONDS_MAX)
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout


class Running:
    """A program that runs until it is killed, or until the end of a `with`."""

    def __init__(self, log: pathlib.Path, *parts, **options):
        self.log = log
        with open(log, "a") as out:
            self.process = subprocess.Popen(command(*parts, **options), stdout=out, stderr=out)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def alive(self) -> bool:
        return self.process.poll() is None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
