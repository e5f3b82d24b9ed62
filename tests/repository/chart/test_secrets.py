"""Who holds what, and that the program takes what pods are told (docs/deploy/install.md)."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Final

import pytest
import yaml

from agents.crypto.kms_uri import parse
from agents.kafka.security import KafkaSecurity
from agents.settings.model import PREFIX, Settings, load_settings
from agents.settings.policies import read_policy
from console.auth.code_flow import ClientConfig
from console.auth.oidc import OidcConfig
from tests.repository.chart.rendering import (
    CASES,
    CHART,
    STAGES,
    containers,
    environment,
    main,
    of_kind,
    pods,
    rendered,
    secret_files,
    stages,
)
from tests.waiting import HANG_S

EACH = pytest.mark.parametrize("name", CASES)
HOLDERS: Final = {
    "kek.json": {*STAGES, "console"},
    "ledger-password": {*STAGES, "console", "ledger"},
    "tokens.key": {"admit", "detect", "verify", "vault", "console"},
    "transit-private.json": {"admit"},
    "aws-credentials": {"vault", "console"},
    "webhook.secrets": {"vault"},
    "oidc-secret": {"console"},
    "server.key": {"gateway", "console"},
    "server.crt": {"gateway", "console"},
    "twilio.secrets": {"gateway"},
    "telnyx.secrets": {"gateway"},
    "audiohook.secrets": {"gateway"},
    "kafka-password": {*STAGES, "console", "gateway"},
    "kafka.key": {*STAGES, "console", "gateway"},
    "kafka.crt": {*STAGES, "console", "gateway"},
}
"""Secret files, and the stages and other components that may have them."""
NEEDED: Final = {"kek.json", "ledger-password", "tokens.key", "transit-private.json"}


@EACH
def test_a_secret_lies_only_where_the_role_needs_it(name: str) -> None:
    held: dict[str, set[str]] = {}
    for component, pod in pods(rendered(name)).items():
        for file in secret_files(pod):
            for role in stages(pod) or (component,):
                held.setdefault(file, set()).add(role)
    there = set(pods(rendered(name)))
    for file, roles in held.items():
        # Stages that share a worker share its files: those of the three that may.
        may = HOLDERS[file] | ({"mute"} if name == "small" and file == "tokens.key" else set())
        assert roles <= may, file
    for file in NEEDED:
        assert held[file] >= HOLDERS[file] & {*STAGES, *there}, file


@EACH
def test_the_signing_key_is_the_vault_stage_s_alone(name: str) -> None:
    for pod in pods(rendered(name)).values():
        claims = {
            one["persistentVolumeClaim"]["claimName"]
            for one in pod["spec"]["volumes"]
            if "persistentVolumeClaim" in one
        }
        assert ("calls-signing" in claims) is (stages(pod) == ("vault",))
        assert ("HUSHWIRE_SIGNING_KEY" in environment(pod)) is (stages(pod) == ("vault",))
    claim = of_kind(rendered(name), "PersistentVolumeClaim")["calls-signing"]
    assert claim["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


@EACH
def test_secrets_are_files_in_memory_and_nothing_else(name: str) -> None:
    objects = rendered(name)
    assert not of_kind(objects, "Secret")
    for pod in pods(objects).values():
        for container in containers(pod):
            assert "envFrom" not in container
            assert all(one.keys() == {"name", "value"} for one in container.get("env", ()))
        # Neither in a URL: it would stand in the object for everybody who may read it.
        for value in environment(pod).values():
            assert not re.search(r"://[^@/?#]*:.*@|(?i:[?&][^=&]*(password|secret|token)=)", value)
        if not secret_files(pod):
            continue
        volumes = {one["name"]: one for one in pod["spec"]["volumes"]}
        assert volumes["secrets"]["projected"]["defaultMode"] == 0o440
        assert volumes["state"]["emptyDir"]["medium"] == "Memory"
        mounts = {one["name"]: one for one in main(pod)["volumeMounts"]}
        assert "secrets" not in mounts
        assert mounts["state"] == {"name": "state", "mountPath": "/state", "readOnly": True}
        (keys,) = pod["spec"]["initContainers"]
        assert {one["name"] for one in keys["volumeMounts"]} == {"secrets", "state"}


@EACH
def test_files_that_are_named_are_there(name: str) -> None:
    for component, pod in pods(rendered(name)).items():
        mounted = {one["mountPath"] for one in main(pod)["volumeMounts"]}
        for variable, value in environment(pod).items():
            for path in re.findall(r"(?:^|=|,)(/[a-z]+)(?=/)", value):
                # Jobs are told all settings, so that a typo ends the upgrade there.
                told = component in {"ledger", "models"} and path in {"/config", "/state"}
                assert path in mounted or told, variable
            found = re.fullmatch(r"/state/keys/(.+)", value)
            if found:
                assert found[1] in secret_files(pod), variable


def test_the_first_container_makes_them_their_owner_s_alone(tmp_path: Path) -> None:
    (keys,) = pods(rendered("small"))["admit"]["spec"]["initContainers"]
    shell, options, script = keys["command"]
    secrets, state = tmp_path / "secrets", tmp_path / "state"
    # As the kubelet mounts them: links into a folder of their own.
    (secrets / "..data").mkdir(parents=True)
    (secrets / "..data" / "kek.json").write_text("secret")
    (secrets / "..data" / "kek.json").chmod(0o440)
    (secrets / "kek.json").symlink_to("..data/kek.json")
    state.mkdir()
    moved = script.replace("/secrets", str(secrets)).replace("/state", str(state))
    for _ in range(2):  # also when the pod's containers are started anew
        subprocess.run([shell, options, moved], check=True, timeout=HANG_S)
    copied = state / "keys" / "kek.json"
    assert [one.name for one in (state / "keys").iterdir()] == ["kek.json"]
    assert copied.read_text() == "secret"
    assert not copied.is_symlink()
    assert copied.stat().st_mode & 0o777 == 0o600
    assert copied.parent.stat().st_mode & 0o777 == 0o700
    for one in ("kek.json", "..data/kek.json"):
        (secrets / one).unlink()
    copied.unlink()
    subprocess.run([shell, options, moved], check=True, timeout=HANG_S)  # a pod without secrets
    assert list((state / "keys").iterdir()) == []


@EACH
def test_the_program_takes_its_variables(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {f"{PREFIX}{field.upper()}" for field in Settings.model_fields}
    secret = tmp_path / "oidc-secret"
    secret.write_text("secret\n")
    secret.chmod(0o600)
    for component, pod in pods(rendered(name)).items():
        told = environment(pod)
        ours = {key: value for key, value in told.items() if key.startswith(PREFIX)}
        assert ours.keys() <= known
        others = told.keys() - ours.keys()
        assert others <= {
            "HOME",
            "AWS_SHARED_CREDENTIALS_FILE",
            "AWS_REGION",
            "AWS_ENDPOINT_URL_S3",
            "AWS_ALLOW_HTTP",
            "SSL_CERT_FILE",
        }
        with monkeypatch.context() as patched:
            patched.chdir(tmp_path)
            for key in os.environ:
                if key.startswith(PREFIX):
                    patched.delenv(key)
            for key, value in ours.items():
                patched.setenv(key, value.replace("/state/keys/oidc-secret", str(secret)))
            settings = load_settings()
        security = KafkaSecurity.of(settings)
        assert security.tls or component in {"ledger", "models"}
        if component == "console":
            OidcConfig.of(settings)
            ClientConfig.of(settings)


def test_the_policy_of_the_example_can_be_read(tmp_path: Path) -> None:
    values = yaml.safe_load((CHART / "ci" / "ha.yaml").read_text("utf-8"))
    path = tmp_path / "policy.yaml"
    path.write_text(values["files"]["policy.yaml"], "utf-8")
    assert values["settings"]["policy"] == "/config/policy.yaml"
    assert read_policy(Settings(), str(path)).name == "calls"


def test_numbers_reach_the_program_as_they_were_written() -> None:
    objects = rendered(
        "small",
        "--set", "settings.sweep_least=1000000",
        "--set", "kafka.rawRetentionSeconds=2592000",
        "--set", "settings.publish_transcripts=true",
    )  # fmt: skip
    env = environment(pods(objects)["vault"])
    assert env["HUSHWIRE_SWEEP_LEAST"] == "1000000"
    assert env["HUSHWIRE_RAW_RETENTION_SECONDS"] == "2592000"
    assert env["HUSHWIRE_PUBLISH_TRANSCRIPTS"] == "true"
    assert json.loads(environment(pods(rendered("ha"))["console"])["HUSHWIRE_OIDC_ROLES"]) == {
        "call-analysts": "analyst"
    }


def test_the_gateway_knows_no_ledger_and_a_user_of_its_own() -> None:
    every = pods(rendered("ha"))
    env = environment(every["gateway"])
    assert not [key for key in env if "LEDGER" in key or "KEYSET" in key]
    assert env["HUSHWIRE_KAFKA_USERNAME"] == "hushwire-gateway"
    assert secret_files(every["gateway"])["kafka-password"][0] == "hushwire-gateway-kafka"
    assert environment(every["mute"])["HUSHWIRE_KAFKA_USERNAME"] == "hushwire"


def test_the_console_comes_to_the_broker_as_somebody_of_its_own_where_one_is_named() -> None:
    own, shared = (pods(rendered(name))["console"] for name in ("ha", "small"))
    assert environment(own)["HUSHWIRE_KAFKA_USERNAME"] == "hushwire-console"
    assert secret_files(own)["kafka-password"] == ("hushwire-console-kafka", "password")
    assert environment(shared)["HUSHWIRE_KAFKA_USERNAME"] == "hushwire"
    assert secret_files(shared)["kafka-password"] == ("hushwire-kafka", "password")


def test_the_ledger_is_migrated_by_a_user_that_no_stage_is() -> None:
    every = pods(rendered("ha"))
    assert "//hushwire_owner@" in environment(every["ledger"])["HUSHWIRE_LEDGER_URL"]
    assert secret_files(every["ledger"]) == {
        "ledger-password": ("hushwire-ledger-owner", "password")
    }
    for component in (*STAGES, "console"):
        assert "//hushwire@" in environment(every[component])["HUSHWIRE_LEDGER_URL"]
        assert secret_files(every[component])["ledger-password"][0] == "hushwire-ledger"
    shared = pods(rendered("small"))["ledger"]
    assert secret_files(shared)["ledger-password"][0] == "hushwire-ledger"
    assert "//hushwire@" in environment(shared)["HUSHWIRE_LEDGER_URL"]


def test_vault_is_asked_by_a_token_that_is_a_file() -> None:
    every = pods(rendered(
        "small",
        "--set", "keys.wrapping.service=hcvault://vault.data:8200/transit/keys/calls",
        "--set", "keys.serviceToken.name=hushwire-vault-token",
        "--set", "keys.serviceCa=vault-ca.pem",
        "--set-json", 'networkPolicy.keyService={"to": [{"podSelector": {}}], "ports": [8200]}',
    ))  # fmt: skip
    for pod in every.values():
        asks = "kek.json" in secret_files(pod)
        mounts = {one["mountPath"]: one for one in main(pod)["volumeMounts"]}
        assert ("vault-token" in secret_files(pod)) is asks
        assert ("VAULT_CACERT" in environment(pod)) is asks
        # Where Vault's client looks for it: in the home.
        found = mounts.get(f"{environment(pod)['HOME']}/.vault-token")
        assert (found is not None) is asks
        if found is not None:
            assert found["subPath"] == "keys/vault-token"
            assert found["readOnly"] is True
            assert parse(environment(pod)["HUSHWIRE_KEYSET"]).uri.startswith("hcvault://")
