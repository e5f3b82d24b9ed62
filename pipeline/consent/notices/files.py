"""Reads files of prompts, each part by itself; ``problems`` grows with what is wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import BaseModel, TypeAdapter, ValidationError

from pipeline.consent.notices.model import Notice, Notices, Phrases, TrackingNumber
from pipeline.errors import PolicyError
from pipeline.policy.yaml_document import Document, Location, read_document
from pipeline.records.call_names import holds_number

_WHAT: Final = "a file of notices is a mapping with notices, purposes or numbers"
_SECTIONS: Final = ("notices", "purposes", "numbers")


@dataclass(frozen=True, slots=True)
class Placed:
    """Something read, and where it stands."""

    document: Document
    location: Location
    notice: Notice | None = None
    number: TrackingNumber | None = field(default=None, repr=False)

    @property
    def where(self) -> str:
        """File and line."""
        return f"{self.document.origin}, line {self.document.line(self.location)}"

    def told(self, part: str, reason: str) -> str:
        """A mistake in it, in one line."""
        return self.document.told((*self.location, part), reason)


@dataclass(slots=True)
class NoticeFiles:
    """Files being read, and what is wrong with each part by itself."""

    problems: list[str] = field(default_factory=list)
    notices: list[Placed] = field(default_factory=list)
    numbers: list[Placed] = field(default_factory=list)
    purposes: dict[str, dict[str, str]] = field(default_factory=dict)

    def read(self, origin: str, text: str) -> None:
        """Add a file."""
        try:
            document = read_document(text, origin=origin, what=_WHAT)
        except PolicyError as error:
            self.problems += str(error).splitlines()
            return
        extra = sorted(str(name) for name in document.data if name not in _SECTIONS)
        if extra or not document.data:
            self.problems.append(document.told(_without_numbers(tuple(extra[:1])), _WHAT))
        for index, entry in enumerate(self._entries(document, "notices")):
            place: Location = ("notices", index)
            if isinstance(read := self._one(document, place, Notice, entry), Notice):
                self.notices.append(Placed(document, place, notice=read))
        for index, entry in enumerate(self._entries(document, "numbers")):
            place = ("numbers", index)
            if isinstance(
                read := self._one(document, place, TrackingNumber, entry), TrackingNumber
            ):
                self.numbers.append(Placed(document, place, number=read))
        if "purposes" in document.data:
            entry = {"by_language": document.data["purposes"]}
            if isinstance(read := self._one(document, ("purposes",), Phrases, entry), Phrases):
                self._add(document, read)

    def _add(self, document: Document, phrases: Phrases) -> None:
        for language, named in phrases.by_language.items():
            known = self.purposes.setdefault(language, {})
            for name, phrase in named.items():
                if name in known:
                    place = ("purposes", language, name)
                    self.problems.append(document.told(place, "another file has it already"))
                known[name] = phrase

    def _entries(self, document: Document, section: str) -> list[Any]:
        entries = document.data.get(section, [])
        if not isinstance(entries, list):
            self.problems.append(document.told((section,), f"{section} is a list"))
            return []
        return entries

    def _one(
        self,
        document: Document,
        place: Location,
        model: type[BaseModel],
        entry: Any,  # noqa: ANN401 - of YAML
    ) -> BaseModel | None:
        try:
            return TypeAdapter(model).validate_python(entry)
        except ValidationError as error:
            for one in error.errors(include_url=False, include_input=False, include_context=False):
                way = tuple(part for part in one["loc"] if part != "by_language")
                reason = one["msg"].removeprefix("Value error, ")
                self.problems.append(document.told(_without_numbers((*place, *way)), reason))
            return None


def merged(shipped: NoticeFiles, own: NoticeFiles) -> Notices:
    """Both, an own prompt or phrase in the place of the shipped one."""
    mine = [each.notice for each in own.notices if each.notice]
    replaced = frozenset((one.id, one.language) for one in mine)
    kept = [each.notice for each in shipped.notices if each.notice]
    purposes = {
        language: {**shipped.purposes.get(language, {}), **own.purposes.get(language, {})}
        for language in sorted({*shipped.purposes, *own.purposes})
    }
    numbers = [each.number for each in own.numbers if each.number]
    return Notices(
        (*(one for one in kept if (one.id, one.language) not in replaced), *mine),
        replaced,
        purposes,
        {one.number: one for one in numbers},
    )


def _without_numbers(location: Location) -> Location:
    """A place in a file, cut where a key may be somebody's number."""
    way: list[int | str] = []
    for part in location:
        if isinstance(part, str) and holds_number(part):
            break
        way.append(part)
    return tuple(way)
