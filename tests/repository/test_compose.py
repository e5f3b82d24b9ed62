"""``docker-compose.yml`` without an engine: read by compose's own library, and held to ours."""

from __future__ import annotations

import json
import re
import shutil
import stat
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from agents.app.gateway.twilio_access import secrets_of
from agents.cli.main import app
from agents.settings.model import PREFIX, Settings
from agents.system.sockets.serving import server_tls
from pipeline.records.stages import STAGES
from tests.waiting import HANG_S

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
READER = ROOT / "build" / "tools" / "compose-config"
OURS = {"hushwire:local", "hushwire:small"}
PROFILES = {"console", "gateway", "monitoring", "traces", "all", "send"}

WRITABLE = {
    ("kafka", "/var/lib/kafka/data"): "1000",
    ("postgres", "/var/lib/postgresql/data"): "999",
    ("prometheus", "/prometheus"): "65534",
    ("grafana", "/var/lib/grafana"): "472",
}
"""Folders of other images, and whose they are there: a new volume takes its owner from them."""


def compose() -> dict[str, Any]:
    parsed = yaml.safe_load(FILE.read_text("utf-8"))
    assert isinstance(parsed, dict)
    return parsed


def short(volume: str | dict[str, Any]) -> str:
    """A volume in compose's short form."""
    if isinstance(volume, str):
        return volume
    return f"{volume['source']}:{volume['target']}" + (":ro" if volume["read_only"] else "")


