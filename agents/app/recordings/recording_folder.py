"""Recordings in folders: which files are calls, and what their sidecars say.

A recorder drops ``<id>.wav`` (or another of ``SUFFIXES``) and, optionally and last, ``<id>.json``:
``{"call_id": …, "started_at": …, "channels": [{"index": 0, "role": "agent"}, …], "language": …}``,
and ``"purpose"``, ``"caller"`` or a channel's ``"number"``, ``"consent"``, see
``pipeline.consent.metadata``, and ``"direction"``, ``"campaign"``, ``"tracking_number"``,
``"agent"`` and ``"outcome"``, see ``pipeline.gateways.business``. An id that may hold a
number, or that can be none of ours, becomes a pseudonym here, a purpose that may hold one is
refused, and no message quotes it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from agents.system.clock import system_clock
from agents.system.screen import screen
from pipeline.audio.files import SUFFIXES
from pipeline.audio.opening import open_regular
from pipeline.consent.metadata import Stated
from pipeline.detection.language.vocabulary import DEFAULT
from pipeline.errors import InputError, RecordError
from pipeline.gateways.business import StatedBusiness
from pipeline.records.call_names import holds_number, shown, valid_call_id
from pipeline.records.consent import Business, Consent, moment_of
from pipeline.records.model import CallInfo, Role
from pipeline.records.pseudonyms import PURPOSE

_OTHER = f"not a recording that can be read ({', '.join(sorted(SUFFIXES))})"
_SHARED = (
    "another recording here differs in its suffix alone, and they would share a sidecar; rename one"
)
LARGEST_SIDECAR = 1 << 20
"""Bytes; one that names eight channels has some hundred."""
STEREO = (Role.AGENT, Role.CUSTOMER)
"""Roles of a two-channel recording without a sidecar: agent left, customer right."""


class _Channel(BaseModel):
    model_config = ConfigDict(extra="ignore")
    index: Annotated[int, Field(ge=0, le=7)]
    role: Role
    number: str | None = Field(default=None, repr=False, max_length=256)


def _with_offset(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise PydanticCustomError(
            "offset", "needs an offset from UTC, such as 2026-11-29T10:00:00+01:00 or …Z"
        )
    if moment_of(moment.isoformat()) is None:
        raise PydanticCustomError("year", "not between 1990 and 2199: is the clock set?")
    return moment


class _Sidecar(BaseModel):
    model_config = ConfigDict(extra="ignore")
    call_id: str | None = Field(default=None, repr=False, min_length=1, max_length=512)
    started_at: Annotated[datetime, AfterValidator(_with_offset)] | None = None
    channels: list[_Channel] | None = None
    language: Annotated[str, Field(pattern=r"^[a-z]{2}$")] | None = None
    purpose: Annotated[str, Field(pattern=f"^{PURPOSE.pattern}$")] = ""
    caller: str | None = Field(default=None, repr=False, max_length=256)
    consent: Stated | None = None
    direction: str | None = None
    campaign: str | None = None
    tracking_number: str | None = Field(default=None, repr=False)
    agent: str | None = None
    outcome: str | None = None

    @property
    def numbers(self) -> tuple[str, ...]:
        """Of everybody whose number is named."""
        named = (self.caller, *(channel.number for channel in self.channels or ()))
        return tuple(number for number in named if number)


@dataclass(frozen=True, slots=True)
class Drop:
    """A recording that a recorder left: its file and what its sidecar says."""

    path: Path = field(repr=False)
    call_id: str
    started_at: str = ""
    language: str = DEFAULT
    roles: tuple[Role, ...] | None = None
    purpose: str = ""
    numbers: tuple[str, ...] = field(default=(), repr=False)
    """The parties' numbers as the sidecar has them: they go no further than ``info``."""
    consent: Consent | None = None
    """What the sidecar says of places, notice and consent."""
    renamed: bool = False
    """Whether ``call_id`` is a pseudonym: of a name that may hold a number, or can be no id."""
    recorder_id: str = field(default="", repr=False)
    """What the recorder calls it: as its sidecar says, or by the name of its file."""
    business: StatedBusiness = field(default=StatedBusiness(), repr=False)
    """What it says of how the call came about."""
    stated: bytes = field(default=b"", repr=False)
    """JSON of what the sidecar says of consent (``pipeline.consent.metadata.Stated``), or empty."""

    def roles_of(self, channels: int) -> tuple[Role, ...]:
        """Who speaks on each channel of the file, once it is known how many it has.

        Raises:
            InputError: the sidecar describes other channels than the file has.
        """
        roles = self.roles or default_roles(channels)
        if len(roles) != channels:
            raise InputError(
                f"{shown(self.path.name)}: the sidecar describes {len(roles)} channels, "
                f"the recording has {channels}"
            )
        return roles

    def info(
        self,
        sample_rate: int,
        channels: int,
        *,
        named: Callable[[str], str] | None = None,
        lines: Mapping[str, str] | None = None,
    ) -> CallInfo:
        """The call's record once the file's header is known.

        Args:
            sample_rate: in Hz.
            channels: how many the file has.
            named: makes a number's pseudonym; without it the call names no parties, no line and
                nothing else of its business.
            lines: names of the company's own numbers, by number.

        Raises:
            InputError: the sidecar describes other channels than the file has.
        """
        roles = self.roles_of(channels)
        parties = sorted({named(number) for number in self.numbers}) if named else ()
        return CallInfo(
            self.call_id,
            sample_rate,
            roles,
            self.started_at,
            self.language,
            self.purpose,
            tuple(parties),
            self.consent,
            self.business.known(
                named,
                lines or {},
                numbers=self.numbers,
                campaign=self.consent.campaign if self.consent else "",
            )
            if named
            else Business(),
        )


