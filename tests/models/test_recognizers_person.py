from __future__ import annotations

from collections.abc import Callable

import pytest

from models.recognizers.person import SpokenPersonRecognizer
from models.spoken import turn_of

pytestmark = pytest.mark.models

Find = Callable[..., list[str]]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("my name is Laura Barrera", "Laura Barrera"),
        ("My name is Will Turner and I have a question", "Will Turner"),
        ("this is Courtney Doyle", "Courtney Doyle"),
        ("I spoke with Doctor Dominguez last week", "Dominguez"),
        ("Thanks, Laurie", "Laurie"),
        ("last name is B A R R E R A", "B A R R E R A"),
        ("last name is B-A-R-R-E-R-A.", "B-A-R-R-E-R-A"),
        ("it's spelled charlie lima alpha romeo kilo echo", "charlie lima alpha romeo kilo echo"),
        ("that's B as in boy, O, B as in boy, spelled B as in boy O B", "B as in boy O B"),
        ("her name is Maria de la Cruz", "Maria de la Cruz"),
        ("my husband Robert called yesterday", "Robert"),
        ("the account is under Patricia Norman", "Patricia Norman"),
        ("Thank you for calling, my name is Will Turner", "Will Turner"),
        ("Thank you for calling. Laura Barrera speaking", "Laura Barrera"),
    ],
)
def test_finds_names(find: Find, text: str, name: str) -> None:
    assert name in find(SpokenPersonRecognizer(), text)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Sure, Laurie Santana", "Laurie Santana"),
        ("Yes, it's Little Hunter", "Little Hunter"),
        ("Glory Santana", "Glory Santana"),
        ("it's N O R M A N", "N O R M A N"),
        ("High streaming, this is the new one.", "the new one"),
        ("Deenies nolann", "Deenies nolann"),
    ],
)
def test_believes_more_where_a_name_was_asked_for(find: Find, text: str, name: str) -> None:
    assert name in find(SpokenPersonRecognizer(), text, asked="PERSON")


def test_knows_a_name_again(find: Find) -> None:
    text = "okay and is courtney the only driver"
    assert find(SpokenPersonRecognizer(), text) == []
    assert find(SpokenPersonRecognizer(), text, known=frozenset({"courtney"})) == ["courtney"]


@pytest.mark.parametrize(
    "text",
    [
        "Thank you for calling Harbor and Pine, what can I do for you?",
        "Thank you for calling Willow Creek Home, how can I help?",
        "it ships from Jackson Mississippi to Austin Texas",
        "I will mark it for May or June",
        "Can I get your full name, please? Can you confirm the address?",
        "your order should arrive by Thursday August tenth",
        "the printer help desk opens at nine",
        "I need three of the wool blankets",
        "thanks for your patience, have a great day",
        "What's the C V V on there?",
    ],
)
def test_leaves_other_talk_alone(find: Find, text: str) -> None:
    assert find(SpokenPersonRecognizer(), text) == []


def test_an_answer_that_is_no_name_stays(find: Find) -> None:
    assert find(SpokenPersonRecognizer(), "hold on a second please", asked="PERSON") == []


def test_goodbye_is_nobody_who_is_thanked(find: Find) -> None:
    known = frozenset({"courtney"})
    assert find(SpokenPersonRecognizer(), "Thank you. Goodbye.", known=known) == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("I spoke to Kenji about this last week.", "Kenji"),
        ("i spoke to rashid about this last week", "rashid"),
        ("Thank you, Mr. Mbeki.", "Mbeki"),
        ("Good morning Ms. Balasubramanian, how can I help?", "Balasubramanian"),
        ("my wife anjali cardenas", "anjali cardenas"),
        ("The booking is under the name of Zsofia Lindqvist", "Zsofia Lindqvist"),
        ("Yeah put me through to Katarzyna please", "Katarzyna"),
        ("Could you ask for Thandiwe at the desk?", "Thandiwe"),
        ("it's for emeka hernandez", "emeka hernandez"),
        ("You're speaking with Mateusz, how may I help you?", "Mateusz"),
        ("J. R. Whitfield here, I'm returning a call.", "J. R. Whitfield"),
        ("Hiroshi told me it was free.", "Hiroshi"),
        ("I have a Ngozi Thornbury on file, is that you?", "Ngozi Thornbury"),
        ("alright siobhan let me pull that up", "siobhan"),
        ("Thanks so much Priya, have a good one.", "Priya"),
        ("I see Dr. Mbatha at the clinic.", "Mbatha"),
        ("it's I as in ice, Y as in yellow, E as in Edward", "I as in ice, Y as in yellow, E"),
    ],
)
def test_finds_names_that_are_on_no_us_list(find: Find, text: str, name: str) -> None:
    asked = "PERSON" if "as in" in text else None
    assert any(name in found for found in find(SpokenPersonRecognizer(), text, asked=asked))


