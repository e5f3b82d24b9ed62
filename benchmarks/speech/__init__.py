"""What speaks, and what the line does to it.

Files: ``spoken`` how people say numbers · ``voices`` behind one protocol · ``human_digits`` a
voice with real recordings of digits · ``channel`` a telephone line · ``damages`` lines, recorders
and codecs that are worse · ``keypad`` the tones of keys.
"""
