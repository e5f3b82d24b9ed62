"""What all tests share: running brokers, and the profiles of Hypothesis.

``ci`` tries the same examples every time, so that what one change passes does not fail the next;
``HYPOTHESIS_PROFILE=nightly`` tries others each night, and more where a test names no number of its
own. No example has a time limit: a busy machine is no fault of the code.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, settings

if TYPE_CHECKING:
    from tests.broker.brokers import Broker

SLOW = [HealthCheck.too_slow]
settings.register_profile("ci", deadline=None, derandomize=True, suppress_health_check=SLOW)
settings.register_profile(
    "nightly",
    deadline=None,
    derandomize=False,  # it would be true where the environment variable CI is set
    max_examples=2_000,
    print_blob=True,
    suppress_health_check=SLOW,
)
# For ``make mutation``: the same examples every time, and no search for a smaller one.
settings.register_profile(
    "mutation",
    settings.get_profile("ci"),
    phases=[Phase.explicit, Phase.generate],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(scope="session")
def brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Broker]]:
    """Running brokers by their names in ``tests/broker/brokers.py``; each is started once."""
    from tests.broker.brokers import running  # noqa: PLC0415 - most tests need no broker

    made: dict[str, Broker] = {}
    with ExitStack() as stack:

        def named(name: str) -> Broker:
            if name not in made:
                made[name] = stack.enter_context(running(name, tmp_path_factory.mktemp(name)))
            return made[name]

        yield named
