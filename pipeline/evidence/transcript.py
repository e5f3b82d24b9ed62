"""The redacted transcript of a call, and the shapes in which it is stored.

A word stays only where it can still be heard and belongs to no finding
(``pipeline/evidence/disclosed_words.py``), whatever the reason of the mute. What is muted shows as
a placeholder such as ``[CARD_NUMBER]``; equal placeholders that follow one another are one. Where
the policy asks for it, detection hands over what stands in it as well, as in ``[CARD_NUMBER
************1111]``.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

from pipeline.detection.language.vocabulary import known, vocabulary
from pipeline.evidence.disclosed_words import may_be_disclosed
from pipeline.evidence.turns import (
    ENDS,
    PAUSED,
    PHRASE_PAUSE_MS,
    Token,
    Turn,
    answering,
    in_time,
    questions,
    turns_of,
)
from pipeline.muting.rendering import MISSING, is_gap, is_pause
from pipeline.records.intervals import merge_intervals, subtract_intervals
from pipeline.records.model import (
    CallInfo,
    Hearing,
    Interval,
    Mute,
    Reason,
    Role,
    Shown,
    Span,
    Word,
)
from pipeline.records.scores import Recognizer
from pipeline.transcription.word_timing import audible_part

_PIECE_PAUSE_MS: Final = 500
_CUE_MS, _CUE_CHARACTERS = 7_000, 84
"""What people can read while it is shown: two lines of subtitles."""
_PUNCTUATION: Final = re.compile(r"^(.*?)([.,?!;:]+)$", re.DOTALL)
_SHORTENED: Final = re.compile(r"(?:s|re|ll|ve|t|d|m)\W*", re.IGNORECASE)
_BROKEN_OFF: Final = "NOTE incomplete: the recorder or gateway broke off before the call's end\n"
_SIDES: Final = (Role.AGENT, Role.CUSTOMER)
_BLIND: Final = (Reason.VERIFICATION, Reason.ECHO)
_WORDLESS: Final = (Recognizer.WORDLESS, Recognizer.LEFT_SOUND)
_WORDLESS_MS: Final = 1_000
"""From so much on, what sounds beside a value and has no word may be an answer; less is mostly
noise, and its name a guess."""


TellsSpeakers: TypeAlias = Callable[[int, Sequence[Token]], Sequence[Role | None]]
"""Of a channel that several people share, and its tokens in order: the role of each token; None
where nobody can tell."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """A call's redacted transcript."""

    call: CallInfo
    length: int
    """Of the call, in samples."""
    turns: tuple[Turn, ...]
    incomplete: bool = False
    """Whether the recorder or gateway broke off before the call's end."""

    @property
    def participants(self) -> dict[tuple[int, Role], str]:
        """Who speaks, by channel and role: what they are called.

        A channel's role names it where no other has the same one; else the channel's number is
        added, as for those who share a channel and were told apart.
        """
        told = {(turn.channel, turn.role) for turn in self.turns}
        roles = self.call.roles
        found: dict[tuple[int, Role], str] = {}
        for channel, role in enumerate(roles):
            here = [role]
            if role is Role.MIXED and any((channel, side) in told for side in _SIDES):
                here = [*_SIDES, *here] if (channel, role) in told else [*_SIDES]
            alone = here == [role] and roles.count(role) == 1
            for one in here:
                found[channel, one] = one.upper() if alone else f"{one.upper()}_{channel}"
        return found

    @property
    def text(self) -> str:
        """Plain text, a line a turn, with the role in front."""
        return "".join(f"{turn.role.upper()}: {turn.text}\n" for turn in self.turns)


