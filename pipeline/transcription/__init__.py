"""The pure part of listening: what the recogniser gets, and how much of its answer is believed.

In: chunks. Out: windows; of what came back, words with plausible times, and speech without words.

Files: ``conditioning`` cleans a channel · ``voice_activity`` the seam to the detector of speech ·
``sounding`` whatever sounds · ``windows`` cuts one channel · ``segmenter`` the whole call ·
``packing`` puts speech close together · [model] · ``hallucination`` what is not believed ·
``word_timing`` where a word lies, and what no word explains · ``word_beginnings`` where a number
really begins · ``private_cache`` what was worked out of a word, but of none with figures.

Words: *window* a stretch that is decoded at once; *unheard* what could not be transcribed;
*unexplained* speech that no word covers. Not here: a model (``models.speech``). Test:
``tests/pipeline/transcription``.
"""
