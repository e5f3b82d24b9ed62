"""The Merkle tree over the audit log, and what its witnesses sign."""

from __future__ import annotations

import base64
import hashlib
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from agents.access.audit_log import AuditLog
from agents.access.hash_chain import read_export, tree_of
from agents.access.merkle_tree import Tree
from agents.access.witness import (
    Note,
    Witness,
    contradictions,
    log_note,
    log_vkey,
    request,
    with_lines,
)
from agents.cli import main
from agents.crypto.ed25519 import SigningKey
from agents.database.call_ledger import Ledger
from agents.database.tables import ENTRIES
from pipeline.errors import InputError, RecordError
from tests.rewriting import cut_back, event, rewritten

pytestmark = pytest.mark.unit

ORIGIN = "example.com/hushwire"
LEAVES = [hashlib.sha256(bytes([number])).digest() for number in range(80)]


def known(leaves: Sequence[bytes]) -> bytes:
    """MTH of RFC 6962, 2.1, as it is written there."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return hashlib.sha256(b"\x01" + known(leaves[:half]) + known(leaves[half:])).digest()


def consistent(old: int, old_root: bytes, new: int, new_root: bytes, proof: list[bytes]) -> bool:
    """The verification of RFC 9162, 2.1.4.2."""
    if old == new:
        return old_root == new_root and not proof
    if not old:
        return not proof
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    first, last = old - 1, new - 1
    while first & 1:
        first, last = first >> 1, last >> 1
    one = two = path[0]
    for step in path[1:]:
        if not last:
            return False
        if first & 1 or first == last:
            one = hashlib.sha256(b"\x01" + step + one).digest()
            two = hashlib.sha256(b"\x01" + step + two).digest()
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            two = hashlib.sha256(b"\x01" + two + step).digest()
        first, last = first >> 1, last >> 1
    return (one, two, last) == (old_root, new_root, 0)


def test_the_tree_of_the_known_vectors() -> None:
    """The inputs and roots that implementations of RFC 6962 are tested with."""
    texts = (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )  # fmt: skip
    tree = Tree([bytes.fromhex(one) for one in texts])
    assert tree.root(0).hex() == hashlib.sha256(b"").hexdigest()
    assert tree.root(1).hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert tree.root(8).hex() == "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_every_tree_and_proof_also_where_the_beginning_is_gone(data: st.DataObject) -> None:
    new = data.draw(st.integers(0, len(LEAVES)))
    old = data.draw(st.integers(0, new))
    pruned = data.draw(st.integers(0, old))
    whole = Tree(LEAVES)
    tree = Tree(LEAVES[pruned:], pruned, whole.frontier(pruned))
    assert tree.root(new) == known(LEAVES[:new])
    assert tree.frontier(new) == whole.frontier(new)
    proof = tree.consistency(old, new)
    assert consistent(old, known(LEAVES[:old]), new, known(LEAVES[:new]), proof)
    if 0 < old < new:
        other = known([*LEAVES[: old - 1], b"other"])
        assert not consistent(old, other, new, known(LEAVES[:new]), proof)


def test_what_a_tree_can_not_tell() -> None:
    whole = Tree(LEAVES[:9])
    tree = Tree(LEAVES[5:9], 5, whole.frontier(5))
    for size in (4, 10):
        with pytest.raises(ValueError, match="from 5 to 9"):
            tree.root(size)
    with pytest.raises(ValueError, match="from 5 to 9"):
        tree.consistency(4, 9)
    with pytest.raises(ValueError, match="larger"):
        tree.consistency(9, 8)
    assert tree.consistency(0, 9) == []
    for frontier in ({}, whole.frontier(6), {**whole.frontier(5), 7: LEAVES[0]}):
        with pytest.raises(ValueError, match="frontier"):
            Tree(LEAVES[5:9], 5, frontier)


class Observer:
    """A witness: it keeps what it saw, and signs what extends it."""

    def __init__(self, log_key: str, name: str = "witness.example.com/w1") -> None:
        self.name, self._key = name, Ed25519PrivateKey.generate()
        self._raw = self._key.public_key().public_bytes_raw()
        self._id = hashlib.sha256(name.encode() + b"\n\x04" + self._raw).digest()[:4]
        origin, key_id, theirs = log_key.split("+", 2)
        self._log = (origin, bytes.fromhex(key_id), base64.b64decode(theirs)[1:])
        self.size, self._root = 0, b""
        encoded = base64.b64encode(b"\x04" + self._raw).decode()
        self.vkey = f"{name}+{self._id.hex()}+{encoded}"

    def add_checkpoint(self, body: str, at: int = 1_679_315_147) -> str:
        """``add-checkpoint`` of tlog-witness: the lines that it answers."""
        head, _, note = body.partition("\n\n")
        old, *proof = head.split("\n")
        assert old == f"old {self.size}"
        text, _, lines = note.rpartition("\n\n")
        origin, size, root = text.split("\n")
        name, key_id, key = self._log
        assert origin == name
        dash, signer, value = lines.rstrip("\n").split(" ")
        signature = base64.b64decode(value)
        assert (dash, signer, signature[:4]) == ("\u2014", name, key_id)
        Ed25519PublicKey.from_public_bytes(key).verify(signature[4:], f"{text}\n".encode())
        roots = (self._root, base64.b64decode(root))
        hashes = [base64.b64decode(one) for one in proof]
        assert consistent(self.size, roots[0], int(size), roots[1], hashes)
        self.size, self._root = int(size), roots[1]
        signed = f"cosignature/v1\ntime {at}\n{text}\n".encode()
        stamped = at.to_bytes(8) + self._key.sign(signed)
        return f"\u2014 {self.name} {base64.b64encode(self._id + stamped).decode()}\n"


@pytest.fixture
def key(tmp_path: Path, ledger: Ledger) -> SigningKey:
    return SigningKey.load_or_create(tmp_path / "state" / "signing.pem")


def fill(log: AuditLog, first: int, last: int) -> None:
    for call in range(first, last + 1):
        assert log.append(event(call))


def asked(log: AuditLog, key: SigningKey, old: int) -> str:
    tree = log.tree()
    return request(log_note(key, ORIGIN, tree, tree.size), tree, old)


def test_a_witness_follows_a_log_that_is_pruned(log: AuditLog, key: SigningKey) -> None:
    observer = Observer(log_vkey(key, ORIGIN))
    witness = Witness.parse(observer.vkey)
    sizes = []
    for last in (5, 6, 13):
        fill(log, (sizes or [0])[-1] + 1, last)
        body = asked(log, key, observer.size)
        note = with_lines(Note.parse(body.partition("\n\n")[2]), observer.add_checkpoint(body))
        assert note.cosigned([witness]) == ["witness.example.com/w1"]
        assert Note.parse(note.note) == note
        sizes.append(last)
    later = datetime.now(UTC) + timedelta(days=1)
    assert log.prune(key, keep_days=0, now=later) == 13
    observer.add_checkpoint(asked(log, key, 13))
    fill(log, 20, 25)
    observer.add_checkpoint(asked(log, key, 14))
    assert log.prune(key, keep_days=0, now=later) == 7
    observer.add_checkpoint(asked(log, key, 20))
    # An export has the same tree.
    entries, checkpoints = read_export(log.export())
    assert tree_of(entries, checkpoints).root(21) == log.tree().root(21)
    with pytest.raises(ValueError, match="from 20 to 21"):
        asked(log, key, 14)


def test_a_log_that_an_older_version_pruned_has_no_tree(
    ledger: Ledger, log: AuditLog, key: SigningKey
) -> None:
    fill(log, 1, 3)
    later = datetime.now(UTC) + timedelta(days=1)
    log.prune(key, keep_days=0, now=later)
    kind = ENTRIES.c.kind == "hushwire.audit.log-pruned.v1"
    with ledger.database.writing() as connection:
        facts = '{"what":"log-pruned","until":3,"entries":3}'
        connection.execute(update(ENTRIES).where(kind).values(facts=facts))
    with pytest.raises(InputError, match="kept nothing of the Merkle tree"):
        log.tree()


def test_what_a_witness_saw_outlives_whoever_has_the_key(
    ledger: Ledger, log: AuditLog, key: SigningKey
) -> None:
    observer = Observer(log_vkey(key, ORIGIN))
    witness = Witness.parse(observer.vkey)
    fill(log, 1, 9)
    body = asked(log, key, 0)
    note = with_lines(Note.parse(body.partition("\n\n")[2]), observer.add_checkpoint(body))

    def told(by: Sequence[Witness] = (witness,), origin: str = ORIGIN) -> list[str]:
        return contradictions([note], by, origin, log.tree())

    assert told() == []
    foreign = "witnessed checkpoint of 9 entries: of another log, or of no known witness"
    assert told(by=()) == told(origin="other") == [foreign]
    cut_back(ledger.database)
    assert "saw more than the 6 that are there: cut off" in told()[0]
    fill(log, 20, 29)
    assert "saw other entries: the log was written anew" in told()[0]


def test_the_form_of_keys_and_their_ids() -> None:
    """The key and id that implementations of signed notes show as an example."""
    raw = base64.b64decode("AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k")[1:]
    assert hashlib.sha256(b"example.com/foo\n\x01" + raw).digest()[:4].hex() == "530d903a"
    key = SigningKey(Ed25519PrivateKey.generate())
    observer = Observer(log_vkey(key, ORIGIN))
    assert Witness.parse(f" {observer.vkey}\n").name == observer.name
    for broken in (
        "", "name", observer.vkey[:-4], observer.vkey.replace("+", "+0", 1),
        observer.vkey.replace("w1", "w2"), log_vkey(key, ORIGIN),
    ):  # fmt: skip
        with pytest.raises(RecordError):
            Witness.parse(broken)


@pytest.mark.parametrize("origin", ["", "two words", "a+b", "{", "line\n"])
def test_an_origin_that_could_be_something_else_is_refused(key: SigningKey, origin: str) -> None:
    with pytest.raises(RecordError, match="origin"):
        log_note(key, origin, Tree(LEAVES), 3)


def test_a_cosignature_that_is_not_good_is_no_cosignature(log: AuditLog, key: SigningKey) -> None:
    observer = Observer(log_vkey(key, ORIGIN))
    witness, stranger = Witness.parse(observer.vkey), Observer(log_vkey(key, ORIGIN), "other")
    fill(log, 1, 3)
    body = asked(log, key, 0)
    note = Note.parse(body.partition("\n\n")[2])
    assert note.cosigned([witness]) == []
    assert with_lines(note, stranger.add_checkpoint(body)).cosigned([witness]) == []
    line = observer.add_checkpoint(body)
    good = with_lines(note, line)
    dash, name, value = line.split(" ")
    for place in (4, 11, 12, 75):  # the time, the signature
        changed = bytearray(base64.b64decode(value))
        changed[place] ^= 1
        bad = with_lines(note, f"{dash} {name} {base64.b64encode(changed).decode()}\n")
        with pytest.raises(RecordError, match="not good"):
            bad.cosigned([witness])
    for other in (good.note.replace("\n3\n", "\n4\n"), good.note.replace(ORIGIN, "else", 1)):
        with pytest.raises(RecordError, match="not good"):
            Note.parse(other).cosigned([witness])


SIGNED = "\n\u2014 a AAAAAAA=\n"


@pytest.mark.parametrize(
    "note",
    [
        "",
        "\n\n",
        "a\n1\nAAAA\n",
        "a\n01\nAAAA\n" + SIGNED,
        "a\n1\n?\n" + SIGNED,
        "a\n1\nAAAA\nmore\n" + SIGNED,
        "a\n1\nAAAA\n\n- a AAAAAAA=\n",
        "a\n1\nAAAA\n\n\u2014 a AAAA\n",
        "a\n\u0661\nAAAA\n" + SIGNED,
        "a\n1\nAAAA\n\n" + SIGNED[1:] * 9_000,
    ],
    ids=range(10),
)
def test_a_text_that_is_no_checkpoint_is_refused(note: str) -> None:
    with pytest.raises(RecordError):
        Note.parse(note)


def test_the_commands(
    tmp_path: Path,
    ledger: Ledger,
    log: AuditLog,
    key: SigningKey,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HUSHWIRE_STATE_DIR", str(tmp_path / "state"))
    (tmp_path / "vault").mkdir()

    def hushwire(*given: str) -> int:
        monkeypatch.setattr(sys, "argv", ["hushwire", *given])
        try:
            main.main()
        except SystemExit as ended:
            return int(ended.code or 0)
        return 0

    assert hushwire("audit", "witness-key") == 2
    assert "HUSHWIRE_AUDIT_ORIGIN" in capfd.readouterr().err
    monkeypatch.setenv("HUSHWIRE_AUDIT_ORIGIN", ORIGIN)
    assert hushwire("audit", "witness-key") == 0
    observer = Observer(capfd.readouterr().out.strip())
    assert hushwire("audit", "witness-request") == 2, "an empty log"
    fill(log, 1, 9)
    capfd.readouterr()
    assert hushwire("audit", "witness-request") == 0
    body = capfd.readouterr().out
    (tmp_path / "request.txt").write_text(body, encoding="utf-8")
    (tmp_path / "answer.txt").write_text(observer.add_checkpoint(body), encoding="utf-8")
    add = ("audit", "witness-add", "request.txt", "answer.txt", "--vault", "vault")
    assert hushwire(*add) == 2
    assert "of no known witness" in capfd.readouterr().err
    monkeypatch.setenv("HUSHWIRE_AUDIT_WITNESSES", observer.vkey)
    assert hushwire(*add) == 0
    assert "9 entries, witnessed by witness.example.com/w1" in capfd.readouterr().out
    fill(log, 10, 11)
    assert hushwire("audit", "witness-request", "--old", "12") == 2
    assert hushwire("audit", "verify", "--vault", "vault") == 0
    # Whoever has the key, too, can't show another log: the witness has seen this one.
    (tmp_path / "state" / "signing.pem.head").unlink()
    rewritten(ledger.database)
    log.adopt(key, by="whoever has the key")
    assert hushwire("audit", "verify") == 0
    capfd.readouterr()
    assert hushwire("audit", "verify", "--vault", "vault") == 1
    assert "witness.example.com/w1 saw other entries" in capfd.readouterr().err
