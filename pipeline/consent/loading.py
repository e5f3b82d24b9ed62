"""Reads the rules of places from YAML files; every mistake is told with file and line.

A file holds ``rules:``, a list of what ``pipeline.consent.rules.Rule`` describes. Files of an
installation's own stand beside the shipped ones; a rule of its own whose id is a shipped one's
takes that one's place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from itertools import combinations
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from pipeline.consent.rules import Needed, Rule, RuleSet, Told
from pipeline.errors import PolicyError
from pipeline.policy.yaml_document import (
    Document,
    Location,
    read_document,
    refusal_of,
    text_of,
    yaml_files,
)
from pipeline.records.consent import EXPLICIT, NOTICES, UNKNOWN, Kind

_WHAT: Final = "a file of rules is a mapping with a list under 'rules'"
_CONSENTS: Final = EXPLICIT | {Kind.SPOKEN}


def is_place(code: str) -> bool:
    """Whether it is a code of ISO 3166-1 or 3166-2, or ``*``."""
    return code == UNKNOWN or code in _codes()


@cache
def subdivisions_of(country: str) -> dict[str, str]:
    """The codes of a country's subdivisions, by name and by their last part, in lower case."""
    from pycountry import subdivisions  # noqa: PLC0415 - commands without consent need no list

    found: dict[str, str] = {}
    for one in subdivisions.get(country_code=country) or ():  # type: ignore[no-untyped-call]
        found |= {one.name.casefold(): one.code, one.code.partition("-")[2].casefold(): one.code}
    return found


@cache
def _codes() -> frozenset[str]:
    from pycountry import countries, subdivisions  # noqa: PLC0415 - as above

    return frozenset({*(one.alpha_2 for one in countries), *(one.code for one in subdivisions)})


@cache
def shipped_rules() -> RuleSet:
    """The rules that come with Hushwire."""
    return load_rules(())


def rules_schema() -> dict[str, Any]:
    """The published JSON schema of a file of rules, ``policies/jurisdictions.schema.json``."""
    rule = Rule.model_json_schema(ref_template="#/$defs/{model}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "hushwire.jurisdictions.v1",
        "type": "object",
        "additionalProperties": False,
        "required": ["rules"],
        "properties": {"rules": {"type": "array", "items": {"$ref": "#/$defs/Rule"}}},
        "$defs": {**rule.pop("$defs", {}), "Rule": rule},
    }


def load_rules(own: Iterable[Path], *, alone: bool = False) -> RuleSet:
    """The shipped rules, and those of an installation's own files and folders.

    Args:
        own: the files and folders.
        alone: leave the shipped rules out.

    Raises:
        PolicyError: a file can't be read, breaks the schema, names a place that isn't one, or two
            rules contradict; a line for each mistake.
    """
    shipped = Path(str(resources.files("policies"))) / "jurisdictions"
    mine = [file for path in own for file in yaml_files(path)]
    return parse_rules(
        [] if alone else [(file.name, text_of(file, "rules")) for file in yaml_files(shipped)],
        [(str(file), text_of(file, "rules")) for file in mine],
    )


def parse_rules(shipped: Sequence[tuple[str, str]], own: Sequence[tuple[str, str]] = ()) -> RuleSet:
    """Rules of texts; see ``load_rules``.

    Args:
        shipped: name and YAML of each file.
        own: the same, of an installation's own files.
    """
    reading = _Reading()
    first = [rule for name, text in shipped for rule in reading.rules(name, text)]
    mine = [rule for name, text in own for rule in reading.rules(name, text)]
    replaced = {each.rule.id for each in mine}
    kept = [each for each in first if each.rule.id not in replaced] + mine
    reading.problems += _contradictions(kept)
    if not reading.problems and not any(UNKNOWN in each.rule.places for each in kept):
        reading.problems.append("rules: none for '*', the places that nobody knows")
    if reading.problems:
        raise refusal_of(reading.problems)
    return RuleSet(tuple(sorted((each.rule for each in kept), key=lambda rule: rule.id)))


@dataclass(frozen=True, slots=True)
class _Placed:
    """A rule and where it stands."""

    rule: Rule
    document: Document
    index: int

    def told(self, reason: str, *, part: str = "places") -> str:
        """A mistake in it, in one line."""
        return self.document.told(("rules", self.index, part), reason)


