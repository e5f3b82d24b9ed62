"""What is muted, kept or only counted, and how: data that a security engineer can read and change.

A policy is a YAML file (see ``policies/``). It is validated when it is loaded; an error names the
file, the line and what is allowed there. Policies combine: ``pci+hipaa`` is the union of both, and
a file may begin from others (``extends: [pci, hipaa]``); see ``pipeline.policymerge``.
"""

from __future__ import annotations

import hashlib
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError

from pipeline.disclosure import Show, refusal
from pipeline.entities import NEVER_ALLOWED, SPOKEN_NUMBERS, Entity
from pipeline.errors import PolicyError
from pipeline.parties import PURPOSE
from pipeline.policymerge import union
from pipeline.records import Action
from pipeline.yamlfile import Document, read_document

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
    pad_after_ms: Milliseconds = 150
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


class LanguageRule(_Model):
    """What happens to speech in a language that detection has no data for."""

    unknown: Literal["silence", "quarantine"] = "silence"
    """All of its speech is silenced and the call is marked; ``quarantine`` also keeps the call out
    of the vault."""


class RecognizerRule(_Model):
    """Thresholds of one recogniser, in the place of those of the entity types."""

    threshold: Probability | None = None
    """For every type that it finds."""
    entities: dict[str, Probability] = {}
    """For one type."""


Days = Annotated[int, Field(ge=1, le=36_500)]
PurposeName = Annotated[str, Field(pattern=f"^{PURPOSE.pattern}$")]
DEFAULT_PURPOSE = "default"
"""Retention of calls whose recorder names no purpose."""


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
    retention: Annotated[dict[PurposeName, Days], Field(min_length=1)] = {DEFAULT_PURPOSE: 365}
    """How many days a stored call is kept, by purpose."""
    language: LanguageRule = LanguageRule()
    recognizers: dict[str, RecognizerRule] = {}
    """By the recogniser's name in the catalogue; those of numbers are called ``spoken-…``."""
    allow: dict[str, tuple[str, ...]] = {}
    """Values that stay audible although they are of a type that is muted, such as the company's
    own telephone number; only where the whole value matches, and never payment data."""
    _content: str = PrivateAttr("")

    def rule(self, entity: str) -> EntityRule:
        """The rule for an entity type, or the default one."""
        return self.entities.get(entity, self.default)

    def threshold(self, entity: str, recognizer: str) -> float:
        """The score from which a recogniser's span of a type counts.

        Args:
            entity: the type.
            recognizer: as a span names it: the recogniser, and its pattern after a colon.
        """
        rule = self.recognizers.get(recognizer.partition(":")[0])
        if rule is not None:
            if entity in rule.entities:
                return rule.entities[entity]
            if rule.threshold is not None:
                return rule.threshold
        return self.rule(entity).threshold

    def keep_days(self, purpose: str) -> int:
        """How many days a call of a purpose is kept.

        A purpose that the policy does not list is kept no longer than the shortest that it does.
        """
        return self.retention.get(purpose or DEFAULT_PURPOSE, min(self.retention.values()))

    @property
    def needs_token_key(self) -> bool:
        """Whether any type is shown as a keyed hash."""
        return any(
            rule.transcript is Show.TOKEN for rule in (self.default, *self.entities.values())
        )

    @property
    def content(self) -> str:
        """The policy's canonical JSON; of a restored one as the version wrote it that pinned it."""
        return self._content or self.model_dump_json()

    @property
    def digest(self) -> str:
        """sha256 of ``content``: what a certificate names beside the version."""
        return hashlib.sha256(self.content.encode()).hexdigest()

    @classmethod
    def restored(cls, content: str) -> Self:
        """The policy of a ``content``, with the same digest even if this version would write more.

        Raises:
            PolicyError: a newer version wrote it, with lines that this one does not know.
        """
        try:
            policy = cls.model_validate_json(content)
        except ValidationError as error:
            place = ".".join(
                map(str, error.errors(include_url=False, include_input=False)[0]["loc"])
            )
            raise PolicyError(
                f"a call's policy cannot be read here ({place}): a newer version of Hushwire "
                "pinned it; upgrade this worker"
            ) from error
        policy._content = content  # noqa: SLF001 - its own class
        return policy

    def model_copy(self, **options: Any) -> Self:  # noqa: ANN401 - pydantic's own
        """A copy, which has a content and a digest of its own where something is changed."""
        made = super().model_copy(**options)
        made._content = "" if options.get("update") else self._content  # noqa: SLF001 - its own class
        return made


