"""A watched prefix of a bucket, on moto's server."""

from __future__ import annotations

import os
from collections.abc import Iterator

import boto3
import pytest

from agents.app.recordings.watching import bucket_place
from agents.app.recordings.watching.bucket_place import BucketPlace
from agents.app.recordings.watching.outcomes import Ended
from agents.app.recordings.watching.places import After
from agents.app.recordings.watching.run_watch import open_place
from agents.app.recordings.watching.watcher import Rule, Watcher
from pipeline.errors import InputError, StoreError
from tests.agents.app.recordings.watching.faking import FakeOutcomes, FakeSend
from tests.agents.storing import bucket
from tests.waiting import HANG_S

pytestmark = pytest.mark.unit

PREFIX = "drop/here"


class Drops:
    """The bucket, and what lies in it."""

    def __init__(self, url: str) -> None:
        self.url = f"{url}/{PREFIX}"
        self._client = boto3.client(
            "s3", endpoint_url=os.environ["AWS_ENDPOINT_URL_S3"], region_name="us-east-1"
        )
        self._bucket = url.removeprefix("s3://")

    def put(self, name: str, content: str = "{}") -> None:
        self._client.put_object(Bucket=self._bucket, Key=f"{PREFIX}/{name}", Body=content.encode())

    def delete(self, name: str) -> None:
        self._client.delete_object(Bucket=self._bucket, Key=f"{PREFIX}/{name}")

    def get(self, name: str) -> str:
        body = self._client.get_object(Bucket=self._bucket, Key=f"{PREFIX}/{name}")["Body"]
        return str(body.read().decode())

    def lying(self) -> list[str]:
        found = self._client.list_objects_v2(Bucket=self._bucket).get("Contents", [])
        return [one["Key"].removeprefix(f"{PREFIX}/") for one in found]


@pytest.fixture
def drops() -> Iterator[Drops]:
    with bucket() as url:
        yield Drops(url)


def watch(drops: Drops, after: After, ended: dict[str, Ended]) -> tuple[FakeSend, list[str]]:
    send, outcomes, lines = FakeSend(), FakeOutcomes(), list[str]()
    outcomes.ended = {}
    now = [0.0]
    place = open_place(drops.url)
    rule = Rule(after, settle_s=0.0)
    watcher = Watcher([place], send, outcomes, rule, tell=lines.append, clock=lambda: now[0])
    for step in range(8):
        watcher.step()
        for _, future in list(watcher._state.sending.values()):
            future.exception(timeout=HANG_S)
        now[0] += 3
        if step == 3:
            before = drops.lying()
            assert not [one for one in before if one.startswith(("done/", "refused/"))]
            outcomes.ended = ended
    watcher.close(20)
    return send, lines


@pytest.mark.parametrize(
    ("after", "left"),
    [
        (After.MOVE, ["done/deep/a.json", "done/deep/a.mp3"]),
        (After.DELETE, []),
        (After.KEEP, ["deep/a.json", "deep/a.mp3"]),
    ],
)
def test_objects_are_put_away_after_their_call_is_stored(
    drops: Drops, after: After, left: list[str]
) -> None:
    drops.put("deep/a.json", '{"language": "es"}')
    drops.put("deep/a.mp3", "1")
    send, lines = watch(drops, after, {"call-1": Ended("stored", whole=True)})
    assert send.sent == ["a.mp3"]
    assert drops.lying() == left
    assert "stored: deep/a.mp3: call call-1" in lines


def test_what_is_refused_lies_aside_with_its_reason(drops: Drops) -> None:
    drops.put("a.json")
    drops.put("a.wav", "1")
    drops.put("done/x.wav", "9")
    drops.put("refused/a.wav", "8")
    drops.put("notes.txt", "")
    send, lines = watch_past(drops)
    assert send.sent == ["a.wav"]
    assert drops.get("refused/a.2.wav.reason.txt").startswith("refused: call call-1: ")
    assert drops.get("refused/a.2.wav") == "1"
    assert drops.get("refused/a.wav") == "8"
    assert [line for line in lines if line.startswith("not taken: notes.txt: ")]
    assert "a.wav" not in drops.lying()


def watch_past(drops: Drops) -> tuple[FakeSend, list[str]]:
    send, outcomes, lines = FakeSend(), FakeOutcomes(), list[str]()
    rule = Rule(settle_s=0.0)
    place = open_place(drops.url)
    watcher = Watcher([place], send, outcomes, rule, tell=lines.append)
    for step in range(6):
        watcher.step()
        for _, future in list(watcher._state.sending.values()):
            future.exception(timeout=HANG_S)
        if step == 3:
            outcomes.ended["call-1"] = Ended("refused", "record")
    watcher.close(20)
    return send, lines


def test_its_content_and_sidecar_are_read_into_memory(drops: Drops) -> None:
    drops.put("a.json", '{"language": "es"}')
    drops.put("a.wav", "abc")
    place = BucketPlace.named(drops.url)
    (found,) = place.look().recordings
    loaded = place.load(found)
    assert (loaded.content, loaded.sidecar) == (b"abc", b'{"language": "es"}')
    assert loaded.path.name == "a.wav"
    assert place.same(found)
    drops.put("a.wav", "abd")
    assert not place.same(found)


def test_what_vanishes_or_changes_meanwhile_is_told_as_that(drops: Drops) -> None:
    drops.put("a.json")
    drops.put("a.wav", "abc")
    place = BucketPlace.named(drops.url)
    (found,) = place.look().recordings
    drops.put("a.json", '{"language": "es"}')
    with pytest.raises(StoreError, match="replaced"):
        place.load(found)
    (found,) = place.look().recordings
    drops.delete("a.wav")
    assert not place.same(found)
    for act in (
        lambda: place.load(found),
        lambda: place.done(found, After.MOVE),
        lambda: place.refuse(found, "a reason"),
    ):
        with pytest.raises(StoreError, match="gone"):
            act()
    place.done(found, After.DELETE)


def test_a_sidecar_that_is_too_large_is_not_read(
    drops: Drops, monkeypatch: pytest.MonkeyPatch
) -> None:
    drops.put("a.json", "{}" + " " * (1 << 20))
    drops.put("a.wav", "abc")
    place = BucketPlace.named(drops.url)
    (found,) = place.look().recordings
    monkeypatch.setattr(bucket_place.obstore, "get", lambda *_: pytest.fail("it was read"))
    with pytest.raises(InputError, match="its sidecar is larger than 1 MiB"):
        place.load(found)


def test_an_object_that_memory_does_not_hold_is_refused(
    drops: Drops, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket_place, "LARGEST", 2)
    drops.put("a.wav", "abc")
    place = BucketPlace.named(drops.url)
    (found,) = place.look().recordings
    with pytest.raises(InputError, match="are the most from a bucket"):
        place.load(found)


def test_a_bucket_that_is_not_there_is_an_error(drops: Drops) -> None:
    with pytest.raises((StoreError, FileNotFoundError)):
        BucketPlace.named("s3://not-there-at-all/x")
