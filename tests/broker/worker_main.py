"""The main module of workers with scripted speech and of commands, see ``forked.py``.

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

    for name in forked.LOADED:
        importlib.import_module(name)
    worker.warm()
    is_command = forked.next_order(*map(int, sys.argv[1:]))
    # What a module takes from the environment as it is imported.
    tempfile.tempdir = None
    if is_command:
        importlib.import_module("agents.__main__").main()
    else:
        importlib.reload(fakes)
        worker.main()
