"""Whether keys of a telephone were pressed (DTMF, ITU-T Q.23), never which ones.

From one channel's samples: ``spectrum`` short spectra and the strongest peak of each group of
frequencies · ``frames`` those in a row that are like one key, by either ear's rules · ``tones``
keys that are clear, by the rules of ITU-T Q.24, and their echo on another channel · ``sounds``
what may be a key under a voice or behind a codec, and how surely · ``likeness`` the number for
that, and ``likeness.json`` what was learnt for it · ``runs`` from keys to the stretches in which
they were typed.
"""
