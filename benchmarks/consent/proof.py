"""What became of the demo's calls, compared with what has to become of them, and what is left.

``became`` reads catalogue and audit log, ``unlike`` compares a call with its script, its recording
and its transcript, ``leaks`` looks for what is left of refused calls: on every topic, among dead
letters, in every file of the installation. What is wrong is told in lines; none quotes a call.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
from confluent_kafka import Message

from agents.access.audit_log import AuditLog
from agents.access.hash_chain import Entry, read_export
from agents.app.checks.canaries import Canary, needles
from agents.app.checks.leak_scan import Searcher, scan, told
from agents.app.checks.leak_scan_selftest import missed
from agents.database.call_ledger import CallState, Ledger
from agents.database.open_ledger import opened_ledger
from agents.kafka.security import KafkaSecurity, named_broker
from agents.kafka.topics import Topics
from agents.runtime.dead_letters import read_dead_letters
from agents.settings.model import STATE, Settings
from agents.vault.call_catalogue import StoredCallFacts
from agents.vault.vault import Vault
from benchmarks.consent.calls import Shown, silent_part, truth_of
from benchmarks.cost.reading import content_of, read_all
from benchmarks.quality.leakcheck import check
from pipeline.errors import UnknownCallError
from pipeline.records.consent import Outcome

_REFUSED: Final = "call-refused"
_KEPT: Final = {
    Outcome.KEPT: "audio and transcript",
    Outcome.TRANSCRIPT_ONLY: "transcript",
    Outcome.AGENT_SIDE_ONLY: "the agent's side",
}


@dataclass(frozen=True, slots=True)
class Installed:
    """The demo's installation, while its broker runs."""

    vault: Path
    settings: Settings
    topics: Topics
    partitions: int

    @property
    def state(self) -> Path:
        """Of ledger and keys."""
        return self.vault / STATE


@dataclass(frozen=True, slots=True)
class Became:
    """What became of a call."""

    outcome: str
    why: str
    rules: str = ""
    """``id@version``."""
    places: str = ""
    evidence: str = ""
    days: int = 0
    """How long it is kept; 0: nothing is."""
    stage: str = ""
    """That refused it."""

    @property
    def kept(self) -> bool:
        """Whether anything is."""
        return self.days > 0

    @property
    def told(self) -> str:
        """What is kept, and how long."""
        if not self.kept:
            return "nothing"
        return f"{_KEPT[Outcome(self.outcome)]}, {self.days} days"


def became(installed: Installed, calls: Sequence[Shown]) -> dict[str, Became]:
    """What became of each call, by its name."""
    with opened_ledger(installed.settings, installed.state) as ledger:
        catalogue = Vault.opened(installed.vault, ledger).catalogue
        entries, _ = read_export(AuditLog(ledger.database).export())
        refusals = {one.subject: one for one in entries if _REFUSED in one.kind}
        ended = {}
        for call in calls:
            stored = catalogue.find(call.name)
            if stored is not None:
                ended[call.name] = _stored(stored)
            elif call.name in refusals:
                ended[call.name] = _refused(refusals[call.name])
            else:
                ended[call.name] = Became("lost", str(ledger.state(call.name) or "never sent"))
        return ended


def _stored(facts: StoredCallFacts) -> Became:
    days = round((facts.retain_until - facts.stored).total_seconds() / 86_400)
    decision = facts.consent
    if decision is None or not facts.passed:
        return Became("not decided" if facts.passed else "quarantined", "", days=days)
    plain = decision.facts
    return Became(
        decision.outcome.value,
        decision.why.value,
        _once(plain.get("consent_rules", "")),
        _once(plain.get("consent_places", "")),
        plain.get("consent_evidence", ""),
        days,
    )


def _refused(entry: Entry) -> Became:
    """As the audit log tells it; ``code`` is not ``consent`` where something broke."""
    facts = entry.facts
    why = facts.get("consent_why") or facts.get("code")
    return Became(
        Outcome.REFUSED.value,
        str(why),
        _once(str(facts.get("consent_rules", ""))),
        _once(str(facts.get("consent_places", ""))),
        str(facts.get("consent_evidence", "")),
        stage=str(facts.get("stage", "")),
    )


def _once(words: str) -> str:
    """Each word once: two rules may hold for one place, and one rule for two."""
    return " ".join(dict.fromkeys(words.split()))


def unlike(call: Shown, ended: Became, exported: Path, source: Path) -> Iterator[str]:
    """In what a call is not what its script says; nothing where it is.

    Args:
        call: what has to become of it.
        ended: what became of it.
        exported: folder of exported calls.
        source: folder of the recordings.
    """
    wanted = (call.outcome.value, call.why.value)
    if (ended.outcome, ended.why) != wanted:
        yield f"{call.name}: {ended.outcome} ({ended.why}), not {wanted[0]} ({wanted[1]})"
        return
    if not ended.rules or "@" not in ended.rules:
        yield f"{call.name}: no rule is named"
    if ended.stage != call.stage:
        yield f"{call.name}: refused by {ended.stage}, not by {call.stage}"
    if call.evidence and set(ended.evidence.split()) != {one.value for one in call.evidence}:
        yield f"{call.name}: its evidence is {ended.evidence}"
    if ended.kept:
        yield from _audible(call, exported)
        if call.card:
            yield from _card(call, exported, source)


