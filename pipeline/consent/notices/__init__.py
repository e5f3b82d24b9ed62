"""Prompts that are played to callers: data, checked against the rules of places, and chosen.

In: YAML files (``policies/notices`` and an installation's own). Out: the prompt for a call, and
when to play it.

Files, in the order of the data: ``needs`` what rules ask of a prompt · ``texts`` placeholders and
SSML · ``model`` prompts as files hold them · ``files`` read part by part · ``checks`` prompts
against one another and the rules · ``loading`` all of it, each mistake with its line · ``prompts``
the one that fits.

Not here: speaking one (``agents.cli.shared.spoken_prompt``), the command
(``agents.cli.running.notice``). Test: ``tests/pipeline/consent/notices``.
"""
