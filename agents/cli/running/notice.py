"""``hushwire notice``: the prompt to play to callers, and the rule that asks for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agents.settings.model import load_settings
from agents.system.clock import system_clock
from agents.system.screen import screen
from pipeline.errors import InputError

if TYPE_CHECKING:
    from pipeline.consent.notices.prompts import Prompt
    from pipeline.consent.rules import Holds


def notice(
    jurisdiction: Annotated[
        str,
        typer.Option(
            "--jurisdiction",
            help="Where callers are: codes of ISO 3166, with commas (US-CA,DE); * where nobody "
            "knows. The strictest rule decides.",
        ),
    ] = "",
    language: Annotated[
        str, typer.Option("--language", help="ISO 639-1, such as es; default: the setting.")
    ] = "",
    company: Annotated[
        str, typer.Option("--company", help="Who records; default: the setting controller_name.")
    ] = "",
    purpose: Annotated[
        str,
        typer.Option(
            "--purpose",
            help="What calls are recorded for: quality, training, evidence, or a name of your own "
            "notices file.",
        ),
    ] = "",
    number: Annotated[
        str,
        typer.Option(
            "--number", help="A number of your own, whose place, language and company are known."
        ),
    ] = "",
    policy: Annotated[
        str | None,
        typer.Option("--policy", help="Policy whose places and lawful basis hold as well."),
    ] = None,
    ssml: Annotated[  # noqa: FBT002 - a flag of the command line
        bool, typer.Option("--ssml", help="Print SSML, and all else on stderr.")
    ] = False,
    wav: Annotated[
        Path | None,
        typer.Option("--wav", help="Speak it to this file (8 kHz), by flite or espeak-ng."),
    ] = None,
    as_json: Annotated[  # noqa: FBT002 - a flag of the command line
        bool, typer.Option("--json", help="All as JSON.")
    ] = False,
) -> None:
    """Print the prompt to play, its id and version, when to play it, and the rule that asks for it.

    The id@version belongs into evidence.notice of each call. It is no legal advice. Exit codes: 0
    done; 2 a place, number, language or file is wrong, or no prompt fits.
    """
    from agents.settings.notices import Wish, wished_prompt  # noqa: PLC0415 - --help comes at once
    from agents.settings.policies import read_policy  # noqa: PLC0415 - as above

    settings = load_settings(policy=policy)
    wish = Wish(jurisdiction, number, language, company, purpose)
    day = system_clock().date()
    prompt = wished_prompt(wish, settings, read_policy(settings), day)
    if prompt.open and (ssml or wav):
        names = " and ".join(f"--{name}" for name in prompt.open)
        raise InputError(f"a prompt that is played has no open placeholders; say {names}")
    spoken_by = ""
    if wav is not None:
        from agents.cli.shared.spoken_prompt import speak  # noqa: PLC0415 - where a sound is asked for

        spoken_by = speak(prompt.text, prompt.notice.language, wav)
    if as_json:
        typer.echo(json.dumps(_as_json(prompt, day), indent=2, ensure_ascii=False))
        return
    if ssml:
        typer.echo(prompt.ssml)
    else:
        typer.echo(f"{prompt.text}\n")
    about = screen(stderr=ssml)
    for line in _about(prompt, day):
        about.print(line, markup=False, highlight=False, soft_wrap=True)
    if spoken_by:
        about.print(f"{wav}: spoken by {spoken_by}", markup=False, highlight=False, soft_wrap=True)


def _about(prompt: Prompt, day: date) -> Iterator[str]:
    """All that is to be known of a prompt beside its text."""
    yield f"evidence.notice: {prompt.notice.ref} ({prompt.notice.language})"
    yield f"for: {', '.join(prompt.places)}; asked for: {prompt.need.strength.told}"
    yield f"play it: {prompt.need.when}"
    for each in prompt.need.asking:
        late = f"; its review was due on {each.rule.review_by}" if each.rule.review_by < day else ""
        yield f"rule {_named(each)}: {each.rule.name} ({each.place}){late}"
        for source in each.rule.sources:
            yield f"  {source.cite}: {source.says}"
        if each.rule.contested:
            yield f"  contested: {each.rule.contested}"
        yield f"  no legal advice; to be confirmed by {each.rule.confirm_by}"
    for name in prompt.open:
        yield f"still open: {{{name}}}; say --{name}"


def _named(each: Holds) -> str:
    return f"{each.rule.id}@{each.rule.version}"


def _as_json(prompt: Prompt, day: date) -> dict[str, Any]:
    """The same for programs."""
    notice, need = prompt.notice, prompt.need
    return {
        "notice": notice.ref,
        "language": notice.language,
        "gives": notice.gives.value,
        "opt_in": notice.opt_in,
        "text": prompt.text,
        "ssml": prompt.ssml,
        "open": prompt.open,
        "places": list(prompt.places),
        "asked_for": need.strength.name.lower(),
        "play": {
            "when": need.when,
            "before_recording": need.before,
            "within_s": need.within_s or None,
            "in_recording": need.in_recording,
        },
        "day": day.isoformat(),
        "rules": [
            {
                "rule": _named(each),
                "place": each.place,
                "name": each.rule.name,
                "consent": each.rule.consent.value,
                "notice": each.rule.notice.value,
                "contested": each.rule.contested or None,
                "sources": [one.model_dump() for one in each.rule.sources],
                "review_by": each.rule.review_by.isoformat(),
                "confirm_by": each.rule.confirm_by,
                "legal_advice": each.rule.legal_advice,
            }
            for each in need.asking
        ],
    }
