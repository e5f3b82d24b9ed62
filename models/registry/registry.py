"""The recognisers of a call: the shipped registry file, and one of the security team's own.

Both are in Presidio's YAML format. The own file adds recognisers (patterns, lists, classes) and may
switch shipped ones off (``enabled: false``), except those that find payment data. Outcome: a
:class:`Registry`, or ``PolicyError`` with file, line and reason; nothing that is wrong is skipped.
"""

from __future__ import annotations

import hashlib
import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from presidio_analyzer import EntityRecognizer, Pattern, PatternRecognizer

from models.registry.class_loading import class_at
from models.registry.regex_guard import bind, problem_of
from models.registry.schema import SHIPPED, Entry, LanguageEntry, RegistryFile, read_registry
from models.store.software import digest_of
from pipeline.detection.language.vocabulary import languages
from pipeline.errors import HushwireError, PolicyError, likely
from pipeline.policy.model import Policy
from pipeline.records.entities import NEVER_ALLOWED, Entity


@dataclass(frozen=True, slots=True)
class Registered:
    """One recogniser in one language."""

    name: str
    """As the file calls it."""
    recognizer: EntityRecognizer
    shipped: bool
    """Whether it comes with Hushwire."""

    @property
    def language(self) -> str:
        """Whose calls it searches."""
        return str(self.recognizer.supported_language)

    @property
    def entities(self) -> tuple[str, ...]:
        """What it finds."""
        return tuple(sorted(map(str, self.recognizer.supported_entities)))


@dataclass(frozen=True, slots=True)
class Registry:
    """Every recogniser that is in use, in the order of the files."""

    registered: tuple[Registered, ...]
    added: str = ""
    """Digest of the installation's own file and of the modules of its classes; empty without one.
    What those modules import is not looked at."""

    def of(self, language: str) -> list[EntityRecognizer]:
        """The recognisers of one language."""
        return [one.recognizer for one in self.registered if one.language == language]

    @property
    def entities(self) -> list[str]:
        """Every type that one of them finds."""
        return sorted({entity for one in self.registered for entity in one.entities})


def load_registry(own: Path | None = None, policy: Policy | None = None) -> Registry:
    """The shipped recognisers and those of a file.

    Args:
        own: a registry file that is added to the shipped one.
        policy: its types are known ones, too.

    Raises:
        PolicyError: a file is wrong.
    """
    known = {*map(str, Entity), *(policy.entities if policy else ())}
    base = read_registry(SHIPPED)
    made = _made(base, known, shipped=True)
    if own is not None:
        added = read_registry(own)
        made = [one for one in made if one.name not in _switched_off(added, made)]
        made += _made(added, known, shipped=False, taken={one.name for one in made})
    return Registry(tuple(made), "" if own is None else _digest(own, made))


def _digest(own: Path, made: list[Registered]) -> str:
    modules = {inspect.getsourcefile(type(one.recognizer)) or "" for one in made if not one.shipped}
    contents = [own.read_bytes(), *(Path(one).read_bytes() for one in modules if one)]
    # By content alone: where the files lie differs from machine to machine.
    return digest_of(sorted(hashlib.sha256(one).hexdigest() for one in contents))


def _switched_off(file: RegistryFile, made: list[Registered]) -> set[str]:
    """Shipped recognisers that an own file does without."""
    off: set[str] = set()
    for index, entry in enumerate(file.entries):
        if entry.enabled:
            continue
        found = {entity for one in made if one.name == entry.name for entity in one.entities}
        if not any(one.name == entry.name for one in made) and entry.place == entry.name:
            raise file.refused(index, f"no recogniser {entry.name} is shipped", "name")
        if found & NEVER_ALLOWED:
            raise file.refused(index, "it finds payment data or secrets and stays on", "enabled")
        off.add(entry.name)
    return off


def _made(
    file: RegistryFile, known: set[str], *, shipped: bool, taken: set[str] | None = None
) -> list[Registered]:
    """The recognisers of a file's entries."""
    _check_languages(file)
    names = set(taken or ())
    made: list[Registered] = []
    for index, entry in enumerate(file.entries):
        if entry.name in names:
            raise file.refused(index, f"a recogniser {entry.name} is there already", "name")
        if not entry.enabled:
            continue
        names.add(entry.name)
        _check_entities(file, index, entry, known)
        for language in entry.languages(file.languages):
            recognizer = _recognizer(file, index, entry, language)
            for entity in recognizer.supported_entities:
                if entity not in known:
                    raise file.refused(index, _no_entity(str(entity), known), "name")
            made.append(Registered(entry.name, recognizer, shipped=shipped))
    return made


