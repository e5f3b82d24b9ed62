"""What a stage does with a call: the seam between the runtime and the stages.

A ``CallCore`` takes one record at a time and answers with steps; the runtime carries the steps
out in order. A core does no I/O of its own and is never called from two threads at once.

Outcomes of ``CallCore.take`` and ``quiet``:

- steps, possibly none ("not yet");
- ``RecordError`` (``LateError`` for what comes after the end): the record goes to the dead
  letters, the call goes on without it;
- anything else: the call is refused, its key destroyed (fail closed).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from pipeline.errors import RecordError
from pipeline.policy.model import Policy
from pipeline.records.model import Record, Window, WindowTranscript


class LateError(RecordError):
    """A record that comes after its call was ended."""

    code = "late"


@dataclass(frozen=True, slots=True)
class Send:
    """Seal a record and send it to a topic; the broker's acknowledgement is awaited."""

    topic: str
    record: Record


@dataclass(frozen=True, slots=True)
class EmitEvent:
    """Send an event, in clear, to a topic: content-free, or a redacted transcript."""

    topic: str
    call_id: str
    kind: str
    """CloudEvents type such as ``hushwire.call.redacted.v1``."""
    facts: Mapping[str, object] = field(repr=False)
    """JSON values; no content but what was redacted, and that to its own topic alone."""
    part: int = 0
    """Number of an event of which a call has several, from 1; 0: it has one."""
    classification: str = "internal"
    """Who may read it."""


@dataclass(frozen=True, slots=True)
class Transcribe:
    """Have a window listened to in the pool; several windows of a call may be there at once."""

    window: Window
    then: Callable[[WindowTranscript], list[Step]]
    """Called with the result in the order of the steps, in the stage's own thread."""
    check: bool = False
    """Whether it is redacted audio that is checked."""
    in_order: bool = True
    """Whether the result is worked on at the step's own place; otherwise as soon as it is there,
    with its steps behind those that were stated before."""


@dataclass(frozen=True, slots=True)
class Late:
    """Records that a finished call never took; what is remembered of it, so nothing else is in it.

    The default says that whatever comes is a repeat.
    """

    name: str = ""
    """Record type such as ``AudioChunk``."""
    since: int = 0
    """Every number from here on."""
    missing: frozenset[int] = frozenset()
    """Numbers before that."""

    def __contains__(self, record: object) -> bool:
        """Whether ``(name, seq)`` is one of them."""
        match record:
            case (self.name, int(seq)):
                return seq >= self.since or seq in self.missing
        return False


@dataclass(frozen=True, slots=True)
class Later:
    """Ask the core for more steps once all steps before this one are carried out."""

    then: Callable[[], list[Step]]


@dataclass(frozen=True, slots=True)
class Act:
    """Do something that blocks, such as writing files; may be repeated."""

    what: Callable[[], object] = field(repr=False)


Step: TypeAlias = Send | EmitEvent | Transcribe | Later | Act


class CallCore(Protocol):
    """One call at one stage."""

    @property
    def done(self) -> bool:
        """Whether all steps of the call were stated: then its records are acknowledged."""
        ...

    @property
    def held(self) -> int:
        """Bytes of audio that the core holds."""
        ...

    @property
    def wait_s(self) -> float | None:
        """After how many seconds without a record ``quiet`` is to be called; None: never."""
        ...

    def take(self, topic: str, record: Record) -> list[Step]:
        """Take a record; see the module's text."""
        ...

    def quiet(self) -> list[Step]:
        """Nothing came for ``wait_s``; see the module's text."""
        ...

    @property
    def late(self) -> Late:
        """Which records are news, not repeats, when they come after ``done``."""
        ...


class Reads(Protocol):
    """What a stage of any kind reads."""

    @property
    def name(self) -> str:
        """Of the stage."""
        ...

    @property
    def inputs(self) -> tuple[str, ...]:
        """Topics that it reads."""
        ...

    @property
    def judges(self) -> tuple[str, ...]:
        """See ``Stage.judges``."""
        ...


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of the pipeline."""

    name: str
    inputs: tuple[str, ...]
    """Topics that it reads."""
    open: Callable[[str, Policy], CallCore]
    """Makes the core of a call, by call id and the call's policy; called in the stage's own
    thread."""
    judges: tuple[str, ...] = ()
    """Topics whose bad records it dead-letters; another stage judges the rest. Empty: all."""
    pausable: tuple[str, ...] = ()
    """Topics that may stop while the stage holds too much, because what makes it let go comes
    over the other topics."""
