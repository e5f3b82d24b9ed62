"""What all tests share: the profiles of Hypothesis.

``ci`` tries the same examples every time, so that what one change passes does not fail the next;
``HYPOTHESIS_PROFILE=nightly`` tries others each night, and more where a test names no number of its
own. No example has a time limit: a busy machine is no fault of the code.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings

SLOW = [HealthCheck.too_slow]
settings.register_profile("ci", deadline=None, derandomize=True, suppress_health_check=SLOW)
settings.register_profile(
    "nightly", deadline=None, max_examples=2_000, print_blob=True, suppress_health_check=SLOW
)
# For ``make mutation``: the same examples every time, and no search for a smaller one.
settings.register_profile(
    "mutation",
    settings.get_profile("ci"),
    phases=[Phase.explicit, Phase.generate],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
