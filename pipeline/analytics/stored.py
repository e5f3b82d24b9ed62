"""What analytics may know of a call: its redacted transcript and certificate, out of the vault.

Outcomes: a ``StoredTranscript``, or ``RecordError`` where the files are not those that the
certificate states, or the call did not pass.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Self

from pipeline.errors import RecordError
from pipeline.evidence.certificate import Certificate, parse_certificate
from pipeline.evidence.told_transcript import ReadTranscript, read_transcript


@dataclass(frozen=True, slots=True)
class StoredTranscript:
    """A redacted transcript as it lies in the vault, with the certificate that states it.

    It is made by ``of`` alone, which checks the bytes; there is no other way in.
    """

    told: ReadTranscript = field(repr=False)
    certificate: Certificate

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
        return cls(read_transcript(transcript), stated)
