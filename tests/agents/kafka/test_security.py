"""Kafka's security settings: both clients get the same, secrets show nowhere, gaps are refused."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import faust
import pytest
from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth

from agents.app.checks import doctor, surroundings
from agents.app.faust_app import make_app
from agents.app.operations.findings import Grade
from agents.kafka.admin import ClusterState
from agents.kafka.security import IN_CLEAR, KafkaSecurity, named_broker
from agents.settings.model import Settings, load_settings
from pipeline.errors import SettingsError
from tests.certificates import Authority

pytestmark = pytest.mark.unit

PASSWORD = "correct-horse-battery"  # noqa: S105 - made up


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "tls")


@pytest.fixture
def password(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text(f"{PASSWORD}\n", "utf-8")
    path.chmod(0o600)
    return path


def given(**settings: object) -> KafkaSecurity:
    return KafkaSecurity.of(load_settings(**settings))


def test_without_settings_both_clients_speak_in_clear() -> None:
    security = given()
    assert security.librdkafka() == {}
    assert security.credentials() is None
    assert load_settings().model_copy(update=dict(IN_CLEAR)) == load_settings()


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_both_clients_get_the_same(
    mechanism: str, authority: Authority, password: Path, tmp_path: Path
) -> None:
    pair = authority.issue("client", password=PASSWORD)
    key_password = tmp_path / "key-password"
    key_password.write_text(PASSWORD, "utf-8")
    key_password.chmod(0o440)
    security = given(
        kafka_security_protocol="SASL_SSL",
        kafka_ca=authority.ca,
        kafka_certificate=pair.certificate,
        kafka_key=pair.key,
        kafka_key_password_file=key_password,
        kafka_sasl_mechanism=mechanism,
        kafka_username="hushwire",
        kafka_password_file=password,
    )

    one = security.librdkafka()
    assert one == {
        "security.protocol": "SASL_SSL",
        "ssl.endpoint.identification.algorithm": "https",
        "ssl.ca.location": str(authority.ca),
        "ssl.certificate.location": str(pair.certificate),
        "ssl.key.location": str(pair.key),
        "ssl.key.password": PASSWORD,
        "sasl.mechanism": mechanism,
        "sasl.username": "hushwire",
        "sasl.password": PASSWORD,
    }
    app = make_app(
        "g", "kafka:9093", partitions=1, longest_job_s=1.0, client_id="c", security=security
    )
    other = credentials_to_aiokafka_auth(app.conf.broker_credentials)
    context = other["ssl_context"]
    assert {name: value for name, value in other.items() if name != "ssl_context"} == {
        "security_protocol": one["security.protocol"],
        "sasl_mechanism": one["sasl.mechanism"],
        "sasl_plain_username": one["sasl.username"],
        "sasl_plain_password": one["sasl.password"],
    }
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert PASSWORD not in repr(security) + repr(app.conf.broker_credentials) + str(app.conf)


def test_mutual_tls_without_a_password(authority: Authority) -> None:
    pair = authority.issue("client")
    security = given(
        kafka_security_protocol="SSL",
        kafka_ca=authority.ca,
        kafka_certificate=pair.certificate,
        kafka_key=pair.key,
    )
    assert "sasl.mechanism" not in security.librdkafka()
    assert isinstance(security.credentials(), faust.SSLCredentials)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"kafka_security_protocol": "SASL_SSL"}, "kafka_username"),
        ({"kafka_security_protocol": "SASL_SSL", "kafka_username": "u"}, "kafka_password_file"),
        ({"kafka_username": "u"}, "kafka_security_protocol"),
        ({"kafka_ca": "ca.pem"}, "kafka_security_protocol"),
        (
            {"kafka_security_protocol": "SSL", "kafka_certificate": "client.pem"},
            "belong together",
        ),
        (
            {
                "kafka_security_protocol": "SASL_PLAINTEXT",
                "kafka_sasl_mechanism": "PLAIN",
                "kafka_username": "u",
                "kafka_password_file": "p",
            },
            "in clear",
        ),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        given(**settings)


@pytest.mark.parametrize(
    ("content", "mode", "told"),
    [
        (b"secret\n", 0o644, "everybody may read"),
        (b"", 0o600, "no password"),
        (b"x" * 5_000, 0o600, "more than 4,096 bytes"),
        (b"\xff\xfe\n", 0o600, "UTF-8"),
        (None, 0, "can't be read"),
    ],
)
def test_a_password_file_that_is_none_is_refused(
    content: bytes | None, mode: int, told: str, tmp_path: Path
) -> None:
    path = tmp_path / "p"
    if content is not None:
        path.write_bytes(content)
        path.chmod(mode)
    security = given(
        kafka_security_protocol="SASL_SSL", kafka_username="u", kafka_password_file=path
    )
    with pytest.raises(SettingsError, match=told):
        security.librdkafka()
    with pytest.raises(SettingsError, match=told):
        security.credentials()


def test_files_that_are_no_certificates_are_refused(authority: Authority, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("no certificate", "utf-8")
    with pytest.raises(SettingsError, match="kafka_ca"):
        given(kafka_security_protocol="SSL", kafka_ca=wrong).librdkafka()
    one, other = authority.issue("one"), authority.issue("other")
    mixed = given(
        kafka_security_protocol="SSL",
        kafka_ca=authority.ca,
        kafka_certificate=one.certificate,
        kafka_key=other.key,
    )
    with pytest.raises(SettingsError, match="not a certificate and its key"):
        mixed.credentials()


@pytest.mark.parametrize(
    ("bootstrap", "protocol", "grade"),
    [
        ("kafka.example:9092", "PLAINTEXT", Grade.WEAK),
        ("127.0.0.1:9092,kafka.example:9092", "PLAINTEXT", Grade.WEAK),
        ("127.0.0.1:9092,[::1]:9092,localhost:9092", "PLAINTEXT", Grade.OK),
        ("kafka.example:9093", "SSL", Grade.OK),
    ],
)
def test_doctor_says_when_a_network_sees_it_all(
    bootstrap: str, protocol: str, grade: Grade, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(surroundings, "cluster_state", lambda *_, **__: ClusterState(1, {}))
    monkeypatch.setattr(doctor, "unread", lambda *_, **__: False)
    settings = load_settings(bootstrap=bootstrap, kafka_security_protocol=protocol)
    found = doctor.examine(settings, tmp_path, None)
    assert [one.grade for one in found if one.what == "broker connection"] == [grade]


@pytest.mark.parametrize(
    "servers", ["kafka:9092", "a.b-c:1,d_e:65535", "10.0.0.1:9092, [::1]:9092", "kafka"]
)
def test_servers_are_named_by_host_and_port(servers: str) -> None:
    assert named_broker(Settings(bootstrap=servers)) == servers


@pytest.mark.parametrize(
    "servers", ["http://kafka:9092", "jane:password@kafka:9092", "kafka:port", "kafka:9092/x", ","]
)
def test_what_is_no_server_is_refused_and_not_shown(servers: str) -> None:
    with pytest.raises(SettingsError, match="host:port is needed") as refused:
        named_broker(Settings(bootstrap=servers))
    assert "jane" not in str(refused.value)
    assert "password" not in str(refused.value)