_DEEPEST: Final = 8
"""Policies that extend one another; more is a circle."""
_ALLOWED_DIGITS: Final = 4
"""A shorter number would match by chance."""


def load_policy(source: str | Path) -> Policy:
    """Read a policy by path, or by the name of a shipped one such as ``default``.

    Several, joined by a plus sign (``pci+hipaa``), are one policy that mutes what any of them
    mutes.

    Raises:
        PolicyError: a file is missing, is no YAML, or breaks the schema.
    """
    text = str(source)
    names = [text] if "+" not in text or Path(text).is_file() else text.split("+")
    return union([_load(name, Path(), depth=0) for name in names])


def _load(source: str, folder: Path, *, depth: int) -> Policy:
    """One policy; relative paths begin at ``folder``."""
    path, shipped = folder / source, Path(str(resources.files("policies")))
    if path.suffix not in {".yaml", ".yml"}:
        path = shipped / f"{source}.yaml"
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        names = ", ".join(sorted(file.stem for file in shipped.glob("*.yaml")))
        problem = getattr(error, "strerror", None) or "not UTF-8"
        msg = f"policy {source}: cannot be read ({problem}); name a YAML file or {names}"
        raise PolicyError(msg) from error
    return parse_policy(text, origin=source, folder=path.parent, depth=depth)


def parse_policy(
    text: str, *, origin: str = "policy", folder: Path | None = None, depth: int = 0
) -> Policy:
    """Validate the text of a policy.

    Args:
        text: YAML.
        origin: what it is called in messages.
        folder: where the policies lie that it extends by a relative path.
        depth: how many policies extend this one.

    Raises:
        PolicyError: with ``origin``, the line and what is wrong there.
    """
    document = read_document(
        text, origin=origin, what="a policy is a mapping with at least 'name' and 'version'"
    )
    data = dict(document.data)
    if "extends" in data:
        bases = data.pop("extends")
        data = _over(_base(document, bases, folder or Path(), depth), data)
    try:
        policy = Policy.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise document.refused(first["loc"], first["msg"]) from error
    for name, rule in (("", policy.default), *policy.entities.items()):
        place = ("entities", name, "transcript") if name else ("default", "transcript")
        problem = refusal(name, rule.transcript)
        if problem:
            raise document.refused(place, problem)
    for entity, entries in policy.allow.items():
        for index, entry in enumerate(entries):
            if problem := _not_allowed(entity, entry):
                raise document.refused(("allow", entity, index), problem)
    return policy


def _base(document: Document, bases: object, folder: Path, depth: int) -> Policy:
    """The union of the policies that a file begins from."""
    names = [bases] if isinstance(bases, str) else bases
    if not isinstance(names, list) or not names or not all(isinstance(n, str) for n in names):
        raise document.refused(("extends",), "the name of a policy, or a list of names")
    if depth >= _DEEPEST:
        raise document.refused(("extends",), "policies extend one another in a circle")
    return union([_load(name, folder, depth=depth + 1) for name in names])


def _over(base: Policy, own: dict[str, Any]) -> dict[str, Any]:
    """A file's own lines over what it extends, field by field."""
    data = base.model_dump(exclude_unset=True)
    for key, value in own.items():
        if key == "entities" and isinstance(value, dict):
            known = data.setdefault(key, {})
            for entity, rule in value.items():
                plain = base.rule(str(entity)).model_dump()
                known[entity] = {**plain, **rule} if isinstance(rule, dict) else rule
        elif isinstance(value, dict) and isinstance(getattr(base, key, None), BaseModel):
            data[key] = {**getattr(base, key).model_dump(), **value}
        elif isinstance(value, dict) and isinstance(data.get(key), dict):
            data[key] = {**data[key], **value}
        else:
            data[key] = value
    return data


def _not_allowed(entity: str, entry: str) -> str:
    """Why a value may not stay audible; empty where it may."""
    if entity in NEVER_ALLOWED:
        return f"{entity} is never left audible: it is payment data, a secret, or may be either"
    if entity not in set(Entity):
        return "no type that Hushwire finds"
    if entity in SPOKEN_NUMBERS:
        if sum(map(str.isdecimal, entry)) < _ALLOWED_DIGITS:
            return f"write the number in figures, {_ALLOWED_DIGITS} digits at least"
    elif sum(map(str.isalpha, entry)) < _ALLOWED_DIGITS:
        return f"a value of {_ALLOWED_DIGITS} letters at least"
    return ""
