"""Recordings, and buffers of samples.

In: files, chunks. Out: ``int16`` samples and their loudness.

Files: ``opening`` opens what somebody else put there · ``containers`` measures it before anything
is decoded, with ``wav_header``, ``flac_frames`` and ``ogg_pages`` · ``compressed`` MP3, MP4, WebM
· ``files`` reads and writes · ``narrowing`` to what the stages see · ``chunk_assembly`` puts chunks
in order, gaps become silence · ``ring_buffer`` what may still be needed · ``levels`` the loudness
of 10 ms frames · ``keypad`` whether keys were pressed.

Here: a container, a sample format. Not here: what counts as speech (``transcription``), what is
silenced (``muting``). Test: ``tests/pipeline/audio``.
"""
