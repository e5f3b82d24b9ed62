"""Prompts to callers: the shipped ones fit the shipped rules, and wrong files are refused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from agents.settings.consent_rules import knows_notice
from agents.settings.model import Settings
from agents.settings.notices import Wish, wished_prompt
from pipeline.consent.decision import Setting, decide
from pipeline.consent.loading import is_place, shipped_rules
from pipeline.consent.notices.loading import (
    known_notice,
    load_notices,
    parse_notices,
    shipped_notices,
)
from pipeline.consent.notices.needs import Strength, asked_by, need_of
from pipeline.consent.notices.prompts import Asked, prompt_for
from pipeline.consent.notices.texts import text_mistake
from pipeline.consent.places import nearest_places, places_named
from pipeline.consent.rules import Rule, Told
from pipeline.errors import InputError, PolicyError
from pipeline.policy.loading import load_policy
from pipeline.records.consent import NAME, Answer, Basis, Consent, Evidence, Kind, Outcome, Party

pytestmark = pytest.mark.unit

DAY = date(2026, 12, 1)
RULES = shipped_rules()
PLACES = sorted({place for rule in RULES.rules for place in rule.places})
LANGUAGES = ("de", "en", "es", "fr", "it", "nl", "pt")
MAIN = {
    **dict.fromkeys(("DE", "AT", "CH", "LI"), "de"),
    **dict.fromkeys(("ES", "PR", "US-PR"), "es"),
    **dict.fromkeys(("FR", "GF", "GP", "MF", "MQ", "RE", "YT", "LU", "CA-QC"), "fr"),
    **dict.fromkeys(("NL", "BE"), "nl"),
    **dict.fromkeys(("PT", "BR"), "pt"),
    "IT": "it",
}

NOTICE = """
notices:
  - id: {id}
    version: {version}
    language: {language}
    places: {places}
    gives: {gives}
    valid_from: {valid_from}
    text: {text}
