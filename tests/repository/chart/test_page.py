"""What docs/deploy/kubernetes.md says of image and Secrets is what the chart asks for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.repository.chart.rendering import CASES, CHART, ROOT, case, helm, rendered

PAGE: Final = (ROOT / "docs" / "deploy" / "kubernetes.md").read_text("utf-8")
TLS: Final = ("tls.crt", "tls.key")
MORE: Final = (
    "--set", "keys.wrapping.service=hcvault://vault.data:8200/transit/keys/calls",
    "--set", "keys.serviceToken.name=hushwire-vault-token",
    "--set", "console.kafka.username=console",
    "--set", "console.kafka.passwordSecret.name=hushwire-console-kafka",
    "--set", "console.kafka.clientCertificateSecret=hushwire-console-kafka-tls",
    "--set-json", 'networkPolicy.keyService={"to": [{"podSelector": {}}], "ports": [8200]}',
    "--set-json", 'image.pullSecrets=["registry"]',
)  # fmt: skip
"""Secrets that none of the cases has."""


@cache
def table() -> dict[str, set[tuple[str, str]]]:
    """The page's list: Secrets and their files by the value that names them."""
    found = {}
    for value, name, files in re.findall(r"(?m)^\| `([\w.]+)` \| `([\w-]+)`: ([^|]*) \|", PAGE):
        listed = re.match(r"(?:`[\w.-]+`(?:, )?)+", files)
        assert listed, value
        found[value] = {(name, one) for one in re.findall(r"`([\w.-]+)`", listed[0])}
    return found


def secrets_in(one: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - any part of an object
    """Secrets that an object names, with each file of theirs."""
    if isinstance(one, list):
        for inner in one:
            yield from secrets_in(inner)
    if not isinstance(one, dict):
        return
    for key, value in one.items():
        match key:
            case "secret" if "items" in value:
                yield from ((value["name"], item["key"]) for item in value["items"])
            case "credentials" | "secretKeyRef":
                yield value["name"], value["key"]
            case "secretTargetRef":  # KEDA's
                yield from ((item["name"], item["key"]) for item in value)
            case "secretName":
                yield from ((value, file) for file in TLS)
            case "imagePullSecrets":
                yield from ((item["name"], ".dockerconfigjson") for item in value)
            case _:
                # Nothing else of Kubernetes' or the operators' objects names one.
                assert not re.fullmatch(r"secret\w*|\w*Secrets?", key) or not value, key
                yield from secrets_in(value)


def used_by(name: str, *more: str) -> set[tuple[str, str]]:
    """Secrets that a case's objects name; external-secrets' fill these."""
    return set(
        secrets_in([one for one in rendered(name, *more) if one["kind"] != "ExternalSecret"])
    )


@pytest.mark.parametrize(("name", "more"), [*((one, ()) for one in CASES), ("small", MORE)])
def test_every_secret_that_is_mounted_is_in_the_list(name: str, more: tuple[str, ...]) -> None:
    used = used_by(name, *more)
    assert {("hushwire-keys", "kek.json"), ("hushwire-transit", "transit-private.json")} <= used
    assert used <= set().union(*table().values())


def test_the_list_has_no_secret_that_nothing_asks_for() -> None:
    used = set().union(*map(used_by, CASES), used_by("small", *MORE))
    listed = {name for files in table().values() for name, _ in files}
    assert listed == {name for name, _ in used}


def test_every_value_that_names_a_secret_is_in_the_list() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text("utf-8"))
    named = set()

    def walk(one: dict[str, Any], path: str) -> None:
        for key, inner in one.get("properties", {}).items():
            where = f"{path}.{key}".strip(".")
            follow = inner.get("$ref", "").removeprefix("#/definitions/")
            if follow == "brokerUser":
                walk(schema["definitions"][follow], where)
            elif follow == "secret" or (follow == "name" and key.endswith("Secret")):
                named.add(where)
            elif key == "secret":
                named.add(path)
            elif key == "pullSecrets":
                named.add(where)
            else:
                walk(inner, where)

    walk(schema, "")
    platforms = {one for one in named if one.startswith("gateway.platforms.")}
    assert len(platforms) == 3
    assert len(named) > 15
    assert named - platforms | {"gateway.platforms"} == table().keys()


def test_its_commands_make_what_the_small_case_needs() -> None:
    made: set[tuple[str, str]] = set()
    for name, files in re.findall(r"create secret generic ([\w-]+)((?: --from-file=\S+)+)", PAGE):
        for file in re.findall(r"--from-file=(\S+)", files):
            made.add((name, file.partition("=")[0].rpartition("/")[2]))
    for name in re.findall(r"create secret tls ([\w-]+) --cert=\S+ --key=\S+", PAGE):
        made |= {(name, file) for file in TLS}
    assert made == used_by("small")
    values = yaml.safe_load(Path(case("small")).read_text("utf-8"))
    config, files = re.findall(r"create configmap ([\w-]+)((?: --from-file=\S+)+)", PAGE)[0]
    assert config == values["trust"]["configMap"]
    named = set(re.findall(r"/trust/([\w.-]+)", json.dumps(values))) | {values["kafka"]["ca"]}
    assert set(re.findall(r"--from-file=(\S+)", files)) == named


def test_values_are_tried_by_the_command_that_the_page_names() -> None:
    (line,) = re.findall(r"(?m)^    helm (template .*) > /dev/null$", PAGE)
    places = {"values.yaml": case("small"), "./deploy/helm/hushwire": str(CHART)}
    done = helm(*(places.get(word, word) for word in line.split()))
    assert done.returncode == 0, done.stderr


def test_what_may_be_built_is_what_the_recipe_builds() -> None:
    recipe = (ROOT / "deploy" / "Dockerfile").read_text("utf-8")
    locks = re.findall(r"(?m)^#   (requirements\S*)", recipe)
    assert re.findall(r"(?m)^\| `(requirements[\w.-]+)`", PAGE) == locks
    for argument in re.findall(r"--build-arg (\w+)=", PAGE):
        assert re.search(rf"(?m)^ARG {argument}\b", recipe), argument


@pytest.mark.parametrize("name", CASES)
def test_images_of_the_examples_are_to_be_replaced(name: str) -> None:
    images = set(re.findall(r"image: (\S+)", yaml.safe_dump_all(rendered(name))))
    assert images
    assert all(one.startswith("registry.example.com/hushwire") for one in images)
    assert "registry.example.com/hushwire" in PAGE
