"""Reads what Hushwire writes with packages that others wrote (``make readers``).

In those packages' own environment. Arguments: what it is, then a file; prints what they say of it
as JSON.
"""

# ruff: noqa: T201, PLC0415 - a command; each part needs its own package alone
from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Any


def deepgram(path: Path) -> Any:  # noqa: ANN401 - JSON
    """By the pydantic models of ``deepgram-sdk``, in which every field is then of its type."""
    from deepgram.core.pydantic_utilities import parse_obj_as
    from deepgram.types import ListenV1Response

    document = json.loads(path.read_text("utf-8"))
    read = parse_obj_as(ListenV1Response, document)
    # The package builds its models without a check; this is the check.
    strict = ListenV1Response.model_validate(document)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a field of another type than stated
        strict.model_dump_json()
    channels = []
    for channel in read.results.channels:
        (best,) = channel.alternatives
        channels.append(
            {
                "transcript": best.transcript,
                "words": [[one.word, one.start, one.end, one.confidence] for one in best.words],
                "paragraphs": [
                    [sentence.text for sentence in one.sentences]
                    for one in best.paragraphs.paragraphs
                ],
            }
        )
    return {
        "created": read.metadata.created.isoformat(),
        "sha256": read.metadata.sha256,
        "duration": read.metadata.duration,
        "channels": channels,
        "utterances": [
            [one.channel, one.start, one.end, one.transcript] for one in read.results.utterances
        ],
        "unknown": sorted(_unknown(strict)),
    }


def _unknown(model: Any, place: str = "") -> set[str]:  # noqa: ANN401 - pydantic's
    """Fields that the package has no name for."""
    found = {f"{place}{name}" for name in (model.model_extra or {})}
    for name in type(model).model_fields:
        value = getattr(model, name)
        for one in value if isinstance(value, list) else [value]:
            if hasattr(one, "model_extra"):
                found |= _unknown(one, f"{place}{name}.")
    return found


def webvtt(path: Path) -> Any:  # noqa: ANN401 - JSON
    """By ``webvtt-py``."""
    import webvtt as package

    read = package.read(str(path))
    return [[one.start, one.end, one.voice, one.text] for one in read.captions]


def lines(path: Path) -> Any:  # noqa: ANN401 - JSON
    """By ``pandas``."""
    import pandas as pd

    frame = pd.read_json(path, lines=True)
    numbers = ("turn", "channel", "start_ms", "end_ms")
    assert all(frame[name].dtype.kind == "i" for name in numbers)
    return json.loads(frame.to_json(orient="records"))


def call_analytics(path: Path) -> Any:  # noqa: ANN401 - JSON
    """By ``pandas``, flattened as users of Amazon Transcribe flatten it."""
    import pandas as pd

    document = json.loads(path.read_text("utf-8"))
    turns = pd.json_normalize(document["Transcript"])
    items = pd.json_normalize(document["Transcript"], "Items", ["ParticipantRole"])
    spoken = items[items["Type"] == "pronunciation"]
    return {
        "turns": turns[["ParticipantRole", "BeginOffsetMillis", "Content"]].to_numpy().tolist(),
        "confidence": float(spoken["Confidence"].astype(float).min()),
        "words": len(spoken),
    }


def webhook(path: Path) -> Any:  # noqa: ANN401 - JSON
    """By ``standardwebhooks``: a file with secret, headers and body."""
    from standardwebhooks.webhooks import Webhook

    told = json.loads(path.read_text("utf-8"))
    return Webhook(told["secret"]).verify(told["body"], told["headers"])


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](Path(sys.argv[2]))))
