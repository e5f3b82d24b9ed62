"""What all tests share: the profiles of Hypothesis.

No example has a time limit: a busy machine is no fault of the code. ``HYPOTHESIS_PROFILE=nightly``
tries more examples where a test names no number of its own.
"""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("ci", deadline=None)
settings.register_profile("nightly", deadline=None, max_examples=2_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
