"""Reads vCons with the package ``vcon``, in that package's own environment (``make vcon-reader``).

Arguments: files in the unsigned form or, with a PEM file as the first argument, in the signed one.
Prints a JSON array with what the package says of each.
"""

# ruff: noqa: T201 - a command
from __future__ import annotations

import base64
import hashlib
import json
import logging
import sys
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from joserfc import jws
from joserfc.jwk import OKPKey
from vcon import Vcon

logging.disable()


class Patient(jws.JWSRegistry):
    """joserfc refuses a payload of more than 128 kB unless it is told otherwise."""

    max_payload_length = 1 << 30


def unwrapped(text: str, pem: bytes) -> str:
    """The payload of the signed form, verified with the published key and by what x5c carries."""
    document = json.loads(text)
    patient = Patient(algorithms=["EdDSA"], strict_check_header=False)  # the draft's own "uuid"
    verified = jws.deserialize_json(document, OKPKey.import_key(pem), registry=patient)
    (signature,) = document["signatures"]
    (chain,) = signature["header"]["x5c"]
    carried = x509.load_der_x509_certificate(base64.b64decode(chain)).public_key()
    plain = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    assert carried.public_bytes(*plain) == serialization.load_pem_public_key(pem).public_bytes(
        *plain
    )
    return verified.payload.decode()


def told(text: str) -> dict[str, Any]:
    """What the package says of a vCon in the unsigned form."""
    found = Vcon.build_from_json(text)
    valid, errors = found.is_valid()
    (dialog,) = found.dialog
    body = found.decoded_body(dialog) if "body" in dialog else None
    checked = found.validate_extensions()
    attachments = checked.pop("attachments")
    return {
        "uuid": found.uuid,
        "errors": [] if valid else errors,
        "extensions": found.get_extensions(),
        "extension_errors": {name: one["errors"] for name, one in checked.items()},
        "attachment_errors": [error for one in attachments for error in one["errors"]],
        "audio_sha256": hashlib.sha256(_bytes(body)).hexdigest() if body is not None else "",
        "granted": [
            purpose
            for purpose in ("recording", "transcription", "quality", "training")
            if found.check_lawful_basis_permission(purpose, 1)
        ],
        "transcript": found.find_analysis_by_type("transcript")["body"],
        "dropped": _dropped(text),
    }


def _dropped(text: str) -> list[str]:
    """Members of the vCon that the package, where it is strict, does not know."""
    whole, strict = json.loads(text), Vcon.build_from_json(text, property_handling="strict")
    kept = strict.to_dict()
    gone = sorted(set(whole) - set(kept))
    for name in ("parties", "dialog", "analysis", "attachments"):
        for one, left in zip(whole[name], kept[name], strict=True):
            gone += [f"{name}.{member}" for member in sorted(set(one) - set(left))]
    return gone


def _bytes(body: str | bytes) -> bytes:
    if isinstance(body, bytes):
        return body
    return base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))


if __name__ == "__main__":
    files = [Path(one) for one in sys.argv[1:]]
    pem = files.pop(0).read_bytes() if files and files[0].suffix == ".pem" else b""
    texts = [one.read_text() for one in files]
    print(json.dumps([told(unwrapped(one, pem) if pem else one) for one in texts]))
