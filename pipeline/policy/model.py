"""What is muted, kept or only counted, and how: data that a security engineer can read and change.

A policy is a YAML file (see ``policies/``). It is validated when it is loaded; an error names the
file, the line and what is allowed there, of all mistakes at once. A name that nobody knows is one
of them: a rule for a misspelt type would silently leave the type to ``default``. Policies combine:
``pci+hipaa`` is the union of both, and a file may begin from others (``extends: [pci, hipaa]``);
see ``pipeline.policy.union``.
"""

from __future__ import annotations

import hashlib
from datetime import date
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
)

from pipeline.errors import PolicyError
from pipeline.policy.disclosure import Show
from pipeline.policy.known_names import DEFAULT_PURPOSE
from pipeline.records.consent import PLACE, Basis
from pipeline.records.entities import NEVER_ALLOWED, Entity
from pipeline.records.model import Action
from pipeline.records.pseudonyms import PURPOSE
from pipeline.records.scores import Recognizer

READER_THRESHOLD: Final = 0.28
"""The reader's where a policy gives it none and the type has no lower one."""

OFF: Final = 2.0
"""A threshold that no score reaches."""

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
    after_silence_ms: Milliseconds = 0
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


class UnderstandingRule(_Model):
    """What sounds and is not understood, however far from anything sensitive."""

    believed_from: Probability = 0.5
    """Word probability from which on a word is believed; below, where both models heard it."""
    within_ms: Annotated[int, Field(ge=5_000, le=30_000)] = 20_000
    """The while in which sound without a word adds up; release waits for it at most this long."""
    sound_ms: Annotated[int, Field(ge=500, le=30_000)] = 3_000
    """So much of it within that while is silenced, where hardly a word was understood since."""
    share: Probability = 0.8
    """Hardly a word: what was not understood is at least this share of all that sounded."""
    channel_share: Probability = 0.5
    """The call is quarantined if of the speech of a channel less than this is believed words;"""
    call_share: Probability = 0.65
    """or less than this of the speech of all channels."""
    least_ms: Annotated[int, Field(ge=1_000, le=600_000)] = 10_000
    """So much speech it takes to judge a channel or call, and so much of speech and sound to
    silence a channel with hardly a word."""


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


class ReaderRule(_Model):
    """How far the reader is believed; its thresholds stand under ``recognizers``."""

    explained_below: Probability = 0.0
    """A number that nothing but its length or a question speaks for is heard where no word of it
    has this probability of being sensitive;"""
    payment_below: Probability = 0.0
    """payment and identity numbers, and those that nothing names, only where none has this one.
    Never a number of twelve digits or one whose checksum holds. 0 believes the reader nothing."""
    outvoted_below: Annotated[float, Field(ge=0.0, le=0.1)] = 0.0
    """Words that the reader found in what one model heard, and is not sure of, are heard where it
    holds all that the other one heard there for sensitive with less than this; no payment and
    identity numbers, no secrets. 0 believes the other one nothing."""


PurposeName = Annotated[str, Field(pattern=f"^{PURPOSE.pattern}$")]
PlaceName = Annotated[str, Field(pattern=f"^{PLACE.pattern}$")]


class ConsentRule(_Model):
    """Whether a call is kept only as the rules of its places allow, and what we state ourselves."""

    enforced: bool = False
    our_places: tuple[PlaceName, ...] = ()
    """Where those who answer are: their rules hold for every call."""
    their_places: tuple[PlaceName, ...] = ()
    """Where callers are whose call doesn't say; without one the strictest rule holds."""
    agents_agreed: bool = False
    """The company states that those who answer its calls agreed to being recorded."""
    lawful_basis: dict[PurposeName, Basis] = {}
    """By purpose, where data protection law asks for one."""
    withdrawal: Literal["refuse", "silence"] = "refuse"
    """Who says in mid-call that they don't want it: nothing of the call is kept, or nothing from
    there on."""
    pause_seconds: Annotated[int, Field(ge=1, le=3_600)] = 180
    """How long a recording that the agent said to have paused is silent at most."""


class LanguageRule(_Model):
    """What happens to speech in a language that detection has no data for."""

    unknown: Literal["silence", "quarantine"] = "silence"
    """All of its speech is silenced and the call is marked; ``quarantine`` also keeps the call out
    of the vault."""


class RecognizerRule(_Model):
    """Thresholds of one recogniser, in the place of those of the entity types."""

    enabled: bool = True
    """Whether what it finds counts at all; what it finds of payment data and secrets does
    always."""
    threshold: Probability | None = None
    """For every type that it finds."""
    entities: dict[str, Probability] = {}
    """For one type."""

    @model_serializer(mode="wrap")
    def _plain(self, rest: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without ``enabled`` where it is true: digests of older policies stay what they were."""
        form: dict[str, Any] = rest(self)
        if form.get("enabled"):
            del form["enabled"]
        return form


Days = Annotated[int, Field(ge=1, le=36_500)]


class Policy(_Model):
    """A complete policy."""

    name: str
    version: str
    review_by: date | None = None
    """Until when somebody has to look at it again; reports name a policy whose day is over."""
    default: EntityRule = EntityRule(threshold=0.5)
    entities: dict[str, EntityRule] = {}
    muting: MutingRule = MutingRule()
    echo: EchoRule = EchoRule()
    hold: HoldRule = HoldRule()
    unexplained: UnexplainedRule = UnexplainedRule()
    understanding: UnderstandingRule = UnderstandingRule()
    verification: VerificationRule = VerificationRule()
    retention: Annotated[dict[PurposeName, Days], Field(min_length=1)] = {DEFAULT_PURPOSE: 365}
    """How many days a stored call is kept, by purpose."""
    language: LanguageRule = LanguageRule()
    reader: ReaderRule = ReaderRule()
    consent: ConsentRule = ConsentRule()
    clear_transit: bool = False
    """Whether calls are taken whose producer cannot encrypt: until the broker's retention ends,
    whoever reads its disk can hear them."""
    recognizers: dict[str, RecognizerRule] = {}
    """By the recogniser's name in the catalogue; those of numbers are called ``spoken-…``."""
    allow: dict[str, tuple[str, ...]] = {}
    """Values that stay audible although they are of a type that is muted, such as the company's
    own telephone number; only where the whole value matches, and never payment data."""
    _content: str = PrivateAttr("")

    def rule(self, entity: str) -> EntityRule:
        """The rule for an entity type, or the default one; keys are muted whatever that says."""
        found = self.entities.get(entity, self.default)
        if entity == Entity.DTMF and found.action is not Action.MUTE:
            return found.model_copy(update={"action": Action.MUTE})
        return found

    def threshold(self, entity: str, recognizer: str) -> float:
        """The score from which a recogniser's span of a type counts.

        Args:
            entity: the type.
            recognizer: its name, without a pattern.

        Returns:
            0 to 1; ``OFF`` for a recogniser that is switched off.
        """
        rule = self.recognizers.get(recognizer)
        if rule is not None:
            if not rule.enabled and entity not in NEVER_ALLOWED:
                return OFF
            if entity in rule.entities:
                return rule.entities[entity]
            if rule.threshold is not None:
                return rule.threshold
        own = self.rule(entity).threshold
        return min(own, READER_THRESHOLD) if recognizer == Recognizer.READER else own

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
