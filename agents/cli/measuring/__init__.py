"""Commands that measure detection, or set it up; and what many calls need.

Files: ``evaluate`` · ``tune`` · ``shadow`` · ``marks`` · ``recognizers`` · ``reader`` ·
``policy`` checks, compares and tries one, ``policy_versions`` puts it in force · ``size``.
"""
