"""What is found, silenced and lost, stage by stage.

Files: ``transcription`` with ``hearing`` · ``word_times`` with ``single_digits`` · ``detection`` ·
``plain_speech`` · ``muting`` · ``verification`` · ``damage`` calls over damaged lines ·
``margins`` what each margin and rule costs · ``key_tones`` keys that are pressed, ``key_learning``
learns how like one a sound is · ``leakcheck`` redacted audio against its truth.
"""
