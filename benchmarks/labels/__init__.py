"""Labelled texts: every value marked out.

Files: ``number_words`` and ``phrased`` how values are said and written down · ``values`` behind
the slots of templates · ``labelled`` all sets of texts · ``spanish`` · ``heard_texts`` the same
texts as the models hear them, with ``carrying`` for the labels. The texts lie in
``benchmarks/texts``.
"""
