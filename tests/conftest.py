"""What all tests share: the profiles of Hypothesis, and who runs beside whom.

Where two processes run the tests (``make test``), one has all that needs brokers, servers and
pages: these measure memory and lag, and would disturb one another. The other has the rest, a file
after the other, so that the models of a file are loaded once.

No example has a time limit: a busy machine is no fault of the code. ``HYPOTHESIS_PROFILE=nightly``
tries more examples where a test names no number of its own.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import Phase, settings

settings.register_profile("ci", deadline=None)
settings.register_profile("nightly", deadline=None, max_examples=2_000)
# For ``make mutation``: the same examples every time, and no search for a smaller one.
settings.register_profile(
    "mutation", deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

_SERVED = ("broker", "browser", "postgres")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Put every test into the group that one process runs."""
    served = any(item.get_closest_marker(name) for name in _SERVED)
    item.add_marker(pytest.mark.xdist_group("served" if served else item.location[0]))
