"""One recording that ``hushwire redact`` is to work on: read, and found fit for it.

Loaded before the models, which take seconds. Outcomes: a ``Job``, or ``InputError``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agents.app.checks.wanted import Wanted
from agents.app.recordings.recording_folder import read_drop
from agents.crypto.party_pseudonyms import Pseudonyms
from agents.settings.model import STATE, Settings
from agents.settings.policies import read_policy
from pipeline.audio.files import Recording, RecordingInfo, read_recording
from pipeline.audio.narrowing import analysed, narrowed
from pipeline.detection.language.vocabulary import DEFAULT
from pipeline.errors import InputError
from pipeline.muting.output_format import form_of
from pipeline.policy.model import Policy
from pipeline.records.call_names import shown
from pipeline.records.model import CallInfo


@dataclass(frozen=True, slots=True)
class Job:
    """A recording that was read, and what is to be made of it."""

    wanted: Wanted
    policy: Policy
    call: CallInfo
    recording: Recording
    """What the stages see: 16 bits a sample, at most 16 kHz."""
    form: RecordingInfo
    """How OUT is coded."""
    narrowed: bool = False
    """Whether IN held more than was analysed, and OUT holds."""
    renamed: bool = False
    """Whether the call id is a pseudonym."""


def job_of(wanted: Wanted, settings: Settings) -> Job:
    """The same as ``prepare``, with the policy and the key that the settings name.

    Raises:
        HushwireError: as ``prepare``, or the policy is refused, or the key can't be read.
    """
    state = settings.state_folder(STATE)

    def key() -> bytes:
        from agents.database.open_ledger import token_key_beside  # noqa: PLC0415 - few names need it

        return token_key_beside(settings, state)

    named = Pseudonyms(key).call_id
    return prepare(wanted, read_policy(settings), language=settings.language, named=named)


def prepare(
    wanted: Wanted,
    policy: Policy,
    *,
    language: str = DEFAULT,
    named: Callable[[str], str] | None = None,
) -> Job:
    """Read the recording and refuse what can't be done, before anything slow begins.

    Raises:
        InputError: the recording is unusable, OUT can't hold it or its name may hold a number, or
            something is in the way.
    """
    wanted.refuse()
    drop = read_drop(wanted.source, language=language, named=named)
    read = read_recording(wanted.source)
    recording = analysed(read, shown(wanted.source.name))
    form = form_of(recording.info, wanted.target.suffix, lossy=wanted.lossy)
    if form.container == "OGG" and policy.muting.style != "silence":
        raise InputError(
            f"{wanted.target.name}: a lossy format can't be checked under a {policy.muting.style}; "
            "use a policy with style silence, or let OUT end with .flac"
        )
    call = drop.info(recording.sample_rate, recording.channels)
    return Job(wanted, policy, call, recording, form, narrowed(read), drop.renamed)
