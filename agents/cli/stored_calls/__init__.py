"""Commands on calls that are stored or quarantined.

Files: ``calls`` · ``export_and_erase`` · ``hold`` · ``quarantine`` · ``retention`` ·
``consent`` whether rules of today would keep them.
"""
