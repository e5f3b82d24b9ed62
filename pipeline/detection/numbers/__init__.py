"""The spoken-number engine: from words to runs of digits. It knows no dialogue.

In: words with times. Out: ``NumberRun``, each digit with the word that spoke it.

Files: ``tokens`` words taken apart · ``spelled_letters`` "B as in boy" · ``disambiguation`` which
"oh", "for" and "to" are digits, ``leading_words`` those right before a number · ``composition``
pairs, teens, hundreds, doubles, corrections · ``runs`` the engine · ``amounts`` prices and
decimals · ``birth_dates`` · ``formats`` postcodes, IBANs, vehicle numbers.

Here: how a number is said. Not here: what it is for (``dialogue``, and the reader). Test:
``tests/pipeline/detection/numbers``; properties in ``test_runs_property``.
"""
