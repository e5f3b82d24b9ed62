"""Measures how soon live calls are released: from the live edge to the redacted and verified audio.

    python -m benchmarks.cost.releases [MANIFEST] [--pace latency throughput] [--calls 1 3 5]
                                  [--seconds 60] [--out build/bench-delay]

Calls are sent as fast as they are spoken, in chunks of a second, to a worker with all stages and
real models on an embedded broker; every load has a worker and a broker of its own. The live edge of
a sample is the moment at which it is spoken; a chunk is sent when its last sample is.

A chunk is released when the record of the same number comes onto a topic, by the record's own time:
``audio.redacted`` is before verification and read by the verify stage alone, ``audio.verified`` is
what leaves it. Words come with the record of their window; which samples a window holds and which
chunk closed it is found by cutting the same audio once more. Values stay sealed.
"""

from __future__ import annotations

import argparse
import itertools
import os
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeAlias, cast, get_args

from confluent_kafka import TIMESTAMP_CREATE_TIME, Message

from agents.database.call_ledger import CallState, Ledger
from agents.kafka.embedded_broker import EmbeddedBroker
from agents.kafka.producer import CallProducer
from agents.kafka.topics import Topics
from agents.settings.model import load_settings
from agents.system.engine_sizing import Pace, engine_count, window_settings
from benchmarks.calls.corpus import SAMPLES
from benchmarks.calls.planting import Labelled, read_calls
from benchmarks.cost import fits
from benchmarks.cost.delay import Summary, live_chunks
from benchmarks.cost.reading import read_all
from benchmarks.cost.stage_cost import PARTITIONS, environment, stop, until_ready, worker_process
from benchmarks.results import finish, keep, stamp
from models.speech.silero_vad import SileroVoice
from pipeline.records import cloudevents
from pipeline.records.model import AudioChunk, CallEnd
from pipeline.transcription.segmenter import Segmenter

CHUNK_S: Final = 1.0
APART_S: Final = 0.5
"""Calls begin so long after each other."""
GROWS: Final = 0.1
"""From so many seconds of waiting more in each second on, the engines do not keep up: they are a
tenth slower than the calls. Less can't be told from the scatter of a minute."""
_LEAD_S: Final = 0.5
_LEFT_S: Final = 60.0
"""What may be left when a call ends is waited for: so long, and five times the calls' length."""

Key: TypeAlias = tuple[str, int]
"""Call and number of a chunk."""


@dataclass(frozen=True, slots=True)
class Release:
    """One chunk or window: its live edge, and how long after that it was released. Seconds."""

    edge: float
    delay: float


def match(edges: Mapping[Key, float], released: Iterable[tuple[Key, float]]) -> list[Release]:
    """The releases of chunks or windows, in the order of their edges; of repeats the first counts.

    Args:
        edges: the live edge of each.
        released: when one came onto a topic, in any order.

    Raises:
        KeyError: one was released that was never sent.
    """
    first: dict[Key, float] = {}
    for key, moment in released:
        first[key] = min(moment, first.get(key, moment))
    found = [Release(edges[key], moment - edges[key]) for key, moment in first.items()]
    return sorted(found, key=lambda release: release.edge)


def growth(releases: Sequence[Release], over_s: float) -> float | None:
    """By how much the delay grows in each second of the calls (least squares).

    Args:
        releases: by edge.
        over_s: the edges have to reach over so many seconds.

    Returns:
        ``None`` where they do not.
    """
    edges = [release.edge for release in releases]
    if len(set(edges)) < 3 or edges[-1] - edges[0] < over_s:
        return None
    delays = [release.delay for release in releases]
    return fits.line([edge - edges[0] for edge in edges], delays).slope


def judged(
    edges: Mapping[Key, float],
    *,
    words: Sequence[Release],
    waited: Sequence[Release],
    redacted: Sequence[Release],
    verified: Sequence[Release],
) -> dict[str, Any]:
    """The figures of one load.

    Args:
        edges: live edges of all chunks that were sent, at least one.
        words: what came onto ``words``, from the last sample of each window.
        waited: the same, from the chunk that closed the window.
        redacted: what came onto ``audio.redacted``.
        verified: what came onto ``audio.verified``.

    Returns:
        The delays of each (``None`` where nothing came) and the chunks that never came; ``growth``
        of ``waited``; ``left_s`` from the last edge to the last release; and ``kept_up``:
        everything came, windows did not wait longer and longer, and what was left at the end took
        less time than the calls.
    """
    begin, end = min(edges.values()), max(edges.values())
    grew = growth(waited, (end - begin) / 2)
    left = max((one.edge + one.delay for one in verified), default=end) - end
    result: dict[str, Any] = {
        "chunks": len(edges),
        "missing": len(edges) - len(verified),
        "growth": grew,
        "left_s": left,
        "kept_up": (
            len(verified) == len(edges) and (grew or 0.0) < GROWS and left < end - begin + CHUNK_S
        ),
    }
    for name, releases in (
        ("words", words),
        ("waited", waited),
        ("redacted", redacted),
        ("verified", verified),
    ):
        summary = Summary.of([one.delay for one in releases])
        result[name] = asdict(summary) if summary else None
    return result


