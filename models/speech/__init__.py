"""What hears: Whisper and Silero behind the protocols of ``pipeline.transcription``.

In: windows. Out: ``WindowTranscript``: words of two models, and what no word explains.

Files: ``silero_vad`` · ``window_audio`` a window as the models get it, and the way back ·
``whisper`` one model · ``batched_decoding`` several decodings in step (``SpeechEngine`` is the seam
for another engine) · ``redecode_rules`` what is worth a second decode · ``transcriber`` all passes
over a window.

Alone or in a batch, a window is heard the same, bit by bit. Not here: what is believed of it
(``pipeline.transcription.hallucination``). Test: ``tests/models/speech``; with the models
``tests/models/loaded``.
"""
