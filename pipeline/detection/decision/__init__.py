"""From verdicts and opinions to stretches that are silent, each with one name.

In: readings, what the reader holds of words, speech without words. Out: spans.

Files: ``opinions`` what the reader holds, by place · ``explained`` numbers that may be heard ·
``outvoted`` words that the other model heard otherwise · ``after_unheard`` numbers whose question
nobody heard · ``spans`` from a verdict to samples · ``conversation`` the state of a call, over all
of these · ``not_understood`` sound without a believable word · ``resolver`` types and ends of what
is silent.

Two questions are kept apart: is it silent, and what is it called. Payment and identity digits are
recall-first. Not here: thresholds (``policy``). Test: ``tests/pipeline/detection/decision``; whole
dialogues in its ``dialogues.yaml``.
"""