def default_roles(channels: int) -> tuple[Role, ...]:
    """Roles by position: mono is mixed, the first of several is the agent."""
    if channels == 1:
        return (Role.MIXED,)
    return (*STEREO, *(Role.MIXED for _ in range(channels - 2)))[:channels]


def find_recordings(
    paths: Iterable[Path], *, not_taken: Callable[[str], None] = lambda _: None
) -> Iterator[Path]:
    """Files with a recording's suffix, named or inside named folders, in order of their names.

    Args:
        paths: files and folders; of a folder also what lies deeper, but no link to a folder.
        not_taken: is told of each file in a folder that is neither a recording nor its sidecar,
            with its name, as ``shown``, and why.

    Raises:
        InputError: a path does not exist, a folder can't be read, or a named file is of another
            kind.
    """
    for path in paths:
        try:
            folder, there = path.is_dir(), path.exists()
        except OSError as error:
            name = path.parent / shown(path.name)
            raise InputError(f"{name}: cannot be read ({error.strerror})") from error
        if folder:
            yield from _found(path, not_taken)
        elif not there:
            raise InputError(f"{path.parent / shown(path.name)}: there is no such file or folder")
        elif path.suffix.lower() not in SUFFIXES:
            raise InputError(f"{shown(path.name)}: {_OTHER}")
        else:
            yield path


def recordings_at(paths: list[Path]) -> list[Path]:
    """The recordings at some paths; tells on stderr what else lies there and is not taken.

    Raises:
        InputError: there are none, or see ``find_recordings``.
    """
    err = screen(stderr=True)

    def not_taken(what: str) -> None:
        err.print(f"not taken: {what}", markup=False, highlight=False, soft_wrap=True)

    files = list(find_recordings(paths, not_taken=not_taken))
    if not files:
        names = ", ".join(str(path.parent / shown(path.name)) for path in paths)
        raise InputError(f"{names}: no recordings in it (WAV, FLAC, Ogg, MP3, M4A or WebM)")
    return files


def _found(folder: Path, not_taken: Callable[[str], None]) -> list[Path]:
    """Recordings in a folder."""

    def unreadable(error: OSError) -> None:
        inside = Path(error.filename).relative_to(folder).parts
        name = folder.joinpath(*map(shown, inside))
        raise InputError(
            f"{name}: cannot be read ({error.strerror}); let us read it, or take it away"
        ) from error

    files: list[Path] = []
    for place, folders, names in os.walk(folder, onerror=unreadable):
        files += (Path(place, name) for name in names)
        files += (path for path in (Path(place, name) for name in folders) if path.is_symlink())
    files.sort()
    by_name = {path.relative_to(folder).as_posix(): path for path in files}
    links = [name for name, path in by_name.items() if os.path.isdir(path)]  # noqa: PTH112 - never raises
    recordings, others = sorted_out(by_name.keys() - set(links))
    others |= dict.fromkeys(
        links, "a link to a folder, which is not followed; name the folder itself"
    )
    for name in by_name:
        if name in others:
            not_taken(f"{'/'.join(map(shown, name.split('/')))}: {others[name]}")
    return [path for name, path in by_name.items() if name in recordings]


def sorted_out(names: Iterable[str]) -> tuple[set[str], dict[str, str]]:
    """Which of some files are recordings to be taken, and of the others why not.

    Args:
        names: of all files, with slashes; sidecars are among them.
    """
    by_sidecar: dict[str, list[str]] = {}
    rest = []
    for name in names:
        if PurePosixPath(name).suffix.lower() in SUFFIXES:
            by_sidecar.setdefault(sidecar_of(name), []).append(name)
        else:
            rest.append(name)
    others = {name: _other(name) for name in rest if name not in by_sidecar}
    recordings = set()
    for same in by_sidecar.values():
        if len(same) == 1:
            recordings.update(same)
        else:
            others |= dict.fromkeys(same, _SHARED)
    return recordings, others


def _other(name: str) -> str:
    """Why a file that is neither a recording nor the sidecar of one is not taken."""
    if name.endswith(".json"):
        return "a sidecar without a recording"
    if name.lower().endswith(".json"):
        return "no sidecar: the name of one ends in .json, in small letters; rename it"
    return _OTHER


