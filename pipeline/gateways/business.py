"""How a call came about, as its recorder states it: with numbers, which become pseudonyms.

Outcomes: a ``StatedBusiness`` that holds its limits, or ``RecordError`` that names the field and
quotes nothing; ``known`` gives what may travel on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Self

from pipeline.errors import InputError, RecordError
from pipeline.records.call_names import FEWEST
from pipeline.records.consent import Business
from pipeline.records.pseudonyms import plain_number

MOST_NUMBER: Final = 256
"""Characters of one number."""
FIELDS: Final = ("direction", "campaign", "tracking_number", "agent", "outcome", "caller")
"""In sidecars and ``hw_info``."""
WITHHELD: Final = frozenset(
    {
        *("anonymous", "restricted", "unknown", "unavailable", "private", "withheld", "blocked"),
        # The same words on a telephone's keys, as Twilio sends them.
        *("+266696687", "+7378742833", "+8656696", "+86282452253", "+2562533"),
    }
)
"""What stands for a number that nobody is to know: no caller comes twice by it."""


@dataclass(frozen=True, slots=True)
class StatedBusiness:
    """What a recorder states; empty: nothing.

    Raises:
        RecordError: a field is none of its kind, or may hold a number where none belongs.
    """

    direction: str = ""
    """``inbound`` or ``outbound``."""
    campaign: str = ""
    tracking_number: str = field(default="", repr=False)
    """The company's own number that was called, or that called."""
    agent: str = ""
    outcome: str = ""
    """``answered``, ``missed`` or ``voicemail``."""
    caller: str = field(default="", repr=False)
    """Number of the other side, where it is not the only one that is left of the parties'."""

    def __post_init__(self) -> None:
        """Hold the limits."""
        try:
            self._business()
        except ValueError as error:
            raise RecordError(str(error)) from None
        for name in ("tracking_number", "caller"):
            number = getattr(self, name)
            if len(number) > MOST_NUMBER or not number.isprintable():
                raise RecordError(f"{name}: {MOST_NUMBER} characters at most")

    @classmethod
    def of(cls, stated: object) -> Self:
        """Of an object with these fields, such as a sidecar's model."""
        return cls(**{name: getattr(stated, name) or "" for name in FIELDS})

    def between(self, calling: str, called: str) -> Self:
        """With the numbers of both sides, where the direction says which one is the company's."""
        ours, theirs = {
            "inbound": (called, calling),
            "outbound": (calling, called),
        }.get(self.direction, ("", ""))
        return replace(
            self,
            tracking_number=self.tracking_number or ours,
            caller=self.caller or theirs,
        )

    @property
    def told(self) -> Mapping[str, str]:
        """The fields that say something."""
        return {name: value for name in FIELDS if (value := getattr(self, name))}

    def known(
        self,
        named: Callable[[str], str],
        lines: Mapping[str, str],
        *,
        numbers: Iterable[str] = (),
        campaign: str = "",
    ) -> Business:
        """What may travel on: names, and pseudonyms instead of numbers.

        Args:
            named: makes the pseudonym of a number, or raises ``InputError`` where it is none.
            lines: names of the company's own numbers, by number as ``plain_number`` writes it; none
                of them is ever a caller.
            numbers: of all parties.
            campaign: what is stated with consent, where nothing is stated here.
        """
        parties = {plain for number in numbers if (plain := _plain(number))}
        ours = parties & lines.keys()
        line = _plain(self.tracking_number) or (ours.pop() if len(ours) == 1 else "")
        others = {one for one in parties - lines.keys() if not _same(one, line)}
        caller = _plain(self.caller) or (others.pop() if len(others) == 1 else "")
        withheld = caller.partition("@")[0] in {"", *WITHHELD} or caller in lines
        return self._business(
            line=lines.get(line) or (named(line) if line else ""),
            caller="" if withheld else named(caller),
            campaign=self.campaign or campaign,
        )

    def _business(self, *, line: str = "", caller: str = "", campaign: str = "") -> Business:
        return Business(
            self.direction, campaign or self.campaign, line, self.agent, self.outcome, caller
        )


def _same(number: str, line: str) -> bool:
    """Whether a number is, or may be, the line in another form, such as with its country."""
    bare = line.lstrip("+0")
    return number == line or (len(bare) >= FEWEST and number.endswith(bare))


def _plain(number: str) -> str:
    """A number in its plain form; empty where it is none."""
    try:
        return plain_number(number) if number.strip() else ""
    except InputError:
        return ""
