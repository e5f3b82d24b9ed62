"""Reads policies: files, names of shipped ones, and several of them as one.

Outcome: a ``Policy``, or ``PolicyError`` with the file, the line and what is wrong there, of all
mistakes at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from pipeline.errors import PolicyError
from pipeline.policy.disclosure import refusal
from pipeline.policy.known_names import BUILT_IN, Known
from pipeline.policy.model import Policy
from pipeline.policy.places import names_in, place_of, unreadable
from pipeline.policy.union import union
from pipeline.policy.yaml_document import Location, read_document, refusal_of, shown
from pipeline.records.entities import NEVER_ALLOWED, SPOKEN_NUMBERS, Entity
from pipeline.records.model import Action
from pipeline.records.scores import NEVER_OFF

_MOST_FILES: Final = 16
"""Policies that are read for one; more is a mistake, or somebody who wants to keep us busy."""
_LARGEST: Final = 256 * 1024
"""Characters of a policy's file."""
_MOST_VALUES: Final = 20_000
"""Keys and values of a policy's file: an answer to whoever sends one takes no second."""
_SHIPPED: Final = re.compile(r"[a-z0-9_-]{1,40}")
_NO_FIELD: Final = "there is no such field here"
_ALLOWED_DIGITS: Final = 4
"""A shorter number would match by chance."""


def load_policy(source: str | Path, known: Known = BUILT_IN) -> Policy:
    """Read a policy by path, or by the name of a shipped one such as ``default``.

    Several, joined by a plus sign (``pci+hipaa``), are one policy that mutes what any of them
    mutes.

    Args:
        source: path, name, or several.
        known: the names that it may use.

    Raises:
        PolicyError: a file is missing, is no YAML, breaks the schema, or uses a name that nobody
            knows; a line for each mistake.
    """
    reading = _Reading(known)
    return reading.outcome(reading.union_of(names_in(source), Path()))


def parse_policy(
    text: str, *, origin: str = "policy", folder: Path | None = None, known: Known = BUILT_IN
) -> Policy:
    """Validate the text of a policy.

    Args:
        text: YAML.
        origin: what it is called in messages.
        folder: where the policies lie that it extends by a relative path; without one it may extend
            shipped policies only.
        known: the names that it may use.

    Raises:
        PolicyError: with ``origin``, the line and what is wrong there, a line for each mistake.
    """
    reading = _Reading(known)
    return reading.outcome(reading.parse(text, origin, folder))


@dataclass(slots=True)
class _Reading:
    """One policy being read, with all that it extends."""

    known: Known
    problems: list[str] = field(default_factory=list)
    files: int = 0
    way: list[Path] = field(default_factory=list)
    """Files that are being read, each extended by the one before it."""

    def outcome(self, policy: Policy | None) -> Policy:
        """The policy, or all that is wrong with it."""
        if policy is not None and not self.problems:
            return policy
        raise refusal_of(self.problems)

    def union_of(self, names: Sequence[str], folder: Path | None) -> Policy | None:
        """Several policies as one; relative paths begin at ``folder``."""
        loaded = [self._load(name, folder) for name in names]
        return union([one for one in loaded if one is not None]) if all(loaded) else None

    def parse(self, text: str, origin: str, folder: Path | None) -> Policy | None:
        """The policy of a text; None: something was wrong, and is among the problems."""
        try:
            document = read_document(
                text,
                origin=origin,
                what="a policy is a mapping with at least 'name' and 'version'",
                largest=_LARGEST,
                values=_MOST_VALUES,
            )
        except PolicyError as error:
            self.problems += str(error).splitlines()
            return None
        found = list(self.known.unknown(document.data))
        data, base = dict(document.data), None
        if "extends" in data:
            names = _names(data.pop("extends"), shipped=folder is None)
            if isinstance(names, str):
                found.append((("extends",), names))
            else:
                base = self.union_of(names, folder)
        policy = None
        try:
            policy = Policy.model_validate(_over(base, data) if base is not None else data)
        except ValidationError as error:
            details = error.errors(include_url=False, include_input=False, include_context=False)
            found += [
                (one["loc"], _NO_FIELD if one["type"] == "extra_forbidden" else one["msg"])
                for one in details
            ]
        else:
            found += _forbidden(policy)
        found.sort(key=lambda one: document.line(one[0]))
        self.problems += [document.told(place, reason) for place, reason in found]
        return policy

    def _load(self, source: str, folder: Path | None) -> Policy | None:
        path = place_of(source, folder)
        self.files += 1
        if path in self.way or self.files > _MOST_FILES:
            found = "extend one another in a circle" if path in self.way else "are too many to read"
            self.problems.append(f"policy {shown(source)}: policies {found}")
            return None
        try:
            with path.open(encoding="utf-8") as file:
                text = file.read(_LARGEST + 1)
        except (OSError, ValueError) as error:
            problem = getattr(error, "strerror", None) or "not UTF-8"
            self.problems.append(unreadable(source, problem))
            return None
        self.way.append(path)
        policy = self.parse(text, source, path.parent)
        self.way.pop()
        return policy


