"""What was asked and answered, explained, read back: the talk around a number.

In: one reading of all channels. Out: a ``Reading``: each run with what it is taken for.

Files: ``model`` what a reading holds · ``timeline`` one channel in order · ``questions`` what is
asked for and open, ``reopening`` "that's not what I have", "and the rest?" · ``context`` what
stands around a number · ``interpreter`` the walk over a reading · ``number_chains`` numbers in
pieces · ``read_back`` digits that come again · ``backchannels`` "okay", "uh-huh" · ``retrospect``
what other numbers of the call say of one.

Here: what may answer a question, and for how long it stays open (``questions`` alone). Not here:
what is silenced for it (``decision``). Test: ``tests/pipeline/detection/dialogue``.
"""
