"""YAML files that people write: read once, and every mistake told with file, line and reason.

Whoever sends a file decides what is in it, so what it may cost is bounded while it is read: length,
depth, values (those that an alias repeats are counted again), and the length of one value.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml
from yaml.composer import Composer, ComposerError
from yaml.constructor import ConstructorError, SafeConstructor
from yaml.resolver import Resolver

from pipeline.errors import PolicyError

if TYPE_CHECKING or not yaml.__with_libyaml__:
    from yaml.parser import Parser
    from yaml.reader import Reader
    from yaml.scanner import Scanner

    class _Parser(Reader, Scanner, Parser):
        def __init__(self, text: str) -> None:
            Reader.__init__(self, text)
            Scanner.__init__(self)
            Parser.__init__(self)
else:
    from yaml.cyaml import CParser as _Parser

LARGEST: Final = 1 << 20
"""Characters of a file."""
DEEPEST: Final = 16
"""Levels of mappings and lists, one in another."""
MOST_VALUES: Final = 50_000
"""Keys and values of a file, aliases unfolded."""
LONGEST: Final = 4_096
"""Characters of one value; YAML makes numbers of some, in time that grows with its square."""
_NO_VALUE: Final = (ValueError, KeyError, IndexError, AttributeError, OverflowError)
"""What PyYAML raises for a value that is not of the type that its form or tag says."""
TOLD: Final = 50
"""Mistakes that are told one by one."""
_SHOWN: Final = 60
"""Characters of a name in a message."""

Location = tuple[int | str, ...]
"""The way to a value: keys of mappings and indexes of lists."""


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML mapping, and where each of its values stands."""

    origin: str
    """What the file is called in messages."""
    data: dict[str, Any] = field(repr=False)
    lines: dict[tuple[str, ...], int] = field(repr=False)
    """1-based, by location."""

    def line(self, location: Location) -> int:
        """1-based line of the deepest value on the way to ``location`` that exists."""
        way = tuple(map(str, location))
        while way and way not in self.lines:
            way = way[:-1]
        return self.lines.get(way, 1)

    def told(self, location: Location, reason: str) -> str:
        """A mistake at a place, in one line."""
        where = ".".join(shown(str(part)) for part in location)
        field_name = f" {where}:" if where else ""
        return f"{self.origin}, line {self.line(location)}:{field_name} {reason}"

    def refused(self, location: Location, reason: str) -> PolicyError:
        """The error for a mistake at a place."""
        return PolicyError(self.told(location, reason))


def shown(name: str) -> str:
    """A name as a message may hold it: short, and nothing that a terminal would obey."""
    short = name if len(name) <= _SHOWN else f"{name[:_SHOWN]}…"
    return short if short.isprintable() else ascii(short)


def refusal_of(problems: Sequence[str]) -> PolicyError:
    """The error for all mistakes of what people wrote, a line for each of the first ``TOLD``."""
    rest = len(problems) - TOLD
    return PolicyError(
        "\n".join([*problems[:TOLD], *([f"and {rest} more mistakes"] if rest > 0 else [])])
    )


def yaml_files(path: Path) -> list[Path]:
    """YAML files of a folder, or the file itself."""
    return sorted(path.glob("*.yaml")) if path.is_dir() else [path]


def text_of(path: Path, what: str) -> str:
    """The text of a file.

    Args:
        path: of the file.
        what: its content, for the message that it can't be read.

    Raises:
        PolicyError: it can't be read, or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        problem = getattr(error, "strerror", None) or "not UTF-8"
        raise PolicyError(
            f"{path}: cannot be read ({problem}); name a YAML file of {what}"
        ) from None


def read_document(
    text: str, *, origin: str, what: str, largest: int = LARGEST, values: int = MOST_VALUES
) -> Document:
    """Read the text of a file.

    Args:
        text: YAML.
        origin: what the file is called in messages.
        what: what it should hold, for the message that it does not.
        largest: characters that it may have.
        values: keys and values that it may have, aliases unfolded.

    Raises:
        PolicyError: no YAML, too much of it, a key twice in one mapping, or no mapping.
    """
    if len(text) > largest:
        raise PolicyError(f"{origin}: longer than {largest // 1_024} KiB")
    lines: dict[tuple[str, ...], int] = {}
    try:
        loader = _Loader(text, values)
        node = loader.get_single_node()
        twins = list(_places(node, (), lines)) if node is not None else []
        data = loader.construct_document(node) if node is not None and not twins else None
    except (yaml.YAMLError, UnicodeEncodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "not valid YAML"
        raise PolicyError(f"{origin}{where}: {problem}") from error
    if twins:
        raise PolicyError("\n".join(f"{origin}, {twin}" for twin in twins))
    if not isinstance(data, dict):
        raise PolicyError(f"{origin}, line 1: {what}")
    return Document(origin, data, lines)


class _Loader(Composer, _Parser, SafeConstructor, Resolver):
    """PyYAML's safe loader over the parser in C, which stops where a file would cost too much."""

    def __init__(self, text: str, most: int) -> None:
        _Parser.__init__(self, text)
        Composer.__init__(self)
        SafeConstructor.__init__(self)
        Resolver.__init__(self)
        self._most, self._depth, self._values = most, 0, 0
        self._sizes: dict[str, int] = {}
        """Values under each anchor that is complete."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """The next node, counted."""
        event, before = self.peek_event(), self._values  # type: ignore[no-untyped-call]
        mark, anchor = event.start_mark, event.anchor
        if isinstance(event, yaml.AliasEvent) and anchor in self.anchors:
            if anchor not in self._sizes:
                raise ComposerError(None, None, f"the anchor {shown(anchor)} holds itself", mark)
            self._values += self._sizes[anchor]
        else:
            self._values += 1
        if self._values > self._most:
            raise ComposerError(None, None, f"more than {self._most} values", mark)
        if isinstance(event, yaml.ScalarEvent) and len(event.value) > LONGEST:
            raise ComposerError(None, None, f"a value longer than {LONGEST} characters", mark)
        self._depth += 1
        if self._depth > DEEPEST:
            raise ComposerError(None, None, f"more than {DEEPEST} levels", mark)
        node = super().compose_node(parent, index)
        self._depth -= 1
        if anchor is not None and not isinstance(event, yaml.AliasEvent):
            self._sizes[anchor] = self._values - before
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: ANN401, FBT001, FBT002
        """The value of a node; what is none is a mistake in the file."""
        try:
            return super().construct_object(node, deep=deep)
        except _NO_VALUE:
            raise ConstructorError(
                None, None, "not a value of the type that it looks like", node.start_mark
            ) from None


def _places(
    node: yaml.Node, location: tuple[str, ...], lines: dict[tuple[str, ...], int]
) -> Iterator[str]:
    """Write down where everything stands; yields what is wrong with the keys.

    Of a key that stands twice, YAML silently takes the second: a rule would be lost.
    """
    if isinstance(node, yaml.MappingNode):
        own: set[str] = set()
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                yield f"line {line}: a key is a word, not a list or a mapping"
                continue
            here = (*location, key.value)
            if key.value in own:
                yield (
                    f"line {line}: {shown(key.value)} stands here a second time "
                    f"(first in line {lines[here]})"
                )
                continue
            own.add(key.value)
            lines[here] = line
            yield from _places(value, here, lines)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            here = (*location, str(index))
            lines[here] = value.start_mark.line + 1
            yield from _places(value, here, lines)
