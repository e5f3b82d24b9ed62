"""Who speaks on a channel that agent and customer share: by their voices and by what they say.

In: the redacted transcript's tokens of the channel, and its redacted audio. Out: the role of each
token. It runs when a call is stored, over what may be kept: nothing of it makes anything audible,
and no voice is kept or sent anywhere.

Files: ``voice_encoder`` stretches of speech as vectors · ``role_words`` what an agent would say and
what a customer · ``separation`` the likeliest course of the talk by both · ``weights`` of the
words, learnt by ``benchmarks.reader.role_words``. Figures: ``docs/measured.md``.

Not here: turns (``pipeline.evidence.turns``), channels with a role of their own. Test:
``tests/models/speakers``; how often it errs: ``make bench-speakers``.
"""
