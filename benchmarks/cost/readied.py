"""A worker that prints ``ready`` when every stage has its partitions and its models are loaded.

``python -m benchmarks.cost.readied VAULT STAGE…``; everything else comes from the settings.
"""

from __future__ import annotations

import sys


def _main() -> int:
    # Imported here: engine processes import this module, and the command's own main module, too.
    from agents.app.wiring import start_worker  # noqa: PLC0415
    from agents.settings.model import load_settings  # noqa: PLC0415

    return start_worker(sys.argv[2:], sys.argv[1], load_settings(), ready=_ready)


def _ready() -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(_main())
