"""YAML files that people write: read once, and every mistake told with file, line and reason."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import yaml

from pipeline.errors import PolicyError

Location = tuple[int | str, ...]
"""The way to a value: keys of mappings and indexes of lists."""


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML mapping, and where each of its values stands."""

    origin: str
    """What the file is called in messages."""
    data: dict[str, Any] = field(repr=False)
    node: yaml.Node = field(repr=False)

    def line(self, location: Location) -> int:
        """1-based line of the deepest value on the way to ``location`` that exists."""
        node: yaml.Node | None = self.node
        line = 1
        for part in location:
            if isinstance(node, yaml.MappingNode):
                pair = next((pair for pair in node.value if pair[0].value == str(part)), None)
                if pair is None:
                    break
                line, node = pair[0].start_mark.line + 1, pair[1]
            elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
                if part >= len(node.value):
                    break
                node = node.value[part]
                line = node.start_mark.line + 1
            else:
                break
        return line

    def refused(self, location: Location, reason: str) -> PolicyError:
        """The error for a mistake at a place."""
        where = ".".join(str(part) for part in location)
        field_name = f" {where}:" if where else ""
        return PolicyError(f"{self.origin}, line {self.line(location)}:{field_name} {reason}")


def read_document(text: str, *, origin: str, what: str) -> Document:
    """Read the text of a file.

    Args:
        text: YAML.
        origin: what the file is called in messages.
        what: what it should hold, for the message that it does not.

    Raises:
        PolicyError: no YAML, a key twice in one mapping, or no mapping.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "not valid YAML"
        raise PolicyError(f"{origin}{where}: {problem}") from error
    if node is None or not isinstance(data, dict):
        raise PolicyError(f"{origin}, line 1: {what}")
    _refuse_twins(node, origin)
    return Document(origin, data, node)


def _refuse_twins(node: yaml.Node, origin: str) -> None:
    """Of a key that stands twice, YAML silently takes the second: a rule would be lost."""
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.value in seen:
                raise PolicyError(
                    f"{origin}, line {line}: {key.value} stands here a second time "
                    f"(first in line {seen[key.value]})"
                )
            seen[key.value] = line
            _refuse_twins(value, origin)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            _refuse_twins(value, origin)