SERVICES: dict[str, dict[str, Any]] = {
    name: one | ({"volumes": [*map(short, one["volumes"])]} if "volumes" in one else {})
    for name, one in compose()["services"].items()
}
OWN = {name: one for name, one in SERVICES.items() if one["image"] in OURS}


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone with what ``make-secrets`` makes."""
    folder = tmp_path_factory.mktemp("clone")
    shutil.copy(FILE, folder)
    shutil.copytree(
        ROOT / "deploy", folder / "deploy", ignore=shutil.ignore_patterns("secrets", "*.env")
    )
    secrets(folder)
    return folder


def secrets(folder: Path) -> str:
    done = subprocess.run(
        [folder / "deploy/compose/make-secrets"],
        cwd="/",
        check=True,
        capture_output=True,
        text=True,
        timeout=HANG_S,
        restore_signals=False,  # SIGPIPE stays ignored, as where a service starts it
    )
    assert done.stderr == ""
    return done.stdout


def read_as_compose_does(folder: Path, *profiles: str) -> dict[str, Any]:
    if not READER.is_file():
        pytest.skip("no reader: compose's own library reads nothing (make test says so, too)")
    done = subprocess.run(
        [READER, folder, *profiles], check=False, capture_output=True, text=True, timeout=HANG_S
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


# -- what compose's own library says ---------------------------------------------------------------


def test_compose_reads_it_and_each_profile_brings_what_the_docs_say(fresh: Path) -> None:
    core = {"kafka", "postgres", "bucket", "store", "ledger", "models", "admit", "transcribe"}
    core |= {"keys", "redact", "vault"}
    brought = {
        "console": {"console", "signing-public"},
        "gateway": {"gateway"},
        "monitoring": {"prometheus", "grafana"},
        "traces": {"otel"},
        "send": {"ingest", "watch", "backfill"},
        "all": {"console", "signing-public", "gateway", "prometheus", "grafana", "otel"},
    }
    assert set(brought) == PROFILES
    assert set(read_as_compose_does(fresh)["services"]) == core
    for profile, more in brought.items():
        assert set(read_as_compose_does(fresh, profile)["services"]) == core | more


def test_what_our_reader_makes_of_it_is_what_compose_makes_of_it(fresh: Path) -> None:
    """Merges and anchors are read by PyYAML in the tests below."""
    read = read_as_compose_does(fresh, *PROFILES)["services"]
    assert set(read) == set(SERVICES)
    for name, service in SERVICES.items():
        assert (read[name].get("environment") or {}).keys() >= service.get("environment", {}).keys()
        assert [one["source"] for one in read[name].get("secrets", [])] == service.get(
            "secrets", []
        )
        assert set(read[name]["networks"]) == set(service["networks"])
        assert read[name]["user"] == service["user"]
        assert read[name].get("read_only", False) == service["read_only"]


@pytest.mark.parametrize("missing", ["KAFKA_CLUSTER_ID", "SECRETS_GROUP"])
def test_without_the_secrets_it_says_what_to_do(fresh: Path, tmp_path: Path, missing: str) -> None:
    shutil.copytree(fresh, tmp_path / "clone")
    env = tmp_path / "clone" / ".env"
    lines = [line for line in env.read_text().splitlines() if not line.startswith(missing)]
    env.write_text("\n".join(lines))
    if not READER.is_file():
        pytest.skip("no reader: compose's own library reads nothing (make test says so, too)")
    done = subprocess.run(
        [READER, tmp_path / "clone"], check=False, capture_output=True, text=True, timeout=HANG_S
    )
    assert done.returncode == 1
    assert f"{missing} is missing a value: run deploy/compose/make-secrets first" in done.stderr


# -- secrets ---------------------------------------------------------------------------------------


def test_every_file_that_is_mounted_is_there_once_the_secrets_are_made(fresh: Path) -> None:
    for secret in compose()["secrets"].values():
        assert (fresh / secret["file"]).is_file()
    for name, service in SERVICES.items():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("./"):
                assert (fresh / source).exists(), f"{name}: {source}"
                assert volume.endswith(":ro"), f"{name}: {source}"


def test_a_secret_that_is_missing_is_told_and_no_folder_made_in_its_place() -> None:
    for name, service in compose()["services"].items():
        for volume in service.get("volumes", []):
            if "/secrets/" in short(volume):
                assert volume["type"] == "bind", name
                assert volume["bind"] == {"create_host_path": False}, name


def test_secrets_are_for_a_group_at_most_and_what_is_there_stays(fresh: Path) -> None:
    folder = fresh / "deploy/compose/secrets"
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) == 10
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o640}
    assert {stat.S_IMODE(path.stat().st_mode) for path in (folder, folder / "console")} == {0o750}
    before = {path: path.read_bytes() for path in (*files, fresh / ".env")}
    assert secrets(fresh) == ""
    assert {path: path.read_bytes() for path in before} == before
    key = before[folder / "store-secret"].decode().strip()
    assert len(key) >= 32
    assert f"aws_secret_access_key = {key}\n" in before[folder / "store-credentials"].decode()
    assert len({before[folder / name] for name in ("ledger-password", "grafana-password")}) == 2
    assert re.search(r"(?m)^KAFKA_CLUSTER_ID=A[\w-]{20}A$", before[fresh / ".env"].decode())


def test_what_is_made_is_taken(fresh: Path) -> None:
    folder = fresh / "deploy/compose/secrets"
    for role in ("console", "gateway"):
        assert server_tls(role, folder / role / "certificate.pem", folder / role / "key.pem")
    assert secrets_of(folder / "gateway/twilio.secrets").auth_tokens


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_no_secret_stands_in_a_variable_or_an_address(name: str) -> None:
    for variable, value in SERVICES[name].get("environment", {}).items():
        if re.search(r"PASSWORD|SECRET|CREDENTIALS|(?<!PUBLIC)_KEY", variable):
            assert str(value).startswith("/"), variable
        assert not re.search(r"//[^/@:]*:[^/@]*@", str(value)), variable


def test_a_service_sees_its_own_secrets_alone() -> None:
    seen = {name: set(one.get("secrets", [])) for name, one in SERVICES.items()}
    ledger = {name for name, secrets in seen.items() if "ledger-password" in secrets}
    workers = {"admit", "transcribe", "redact", "vault"}
    assert ledger == workers | {"postgres", "ledger", "keys", "console", "backfill"}
    assert {name for name, one in seen.items() if "store-credentials" in one} == {
        "vault",
        "console",
    }
    assert {name for name, one in seen.items() if "store-secret" in one} == {"store"}
    for name, service in SERVICES.items():
        named = set(re.findall(r"/run/secrets/([\w-]+)", json.dumps(service)))
        assert named <= seen[name]


@pytest.mark.parametrize(
    ("volume", "holders"),
    [
        ("transit", {"admit", "keys"}),
        ("signing", {"vault", "signing-public"}),
        ("wrapping", {"admit", "transcribe", "redact", "vault", "console", "backfill", "keys"}),
        ("tokens", {"admit", "redact", "vault", "console", "backfill", "keys"}),
        ("./deploy/compose/secrets/gateway", {"gateway"}),
        ("./deploy/compose/secrets/console", {"console"}),
    ],
)
def test_a_key_lies_with_whom_it_belongs_to(volume: str, holders: set[str]) -> None:
    assert {
        name
        for name, service in SERVICES.items()
        if any(one.split(":")[0] == volume for one in service.get("volumes", []))
    } == holders


def test_keys_are_made_by_one_that_ends_and_written_by_nobody_else() -> None:
    writers: dict[str, set[str]] = {}
    for name, service in SERVICES.items():
        for volume in service.get("volumes", []):
            source, _, *mode = volume.split(":")
            if mode != ["ro"]:
                writers.setdefault(source, set()).add(name)
    for key in ("wrapping", "tokens", "transit"):
        assert writers[key] == {"keys"}
    assert writers["public"] == {"keys", "signing-public"}
    assert writers["signing"] == {"vault"}  # it remembers there what it signed
    assert SERVICES["keys"]["restart"] == "no"
    for name, service in OWN.items():
        if "wrapping" in json.dumps(service.get("volumes", [])):
            assert name == "keys" or "keys" in started_after(name), name


def test_the_keys_service_makes_what_the_others_name(tmp_path: Path) -> None:
    """Its command, twice, in folders in the place of its volumes, on SQLite."""
    keys = SERVICES["keys"]
    mounts = dict(reversed(one.split(":")) for one in keys["volumes"])
    shell, options = keys["entrypoint"]
    told = {key: value for key, value in keys["environment"].items() if "LEDGER" not in key}
    told["HUSHWIRE_STATE_DIR"] = "/state"  # of the image
    for variable, value in told.items():
        for mount, source in mounts.items():
            if value == mount or value.startswith(f"{mount}/"):
                told[variable] = f"{tmp_path / source}{value.removeprefix(mount)}"
    for source in mounts.values():
        (tmp_path / source).mkdir(mode=0o700)
    command = keys["command"][0].replace("hushwire ", f"{sys.executable} -m agents ")
    env = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)} | told
    made = []
    for _ in range(2):
        subprocess.run([shell, options, command], check=True, timeout=HANG_S, env=env, cwd=tmp_path)
        files = [one for one in tmp_path.rglob("*") if one.is_file()]
        made.append({str(one.relative_to(tmp_path)): one.read_bytes() for one in files})
    assert made[0] == made[1]
    assert set(made[0]) == {
        "wrapping/kek.json",
        "tokens/tokens.key",
        "transit/transit-private.json",
        "public/transit-public.json",
    }


@pytest.mark.parametrize(("override", "service"), [("webhooks", "vault"), ("bucket", "backfill")])
def test_a_way_out_is_for_one_service(
    fresh: Path, tmp_path: Path, override: str, service: str
) -> None:
    clone = tmp_path / "clone"
    shutil.copytree(fresh, clone)
    (clone / "deploy/compose/secrets/webhook.secrets").write_text("secret\n")
    before = read_as_compose_does(clone, *PROFILES)["services"]
    with (clone / ".env").open("a") as file:
        file.write(f"COMPOSE_FILE=docker-compose.yml:deploy/compose/{override}.yml\n")
        file.write("WEBHOOK_URL=https://hooks.example.com/calls\n")
    after = read_as_compose_does(clone, *PROFILES)["services"]
    assert {name for name in before if before[name] != after[name]} == {service}
    assert set(before[service]["networks"]) == {"inner"}
    assert set(after[service]["networks"]) == {"inner", "host"}
    if service == "vault":
        env = after[service]["environment"]
        assert env["HUSHWIRE_WEBHOOK_URL"] == "https://hooks.example.com/calls"
        assert env["HUSHWIRE_WEBHOOK_SECRETS"] == "/run/secrets/webhook-secrets"
        named = [one["source"] for one in after[service]["secrets"]]
        assert named == ["ledger-password", "store-credentials", "webhook-secrets"]


def test_who_only_sends_holds_the_public_key_and_nothing_else() -> None:
    for name in ("gateway", "ingest", "watch"):
        assert SERVICES[name]["secrets"] == []
        mounted = [one for one in SERVICES[name]["volumes"] if not one.startswith("./")]
        assert mounted == ["public:/public:ro"]
        assert "LEDGER" not in json.dumps(SERVICES[name]["environment"])


# -- confinement -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_service_is_confined(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert service.get("privileged") is None
    assert not re.match(r"(0|root)\b", service["user"])
    assert service["read_only"] is (name != "kafka")  # it writes its configuration on start
    for port in service.get("ports", []):
        # Where platforms connect may be said by a variable; until then it is the loopback.
        assert re.match(r"127\.0\.0\.1:|\$\{GATEWAY_[A-Z_]*ADDRESS:-127\.0\.0\.1\}:", port)
        assert "host" in service["networks"]
    if service["image"] not in OURS:
        assert re.search(r":[\w.-]+@sha256:[0-9a-f]{64}$", service["image"])


def test_what_redacts_has_no_way_out_but_the_inner_network() -> None:
    assert compose()["networks"]["inner"]["internal"] is True
    inner = ("admit", "transcribe", "redact", "vault", "postgres", "store", "ledger", "keys")
    for name in (*inner, "ingest", "watch", "backfill"):
        assert SERVICES[name]["networks"] == ["inner"]


def test_every_user_can_write_the_volumes_that_it_mounts() -> None:
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text("utf-8")
    made = re.search(r"install -d -o hushwire -g hushwire -m 0700 (.*)", dockerfile)
    assert made is not None
    ours = {(image, path): "10001" for image in OURS for path in made[1].split()}
    for name, service in SERVICES.items():
        for volume in service.get("volumes", []):
            source, path, *mode = volume.split(":")
            if source.startswith("./") or mode == ["ro"]:
                continue
            owner = ours.get((service["image"], path)) or WRITABLE.get((name, path))
            if name == "store":  # its image has no such folder: the bucket's service came first
                assert SERVICES["bucket"]["volumes"] == [volume]
                assert "bucket" in service["depends_on"]
                owner = ours["hushwire:small", path]
            assert owner == service["user"].split(":")[0], f"{name}: {volume}"


def test_volumes_networks_and_secrets_are_declared_and_used() -> None:
    whole = compose()
    used = {
        "volumes": {
            volume.split(":")[0]
            for service in SERVICES.values()
            for volume in service.get("volumes", [])
            if not volume.startswith("./")
        },
        "networks": {one for service in SERVICES.values() for one in service["networks"]},
        "secrets": {one for service in SERVICES.values() for one in service.get("secrets", [])},
    }
    assert {kind: set(whole[kind]) for kind in used} == used


# -- what is ours ----------------------------------------------------------------------------------


def test_every_stage_has_a_worker_with_what_it_needs_installed() -> None:
    stages = {
        word: service["image"]
        for service in OWN.values()
        if service["command"][:1] == ["worker"]
        for word in service["command"][1:]
        if word in STAGES
    }
    assert set(stages) == set(STAGES)
    small = {stage for stage, image in stages.items() if image == "hushwire:small"}
    assert small == {"admit", "vault"}
    assert {one["image"]: one["build"]["args"]["LOCK"] for one in OWN.values()} == {
        "hushwire:small": "requirements-small.txt",
        "hushwire:local": "${IMAGE_LOCK:-requirements-image.txt}",
    }


def test_what_traces_is_in_both_images() -> None:
    """``HUSHWIRE_TRACING=otlp`` in the example ends whoever lacks it."""
    example = (ROOT / "deploy/compose/hushwire.env.example").read_text("utf-8")
    assert "HUSHWIRE_TRACING=otlp" in example
    locks = {one["build"]["args"]["LOCK"] for one in OWN.values()}
    wanted = {"opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http"}
    for lock in locks:
        named = re.sub(r"\$\{\w+:-(.*)\}", r"\1", lock)
        text = (ROOT / named).read_text("utf-8")
        assert wanted <= set(re.findall(r"(?m)^([\w-]+)==", text)), named


@pytest.mark.parametrize("name", sorted(OWN))
def test_every_setting_is_one(name: str) -> None:
    named = {one for one in OWN[name].get("environment", {}) if one.startswith(PREFIX)}
    assert {one.removeprefix(PREFIX).lower() for one in named} <= set(Settings.model_fields)


@pytest.mark.parametrize("name", ["hushwire", "gateway"])
def test_the_examples_hold_settings_and_no_secret(name: str) -> None:
    text = (ROOT / f"deploy/compose/{name}.env.example").read_text("utf-8")
    named = set(re.findall(rf"(?m)^(?:# )?{PREFIX}(\w+)=", text))
    assert named
    assert {one.lower() for one in named} <= set(Settings.model_fields)
    assert not re.search(r"PASSWORD=|://[^/\s]*@", text)
    files = {one["path"] for service in OWN.values() for one in service["env_file"]}
    assert f"deploy/compose/{name}.env" in files
    # Whoever copies it gets what is in force without it.
    active = re.findall(r"(?m)^(\w+)=(.*)$", text)
    assert active
    for variable, value in active:
        assert value == str(Settings.model_fields[variable.removeprefix(PREFIX).lower()].default)


@pytest.mark.parametrize("name", sorted(OWN))
def test_every_command_is_there(name: str) -> None:
    words = list(OWN[name]["command"])
    if entry := OWN[name].get("entrypoint"):
        shell = entry[0] == "/bin/sh"
        lines = words[0].split(" > ")[0].split(" && ") if shell else []
        called = [line.removeprefix("hushwire ").split() for line in lines]
    else:
        called = [words]
    assert called or name == "bucket"
    for one in called:
        command = typer.main.get_command(app)
        while one and one[0] in getattr(command, "commands", {}):
            command = command.commands[one.pop(0)]  # type: ignore[attr-defined]
        with command.make_context(name, one, resilient_parsing=False) as context:
            assert not context.args


@pytest.mark.parametrize("name", sorted(OWN))
def test_every_path_that_a_service_names_is_mounted(name: str) -> None:
    service = OWN[name]
    mounted = {volume.split(":")[1] for volume in service.get("volumes", [])} | {"/run/secrets"}
    brought = {"ingest": "/calls", "watch": "/calls", "backfill": "/archive"}
    mounted |= {brought.get(name, "/run/secrets")}  # by whoever starts it
    named = [*service["command"], *service.get("environment", {}).values()]
    paths = [word for word in named if word.startswith("/")]
    assert all(any(path.startswith(f"{at}/") or path == at for at in mounted) for path in paths)


def test_a_worker_is_probed_and_scraped_where_it_listens() -> None:
    jobs = yaml.safe_load((ROOT / "deploy/monitoring/prometheus/prometheus.yml").read_text("utf-8"))
    scraped = {
        (name, str(where["port"]))
        for job in jobs["scrape_configs"]
        for where in job["dns_sd_configs"]
        for name in where["names"]
    }
    workers = {name for name, one in OWN.items() if one["command"][:1] == ["worker"]}
    listening = {(name, SERVICES[name]["environment"]["HUSHWIRE_METRICS_PORT"]) for name in workers}
    assert scraped == listening | {("gateway", "8451"), ("console", "8440")}
    for name, port in scraped:
        assert f"127.0.0.1:{port}/" in json.dumps(SERVICES[name]["healthcheck"]["test"])
        assert "inner" in SERVICES[name]["networks"]
    for service in OWN.values():  # whatever kills a worker waits longer than it may take
        assert service["stop_grace_period"] == "60s"
    assert Settings.model_fields["stop_seconds"].default < 60


@cache
def started_after(name: str) -> frozenset[str]:
    first = SERVICES[name].get("depends_on") or {}
    return frozenset(first) | {one for other in first for one in started_after(other)}


def test_what_others_wait_for_ends_or_has_a_health_check() -> None:
    for service in SERVICES.values():
        for other, waits in (service.get("depends_on") or {}).items():
            if waits["condition"] == "service_healthy":
                assert SERVICES[other]["healthcheck"]["test"]
            else:
                assert SERVICES[other]["restart"] == "no"
    for name in ("admit", "transcribe", "redact", "vault", "console"):
        assert started_after(name) >= {"kafka", "postgres", "ledger"}
    assert "models" in started_after("transcribe") & started_after("redact")
    assert "store" in started_after("vault") & started_after("console")
