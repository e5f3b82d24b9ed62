"""The names that a policy may use: entity types, recognisers, purposes.

A rule for a name that nobody knows would silently do nothing, and leave what was meant to
``default``. Outcome of :meth:`Known.unknown`: each such name with its place, and what was probably
meant; it raises nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from pipeline.errors import likely
from pipeline.policy.yaml_document import Location
from pipeline.records.entities import Entity
from pipeline.records.scores import NUMBER_RECOGNIZERS, Recognizer

DEFAULT_PURPOSE: Final = "default"
"""Retention of calls whose recorder names no purpose."""
_MOST_MEANT: Final = 50
"""Names for which a likely one is looked for: it costs a comparison with every known one."""
_OURS: Final = frozenset(map(str, Entity))


@dataclass(frozen=True, slots=True)
class Known:
    """Names that have a meaning."""

    entities: frozenset[str] = _OURS
    """Hushwire's types, and those that own recognisers find."""
    recognizers: frozenset[str] = NUMBER_RECOGNIZERS | {Recognizer.READER}
    purposes: frozenset[str] = frozenset({DEFAULT_PURPOSE})
    """What recorders name, and ``default``."""

    def unknown(self, policy: Mapping[str, object]) -> Iterator[tuple[Location, str]]:
        """What a policy names that is not known.

        Args:
            policy: as its file has it; nothing of its form is taken for granted.

        Yields:
            Place and reason.
        """
        asked = 0
        for place, names, known, reason in self._named(policy):
            for name in names:
                if name not in known:
                    asked += 1
                    meant = likely(name, known) if asked <= _MOST_MEANT else ""
                    yield (*place, name), reason + meant

    def _named(
        self, policy: Mapping[str, object]
    ) -> Iterator[tuple[Location, list[str], frozenset[str], str]]:
        no_type = "no type that Hushwire or the recogniser file in use finds"
        yield ("entities",), _keys(policy.get("entities")), self.entities, no_type
        yield (
            ("recognizers",),
            _keys(policy.get("recognizers")),
            self.recognizers,
            "no recogniser has this name (`hushwire recognizers list`)",
        )
        rules = policy.get("recognizers")
        for name, rule in rules.items() if isinstance(rules, dict) else ():
            if isinstance(rule, dict):
                place = ("recognizers", name, "entities")
                yield place, _keys(rule.get("entities")), self.entities, no_type
        yield (
            ("retention",),
            _keys(policy.get("retention")),
            self.purposes,
            "no purpose of this installation (the setting `purposes` lists them)",
        )
        # Values of own types are never left audible: how they are said is not known.
        yield ("allow",), _keys(policy.get("allow")), _OURS, "no type that Hushwire finds itself"


BUILT_IN: Final = Known()
"""Without own recognisers, and without any that is not for spoken numbers."""


def _keys(names: object) -> list[str]:
    return [name for name in names if isinstance(name, str)] if isinstance(names, dict) else []
