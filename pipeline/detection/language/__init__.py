"""The words and phrases of a language, as data.

In: ``spoken_<language>.yaml``. Out: a ``Vocabulary``, and prompts in a text.

Files: ``vocabulary`` reads the data · ``normalise`` takes accents off · ``phrase_matcher``
searches many expressions in one pass, ``regex_prefixes`` says which words they can begin with ·
``prompts`` phrases that announce a value or explain a number · ``lazy`` a value worked out once.

Here: a new phrase, in the YAML and in no ``.py``; a language is one more such file. Not here: what
a phrase brings about (``dialogue``). Test: ``tests/pipeline/detection/language``.
"""
