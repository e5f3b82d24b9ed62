"""What is known of the policy's effect: an evaluation's figures, the shadow, the recognisers.

Outcomes: pages; each says what to do where there is nothing to show yet.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from fastapi import Request
from fastapi.responses import Response

from agents.access.api_tokens import Tokens
from agents.access.policy_versions import PolicyVersions
from agents.access.roles import Permission
from agents.upkeep.tuning.evaluations import Evaluations, Figures
from agents.vault.shadow_results import ShadowResults
from console.auth.looks import Looks
from console.auth.names import Names
from console.auth.routing import Routes
from console.http.metrics import ApiMetrics
from console.pages.rendering import page
from console.tuning.recognisers import RegistryWatch, recognisers
from pipeline.evaluation.figures.span_agreement import ALL
from pipeline.policy.model import Policy
from pipeline.records.scores import Recognizer

WIDTH: Final = 220
"""Size of a curve's axes, in units of the drawing."""
HEIGHT: Final = 110
REGISTRY_WAITS_S: Final = 1.0
"""How long a page waits for the registry's recognisers."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Precision and recall of a type over its threshold, in units of the drawing."""

    entity: str
    precision: str
    """Points of an SVG polyline."""
    recall: str
    at: float
    """Where the policy's threshold lies."""
    threshold: float
    reader_at: float
    """Where that for the reader lies."""
    reader: float
    points: tuple[tuple[float, float, float], ...] = field(repr=False)
    """Threshold, precision and recall."""


@dataclass(frozen=True, slots=True)
class MeasuredRoutes:
    """Answers with what was measured."""

    versions: PolicyVersions
    evaluations: Evaluations
    shadow: ShadowResults
    tokens: Tokens
    able: Callable[[], None]
    """Refuses where this host has no recognisers."""
    registry: RegistryWatch
    looks: Looks
    metrics: ApiMetrics

    def add_to(self, routes: Routes) -> None:
        """Add the routes."""
        may, hidden = Permission.EDIT_POLICY, {"include_in_schema": False}
        routes.add("GET", "/policy/evaluation", may, self.evaluation, **hidden)
        routes.add("GET", "/policy/shadow", may, self.shadow_page, **hidden)
        routes.add("GET", "/policy/recognisers", may, self.recognisers, **hidden)
        routes.add("GET", "/policy/recognisers/live", may, self.making, live=True, **hidden)

    def evaluation(self, request: Request) -> Response:
        """Figures of the evaluation that was published last."""
        self._look(request, "policy-evaluation")
        found, policy = self.evaluations.latest(), self._policy()
        return page(
            "tuning/evaluation.html",
            me=request.state.principal,
            found=found,
            curves=curves(found, policy) if found else (),
            rows=_rows(found) if found else (),
            same=found is not None and found.policy_digest == policy.digest,
            named=Names.of(self.tokens),
            width=WIDTH,
            height=HEIGHT,
        )

    def shadow_page(self, request: Request) -> Response:
        """What candidates would have done beside the live policy."""
        reports = self.shadow.reports()
        self._look(request, "policy-shadow", pairs=len(reports))
        return page(
            "tuning/shadow.html", me=request.state.principal, reports=reports, all_types=ALL
        )

    def recognisers(self, request: Request) -> Response:
        """What searches a call, and whether the policy lets it count."""
        self.able()
        self._look(request, "policy-recognisers")
        self.registry.ask(REGISTRY_WAITS_S)
        listed = self.registry.listed
        return page(
            "tuning/recognisers.html",
            me=request.state.principal,
            recognisers=recognisers(self._policy(), listed or ()),
            there=listed is not None,
            problem=self.registry.problem,
        )

    def making(self, request: Request) -> Response:
        """Whether the registry's are there: the part of the page that is renewed."""
        return page(
            "tuning/_making.html",
            me=request.state.principal,
            there=self.registry.listed is not None,
            problem=self.registry.problem,
            renewed=True,
        )

    def _policy(self) -> Policy:
        return self.versions.standing().policy

    def _look(self, request: Request, what: str, **facts: str | int) -> None:
        self.looks.write(request.state.principal, what, "", **facts)
        self.metrics.looks.labels("policy").inc()


def curves(found: Figures, policy: Policy) -> list[Curve]:
    """The curves of an evaluation, by type."""
    by_type: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
    for entity, threshold, precision, recall in found.figures.get("curve", []):
        if None not in {threshold, precision, recall}:
            by_type[entity].append((threshold, precision, recall))
    made = []
    for entity, points in sorted(by_type.items()):
        points.sort()
        threshold = policy.rule(entity).threshold
        precision, recall = (
            " ".join(f"{WIDTH * p[0]:.1f},{HEIGHT * (1 - p[which]):.1f}" for p in points)
            for which in (1, 2)
        )
        reader = min(policy.threshold(entity, Recognizer.READER), 1.0)
        made.append(
            Curve(
                entity,
                precision,
                recall,
                WIDTH * threshold,
                threshold,
                WIDTH * reader,
                reader,
                tuple(points),
            )
        )
    return made


def _rows(found: Figures) -> list[Mapping[str, Any]]:
    rows: list[Mapping[str, Any]] = found.figures.get("entities", [])
    return rows
