"""Whom pods may speak to: everything else is denied."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.repository.chart.rendering import (
    CASES,
    CHART,
    Manifest,
    case,
    of_kind,
    pods,
    rendered,
    secret_files,
    selects,
    stages,
)

EACH = pytest.mark.parametrize("name", CASES)
PLACES: Final = ("dns", "kafka", "ledger", "s3", "hub", "keyService", "webhook")


def policies(objects: tuple[Manifest, ...], component: str) -> list[Manifest]:
    labels = pods(objects)[component]["metadata"]["labels"]
    found = of_kind(objects, "NetworkPolicy").values()
    return [one["spec"] for one in found if selects(one["spec"]["podSelector"], labels)]


def reached(name: str, policy: Manifest, own: int = 0) -> set[str]:
    """Places of ``networkPolicy`` that a pod reaches, without its workload's own rules."""
    given = [
        yaml.safe_load(Path(one).read_text("utf-8")) for one in (CHART / "values.yaml", case(name))
    ]
    defaults, values = (one["networkPolicy"] for one in given)
    known = {}
    for place in PLACES[1:]:
        peer = defaults[place] | values.get(place, {})
        known[json.dumps([peer["to"], peer["ports"]])] = place
    known[json.dumps([defaults["dns"], [53, 53]])] = "dns"
    rules = policy["egress"][: len(policy["egress"]) - own]
    return {known[json.dumps([one["to"], [two["port"] for two in one["ports"]]])] for one in rules}


@EACH
def test_every_pod_is_denied_all_and_allowed_its_own(name: str) -> None:
    objects = rendered(name)
    for component in pods(objects):
        deny, own = sorted(policies(objects, component), key=len)
        assert deny.keys() == {"podSelector", "policyTypes"}
        assert deny["policyTypes"] == own["policyTypes"] == ["Ingress", "Egress"]
        for rule in own.get("ingress", ()):
            assert rule["from"]
            assert rule["ports"]
        for rule in own["egress"]:
            assert rule["to"]
            assert rule["ports"]


@EACH
def test_a_stage_reaches_what_it_needs_and_no_more(name: str) -> None:
    objects = rendered(name)
    bucket = name != "gpu"
    for component, pod in pods(objects).items():
        _, own = sorted(policies(objects, component), key=len)
        wanted = {"dns", "kafka", "ledger"}
        vault = "vault" in stages(pod)
        more = 1 if (name, component) == ("ha", "console") else 0
        if component == "gateway":
            wanted = {"dns", "kafka"}
        elif component == "ledger":
            wanted = {"dns", "ledger"}
        elif component == "models":
            wanted = {"dns", "hub"}
        elif bucket and (component == "console" or vault):
            wanted |= {"s3"}
        if name == "ha":
            # The wrapping key is opened by a service: whoever has its file has to ask there.
            wanted |= {"keyService"} if "kek.json" in secret_files(pod) else set()
            wanted |= {"webhook"} if vault else set()
        assert reached(name, own, more) == wanted


def test_who_asks_the_key_service_comes_as_somebody() -> None:
    objects = rendered("ha")
    accounts = of_kind(objects, "ServiceAccount")
    for pod in pods(objects).values():
        account = accounts[pod["spec"]["serviceAccountName"]]
        named = account["metadata"].get("annotations", {})
        assert ("eks.amazonaws.com/role-arn" in named) is ("kek.json" in secret_files(pod))


def test_the_private_half_s_service_is_reached_by_admit_alone() -> None:
    objects = rendered(
        "small",
        "--set", "keys.transitPrivate.service=hcvault://vault.data:8200/transit/keys/door",
        "--set", "keys.serviceToken.name=hushwire-vault-token",
        "--set-json", 'networkPolicy.keyService={"to": [{"podSelector": {}}], "ports": [8200]}',
    )  # fmt: skip
    asked = set()
    for component in pods(objects):
        _, own = sorted(policies(objects, component), key=len)
        if [{"port": 8200, "protocol": "TCP"}] in [one["ports"] for one in own["egress"]]:
            asked.add(component)
    assert asked == {"admit"}


def test_a_console_that_nobody_scrapes_has_a_rule_all_the_same() -> None:
    objects = rendered(
        "ha",
        "--set-json", "networkPolicy.monitoring=[]",
        "--set", "monitoring.pods=false",
        "--set", "monitoring.console.tokenSecret.name=",
    )  # fmt: skip
    _, own = sorted(policies(objects, "console"), key=len)
    assert [port["port"] for rule in own["ingress"] for port in rule["ports"]] == [8440]


@EACH
def test_workers_are_scraped_and_reached_by_nobody_else(name: str) -> None:
    objects = rendered(name)
    for component, pod in pods(objects).items():
        _, own = sorted(policies(objects, component), key=len)
        ports = {port["port"] for rule in own.get("ingress", ()) for port in rule["ports"]}
        if stages(pod):
            assert ports == ({9464} if name == "ha" else set())
        elif component in {"ledger", "models"}:
            assert ports == set()
        elif component == "console":
            assert ports == {8440}
        else:
            assert {8450} <= ports <= {8450, 8451, 8452}


def test_audiosocket_is_for_those_who_are_named() -> None:
    _, own = sorted(policies(rendered("ha"), "gateway"), key=len)
    (rule,) = [one for one in own["ingress"] if one["ports"][0]["port"] == 8452]
    cidrs = [one["ipBlock"]["cidr"] for one in rule["from"]]
    assert cidrs == ["10.20.0.0/16", "10.21.0.7/32"]


def test_only_one_reaches_the_hub_and_only_some_the_vault() -> None:
    places: dict[str, set[str]] = {}
    for component in pods(rendered("ha")):
        _, own = sorted(policies(rendered("ha"), component), key=len)
        for rule in own["egress"]:
            for peer in rule["to"]:
                places.setdefault(str(peer.get("ipBlock", {}).get("cidr")), set()).add(component)
    assert places["203.0.113.0/24"] == {"models"}
    assert places["0.0.0.0/0"] == {"vault", "console"}
    assert places["198.51.100.20/32"] == {"vault"}


def test_own_rules_are_added() -> None:
    told: dict[str, list[Any]] = {}
    for component in ("vault", "console"):
        _, own = sorted(policies(rendered("ha"), component), key=len)
        told[component] = [rule["to"] for rule in own["egress"]]
    issuer = [{"ipBlock": {"cidr": "198.51.100.7/32"}}]
    assert issuer in told["console"]
    assert issuer not in told["vault"]


def test_it_can_be_left_to_others() -> None:
    objects = rendered("small", "--set", "networkPolicy.enabled=false")
    assert not of_kind(objects, "NetworkPolicy")
