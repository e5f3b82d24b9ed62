"""Runs in the peers' own environment: a JSON list of texts in, what scrubadub finds in each out.

Nothing of Hushwire is imported here, and scrubadub nowhere else; see
``benchmarks/peers/compare.py``.
"""

from __future__ import annotations

import json
import sys

import scrubadub  # type: ignore[import-not-found]


def main() -> None:
    """Print, for every text, a list of ``[first character, the one behind the last]``."""
    scrubber = scrubadub.Scrubber()
    found = [
        [[one.beg, one.end] for one in scrubber.iter_filth(text)] for text in json.load(sys.stdin)
    ]
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
