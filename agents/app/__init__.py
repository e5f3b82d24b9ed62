"""One module per way to run Hushwire; the only place where parts are wired.

Files: ``wiring`` from settings to parts · ``worker`` any subset of the stages in a process, with
``faust_app`` and ``consumers`` · ``recording_folder`` which files are calls · ``ingest`` puts them
onto the raw topic, ``ingest_by_door`` sends them from a host without secrets, ``watching`` all that
are dropped · ``run_folder`` a folder through everything · ``in_memory_pipeline`` the stages in a
row, without a broker · ``redact_file`` one recording · ``evaluation`` · ``checks``.

Not here: options and messages of commands (``cli``). Test: ``tests/agents/app``.
"""
