"""Keys that are still heard in redacted audio.

Muting hears keys in frames of 30 ms by the rules of ITU-T Q.24 (``KeyTones``). Here ``KeySounds``
listens, by itself, to all of the call: by other frames and rules, so that what the one does not
hear the other may. Where muting silenced keys, less is enough: one of their run may be left.

Outcomes of ``LeftKeys``: ``take`` and ``finish`` return a span for each key that is certain. None
that is returned later begins before ``settled``. Nothing is raised.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from pipeline.audio.keypad.runs import KeyRuns
from pipeline.audio.keypad.sounds import ALONE, SEVERAL, KeySound, KeySounds
from pipeline.muting.keys import is_key, key_span
from pipeline.records.model import CallInfo, Interval, Mute, Pcm, Reason, Span

_BESIDE_KEYS: Final = -2.0
"""A sound so like a key is one near keys that muting silenced."""
_APART_S: Final = 0.1
"""One sound that breaks off is not several keys."""


class LeftKeys:
    """Listens on every channel of a redacted call.

    Args:
        call: its channels and rate.
        start: call sample of the first one that is taken.
    """

    def __init__(self, call: CallInfo, start: int = 0) -> None:
        self._call = call
        self._near = KeyRuns(call.sample_rate).near
        self._position = start
        self._channels = [_Channel(call.sample_rate, start) for _ in range(call.channels)]
        self._muted: list[Interval] = []
        """Where muting silenced keys, on any channel, as far as it may be near."""

    @property
    def settled(self) -> int:
        """Every span that begins before this call sample was returned."""
        return min(channel.settled for channel in self._channels)

    def take(self, pcm: Pcm, mutes: Sequence[Mute]) -> list[Span]:
        """Take the next samples, shape ``(n, channels)``, and the mutes that touch them."""
        self._position += len(pcm)
        self._muted += [
            mute.interval
            for mute in mutes
            if any(is_key(span) and span.reason is not Reason.VERIFICATION for span in mute.spans)
            and mute.interval not in self._muted
        ]
        found = [
            key_span(number, place)
            for number, channel in enumerate(self._channels)
            for place in channel.take(pcm[:, number], self._muted, self._position - self._near)
        ]
        oldest = min(channel.heard for channel in self._channels) - 2 * self._near
        self._muted = [one for one in self._muted if one.end > oldest]
        return found

    def finish(self) -> list[Span]:
        """The rest, after the call's last sample; nothing when it is asked again."""
        return [
            replace(span, end=min(span.end, self._position))
            for number, channel in enumerate(self._channels)
            for place in channel.finish(self._muted)
            if (span := key_span(number, place)).start < self._position
        ]


class _Channel:
    """One channel of it."""

    def __init__(self, sample_rate: int, start: int) -> None:
        self._sounds = KeySounds(sample_rate, start)
        self._runs = KeyRuns(sample_rate)
        self._apart = round(_APART_S * sample_rate)
        self._waiting: list[KeySound] = []
        """Heard, and mutes may still come near it."""
        self._before: list[KeySound] = []
        """Those that may count with what comes."""

    @property
    def heard(self) -> int:
        """Every sound that begins before this call sample was heard."""
        return self._sounds.settled

    @property
    def settled(self) -> int:
        return self._runs.settled

    def take(
        self, pcm: npt.NDArray[np.int16], muted: Sequence[Interval], until: int
    ) -> list[Interval]:
        """Take samples, shape ``(n,)``; all mutes near what ends before ``until`` are known."""
        self._waiting += self._sounds.take(pcm)
        ready = [one for one in self._waiting if one.place.end <= until]
        self._waiting = self._waiting[len(ready) :]
        first = min((one.place.start for one in self._waiting), default=until)
        return self._judge(ready, muted, min(until, first, self._sounds.settled))

    def finish(self, muted: Sequence[Interval]) -> list[Interval]:
        ready, self._waiting = [*self._waiting, *self._sounds.finish()], []
        return [*self._judge(ready, muted, self._sounds.settled), *self._runs.finish()]

    def _judge(
        self, sounds: Sequence[KeySound], muted: Sequence[Interval], known: int
    ) -> list[Interval]:
        sure: list[Interval] = []
        doubtful: list[Interval] = []
        for one in sounds:
            near = self._runs.near
            beside = any(
                one.place.start - near < each.end and each.start < one.place.end + near
                for each in muted
            )
            counts = one.likeness >= (_BESIDE_KEYS if beside else ALONE)
            (sure if counts or self._one_of_several(one) else doubtful).append(one.place)
        return self._runs.take(sure, sure, doubtful, known)

    def _one_of_several(self, one: KeySound) -> bool:
        """Whether enough like it were heard shortly before."""
        since = one.place.start - self._runs.near
        self._before = [each for each in (*self._before, one) if each.place.start >= since]
        for many, likeness in SEVERAL:
            count, last = 0, since - self._apart
            for each in self._before:
                if each.likeness >= likeness and each.place.start - last >= self._apart:
                    count, last = count + 1, each.place.start
            if one.likeness >= likeness and count >= many:
                return True
        return False