def build_transcript(
    call: CallInfo,
    length: int,
    words: Iterable[Word],
    mutes: Sequence[Mute],
    shown: Sequence[Shown] = (),
    *,
    sound: Sequence[Sequence[Interval]] = (),
    speakers: TellsSpeakers | None = None,
    incomplete: bool = False,
) -> Transcript:
    """Put together what may be shown of a call.

    Args:
        call: what is known of it.
        length: in samples.
        words: those that detection kept; other than ``Hearing.MAIN`` ones are never shown.
        mutes: every mute of the call, those of echo and verification too.
        shown: what stands in the placeholders of muted values.
        sound: of each channel the stretches that can still be heard, in order; words are placed in
            them. None: words stay where they were recorded.
        speakers: tells apart who speaks on a shared channel; None: nobody does.
        incomplete: whether the recorder or gateway broke off before the call's end.
    """
    main = [word for word in words if word.hearing is Hearing.MAIN]
    found: list[list[Token]] = []
    for channel in range(call.channels):
        silent = [mute for mute in mutes if mute.channel == channel and mute.start < mute.end]
        spoken = [word for word in main if word.channel == channel]
        kept, swallowed = _split(spoken, silent, call)
        if sound:
            # A mute may be filled with a tone or noise.
            heard = subtract_intervals(sound[channel], [mute.interval for mute in silent])
            kept = _placed(kept, heard, call.sample_rate)
        values = [one for one in shown if one.channel == channel]
        places = _placeholders(silent, swallowed, values, call.sample_rate)
        here = sorted([*kept, *places], key=in_time)
        if speakers is not None and call.roles[channel] is Role.MIXED:
            here = [
                replace(token, role=role)
                for token, role in zip(here, speakers(channel, here), strict=True)
            ]
        found.append(here)
    asked = [questions(each, call.sample_rate) for each in found]
    tokens = _pauses(call, mutes, {each[0].channel for each in found if each and each[0].role})
    for channel, each in enumerate(found):
        others = [one for other, own in enumerate(asked) if other != channel for one in own]
        others.sort(key=lambda one: one.start)
        tokens += answering(each, others, call.sample_rate)
    return Transcript(call, length, turns_of(call, tokens), incomplete)


def to_call_analytics(transcript: Transcript, *, entities: Sequence[str] = ()) -> dict[str, Any]:
    """The transcript in the shape of Amazon Transcribe Call Analytics' post-call output.

    Fields that need a sentiment or loudness model are left out. Confidence is a string there, as
    in the service's own files. ``entities``: types that were redacted, for ``ContentMetadata``.
    """
    call, names = transcript.call, transcript.participants
    participants = [
        {"ParticipantId": name, "ParticipantRole": role.upper()}
        for (_, role), name in names.items()
    ]
    return {
        "JobStatus": "COMPLETED",
        "LanguageCode": _language(call.language),
        "Channel": "VOICE",
        "SessionId": call.call_id,
        "Participants": participants,
        "ContentMetadata": {
            "Output": "Redacted",
            "RedactionTypes": ["PII"],
            "RedactionTypesMetadata": {
                "PII": {"RedactionMaskMode": "EntityType", "EntityTypes": sorted(set(entities))}
            },
        },
        "Transcript": [
            _turn(call, turn, index, names[turn.channel, turn.role])
            for index, turn in enumerate(transcript.turns)
        ],
        "ConversationCharacteristics": {
            "TotalConversationDurationMillis": _ms(transcript.length, call.sample_rate),
            "TalkTime": _talk_time(transcript),
        },
        # Not of the service's shape, whose readers pass over what they don't know.
        **({"Incomplete": True} if transcript.incomplete else {}),
    }


