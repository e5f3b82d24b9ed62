"""One module per way to run Hushwire; the only place where parts are wired.

Files: ``wiring`` from settings to parts · ``worker`` any subset of the stages in a process, with
``stage_clients``, ``faust_app`` and ``consumers`` · ``gateway`` what platforms connect to ·
``recordings`` files that become calls · ``run_folder`` a folder through everything ·
``in_memory_pipeline`` the stages in a row, without a broker · ``redact_file`` one recording ·
``evaluation`` · ``checks`` · ``operations`` how an installation is doing.

Not here: options and messages of commands (``cli``). Test: ``tests/agents/app``.
"""
