"""The form of a registry file: Presidio's YAML, checked before anything is made of it.

Outcome of :func:`read_registry`: the entries, each with its place in the file; ``PolicyError``
names file, line and reason for whatever is wrong.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.errors import PolicyError
from pipeline.policy.yaml_document import Document, read_document

Score = Annotated[float, Field(ge=0.0, le=1.0)]
Text = Annotated[str, Field(min_length=1)]

SHIPPED: Final = Path(str(resources.files("models"))) / "recognizers" / "registry.yaml"
_UNION_MEMBERS: Final = frozenset({"LanguageEntry", "constrained-str"})
REGEX_FLAGS: Final = 26
"""DOTALL, MULTILINE and IGNORECASE: Presidio's own default."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PatternEntry(_Strict):
    """A regular expression and what a match scores."""

    name: Text
    regex: Text
    score: Score


class LanguageEntry(_Strict):
    """A language, and the words that make a match near them more likely."""

    language: Text
    context: list[Text] | None = None


class Entry(BaseModel):
    """One recogniser; further keys are arguments of its class."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: Text
    type: Literal["predefined", "custom"] = "custom"
    class_name: Text | None = None
    enabled: bool = True
    supported_language: Text | None = None
    supported_languages: list[LanguageEntry | Text] | None = None
    supported_entity: Text | None = None
    supported_entities: Annotated[list[Text], Field(min_length=1)] | None = None
    context: list[Text] | None = None
    patterns: Annotated[list[PatternEntry], Field(min_length=1)] | None = None
    deny_list: Annotated[list[Text], Field(min_length=1)] | None = None
    deny_list_score: Score = 1.0

    @property
    def place(self) -> str | None:
        """Where its class is; None for one made of patterns or a list."""
        if self.class_name is not None:
            return self.class_name
        return self.name if self.type == "predefined" else None

    @property
    def arguments(self) -> dict[str, Any]:
        """Keys that Presidio's format does not have."""
        return dict(self.model_extra or {})

    @property
    def entities(self) -> list[str]:
        """Types that the entry names; empty for those of the class."""
        one = [self.supported_entity] if self.supported_entity else []
        return [*one, *(self.supported_entities or [])]

    def languages(self, default: list[str]) -> list[LanguageEntry]:
        """Each language with its context."""
        named = self.supported_languages or [self.supported_language or one for one in default]
        return [
            LanguageEntry(language=one, context=self.context) if isinstance(one, str) else one
            for one in named
        ]


class _File(_Strict):
    supported_languages: Annotated[list[Text], Field(min_length=1)] = ["en"]
    global_regex_flags: int = REGEX_FLAGS
    recognizers: Annotated[list[Entry], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class RegistryFile:
    """A registry file that has the right form."""

    document: Document
    folder: Path
    """Where relative files of classes begin."""
    languages: list[str]
    flags: int
    entries: list[Entry]

    def refused(self, index: int, reason: str, *place: int | str) -> PolicyError:
        """The error for a mistake in an entry."""
        error = self.document.refused(("recognizers", index, *place), reason)
        return PolicyError(f"recogniser registry {error}")


def writable_by_all(path: Path) -> bool:
    """Whether anybody on the machine may change a file."""
    return bool(path.stat().st_mode & stat.S_IWOTH)


def read_registry(path: Path) -> RegistryFile:
    """Read a registry file and check its form.

    Raises:
        PolicyError: it can't be read, everybody may write it, or its form is wrong.
    """
    try:
        text = path.read_text(encoding="utf-8")
        open_to_all = writable_by_all(path)
    except (OSError, UnicodeDecodeError) as error:
        problem = getattr(error, "strerror", None) or "not UTF-8"
        raise PolicyError(f"recogniser registry {path.name}: cannot be read ({problem})") from error
    if open_to_all:
        raise PolicyError(f"recogniser registry {path.name}: everybody may write it; chmod o-w")
    document = read_document(
        text,
        origin=path.name,
        what="a registry of recognisers is a mapping with a list 'recognizers'",
    )
    try:
        read = _File.model_validate(document.data)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False)
        # A misspelt key is also a missing one; the spelling is what helps.
        first = min(errors, key=lambda one: one["type"] != "extra_forbidden")
        # pydantic names the member of a union that it tried: no part of the file.
        place = tuple(part for part in first["loc"] if part not in _UNION_MEMBERS)
        reason = "unknown key" if first["type"] == "extra_forbidden" else first["msg"]
        raise PolicyError(f"recogniser registry {document.refused(place, reason)}") from error
    return RegistryFile(
        document, path.parent, read.supported_languages, read.global_regex_flags, read.recognizers
    )
