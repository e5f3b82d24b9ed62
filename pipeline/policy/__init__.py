"""What is muted, kept or only counted, and how: what a security engineer decides.

In: YAML (``policies/``). Out: a ``Policy``.

Files: ``places`` where they lie · ``yaml_document`` reads what people write · ``loading`` names
every mistake with its line · ``model`` the rules · ``known_names`` the names that it may use ·
``disclosure`` what a transcript may show · ``union`` two policies together: the stricter of each
rule · ``warnings`` what its author may not have meant.

A new setting takes ``model``, a rule in ``union`` and a line in ``docs/policies.md``. Not here:
settings of an installation (``agents.settings``). Test: ``tests/pipeline/policy``.
"""