def types_of_class(file: RegistryFile, index: int) -> set[str]:
    """What the class of an entry finds, as it says itself.

    Raises:
        PolicyError: there is no such class, or it can't be made.
    """
    entry = file.entries[index]
    _check_languages(file)
    made = [_of_class(file, index, entry, one) for one in entry.languages(file.languages)]
    return {str(entity) for one in made for entity in one.supported_entities}


def _check_languages(file: RegistryFile) -> None:
    """Every language that a file names has number words and prompts."""
    for index, language in enumerate(file.languages):
        if language not in languages():
            place = ("supported_languages", index)
            raise PolicyError(
                f"recogniser registry {file.document.refused(place, _no_language(language))}"
            )
    for index, entry in enumerate(file.entries):
        key = "supported_languages" if entry.supported_languages else "supported_language"
        if entry.supported_language and entry.supported_languages:
            raise file.refused(index, "either supported_language or supported_languages", key)
        for one in entry.languages(file.languages):
            if one.language not in languages():
                raise file.refused(index, _no_language(one.language), key)


def _check_entities(file: RegistryFile, index: int, entry: Entry, known: set[str]) -> None:
    named = [(("supported_entity",), entry.supported_entity)] if entry.supported_entity else []
    places: list[tuple[tuple[int | str, ...], str | None]] = [
        *named,
        *(
            (("supported_entities", at), entity)
            for at, entity in enumerate(entry.supported_entities or ())
        ),
    ]
    for place, entity in places:
        if entity not in known:
            raise file.refused(index, _no_entity(str(entity), known), *place)


def _recognizer(
    file: RegistryFile, index: int, entry: Entry, language: LanguageEntry
) -> EntityRecognizer:
    if entry.place is None:
        recognizer = _of_patterns(file, index, entry, language)
    else:
        recognizer = _of_class(file, index, entry, language)
    if isinstance(recognizer, PatternRecognizer):
        recognizer.global_regex_flags = file.flags
        bind(recognizer)
    return recognizer


def _of_patterns(
    file: RegistryFile, index: int, entry: Entry, language: LanguageEntry
) -> EntityRecognizer:
    if entry.arguments:
        key = next(iter(entry.arguments))
        raise file.refused(index, "unknown key", key)
    if len(entry.entities) != 1:
        raise file.refused(index, "patterns and lists find one type: name one supported_entity")
    if not entry.patterns and not entry.deny_list:
        raise file.refused(index, "has neither patterns nor a deny_list nor a class_name", "name")
    for at, pattern in enumerate(entry.patterns or ()):
        if problem := problem_of(pattern.regex, file.flags):
            raise file.refused(index, problem, "patterns", at, "regex")
    for at, value in enumerate(entry.deny_list or ()):
        if not value.strip():
            raise file.refused(index, "an empty value", "deny_list", at)
    given: dict[str, Any] = {
        "patterns": [Pattern(one.name, one.regex, one.score) for one in entry.patterns or ()],
        "deny_list": entry.deny_list,
        "context": language.context,
    }
    return PatternRecognizer(
        supported_entity=entry.entities[0],
        name=entry.name,
        supported_language=language.language,
        deny_list_score=entry.deny_list_score,
        global_regex_flags=file.flags,
        **given,
    )


def _of_class(
    file: RegistryFile, index: int, entry: Entry, language: LanguageEntry
) -> EntityRecognizer:
    key = "class_name" if entry.class_name else "name"
    try:
        kind = class_at(entry.place or entry.name, file.folder)
    except ValueError as error:
        raise file.refused(index, str(error), key) from error
    taken = inspect.signature(kind.__init__).parameters
    open_ended = any(one.kind is one.VAR_KEYWORD for one in taken.values())
    given: dict[str, Any] = {
        "supported_language": language.language,
        "name": entry.name,
        "context": language.context,
        "supported_entity": entry.entities[0] if entry.entities else None,
        "supported_entities": entry.entities or None,
    }
    given = {name: value for name, value in given.items() if name in taken and value is not None}
    for name, value in entry.arguments.items():
        if name not in taken and not open_ended:
            raise file.refused(index, f"unknown key: {kind.__name__} takes no such argument", name)
        given[name] = value
    if "deny_list" in entry.model_fields_set or "patterns" in entry.model_fields_set:
        raise file.refused(index, "a class brings its own patterns", key)
    try:
        recognizer = kind(**given)
    except HushwireError as error:
        raise file.refused(index, str(error), key) from error
    except Exception as error:
        reason = f"{kind.__name__} cannot be made ({type(error).__name__}: {error})"
        raise file.refused(index, reason, key) from error
    setattr(recognizer, "name", entry.name)  # noqa: B010 - a class may ignore its name
    return recognizer


def _no_language(language: str) -> str:
    return f"no data for language {language!r}; there is {', '.join(languages())}"


def _no_entity(entity: str, known: set[str]) -> str:
    meant = likely(entity, known)
    return f"the policy knows no entity {entity}; name it under its entities{meant}"
