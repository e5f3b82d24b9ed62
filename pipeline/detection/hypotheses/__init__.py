"""What several decodes of the same sound say together.

In: the hearings of a window. Out: sequences that can be read, and how far two models agree.

Files: ``fusion`` one voice, one word at a time · ``agreement`` a word that two models heard was
said · ``span_edges`` where a worded value begins and ends.

Not here: which hearings there are (``models.speech``). Test:
``tests/pipeline/detection/hypotheses``.
"""
