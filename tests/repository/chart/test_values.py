"""Values that can't work are refused before anything is installed; messages say what to do."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from agents.settings.model import Settings, load_settings
from tests.repository.chart.rendering import (
    CASES,
    CHART,
    ROOT,
    case,
    environment,
    pods,
    rendered,
    template,
)

UNTRUSTED = [
    "trust.configMap=",
    "kafka.ca=",
    "ledger.url=postgresql+psycopg://a@b/c",
    "ledger.migration.url=postgresql+psycopg://d@b/c",
]


def refused(*values: str, name: str = "ha") -> str:
    done = template("-f", case(name), *values)
    assert done.returncode != 0
    assert not done.stdout
    return re.sub(r"^walk\.go:.*\n", "", done.stderr, flags=re.MULTILINE)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("workers.transcribe.maxReplica=3", "'/workers/transcribe'.*'maxReplica' not allowed"),
        ("worker.transcribe.replicas=3", "additional properties 'worker' not allowed"),
        ("workers.transcribe.replicas=0", "'/workers/transcribe/replicas'.*want 1"),
        ("workers.transcribe.stages={listen}", "value must be one of 'admit', 'transcribe'"),
        ("workers.other.stages={mute}", "'/workers'.*'other' not allowed"),
        ("scaling.by=both", "'/scaling/by': value must be one of 'keda', 'cpu', 'none'"),
        ("scaling.by={keda,cpu}", "'/scaling/by': value must be one of 'keda', 'cpu', 'none'"),
        ("image.digest=sha256:12", "'/image/digest'.*does not match pattern"),
        ("kafka.bootstrap=kafka", "'/kafka/bootstrap'.*does not match pattern"),
        ("kafka.securityProtocol=SASL", "'/kafka/securityProtocol'"),
        ("ledger.url=sqlite:///ledger.db", "'/ledger/url'.*does not match pattern"),
        ("keys.transitPublic=HpkePrivateKey", "'/keys/transitPublic'.*does not match pattern"),
        ("keys.public.signing\\.pem=change-me", "'/keys/public/signing.pem'"),
        ("kafka.password=secret", "'/kafka'.*'password' not allowed"),
        ("settings.Policy=pci", "'/settings': additional properties 'Policy' not allowed"),
        ("settings.polcy=pci", "'/settings': additional properties 'polcy' not allowed"),
        ("settings.pace=fast", "'/settings/pace': value must be one of 'latency', 'balanced'"),
        ("settings.audit_days=0", "'/settings/audit_days': minimum: got 0, want 1"),
        ("settings.language=English", "'/settings/language': 'English' does not match pattern"),
        ("settings.tracing=true", "'/settings/tracing': got boolean, want string"),
        ("settings.purposes={Sales}", "'/settings/purposes/0': 'Sales' does not match pattern"),
        (
            "workers.mute.settings.idle_seconds=ten",
            "'/workers/mute/settings/idle_seconds': 'ten' does",
        ),
        ("gateway.settings.gateway_rols=a", "'/gateway/settings'.*'gateway_rols' not allowed"),
        ("console.settings.oidc_roles.lead=boss", "'/console/settings/oidc_roles/lead'.*'analyst'"),
        ("webhook.url=http://hooks.example.com", "'/webhook/url'"),
        ("monitoring.runbooks=docs/runbooks", "'/monitoring/runbooks'.*does not match pattern"),
        ("monitoring.runbooks=https://docs.example.com", "'/monitoring/runbooks'"),
        ("backfill=yes", "'/backfill'.*want boolean"),
        ("webhook=null", "missing property 'webhook'"),
        ("vault.url=null", "'/vault': missing property 'url'"),
        ("gateway.platforms.twilio=null", "'/gateway/platforms': missing property 'twilio'"),
    ],
)
def test_a_typo_is_refused_by_the_schema(value: str, told: str) -> None:
    assert re.search(told, refused("--set", value)), refused("--set", value)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (["workers.transcribe.maxReplicas=129"], "kafka.partitions is 128.*maxReplicas.*128 or le"),
        (["workers.mute.replicas=20"], r"workers.mute: replicas \(20, the least\) is above maxRep"),
        (["workers.mute.settings.stop_seconds=90"], "60 is too short for stop_seconds 90.* 100 or"),
        (["settings.backfill=true"], "settings.backfill: the chart sets it itself"),
        (["workers.mute.stages={}"], "nobody runs the stage mute"),
        (["workers.mute.stages={mute,verify}"], "both mute and verify run the stage verify"),
        (["workers.mute.stages={mute,vault}", "workers.vault.stages={}"], "runs alone.*signing"),
        (["workers.mute.stages={mute,admit}", "workers.admit.stages={}"], "runs alone.*private"),
        (["keys.signing.accessMode=ReadWriteOnce"], "ReadWriteMany.*or maxReplicas to 1"),
        (["ledger.url=postgresql+psycopg://a:secret@b/c"], "holds a password.*passwordSecret"),
        (["ledger.url=postgresql+psycopg://a:se/cr?et@b/c"], "ledger.url: holds a password"),
        (["ledger.url=postgresql+psycopg://a@b/c?password=secret"], "holds a password"),
        (["ledger.url=postgresql+psycopg://a@b/c?x=1&sslpassword=secret"], "holds a password"),
        (["ledger.migration.url=postgresql+psycopg://a:secret@b/c"], "ledger.migration.url: holds"),
        (["ledger.migration.passwordSecret.name="], "needs both url and passwordSecret.name"),
        (["webhook.url=https://a:se/cret@hooks.example.com/x"], "webhook.url: holds a password"),
        (["webhook.url=https://hooks.example.com/x?Token=secret"], "webhook.url: holds a password"),
        (["proxy.url=http://a:secret@proxy:3128"], "proxy.url: holds a password.*asks for none"),
        (["networkPolicy.keyService.to={}"], "networkPolicy.keyService.to: say where it is"),
        (["networkPolicy.webhook.to={}"], "networkPolicy.webhook.to: say where it is"),
        (["networkPolicy.monitoring={}"], "networkPolicy.monitoring: say where Prometheus is"),
        (["keys.wrapping.service=hcvault://v:8200/transit/keys/a"], "keys.serviceToken.name: name"),
        (["keys.wrapping.service=hcvault:///transit/keys/a"], "names no host.*VAULT_ADDR"),
        (["extraEnv.HUSHWIRE_POLICY=pci"], "extraEnv.HUSHWIRE_POLICY: is a setting"),
        (["workers.mute.extraEnv.VAULT_TOKEN=secret"], "VAULT_TOKEN: secrets are no variables"),
        (["console.kafka.username="], "console.kafka: .* needs both username and passwordSec"),
        (
            [
                "console.kafka.username=",
                "console.kafka.passwordSecret.name=",
                "console.kafka.clientCertificateSecret=console-tls",
            ],
            "console.kafka: .* needs both username and passwordSec",
        ),
        (["image.repository="], "image.repository: name the image that you built and pushed"),
        (["settings.gateway_url=https://a"], "settings.gateway_url: write it under gateway.setti"),
        (["gateway.service.type=ClusterIP"], "sourceRanges: is for the type LoadBalancer"),
        (["ledger.passwordSecret.name="], r"ledger.passwordSecret.name \(key password\): name a S"),
        (["keys.wrapping.secret="], r"keys.wrapping.secret \(kek.json\): name a Secret"),
        (["keys.token.secret="], r"keys.token.secret \(tokens.key\): name a Secret"),
        (["keys.transitPrivate.secret="], "keys.transitPrivate.secret.*name a Secret"),
        (["keys.transitPublic="], "hushwire keys transit public"),
        (["kafka.username="], "needs kafka.username and kafka.passwordSecret.name"),
        (["gateway.kafka.username="], "gateway.kafka: needs a username and a passwordSecret"),
        (["gateway.kafka.username=hushwire"], "is the workers' own"),
        (["gateway.tlsSecret="], "gateway: set either tlsSecret .* or proxies"),
        (["gateway.proxies={10.0.0.1}"], "gateway: set either tlsSecret .* or proxies"),
        (
            [
                "gateway.platforms.twilio.name=",
                "gateway.platforms.audiohook.name=",
                "gateway.audiosocket.from={}",
            ],
            "gateway: nobody can connect: name the Secret",
        ),
        (["gateway.from={}"], "gateway.from: say who may connect"),
        (["console.tlsSecret="], "console: set either tlsSecret .* or proxies"),
        (["console.from={}"], "console.from: say who may connect"),
        (["console.ingress.tlsSecret="], "console.ingress.tlsSecret: name the host's"),
        (["scaling.prometheus="], "scaling.prometheus: KEDA asks it.*cpu or none"),
        (["networkPolicy.kafka.to={}"], "networkPolicy.kafka.to: say where it is"),
        (["networkPolicy.s3.to={}"], "networkPolicy.s3.to: say where it is"),
        (["models.claim=", "models.pull=false"], "models: set either claim .* or inImage"),
        (["models.inImage=true"], "models: set either claim .* or inImage"),
        (["networkPolicy.hub.to={}"], "networkPolicy.hub.to: say where it is"),
        (["vault.url="], "vault.url: name a bucket"),
        (["vault.url=/vault/calls"], "vault.claim: name the volume claim"),
        (["webhook.signingSecret.name="], "webhook.signingSecret.name: name the Secret"),
        (
            [
                "trust.configMap=",
                "ledger.url=postgresql+psycopg://a@b/c",
                "ledger.migration.url=postgresql+psycopg://d@b/c",
            ],
            "kafka.ca: names a file of the ConfigMap trust.configMap",
        ),
        (
            [
                "trust.configMap=",
                "kafka.ca=",
                "ledger.migration.url=postgresql+psycopg://d@b/c",
            ],
            "ledger.url: names a file in /trust, where trust.configMap is mounted",
        ),
        (
            [*UNTRUSTED, "extraEnv.SSL_CERT_FILE=/trust/authorities.pem"],
            "extraEnv.SSL_CERT_FILE: names a file in /trust",
        ),
        ([*UNTRUSTED, "console.extraEnv.A=/trust/x"], "console.extraEnv.A: names a file in /trust"),
        ([*UNTRUSTED, "workers.vault.extraEnv.A=/trust/x"], "workers.vault.extraEnv.A: names a fi"),
        ([*UNTRUSTED, "settings.webhook_ca=/trust/y"], "settings.webhook_ca: names a file in /tr"),
        ([*UNTRUSTED, "workers.mute.settings.policy=/trust/y"], "workers.mute.settings.policy: na"),
        (["ledger.url=null"], "ledger.url: name the database"),
        ([*UNTRUSTED, "ledger.url=null"], "ledger.url: name the database"),
        (["ledger.migration.url=null"], "needs both url and passwordSecret.name"),
        (["ledger.migration.passwordSecret=null"], "needs both url and passwordSecret.name"),
        (["externalSecrets.store.name="], "externalSecrets.store.name"),
        (["monitoring.console.serverName="], "monitoring.console.serverName"),
        (["settings.ledger_url=x"], "settings.ledger_url: the chart sets it itself"),
        (["settings.kafka_ca=x"], "settings.kafka_ca: the chart sets it itself"),
        (["workers.vault.settings.signing_key=x"], "workers.vault.settings.signing_key"),
        (["gateway.settings.gateway_port=1"], "gateway.settings.gateway_port"),
        (
            ["settings.chunk_seconds=0.05"],
            "settings.chunk_seconds: 0.05 is out of range; .* 0.1 to",
        ),
        (["settings.chunk_seconds=20.01"], "settings.chunk_seconds: 20.01 is out of range"),
        (["workers.mute.settings.late_seconds=600.5"], "late_seconds: 600.5 is out .* 0 to 600"),
        (["gateway.settings.gateway_chunk_seconds=0.0"], "gateway_chunk_seconds: 0.0 is out of"),
        (["workers.mute.settings.stop_seconds=50.5"], "60 is too short for stop_seconds 51"),
        (["gateway.settings.policy=pci"], "gateway.settings.policy: the gateway takes"),
        (["gateway.settings.oidc_issuer=x"], "gateway.settings.oidc_issuer: the gateway takes"),
    ],
)
def test_what_does_not_fit_together_is_told_with_what_to_do(values: list[str], told: str) -> None:
    none = "={}"  # which --set takes for a list of one empty text
    answer = refused(
        *(
            part
            for one in values
            for part in (
                ("--set-json", one.replace(none, "=[]")) if none in one else ("--set", one)
            )
        )
    )
    assert re.search(told, answer), answer
    assert answer.count("\n- ") == 1, answer
    assert ":secret@" not in answer


@pytest.mark.parametrize("more", [(), ("trust.configMap=null", "kafka.ca=null")])
def test_what_a_file_of_values_leaves_empty_is_empty(more: tuple[str, ...]) -> None:
    """``extraEnv:`` with nothing behind it, or with comments alone, is null."""
    parts = ("", "gateway.", "console.", "workers.vault.")
    empty = [f"{part}{one}=null" for part in parts for one in ("extraEnv", "settings")]
    done = template(
        "-f", case("ha"),
        *(f"--set={one}" for one in ("ledger.url=postgresql+psycopg://a@b/c", *empty)),
        *(f"--set={one}" for one in ("ledger.migration=null", *more)),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def _paths(values: dict[str, Any], path: str = "") -> Iterator[str]:
    for key, value in values.items():
        yield (inner := f"{path}.{key}".strip("."))
        # Workers are all alike.
        if isinstance(value, dict) and not re.fullmatch(r"workers\.(?!vault)\w+", inner):
            yield from _paths(value, inner)


@pytest.mark.nightly
@pytest.mark.parametrize("name", CASES)
def test_no_value_that_is_left_empty_ends_in_a_template_s_error(name: str) -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
    paths = list(_paths(values))
    assert len(paths) > 250
    for path in paths:
        done = template("-f", case(name), "--set", f"{path}=null")
        said = ("These values can't work", "don't meet the specifications")
        assert done.returncode == 0 or any(one in done.stderr for one in said), (path, done.stderr)


def test_everything_that_is_missing_is_told_at_once() -> None:
    done = template()
    assert done.returncode != 0
    for missing in (
        "image.repository",
        "kafka.bootstrap",
        "ledger.url",
        "keys.wrapping.secret",
        "vault.url",
    ):
        assert f"\n- {missing}" in done.stderr


def test_what_the_chart_sets_itself_are_settings() -> None:
    checks = (CHART / "templates" / "parts" / "_checks.tpl").read_text("utf-8")
    (ours,) = re.findall(r"\$ours := list ((?:\"\w+\" ?)+)", checks)
    named = set(ours.replace('"', "").split())
    assert named <= Settings.model_fields.keys()
    # All that any pod of ours is told, beside what the cases' own values say.
    told = {
        one["name"].removeprefix("HUSHWIRE_").lower()
        for name in ("small", "ha", "gpu")
        for found in rendered(name)
        if found["kind"] in {"Deployment", "Job"}
        for container in found["spec"]["template"]["spec"]["containers"]
        for one in container["env"]
        if one["name"].startswith("HUSHWIRE_")
    }
    own = set()
    for name in ("small", "ha", "gpu"):
        values = yaml.safe_load(Path(case(name)).read_text("utf-8"))
        for place in (values, values.get("gateway", {}), values.get("console", {})):
            own |= place.get("settings", {}).keys()
    assert {one for one in told if not one.startswith("kafka_")} - own - {
        "console_address"
    } <= named


def test_the_schema_of_settings_is_in_step_with_the_program() -> None:
    printed = subprocess.run(
        [sys.executable, ROOT / ".ci" / "chart_settings.py", "--print"],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True, capture_output=True, text=True,
    )  # fmt: skip
    made = json.loads(printed.stdout)
    assert made.keys() == {"values.schema.json", "files/decimals.json"}
    for name, text in made.items():
        assert text == (CHART / name).read_text("utf-8"), "run: make settings"
    schema = made["values.schema.json"]
    # What is in force without any value is one that the schema takes.
    forms = json.loads(schema)["definitions"]["settings"]["properties"]
    for name, default in Settings().model_dump(mode="json").items():
        if default is not None:
            jsonschema.validate(default, forms[name])


def test_settings_reach_the_program_as_they_stand_in_toml(monkeypatch: pytest.MonkeyPatch) -> None:
    objects = rendered(
        "small",
        "--set-json", 'settings={"purposes": ["sales", "support"], "webhook_body": "transcript"}',
        "--set-json", 'console.settings={"oidc_roles": {"lead": "analyst"}}',
    )  # fmt: skip
    for component in ("vault", "console"):
        told = environment(pods(objects)[component])
        for name in ("purposes", "webhook_body", "oidc_roles"):
            monkeypatch.delenv(f"HUSHWIRE_{name.upper()}", raising=False)
            if f"HUSHWIRE_{name.upper()}" in told:
                monkeypatch.setenv(f"HUSHWIRE_{name.upper()}", told[f"HUSHWIRE_{name.upper()}"])
        settings = load_settings()
        assert settings.purposes == ("sales", "support")
        assert settings.webhook_body == ("transcript",)
        assert settings.oidc_roles == ({"lead": "analyst"} if component == "console" else {})


def test_the_gateway_takes_its_own_settings() -> None:
    """All that it reads and the chart does not set itself; others are refused by the checks."""
    read = set()
    for path in (ROOT / "agents" / "app" / "gateway").glob("*.py"):
        read |= set(re.findall(r"\bsettings\.([a-z_]+)\b(?!\()", path.read_text("utf-8")))
    others = {one for one in read & Settings.model_fields.keys() if not one.startswith("gateway_")}
    assert others == {"topic_prefix", "log_level", "tracing"}
    objects = rendered(
        "ha", "--set", "gateway.settings.log_level=debug", "--set", "gateway.settings.tracing=otlp"
    )
    told = environment(pods(objects)["gateway"])
    assert (told["HUSHWIRE_LOG_LEVEL"], told["HUSHWIRE_TRACING"]) == ("debug", "otlp")


def test_what_the_chart_takes_for_defaults_are_those() -> None:
    defaults = Settings()
    assert (defaults.stop_seconds, defaults.gateway_grace_seconds) == (25, 20)  # _checks.tpl


def _objects(schema: Any, path: str = "") -> list[tuple[str, dict[str, Any]]]:  # noqa: ANN401
    found = []
    if isinstance(schema, dict):
        if "properties" in schema:
            found.append((path, schema))
        for key, value in schema.items():
            found += _objects(value, f"{path}/{key}")
    return found


def test_the_schema_knows_every_value_and_no_other() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text("utf-8"))
    values = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
    assert all(one["additionalProperties"] is False for _, one in _objects(schema))

    def follow(one: dict[str, Any]) -> dict[str, Any]:
        name = one.get("$ref", "").removeprefix("#/definitions/")
        return schema["definitions"][name] if name else one

    def compare(one: dict[str, Any], value: Any, path: str) -> None:  # noqa: ANN401
        properties = follow(one).get("properties")
        if properties is None or not isinstance(value, dict):
            return
        optional = {"global"} if not path else set()
        # An image of one's own, and what a store's entry may say, are empty by default.
        if value or path in {"", "/kafka"}:
            assert properties.keys() - optional == value.keys(), path
        for key, inner in value.items():
            compare(properties[key], inner, f"{path}/{key}")

    compare(schema, values, "")
