"""`weir topic` over TLS and with a login: a file of properties as Kafka's own tools take it."""
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from test_security import MECHANISMS, PASSWORD, certificates, secure  # noqa: F401
from weir_process import run_weir, text
from weir_project import Project

SECONDS_MAX = 30


def topic(secure, listener: str, folder, properties: dict, *arguments: str):  # noqa: F811
    config = folder / "client.properties"
    config.write_text("# a comment\n" + "".join(f"{k} = {v}\n" for k, v in properties.items()))
    return text(run_weir("topic", *arguments, "--server", secure.listeners[listener],
                         "--client-config", config, input=b"one\n", timeout=SECONDS_MAX))


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize("listener", ["sasl", "sasl+tls"])
def test_who_has_the_password_comes_in(secure, certificates, tmp_path, listener,  # noqa: F811
                                       mechanism):
    properties = {
        "security.protocol": "SASL_SSL" if "tls" in listener else "SASL_PLAINTEXT",
        "sasl.mechanism": mechanism,
        "sasl.jaas.config": f'a.LoginModule required \\\n username="alice" password="{PASSWORD}";'}
    if "tls" in listener:
        properties["ssl.truststore.location"] = certificates / "ca.pem"
    name = f"{mechanism}-{listener.replace('+', '-')}"
    for command in (["create", name], ["produce", name]):
        done = topic(secure, listener, tmp_path, properties, *command)
        assert done.returncode == 0, done.stderr
    done = topic(secure, listener, tmp_path, properties, "tail", name, "--format", "json")
    assert json.loads(done.stdout)["value"] == "one"

    wrong = {**properties, "sasl.jaas.config": 'a required username="alice" password="no";'}
    done = topic(secure, listener, tmp_path, wrong, "ls")
    assert done.returncode == 3 and "let us in" in done.stderr and "password" in done.stderr


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_tables_come_in_too(secure, certificates, tmp_path, mechanism):  # noqa: F811
    properties = {"security.protocol": "SASL_SSL", "sasl.mechanism": mechanism,
                  "sasl.username": "alice", "sasl.password": PASSWORD,
                  "ssl.ca.location": certificates / "ca.pem"}
    name = f"lines-{mechanism}"
    for command in (["create", name], ["produce", name]):
        assert topic(secure, "sasl+tls", tmp_path, properties, *command).returncode == 0
    options = ", ".join(f"'properties.{key}' = '{value}'" for key, value in properties.items())
    project = Project(tmp_path / "project")
    project.write("p.sql", f"""
CREATE TABLE raw (line VARCHAR) WITH ('connector' = 'kafka', 'topic' = '{name}', 'format' = 'raw',
  'properties.bootstrap.servers' = '{secure.listeners["sasl+tls"]}', {options});
CREATE MATERIALIZED TABLE lines AS SELECT * FROM raw;
""")
    project.run_ok()
    assert project.rows("SELECT line FROM lines") == [("one",)]


def test_tables_are_told_soon_what_a_port_wants(secure, tmp_path):  # noqa: F811
    def run(listener: str):
        project = Project(tmp_path / listener)
        project.write("p.sql", f"""
CREATE TABLE raw (line VARCHAR) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'raw',
  'properties.bootstrap.servers' = '{secure.listeners[listener]}');
CREATE MATERIALIZED TABLE lines AS SELECT * FROM raw;
""")
        return project.run()

    with ThreadPoolExecutor() as pool:
        for ended in pool.map(run, ["tls", "sasl"]):
            # Not what is said after 'properties.default.api.timeout.ms', which are 30 s.
            assert ended.code == 3 and "fix: if the listener wants TLS" in ended.err, str(ended)


def test_what_does_not_fit_the_port_is_told(secure, certificates, tmp_path):  # noqa: F811
    trusting = {"security.protocol": "SSL", "ssl.ca.location": certificates / "ca.pem"}
    assert topic(secure, "tls", tmp_path, trusting, "ls").returncode == 0
    done = topic(secure, "tls", tmp_path, {"security.protocol": "SSL"}, "ls")
    assert done.returncode == 3 and "certificate" in done.stderr
    done = topic(secure, "plain", tmp_path, trusting, "ls")
    assert done.returncode == 3 and "TLS" in done.stderr
    done = topic(secure, "tls", tmp_path, {"security.protocol": "PLAINTEXT"}, "ls")
    assert done.returncode == 3 and "--client-config" in done.stderr
    done = topic(secure, "sasl", tmp_path, {"security.protocol": "SASL_PLAINTEXT",
                                            "sasl.mechanism": "GSSAPI"}, "ls")
    assert done.returncode == 2 and "SCRAM-SHA-512" in done.stderr
    done = topic(secure, "plain", tmp_path, {"security.protocl": "SSL"}, "ls")
    assert done.returncode == 2 and "security.protocol" in done.stderr
