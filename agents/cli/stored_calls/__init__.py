"""Commands on calls that are stored or quarantined.

Files: ``calls`` · ``analytics`` what is counted of them · ``export_and_erase`` · ``hold`` ·
``quarantine`` · ``retention`` ·
``query`` a SELECT over their facts ·
``consent`` whether rules of today would keep them.
"""