def _audible(call: Shown, exported: Path) -> Iterator[str]:
    """What may be neither heard nor read of a stored call, and is."""
    folder = exported / call.name
    pcm, rate = soundfile.read(folder / f"{call.name}.flac", dtype="int16", always_2d=True)
    if call.outcome is Outcome.TRANSCRIPT_ONLY and np.any(pcm):
        yield f"{call.name}: its audio is not silent"
    silent = call.silent
    text = _transcript(folder / f"{call.name}.json")
    if not text:
        yield f"{call.name}: its transcript is empty"
    if silent is not None:
        start, end, sides = silent_part(call, silent)
        part = pcm[round(start * rate) : round(end * rate), sides]
        if not part.size or np.any(part):
            yield f"{call.name}: what may not be heard is not silent"
        if any(word in text for word in silent.words):
            yield f"{call.name}: what may not be heard is in the transcript"


def _card(call: Shown, exported: Path, source: Path) -> Iterator[str]:
    """Every digit of the card against the truth."""
    manifest = source / f"{call.name}.jsonl"
    manifest.write_text(json.dumps(truth_of(call)) + "\n", encoding="utf-8")
    report = check(manifest, exported)
    if not report.passed or not sum(one.digits for one in report.digits()):
        yield f"{call.name}: a digit of the card can be heard, or none was looked for"


def _transcript(file: Path) -> str:
    turns = json.loads(file.read_text(encoding="utf-8"))["Transcript"]
    return " ".join(str(turn["Content"]) for turn in turns).casefold()


@dataclass(slots=True)
class Left:
    """What is left of refused calls."""

    told: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def leaks(installed: Installed, refused: Sequence[Shown]) -> Left:
    """Look for refused calls wherever something was written.

    Args:
        installed: with a broker that still has all records.
        refused: the calls.
    """
    left = Left()
    known = [canary for call in refused for canary in _canaries(call)]
    left.wrong += missed(known)
    searcher = Searcher(*needles(known))
    records = _records(installed)
    for topic, messages in records.items():
        for message in messages:
            if searcher.search(BytesIO(content_of(message))):
                left.wrong.append(f"{topic}: a refused call can be read in a record")
    done = scan([installed.vault], searcher)
    left.wrong += told(done)
    total = sum(map(len, records.values()))
    left.told.append(
        f"{len(known)} canaries of {len(refused)} refused calls (sound and card numbers), looked "
        f"for in {total} records of {len(records)} topics and {done.files} files: "
        f"{len(left.wrong)} finds"
    )
    with opened_ledger(installed.settings, installed.state) as ledger:
        for call in refused:
            _one_left(call, installed, ledger, records, left)
    return left


def _one_left(
    call: Shown,
    installed: Installed,
    ledger: Ledger,
    records: Mapping[str, Sequence[Message]],
    left: Left,
) -> None:
    """What is left of one call: sealed records without a key."""
    key = call.name.encode()
    counts = Counter(
        {topic: sum(one.key() == key for one in each) for topic, each in records.items()}
    )
    raw, dead = counts[installed.topics.audio_raw], counts[installed.topics.deadletter]
    letters = read_dead_letters(
        named_broker(installed.settings),
        installed.topics,
        ledger,
        call_id=call.name,
        client=KafkaSecurity.of(installed.settings).librdkafka(),
    )
    if any(one.sealed is not None for one in letters):
        left.wrong.append(f"{call.name}: a dead letter can still be replayed")
    if ledger.state(call.name) is not CallState.REFUSED or _opens(ledger, call.name):
        left.wrong.append(f"{call.name}: its key is not destroyed")
    if (call.stage == "ingest") is not (raw == 0):
        left.wrong.append(f"{call.name}: {raw} records of it were sent")
    if any(path.name.partition(".")[0] == call.name for path in installed.vault.rglob("*")):
        left.wrong.append(f"{call.name}: the vault has a file of it")
    left.told.append(
        f"  {call.name}: key destroyed; {raw} records on the raw topic and {dead} dead letters, "
        "none of which opens; no file"
    )


def _opens(ledger: Ledger, call_id: str) -> bool:
    try:
        ledger.seal(call_id)
    except UnknownCallError:
        return False
    return True


def _records(installed: Installed) -> dict[str, list[Message]]:
    bootstrap = named_broker(installed.settings)
    return {
        topic: read_all(bootstrap, topic, installed.partitions) for topic in installed.topics.all()
    }


def _canaries(call: Shown) -> Iterator[Canary]:
    """The sound of a call, and the card number in it."""
    pcm, rate = soundfile.read(call.audio, dtype="int16", always_2d=True)
    yield Canary(f"{call.name} sound", samples=pcm, rate=rate)
    for number in sorted({one["full_value"] for one in truth_of(call)["entities"]}):
        yield Canary(f"{call.name} card", number)
