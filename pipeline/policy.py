"""What is muted, kept or only counted, and how: data that a security engineer can read and change.

A policy is a YAML file (see ``policies/``). It is validated when it is loaded; an error names the
file, the line and what is allowed there.
"""

from __future__ import annotations

import hashlib
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.disclosure import Show, refusal
from pipeline.errors import PolicyError
from pipeline.records import Action

Milliseconds = Annotated[int, Field(ge=0, le=5_000)]
Probability = Annotated[float, Field(ge=0.0, le=1.0)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EntityRule(_Model):
    """What happens to one entity type."""

    action: Action = Action.MUTE
    threshold: Probability = 0.4
    """Spans that score lower are dropped."""
    pad_before_ms: Milliseconds = 150
    pad_after_ms: Milliseconds = 180
    transcript: Show = Show.PLACEHOLDER
    """What the transcript says in the value's place."""


class MutingRule(_Model):
    """How the audio of a span is silenced."""

    style: Literal["silence", "tone", "noise"] = "silence"
    ramp_ms: Milliseconds = 5
    """Raised-cosine ramp, placed outside the sensitive samples."""
    merge_ms: Milliseconds = 300
    """Mutes of a channel that are nearer than this become one: a shorter rest is no word that
    anybody understands, but may be the edge of one that has to be silent."""
    snap_ms: Milliseconds = 120
    """How far an edge may move outward to the nearest low-energy point."""
    after_silence_ms: Milliseconds = 150
    """Extra padding at most, where a span begins or ends in silence: word times are off there."""


class EchoRule(_Model):
    """Whether a mute is mirrored where the other channel carries the same voice as echo."""

    mode: Literal["auto", "always", "never"] = "auto"
    threshold: Probability = 0.15
    """Whitened cross-correlation from which ``auto`` mirrors. Unrelated speech on two telephone
    channels stays below 0.11, an echo 30 dB below its source is at 0.6 and more."""


class HoldRule(_Model):
    """How far release trails the live edge."""

    max_seconds: Annotated[float, Field(ge=5.0, le=600.0)] = 60.0
    """The longest that an open number run may hold the watermark."""


class UnexplainedRule(_Model):
    """Speech that no word explains, and words of low probability, next to number context."""

    mute: bool = True
    within_ms: Milliseconds = 3_000
    """How near to a sensitive context speech without a word has to stand."""
    unsure_below: Probability = 0.4
    """Word probability below which a word directly beside a number may be anything."""


class VerificationRule(_Model):
    """How the redacted audio is checked before it is stored."""

    max_span_dbfs: Annotated[float, Field(ge=-120.0, le=-20.0)] = -60.0
    """Loudest RMS allowed inside a muted interval (style ``silence``)."""
    neighbourhood_ms: Annotated[int, Field(ge=0, le=30_000)] = 8_000
    """How much audio on both sides of a muted number is listened to again, on every channel."""
    max_rounds: Annotated[int, Field(ge=1, le=5)] = 3
    """How often the same stretch is listened to after something was found in it; a number that is
    still heard in the last round quarantines the call."""
    max_cost: Annotated[float, Field(ge=0.0, le=1.0)] = 0.15
    """What listening again may cost, as a share of the first pass."""
    sample_share: Probability = 0.05
    """Share of what lies away from muted numbers that is listened to again, within ``max_cost``;
    which part is drawn by the call id."""


class Policy(_Model):
    """A complete policy."""

    name: str
    version: str
    default: EntityRule = EntityRule(threshold=0.5)
    entities: dict[str, EntityRule] = {}
    muting: MutingRule = MutingRule()
    echo: EchoRule = EchoRule()
    hold: HoldRule = HoldRule()
    unexplained: UnexplainedRule = UnexplainedRule()
    verification: VerificationRule = VerificationRule()

    def rule(self, entity: str) -> EntityRule:
        """The rule for an entity type, or the default one."""
        return self.entities.get(entity, self.default)

    @property
    def needs_token_key(self) -> bool:
        """Whether any type is shown as a keyed hash."""
        return any(
            rule.transcript is Show.TOKEN for rule in (self.default, *self.entities.values())
        )

    @property
    def digest(self) -> str:
        """sha256 of the policy's canonical JSON: what a certificate names beside the version."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


def load_policy(source: str | Path) -> Policy:
    """Read a policy by path, or by the name of a shipped one such as ``default``.

    Raises:
        PolicyError: the file is missing, is no YAML, or breaks the schema.
    """
    path, shipped = Path(source), Path(str(resources.files("policies")))
    if path.suffix not in {".yaml", ".yml"}:
        path = shipped / f"{source}.yaml"
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        names = ", ".join(sorted(file.stem for file in shipped.glob("*.yaml")))
        msg = f"policy {source}: cannot be read ({error.strerror}); name a YAML file or {names}"
        raise PolicyError(msg) from error
    return parse_policy(text, origin=str(source))


def parse_policy(text: str, *, origin: str = "policy") -> Policy:
    """Validate the text of a policy.

    Raises:
        PolicyError: with ``origin``, the line and what is wrong there.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "not valid YAML"
        msg = f"{origin}{where}: {problem}"
        raise PolicyError(msg) from error
    if not isinstance(data, dict):
        msg = f"{origin}, line 1: a policy is a mapping with at least 'name' and 'version'"
        raise PolicyError(msg)
    try:
        policy = Policy.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        location = first["loc"]
        field = ".".join(str(part) for part in location)
        msg = f"{origin}, line {_line_of(node, location)}: {field}: {first['msg']}"
        raise PolicyError(msg) from error
    for name, rule in (("", policy.default), *policy.entities.items()):
        place = ("entities", name, "transcript") if name else ("default", "transcript")
        problem = refusal(name, rule.transcript)
        if problem:
            msg = f"{origin}, line {_line_of(node, place)}: {'.'.join(place)}: {problem}"
            raise PolicyError(msg)
    return policy


def _line_of(node: yaml.Node | None, location: tuple[int | str, ...]) -> int:
    """1-based line of the deepest node on the way to ``location`` that exists."""
    line = 1
    for part in location:
        if not isinstance(node, yaml.MappingNode):
            break
        pair = next(((key, value) for key, value in node.value if key.value == str(part)), None)
        if pair is None:
            break
        line = pair[0].start_mark.line + 1
        node = pair[1]
    return line
