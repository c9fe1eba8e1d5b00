"""Who may come in, and over what: SASL, TLS and their settings, with Kafka's own clients."""
import os
import pathlib
import signal
import socket
import ssl
import struct
import subprocess
import time
import urllib.request
import uuid

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import (AclBinding, AclBindingFilter, AclOperation, AclPermissionType,
                                   AdminClient, ConfigResource, NewTopic, ResourcePatternType,
                                   ResourceType, ScramCredentialInfo, ScramMechanism,
                                   UserScramCredentialDeletion, UserScramCredentialUpsertion)

from kafka_broker import Broker
from weir_process import run_weir, text

PASSWORD = "p=w,d s"  # with the letters that SCRAM treats apart
MECHANISMS = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]


def weir(*arguments, cwd=None, stdin="", env=None) -> subprocess.CompletedProcess:
    return text(run_weir(*arguments, cwd=cwd, input=stdin.encode(), env=env))


def openssl(*arguments, cwd):
    subprocess.run(["openssl", *arguments], cwd=cwd, check=True, capture_output=True, timeout=60)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory) -> pathlib.Path:
    """An authority, a server's certificate for 127.0.0.1, a client's of its own."""
    folder = tmp_path_factory.mktemp("certificates")
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=weir test ca",
            cwd=folder)
    make_certificate(folder, "server", "/CN=localhost")
    make_certificate(folder, "client", "/O=Weir/CN=dora")
    return folder


def make_certificate(folder, name, subject):
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", subject, cwd=folder)
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
    openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
            "-CAcreateserial", "-out", f"{name}.pem", "-days", "2", "-extfile", "names",
            cwd=folder)


class SecureBroker(Broker):
    """With a plain listener, one with SASL, one with TLS, one with both; users alice and bob."""

    def __init__(self, folder: pathlib.Path, certificates, config="", tls=""):
        data = folder / "data"
        for user in ("alice", "bob"):
            done = weir("user", "add", user, "--data", data, stdin=PASSWORD + "\n")
            assert done.returncode == 0, done.stderr
        (folder / "weir.toml").write_text(f"""
[serve]
listen = ["127.0.0.1:0", "sasl://127.0.0.1:0", "tls://127.0.0.1:0", "sasl+tls://127.0.0.1:0"]
[tls]
certificate = "{certificates}/server.pem"
key = "{certificates}/server.key"
{tls}
{config}
""")
        super().__init__(data, "--config", str(folder / "weir.toml"), listen=False)
        self.listeners = dict(zip(("plain", "sasl", "tls", "sasl+tls"), self.addresses))


@pytest.fixture(scope="module")
def secure(tmp_path_factory, certificates):
    with SecureBroker(tmp_path_factory.mktemp("secure"), certificates) as broker:
        yield broker
    assert broker.process.returncode == 0


def client_settings(broker, certificates, listener, mechanism="SCRAM-SHA-512", user="alice",
                    password=PASSWORD):
    """librdkafka's."""
    settings = {"bootstrap.servers": broker.listeners[listener], "log_level": 0,
                "topic.metadata.refresh.interval.ms": 500}
    parts = (["sasl"] if "sasl" in listener else []) + (["ssl"] if "tls" in listener else [])
    settings["security.protocol"] = "_".join(parts) if parts != ["sasl"] else "sasl_plaintext"
    if not parts:
        settings["security.protocol"] = "plaintext"
    if "tls" in listener:
        settings["ssl.ca.location"] = str(certificates / "ca.pem")
    if "sasl" in listener:
        settings |= {"sasl.mechanism": mechanism, "sasl.username": user,
                     "sasl.password": password}
    return settings