"""


def _notice(**fields: object) -> str:
    plain: dict[str, object] = {
        "id": "ours",
        "version": 1,
        "language": "en",
        "places": '["*"]',
        "gives": "notice",
        "valid_from": "2026-01-01",
        "text": '"{company} records this call."',
    }
    return NOTICE.format(**{**plain, **fields})


def _both(*texts: str) -> str:
    """Several notices in one file."""
    return "notices:" + "".join(text.replace("\nnotices:", "") for text in texts)


def _refused(*own: str) -> str:
    with pytest.raises(PolicyError) as error:
        parse_notices(SHIPPED, [("own.yaml", text) for text in own], RULES, DAY)
    return str(error.value)


SHIPPED = [
    (file.name, file.read_text(encoding="utf-8"))
    for file in sorted((Path(__file__).parents[4] / "policies" / "notices").glob("*.yaml"))
]


def unmet(place: str) -> Iterator[str]:
    """Rules of a place that its prompt does not content, played when it says and answered."""
    holding = RULES.holding([place], DAY)
    for language in {"en", MAIN.get(place, "en")}:
        prompt = prompt_for(Asked((place,), language, "Acme"), shipped_notices(), RULES, DAY)
        if prompt.open:
            yield f"{place} {language}: {prompt.open}"
        if prompt.notice.strength < max(asked_by(each.rule) for each in holding):
            yield f"{place} {language}: {prompt.notice.strength}"
        before, heard = prompt.need.before, prompt.need.in_recording
        at = -5_000 if before else 1_000
        kind = Kind.NOTICE_SPOKEN if heard else Kind.NOTICE_PLAYED
        evidence = [Evidence(kind, at_ms=at, notice=prompt.notice.ref)]
        if prompt.need.strength >= Strength.QUESTION:
            evidence.append(Evidence(Kind.KEY, Party.CUSTOMER, Answer.YES, at + 3_000))
        for each in holding:
            others = sorted(each.rule.lawful_bases - {Basis.CONSENT})
            basis = next(iter(others), Basis.CONSENT) if each.rule.lawful_bases else ""
            setting = Setting(
                agents_agreed=True,
                bases={"default": str(basis)},
                profiles=frozenset({"pci", "hipaa", "gdpr"}),
            )
            made = decide([each], Consent((place,), evidence=tuple(evidence)), setting=setting)
            if made.outcome is not Outcome.KEPT:
                yield f"{place} {language}: {each.rule.id}, {made.why}"


def test_every_place_has_a_prompt_that_its_rule_is_content_with() -> None:
    assert len(PLACES) > 100
    assert [one for place in PLACES for one in unmet(place)] == []


def test_shipped_prompts_are_whole() -> None:
    notices = load_notices((), RULES, DAY)
    assert notices.languages == sorted(LANGUAGES)
    ids = {one.id for one in notices.notices}
    for language in LANGUAGES:
        assert {one.id for one in notices.in_force(language, DAY)} == ids
        assert set(notices.purposes[language]) == {"default", "quality", "training", "evidence"}
    strengths = {one.strength for one in notices.notices}
    assert strengths == set(Strength) - {Strength.NOTHING}
    for one in notices.notices:
        assert NAME.fullmatch(one.ref)
        asks = "1" in one.text
        assert asks is (one.strength > Strength.NOTICE), "which key says yes"


@pytest.mark.parametrize(
    ("places", "basis", "strength", "before", "within", "recorded"),
    [
        ("US-NY", "", Strength.NOTHING, False, 0, False),
        ("US-NY", "consent", Strength.QUESTION, False, 30, False),
        ("US-CA", "", Strength.NOTICE, False, 20, False),
        ("US-CA", "consent", Strength.QUESTION, False, 20, False),
        ("US-WA", "", Strength.NOTICE, False, 20, True),
        ("DE", "", Strength.QUESTION, True, 0, False),
        ("DE,US-WA", "", Strength.QUESTION, True, 20, True),
        ("IE,AU-NSW", "", Strength.NOTICE, False, 15, False),
        ("US-CA,*", "", Strength.OPT_IN, True, 20, False),
        ("US", "", Strength.OPT_IN, True, 30, False),
        ("JM", "", Strength.OPT_IN, True, 0, False),
    ],
)
def test_the_strictest_need_holds(
    places: str, basis: str, strength: Strength, *, before: bool, within: int, recorded: bool
) -> None:
    need = need_of(RULES.holding(places_named(places), DAY), basis)
    assert (need.strength, need.before, need.in_recording) == (strength, before, recorded)
    if places != "US":
        assert need.within_s == within
    assert need.when


def test_more_places_never_ask_less() -> None:
    for place in PLACES:
        alone = need_of(RULES.holding([place], DAY))
        for other in ("US-CA", "DE", "US-WA", "US-NY"):
            both = need_of(RULES.holding([place, other], DAY))
            assert both.strength >= alone.strength
            assert both.before >= alone.before
            assert both.in_recording >= alone.in_recording


@pytest.mark.parametrize(
    ("typed", "nearest"),
    [
        ("California", "US-CA"),
        ("usca", "US-CA"),
        ("us_ny", "US-NY"),
        ("UK", "GB"),
        ("Germny", "DE"),
        ("DEU", "DE"),
        ("US-California", "US-CA"),
    ],
)
def test_what_is_no_place_is_refused_with_what_was_meant(typed: str, nearest: str) -> None:
    assert nearest in nearest_places(typed)
    with pytest.raises(InputError, match=nearest):
        places_named(f"FR,{typed}")


def test_places_are_taken_in_any_case_and_once() -> None:
    assert places_named(" us-ca, DE,us-CA ") == ("DE", "US-CA")
    assert places_named("*") == ("*",)
    assert all(map(is_place, nearest_places("US-XX")))
    for nothing in ("", ",", ",".join(["DE"] * 17), "\x1b[31m", "é" * 5_000):
        with pytest.raises(InputError):
            places_named(nothing)


def test_own_notice_takes_the_place_of_a_shipped_one_in_its_language() -> None:
    text = _notice(id="recorded", version=2, text='"Own words of {company}."')
    notices = parse_notices(SHIPPED, [("own.yaml", text)], RULES, DAY)
    for language, ref in (("en", "recorded@2"), ("es", "recorded@1")):
        prompt = prompt_for(Asked(("US-CA",), language, "Acme"), notices, RULES, DAY)
        assert prompt.notice.ref == ref
    assert notices.known("recorded@2")
    assert notices.known("recorded@1"), "other languages still have it"


def test_the_closest_place_then_the_least_then_an_own_one() -> None:
    closer = _notice(id="golden", places="[US-CA]", gives="notice_and_question")
    plain = _notice(id="ours")
    notices = parse_notices(SHIPPED, [("own.yaml", _both(closer, plain))], RULES, DAY)

    def chosen(*places: str) -> str:
        return prompt_for(Asked(places, "en", "Acme"), notices, RULES, DAY).notice.id

    assert chosen("US-CA") == "golden"
    assert chosen("US-FL") == "ours"
    assert chosen("US-CA", "US-FL") == "ours", "golden is not for Florida"
    assert chosen("DE") == "agree"


def test_versions_follow_one_another() -> None:
    old = _notice(version=1)
    new = _notice(version=2, valid_from="2027-01-01")
    notices = parse_notices(SHIPPED, [("own.yaml", _both(old, new))], RULES, DAY)
    for day, ref in ((DAY, "ours@1"), (date(2027, 1, 1), "ours@2")):
        assert prompt_for(Asked(("US-CA",), "en"), notices, RULES, day).notice.ref == ref
    assert notices.known("ours@1")
    assert not notices.known("ours@3")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (_notice().replace("    language: en\n", ""), "line 3: notices.0.language: Field required"),
        (_notice(language="xx"), "line 5: notices.0.language: no code of ISO 639-1"),
        (_notice(language="no"), "line 5: notices.0.language: write it in quotes"),
        (_notice(text="This call is recorded."), "line 9: notices.0.text: {company} is missing"),
        (_notice(text='"{company} {name}."'), "the only placeholders are"),
        (_notice(text='"{company} records {"'), "the only placeholders are"),
        (_notice(text='"{company}"'), "it says nothing but a name"),
        (_notice(text='"<b>{company}</b> records."'), "no elements; write them under ssml"),
        (_notice(text='"{company} \\e[31m records."'), "can't be printed or spoken"),
        (_notice(text=f'"{{company}} {"a" * 1_001}"'), "longer than 1000 characters"),
        (_notice(places="[US-XX]"), "line 6: notices.0.places: US-XX is no code of ISO 3166"),
        (_notice(places="[]"), "line 6: notices.0.places"),
        (_notice(gives="consent"), "line 7: notices.0.gives"),
        (_notice(version=0), "line 4: notices.0.version"),
        (_notice(id="a@1"), "line 3: notices.0.id"),
        (_notice(id="n-4155550123"), "may hold a telephone number"),
        (_notice(valid_from="never"), "line 8: notices.0.valid_from"),
        (_notice() + "    opt_in: true\n", "line 10: notices.0.opt_in: an opt-in asks"),
        (_notice() + "    extra: 1\n", "line 10: notices.0.extra"),
        (_notice(places="[DE]"), "rule de version 1 asks for a notice with a question in DE"),
        (_notice(places="[US]"), "rule default version 1 asks for a notice that asks for an"),
        (_notice(places="[JM]", gives="notice_and_question"), "asks for an opt-in by an act in JM"),
        (_both(_notice(), _notice()), "notices.1.id: ours@1 in en stands in own.yaml, line 2"),
        (_both(_notice(), _notice(id="twin")), "contradicts ours@1 (own.yaml, line 2): both are"),
        (
            _both(_notice(version=2), _notice(version=3, valid_from="2025-01-01")),
            "notices.1.valid_from: earlier than that of version 2",
        ),
        (
            _notice(id="agree", language="es", gives="notice"),
            "agree@1 is a notice here and a notice with a question in",
        ),
        ("notices: {}", "line 1: notices: notices is a list"),
        ("prompts: []", "line 1: prompts: a file of notices is a mapping"),
        ("- id: a", "line 1: a file of notices is a mapping"),
        ("notices: [1]", "line 1: notices.0"),
        ("purposes: {xx: {quality: a}}", "no code of ISO 639-1"),
        ("purposes: {en: {Quality: a}}", "purposes.en.Quality"),
        ("purposes: {en: {quality: 'a {company}'}}", "purposes.en.quality"),
        ("notices:\n  - id: a\n    id: b\n", "line 3"),
        ("notices: [", "own.yaml, line 2"),
        ("1: a\nb: c\n", "own.yaml, line 1: 1: a file of notices is"),
        ("notices: [{1: 2}]", "notices.0"),
        ("notices: [{id: {a: b}, places: {DE: 1}, text: 3}]", "notices.0.id"),
        ("purposes: {en: {1: a}}", "purposes.en.1"),
        ("purposes: [en]", "purposes: "),
        ("purposes: {no: {quality: a}}", "write it in quotes"),
        ("{}", "line 1: a file of notices is a mapping"),
    ],
)
def test_a_wrong_file_is_refused_with_line_and_reason(text: str, told: str) -> None:
    message = _refused(text)
    assert told in message
    assert message.startswith("own.yaml")


SSML = _notice() + "    ssml: >-\n      {}\n"


@pytest.mark.parametrize(
    ("ssml", "told"),
    [
        ("<speak>{company} records this call", "not well-formed"),
        ("<speak>{company} records that call.</speak>", "other words"),
        ("<p>{company} records this call.</p>", "one element speak"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><speak>{company} records this call.</speak>', "no declar"),
        ("<speak>{company} records this call&x;</speak>", "no declarations"),
        ('<speak>{company} records this call.<audio src="a"/></speak>', "none of them audio"),
        ("<speak>records this call.</speak>", "{company} is missing"),
        ('<speak><p id="{company}">{company} records this call.</p></speak>', "in attributes"),
    ],
)
def test_wrong_ssml_is_refused(ssml: str, told: str) -> None:
    message = _refused(_notice() + f"    ssml: >-\n      {ssml}\n")
    assert "line 10: notices.0.ssml" in message
    assert told in message


def test_own_ssml_is_used_with_the_company_escaped() -> None:
    own = "<speak><emphasis>{company}</emphasis> records <break/>this call.</speak>"
    text = _notice() + f"    ssml: >-\n      {own}\n"
    notices = parse_notices(SHIPPED, [("own.yaml", text)], RULES, DAY)
    prompt = prompt_for(Asked(("US-CA",), "en", "A & B"), notices, RULES, DAY)
    assert prompt.ssml == own.replace("{company}", "A &amp; B")
    assert prompt.text == "A & B records this call."


NUMBERS = """
numbers:
  - number: "+1 (415) 555-0123"
    place: US-CA
    language: es
    company: Acme Dental
    purpose: quality
    {more}
