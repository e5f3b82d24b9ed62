from __future__ import annotations

import ast
import os
import re
import sqlite3
import sys
from pathlib import Path

import pytest

from agents.app.checks import doctor, surroundings
from agents.app.checks.doctor import examine, swap_devices
from agents.app.checks.surroundings import broker_findings
from agents.app.operations.findings import Finding, Grade
from agents.cli import main
from agents.crypto.ed25519 import SigningKey
from agents.database.call_ledger import Ledger
from agents.database.known_keys import known_token_key
from agents.kafka.admin import ClusterState, TopicState, shortened
from agents.kafka.topics import Topics, wanted_configs
from agents.settings.model import Settings, load_settings
from models.store.loader import Check
from pipeline.errors import BrokerError

pytestmark = pytest.mark.unit

TOPICS = Topics.named()
CONFIGS = wanted_configs(TOPICS, 86_400_000, 3)
SETTINGS = Settings(partitions=4, replication=3)


def cluster(raw: TopicState | None = None) -> ClusterState:
    states = {name: TopicState(4, 3, config) for name, config in CONFIGS.items()}
    if raw is not None:
        states[TOPICS.audio_raw] = raw
    return ClusterState(3, states)


def told(findings: list[Finding]) -> list[str]:
    return [f"{one.what}: {one.told}" for one in findings if one.grade is Grade.WEAK]


def test_a_cluster_as_the_settings_say_is_fine() -> None:
    (one,) = broker_findings(cluster(), TOPICS, SETTINGS)
    assert (one.grade, one.told) == (
        Grade.OK,
        f"{len(TOPICS.all())} topics of 4 partitions, as the settings say",
    )


@pytest.mark.parametrize(
    ("key", "value", "weak"),
    [
        ("retention.ms", "86400001", True),
        ("retention.ms", "-1", True),
        ("retention.ms", "43200000", False),
        ("segment.ms", "604800000", True),
        ("segment.bytes", "1073741824", True),
        ("segment.bytes", "1048576", False),
        ("cleanup.policy", "compact", True),
        ("cleanup.policy", "compact,delete", True),
        ("min.insync.replicas", "1", True),
        ("min.insync.replicas", "3", False),
        ("unclean.leader.election.enable", "true", True),
    ],
)
def test_what_keeps_raw_audio_longer_is_weak(key: str, value: str, *, weak: bool) -> None:
    changed = TopicState(4, 3, {**CONFIGS[TOPICS.audio_raw], key: value})
    found = told(broker_findings(cluster(raw=changed), TOPICS, SETTINGS))
    wanted = CONFIGS[TOPICS.audio_raw][key]
    expected = [f"{TOPICS.audio_raw}: {key} is {value}, should be {wanted}"] if weak else []
    assert found == expected


@pytest.mark.parametrize(("idle_s", "weak"), [(300, False), (1_000, True)])
def test_a_raw_retention_too_short_for_a_long_call_is_weak(idle_s: int, *, weak: bool) -> None:
    """Eight hours, the idle time, ten seconds for what is late, ten minutes for a takeover."""
    has = {**CONFIGS[TOPICS.audio_raw], "retention.ms": "29710000"}
    settings = SETTINGS.model_copy(update={"idle_seconds": float(idle_s)})
    found = broker_findings(cluster(raw=TopicState(4, 3, has)), TOPICS, settings)
    assert [one.what for one in found if one.grade is Grade.WEAK] == [TOPICS.audio_raw] * weak
    # Events hold no call that is read again.
    states = {**cluster().topics, TOPICS.audit: TopicState(4, 3, has)}
    assert told(broker_findings(ClusterState(3, states), TOPICS, settings)) == []


def test_topics_of_archives_that_are_there_are_held_to_the_same() -> None:
    """Workers elsewhere may take archives' calls, whatever is set where the command runs."""
    both = Topics.named(backfilled=True)
    configs = wanted_configs(both, 86_400_000, 3)
    states = {name: TopicState(4, 3, config) for name, config in configs.items()}
    assert told(broker_findings(ClusterState(3, states), TOPICS, SETTINGS)) == []
    name = both.backfill().audio_raw
    states[name] = TopicState(4, 3, {**configs[name], "retention.ms": "-1"})
    missing = both.backfill().spans
    del states[missing]
    assert told(broker_findings(ClusterState(3, states), TOPICS, SETTINGS)) == [
        f"topics: missing: {missing}",
        f"{name}: retention.ms is -1, should be 86400000",
    ]


def test_two_copies_count_as_written_where_there_are_three() -> None:
    wanted = [wanted_configs(TOPICS, 1, copies)[TOPICS.spans] for copies in (1, 2, 3)]
    assert [one["min.insync.replicas"] for one in wanted] == ["1", "1", "2"]
    assert {one["unclean.leader.election.enable"] for one in wanted} == {"false"}


def test_a_setting_that_the_broker_does_not_tell_is_weak() -> None:
    found = told(broker_findings(cluster(raw=TopicState(4, 3, {})), TOPICS, SETTINGS))
    assert len(found) == len(CONFIGS[TOPICS.audio_raw])


