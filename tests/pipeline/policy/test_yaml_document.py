"""Files that people send: what they may cost, and that each mistake is told with its line."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.api.administration import policy_state
from console.http.envelope import BODY_MOST
from pipeline.errors import PolicyError
from pipeline.policy.known_names import BUILT_IN
from pipeline.policy.yaml_document import DEEPEST, LONGEST, MOST_VALUES, read_document

pytestmark = pytest.mark.unit

HEAD = "name: x\nversion: '1'\n"


def read(text: str) -> dict[str, object]:
    return read_document(text, origin="f", what="a mapping").data


def laughs(levels: int) -> str:
    """A list of ten, of which ten make a list, and so on."""
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: &x [1, *x]", "line 1: the anchor x holds itself"),
        ("a: 1\nb: &x {c: {d: *x}}", "line 2: the anchor x holds itself"),
        (laughs(9), f"line 5: more than {MOST_VALUES} values"),
        ("a: " + "[" * DEEPEST + "]" * DEEPEST, f"more than {DEEPEST} levels"),
        ("[" * 200_000, "line 1"),
        ("? " * 100_000, "levels"),
        ("a:\n  - " + "1:" * 125_000 + "1", f"line 2: a value longer than {LONGEST} characters"),
        ("a: " + "x " * 600_000, "f: longer than 1024 KiB"),
        ("a: 1\n? [b]\n: c\n? {d: e}\n: f", "line 2: a key is a word.*\n.*line 4: a key is a word"),
        ("a: 1\na: 2\nb: {c: 1,\n c: 2}", "line 2: a stands.*\n.*line 4: c stands"),
        ("a:\n  b: 2001-99-99", "line 2: not a value of the type"),
        ("a: !!bool maybe", "line 1: not a value"),
        ("a: !!int ''", "line 1: not a value"),
        ("a: !!timestamp x", "line 1: not a value"),
        ("a: !!python/object/apply:os.system [id]", "line 1: could not determine a constructor"),
        ("a: *b", "line 1: found undefined alias"),
        ("a: 1\n---\nb: 2", "line 2"),
        ("a:\n\t- b", "line 2"),
        ("a: \ud800", "not valid YAML"),
        ("a: \x07", "not valid YAML"),
        ("- a", "line 1: a mapping"),
        ("", "line 1: a mapping"),
    ],
)
def test_what_is_no_file_of_ours(text: str, told: str) -> None:
    with pytest.raises(PolicyError, match=told):
        read(text)


def test_anchors_are_for_people() -> None:
    text = "a: &strict {action: mute, threshold: 0.3}\nb: {<<: *strict, threshold: 0.2}\nc: *strict"
    assert read(text) == {
        "a": {"action": "mute", "threshold": 0.3},
        "b": {"action": "mute", "threshold": 0.2},
        "c": {"action": "mute", "threshold": 0.3},
    }
    assert read("a: " + "[" * (DEEPEST - 2) + "]" * (DEEPEST - 2))


def test_lines_are_those_of_the_deepest_value_that_is_there() -> None:
    document = read_document("a:\n  b:\n    - 1\n    - c: 2\n", origin="f", what="")
    ways = [("a",), ("a", "b"), ("a", "b", 0), ("a", "b", 1, "c"), ("a", "b", 7), ("a", "x", "y")]
    assert [document.line(way) for way in ways] == [1, 2, 3, 4, 2, 1]
    assert document.line(("gone",)) == 1


FULL = BODY_MOST - len(HEAD) - 40
COSTLY = {
    "a list in one line": "allow: {PERSON: [" + "a," * (FULL // 2) + "]}",
    "a list within bounds": "allow: {PERSON: [" + "aaaa," * 19_900 + "]}",
    "entities": "entities:\n" + "".join(f"  E{n}: {{action: mute}}\n" for n in range(9_500)),
    "entities again": "entities:\n" + "".join(f"  E{n:05}: {{}}\n" for n in range(9_900)),
    "entities of no form": "entities:\n" + "".join(f"  E{n}: x\n" for n in range(9_900)),
    "one number of base sixty": "retention: {default: " + "1:" * (FULL // 2) + "1}",
    "many of them": "retention: [" + ",".join(["1:" * 2_000 + "1"] * 60) + "]",
    "long names": "entities:\n" + "".join(f"  {n:03}{'E' * 4_000}: {{}}\n" for n in range(60)),
    "bases": "extends: [" + "pci," * 9_000 + "pci]",
    "merges": "x: &x {" + ",".join(f"k{n}: 1" for n in range(1_000)) + "}\n"
    + "y: {<<: [" + ",".join(["*x"] * 40) + "]}",
    "laughs": laughs(9),
    "comments": "# a\n" * (FULL // 4),
    "anchors": "".join(f"k{n}: &a{n} 1\n" for n in range(9_900)),
    "more entities": "entities:\n" + "".join(f"  E{n:05}: {{}}\n" for n in range(FULL // 13)),
    "many bases": "extends: [" + "pci," * (FULL // 4) + "pci]",
    "one text": "name: '" + "x\n\n" * (FULL // 3) + "'",
}  # fmt: skip


@pytest.mark.parametrize("name", COSTLY)
def test_a_policy_of_the_largest_size_is_answered_within_a_second(name: str) -> None:
    """Processor time of this thread, and six times of it, so that a busy machine fails nothing."""
    text = HEAD + COSTLY[name]
    assert len(text) <= BODY_MOST
    begun = time.thread_time()
    state = policy_state(text.encode(), BUILT_IN)
    assert time.thread_time() - begun < 3.0  # under half a second where nothing else runs
    assert state.valid is (name in {"comments", "a list within bounds"})
    assert len(state.problem) < 20_000


ALPHABET = st.sampled_from([*"ab1:-,[]{}&*!?|>'\"%@#\n \t<=._", "name: ", "<<: ", "!!int ", "- "])


@given(st.lists(ALPHABET, max_size=60).map("".join) | st.text(max_size=60))
@settings(max_examples=300, deadline=None)
def test_whatever_is_sent_is_read_or_refused(text: str) -> None:
    try:
        read(text)
    except PolicyError as error:
        told = str(error)
        assert told.startswith("f")
    state = policy_state((HEAD + text).encode("utf-8", "replace"), BUILT_IN)
    assert state.valid is not bool(state.problem)
