"""Errors that cross a seam: whose fault each one is, and whether trying again helps.

Messages never hold spoken content. They say what is wrong and what to do about it; ``likely`` what
was probably meant.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import ClassVar, Final

_LIKE: Final = 0.7
"""Similarity from which a name was probably meant."""


class HushwireError(Exception):
    """Base of every error that Hushwire raises on purpose.

    ``code`` is stable, content-free and used in logs, dead letters and metrics;
    ``retryable`` says whether the same call may succeed later.
    """

    code: ClassVar[str] = "error"
    retryable: ClassVar[bool] = False
    facts: Mapping[str, str] = {}
    """What an audit record of it tells beside the code; content-free."""


class InputError(HushwireError):
    """What was handed in is wrong; the sender has to change it."""

    code = "input"


class AudioError(InputError):
    """A recording that cannot be read, or that holds no usable audio."""

    code = "audio"


class RecordError(InputError):
    """A record on the wire that cannot be decoded, or that breaks the rules of its type."""

    code = "record"


class SealError(RecordError):
    """A sealed record that does not open: altered, moved, or sealed with another key."""

    code = "seal"


class DamagedKeyError(SealError):
    """A call's wrapped key that was damaged: the key file is the right one, it opens others."""

    code = "damaged_key"


class PolicyError(InputError):
    """A policy file that does not hold what its schema asks for; the message names the line."""

    code = "policy"


class ConsentError(InputError):
    """A call that may not be kept: the evidence that its places ask for is missing.

    Args:
        message: what is missing, and what to do.
        facts: outcome, rules and why, for the audit log.
    """

    code = "consent"

    def __init__(self, message: str, facts: Mapping[str, str]) -> None:
        super().__init__(message)
        self.facts = facts


class SettingsError(InputError):
    """A setting that is missing or out of range."""

    code = "settings"


class UnknownCallError(InputError):
    """A call id for which no key exists: never opened, or its key was destroyed."""

    code = "unknown_call"


class OtherRecordingError(InputError):
    """A call id that another recording has."""

    code = "other_recording"


class BusyError(InputError):
    """Another process works on the same folder or ledger; trying again later helps."""

    code = "busy"
    retryable = True


class ModelError(HushwireError):
    """A model that is missing, altered, or that failed on its input."""

    code = "model"


class HeldError(InputError):
    """A call that a legal hold keeps from being erased."""

    code = "held"


class SweepRefusedError(HushwireError):
    """A sweep that goes by a doubtful clock, or would destroy too much: somebody has to look."""

    code = "sweep_refused"


class BrokerError(HushwireError):
    """The broker is away or refuses; trying again later may help."""

    code = "broker"
    retryable = True


class StoreError(HushwireError):
    """The vault or the ledger cannot be read or written; trying again later may help."""

    code = "store"
    retryable = True


class KeyFileError(StoreError):
    """A key file that is missing, or another one than calls need; somebody has to put it right."""

    code = "key_file"
    retryable = False


class KeyServiceError(StoreError):
    """The service that encrypts the wrapping key can't be reached or does not let us use it."""

    code = "key_service"


class TamperError(HushwireError):
    """Something that was changed, cut or signed by another key after it was written."""

    code = "tamper"


class RewrittenError(TamperError):
    """An audit log that does not extend what its signer signed last."""

    code = "rewritten"


class ForgottenError(HushwireError):
    """A signing key of which nobody knows what it signed last; somebody has to say so."""

    code = "forgotten"


def likely(name: str, known: Collection[str], *, prefix: str = "") -> str:
    """A question after the known name that was probably meant; empty where none is like it.

    Args:
        name: what nobody knows.
        known: what is known.
        prefix: what they all begin with, which tells nothing.
    """
    import difflib  # noqa: PLC0415 - for a mistake alone

    plain = {_plain(one.removeprefix(prefix)): one for one in known}
    wanted = _plain(name.removeprefix(prefix)[:80])
    found = difflib.get_close_matches(wanted, sorted(plain), n=1, cutoff=_LIKE)
    return f"; did you mean {plain[found[0]]}?" if found else ""


def _plain(name: str) -> str:
    return name.casefold().replace("-", "_")
