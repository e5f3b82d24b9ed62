"""What analytics may know of a call: its redacted transcript and certificate, out of the vault.

Whatever counts, searches or keeps facts takes a ``StoredTranscript``, which has one maker, ``of``:
it takes the stored bytes of both files. So no word as it was heard can get there; a type checker
refuses the constructor, and so does Python.

Outcomes: a ``StoredTranscript``, or ``RecordError`` where the files are not those that the
certificate states, or the call did not pass.
"""

from __future__ import annotations

import hashlib
from typing import Never, Self

from pipeline.errors import RecordError
from pipeline.evidence.certificate import Certificate, parse_certificate
from pipeline.evidence.redacted_transcript import ReadTranscript, read_transcript


class StoredTranscript:
    """A redacted transcript as it lies in the vault, with the certificate that states it."""

    __slots__ = ("certificate", "told")
    told: ReadTranscript
    certificate: Certificate

    def __init__(self, _: Never) -> None:
        raise TypeError("only StoredTranscript.of makes one")

    def __repr__(self) -> str:
        return f"StoredTranscript({self.certificate.call_id})"

    @classmethod
    def of(cls, transcript: bytes, certificate: bytes) -> Self:
        """Take the stored files of a call.

        Args:
            transcript: ``<call>.json`` of the vault, in clear.
            certificate: ``<call>.certificate.json``.

        Raises:
            RecordError: they are not of one call that passed; the message holds nothing of them.
        """
        stated = parse_certificate(certificate)
        digest = stated.files.get(f"{stated.call_id}.json")
        if not stated.passed or digest != hashlib.sha256(transcript).hexdigest():
            raise RecordError("the transcript is not the one that the certificate states")
        made = object.__new__(cls)
        made.told, made.certificate = read_transcript(transcript), stated
        return made
