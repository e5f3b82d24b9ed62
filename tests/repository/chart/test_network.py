"""Whom pods may speak to: everything else is denied."""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.repository.chart.rendering import (
    CASES,
    Manifest,
    of_kind,
    pods,
    rendered,
    selects,
    stages,
)

EACH = pytest.mark.parametrize("name", CASES)
PLACES: Final = {53: "dns", 9093: "kafka", 5432: "ledger", 443: "web", 9000: "web"}


def policies(objects: tuple[Manifest, ...], component: str) -> list[Manifest]:
    labels = pods(objects)[component]["metadata"]["labels"]
    found = of_kind(objects, "NetworkPolicy").values()
    return [one["spec"] for one in found if selects(one["spec"]["podSelector"], labels)]


def reached(policy: Manifest) -> set[str]:
    return {PLACES[port["port"]] for rule in policy["egress"] for port in rule["ports"]}


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
        if component == "gateway":
            wanted = {"dns", "kafka"}
        elif component == "ledger":
            wanted = {"dns", "ledger"}
        elif component == "models":
            wanted = {"dns", "web"}
        elif bucket and (component == "console" or "vault" in stages(pod)):
            wanted |= {"web"}
        assert reached(own) == wanted


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


def test_own_rules_are_added() -> None:
    _, vault = sorted(policies(rendered("ha"), "vault"), key=len)
    told: list[Any] = [rule["to"] for rule in vault["egress"]]
    assert [{"ipBlock": {"cidr": "198.51.100.7/32"}}] not in told
    assert any(one[0].get("ipBlock", {}).get("cidr") == "0.0.0.0/0" for one in told)
    _, console = sorted(policies(rendered("ha"), "console"), key=len)
    assert [{"ipBlock": {"cidr": "198.51.100.7/32"}}] in [one["to"] for one in console["egress"]]


def test_it_can_be_left_to_others() -> None:
    objects = rendered("small", "--set", "networkPolicy.enabled=false")
    assert not of_kind(objects, "NetworkPolicy")