def sidecar_of(name: str) -> str:
    """The name of a recording's sidecar."""
    return PurePosixPath(name).with_suffix(".json").as_posix()


def read_drop(
    path: Path,
    *,
    language: str = DEFAULT,
    named: Callable[[str], str] | None = None,
    sidecar: bytes | None = None,
) -> Drop:
    """A recording with its sidecar, where it has one; the call id defaults to the file's stem.

    Args:
        path: of the recording.
        language: of a call whose sidecar names none.
        named: makes the id of a call whose name may hold a number, or can be no id, such as
            ``agents.crypto.party_pseudonyms.Pseudonyms.call_id``; without it such a name is
            refused.
        sidecar: what it holds, where it is no file beside ``path``.

    Raises:
        InputError: the sidecar can't be read or is no valid JSON object of its shape, its purpose
            may hold a number, or the call id is unusable.
    """
    beside = path.with_suffix(".json")
    notes = _notes(beside) if sidecar is None else _parsed(sidecar, shown(beside.name))
    # A name of the file system may be no UTF-8: what is not, is written as \xfc.
    stem = os.fsencode(path.stem).decode("utf-8", "backslashreplace")
    call_id = recorder_id = notes.call_id or stem
    renamed = holds_number(call_id) or not valid_call_id(call_id)
    if renamed and named is not None:
        call_id = named(call_id)
    elif holds_number(call_id):
        raise InputError(
            f"{shown(path.name)}: the call id may hold a telephone or card number; "
            "give it another in a sidecar"
        )
    if not valid_call_id(call_id):
        raise InputError(
            f"{shown(path.name)}: the call id may hold letters, digits, dot, dash and underscore, "
            "begins with a letter or digit, has at most 128 characters and no two dots in a row"
        )
    return Drop(
        path=path,
        call_id=call_id,
        started_at=notes.started_at.isoformat() if notes.started_at else "",
        language=notes.language or language,
        purpose=notes.purpose,
        numbers=notes.numbers,
        roles=_roles(notes.channels, shown(beside.name)),
        consent=_consent(notes, shown(beside.name), notes.numbers),
        renamed=renamed,
        recorder_id=recorder_id,
        business=_business(notes, shown(beside.name)),
        stated=notes.consent.model_dump_json(exclude_unset=True).encode() if notes.consent else b"",
    )


def began_at(sidecar: bytes, name: str) -> datetime | None:
    """When a call began, as its sidecar says; None: it does not.

    Args:
        sidecar: what it holds.
        name: of it, for people.

    Raises:
        InputError: it is no valid JSON object of its shape.
    """
    return _parsed(sidecar, name).started_at


def _notes(sidecar: Path) -> _Sidecar:
    """What a sidecar says; nothing where there is none."""
    content = read_sidecar(sidecar)
    return _Sidecar() if content is None else _parsed(content, shown(sidecar.name))


def read_sidecar(sidecar: Path) -> bytes | None:
    """What a sidecar holds; None: there is none.

    Raises:
        InputError: it can't be read, or is too large.
    """
    name, problem = shown(sidecar.name), ""
    try:
        with open_regular(sidecar) as file:
            content = file.read(LARGEST_SIDECAR + 1)
    except FileNotFoundError as error:
        if not sidecar.is_symlink():
            return None
        problem = f"leads nowhere ({error.strerror})"
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
    else:
        if len(content) > LARGEST_SIDECAR:
            problem = f"larger than {LARGEST_SIDECAR >> 20} MiB"
    if problem:
        raise InputError(f"{name}: {problem}; mend this sidecar, or take it away")
    return content


def _parsed(content: bytes, name: str) -> _Sidecar:
    try:
        notes = _Sidecar.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        # A key that is not ours may be anything, a number as well.
        unknown = first["type"] == "extra_forbidden"
        place = first["loc"][:-1] if unknown else first["loc"]
        where = ".".join(str(part) for part in place) or "sidecar"
        told = "a field that is not known" if unknown else first["msg"]
        raise InputError(f"{name}: {where}: {told}") from None
    if holds_number(notes.purpose):
        raise InputError(
            f"{name}: purpose: may hold a telephone or card number, and would stand in clear in "
            "headers and catalogue; name it by a word"
        )
    return notes


def _business(notes: _Sidecar, name: str) -> StatedBusiness:
    try:
        return StatedBusiness.of(notes)
    except RecordError as error:
        raise InputError(f"{name}: {error}") from None


def _consent(notes: _Sidecar, name: str, numbers: Sequence[str]) -> Consent | None:
    if notes.consent is None and not numbers:
        return None
    try:
        stated = notes.consent or Stated()
        return stated.consent(notes.started_at, system_clock(), numbers)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None


def _roles(channels: list[_Channel] | None, name: str) -> tuple[Role, ...] | None:
    if channels is None:
        return None
    by_index = {channel.index: channel.role for channel in channels}
    if sorted(by_index) != list(range(len(channels))):
        raise InputError(f"{name}: channels: the indexes must be 0, 1, … without gap or repeat")
    return tuple(by_index[index] for index in range(len(channels)))
