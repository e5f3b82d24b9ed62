"""Files as recorders write them, made by FFmpeg's own writers."""

from __future__ import annotations

import io
from functools import cache

import av
import numpy as np

SECONDS = 2.2
TONE_HZ = 440.0


def tone(rate: int, channels: int = 1, seconds: float = SECONDS) -> np.ndarray:
    """int16 of shape ``(samples, channels)``; a beat makes every moment its own."""
    t = np.arange(round(rate * seconds)) / rate
    wave = np.sin(2 * np.pi * TONE_HZ * t) * (0.6 + 0.4 * np.sin(2 * np.pi * 1.3 * t))
    return np.stack([wave * 9_000] * channels, axis=1).astype(np.int16)


@cache
def made(
    kind: str, codec: str, rate: int = 16_000, channels: int = 1, seconds: float = SECONDS
) -> bytes:
    """A file of a kind (``mp3``, ``mp4``, ``webm``) that holds ``tone``."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=kind) as container:
        stream = container.add_stream(codec, rate=rate)
        stream.layout = "stereo" if channels == 2 else "mono"
        flat = tone(rate, channels, seconds).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(flat, format="s16", layout=stream.layout.name)
        frame.sample_rate, frame.pts = rate, 0
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    return buffer.getvalue()


@cache
def with_pictures(kind: str = "mp4", audio: int = 1, pictures: int = 1) -> bytes:
    """A file with several streams."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=kind) as container:
        codec = "aac" if kind == "mp4" else "libopus"
        sounds = [container.add_stream(codec, rate=48_000) for _ in range(audio)]
        for sound in sounds:
            sound.layout = "mono"
        films = [
            container.add_stream("mpeg4" if kind == "mp4" else "libvpx", rate=10)
            for _ in range(pictures)
        ]
        for film in films:
            film.width, film.height, film.pix_fmt = 64, 64, "yuv420p"
        for sound in sounds:
            flat = tone(48_000, 1, 0.5).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(flat, format="s16", layout="mono")
            frame.sample_rate, frame.pts = 48_000, 0
            for packet in [*sound.encode(frame), *sound.encode(None)]:
                container.mux(packet)
        for film in films:
            picture = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
            picture.pts = 0
            for packet in [*film.encode(picture), *film.encode(None)]:
                container.mux(packet)
    return buffer.getvalue()
