from __future__ import annotations

from collections.abc import Callable

import pytest

from models.recognizers.condition import ConditionRecognizer
from models.recognizers.medication import MedicationRecognizer
from models.recognizers.procedure import ProcedureRecognizer
from models.sounds import sounds_like_medicine

pytestmark = pytest.mark.models

Find = Callable[..., list[str]]


@pytest.mark.parametrize(
    ("text", "medicine"),
    [
        ("I need a refill of my Eliquis twenty milligrams", "my Eliquis"),
        ("I also take methotrexate and I'm allergic to sulfa", "methotrexate"),
        ("I also take methotrexate and I'm allergic to sulfa", "sulfa"),
        ("I'm on a blood thinner", "a blood thinner"),
        ("she takes insulin every day", "insulin"),
        ("a prescription for met for min", "met for min"),
        ("fifty milligrams of metoprolol", "metoprolol"),
        ("I'm allergic to penny sillen", "penny sillen"),
    ],
)
def test_finds_medicines(find: Find, text: str, medicine: str) -> None:
    assert medicine in find(MedicationRecognizer(), text)


@pytest.mark.parametrize(
    ("text", "medicine"),
    [
        ("I take walkerin", "walkerin"),
        ("And certraline and nothing else", "certraline"),
        ("just a torva statin", "a torva statin"),
    ],
)
def test_believes_more_in_a_call_about_health(find: Find, text: str, medicine: str) -> None:
    found = find(MedicationRecognizer(), text, asked="MEDICATION", medical=True)
    assert medicine in found


@pytest.mark.parametrize(
    "text",
    [
        "the set of four takes ten minutes",
        "I take the bus to work",
        "we are out of stock of the blue sofa",
        "take your time, no worries",
        "the honey and the oregano are on sale",
        "I need three of the wool blankets",
    ],
)
def test_leaves_other_talk_alone(find: Find, text: str) -> None:
    assert find(MedicationRecognizer(), text) == []


@pytest.mark.parametrize("heard", ["met for men", "a torva statin", "amlo the pine", "zarelto"])
def test_misheard_medicines_sound_alike(heard: str) -> None:
    assert sounds_like_medicine(tuple(heard.split()))


@pytest.mark.parametrize("heard", ["my account", "order number", "software", "delivery", "catalog"])
def test_everyday_words_do_not_sound_like_medicines(heard: str) -> None:
    assert not sounds_like_medicine(tuple(heard.split()))


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("for my high blood pressure", "high blood pressure"),
        ("I've been having Crohn's disease", "Crohn's disease"),
        ("I think I have blood in my urine", "blood in my urine"),
        ("I have a lump under my arm", "a lump under my arm"),
        ("my left knee hurts a lot", "my left knee hurts"),
        ("I was diagnosed with rheumatoid arthritis", "rheumatoid arthritis"),
        ("she has trouble breathing", "trouble breathing"),
        ("he is suffering from dizzy spells", "dizzy spells"),
        ("I've been feeling really depressed", "been feeling really depressed"),
        ("I broke my ankle", "broke my ankle"),
    ],
)
def test_finds_conditions(find: Find, text: str, condition: str) -> None:
    assert condition in find(ConditionRecognizer(), text)


def test_what_someone_has_counts_in_a_call_about_health(find: Find) -> None:
    text = "I've been having crunch disease"
    assert "crunch disease" in find(ConditionRecognizer(), text, medical=True)


@pytest.mark.parametrize(
    "text",
    [
        "it was a stroke of luck",
        "I know it by heart",
        "my internet keeps dropping",
        "I have a question about my order",
        "on the other hand the price is fine",
        "the back of the card",
        "the feeder is jammed, open the rear tray",
        "we have high water pressure in the building",
    ],
)
def test_idioms_and_other_talk_are_no_conditions(find: Find, text: str) -> None:
    assert find(ConditionRecognizer(), text) == []


@pytest.mark.parametrize(
    ("text", "procedure"),
    [
        ("I'm scheduled for a colonoscopy", "a colonoscopy"),
        ("after my knee replacement", "knee replacement"),
        ("they did an appendectomy", "an appendectomy"),
        ("I need an M R I", "an M R I"),
    ],
)
def test_finds_procedures(find: Find, text: str, procedure: str) -> None:
    assert procedure in find(ProcedureRecognizer(), text)


def test_a_stress_test_of_a_server_is_none(find: Find) -> None:
    assert find(ProcedureRecognizer(), "we ran a stress test on it") == []
    assert find(ProcedureRecognizer(), "we ran a stress test on it", medical=True)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("she takes forty milligrams of oxycodone", "oxycodone"),
        ("fifty milligrams of losar tan", "losar tan"),
        ("I'd like to refill my prescription for prednisone", "prednisone"),
        ("my buspirone ran out", "my buspirone"),
        ("could you renew my lip a tor prescription", "my lip a tor"),
        ("is there a generic for lamotrigine", "lamotrigine"),
    ],
)
def test_medicines_without_what_leads_to_them(find: Find, text: str, name: str) -> None:
    assert find(MedicationRecognizer(), text, medical=True) == [name]


def test_medicines_that_are_joined_are_two(find: Find) -> None:
    found = find(MedicationRecognizer(), "I'm on Xarelto and losartan", medical=True)
    assert found == ["losartan", "Xarelto"]


@pytest.mark.parametrize(
    ("text", "name"),
    [("sir traline", "sir traline"), ("just doxycycline", "doxycycline")],
)
def test_a_medicine_that_was_asked_for(find: Find, text: str, name: str) -> None:
    assert find(MedicationRecognizer(), text, asked="MEDICATION", medical=True)[0] == name


@pytest.mark.parametrize(
    "text",
    [
        "I'm allergic to paperwork, ha.",
        "can I get a prescription for success",
        "What are the side effects of cancelling?",
        "Can you renew my subscription?",
        "I'm on the website now.",
        "I use a Dyson vacuum.",
        "I take the bus to work.",
    ],
)
def test_what_stands_in_a_medicines_place_and_is_none(find: Find, text: str) -> None:
    assert find(MedicationRecognizer(), text) == []


@pytest.mark.parametrize(
    "text",
    [
        "You nearly gave me a heart attack with that price.",
        "I almost had a stroke when I saw the total",
        "It's a headache dealing with this every month.",
        "this whole thing gives me a migraine, your website I mean",
        "I'm sick of waiting on hold.",
        "That was a stroke of luck.",
        "This is killing me, honestly.",
        "It's a real pain in the neck.",
        "my laptop has a virus",
        "There's a bug in your app.",
        "Your symptoms of a slow router are normal.",
        "The leg came off the table.",
    ],
)
def test_idioms_are_no_conditions(find: Find, text: str) -> None:
    assert find(ConditionRecognizer(), text) == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("the new pills gave me a migraine", "a migraine"),
        ("I have chronic back pain", "chronic back pain"),
        ("my heart races at night", "my heart races at night"),
        ("my knee keeps giving out", "my knee keeps giving out"),
    ],
)
def test_complaints_are(find: Find, text: str, name: str) -> None:
    assert name in find(ConditionRecognizer(), text, medical=True)


def test_what_leads_to_a_symptom_stays(find: Find) -> None:
    found = find(
        ConditionRecognizer(),
        "Mostly palpitations and a fever",
        asked="MEDICAL_CONDITION",
        medical=True,
    )
    assert found == ["palpitations", "a fever"]
