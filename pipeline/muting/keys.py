"""The keys that are pressed in a call: where they are heard, and what is cut for each.

Every channel is listened to by itself. Two ears hear: ``KeyTones`` all of it, and ``KeySounds``,
which hears keys under voices and behind codecs, what lies near a key that the first one heard. A
key that is alone is one only where both hear something like it: speech gives one of the ears such a
sound once in some hours, and hardly both. All
from one key to the next is silenced (``pipeline.audio.keypad.runs``); and where a key is heard on
one channel, its tone is looked for on the others, however soft it comes back there. Which key it
was nobody learns.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from pipeline.audio.keypad.runs import KeyRuns
from pipeline.audio.keypad.sounds import KeySound, KeySounds
from pipeline.audio.keypad.tones import KEY_EDGE_MS, KeyTones, traces
from pipeline.muting.merging import Cut
from pipeline.policy.model import EntityRule
from pipeline.records.entities import Entity
from pipeline.records.model import CallInfo, Interval, Pcm, Reason, Span
from pipeline.records.scores import Recognizer

_SCORE: Final = 1.0
_PROOF: Final = -0.6
"""A key that one ear heard is firm where the other hears a sound so like one in the same place;"""
_ALONE: Final = -1.0
"""A tone without another one near it is a key where the other ear hears a sound so like one."""
_SAME_S: Final = 0.1
"""it begins no later than this after it."""


class Keys:
    """Listens for keys on every channel of a call, from its first sample on.

    Args:
        call: its channels and rate.
        start: call sample of the first one that is taken.
    """

    def __init__(self, call: CallInfo, start: int = 0) -> None:
        self.edge = KEY_EDGE_MS * call.sample_rate // 1_000
        """Samples that are cut beside a tone at least."""
        self._channels = [_Channel(call.sample_rate, start) for _ in range(call.channels)]

    @property
    def settled(self) -> int:
        """Every span that begins before this call sample was returned."""
        return min(channel.settled for channel in self._channels)

    def take(self, pcm: Pcm) -> list[Span]:
        """Take the next samples; return what is now certain: a span for each key."""
        return [
            key_span(number, place)
            for number, channel in enumerate(self._channels)
            for place in channel.take(pcm[:, number])
        ]

    def finish(self) -> list[Span]:
        """The rest, after the call's last sample; nothing when it is asked again."""
        return [
            key_span(number, place)
            for number, channel in enumerate(self._channels)
            for place in channel.finish()
        ]


class _Channel:
    """Both ears on one channel."""

    def __init__(self, sample_rate: int, start: int) -> None:
        self._rate = sample_rate
        self._same = round(_SAME_S * sample_rate)
        self._tones = KeyTones(sample_rate, start)
        self._runs = KeyRuns(sample_rate)
        self._waiting: list[Interval] = []
        """Tones that are told while others, which begin before them, may still come."""
        self._unsure: list[Interval] = []
        """Tones that may still turn out to be alone, and what comes after such ones;"""
        self._near_these: list[Interval] = []
        """tones that may be near them,"""
        self._like: list[Interval] = []
        """and where the second ear heard something."""
        self._unproved: list[Interval] = []
        """Tones that the second ear may still prove,"""
        self._proofs: list[Interval] = []
        """and where it heard what proves one."""
        self._before: Interval | None = None
        """The last tone: one that is near it is firm."""
        self._pcm = np.zeros(0, np.int16)
        self._first = start
        """Call sample of ``_pcm[0]``."""
        self._sounds: KeySounds | None = None
        """Listens near the keys that were heard last,"""
        self._taken = start
        """has taken all before this sample,"""
        self._until = start
        """and takes all before this one."""

    @property
    def settled(self) -> int:
        return self._runs.settled

    def take(self, pcm: npt.NDArray[np.int16]) -> list[Interval]:
        self._pcm = np.concatenate([self._pcm, pcm])
        found = self._step(self._tones.take(pcm), self._tones.settled)
        # No key that is still to come has anything before this near it.
        keep = self._tones.settled - self._reach
        if self._sounds is not None:
            keep = min(keep, self._taken)
        gone = max(0, keep - self._first)
        self._pcm, self._first = self._pcm[gone:].copy(), self._first + gone
        return found

    def finish(self) -> list[Interval]:
        end = self._first + len(self._pcm)
        found = self._step(self._tones.finish(), end + 2 * self._reach)
        found += self._runs.finish()
        return [Interval(one.start, min(one.end, end)) for one in found if one.start < end]

    @property
    def _reach(self) -> int:
        """So far from a key begins what may be near it, in samples."""
        return self._runs.near + self._rate

    def _step(self, tones: list[Interval], settled: int) -> list[Interval]:
        """Listen near the tones that are certain; what follows from that."""
        self._waiting = sorted([*self._waiting, *tones])
        ready = [one for one in self._waiting if one.start < settled]
        self._waiting = self._waiting[len(ready) :]
        sounds: list[KeySound] = []
        for tone in ready:
            sounds += self._listen_near(tone)
        sounds += self._listen()
        if self._sounds is not None and self._until + self._reach < settled:
            sounds += self._stop()
        known = settled
        if self._sounds is not None:
            known = min(known, self._sounds.settled - self._same)
        sure = self._not_alone(ready, sounds, known)
        known = min([known, *(one.start for one in self._unsure)])
        firm = self._firm(sure, sounds, known)
        return self._runs.take(sure, firm, [one.place for one in sounds], known)

    def _not_alone(
        self, tones: list[Interval], sounds: list[KeySound], known: int
    ) -> list[Interval]:
        """The tones of which it is certain that they are keys, in order; others wait, or go."""
        near, same = self._runs.near, self._same
        self._unsure += tones
        self._near_these += tones
        self._like += [one.place for one in sounds if one.likeness >= _ALONE]
        sure: list[Interval] = []
        while self._unsure:
            tone = self._unsure[0]
            counts = any(one.overlaps(tone) for one in self._like) or any(
                one is not tone and one.start - near < tone.end and tone.start - near < one.end
                for one in self._near_these
            )
            if not counts and tone.end + near + same >= known:
                break
            sure += [tone] if counts else []
            self._unsure = self._unsure[1:]
        oldest = min([known, *(one.start for one in self._unsure)]) - near
        self._near_these = [one for one in self._near_these if one.end >= oldest]
        self._like = [one for one in self._like if one.end >= oldest]
        return sure

    def _firm(self, tones: list[Interval], sounds: list[KeySound], known: int) -> list[Interval]:
        """The tones of which there is more than one proof."""
        firm: list[Interval] = []
        for tone in tones:
            before, self._before = self._before, tone
            apart = tone.start - before.end if before is not None else self._runs.near
            (firm if 0 < apart < self._runs.near else self._unproved).append(tone)
        self._proofs += [one.place for one in sounds if one.likeness >= _PROOF]
        proved = [
            tone
            for tone in self._unproved
            if any(
                one.overlaps(tone) and one.start <= tone.start + self._same for one in self._proofs
            )
        ]
        self._unproved = [one for one in self._unproved if one not in proved and one.start >= known]
        oldest = min((one.start for one in self._unproved), default=known)
        self._proofs = [one for one in self._proofs if one.end >= min(oldest, known)]
        return firm + proved

    def _listen_near(self, tone: Interval) -> list[KeySound]:
        """Listen from before a tone to after it, or go on until then."""
        begin, told = tone.start - self._reach, self._listen()
        if self._sounds is not None and begin > self._until:
            told += self._stop()
        if self._sounds is None:
            self._taken = max(begin, self._taken, self._first)
            self._sounds = KeySounds(self._rate, self._taken)
        self._until = max(self._until, tone.end + self._reach)
        return told + self._listen()

    def _listen(self) -> list[KeySound]:
        """Listen to what has come of the stretch."""
        if self._sounds is None:
            return []
        end = max(self._taken, min(self._until, self._first + len(self._pcm)))
        part = self._pcm[self._taken - self._first : end - self._first]
        self._taken = end
        return self._sounds.take(part)

    def _stop(self) -> list[KeySound]:
        sounds, self._sounds = self._sounds, None
        return sounds.finish() if sounds is not None else []


