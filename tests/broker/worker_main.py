"""A worker process with scripted speech: ``python worker_main.py BOOTSTRAP FOLDER PREFIX STAGES``.

Prints ``ready`` when every stage has its partitions.
"""

from __future__ import annotations

if __name__ == "__main__":
    # Imported here: the processes of the speech engines import this module, too, and need no stage.
    import worker  # type: ignore[import-not-found]

    worker.main()
