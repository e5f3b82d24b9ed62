"""Looks at an installation or at what it wrote, and says what is wrong.

Files: ``doctor`` what is weaker than it should be · ``certificate_file`` a certificate and the
files beside it · ``canaries`` made-up values that must be nowhere · ``leak_scan`` searches every
byte for them · ``leak_scan_selftest`` proves that it finds. Test: ``tests/agents/app/checks``.
"""