@dataclass(slots=True)
class _Reading:
    """Files being read, and all that is wrong with them."""

    problems: list[str] = field(default_factory=list)

    def rules(self, origin: str, text: str) -> Iterator[_Placed]:
        """The rules of a file that are right."""
        try:
            document = read_document(text, origin=origin, what=_WHAT)
        except PolicyError as error:
            self.problems += str(error).splitlines()
            return
        entries = document.data.get("rules")
        extra = sorted(map(str, set(document.data) - {"rules"}))
        if not isinstance(entries, list) or extra:
            place: Location = (extra[0],) if extra else ("rules",)
            self.problems.append(document.told(place, _WHAT))
            return
        for index, entry in enumerate(entries):
            yield from self._rule(document, index, entry)

    def _rule(self, document: Document, index: int, entry: Any) -> Iterator[_Placed]:  # noqa: ANN401 - of YAML
        try:
            rule = Rule.model_validate(entry)
        except ValidationError as error:
            details = error.errors(include_url=False, include_input=False, include_context=False)
            self.problems += [
                document.told(("rules", index, *one["loc"]), one["msg"]) for one in details
            ]
            return
        found = list(_wrong(rule))
        self.problems += [
            document.told(("rules", index, *place), reason) for place, reason in found
        ]
        if not found:
            yield _Placed(rule, document, index)


def _wrong(rule: Rule) -> Iterator[tuple[Location, str]]:
    """What no schema says: places that there aren't, and demands that nothing can meet."""
    for index, place in enumerate(rule.places):
        if not is_place(place):
            yield ("places", index), f"{place} is no code of ISO 3166-1 or 3166-2"
    if UNKNOWN in rule.places and (len(rule.places) > 1 or rule.valid_until is not None):
        yield ("places",), "the rule for '*' stands alone and has no last day"
    if rule.valid_until is not None and rule.valid_until < rule.valid_from:
        yield ("valid_until",), "before valid_from"
    if rule.review_by <= rule.valid_from:
        yield ("review_by",), "not after valid_from"
    yield from _unmet(rule)


def _unmet(rule: Rule) -> Iterator[tuple[Location, str]]:
    """Demands that no evidence which counts could meet."""
    explicit = rule.consent is Needed.EXPLICIT
    may_stay = rule.staying_counts and rule.notice is not Told.NEVER
    if rule.notice is Told.BEFORE and Kind.NOTICE_PLAYED not in rule.evidence:
        yield ("evidence",), "notice: before can be shown by notice_played only"
    if rule.notice is Told.OPENING and not rule.evidence & NOTICES:
        yield ("evidence",), "no kind of notice counts, and notice: opening asks for one"
    if explicit and not rule.evidence & EXPLICIT:
        yield ("evidence",), "explicit_opt_in needs key, api or written"
    if explicit and rule.staying_counts:
        yield ("staying_counts",), "staying on the line is no explicit opt-in"
    if rule.consent is Needed.ALL_PARTIES and not (rule.evidence & _CONSENTS or may_stay):
        yield ("evidence",), "no kind counts by which the parties could consent"


def _contradictions(rules: Sequence[_Placed]) -> Iterator[str]:
    """Two rules for one place on one day, and two of one id and version."""
    for one, other in combinations(rules, 2):
        where = f"{one.document.origin}, line {one.document.line(('rules', one.index))}"
        if (one.rule.id, one.rule.version) == (other.rule.id, other.rule.version):
            name = f"{other.rule.id} version {other.rule.version}"
            yield other.told(f"{name} stands in {where} already", part="id")
        common = sorted(set(one.rule.places) & set(other.rule.places))
        if common and _meet(one.rule, other.rule):
            yield other.told(
                f"contradicts {one.rule.id} ({where}): both hold for {common[0]} on the same days"
            )


def _meet(one: Rule, other: Rule) -> bool:
    """Whether there is a day on which both are in force."""
    ends = [rule.valid_until for rule in (one, other) if rule.valid_until is not None]
    return not ends or max(one.valid_from, other.valid_from) <= min(ends)
