"""What all tests share: the profiles of Hypothesis.

No example has a time limit: a busy machine is no fault of the code. ``HYPOTHESIS_PROFILE=nightly``
tries more examples where a test names no number of its own.
"""

from __future__ import annotations

import os

from hypothesis import Phase, settings

settings.register_profile("ci", deadline=None)
settings.register_profile("nightly", deadline=None, max_examples=2_000)
# For ``make mutation``: the same examples every time, and no search for a smaller one.
settings.register_profile(
    "mutation", deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
