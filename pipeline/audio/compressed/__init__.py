"""Recordings whose samples are coded as packets: MP3, MP4 (M4A) and WebM.

In: a stream. Out: what its container says that it holds, checked to the last byte, and its samples.

Files: ``coded`` what a container holds · ``mp3_frames``, ``mp4_boxes`` and ``webm_elements`` walk a
container without decoding anything · ``decoding`` hands the packets to PyAV's decoders, one by one.

FFmpeg's readers of containers are not used: a packet that is not counted here is never decoded.
Test: ``tests/pipeline/audio/compressed``.
"""
