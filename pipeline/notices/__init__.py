"""Prompts that are played to callers: data, checked against the rules of places, and chosen.

In: YAML files (``policies/notices`` and an installation's own). Out: the prompt for a call, and
when to play it.

In order: ``needs`` (what rules ask of a prompt) → ``texts`` → ``model`` → ``files`` → ``checks`` →
``loading`` → ``prompts``.

Not here: speaking one (``agents/system/spoken_prompt``).

To test: ``tests/pipeline/notices``.
"""
