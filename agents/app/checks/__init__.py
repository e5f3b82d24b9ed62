"""Looks at an installation or at what it wrote, and says what is wrong.

Files: ``doctor`` what is weaker than it should be; ``surroundings`` those of it that workers look
at, too, ``disks`` among them; ``holdings`` which keys lie here, ``key_files`` if calls need them ·
``certificate_file`` a certificate and the files beside it · ``canaries`` made-up values that must
be nowhere · ``leak_scan`` searches every byte for them · ``leak_scan_selftest`` proves that it
finds · ``wanted`` and ``redaction_job`` what `hushwire redact` refuses at once, and after reading.
Test: ``tests/agents/app/checks``.
"""