def round_trip(settings, topic):
    admin = AdminClient(settings)
    admin.create_topics([NewTopic(topic, 1)])[topic].result(20)
    producer = Producer(settings)
    failed = []
    for i in range(100):
        producer.produce(topic, b"%d" % i, on_delivery=lambda e, _: e and failed.append(e))
    assert producer.flush(20) == 0 and not failed
    consumer = Consumer({**settings, "group.id": uuid.uuid4().hex,
                         "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    found = []
    until = time.time() + 20
    while len(found) < 100 and time.time() < until:
        found += [m.value() for m in consumer.consume(100, 0.2) if m.error() is None]
    consumer.close()
    assert found == [b"%d" % i for i in range(100)]


@pytest.mark.parametrize("listener,mechanism", [
    ("plain", ""), ("tls", ""), *(("sasl", m) for m in MECHANISMS),
    *(("sasl+tls", m) for m in MECHANISMS)])
def test_librdkafka_comes_in(secure, certificates, listener, mechanism):
    round_trip(client_settings(secure, certificates, listener, mechanism),
               "t-" + uuid.uuid4().hex[:8])


@pytest.mark.parametrize("listener,mechanism", [
    ("tls", ""), *(("sasl", m) for m in MECHANISMS), ("sasl+tls", "SCRAM-SHA-256")])
def test_kafka_python_comes_in(secure, certificates, listener, mechanism):
    from kafka import KafkaConsumer, KafkaProducer  # takes long, so not in every process
    settings = {"bootstrap_servers": secure.listeners[listener]}
    settings["security_protocol"] = {"tls": "SSL", "sasl": "SASL_PLAINTEXT",
                                     "sasl+tls": "SASL_SSL"}[listener]
    if "tls" in listener:
        settings["ssl_cafile"] = str(certificates / "ca.pem")
    if mechanism:
        settings |= {"sasl_mechanism": mechanism, "sasl_plain_username": "bob",
                     "sasl_plain_password": PASSWORD}
    topic = "t-" + uuid.uuid4().hex[:8]
    producer = KafkaProducer(**settings)
    for i in range(20):
        producer.send(topic, b"%d" % i).get(20)
    producer.close()
    consumer = KafkaConsumer(topic, auto_offset_reset="earliest", consumer_timeout_ms=10_000,
                             **settings)
    found = []
    for record in consumer:
        found.append(record.value)
        if len(found) == 20:
            break
    consumer.close()
    assert found == [b"%d" % i for i in range(20)]


def comes_in(settings, refusals=frozenset({KafkaError._AUTHENTICATION})) -> bool:
    """Whether these settings let a client in; False as soon as it is told that they don't."""
    said = []
    admin = AdminClient({**settings, "error_cb": said.append})
    until = time.time() + 10
    while time.time() < until:
        try:
            admin.list_topics(timeout=0.3)
            return True
        except KafkaException:
            admin.poll(0)
        if refusals & {error.code() for error in said}:
            return False
    raise AssertionError(f"neither in nor refused: {said}")


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize("user,password", [("alice", "guess"), ("nobody", PASSWORD)])
def test_wrong_passwords_and_unknown_users_stay_out(secure, certificates, mechanism, user,
                                                    password):
    assert not comes_in(client_settings(secure, certificates, "sasl", mechanism, user, password))


def test_a_user_is_made_changed_and_removed_while_it_runs(secure, certificates):
    admin = AdminClient(client_settings(secure, certificates, "sasl+tls"))

    def set_password(password):
        info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 4096)
        for done in admin.alter_user_scram_credentials(
                [UserScramCredentialUpsertion("carol", info, password.encode())]).values():
            done.result(20)

    def carol(password):
        return client_settings(secure, certificates, "sasl", "SCRAM-SHA-256", "carol", password)

    set_password("one")
    assert comes_in(carol("one"))
    set_password("two")
    assert comes_in(carol("two"))
    assert not comes_in(carol("one"))
    described = {name: done.result(20) for name, done in
                 admin.describe_user_scram_credentials(["alice", "carol"]).items()}
    assert [i.mechanism for i in described["carol"].scram_credential_infos] == [
        ScramMechanism.SCRAM_SHA_256]
    assert len(described["alice"].scram_credential_infos) == 2
    for done in admin.alter_user_scram_credentials(
            [UserScramCredentialDeletion("carol", ScramMechanism.SCRAM_SHA_256)]).values():
        done.result(20)
    assert not comes_in(carol("two"))


def test_strangers_get_nothing_but_logging_in(secure):
    host, port = secure.listeners["sasl"].split(":")
    metadata = struct.pack(">hhih", 3, 9, 1, -1) + b"\0\1\0\0\0\0"
    with socket.create_connection((host, int(port)), 10) as stranger:
        stranger.sendall(struct.pack(">i", len(metadata)) + metadata)
        assert stranger.recv(100) == b""
    # Nor may they make the broker keep much for them.
    with socket.create_connection((host, int(port)), 10) as stranger:
        stranger.sendall(struct.pack(">i", 1 << 20) + b"\0\x11")
        assert stranger.recv(100) == b""


def test_a_length_alone_takes_no_memory(tmp_path):
    """Where nobody needs to log in, either: what is announced is kept room for when it comes."""
    def resident_bytes(process):
        pages = pathlib.Path(f"/proc/{process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    with Broker(tmp_path / "data") as broker:
        host, port = broker.address.split(":")
        before = resident_bytes(broker.process)
        strangers = [socket.create_connection((host, int(port)), 10) for _ in range(8)]
        for stranger in strangers:
            stranger.sendall(struct.pack(">i", 100 << 20))
        AdminClient({"bootstrap.servers": broker.address}).list_topics(timeout=10)
        assert resident_bytes(broker.process) - before < 100 << 20
        for stranger in strangers:
            stranger.close()
        # What does come is taken, however long: two mebibytes of a request that is none.
        with socket.create_connection((host, int(port)), 10) as stranger:
            stranger.sendall(struct.pack(">i", 2 << 20) + b"\xff" * (2 << 20))
            assert stranger.recv(100) == b""


def frame(key, version, body):
    request = struct.pack(">hhih", key, version, 7, 0) + body
    return struct.pack(">i", len(request)) + request


def log_in_by_hand(connection):
    """With PLAIN, as alice; how long she is told that it lasts, in milliseconds."""
    def answer():
        length, = struct.unpack(">i", connection.recv(4, socket.MSG_WAITALL))
        return connection.recv(length, socket.MSG_WAITALL)[4:]

    connection.sendall(frame(17, 1, struct.pack(">h", 5) + b"PLAIN"))
    assert answer()[:2] == b"\0\0"
    token = f"\0alice\0{PASSWORD}".encode()
    connection.sendall(frame(36, 1, struct.pack(">i", len(token)) + token))
    error, _, _, lasts_ms = struct.unpack(">hhiq", answer())
    assert error == 0
    return lasts_ms


def test_logins_end_unless_clients_log_in_again(tmp_path, certificates):
    """KIP-368: librdkafka does, on the connection that it has; who does not is let go."""
    lasts_ms = 2000
    with SecureBroker(tmp_path, certificates,
                      f"[security]\nmax-reauth-ms = {lasts_ms}\n") as broker:
        host, port = broker.listeners["sasl"].split(":")
        said, delivered = [], []
        producer = Producer({**client_settings(broker, certificates, "sasl+tls"),
                             "error_cb": said.append})
        with socket.create_connection((host, int(port)), 10) as late, \
                socket.create_connection((host, int(port)), 10) as forgetful:
            assert [log_in_by_hand(late), log_in_by_hand(forgetful)] == [lasts_ms, lasts_ms]
            until = time.time() + 1.2 * lasts_ms / 1000
            while time.time() < until:
                producer.produce("renewed", b"v", on_delivery=lambda e, _: delivered.append(e))
                producer.poll(0.05)
                time.sleep(0.05)
            metadata = frame(3, 4, struct.pack(">i?", 0, False))
            forgetful.sendall(metadata)
            assert forgetful.recv(100) == b""
            assert log_in_by_hand(late) == lasts_ms
            late.sendall(metadata)
            assert late.recv(100) != b""
        assert producer.flush(20) == 0
        assert len(delivered) > 5 and not any(delivered) and said == []
        admin = AdminClient(client_settings(broker, certificates, "plain"))
        (config,) = admin.describe_configs(
            [ConfigResource(ConfigResource.Type.BROKER, "1")]).values()
        assert config.result(20)["connections.max.reauth.ms"].value == str(lasts_ms)
        broker.process.send_signal(signal.SIGTERM)
        closed = [line for line in broker.process.stdout if "its login is over" in line]
        assert len(closed) == 1


@pytest.mark.parametrize("bytes_sent", [
    b"\0\0\0\x0a" + b"x" * 10, b"\x16\x03\x01\x02\x00" + b"\xff" * 600,
    b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03"])
def test_what_is_no_handshake_ends_its_connection_only(secure, certificates, bytes_sent):
    host, port = secure.listeners["tls"].split(":")
    with socket.create_connection((host, int(port)), 10) as stranger:
        stranger.sendall(bytes_sent)
        stranger.shutdown(socket.SHUT_WR)
        while stranger.recv(1000):
            pass
    AdminClient(client_settings(secure, certificates, "tls")).list_topics(timeout=10)


def test_old_tls_is_not_spoken(secure):
    host, port = secure.listeners["tls"].split(":")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_connection((host, int(port)), 10) as raw, \
            pytest.raises((ssl.SSLError, ConnectionError)):
        context.wrap_socket(raw)


def test_clients_with_certificates(tmp_path, certificates):
    with SecureBroker(tmp_path, certificates,
                      tls=f'client-ca = "{certificates}/ca.pem"') as broker:
        settings = client_settings(broker, certificates, "tls")
        # With TLS 1.3 a client learns only by the end of its connection that it was refused.
        assert not comes_in(settings, {KafkaError._SSL, KafkaError._TRANSPORT})
        round_trip({**settings, "ssl.certificate.location": str(certificates / "client.pem"),
                    "ssl.key.location": str(certificates / "client.key")}, "with-certificates")


def test_certificates_are_read_again(tmp_path, certificates):
    for file in certificates.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())

    def serial(address):
        host, port = address.split(":")
        with socket.create_connection((host, int(port)), 10) as raw:
            context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
            with context.wrap_socket(raw, server_hostname="localhost") as tls:
                return tls.getpeercert()["serialNumber"]

    with SecureBroker(tmp_path, tmp_path) as broker:
        address = broker.listeners["tls"]
        before = serial(address)
        make_certificate(tmp_path, "server", "/CN=localhost")
        assert serial(address) == before
        broker.process.send_signal(signal.SIGHUP)
        until = time.time() + 10
        while serial(address) == before:
            assert time.time() < until
            time.sleep(0.05)
        # A file that is wrong changes nothing.
        after = serial(address)
        (tmp_path / "server.pem").write_text("no certificate")
        broker.process.send_signal(signal.SIGHUP)
        time.sleep(0.3)
        assert serial(address) == after


def test_the_page_under_tls(tmp_path, certificates):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    flags = ("--config", str(tmp_path / "weir.toml"), "--http", f"tls://127.0.0.1:{port}")
    (tmp_path / "weir.toml").write_text(
        f'[tls]\ncertificate = "{certificates}/server.pem"\nkey = "{certificates}/server.key"\n')
    with Broker(tmp_path / "data", *flags):
        context = ssl.create_default_context(cafile=str(certificates / "ca.pem"))
        with urllib.request.urlopen(f"https://localhost:{port}/health", context=context) as page:
            assert page.read() == b"ok\n"


def test_a_monitor_that_stays_connected_does_not_disturb_the_end(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with Broker(tmp_path / "data", "--http", str(port)) as broker, \
            socket.create_connection(("127.0.0.1", port), 10) as monitor:
        monitor.sendall(b"GET /health HTTP/1.1\r\nHost: here\r\n\r\n")
        assert b"ok" in monitor.recv(1000)
        broker.stop()
    assert broker.process.returncode == 0


def test_the_first_user_comes_from_a_secret(tmp_path, certificates):
    (tmp_path / "password").write_text(PASSWORD + "\n")
    config = ('[security]\nfirst-user = "root"\n'
              f'first-user-password-file = "{tmp_path}/password"\n')
    with SecureBroker(tmp_path, certificates, config) as broker:
        AdminClient(client_settings(broker, certificates, "sasl", user="root")).list_topics(
            timeout=10)
    # The password was the first one: the file is not looked at again.
    (tmp_path / "password").write_text("changed")
    with SecureBroker(tmp_path, certificates, config) as broker:
        AdminClient(client_settings(broker, certificates, "sasl", user="root")).list_topics(
            timeout=10)


@pytest.fixture(scope="module")
def controlled(tmp_path_factory, certificates):
    with SecureBroker(tmp_path_factory.mktemp("controlled"), certificates,
                      '[security]\nacls = true\nsuper-users = ["bob"]') as broker:
        yield broker


def make_topic(settings):
    name = "t-" + uuid.uuid4().hex[:8]
    admin = AdminClient(settings)
    admin.create_topics([NewTopic(name, 1)])[name].result(20)
    return name


def allow(admin, resource, name, operation, principal="User:alice",
          permission=AclPermissionType.ALLOW, pattern=ResourcePatternType.LITERAL):
    entry = AclBinding(resource, name, pattern, principal, "*", operation, permission)
    admin.create_acls([entry])[entry].result(20)


def send(settings, topic):
    """The error of a record's delivery, or None."""
    said = []
    producer = Producer({**settings, "message.timeout.ms": 5000})
    producer.produce(topic, b"v", on_delivery=lambda error, _: said.append(error))
    assert producer.flush(20) == 0
    return said[0].code() if said[0] is not None else None


def receive(settings, topic, group):
    """One record's value, or the error that comes instead."""
    consumer = Consumer({**settings, "group.id": group, "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    try:
        message = consumer.poll(20)
        assert message is not None
        return message.error().code() if message.error() else message.value()
    finally:
        consumer.close()


def test_who_may_produce_and_consume(controlled, certificates):
    bob = client_settings(controlled, certificates, "sasl", user="bob")
    alice = client_settings(controlled, certificates, "sasl+tls")
    admin = AdminClient(bob)
    topic = make_topic(bob)
    assert send(alice, topic) == KafkaError.TOPIC_AUTHORIZATION_FAILED
    allow(admin, ResourceType.TOPIC, topic, AclOperation.WRITE)
    assert send(alice, topic) is None
    assert receive(alice, topic, "billing") == KafkaError.GROUP_AUTHORIZATION_FAILED
    allow(admin, ResourceType.GROUP, "bill", AclOperation.READ,
          pattern=ResourcePatternType.PREFIXED)
    assert receive(alice, topic, "billing") == KafkaError.TOPIC_AUTHORIZATION_FAILED
    allow(admin, ResourceType.TOPIC, topic, AclOperation.READ)
    assert receive(alice, topic, "billing") == b"v"
    allow(admin, ResourceType.TOPIC, topic, AclOperation.READ, permission=AclPermissionType.DENY)
    assert receive(alice, topic, "billing-2") == KafkaError.TOPIC_AUTHORIZATION_FAILED
    assert send(alice, topic) is None
    # What one may not describe is not there.
    other = make_topic(bob)
    assert other not in AdminClient(alice).list_topics(timeout=10).topics
    assert other in admin.list_topics(timeout=10).topics


def test_transactions_need_their_id(controlled, certificates):
    bob = client_settings(controlled, certificates, "sasl", user="bob")
    alice = {**client_settings(controlled, certificates, "sasl"),
             "transactional.id": "pay-" + uuid.uuid4().hex[:8]}
    topic = make_topic(bob)
    admin = AdminClient(bob)
    allow(admin, ResourceType.TOPIC, topic, AclOperation.WRITE)
    with pytest.raises(KafkaException) as said:
        Producer(alice).init_transactions(10)
    assert said.value.args[0].code() == KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
    allow(admin, ResourceType.TRANSACTIONAL_ID, "pay-", AclOperation.WRITE,
          pattern=ResourcePatternType.PREFIXED)
    producer = Producer(alice)
    producer.init_transactions(10)
    producer.begin_transaction()
    producer.produce(topic, b"v")
    producer.commit_transaction(10)


def test_entries_are_listed_and_removed(controlled, certificates):
    admin = AdminClient(client_settings(controlled, certificates, "sasl", user="bob"))
    allow(admin, ResourceType.TOPIC, "zoo", AclOperation.ALL, "User:zoe")
    anything = AclBindingFilter(ResourceType.ANY, None, ResourcePatternType.ANY, "User:zoe", None,
                                AclOperation.ANY, AclPermissionType.ANY)
    assert [entry.name for entry in admin.describe_acls(anything).result(20)] == ["zoo"]
    assert [entry.name for entry in admin.delete_acls([anything])[anything].result(20)] == ["zoo"]
    assert admin.describe_acls(anything).result(20) == []
    # confluent-kafka does not tell the error of listing.
    alice = AdminClient(client_settings(controlled, certificates, "sasl"))
    assert alice.describe_acls(anything).result(20) == []
    with pytest.raises(KafkaException) as said:
        allow(alice, ResourceType.TOPIC, "zoo", AclOperation.ALL)
    assert said.value.args[0].code() == KafkaError.CLUSTER_AUTHORIZATION_FAILED


def test_strangers_are_anonymous(controlled, certificates):
    nobody = client_settings(controlled, certificates, "plain")
    bob = client_settings(controlled, certificates, "sasl", user="bob")
    topic = make_topic(bob)
    assert send(nobody, topic) == KafkaError.TOPIC_AUTHORIZATION_FAILED
    admin = AdminClient(bob)
    allow(admin, ResourceType.TOPIC, topic, AclOperation.WRITE, "User:ANONYMOUS")
    assert send(nobody, topic) is None


def test_without_access_control_there_are_no_entries(secure, certificates):
    admin = AdminClient(client_settings(secure, certificates, "plain"))
    with pytest.raises(KafkaException) as said:
        allow(admin, ResourceType.TOPIC, "zoo", AclOperation.ALL)
    assert said.value.args[0].code() == KafkaError.SECURITY_DISABLED


def test_users_are_not_changed_under_a_server(secure):
    done = weir("user", "add", "mallory", "--data", secure.data, stdin="x\n")
    assert done.returncode == 2
    assert "kafka-configs" in done.stderr


def test_users_by_command(tmp_path):
    data = tmp_path / "data"
    assert weir("user", "add", "zoe", "--data", data, stdin="x\n").stdout == "user zoe added\n"
    done = weir("user", "add", "adam", "--data", data, "--password-env", "SECRET",
                env={"SECRET": "y"})
    assert done.returncode == 0, done.stderr
    assert weir("user", "add", "zoe", "--data", data, stdin="z\n").stdout == (
        "user zoe has another password\n")
    assert weir("user", "ls", "--data", data).stdout == (
        "adam\tSCRAM-SHA-256, SCRAM-SHA-512\nzoe\tSCRAM-SHA-256, SCRAM-SHA-512\n")
    assert weir("user", "rm", "zoe", "--data", data).returncode == 0
    assert weir("user", "rm", "zoe", "--data", data).returncode == 2
    assert weir("user", "ls", "--data", data).stdout.startswith("adam\t")
    # Passwords are nowhere in the folder.
    weir("user", "add", "eve", "--data", data, stdin="unmistakable\n")
    for file in data.rglob("*"):
        assert not file.is_file() or b"unmistakable" not in file.read_bytes()


@pytest.mark.parametrize("text,said", [
    ('[serve]\nlissen = "127.0.0.1:0"\n', ["weir.toml:2:1", "lissen", "did you mean 'listen'?"]),
    ("[server]\n", ["weir.toml:1:", "no section 'server'", "did you mean 'serve'?"]),
    ('[serve]\nlisten = "everywhere"\n', ["weir.toml:2:10", "everywhere"]),
    ('[serve]\npartitions = "3"\n', ["weir.toml:2:14", "serve.partitions"]),
    ('[log]\ndurability = "maybe"\n', ["weir.toml:2:14", "'fsync' or 'os'"]),
    ("[groups]\nconsumer-session-timeout-ms = 5000\n",
     ["groups.consumer-heartbeat-interval-ms is 5000", "session"]),
    ("[serve\n", ["weir.toml:1:", "not TOML"]),
    ('[serve]\nlisten = "0.0.0.0:0"\n', ["0.0.0.0:0", "--insecure", "sasl+tls://0.0.0.0:0"]),
    ('[serve]\nlisten = "tls://127.0.0.1:0"\n', ["tls.certificate"]),
    ('[tls]\ncertificate = "a.pem"\nkey = "a.key"\n', ["a.pem"]),
    ('[serve]\nlisten = "sasl://0.0.0.0:0"\n[security]\nmechanisms = ["PLAIN"]\n',
     ["passwords of PLAIN would travel readable"]),
    ('[security]\nfirst-user = "root"\nfirst-user-password-env = "WEIR_NO_SUCH"\n',
     ["WEIR_NO_SUCH"]),
    ('[security]\nmechanisms = ["GSSAPI"]\n', ["weir.toml:2:14", "GSSAPI", "SCRAM-SHA-256"]),
    ("[security]\nmax-reauth-ms = 1000\n", ["weir.toml:2:17", "security.max-reauth-ms is 0"]),
])
def test_settings_that_are_wrong_are_said(tmp_path, text, said):
    (tmp_path / "weir.toml").write_text(text)
    done = weir("serve", "--http", "0", cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    for part in said:
        assert part in done.stderr


def test_flags_overrule_the_file(tmp_path):
    (tmp_path / "weir.toml").write_text('[serve]\nlisten = "127.0.0.1:1"\ndata = "elsewhere"\n')
    with Broker(tmp_path / "data", "--config", str(tmp_path / "weir.toml")) as broker:
        AdminClient({"bootstrap.servers": broker.address}).list_topics(timeout=10)
    assert (tmp_path / "data" / "log").exists()
    assert not (tmp_path / "elsewhere").exists()


def test_wanted_exposure_is_allowed(tmp_path):
    with Broker(tmp_path / "data", "--listen", "0.0.0.0:0", "--insecure"):
        pass
