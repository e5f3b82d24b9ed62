"""Recordings that become calls.

Files: ``recording_folder`` which files are calls, and what their sidecars say · ``ingest`` puts
them onto the raw topic · ``ingest_by_door`` sends them from a host without secrets · ``watching``
all that are dropped into a folder or bucket · ``backfill`` an archive beside live calls.

Not here: how a file is read (``pipeline.audio``). Test: ``tests/agents/app/recordings``.
"""