def test_a_shorter_retention_is_told_before_it_is_set() -> None:
    topic = TOPICS.audio_raw
    wanted = wanted_configs(TOPICS, 3_600_000)
    for has, shorter in (("604800000", [topic]), ("-1", [topic]), ("3600000", []), ("60000", [])):
        state = TopicState(4, 3, {**wanted[topic], "retention.ms": has})
        assert shortened(ClusterState(1, {topic: state}), wanted) == shorter


def test_missing_topics_partitions_and_copies_are_told() -> None:
    uneven = cluster(raw=TopicState(5, 2, CONFIGS[TOPICS.audio_raw]))
    assert told(broker_findings(uneven, TOPICS, SETTINGS)) == [
        "partitions: their numbers of partitions differ: [4, 5]",
        f"{TOPICS.audio_raw}: 2 copies, should be 3",
    ]
    found = broker_findings(ClusterState(3, {}), TOPICS, SETTINGS)
    assert [one.advice for one in found] == ["hushwire topics create"]
    alone = broker_findings(cluster(), TOPICS, Settings(partitions=4, replication=1))
    assert told(alone) == ["replication: one copy of every record on 3 brokers"]


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation without a weakness; models are hashed by another test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(doctor, "may_dump_core", lambda: False)
    monkeypatch.setattr(doctor, "verify", lambda one, **_: Check(one, None, ok=True))
    monkeypatch.setattr(doctor, "_SWAPS", tmp_path / "swaps")
    monkeypatch.setattr(doctor, "_SWAP_LIMIT", tmp_path / "limit")
    room = os.statvfs_result((4096, 4096, 2**30, 2**30, 2**30, 10**6, 10**6, 10**6, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda _: room)
    state = tmp_path / "state"
    ledger = Ledger.embedded(state)
    known_token_key(ledger.database).ensured(state / "tokens.key")
    ledger.open_call("call-1")
    ledger.dispose()
    (tmp_path / "vault").mkdir(mode=0o700)
    return tmp_path


def weak(folder: Path) -> list[str]:
    return told(examine(load_settings(), folder / "state", folder / "vault"))


def test_a_good_installation_is_fine(installed: Path) -> None:
    assert weak(installed) == []


@pytest.mark.parametrize(
    ("entities", "told_of"),
    [
        ("CARD_NUMBR: {action: mute}", "did you mean CARD_NUMBER"),
        ("CARD_NUMBER: {action: keep}", "payment data stays audible"),
    ],
)
def test_a_policy_that_is_wrong_or_leaves_payments_audible_is_told(
    installed: Path, monkeypatch: pytest.MonkeyPatch, entities: str, told_of: str
) -> None:
    policy = installed / "own.yaml"
    policy.write_text(f'name: own\nversion: "1"\nentities:\n  {entities}\n')
    monkeypatch.setenv("HUSHWIRE_POLICY", str(policy))
    (found,) = weak(installed)
    assert found.startswith("policy: ")
    assert told_of in found


def test_a_call_that_is_open_for_too_long_is_told(installed: Path) -> None:
    with sqlite3.connect(installed / "state" / "ledger.db") as connection:
        connection.execute("UPDATE calls SET created = '2026-01-01T00:00:00.000+00:00'")
    connection.close()
    (found,) = weak(installed)
    assert found.startswith("open calls: 1, the oldest since ")


def test_a_signing_key_that_forgot_what_it_signed_is_told(installed: Path) -> None:
    SigningKey.load_or_create(installed / "state" / "signing.pem")
    assert weak(installed) == []
    (installed / "state" / "signing.pem.head").unlink()
    (found,) = weak(installed)
    assert found.startswith("signing key: what it signed last is not known")


def test_open_files_are_told(installed: Path) -> None:
    (installed / "state").chmod(0o750)
    (installed / "state" / "kek.json").chmod(0o640)
    (installed / "vault").chmod(0o701)
    found = weak(installed)
    assert [line.split(":")[0] for line in found[:2]] == ["state folder", "key file"]
    assert found[0].endswith("others may get at it (mode 0750)")
    assert any(line.startswith("vault: ") and line.endswith("(mode 0701)") for line in found)


def test_a_key_file_that_the_calls_need_and_is_missing_is_told(installed: Path) -> None:
    key = installed / "state" / "kek.json"
    key.unlink()
    (found,) = weak(installed)
    assert found.startswith(f"key file: {key} is missing, and calls were opened with it")
    assert not key.exists()


def test_memory_that_may_reach_a_disk_is_told(
    installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "may_dump_core", lambda: True)
    table = "Filename Type Size Used Priority\n/dev/sda2 partition 8 0 -2\n"
    (installed / "swaps").write_text(table, encoding="utf-8")
    assert [line.split(":")[0] for line in weak(installed)] == ["core dumps", "swap"]
    (installed / "limit").write_text("0\n", encoding="utf-8")
    assert [line.split(":")[0] for line in weak(installed)] == ["core dumps"]


def test_compressed_memory_is_no_disk() -> None:
    assert swap_devices("Filename\n/dev/zram0 partition 1 0 100\n/swap file 1 0 -2\n") == ["/swap"]
    assert swap_devices("") == []


def test_an_altered_model_is_told(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    problem = "is not the file that the catalogue pins"
    monkeypatch.setattr(
        doctor, "verify", lambda one, **_: Check(one, None, ok=False, problem=problem)
    )
    found = weak(installed)
    assert len([line for line in found if line.endswith(problem)]) == len(found) == 6


def test_an_old_ledger_is_told_and_left_as_it_is(installed: Path) -> None:
    file = installed / "state" / "ledger.db"
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
    connection.close()
    assert [line.split(",")[0] for line in weak(installed)] == ["ledger: schema 0001"]


def test_an_old_wrapping_key_is_told(installed: Path) -> None:
    with sqlite3.connect(installed / "state" / "ledger.db") as connection:
        connection.execute("UPDATE wrapping_keys SET created = '2020-01-01T00:00:00.000+00:00'")
    connection.close()
    (found,) = weak(installed)
    assert found.startswith("wrapping key: ")
    assert found.endswith("days old")


def test_what_cannot_be_reached_is_weak(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object, **__: object) -> None:
        raise BrokerError("no answer")

    monkeypatch.setattr(surroundings, "cluster_state", away)
    settings = load_settings(bootstrap="127.0.0.1:1")
    found = examine(settings, installed / "state", installed / "vault")
    assert told(found) == ["broker: no answer"]


def test_nothing_is_made_and_the_exit_code_tells(
    installed: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["doctor", "--to", "vault", "--state-dir"]
    for state, code in (("state", 0), ("elsewhere", 0), ("open", 1)):
        if state == "open":
            (installed / "open").mkdir(mode=0o755)
            (installed / "open").chmod(0o755)
        before = sorted(installed.rglob("*"))
        monkeypatch.setattr(sys, "argv", ["hushwire", *arguments, state])
        with pytest.raises(SystemExit) as ended:
            main.main()
        assert ended.value.code == code
        assert sorted(installed.rglob("*")) == before
    assert "1 of" in capsys.readouterr().out


def test_a_folder_without_an_installation_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It ended green with everything that counts not checked."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HUSHWIRE_STATE_DIR", raising=False)
    monkeypatch.setattr(sys, "argv", ["hushwire", "doctor"])
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 1
    out = capsys.readouterr().out
    assert "nothing of one is here" in out
    assert "--state-dir, --to, --bootstrap" in out
    assert re.search(r"[1-9] of \d+ weak, \d+ not checked$", out.strip())
    for named in ("kek.json", "transit-public.json", "ledger.db"):
        place = tmp_path / named / "state"
        place.mkdir(parents=True)
        (place / named).write_bytes(b"")
        assert not doctor._nothing_here(load_settings(), place, None), named


@pytest.mark.parametrize(("strict", "code"), [((), 0), (("--strict",), 1)])
def test_what_is_not_checked_is_counted_and_fails_where_that_is_asked(
    strict: tuple[str, ...],
    code: int,
    installed: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(installed)
    asked = ["hushwire", "doctor", "--to", "vault", "--state-dir", "state", *strict]
    monkeypatch.setattr(sys, "argv", asked)
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == code
    assert re.search(r"nothing is weak, \d+ not checked$", capsys.readouterr().out.strip())


def test_strict_is_content_where_all_was_checked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "examine", lambda *_: [Finding(Grade.OK, "x", "y")])
    monkeypatch.setattr(sys, "argv", ["hushwire", "doctor", "--strict"])
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 0
    assert capsys.readouterr().out.strip().endswith("nothing is weak")


def _weaknesses() -> list[tuple[str, ast.Call]]:
    """Each place where a check may call something weak; a grade that is computed counts, too."""
    found: list[tuple[str, ast.Call]] = []
    folder = Path(doctor.__file__).parent
    for path in (
        folder / name for name in ("doctor.py", "holdings.py", "surroundings.py", "disks.py")
    ):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "Finding":
                grade = ast.unparse(node.args[0])
                if grade not in {"Grade.OK", "Grade.SKIPPED"}:
                    found.append((f"{path.name}:{node.lineno}", node))
    return found


def test_every_weakness_says_what_to_do() -> None:
    weak = _weaknesses()
    assert len(weak) > 15
    silent = [
        place
        for place, call in weak
        if len(call.args) < 4 or ast.unparse(call.args[3]) in {"''", "None"}
    ]
    assert silent == []


def test_every_check_has_a_page(tmp_path: Path) -> None:
    root = Path(__file__).parents[4]
    assert [page for page in doctor.PAGES.values() if not (root / page).is_file()] == []
    findings = examine(load_settings(), tmp_path / "state", tmp_path / "vault")
    assert {one.page for one in findings} <= set(doctor.PAGES.values())


def test_a_weakness_is_printed_with_its_page(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    state = tmp_path / "state"
    state.mkdir(mode=0o755)
    state.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["hushwire", "doctor", "--state-dir", str(state)])
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 1
    assert f"chmod 700 {state}, owned by us (docs/security.md)" in capfd.readouterr().out