def _names(bases: object, *, shipped: bool) -> list[str] | str:
    """The policies that a file begins from, or what is wrong with them."""
    names = [bases] if isinstance(bases, str) else bases
    if not isinstance(names, list) or not names or not all(isinstance(n, str) for n in names):
        return "the name of a policy, or a list of names"
    if shipped and not all(map(_SHIPPED.fullmatch, names)):
        return "extends names shipped policies only, when it is sent here"
    return names


def _forbidden(policy: Policy) -> Iterator[tuple[Location, str]]:
    """What no policy may show or leave audible, and what could never come about."""
    if policy.understanding.sound_ms > policy.understanding.within_ms:
        reason = f"more than within_ms ({policy.understanding.within_ms}): no while holds so much"
        yield ("understanding", "sound_ms"), reason
    for name, rule in (("", policy.default), *policy.entities.items()):
        place = ("entities", name, "transcript") if name else ("default", "transcript")
        if problem := refusal(name, rule.transcript):
            yield place, problem
    keys = policy.entities.get(Entity.DTMF)
    if keys is not None and keys.action is not Action.MUTE:
        reason = "a key may be a digit of a card: it is silenced in every call; write mute"
        yield ("entities", Entity.DTMF.value, "action"), reason
    for name, one in policy.recognizers.items():
        if not one.enabled and name in NEVER_OFF:
            reason = "it finds payment data, a secret, or what may be either: it is never off"
            yield ("recognizers", name, "enabled"), reason
    for entity, entries in policy.allow.items():
        for index, entry in enumerate(entries):
            if problem := _not_allowed(entity, entry):
                yield ("allow", entity, index), problem


def _over(base: Policy, own: dict[str, Any]) -> dict[str, Any]:
    """A file's own lines over what it extends, field by field."""
    data = base.model_dump(exclude_unset=True)
    for key, value in own.items():
        if key == "entities" and isinstance(value, dict):
            known = data.setdefault(key, {})
            for entity, rule in value.items():
                plain = base.rule(str(entity)).model_dump()
                known[entity] = {**plain, **rule} if isinstance(rule, dict) else rule
        elif isinstance(value, dict) and isinstance(getattr(base, key, None), BaseModel):
            data[key] = {**getattr(base, key).model_dump(), **value}
        elif isinstance(value, dict) and isinstance(data.get(key), dict):
            data[key] = {**data[key], **value}
        else:
            data[key] = value
    return data


def _not_allowed(entity: str, entry: str) -> str:
    """Why a value may not stay audible; empty where it may."""
    if entity in NEVER_ALLOWED:
        return f"{entity} is never left audible: it is payment data, a secret, or may be either"
    if entity not in set(Entity):
        return ""  # told already, once for the type
    if entity in SPOKEN_NUMBERS:
        if sum(map(str.isdecimal, entry)) < _ALLOWED_DIGITS:
            return f"write the number in figures, {_ALLOWED_DIGITS} digits at least"
    elif sum(map(str.isalpha, entry)) < _ALLOWED_DIGITS:
        return f"a value of {_ALLOWED_DIGITS} letters at least"
    return ""