def measure(calls: Sequence[Labelled], pace: Pace, seconds: float) -> dict[str, Any]:
    """Send the calls live to a fresh worker and see when what is released.

    Args:
        calls: one live call each.
        pace: how the worker cuts windows.
        seconds: length of every call.

    Raises:
        TimeoutError: the worker does not get ready.
        RuntimeError: it ended before the calls did; with the end of its log.
        BrokerError: the broker is away.
        ModelError: a model is missing.
    """
    load = os.getloadavg()[0]
    live = [_live(call, number, seconds) for number, call in enumerate(calls)]
    with tempfile.TemporaryDirectory() as name, EmbeddedBroker() as broker:
        folder, topics = Path(name), Topics.named()
        settings = environment(broker.bootstrap, folder / "state")
        settings |= {"HUSHWIRE_ENGINES": "0", "HUSHWIRE_PACE": pace}
        with worker_process(["all"], folder, settings) as worker:
            until_ready(worker)
            ledger = Ledger.embedded(folder / "state")
            try:
                edges = _send(live, broker.bootstrap, topics.audio_raw, ledger)
                within = _LEFT_S + 5 * seconds
                states = _until_closed({key[0] for key in edges}, ledger, worker, within, folder)
            finally:
                ledger.dispose()
            heard = _released(broker.bootstrap, topics.words, "Heard")
            redacted = _released(broker.bootstrap, topics.audio_redacted, "RedactedChunk")
            verified = _released(broker.bootstrap, topics.audio_verified, "RedactedChunk")
            stop(worker)
    spoken, closed = _windows(live, edges, pace)
    figures = judged(
        edges,
        words=match(spoken, [one for one in heard if one[0] in spoken]),
        waited=match(closed, [one for one in heard if one[0] in closed]),
        redacted=match(edges, redacted),
        verified=match(edges, verified),
    )
    head = {"pace": pace, "calls": len(calls), "load_before": load, "states": states}
    return head | figures


def _live(call: Labelled, number: int, seconds: float) -> list[AudioChunk]:
    """The chunks of a call with an id of its own."""
    info = replace(call.info, call_id=f"{call.info.call_id}-{number}")
    return list(live_chunks(replace(call, info=info), CHUNK_S, seconds))


def _send(
    live: Sequence[Sequence[AudioChunk]], bootstrap: str, topic: str, ledger: Ledger
) -> dict[Key, float]:
    """Send every chunk when its last sample is spoken; the live edges, in seconds of the epoch."""
    began = time.time() + _LEAD_S
    seals = {
        chunks[0].call.call_id: ledger.open_call(chunks[0].call.call_id).seal for chunks in live
    }
    last = {chunks[-1].call.call_id: chunks[-1].seq for chunks in live}
    due = [
        (began + number * APART_S + chunk.end / chunk.call.sample_rate, chunk)
        for number, chunks in enumerate(live)
        for chunk in chunks
    ]
    edges: dict[Key, float] = {}
    with CallProducer(bootstrap, topic) as producer:
        for edge, chunk in sorted(due, key=lambda one: one[0]):
            time.sleep(max(0.0, edge - time.time()))
            call_id = chunk.call.call_id
            producer.send(chunk, seals[call_id])
            edges[call_id, chunk.seq] = edge
            if chunk.seq == last[call_id]:
                producer.send(CallEnd(call_id, chunk.seq + 1, chunk.end), seals[call_id])
    return edges


def _windows(
    live: Sequence[Sequence[AudioChunk]], edges: Mapping[Key, float], pace: Pace
) -> tuple[dict[Key, float], dict[Key, float]]:
    """Live edges of the last sample of every window with speech, and of the chunk that closed it.

    Windows do not depend on who cuts them: the stage's have the same numbers. Those that the call's
    end closes all at once are left out of the second.
    """
    spoken: dict[Key, float] = {}
    closed: dict[Key, float] = {}
    voice = SileroVoice()
    for chunks in live:
        info = chunks[0].call
        segmenter = Segmenter(info, voice, window_settings(pace))
        began = edges[info.call_id, 0] - CHUNK_S
        for chunk in chunks:
            for window in segmenter.take(chunk):
                if len(window.pcm):
                    key = (info.call_id, window.seq)
                    spoken[key] = began + window.end / info.sample_rate
                    closed[key] = edges[info.call_id, chunk.seq]
        for window in segmenter.finish(CallEnd(info.call_id, len(chunks), chunks[-1].end)):
            if len(window.pcm):
                spoken[info.call_id, window.seq] = began + window.end / info.sample_rate
    return spoken, closed


