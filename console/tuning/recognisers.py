"""The list of recognisers: what each finds, and whether the policy lets it count."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from agents.app.operations.background import Background
from agents.reports.entity_groups import label_of
from pipeline.policy.model import Policy
from pipeline.records.entities import NEVER_ALLOWED, Entity
from pipeline.records.scores import NEVER_OFF, NUMBER_RECOGNIZERS, Recognizer, spoken

_BUT: Final = (Entity.NUMBER_SEQUENCE, Entity.AGE_OVER_89, Entity.DTMF)
_READS: Final = (
    "words of every type but "
    f"{', '.join(label_of(one).lower() for one in _BUT[:-1])} and {label_of(_BUT[-1]).lower()}"
)
_FINDS: Final[Mapping[str, tuple[tuple[str, ...], str]]] = {
    **{
        spoken(entity): ((entity.value,), "said in words, digits or letters")
        for entity in Entity
        if entity is not Entity.DTMF
    },
    Recognizer.AFTER_CARD: (
        (Entity.CARD_SECURITY_CODE.value, Entity.CARD_EXPIRY.value),
        "short numbers and dates soon after card data",
    ),
    Recognizer.AFTER_UNHEARD: (
        (Entity.NUMBER_SEQUENCE.value,),
        "numbers that may answer a question which nobody heard",
    ),
    Recognizer.ANSWER: (
        (Entity.NUMBER_SEQUENCE.value,),
        "digits said one by one, without a reason",
    ),
    Recognizer.KNOWN_FRAGMENT: (
        (Entity.CARD_NUMBER.value,),
        "a part of a number that was said before",
    ),
    Recognizer.LONG_NUMBER: ((Entity.NUMBER_SEQUENCE.value,), "long numbers that nothing explains"),
    Recognizer.OWN_CODE: ((Entity.NUMBER_SEQUENCE.value,), "codes that a customer spells"),
    Recognizer.SPELLED_CODE: (
        (Entity.NUMBER_SEQUENCE.value,),
        "codes spelled with words for letters, such as B for Bravo",
    ),
    Recognizer.SPELLED_LETTERS: (
        (Entity.PERSON.value,),
        "names spelled letter by letter, or what was asked for",
    ),
    Recognizer.WHOLE_DATE: ((Entity.DATE_OF_BIRTH.value,), "dates with day, month and year"),
}
"""Types of what recognises spoken numbers, and by what."""


@dataclass(frozen=True, slots=True)
class Recogniser:
    """A recogniser as the page shows it."""

    name: str
    entities: tuple[str, ...]
    """Types that it finds; empty: nearly all, which ``note`` tells."""
    note: str
    """What else there is to say of what it finds."""
    languages: tuple[str, ...]
    source: str
    on: bool
    fixed: bool
    """Whether a policy can't switch it off."""


@dataclass(frozen=True, slots=True)
class Listed:
    """What the registry says of a recogniser, in all of its languages."""

    name: str
    entities: tuple[str, ...]
    languages: tuple[str, ...]
    shipped: bool


def recognisers(policy: Policy, listed: Sequence[Listed]) -> list[Recogniser]:
    """All that searches a call, by name: of numbers, the reader, and the registry's."""

    def on(name: str) -> bool:
        rule = policy.recognizers.get(name)
        return rule is None or rule.enabled

    numbers = [
        Recogniser(name, *_FINDS[name], (), "Spoken numbers", on(name), name in NEVER_OFF)
        for name in sorted(NUMBER_RECOGNIZERS)
    ]
    reader = Recogniser(
        Recognizer.READER.value,
        (),
        _READS,
        ("en", "es"),
        "Reader",
        on(Recognizer.READER),
        fixed=False,
    )
    others = [
        Recogniser(
            one.name,
            one.entities,
            "",
            one.languages,
            "Hushwire" if one.shipped else "Your file",
            on(one.name),
            fixed=set(one.entities) <= NEVER_ALLOWED,
        )
        for one in listed
    ]
    return [reader, *others, *numbers]


@dataclass(slots=True)
class RegistryWatch:
    """The registry's recognisers, made in the background when they are first asked for.

    Args:
        load: makes them, such as ``models.registry.registry.load_registry``; it takes seconds.
    """

    load: Callable[[], Sequence[Any]]
    _found: tuple[Listed, ...] | None = None
    _problem: str = ""
    _work: Background = field(default_factory=lambda: Background("recognisers"))

    def ask(self, within_s: float) -> None:
        """Have them made, and wait for so long at most; what failed before is tried again."""
        if self._found is None:
            self._problem = ""
            self._work.start(self._make, self._failed)
            self._work.wait(within_s)

    @property
    def listed(self) -> tuple[Listed, ...] | None:
        """All of them; None: they are not there (yet)."""
        return self._found

    @property
    def problem(self) -> str:
        """Why they could not be made; empty where they could, or are being made."""
        return self._problem

    def _failed(self, told: str) -> None:
        self._problem = told

    def _make(self) -> None:
        by_name: dict[str, list[Any]] = defaultdict(list)
        for one in self.load():
            by_name[one.name].append(one)
        self._found = tuple(
            Listed(
                name,
                tuple(sorted({entity for one in ones for entity in one.entities})),
                tuple(sorted({one.language for one in ones})),
                ones[0].shipped,
            )
            for name, ones in sorted(by_name.items())
        )
