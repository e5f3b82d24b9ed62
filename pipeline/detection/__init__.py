"""Which stretches of speech are sensitive, as far as words and numbers tell.

In: ``WindowTranscript`` records. Out: spans (channel, samples, type, score, recogniser), never the
text.

Packages: ``language`` words and phrases as data · ``numbers`` from tokens to digits ·
``hypotheses`` what several decodes agree on · ``dialogue`` what was asked and answered ·
``decision`` what is silent for it, and what it is called.

Words: *hearing* one decode of a window; *prompt* a phrase that announces or explains; *question* a
prompt that waits for its answer; *run* a number as it was spoken; *verdict* what a run is taken
for. What the reader makes of words comes as ``decision.opinions``; it runs in ``models.reader``.
"""
