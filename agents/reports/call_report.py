"""The HTML report of redacted calls: one self-contained file that needs no network.

Shown per call: both channels' waveforms after redaction with every muted span, a player, the
redacted transcript side by side, what the certificate says, and, where the truth is known, the
leak check. The unredacted waveform is drawn only where the caller hands over an original, which
nothing but made-up calls should do.

``write_report`` writes the file or raises; nothing that was spoken and muted can reach it, because
it is fed from the vault only.
"""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import jinja2
import soundfile

from agents.reports.entity_groups import KINDS, Kind, kind_of, label_of
from agents.reports.templating import page_template
from agents.reports.waveform_svg import Envelope, envelope
from pipeline.errors import StoreError

COLUMNS = 900
"""Points of a waveform; about two per pixel of a wide screen's half."""
_WIDE: Final = frozenset({"PCM_24", "PCM_32", "FLOAT", "DOUBLE"})
"""What 16 bits can't hold."""
_BLOCK: Final = 1 << 18


@dataclass(frozen=True, slots=True)
class ReportTurn:
    """One turn of the redacted transcript, times in milliseconds."""

    channel: int
    role: str
    start_ms: int
    end_ms: int
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ReportMute:
    """One muted interval of a channel, and the strongest span that caused it."""

    channel: int
    start_ms: int
    end_ms: int
    entity: str
    score: float = 1.0
    recognizer: str = ""
    reason: str = "recognised"
    also: tuple[str, ...] = ()
    """Other types that the interval covers."""


@dataclass(frozen=True, slots=True)
class ReportCheck:
    """One question that verification asked."""

    name: str
    passed: bool
    measured: float
    limit: float


@dataclass(frozen=True, slots=True)
class ReportLeak:
    """What the check against the truth says of a call."""

    audible_digits: int
    digits: int
    """Card, CVV and SSN digits that were spoken."""
    silenced_share: float
    """Sensitive time that is silenced, 0 to 1."""
    harmless_muted_share: float
    """Harmless speech that was muted, 0 to 1."""


@dataclass(frozen=True, slots=True)
class ReportCall:
    """All that the report shows of one call."""

    call_id: str
    roles: tuple[str, ...]
    """One per channel."""
    duration_ms: int
    turns: tuple[ReportTurn, ...]
    mutes: tuple[ReportMute, ...]
    verified: bool
    checks: tuple[ReportCheck, ...] = ()
    audio: Path | None = None
    """Redacted recording; ``None`` for a call that is quarantined."""
    original: Path | None = None
    """Unredacted recording, for made-up calls only."""
    facts: tuple[tuple[str, str], ...] = ()
    """What the certificate says, as label and value, in order."""
    marks: tuple[str, ...] = ()
    leak: ReportLeak | None = None

    @property
    def muted_ms(self) -> int:
        """Muted time summed over the channels."""
        return sum(mute.end_ms - mute.start_ms for mute in self.mutes)

    @property
    def by_kind(self) -> tuple[tuple[Kind, int], ...]:
        """How many mutes there are of each kind, in the legend's order."""
        counts = dict.fromkeys(KINDS, 0)
        for mute in self.mutes:
            counts[kind_of(mute.entity)] += 1
        return tuple((kind, count) for kind, count in counts.items() if count)


@dataclass(frozen=True, slots=True)
class _Wave:
    role: str
    channel: int
    before: str
    after: str
    mutes: tuple[ReportMute, ...]


@dataclass(frozen=True, slots=True)
class _View:
    """A call with what has to be worked out for drawing it."""

    call: ReportCall
    waves: tuple[_Wave, ...]
    source: str
    ticks: tuple[int, ...]


def write_report(
    path: Path,
    calls: Sequence[ReportCall],
    *,
    title: str = "Redacted calls",
    subtitle: str = "",
    embed_audio: bool = True,
) -> Path:
    """Write the report.

    Args:
        path: the HTML file; missing folders are made.
        calls: in the order in which they are shown.
        title: heading.
        subtitle: one line below it, such as how long the run took.
        embed_audio: put the redacted recordings into the file; otherwise link them relative to it.

    Returns:
        ``path``.

    Raises:
        StoreError: a recording can't be read, or the file can't be written.
    """
    page = report_page(path, calls, title=title, subtitle=subtitle, embed_audio=embed_audio)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise StoreError(f"report {path}: {error}") from error
    return path


