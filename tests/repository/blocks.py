"""The blocks of code on a page that hold commands, and what the page says of running them.

The comment before a block, which no reader sees, says whether a test runs it:

``<!-- run -->``                 run it, in the page's folder, after the page's earlier blocks
``<!-- run: call.wav vault -->`` the same, and put these there before (``tests/broker/pages.py``)
``<!-- run: code=0,1 -->``       the same, and its last command ends with one of these
``<!-- file: acme.yaml -->``     no commands: the page's folder has the block as a file
``<!-- not run: why -->``        it can't be run by a test, and why
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("**/*.md")])
_MARK = re.compile(r"<!-- (run|file|not run)(?:: (.*?))? -->")
_COMMAND = re.compile(
    r"(?m)^(?:\$ )?(?:(?:[A-Z_]+=\S+ )*"
    r"(?:hushwire|make|kubectl|helm|docker|openssl|curl|pip|python\S*|git|sudo|systemctl|psql|java"
    r"|source|cp|mkdir|ssh-keygen|sha256sum|printf|echo|openssl|asterisk|[\w./]+/bin/\w+|deploy/\S+)"
    r"(?: |$)|export [A-Z]|\. \S+/activate)"
)


@dataclass(frozen=True, slots=True)
class Block:
    """Code on a page."""

    page: str
    line: int
    text: str
    mark: str
    """``run``, ``file``, ``not run``; empty where the page says nothing."""
    said: str
    """What stands behind the mark."""

    @property
    def commands(self) -> bool:
        """Whether somebody would type it."""
        return bool(_COMMAND.search(self.text))


def blocks(page: Path) -> list[Block]:
    """All code of a page, in order."""
    lines = page.read_text("utf-8").splitlines()
    name = page.relative_to(ROOT).as_posix()
    found: list[Block] = []
    place = 0
    while place < len(lines):
        line = lines[place]
        start = place
        if fence := re.match(r" *(```+)", line):
            place += 1
            while not lines[place].strip().startswith(fence[1]):
                place += 1
            text = "\n".join(lines[start + 1 : place])
        elif line.startswith("    ") and not lines[place - 1].strip():
            place = _end_of_indented(lines, place)
            text = "\n".join(lines[start : place + 1])
        else:
            place += 1
            continue
        before = next((one for one in reversed(lines[:start]) if one.strip()), "")
        mark = _MARK.fullmatch(before.strip())
        found.append(
            Block(
                name,
                start + 1,
                textwrap.dedent(text) + "\n",
                mark[1] if mark else "",
                (mark[2] or "") if mark else "",
            )
        )
        place += 1
    return found


def _end_of_indented(lines: list[str], place: int) -> int:
    """The last line of indented code; an empty line within it belongs to it."""
    while True:
        after = next((one for one in range(place + 1, len(lines)) if lines[one].strip()), None)
        if after is None or not lines[after].startswith("    ") or after > place + 2:
            return place
        place = after
