"""The web side: who may look at redacted calls, and how."""
