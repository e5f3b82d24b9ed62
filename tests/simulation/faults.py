"""The faults of a seed, and how a failing schedule is made as short as it can be."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from agents.kafka.topics import Topics
from tests.simulation.speech import LINES, VERSIONS, policies

LAYOUTS: tuple[tuple[str, ...], ...] = (
    ("transcribe,detect,mute,verify,vault",),
    ("transcribe,detect,mute,verify,vault", "transcribe,detect,mute,verify,vault"),
    ("transcribe,detect", "mute,verify,vault"),
    ("transcribe,detect", "mute,verify,vault", "detect,mute", "vault"),
    ("transcribe", "detect", "mute", "verify", "vault"),
)
"""Which stages the workers run."""
STAGES = ("transcribe", "detect", "mute", "verify", "vault")
TRANSIT = Topics.named().transit()
HOUR, DAY = 3_600.0, 86_400.0


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong."""

    kind: str
    """One of ``KINDS``."""
    worker: int = 0
    """Number of the worker, by the layout."""
    at: float = 0.0
    """Seconds after the first call began."""
    nth: int = 0
    """The operation of its kind that it strikes."""
    times: int = 1
    """How many one after the other; for ``every``, how far apart."""
    after: bool = False
    """Whether the operation takes hold all the same; of a clock, whether its worker starts anew."""
    amount: float = 0.0
    """Seconds, or which policy or version."""
    target: str = ""
    """Topic or stage."""

    def __str__(self) -> str:
        shown = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "kind"}
        given = (f"{name}={value}" for name, value in shown.items() if value or name == "worker")
        return f"{self.kind}({', '.join(given)})"


LOSING = frozenset({"deaf", "damage", "missing chunk", "no end"})
"""Kinds that take away something of what was said: it may be silent then, or in quarantine."""
MIXING = frozenset({"version"})
"""Kinds after which a call may be detected in part by one, in part by another software: it goes
into quarantine. A policy is pinned to the call when it begins: its change takes nothing away."""

Make = Callable[[random.Random, int], Fault]


def _log(dice: random.Random, most: int) -> int:
    """A number up to ``most``, small ones as often as great ones."""
    return round(most ** dice.random())


KINDS: dict[str, Make] = {
    "crash": lambda d, w: Fault("crash", w, nth=_log(d, 600)),
    "stop": lambda d, w: Fault("stop", w, at=d.uniform(0, 12)),
    "send": lambda d, w: Fault(
        "send", nth=_log(d, 300), times=d.choice((1, 1, 3)), after=d.random() < 0.5
    ),
    "twice": lambda d, w: Fault("twice", nth=_log(d, 300), times=d.choice((1, 5, 30))),
    "ledger": lambda d, w: Fault(
        "ledger", nth=_log(d, 500), times=d.choice((1, 3, 12)), after=d.random() < 0.5
    ),
    "every ledger": lambda d, w: Fault(
        "every ledger", times=d.randint(2, 40), after=d.random() < 0.5, at=d.uniform(0, 10)
    ),
    "store": lambda d, w: Fault(
        "store", nth=_log(d, 40), times=d.choice((1, 3, 12)), after=d.random() < 0.5
    ),
    "every store": lambda d, w: Fault(
        "every store", times=d.randint(2, 10), after=d.random() < 0.5, at=d.uniform(0, 10)
    ),
    "lag": lambda d, w: Fault(
        "lag",
        at=d.uniform(0, 8),
        amount=d.uniform(1, 20),
        target=d.choice(("vault spans", "mute audio.raw", "mute spans", "detect words",
                         "vault audio.verified", "verify audio.redacted", "transcribe audio.raw")),
    ),
    "join": lambda d, w: Fault(
        "join", at=d.uniform(0, 10), amount=d.uniform(1, 8), target=d.choice(LAYOUTS[-1])
    ),
    "zombie": lambda d, w: Fault("zombie", w, at=d.uniform(0, 10), amount=d.uniform(1, 12)),
    "clock": lambda d, w: Fault(
        "clock", w, at=d.uniform(0, 15), after=d.random() < 0.5,
        amount=d.choice((-1, 1)) * d.choice((HOUR, 2 * DAY, 400 * DAY)),
    ),
    "engine": lambda d, w: Fault("engine", nth=_log(d, 60)),
    "policy": lambda d, w: Fault(
        "policy", w, at=d.uniform(0, 8), amount=d.randrange(len(policies()))
    ),
    "version": lambda d, w: Fault(
        "version", w, at=d.uniform(0, 8), amount=d.randrange(len(VERSIONS))
    ),
    "deaf": lambda d, w: Fault("deaf", nth=_log(d, 60), times=d.choice((1, 3))),
    "damage": lambda d, w: Fault("damage", nth=_log(d, 40), target=d.choice(TRANSIT)),
    "missing chunk": lambda d, w: Fault("missing chunk", nth=d.randrange(1, 40)),
    "swapped chunks": lambda d, w: Fault("swapped chunks", nth=d.randrange(1, 40)),
    "chunk twice": lambda d, w: Fault("chunk twice", nth=d.randrange(1, 40)),
    "no end": lambda d, w: Fault("no end", nth=d.randrange(1, 4)),
}  # fmt: skip
"""Every kind of fault, and how one is drawn for a worker."""


@dataclass(frozen=True)
class Schedule:
    """All that a run depends on."""

    seed: int
    calls: tuple[str, ...]
    layout: tuple[str, ...]
    faults: tuple[Fault, ...]
    policy: int = 0
    """Number of the policy that all workers begin with."""

    @property
    def kinds(self) -> frozenset[str]:
        """Which kinds of faults come."""
        return frozenset(one.kind for one in self.faults)

    def __str__(self) -> str:
        lines = [f"  {number}: {fault}" for number, fault in enumerate(self.faults)]
        head = f"seed {self.seed}: calls {', '.join(self.calls)}; workers {' | '.join(self.layout)}"
        return "\n".join([head, *lines])


def draw(seed: int, *, kinds: Iterable[str] = KINDS, without: Iterable[str] = ()) -> Schedule:
    """The schedule of a seed.

    Args:
        seed: any number.
        kinds: of the faults that may come.
        without: kinds that are left out afterwards: what stays is the same as with them.
    """
    dice, of = random.Random(f"schedule {seed}"), sorted(kinds)
    calls = tuple(dice.sample(sorted(LINES), dice.choice((1, 2, 2, 3))))
    layout = dice.choice(LAYOUTS)
    drawn = dice.choices(of, k=dice.choice((1, 2, 3, 4, 6, 10))) if of else []
    faults = [KINDS[kind](dice, dice.randrange(len(layout))) for kind in drawn]
    left_out = frozenset(without)
    return Schedule(seed, calls, layout, tuple(one for one in faults if one.kind not in left_out))


def shrink(
    faults: Sequence[Fault], fails: Callable[[tuple[Fault, ...]], bool]
) -> tuple[Fault, ...]:
    """The fewest of the faults with which it still fails: halves first, then one by one.

    Args:
        faults: with all of them it fails.
        fails: whether it does with some of them.
    """
    kept = tuple(faults)
    size = max(1, len(kept) // 2)
    while kept:
        for start in range(0, len(kept), size):
            fewer = kept[:start] + kept[start + size :]
            if fails(fewer):
                kept = fewer
                break
        else:
            if size == 1:
                break
            size //= 2
            continue
        size = max(1, min(size, len(kept) // 2))
    return kept
