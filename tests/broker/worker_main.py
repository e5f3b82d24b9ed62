"""The main module of worker processes with scripted speech, see ``forked.py``.

A worker's arguments: BOOTSTRAP FOLDER PREFIX STAGES IDLE_S PARTITIONS. It prints ``ready`` when
every stage has its partitions.
"""

from __future__ import annotations

if __name__ == "__main__":
    # Imported here: the processes of the speech engines import this module, too, and need no stage.
    import importlib
    import sys
    import tempfile

    import fakes  # type: ignore[import-not-found]
    import forked  # type: ignore[import-not-found]
    import worker  # type: ignore[import-not-found]

    importlib.import_module("structlog.dev")  # which logging loads in any case
    forked.next_order(int(sys.argv[1]))
    # What a module takes from the environment as it is imported.
    tempfile.tempdir = None
    importlib.reload(fakes)
    worker.main()
