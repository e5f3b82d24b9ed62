"""Calls to be stored, and a bucket to store them in: moto's S3 server in a thread."""

from __future__ import annotations

import atexit
import io
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from pathlib import Path
from unittest import mock

import boto3
import numpy as np
import soundfile
from moto.server import ThreadedMotoServer

from agents.database.call_ledger import Ledger
from agents.upkeep.sweep_guard import Bounds, SweepGuard
from pipeline.evidence.certificate import build_certificate, certificate_json
from pipeline.evidence.stored_call import StoredCall
from pipeline.policy.loading import load_policy
from pipeline.records.model import CallEnd, CallInfo, Check, Role, Verdict


def _noise() -> bytes:
    written = io.BytesIO()
    pcm = np.random.default_rng(5).integers(-32_768, 32_767, (625_000, 2), np.int16)
    soundfile.write(written, pcm, 8_000, format="FLAC")
    return written.getvalue()


AUDIO = _noise()
"""FLAC: more than two of the segments in which audio is sealed."""
FILES = {"flac": AUDIO, "json": b'{"said": "what was said"}' * 40, "vtt": b"WEBVTT what was said"}


def stored_call(
    call_id: str,
    *,
    passed: bool = True,
    files: dict[str, bytes] | None = None,
    purpose: str = "",
    parties: tuple[str, ...] = (),
    **changed: bytes,
) -> StoredCall:
    """A call with made-up files and a certificate that names them."""
    content = {f"{call_id}.{ending}": data for ending, data in (FILES | changed).items()}
    content = files if files is not None else content if passed else {}
    call = CallInfo(call_id, 8_000, (Role.AGENT, Role.CUSTOMER), purpose=purpose, parties=parties)
    verdict = Verdict(
        call,
        passed=passed,
        checks=(Check("leaks", passed=passed, measured=0.0, limit=0.0),),
        end=CallEnd(call_id, 1, 80_000),
    )
    certificate = build_certificate(
        verdict,
        load_policy("default"),
        spans=[],
        mutes=set(),
        models=set(),
        length=80_000,
        files=content,
        checks=[],
    )
    name = f"{call_id}.certificate.json"
    return StoredCall(
        call_id,
        passed,
        certificate,
        {**content, name: certificate_json(certificate)},
        purpose,
        parties,
    )


@cache
def _server() -> str:
    """One server for the whole process; it ends with it."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    return f"http://{host}:{port}"


@contextmanager
def bucket() -> Iterator[str]:
    """A bucket of its own; ``s3://…``. The environment names the server meanwhile."""
    variables = {
        "AWS_ENDPOINT_URL_S3": _server(),
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
    }
    name = f"vault-{secrets.token_hex(6)}"
    with mock.patch.dict(os.environ, variables):
        boto3.client("s3", region_name="us-east-1").create_bucket(Bucket=name)
        yield f"s3://{name}"


def sweeps(ledger: Ledger, at: datetime | None = None) -> SweepGuard:
    """Lets everything go; where a time is given, the ledger's clock stands there from now on."""
    if at is not None:
        ledger.database.now = lambda: at
    return SweepGuard(ledger.database, Bounds(clock_hours=1_000_000, percent=100))


@cache
def _template() -> Path:
    """A state folder whose ledger is migrated already, to be copied: migrating takes its time."""
    folder = Path(tempfile.mkdtemp(prefix="hushwire-test-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    Ledger.embedded(folder / "state").dispose()
    return folder / "state"


def new_ledger(state: Path) -> Ledger:
    """An empty ledger in a folder that is not there yet."""
    shutil.copytree(_template(), state)
    return Ledger.embedded(state)
