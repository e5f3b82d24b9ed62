"""Reads the prompts that are played to callers; every mistake is told with file and line.

A file holds ``notices:`` (``Notice``), ``purposes:`` (phrases for ``{purpose}`` by language and
name) and, in an installation's own files, ``numbers:`` (``TrackingNumber``). An own notice or
phrase takes the place of the shipped one of the same id or name and language. Messages quote no
number.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from functools import cache
from importlib import resources
from pathlib import Path

from pipeline.consent.notices.checks import mistakes
from pipeline.consent.notices.files import NoticeFiles, merged
from pipeline.consent.notices.model import Notices
from pipeline.consent.rules import RuleSet
from pipeline.policy.yaml_document import refusal_of, text_of, yaml_files


def known_notice(ref: str, notices: Notices | None = None) -> bool:
    """Whether evidence that names a prompt names one that exists.

    Args:
        ref: ``Evidence.notice``; empty where it names none, which is not known.
        notices: the installation's prompts; None: the shipped ones.
    """
    return (notices or shipped_notices()).known(ref)


@cache
def shipped_notices() -> Notices:
    """The prompts that come with Hushwire; whether they fit a rule is not looked at here."""
    return load_notices(())


def load_notices(
    own: Iterable[Path], rules: RuleSet | None = None, day: date = date.min
) -> Notices:
    """The shipped prompts, and those of an installation's own files and folders.

    Args:
        own: files and folders.
        rules: what a prompt for a place has to do; None: that is not looked at.
        day: on which prompts are to be played; older versions need not fit.

    Raises:
        PolicyError: a file can't be read or breaks the schema, two prompts contradict, or one does
            less than the rule of its place asks for; a line for each mistake.
    """
    shipped = Path(str(resources.files("policies"))) / "notices"
    return parse_notices(
        [(file.name, text_of(file, "notices")) for file in yaml_files(shipped)],
        [(str(file), text_of(file, "notices")) for path in own for file in yaml_files(path)],
        rules,
        day,
    )


def parse_notices(
    shipped: Sequence[tuple[str, str]],
    own: Sequence[tuple[str, str]] = (),
    rules: RuleSet | None = None,
    day: date = date.min,
) -> Notices:
    """Prompts of texts; see ``load_notices``.

    Args:
        shipped: name and YAML of each file.
        own: the same, of an installation's own files.
        rules: see ``load_notices``.
        day: see ``load_notices``.
    """
    theirs, mine = NoticeFiles(), NoticeFiles()
    for reading, files in ((theirs, shipped), (mine, own)):
        for name, text in files:
            reading.read(name, text)
    problems = [*theirs.problems, *mine.problems, *mistakes(theirs, mine, rules, day)]
    if problems:
        raise refusal_of(problems)
    return merged(theirs, mine)
