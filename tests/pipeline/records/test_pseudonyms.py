"""Numbers become keyed pseudonyms; retention by purpose."""

from __future__ import annotations

import stat
from functools import partial
from pathlib import Path

import pytest

from agents.crypto.party_pseudonyms import Pseudonyms
from agents.crypto.pseudonym_secret import read_key, read_or_make_key
from pipeline.errors import InputError, KeyFileError, PolicyError, StoreError
from pipeline.policy.known_names import Known
from pipeline.policy.loading import load_policy, parse_policy
from pipeline.records.pseudonyms import PSEUDONYM, key_check, pseudonym

pytestmark = pytest.mark.unit

RECORDERS = Known(purposes=frozenset({"default", "training", "legal"}))

KEY = bytes(range(32))
KNOWN = "pn-575577751b106ce08289849036339437"


@pytest.mark.parametrize(
    "written",
    [
        "+15550100199",
        " +1 (555) 010-0199 ",
        "0015550100199",
        "tel:+1-555-010-0199;phone-context=x",
        "sip:+15550100199@example.com",
        "+1.555.010.0199",
        "+1\u00a0555\u2011010\u20130199",
    ],
)
def test_ways_to_write_a_number_give_one_pseudonym(written: str) -> None:
    assert pseudonym(written, KEY) == pseudonym("+15550100199", KEY)


def test_a_pseudonym_is_known() -> None:
    """Computed once with openssl: it must never change, or a person's old calls are not found."""
    assert pseudonym("+15550100199", KEY) == KNOWN
    assert PSEUDONYM.fullmatch(KNOWN)


@pytest.mark.parametrize("other", ["+15550100198", "15550100199", "5550100199", "sip:ann@host"])
def test_other_numbers_give_others(other: str) -> None:
    assert pseudonym(other, KEY) != pseudonym("+15550100199", KEY)


def test_another_key_gives_another() -> None:
    assert pseudonym("+15550100199", bytes(32)) != pseudonym("+15550100199", KEY)


@pytest.mark.parametrize("number", ["", "  ", "()-", "5" * 300])
def test_what_is_no_number_is_refused_without_quoting_it(number: str) -> None:
    with pytest.raises(InputError) as caught:
        pseudonym(number, KEY)
    assert "5" * 10 not in str(caught.value)


def test_the_key_is_asked_for_with_the_first_number_and_private(tmp_path: Path) -> None:
    path = tmp_path / "state" / "tokens.key"
    named = Pseudonyms(partial(read_key, path))
    already = f"pn-{'0' * 32}"
    assert named(already) == already
    with pytest.raises(KeyFileError, match=r"tokens\.key: is missing"):
        named("+15550100199")
    assert not path.exists()
    first = Pseudonyms(partial(read_or_make_key, path))("+15550100199")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert named("0015550100199") == first
    path.chmod(0o644)
    with pytest.raises(StoreError):
        named("+15550100199")


def test_what_a_key_is_known_by_is_no_hash_of_a_number() -> None:
    other = KEY[:-1] + bytes([KEY[-1] ^ 1])
    assert len(bytes.fromhex(key_check(KEY))) == 32
    assert key_check(KEY) != key_check(other)
    for one in ("0", "+15550100199"):
        assert pseudonym(one, KEY)[3:] not in key_check(KEY)


@pytest.mark.parametrize(
    ("purpose", "days"), [("", 90), ("default", 90), ("training", 30), ("unlisted", 30)]
)
def test_retention_by_purpose_is_never_longer_than_was_meant(purpose: str, days: int) -> None:
    text = "name: x\nversion: '1'\nretention: {default: 90, training: 30}\n"
    policy = parse_policy(text, known=RECORDERS)
    assert policy.keep_days(purpose) == days


def test_a_policy_without_a_default_keeps_no_longer_than_its_shortest() -> None:
    text = "name: x\nversion: '1'\nretention: {legal: 900, training: 30}\n"
    policy = parse_policy(text, known=RECORDERS)
    assert policy.keep_days("") == 30


@pytest.mark.parametrize("bad", ["{}", "{default: 0}", "{Default: 5}", "{default: -1}", "5"])
def test_a_retention_that_means_nothing_is_refused_by_its_line(bad: str) -> None:
    with pytest.raises(PolicyError, match="line 3"):
        parse_policy(f"name: x\nversion: '1'\nretention: {bad}\n")


def test_of_two_policies_the_shorter_retention_counts(tmp_path: Path) -> None:
    for name, retention in (("a", "{default: 90, training: 10}"), ("b", "{default: 40}")):
        text = f"name: {name}\nversion: '1'\nretention: {retention}\n"
        (tmp_path / f"{name}.yaml").write_text(text)
    both = load_policy(f"{tmp_path / 'a.yaml'}+{tmp_path / 'b.yaml'}", RECORDERS)
    assert both.retention == {"default": 40, "training": 10}
