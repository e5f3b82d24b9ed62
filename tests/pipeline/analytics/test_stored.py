"""Nothing gets into analytics but what the vault holds, certified."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.analytics.stored import StoredTranscript
from pipeline.errors import RecordError
from pipeline.records.model import CallInfo, Word
from tests.pipeline.analytics.stored_calls import TWO, files_of, word

REPOSITORY = Path(__file__).parents[3]
PACKAGES = ("pipeline/analytics", "agents/vault/analytics")
RAW = ("pipeline.records.model", "pipeline.records.avro_codec", "pipeline.transcription")


@pytest.mark.unit
def test_what_is_certified_is_taken() -> None:
    certificate, transcript = files_of([word(0, 0, 400, "Hello")], length=1_000)
    made = StoredTranscript.of(transcript, certificate)
    assert made.told.turns[0].text == "Hello"
    assert made.certificate.call_id == "call-1"
    assert "Hello" not in repr(made)


@pytest.mark.unit
def test_another_transcript_is_refused_without_a_word_of_it() -> None:
    certificate, _ = files_of([word(0, 0, 400, "Hello")], length=1_000)
    _, other = files_of([word(0, 0, 400, "secret")], length=1_000)
    with pytest.raises(RecordError) as refused:
        StoredTranscript.of(other, certificate)
    assert "secret" not in str(refused.value)


@pytest.mark.unit
@pytest.mark.parametrize("broken", [b"", b"{}", b"[1]"])
def test_a_broken_file_is_refused(broken: bytes) -> None:
    certificate, transcript = files_of([], length=1_000)
    with pytest.raises(RecordError):
        StoredTranscript.of(broken, certificate)
    with pytest.raises(RecordError):
        StoredTranscript.of(transcript, broken)


@pytest.mark.unit
def test_nobody_else_makes_one() -> None:
    with pytest.raises(TypeError):
        StoredTranscript(CallInfo("call-1", 8_000, TWO))  # type: ignore[arg-type]


@pytest.mark.slow
def test_the_type_checker_refuses_raw_records(tmp_path: Path) -> None:
    """What was heard is of other types: none of these lines passes, and the last one does."""
    example = tmp_path / "example.py"
    lines = [
        "from pipeline.analytics.activity import activity_of",
        "from pipeline.analytics.stored import StoredTranscript",
        "from pipeline.analytics.topics import counted, shipped_topics",
        "from pipeline.records.model import Findings, Word",
        "def raw(word: Word, findings: Findings, heard: list[Word]) -> None:",
        "    activity_of(findings)",
        "    counted(heard, shipped_topics())",
        "    StoredTranscript(word)",
        "    StoredTranscript.of(b'', word)",
        "    activity_of(StoredTranscript.of(b'', b''))",
    ]
    example.write_text("\n".join(lines) + "\n")
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", str(example)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    refused = [line.split(":")[1] for line in done.stdout.splitlines() if "error:" in line]
    assert refused == ["6", "7", "8", "9"], done.stdout + done.stderr


@pytest.mark.unit
def test_no_module_of_analytics_imports_a_raw_record() -> None:
    """The import contract says so too; this one names the line."""
    found = [
        f"{file}: {line}"
        for package in PACKAGES
        for file in (REPOSITORY / package).rglob("*.py")
        for line in file.read_text().splitlines()
        if line.startswith(("from ", "import ")) and any(name in line for name in RAW)
    ]
    assert found == []
    assert Word.__module__ == RAW[0]