def _until_closed(
    calls: Iterable[str],
    ledger: Ledger,
    worker: subprocess.Popen[str],
    within_s: float,
    folder: Path,
) -> dict[str, int]:
    """Wait for the calls; how many are in which state then."""
    deadline = time.monotonic() + within_s
    while True:
        states = Counter(ledger.state(call) or CallState.OPEN for call in calls)
        if not states[CallState.OPEN] or time.monotonic() > deadline:
            return {state.value: count for state, count in states.items() if count}
        if worker.poll() is not None:
            raise RuntimeError((folder / "worker.log").read_text("utf-8")[-2_000:])
        time.sleep(0.2)


def _released(bootstrap: str, topic: str, name: str) -> list[tuple[Key, float]]:
    """Which record of a type came when onto a topic, in seconds of the epoch."""
    found = [_stamped(message) for message in read_all(bootstrap, topic, PARTITIONS)]
    return [((where.call_id, where.seq), when) for where, when in found if where.name == name]


def _stamped(message: Message) -> tuple[cloudevents.Address, float]:
    headers = cast("list[tuple[str, bytes]]", message.headers() or [])
    kind, milliseconds = message.timestamp()
    if kind != TIMESTAMP_CREATE_TIME:
        raise RuntimeError("the broker does not keep the time at which a record was made")
    return cloudevents.address(dict(headers), cast("bytes", message.key())), milliseconds / 1_000


def page(results: Mapping[str, Any]) -> str:
    """The results as Markdown."""
    rows = [_row(run) for run in results["runs"]]
    return "\n".join(
        [
            f"{results['machine']}; {results['when']}.",
            "",
            (
                f"Live calls of {results['seconds']:g} s in two channels, chunks of {CHUNK_S:g} s, "
                f"one worker with all stages and {results['engines']} engine processes, embedded "
                "broker, one run each; seconds. Words: from the last sample of a window to its "
                "words. Redacted (before verification) and verified: from a chunk's live edge to "
                "its release. Growth: how much longer a closed window waits for its words, per "
                "second of the calls. Left: from the last edge to the last release. The engines "
                f"did not keep up with growth from {GROWS:g} on, with more left than the calls' "
                "length, or with chunks not released within five times that. Load: of the whole "
                "machine, before the worker started."
            ),
            "",
            (
                "| pace | calls | words p50 | p95 | longest | redacted p50 | p95 | longest "
                "| verified p50 | p95 | longest | growth | left | not released | kept up | load |"
            ),
            "|---" * 16 + "|",
            *rows,
            "",
        ]
    )


def _row(run: Mapping[str, Any]) -> str:
    topics = (run["words"], run["redacted"], run["verified"])
    cells = [Summary(**figures).cells if figures else "none | |" for figures in topics]
    grew = "none" if run["growth"] is None else f"{run['growth']:+.2f}"
    kept = "yes" if run["kept_up"] else "**no: the backlog grew**"
    return (
        f"| {run['pace']} | {run['calls']} | {' | '.join(cells)} | {grew} | "
        f"{run['left_s']:.1f} | {run['missing']} of {run['chunks']} | {kept} | "
        f"{run['load_before']:.1f} |"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Measure how soon live calls are released.")
    parser.add_argument("manifest", nargs="?", type=Path, default=SAMPLES / "manifest.jsonl")
    parser.add_argument(
        "--pace", nargs="+", choices=get_args(Pace), default=["latency", "throughput"]
    )
    parser.add_argument("--calls", nargs="+", type=int, default=[1, 3, 5])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--out", type=Path, default=Path("build/bench-delay"))
    options = parser.parse_args(arguments)
    known = list(read_calls(options.manifest))
    results: dict[str, Any] = {
        **stamp(),
        "seconds": options.seconds,
        "engines": engine_count(0, load_settings().device),
        "runs": [],
    }
    for pace, count in itertools.product(options.pace, options.calls):
        print(f"measuring {count} live calls at pace {pace}", flush=True)
        calls = list(itertools.islice(itertools.cycle(known), count))
        results["runs"].append(measure(calls, pace, options.seconds))
        keep(options.out, "result", results)
    finish(options.out, "result", results, page(results))


if __name__ == "__main__":
    main()
