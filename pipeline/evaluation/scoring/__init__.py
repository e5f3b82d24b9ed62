"""One call or text against its truth: counts, never words.

In: spans or redacted audio, and the truth. Out: ``results``.

Files: ``results`` what an evaluation brings · ``text_scoring`` labelled texts with made-up times ·
``muted_frames`` which frames are silent · ``leak_scoring`` redacted audio · ``leak_causes`` where
a leak came from. Not here: what many results mean (``figures``).
"""
