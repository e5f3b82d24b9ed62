"""The usual settings of a policy as fields, and what changed fields do to its text.

The text is what counts: a field writes into it and leaves every other line, comments too, as it is.
Outcomes of ``changed_text``: the new text; ``InputError`` for a field that holds no such value.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.tokens import AliasToken, AnchorToken

from agents.reports.entity_groups import KINDS, Kind, kind_of, label_of
from pipeline.errors import InputError
from pipeline.policy.known_names import Known
from pipeline.policy.model import Policy, RecognizerRule
from pipeline.records.entities import NEVER_ALLOWED, Entity
from pipeline.records.model import Action
from pipeline.records.scores import NEVER_OFF, Recognizer

FIELDS_MOST: Final = 800
YES, NO = "yes", "no"
ON, OFF = "on", "off"
_RULE: Final = ("action", "threshold", "pad_before_ms", "pad_after_ms")
_CONSENT: Final = ("enforced", "agents_agreed", "withdrawal", "our_places", "their_places")


@dataclass(frozen=True, slots=True)
class TypeRow:
    """An entity type in the form."""

    entity: str
    label: str
    kind: Kind
    payment: bool
    """Whether the net warns where less of it is silenced."""
    fixed: bool
    """Whether its action can't be another: keys are silenced whatever a policy says."""


def rows(policy: Policy, known: Known) -> list[TypeRow]:
    """All types, by kind and name."""
    names = {*known.entities, *policy.entities}
    found = [
        TypeRow(name, label_of(name), kind_of(name), name in NEVER_ALLOWED, name == Entity.DTMF)
        for name in names
    ]
    return sorted(found, key=lambda row: (KINDS.index(row.kind), row.label))


def values(policy: Policy, known: Known) -> dict[str, str]:
    """What the fields show, by their names: what the policy does, wherever it says so."""
    found: dict[str, str] = {}
    for row in rows(policy, known):
        rule = policy.rule(row.entity)
        for name in _RULE:
            found[f"entities.{row.entity}.{name}"] = _shown(getattr(rule, name))
        found[f"reader.{row.entity}"] = _shown(
            min(policy.threshold(row.entity, Recognizer.READER), 1.0)
        )
    for purpose in sorted({*known.purposes, *policy.retention}):
        found[f"retention.{purpose}"] = str(policy.keep_days(purpose))
    for name in _CONSENT:
        found[f"consent.{name}"] = _shown(getattr(policy.consent, name))
    for name in switches(known):
        own = policy.recognizers.get(name)
        found[f"recognizers.{name}"] = OFF if own is not None and not own.enabled else ON
    return found


def switches(known: Known) -> list[str]:
    """Recognisers that a policy may switch off, by name."""
    return sorted(known.recognizers - NEVER_OFF)


def changes(form: Mapping[str, str]) -> dict[str, str]:
    """The fields that are not what the page showed."""
    try:
        shown = json.loads(form.get("shown", "{}"))
    except (ValueError, RecursionError):
        shown = {}
    if not isinstance(shown, dict):
        return {}
    return {name: form[name].strip() for name, old in shown.items() if form.get(name, old) != old}


def changed_text(text: str, policy: Policy, wanted: Mapping[str, str]) -> str:
    """The text of a policy with some fields changed.

    Args:
        text: as it is; it was read without a mistake.
        policy: what it says.
        wanted: values by the names of their fields.
    """
    if not wanted:
        return text
    reader = YAML(typ="rt")
    reader.preserve_quotes = True
    reader.width = 4_096
    try:
        if any(isinstance(one, (AliasToken, AnchorToken)) for one in reader.scan(text)):
            # What is changed in one place would change wherever an alias stands, too.
            raise InputError("the form can't change a text with & and *: change the text itself")
        document = reader.load(text)
        for name, value in wanted.items():
            _change(document, policy, name, value)
        out = io.StringIO()
        reader.dump(document, out)
    except (YAMLError, RecursionError):
        raise InputError("the form can't change this text: change the text itself") from None
    return out.getvalue()


def _change(document: Any, policy: Policy, name: str, value: str) -> None:  # noqa: ANN401 - YAML
    section, _, rest = name.partition(".")
    if section == "entities":
        entity, _, field = rest.rpartition(".")
        rule = _inside(document, "entities", entity, lambda: _whole_rule(policy, entity))
        rule[field] = _read_rule(name, field, value)
    elif section == "reader":
        rule = _inside(
            document,
            "recognizers",
            Recognizer.READER.value,
            lambda: _recognizer(policy, Recognizer.READER.value),
        )
        if not isinstance(rule.get("entities"), dict):
            rule["entities"] = {}
        rule["entities"][rest] = _share(name, value)
    elif section == "retention":
        for purpose, days in policy.retention.items():
            if purpose not in _section(document, "retention"):
                document["retention"][purpose] = days
        document["retention"][rest] = _whole(name, value)
    elif section == "consent" and rest in _CONSENT:
        _section(document, "consent")[rest] = _read_consent(rest, value)
    elif section == "recognizers":
        rule = _inside(document, "recognizers", rest, lambda: _recognizer(policy, rest))
        rule["enabled"] = value != OFF
    else:
        raise InputError(f"{name[:60]}: no such field")


def _section(document: Any, name: str) -> Any:  # noqa: ANN401 - YAML
    if not isinstance(document.get(name), dict):
        document[name] = {}
    return document[name]


def _inside(document: Any, section: str, name: str, new: Callable[[], Any]) -> Any:  # noqa: ANN401
    """A mapping of a section; where the text has none, all that holds now, since it replaces it."""
    found = _section(document, section)
    if not isinstance(found.get(name), dict):
        found[name] = new()
    return found[name]


def _whole_rule(policy: Policy, entity: str) -> dict[str, Any]:
    form = policy.rule(entity).model_dump(mode="json")
    return {name: form[name] for name in (*_RULE, "transcript") if form[name] != "placeholder"}


def _recognizer(policy: Policy, name: str) -> dict[str, Any]:
    rule = policy.recognizers.get(name, RecognizerRule())
    return {field: value for field, value in rule.model_dump(mode="json").items() if value}


def _read_rule(name: str, field: str, value: str) -> object:
    if field == "action":
        if value not in set(Action):
            raise InputError(f"{name}: mute, keep or count")
        return value
    return _share(name, value) if field == "threshold" else _whole(name, value)


def _read_consent(field: str, value: str) -> object:
    if field.endswith("_places"):
        return [place for place in (one.strip() for one in value.split(",")) if place]
    return value == YES if value in {YES, NO} else value


def _share(name: str, value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise InputError(f"{name[:60]}: a number from 0 to 1") from None


def _whole(name: str, value: str) -> int:
    if not value.isdecimal() or len(value) > 6:  # noqa: PLR2004 - more days than anything is kept
        raise InputError(f"{name[:60]}: a whole number")
    return int(value)


def _shown(value: object) -> str:
    match value:
        case bool():
            return YES if value else NO
        case float():
            return f"{value:g}"
        case tuple():
            return ", ".join(map(str, value))
        case _:
            return str(value)


def purposes(fields: Iterable[str]) -> list[str]:
    """The purposes of the retention's fields."""
    return [name.removeprefix("retention.") for name in fields if name.startswith("retention.")]