@pytest.mark.parametrize(
    "text",
    [
        "I usually shop at Martin Brothers.",
        "I ordered from Ben and Jerry's.",
        "It's a John Deere mower.",
        "i watched harry potter on it",
        "I spoke to customer service twice.",
        "I spoke to a supervisor about this last week.",
        "This is ridiculous.",
        "this is unacceptable",
        "I am flabbergasted.",
        "im flabbergasted",
        "My wife called yesterday.",
        "It's for my business.",
        "I'm Canadian.",
        "I'm flying to San Jose in April.",
        "We banked with Wells Fargo before.",
        "Can I speak with someone in billing?",
        "it's the may invoice",
    ],
)
def test_companies_roles_and_moods_are_no_names(find: Find, text: str) -> None:
    assert find(SpokenPersonRecognizer(), text) == []


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("it's been put down as karen hall and it should be corinne hall", "karen hall"),
        ("it was signed for by a kowalski at ten", "kowalski"),
        ("hi it's mo from the broadband people", "mo"),
        ("Hi, it's Raf calling about the fence.", "Raf"),
    ],
)
def test_finds_who_is_written_down_signs_or_calls(find: Find, text: str, names: str) -> None:
    assert names in find(SpokenPersonRecognizer(), text)


@pytest.mark.parametrize(
    "text",
    [
        "it's been put down as furniture and it should be free",
        "I spelled my daughter's name wrong on it",
        "Thank you, honey.",
        "June's from the second to the sixth.",
        "it's great from here",
        "what are their names and dates of birth",
    ],
)
def test_what_stands_where_a_name_might_is_none(find: Find, text: str) -> None:
    assert find(SpokenPersonRecognizer(), text) == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Field.", "Field"),
        ("It's White.", "White"),
        ("Um, young", "young"),
        ("Day, D A Y.", "Day"),
        ("Price, like the cost.", "Price"),
        ("Yeah it's Tom Day.", "Tom Day"),
        ("tom day", "tom day"),
    ],
)
def test_a_common_word_is_a_surname_where_one_was_asked_for(
    find: Find, text: str, name: str
) -> None:
    assert name in find(SpokenPersonRecognizer(), text, asked="PERSON")
    assert name not in find(SpokenPersonRecognizer(), text)


@pytest.mark.parametrize("text", ["Good.", "Call.", "The case is closed.", "My day was long."])
def test_not_every_answer_is_a_surname(find: Find, text: str) -> None:
    assert find(SpokenPersonRecognizer(), text, asked="PERSON") == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("can I speak to Mr Day please", "Day"),
        ("can i speak to mr day please", "day"),
        ("my name's Tom Day and I'm ringing about a bill", "Tom Day"),
    ],
)
def test_a_common_word_is_a_surname_behind_a_title_or_a_given_name(
    find: Find, text: str, name: str
) -> None:
    assert name in find(SpokenPersonRecognizer(), text)


def test_a_full_name_is_told_from_a_thing_that_has_one() -> None:
    def patterns(text: str) -> set[str]:
        hits = SpokenPersonRecognizer().find(turn_of(text))
        return {hit.pattern for hit in hits}

    assert "full name" in patterns("could you send it to Sarah Wells instead")
    assert "full name" not in patterns("can I have the Sarah Wells in oak")
    assert "given name and surname" in patterns("can I have the Sarah Wells in oak")
