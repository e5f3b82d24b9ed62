"""Prompts against one another and against the rules of their places; a line for each mistake."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date

from pipeline.consent.loading import is_place
from pipeline.consent.notices.files import NoticeFiles, Placed, merged
from pipeline.consent.notices.model import Notice, TrackingNumber
from pipeline.consent.notices.needs import Strength, asked_by
from pipeline.consent.rules import Holds, RuleSet
from pipeline.records.call_names import holds_number
from pipeline.records.consent import UNKNOWN


def mistakes(
    shipped: NoticeFiles, own: NoticeFiles, rules: RuleSet | None, day: date
) -> Iterator[str]:
    """What no schema says.

    Args:
        shipped: as read.
        own: as read.
        rules: what a prompt for a place has to do; None: that is not looked at.
        day: on which prompts are to be played.
    """
    every = [*shipped.notices, *own.notices]
    for each in every:
        yield from _places(each)
    yield from _twins(shipped.notices)
    yield from _twins(own.notices)
    yield from _doubts(shipped.notices)
    yield from _doubts(own.notices)
    yield from _differing(every)
    yield from _numbers(shipped, own)
    if rules is not None:
        ends = {id(each): end for files in (shipped, own) for each, end in _ends(files.notices)}
        for each in every:
            if each.notice and ends[id(each)] > day:
                yield from _unfit(each, each.notice, rules, max(day, each.notice.valid_from))
        yield from _unfit_numbers(shipped, own, rules, day)


def strongest(rules: RuleSet, place: str, day: date) -> tuple[Strength, Holds]:
    """What a place asks for at least, whatever the lawful basis, and by which rule."""
    holding = rules.holding([place], day)
    most = max(holding, key=lambda each: asked_by(each.rule))
    return asked_by(most.rule), most


def _places(each: Placed) -> Iterator[str]:
    """Places that there aren't, and an id that evidence could not name."""
    if each.notice and holds_number(each.notice.ref):
        yield each.told("id", "with its version it may hold a telephone number; name it by a word")
    for place in each.notice.places if each.notice else ():
        if not is_place(place):
            yield each.told("places", f"{place} is no code of ISO 3166-1 or 3166-2")


def _twins(notices: list[Placed]) -> Iterator[str]:
    """One id, version and language twice; a later version that holds earlier."""
    seen: dict[tuple[str, int, str], Placed] = {}
    before: dict[tuple[str, str], Placed] = {}
    for each in sorted(notices, key=lambda one: one.notice.version if one.notice else 0):
        notice = each.notice
        if notice is None:
            continue
        key = (notice.id, notice.version, notice.language)
        if key in seen:
            yield each.told("id", f"{notice.ref} in {notice.language} stands in {seen[key].where}")
        seen[key] = each
        last = before.get((notice.id, notice.language))
        if last and last.notice and notice.valid_from < last.notice.valid_from:
            reason = f"earlier than that of version {last.notice.version} ({last.where})"
            yield each.told("valid_from", reason)
        before[notice.id, notice.language] = each


def _ends(notices: list[Placed]) -> Iterator[tuple[Placed, date]]:
    """Each prompt, and the day from which on a later version takes its place."""
    versions: dict[tuple[str, str], list[Notice]] = defaultdict(list)
    for each in notices:
        if each.notice:
            versions[each.notice.id, each.notice.language].append(each.notice)
    for each in notices:
        notice = each.notice
        later = [
            other.valid_from
            for other in (versions[notice.id, notice.language] if notice else ())
            if notice and other.version > notice.version
        ]
        yield each, min(later, default=date.max)


def _doubts(notices: list[Placed]) -> Iterator[str]:
    """Two ids that do the same, in one language, for one place on one day: which is played?"""
    alike: dict[tuple[str, Strength, str], list[tuple[Placed, Notice, date]]] = defaultdict(list)
    for each, end in _ends(notices):
        notice = each.notice
        for place in notice.places if notice else ():
            if notice is None:
                continue
            others = alike[notice.language, notice.strength, place]
            for other, theirs, until in others:
                meet = max(theirs.valid_from, notice.valid_from) < min(until, end)
                if theirs.id != notice.id and meet:
                    yield each.told(
                        "places",
                        f"contradicts {theirs.ref} ({other.where}): both are "
                        f"{notice.strength.told} in {notice.language} for {place} on the same days",
                    )
            others.append((each, notice, end))


def _differing(notices: list[Placed]) -> Iterator[str]:
    """One reference that does one thing in one language, and another in another."""
    first: dict[str, Placed] = {}
    for each in notices:
        notice = each.notice
        if notice is None:
            continue
        other = first.setdefault(notice.ref, each)
        if other.notice and other.notice.strength is not notice.strength:
            yield each.told(
                "gives",
                f"{notice.ref} is {notice.strength.told} here and {other.notice.strength.told} in "
                f"{other.where}; evidence names no language: give it another id or version",
            )


def _unfit(each: Placed, notice: Notice, rules: RuleSet, day: date) -> Iterator[str]:
    for place in notice.places:
        if place == UNKNOWN or not is_place(place):
            continue  # it is played where it is enough
        asked, by = strongest(rules, place, day)
        if notice.strength < asked:
            yield each.told("gives", _too_little(notice, asked, by))


def _too_little(notice: Notice, asked: Strength, by: Holds) -> str:
    return (
        f"{notice.strength.told}, and rule {by.rule.id} version {by.rule.version} asks for "
        f"{asked.told} in {by.place}"
    )


def _numbers(shipped: NoticeFiles, own: NoticeFiles) -> Iterator[str]:
    """Numbers that can't be served, whatever the rules."""
    known = merged(shipped, own)
    seen: dict[str, Placed] = {}
    for each in shipped.numbers:
        yield each.told("number", "shipped files hold no numbers")
    for each in own.numbers:
        line = each.number
        if line is None:
            continue
        if line.number in seen:
            yield each.told("number", f"it stands in {seen[line.number].where} already")
        seen[line.number] = each
        if not is_place(line.place):
            yield each.told("place", f"{line.place} is no code of ISO 3166-1 or 3166-2")
        if line.language not in known.languages:
            yield each.told("language", f"there is no notice in {line.language}")
        elif line.notice and not _named(known.notices, line):
            yield each.told("notice", f"there is no notice {line.notice} in {line.language}")
        if line.purpose and line.purpose not in known.purposes.get(line.language, {}):
            yield each.told("purpose", f"purposes.{line.language} has no phrase {line.purpose}")


def _unfit_numbers(
    shipped: NoticeFiles, own: NoticeFiles, rules: RuleSet, day: date
) -> Iterator[str]:
    """Numbers that name a prompt which is not for their place, or too little for it."""
    known = merged(shipped, own)
    for each in own.numbers:
        line = each.number
        if line is None or line.notice is None or not is_place(line.place):
            continue
        asked, by = strongest(rules, line.place, day)
        for notice in known.in_force(line.language, day):
            if notice.id != line.notice:
                continue
            if not notice.covers(line.place):
                yield each.told("notice", f"{notice.ref} is not for {line.place}")
            elif notice.strength < asked:
                yield each.told("notice", f"{notice.ref} is {_too_little(notice, asked, by)}")


def _named(notices: tuple[Notice, ...], line: TrackingNumber) -> bool:
    return any((one.id, one.language) == (line.notice, line.language) for one in notices)
