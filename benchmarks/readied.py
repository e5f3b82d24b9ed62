"""A worker that prints ``ready`` when every stage has its partitions.

``python -m benchmarks.readied VAULT STAGE…``; everything else comes from the settings.
"""

from __future__ import annotations

import sys

from agents.settings import load_settings
from agents.start import start_worker


def _ready() -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(start_worker(sys.argv[2:], sys.argv[1], load_settings(), ready=_ready))