"""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (NUMBERS.replace('"+1 (415) 555-0123"', "+14155550123"), "number: write it in quotes"),
        (NUMBERS.replace("+1 (415) ", ""), "number: not a telephone number in international form"),
        (NUMBERS.replace("US-CA", "US-XX"), "numbers.0.place: US-XX is no code"),
        (NUMBERS.replace("language: es", "language: ja"), "there is no notice in ja"),
        (NUMBERS.replace("quality", "nothing"), "purposes.es has no phrase nothing"),
        (NUMBERS.replace("Acme Dental", '"{company}"'), "numbers.0.company"),
        (NUMBERS.format(more="notice: gone"), "there is no notice gone in es"),
        (
            NUMBERS.replace("US-CA", "DE").format(more="notice: recorded"),
            "recorded@1 is a notice, and rule de version 1 asks for a notice with a question in DE",
        ),
        (
            NUMBERS + NUMBERS.replace("\nnumbers:\n", "").replace("(415) 555-0123", "4155550123"),
            "numbers.1.number: it stands in own.yaml, line 3 already",
        ),
        ('numbers:\n  "+14155550123": {place: DE}\n', "line 1: numbers: numbers is a list"),
        ('numbers:\n  - {"+14155550123": 1}\n', "numbers.0"),
    ],
)
def test_a_wrong_number_is_refused_and_not_quoted(text: str, told: str) -> None:
    message = _refused(text.replace("{more}", ""))
    assert told in message
    assert "5550123" not in message
    assert "555-0123" not in message


def test_a_number_knows_place_language_company_and_prompt(tmp_path: Path) -> None:
    (tmp_path / "ours.yaml").write_text(NUMBERS.format(more="notice: agree"), encoding="utf-8")
    settings = Settings(notices=tmp_path)
    policy = load_policy("default")
    prompt = wished_prompt(Wish(number="+1 415 555 0123"), settings, policy, DAY)
    assert (prompt.notice.ref, prompt.notice.language, prompt.places) == (
        "agree@1",
        "es",
        ("US-CA",),
    )
    assert prompt.text.startswith("Acme Dental desea grabar esta llamada para comprobar")
    stricter = Wish(places="*", number="+14155550123")
    with pytest.raises(InputError, match="agree@1 in es does not do enough for"):
        wished_prompt(stricter, settings, policy, DAY)
    for number in ("+14155550199", "0123"):
        with pytest.raises(InputError) as error:
            wished_prompt(Wish(number=number), settings, policy, DAY)
        assert number not in str(error.value)


def test_evidence_names_a_prompt_that_exists(tmp_path: Path) -> None:
    assert known_notice("recorded@1")
    for unknown in ("", "recorded", "recorded@2", "gone@1", "recorded@1 "):
        assert not known_notice(unknown)
    (tmp_path / "ours.yaml").write_text(_notice(), encoding="utf-8")
    knows = knows_notice(Settings(notices=tmp_path / "ours.yaml"), shipped_rules(), DAY)
    assert knows("ours@1")
    assert knows("recorded@1")
    with pytest.raises(PolicyError, match="cannot be read"):
        knows_notice(Settings(notices=tmp_path / "gone.yaml"), shipped_rules(), DAY)


def test_a_prompt_that_fits_is_missing() -> None:
    with pytest.raises(InputError, match="there are de, en, es"):
        prompt_for(Asked(("DE",), "ja"), shipped_notices(), RULES, DAY)
    with pytest.raises(InputError, match="there is no notice gone in en"):
        prompt_for(Asked(("DE",), "en", notice="gone"), shipped_notices(), RULES, DAY)
    with pytest.raises(InputError, match="no phrase in en says"):
        prompt_for(Asked(("DE",), "en", purpose="fun"), shipped_notices(), RULES, DAY)
    early = date(2026, 1, 1) - timedelta(days=1)
    with pytest.raises(InputError, match="there is no notice in en"):
        prompt_for(Asked(("DE",), "en"), shipped_notices(), RULES, early)


def test_a_rule_that_asks_for_no_notice_but_for_consent_asks() -> None:
    quiet = next(rule for rule in RULES.rules if rule.id == "us-ny")
    assert asked_by(quiet) is Strength.NOTHING
    eager = Rule.model_validate({**quiet.model_dump(), "consent": "all_parties"})
    assert eager.notice is Told.NEVER
    assert asked_by(eager) is Strength.NOTICE
    assert text_mistake("{company} {purpose} says.", 100) == ""
