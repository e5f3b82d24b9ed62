"""30 seeds of the simulation, and that it would notice; 200 nightly: see ``docs/faults.md``."""

from __future__ import annotations

import pytest

from agents.database.call_ledger import CallState
from tests.simulation.again import one_seed
from tests.simulation.faults import LAYOUTS, TRANSIT, Fault, Schedule, draw, shrink
from tests.simulation.judging import simulate, undisturbed
from tests.simulation.mutants import MUTANTS
from tests.simulation.speech import LINES, policies, script, sensitive

pytestmark = [
    pytest.mark.unit,
    # A killed worker leaves what it was waiting for.
    pytest.mark.filterwarnings("ignore:coroutine '_acknowledged' was never awaited"),
]

SEEDS, AT_ONCE, OFTEN = 200, 10, 30
"""Seeds of ``make nightly``, of one test, and of ``make test``."""
ENOUGH = 40
"""Seeds within which every mutant has to be noticed."""


@pytest.mark.parametrize(
    "first",
    [
        *range(0, OFTEN, AT_ONCE),
        *(pytest.param(one, marks=pytest.mark.nightly) for one in range(OFTEN, SEEDS, AT_ONCE)),
    ],
)
def test_whatever_fails_nothing_leaks_is_lost_or_hangs(first: int) -> None:
    for seed in range(first, first + AT_ONCE):
        _, told = one_seed(seed)
        assert not told, f"seed {seed} fails\n{told}"


@pytest.mark.parametrize("name", MUTANTS)
def test_it_notices_when_a_protection_is_taken_out(name: str) -> None:
    for call in LINES:
        undisturbed(call, 0, 0)  # by the code as it is
    mutant = MUTANTS[name]
    with mutant.patched():
        assert any(simulate(draw(seed, kinds=mutant.kinds)).problems for seed in range(ENOUGH))


def test_the_same_seed_is_the_same_run() -> None:
    kinds = ("crash", "send", "zombie", "ledger")
    assert simulate(draw(7, kinds=kinds)) == simulate(draw(7, kinds=kinds))


@pytest.mark.parametrize("topic", TRANSIT[2:])
def test_a_call_whose_last_records_are_damaged_is_refused_and_holds_nothing_up(topic: str) -> None:
    lost = Fault("damage", nth=5, times=1_000, target=topic)
    run = simulate(Schedule(0, ("pin",), LAYOUTS[0], (lost,)))
    assert not run.problems
    assert run.states == {"pin": CallState.REFUSED}


@pytest.mark.parametrize("name", LINES)
def test_without_faults_what_is_sensitive_is_silent_and_the_rest_is_not(name: str) -> None:
    for number, policy in enumerate(policies()):
        audio = undisturbed(name, number, 0).audio
        for one in script(name).said:
            heard = bool(audio[one.start : one.end, one.channel].any())
            assert heard != sensitive(one, policy), f"{one.start} under {policy.name}"


def test_a_schedule_shrinks_to_what_fails() -> None:
    faults = tuple(Fault("crash", nth=number) for number in range(10))
    both = {faults[3], faults[8]}
    assert set(shrink(faults, both.issubset)) == both
    assert shrink(faults, lambda _: True) == ()