def to_json(data: dict[str, Any]) -> bytes:
    """Deterministic JSON: the same content gives the same bytes."""
    return (json.dumps(data, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()


def to_webvtt(transcript: Transcript) -> bytes:
    """The transcript as WebVTT (W3C), with the role as voice; a long turn is several cues."""
    rate = transcript.call.sample_rate
    parts = [(turn, part) for turn in transcript.turns for part in _cues(turn.tokens, rate)]
    cues = ["WEBVTT\n"]
    notes = [_BROKEN_OFF] if transcript.incomplete else []
    # Times of cues never fall, also where somebody says "uh-huh" in a turn.
    for turn, part in sorted(parts, key=lambda one: one[1][0].start):
        start = _ms(part[0].start, rate)
        end = max(start + 1, _ms(max(token.end for token in part), rate))
        voice, text = turn.role.title(), _escaped(" ".join(token.text for token in part))
        cues.append(f"{len(cues)}\n{_clock(start)} --> {_clock(end)}\n<v {voice}>{text}</v>\n")
    return "\n".join([cues[0], *notes, *cues[1:]]).encode()


def _cues(tokens: Sequence[Token], rate: int) -> Iterator[list[Token]]:
    """A turn in parts that can be read while they are shown; they end at a sentence if they can."""
    part: list[Token] = []
    for token in tokens:
        while part and _too_long([*part, token], rate):
            cut = _cut([*part, token])
            yield part[:cut]
            part = part[cut:]
        part.append(token)
    if part:
        yield part


def _cut(tokens: Sequence[Token]) -> int:
    """Where a cue ends: at the last sentence, or at the widest pause of the later half."""
    ends = [at for at in range(1, len(tokens)) if tokens[at - 1].text[-1:] in ENDS]
    later = range(max(1, len(tokens) // 2), len(tokens))
    pauses = {at: tokens[at].start - tokens[at - 1].end for at in later}
    return ends[-1] if ends else max(later, key=lambda at: (pauses[at], -at))


def _too_long(part: Sequence[Token], rate: int) -> bool:
    characters = sum(len(one.text) + 1 for one in part) - 1
    lasts = _ms(max(one.end for one in part) - part[0].start, rate)
    return characters > _CUE_CHARACTERS or lasts > _CUE_MS


def _split(
    words: Iterable[Word], mutes: Sequence[Mute], call: CallInfo
) -> tuple[list[Token], list[Interval]]:
    """Tokens of the words that may be told, and the places of the others.

    Args:
        words: of a channel, in order.
        mutes: of the channel.
        call: its language and rate.
    """
    voc, rate = vocabulary(known(call.language)), call.sample_rate
    silent = merge_intervals(mute.interval for mute in mutes)
    # What verification and echo silence was not found in these words: nobody knows which it was.
    blind = [
        mute.interval
        for mute in mutes
        if not mute.spans or any(span.reason in _BLIND for span in mute.spans)
    ]
    findings = [
        Interval(span.start, span.end)
        for mute in mutes
        for span in mute.spans
        if span.start < span.end
    ]
    kept: list[Token] = []
    swallowed: list[Interval] = []
    before, last_text = Interval(0, 0), ""
    told = True
    for word in words:
        # A word without length still stands at one sample.
        place = Interval(word.start, max(word.end, word.start + 1))
        text = " ".join(word.text.split())
        piece = _is_piece(text, place, before, last_text, rate)
        before, last_text = place, text or last_text
        # A piece belongs to what the word before it belongs to.
        told = (
            (told or not piece)
            and may_be_disclosed(word, findings, silent, voc, rate)
            and not any(place.overlaps(one) for one in blind)
        )
        if not told:
            swallowed.append(place)
        elif piece and kept:
            last = kept[-1]
            kept[-1] = replace(
                last,
                end=max(last.end, place.end),
                text=last.text + text,
                probability=min(last.probability, word.probability),
            )
        elif text:
            kept.append(Token(word.channel, word.start, place.end, text, word.probability))
    return kept, swallowed


def _placed(words: Sequence[Token], sound: Sequence[Interval], rate: int) -> list[Token]:
    """Words of one channel where they can be heard, none behind the beginning of the next one."""
    begins = [one.start for one in sound]
    ends = [one.end for one in sound]
    placed = []
    for at, word in enumerate(words):
        after = words[at + 1].start if at + 1 < len(words) else word.end
        last = bisect_left(begins, min(word.end, max(after, word.start + 1)))
        near = sound[bisect_right(ends, word.start) : last]
        place = audible_part(word.text, Interval(word.start, word.end), near, rate)
        placed.append(replace(word, start=place.start, end=place.end))
    return placed


def _is_piece(text: str, place: Interval, before: Interval, last: str, rate: int) -> bool:
    """Whether a word goes on with the one before it, as in "$17 .00", "co -pay" and "it 's"."""
    if place.start - before.end >= _PIECE_PAUSE_MS * rate // 1_000 or not last:
        return False
    sign, first, end = text[:1], text[1:2], last[-1]
    if sign in {"'", "\u2019"}:
        return end.isalpha() and bool(_SHORTENED.fullmatch(text[1:]))
    if sign == "-" and first.isalpha():
        return end.isalpha()
    return sign in {"-", ".", ","} and first.isdigit() and end.isdigit()


def _placeholders(
    mutes: Sequence[Mute],
    swallowed: Sequence[Interval],
    values: Sequence[Shown],
    rate: int,
) -> list[Token]:
    """One per entity of each mute, in the order in which they were spoken.

    A gap shows nothing (a pause does, once for all channels), and neither does an echo, a sound
    that is no speech, or a short one without words, unless a word was lost to it.
    """
    tokens: list[Token] = []
    for mute in mutes:
        lost = any(place.overlaps(mute.interval) for place in swallowed)
        if is_gap(mute):
            continue
        if mute.spans and not lost and all(_unspoken(span, rate) for span in mute.spans):
            continue
        shown = [
            (max(span.start, mute.start), min(span.end, mute.end), span.entity)
            for span in _one_each(mute.spans)
            if span.reason not in MISSING and (lost or not _unspoken(span, rate))
        ] or [(mute.start, mute.end, "REDACTED")]
        for start, end, entity in sorted(shown):
            place = min(max(start, mute.start), mute.end - 1)
            text = _labelled(entity, place, max(place + 1, end), values)
            tokens.append(Token(mute.channel, place, max(place + 1, end), text, entity=entity))
    return tokens


def _pauses(call: CallInfo, mutes: Sequence[Mute], apart: Collection[int]) -> list[Token]:
    """What the recorder paused, once for all channels: in the agent's turn, who pauses it.

    Args:
        call: its roles and rate.
        mutes: of all channels.
        apart: channels whose speakers were told apart.
    """
    channel = call.roles.index(Role.AGENT) if Role.AGENT in call.roles else 0
    return [
        Token(
            channel,
            place.start,
            place.end,
            f"[recording paused {_minutes(len(place), call.sample_rate)}]",
            entity=PAUSED,
            role=Role.AGENT if channel in apart else None,
        )
        for place in merge_intervals(mute.interval for mute in mutes if is_pause(mute))
    ]


def _minutes(samples: int, rate: int) -> str:
    """A length as ``0:42`` or ``1:00:42``."""
    minutes, seconds = divmod(round(samples / rate), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def _unspoken(span: Span, rate: int) -> bool:
    """Whether nothing was said there: an echo, a sound that is no speech or hardly a word long."""
    if span.recognizer in _WORDLESS:
        return span.end - span.start < _WORDLESS_MS * rate // 1_000
    return span.reason is Reason.ECHO or span.recognizer == Recognizer.SOUND_WITHOUT_WORDS


def _one_each(spans: Sequence[Span]) -> Iterator[Span]:
    """The spans of a mute; what was not understood counts once, in however many pieces it came."""
    told = False
    for span in spans:
        lost = (
            span.reason is Reason.NOT_UNDERSTOOD
            and span.recognizer != Recognizer.SOUND_WITHOUT_WORDS
        )
        if not (lost and told):
            yield span
        told = told or lost


def _labelled(entity: str, start: int, end: int, values: Sequence[Shown]) -> str:
    """A placeholder, with what the policy lets stand in it."""
    texts = [
        " ".join(one.text.split())
        for one in values
        if one.entity == entity and one.start < end and start < one.end
    ]
    return " ".join([f"[{entity}", *dict.fromkeys(text for text in texts if text)]) + "]"


def _turn(call: CallInfo, turn: Turn, index: int, who: str) -> dict[str, Any]:
    rate = call.sample_rate
    redacted = [
        {"BeginOffsetMillis": _ms(token.begins, rate), "EndOffsetMillis": _ms(token.end, rate)}
        for token in turn.tokens
        if token.entity and token.entity != PAUSED
    ]
    out: dict[str, Any] = {
        "Id": f"{call.call_id}-{index}",
        "ParticipantId": who,
        "ParticipantRole": turn.role.upper(),
        "BeginOffsetMillis": _ms(turn.start, rate),
        "EndOffsetMillis": _ms(turn.end, rate),
        "Content": turn.text,
        "Items": [item for token in turn.tokens for item in _items(token, rate)],
    }
    if redacted:
        out["Redaction"] = {"RedactedTimestamps": redacted}
    return out


def _items(token: Token, rate: int) -> list[dict[str, Any]]:
    """A word as one item, and its punctuation as another, as the service writes them."""
    found = None if token.entity else _PUNCTUATION.match(token.text)
    text, marks = (found.group(1), found.group(2)) if found else (token.text, "")
    spoken: dict[str, Any] = {
        "Type": "pronunciation",
        "Content": text,
        "BeginOffsetMillis": _ms(token.start, rate),
        "EndOffsetMillis": _ms(token.end, rate),
        "Confidence": f"{token.probability:.4f}",
    }
    if token.entity:
        spoken["Redactions"] = [{"Type": token.entity, "Category": "PII"}]
    items = [spoken] if text else []
    if marks:
        items.append({"Type": "punctuation", "Content": marks, "Confidence": "0.0"})
    return items


def _talk_time(transcript: Transcript) -> dict[str, Any]:
    rate = transcript.call.sample_rate
    details: dict[str, dict[str, int]] = {}
    for (channel, role), who in transcript.participants.items():
        spoken = sum(
            len(each)
            for each in merge_intervals(
                (
                    Interval(token.begins, token.end)
                    for turn in transcript.turns
                    if (turn.channel, turn.role) == (channel, role)
                    for token in turn.tokens
                    if token.entity != PAUSED
                ),
                PHRASE_PAUSE_MS * rate // 1_000,
            )
        )
        details[who] = {"TotalTimeMillis": _ms(spoken, rate)}
    total = sum(each["TotalTimeMillis"] for each in details.values())
    return {"DetailsByParticipant": details, "TotalTimeMillis": total}


def _language(language: str) -> str:
    return "en-US" if language in {"", "en"} else language


def _ms(samples: int, rate: int) -> int:
    return samples * 1_000 // rate


def _clock(milliseconds: int) -> str:
    seconds, rest = divmod(milliseconds, 1_000)
    return f"{seconds // 3_600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{rest:03}"


def _escaped(text: str) -> str:
    """Text for a cue: ``&``, ``<`` and ``>`` would begin markup or an arrow."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
