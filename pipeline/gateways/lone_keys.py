"""A key says something of consent only where a caller presses nothing else around it.

The key that agrees or withdraws may also be a digit of a card number. So an event of it is held
until the call has gone on for ``QUIET_S`` without another key, or is over; pressed among others it
is a key like any. Pressing it again is no other key.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from pipeline.errors import SettingsError
from pipeline.gateways.events import KeyPressed

QUIET_S: Final = 3
"""Keys that are less than this apart belong together."""
KEYS: Final = frozenset("0123456789*#ABCD")


@dataclass(frozen=True, slots=True)
class ConsentKeys:
    """The configured keys by which a caller agrees to be recorded, and withdraws; empty: none.

    Raises:
        SettingsError: they are no keys, or both are the same.
    """

    agrees: str = ""
    withdraws: str = ""

    def __post_init__(self) -> None:
        """Refuse what is no key."""
        for name, key in (("agrees", self.agrees), ("withdraws", self.withdraws)):
            if key and key not in KEYS:
                raise SettingsError(
                    f"the key that {name} is one of 0 to 9, *, # and A to D, or none"
                )
        if self.agrees and self.agrees == self.withdraws:
            raise SettingsError("one key can't both agree and withdraw consent; name two")

    def pressed(self, key: str, channel: int, at: int) -> KeyPressed:
        """The event of a key, which is compared here and goes no further."""
        return KeyPressed(
            channel,
            at,
            withdraws=key != "" and key == self.withdraws,
            agrees=key != "" and key == self.agrees,
        )


NO_KEYS: Final = ConsentKeys()
"""No key says anything."""


class LoneKeys:
    """The keys of one call.

    Args:
        rate: samples a second of the places in events.
    """

    __slots__ = ("_held", "_last", "_mixed", "_quiet")

    def __init__(self, rate: int) -> None:
        self._quiet = rate * QUIET_S
        self._held: KeyPressed | None = None
        self._last: int | None = None
        self._mixed = False

    @property
    def waiting(self) -> bool:
        """Whether a key is held until it is known to stand alone."""
        return self._held is not None

    def pressed(self, event: KeyPressed) -> list[KeyPressed]:
        """Take a key.

        Returns:
            Events of this key and of earlier ones, as far as they are decided: one for each key
            in the end.
        """
        events = self.passed(event.at)
        if self._last is None or event.at - self._last > self._quiet:
            self._mixed = False
        self._last = event.at
        plain = KeyPressed(event.channel, event.at)
        held = self._held
        if held is not None:
            if event == replace(held, at=event.at):
                return [*events, plain]
            events.append(KeyPressed(held.channel, held.at))
            self._held, self._mixed = None, True
        if event == plain or self._mixed:
            self._mixed = True
            return [*events, plain]
        self._held = event
        return events

    def passed(self, at: int) -> list[KeyPressed]:
        """The key that now is known to stand alone: the call has gone on to this sample."""
        if self._held is None or at - (self._last or 0) <= self._quiet:
            return []
        return self.ended()

    def ended(self) -> list[KeyPressed]:
        """The key that waits, if one does: the call is over."""
        held, self._held = self._held, None
        return [] if held is None else [held]