def report_page(
    path: Path,
    calls: Sequence[ReportCall],
    *,
    title: str = "Redacted calls",
    subtitle: str = "",
    embed_audio: bool = True,
) -> str:
    """The report's text; see ``write_report``. Nothing is written.

    Raises:
        StoreError: a recording can't be read.
    """
    try:
        views = [_view(call, path, embed_audio=embed_audio) for call in calls]
    except (OSError, soundfile.LibsndfileError) as error:
        raise StoreError(f"report {path}: {error}") from error
    return _template().render(
        title=title, subtitle=subtitle, views=views, totals=_Totals(tuple(calls)), kinds=KINDS
    )


@dataclass(frozen=True, slots=True)
class _Totals:
    """Sums for the tiles on top."""

    calls: tuple[ReportCall, ...]

    @property
    def duration_ms(self) -> int:
        return sum(call.duration_ms for call in self.calls)

    @property
    def intervals(self) -> int:
        return sum(len(call.mutes) for call in self.calls)

    @property
    def muted_ms(self) -> int:
        return sum(call.muted_ms for call in self.calls)

    @property
    def verified(self) -> int:
        return sum(call.verified for call in self.calls)

    @property
    def checked(self) -> bool:
        """Whether the truth was known for any call."""
        return any(call.leak is not None for call in self.calls)

    @property
    def digits(self) -> int:
        return sum(call.leak.digits for call in self.calls if call.leak)

    @property
    def audible_digits(self) -> int:
        return sum(call.leak.audible_digits for call in self.calls if call.leak)


def _view(call: ReportCall, page: Path, *, embed_audio: bool) -> _View:
    after = envelope(call.audio, len(call.roles), COLUMNS) if call.audio else None
    before = envelope(call.original, len(call.roles), COLUMNS) if call.original else None
    waves = tuple(
        _Wave(
            role,
            channel,
            _path_of(before, channel),
            _path_of(after, channel),
            tuple(mute for mute in call.mutes if mute.channel == channel),
        )
        for channel, role in enumerate(call.roles)
    )
    seconds = call.duration_ms // 1_000
    step = next(step for step in (5, 10, 30, 60, 300, 1_800) if seconds / step <= 12 or step > 300)  # noqa: PLR2004 - a dozen labels fit
    return _View(call, waves, _source(call, page, embed_audio), tuple(range(0, seconds, step)))


def _path_of(envelopes: Sequence[Envelope] | None, channel: int) -> str:
    return envelopes[channel].as_path() if envelopes and channel < len(envelopes) else ""


def _source(call: ReportCall, page: Path, embed: bool) -> str:  # noqa: FBT001 - private
    if call.audio is None:
        return ""
    if not embed:
        return Path(os.path.relpath(call.audio, page.parent)).as_posix()
    ending = call.audio.suffix.lower()
    content = _flac_of(call.audio) if ending == ".wav" else call.audio.read_bytes()
    media = "audio/flac" if ending in {".wav", ".flac"} else "audio/ogg"
    return f"data:{media};base64,{base64.b64encode(content).decode()}"


def _flac_of(path: Path) -> bytes:
    """A WAV file's samples as FLAC: an hour of silence is 77 MB in a page otherwise."""
    out = io.BytesIO()
    with soundfile.SoundFile(path) as source:
        subtype = "PCM_24" if source.subtype in _WIDE else "PCM_16"
        with soundfile.SoundFile(
            out, "w", source.samplerate, source.channels, subtype=subtype, format="FLAC"
        ) as file:
            for block in source.blocks(_BLOCK, dtype="int32", always_2d=True):
                file.write(block)
    return out.getvalue()


def _template() -> jinja2.Template:
    return page_template(
        "report.html",
        clock=_clock,
        seconds=_seconds,
        kind=kind_of,
        label=label_of,
        pieces=_pieces,
    )


def _pieces(text: str) -> list[tuple[str, str]]:
    """Cut a turn at its placeholders: ``(text, "")``, or ``(what is shown, entity)``."""
    pieces = []
    for part in text.replace("[", "\0[").replace("]", "]\0").split("\0"):
        if part.startswith("[") and part.endswith("]"):
            entity, _, shown = part[1:-1].partition(" ")
            pieces.append((shown, entity))
        elif part:
            pieces.append((part, ""))
    return pieces


def _clock(milliseconds: int) -> str:
    """Minutes and seconds."""
    minutes, seconds = divmod(milliseconds // 1_000, 60)
    return f"{minutes}:{seconds:02d}"


def _seconds(milliseconds: float) -> str:
    return f"{milliseconds / 1_000:.1f}"