def is_key(span: Span) -> bool:
    """Whether a span is that of a key."""
    return span.recognizer == Recognizer.KEY_TONES


def key_span(channel: int, place: Interval) -> Span:
    """The span of a key."""
    return Span(
        Entity.DTMF.value, channel, place.start, place.end, _SCORE, Recognizer.KEY_TONES.value
    )


def key_pads(rule: EntityRule, sample_rate: int) -> tuple[int, int]:
    """Samples that are cut before and after a key: as the policy pads, ``KEY_EDGE_MS`` at least."""
    before, after = (
        max(pad, KEY_EDGE_MS) * sample_rate // 1_000
        for pad in (rule.pad_before_ms, rule.pad_after_ms)
    )
    return before, after


def key_cuts(span: Span, rule: EntityRule, pcm: Pcm, start: int, sample_rate: int) -> list[Cut]:
    """What is cut for a key: its span, and the echo on every other channel of the tones in it.

    Args:
        span: as ``Keys`` found it.
        rule: of the policy, see ``key_pads``.
        pcm: the call around it, as far as an echo may lie from it.
        start: call sample of ``pcm[0]``.
        sample_rate: Hz.
    """
    end = start + len(pcm)
    before, after = key_pads(rule, sample_rate)
    offset, behind = max(0, span.start - start), max(0, end - span.end)
    source = pcm[offset : max(0, span.end - start), span.channel]
    found = [span]
    for tone in _tones_in(source, sample_rate):
        begin = offset + tone.start
        around = Interval(max(0, begin - offset), min(len(pcm), begin + len(tone) + behind))
        for channel in range(pcm.shape[1]):
            if channel == span.channel:
                continue
            beside = pcm[around.start : around.end, channel]
            found += [
                replace(
                    span,
                    channel=channel,
                    start=start + around.start + place.start,
                    end=start + around.start + place.end,
                    reason=Reason.ECHO,
                )
                for place in traces(source[tone.start : tone.end], beside, sample_rate)
            ]
    return [
        Cut(max(start, one.start - before), min(end, one.end + after), one)
        for one in found
        if one.start < end
    ]


def _tones_in(pcm: npt.NDArray[np.int16], sample_rate: int) -> list[Interval]:
    """What both ears hear in a span, each key once."""
    clear, sounds = KeyTones(sample_rate), KeySounds(sample_rate)
    found = [*clear.take(pcm), *clear.finish()]
    others = [one.place for one in (*sounds.take(pcm), *sounds.finish())]
    return found + [one for one in others if not any(one.overlaps(tone) for tone in found)]
