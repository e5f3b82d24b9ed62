"""What becomes of each recording in a watched folder; tests drive sender and outcomes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.app.recordings.watching.outcomes import Ended
from agents.app.recordings.watching.places import After
from agents.app.recordings.watching.watcher import AGAIN_S, LONE_S, Rule
from pipeline.errors import AudioError, BrokerError, StoreError
from tests.agents.app.recordings.watching.faking import Bench, bench
from tests.waiting import until

pytestmark = pytest.mark.unit


def test_a_recording_waits_for_its_sidecar(tmp_path: Path) -> None:
    with bench(tmp_path) as here:
        here.drop("a.wav", "1", sidecar=None)
        here.steps()
        assert here.send.sent == []
        (tmp_path / "a.json").write_text("{}")
        here.steps()
        assert here.send.sent == ["a.wav"]
        assert here.told("sent: ") == ["sent: a.wav (3 s): call call-1"]
        here.steps(10)
        assert here.send.sent == ["a.wav"]
        assert here.lying() == ["a.json", "a.wav"]


@pytest.mark.parametrize(
    ("after", "left"),
    [
        (After.MOVE, ["done/deep/a.json", "done/deep/a.m4a"]),
        (After.DELETE, []),
        (After.KEEP, ["deep/a.json", "deep/a.m4a"]),
    ],
)
def test_an_original_is_put_away_after_its_call_is_stored_and_not_before(
    tmp_path: Path, after: After, left: list[str]
) -> None:
    with bench(tmp_path, after) as here:
        here.drop("deep/a.m4a", "1")
        here.steps(20)
        assert here.lying() == ["deep/a.json", "deep/a.m4a"]
        here.outcomes.end("1")
        here.steps()
        assert here.lying() == left
        assert here.told("stored: ") == ["stored: deep/a.m4a: call call-1"]
        here.steps(20)
        assert here.send.sent == ["a.m4a"]


@pytest.mark.parametrize("state", ["quarantined", "refused", "erased"])
@pytest.mark.parametrize("after", After)
def test_what_nothing_is_kept_of_is_put_aside_with_its_reason(
    tmp_path: Path, state: str, after: After
) -> None:
    with bench(tmp_path, after) as here:
        here.drop("a.wav", "1")
        here.drop("b.wav", "2")
        here.steps()
        here.outcomes.end("1", state, "consent" if state == "refused" else "")
        here.outcomes.end("2")
        here.steps()
        assert {"refused/a.wav", "refused/a.json", "refused/a.wav.reason.txt"} <= set(here.lying())
        assert not (tmp_path / "a.wav").exists()
        reason = (tmp_path / "refused" / "a.wav.reason.txt").read_text()
        assert reason.startswith(f"{state}: call call-1: ")
        assert ("(consent)" in reason) is (state == "refused")
        assert len(here.told("stored: b.wav")) == 1
        assert len(here.told(f"{state}: a.wav: ")) == 1


@pytest.mark.parametrize("after", [After.MOVE, After.DELETE])
def test_an_original_of_which_a_part_is_stored_is_kept(tmp_path: Path, after: After) -> None:
    with bench(tmp_path, after) as here:
        here.drop("a.wav", "1")
        here.steps()
        here.outcomes.end("1", whole=False)
        here.steps()
        assert here.lying() == ["refused/a.json", "refused/a.wav", "refused/a.wav.reason.txt"]
        reason = (tmp_path / "refused" / "a.wav.reason.txt").read_text()
        assert reason.startswith("incomplete: call call-1: only a part")
        assert len(here.told("incomplete: a.wav: ")) == 1
        assert not here.told("stored: ")


def test_what_is_not_heard_of_is_sent_again_less_and_less_often(tmp_path: Path) -> None:
    with bench(tmp_path) as here:
        here.drop("a.wav", "1")
        here.steps(24 * 4 * 4, seconds=AGAIN_S / 4)
        # After 15 and 45 minutes, 1:45, 3:45, 7:45, then each six hours.
        assert 6 <= len(here.send.sent) <= 8
        here.outcomes.end("1")
        here.steps()
        assert here.told("stored: ")


@pytest.mark.parametrize("after", [After.MOVE, After.DELETE])
def test_recordings_that_would_share_a_sidecar_are_not_taken(tmp_path: Path, after: After) -> None:
    with bench(tmp_path, after) as here:
        here.drop("a.wav", "1")
        here.drop("a.mp3", "2", sidecar=None)
        here.drop("b.wav", "3")
        here.steps()
        assert here.send.sent == ["b.wav"]
        assert [line.split(":")[1] for line in here.told("not taken: ")] == [" a.mp3", " a.wav"]
        (tmp_path / "a.mp3").unlink()
        here.steps()
        here.outcomes.end("1")
        here.steps()
        assert here.send.sent == ["b.wav", "a.wav"]
        assert len(here.told("stored: a.wav")) == 1


def test_a_bad_file_is_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    with bench(tmp_path) as here:
        for number, name in enumerate(("a.wav", "b.wav", "+15555550100.mp3", "d.wav")):
            here.drop(name, str(number))
        here.send.problems["b.wav"] = AudioError("b.wav: cut off; send it when it is whole")
        here.send.problems["+15555550100.mp3"] = AudioError("+###########.mp3: no audio")
        here.steps()
        assert sorted(here.send.sent) == ["a.wav", "d.wav"]
        assert here.told("refused: b.wav: ") == [
            "refused: b.wav: cut off; send it when it is whole"
        ]
        assert len(here.told("refused: +####")) == 1
        assert "555" not in "".join(here.lines)
        text = (tmp_path / "refused" / "+15555550100.mp3.reason.txt").read_text()
        assert "555" not in text


def test_a_fault_of_ours_leaves_the_file_and_shows_no_words(tmp_path: Path) -> None:
    with bench(tmp_path) as here:
        here.drop("a.wav", "1")
        here.drop("b.wav", "2")
        here.send.problems["a.wav"] = RuntimeError("four one one one")  # type: ignore[assignment]
        here.steps(10)
        assert here.told("left: ") == ["left: a.wav: a fault of ours, RuntimeError"]
        assert here.send.sent == ["b.wav"]
        assert (tmp_path / "a.wav").exists()


def test_nothing_is_done_twice_after_a_restart(tmp_path: Path) -> None:
    with bench(tmp_path, After.KEEP) as here:
        here.drop("a.wav", "1")
        here.drop("b.wav", "2")
        here.steps()
        here.outcomes.end("1")
        here.steps()
        here.watcher.close(20)
        here.watcher = here.started()
        here.steps()
        # What is stored is known by the topic; what is on its way is sent again, which is harmless.
        assert sorted(here.send.sent) == ["a.wav", "b.wav", "b.wav"]
        here.outcomes.end("2")
        here.steps()
        assert len(here.told("stored: b.wav")) == 1


def test_a_file_that_is_still_written_waits(tmp_path: Path) -> None:
    with bench(tmp_path, sidecar=False, settle_s=10.0) as here:
        for length in range(1, 6):
            here.drop("a.wav", "1" * length, sidecar=None)
            here.steps(1, seconds=8.0)
            assert here.send.sent == []
        here.steps(2, seconds=8.0)
        assert here.send.sent == ["a.wav"]


def test_another_recording_under_the_same_name_is_never_put_away_for_the_first(
    tmp_path: Path,
) -> None:
    with bench(tmp_path, After.DELETE) as here:
        here.drop("a.wav", "1")
        here.steps()
        here.drop("a.wav", "2")
        here.outcomes.end("1")
        here.steps(1)
        assert (tmp_path / "a.wav").read_text() == "2"
        here.steps()
        assert here.send.sent == ["a.wav", "a.wav"]
        assert (tmp_path / "a.wav").exists()
        here.outcomes.end("2")
        here.steps()
        assert here.lying() == []


def test_no_more_are_sent_at_once_than_is_said(tmp_path: Path) -> None:
    with bench(tmp_path, concurrency=3, waiting=8) as here:
        here.send.hold.clear()
        for number in range(20):
            here.drop(f"{number}.wav", str(number))
        here.steps(4)
        assert here.watcher.being_sent == 3
        until(lambda: here.send.busy == 3)
        here.send.hold.set()
        here.steps(12)
        assert here.send.most == 3
        assert len(here.send.sent) <= 8 + 3
        assert here.watcher.on_their_way <= 8 + 3
        for number in range(20):
            here.outcomes.end(str(number))
        here.steps(20)
        assert len(here.told("stored: ")) == 20


def test_a_broker_that_is_away_is_told_once_and_waited_for(tmp_path: Path) -> None:
    with bench(tmp_path) as here:
        here.drop("a.wav", "1")
        here.send.problems["a.wav"] = BrokerError("k:9092: takes no records")
        here.steps(8)
        assert here.lines == ["waits: k:9092: takes no records: it is sent again"]
        del here.send.problems["a.wav"]
        here.steps(8)
        assert here.send.sent == ["a.wav"]


def test_a_call_of_which_nothing_is_heard_is_sent_again(tmp_path: Path) -> None:
    with bench(tmp_path) as here:
        here.drop("a.wav", "1")
        here.steps(4)
        here.now += AGAIN_S
        here.steps(4)
        assert here.send.sent == ["a.wav", "a.wav"]
        assert len(here.told("sent: ")) == 1
        here.outcomes.end("1")
        here.steps(2)
        assert here.lying() == ["done/a.json", "done/a.wav"]


def test_nothing_is_skipped_in_silence(tmp_path: Path) -> None:
    with bench(tmp_path) as here:
        for name in ("x.txt", "y.json", "deep/z.aac"):
            here.drop(name, "", sidecar=None)
        here.drop("lone.wav", "1", sidecar=None)
        here.drop(".lone.wav.part", "1", sidecar=None)
        here.steps(40)
        kinds = (
            "not a recording that can be read (.flac, .m4a, .mp3, .mp4, .ogg, .opus, .wav, .webm)"
        )
        assert here.lines == [
            f"not taken: deep/z.aac: {kinds}",
            f"not taken: x.txt: {kinds}",
            "not taken: y.json: a sidecar without a recording",
            "waits: lone.wav: its sidecar is not there; --no-sidecar takes recordings without one",
        ]
        assert here.now > LONE_S


def test_what_waits_still_is_told_once_whatever_else_is_sent(tmp_path: Path) -> None:
    with bench(tmp_path) as here:
        here.drop("late.wav", "late", sidecar=None)
        here.steps(30)
        for number in range(3):
            here.drop(f"{number}.wav", str(number))
            here.steps(4)
        assert len(here.send.sent) == 3
        assert len(here.told("waits: ")) == 1
        (tmp_path / "late.wav").unlink()
        here.steps(2)
        here.drop("late.wav", "late", sidecar=None)
        here.steps(30)
        assert len(here.told("waits: ")) == 2


def test_what_lies_in_done_is_never_written_over(tmp_path: Path) -> None:
    with bench(tmp_path) as here:
        for content in ("1", "2", "3"):
            here.drop("a.wav", content)
            here.outcomes.end(content)
            here.steps()
        assert [one for one in here.lying() if one.endswith(".wav")] == [
            "done/a.2.wav",
            "done/a.3.wav",
            "done/a.wav",
        ]
        contents = {(tmp_path / one).read_text() for one in here.lying() if one.endswith(".wav")}
        assert contents == {"1", "2", "3"}


def test_a_folder_that_cannot_be_written_keeps_its_files_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with bench(tmp_path) as here:
        here.drop("a.wav", "1")
        here.steps()
        here.outcomes.end("1")

        def denied(*_: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "rename", denied)
        here.steps(6)
        assert here.told("waits: ") == ["waits: a.wav: can't be put away (Permission denied)"]
        monkeypatch.undo()
        here.steps(2)
        assert here.lying() == ["done/a.json", "done/a.wav"]


def test_a_place_that_is_away_for_a_while_forgets_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with bench(tmp_path, After.KEEP) as here:
        here.drop("a.wav", "1")
        here.outcomes.end("1")
        here.steps()

        def away(*_: object) -> None:
            raise StoreError("the bucket can't be used")

        with monkeypatch.context() as patched:
            patched.setattr(here.watcher._places[0], "look", away)
            here.steps(5)
        here.steps(5)
        assert len(here.told("stored: ")) == 1
        assert here.told("waits: ") == ["waits: the bucket can't be used"]


def test_what_is_cut_off_by_the_end_is_said(tmp_path: Path) -> None:
    with bench(tmp_path) as here:
        here.send.hold.clear()
        here.drop("a.wav", "1")
        here.steps(3)
        assert here.watcher.close(0.01) == 1
        assert here.lying() == ["a.json", "a.wav"]


def test_what_ends_in_the_grace_is_put_away(tmp_path: Path) -> None:
    with bench(tmp_path) as here:
        here.send.hold.clear()
        here.drop("a.wav", "1")
        here.steps(3)
        here.outcomes.end("1")
        here.send.hold.set()
        assert here.watcher.close(20) == 0
        assert here.lying() == ["done/a.json", "done/a.wav"]


def test_links_are_moved_as_links(tmp_path: Path) -> None:
    folder, other = tmp_path / "in", tmp_path / "other"
    folder.mkdir()
    other.mkdir()
    (other / "real.wav").write_text("1")
    (folder / "a.wav").symlink_to(other / "real.wav")
    (folder / "a.json").write_text("{}")
    (folder / "deep").symlink_to(other)
    with bench(folder) as here:
        here.outcomes.end("1")
        here.steps()
        assert os.path.lexists(folder / "done" / "a.wav")
        assert (other / "real.wav").exists()
        assert here.send.sent == []


ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("drop"), st.sampled_from("abc"), st.sampled_from("12")),
        st.tuples(st.just("end"), st.sampled_from("12"), st.sampled_from(["stored", "refused"])),
        st.tuples(st.just("restart"), st.just(""), st.just("")),
        st.tuples(st.just("step"), st.just(""), st.just("")),
    ),
    max_size=25,
)


@given(acts=ACTS)
@settings(max_examples=40, deadline=None)
def test_no_recording_is_lost_whatever_happens(
    acts: list[tuple[str, str, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Every content that was dropped lies somewhere, and only what is stored lies in done."""
    folder = tmp_path_factory.mktemp("watched")
    here = Bench(folder, Rule(After.MOVE))
    dropped: set[str] = set()
    stored_once: set[str] = set()
    try:
        for what, first, second in acts:
            match what:
                case "drop" if not (folder / f"{first}.wav").exists():
                    here.drop(f"{first}.wav", second)
                    dropped.add(second)
                case "end" if f"call-{first}" not in here.outcomes.ended:
                    here.outcomes.ended[f"call-{first}"] = Ended(second, whole=True)
                    stored_once |= {first} if second == "stored" else set()
                case "restart":
                    here.watcher.close(20)
                    here.watcher = here.started()
                case "step":
                    here.steps(1)
                case _:
                    pass
        here.steps(6)
    finally:
        here.watcher.close(20)
    lying = {one: (folder / one).read_text() for one in here.lying() if one.endswith(".wav")}
    assert dropped <= set(lying.values())
    assert {text for one, text in lying.items() if one.startswith("done/")} <= stored_once
    assert not {text for one, text in lying.items() if one.startswith("refused/")} & stored_once
