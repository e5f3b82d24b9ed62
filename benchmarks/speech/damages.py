"""What lines, recorders and codecs do to a call: each damage keeps the place of every sample.

A damage takes a call's audio as float, shape ``(samples, channels)``, full scale 1, and gives it
back as long as it was. What is coded in a width or codec of its own is written and read as a file.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import av
import numpy as np
import soundfile
import soxr

from benchmarks.speech.channel import noise
from benchmarks.speech.voices import Audio

Change: TypeAlias = Callable[[Audio, int, np.random.Generator], Audio]
"""Audio, its rate, and what draws."""

INTERLUDE_S: Final = 60
_BABBLERS: Final = 6
_PACKET_MS: Final = 20
_BURST_MS: Final = 60


@dataclass(frozen=True, slots=True)
class Damage:
    """One cell of the matrix."""

    name: str
    change: Change
    subtype: str = "PCM_16"
    """How the damaged call is coded, in libsndfile's words."""

    def file(self, audio: Audio, rate: int, seed: int) -> bytes:
        """The damaged call as a WAV file."""
        changed = self.change(audio, rate, np.random.default_rng(seed))
        buffer = io.BytesIO()
        soundfile.write(buffer, changed, rate, format="WAV", subtype=self.subtype)
        return buffer.getvalue()


def damages(babble: Path) -> Iterator[Damage]:
    """All of them.

    Args:
        babble: a recording of talk, of which the noise of a room full of people is made.
    """
    yield Damage("none", _same)
    for hertz in (50, 60):
        for dbfs in (-30, -15):
            yield Damage(f"hum {hertz} Hz {dbfs} dBFS", _hum(hertz, dbfs, (1.0,)))
        yield Damage(f"hum {hertz} Hz -15 dBFS, harmonics", _hum(hertz, -15, _HARMONICS))
    yield Damage("buzz of 60 Hz at 10 dB, from 10 s", _onset(10, _over(10, range(60, 3_400, 60))))
    yield Damage("buzz of 120 Hz at 8 dB, from 10 s", _onset(10, _over(8, range(120, 3_400, 120))))
    yield Damage("tone of 1 kHz at 24 dB, from 12 s", _onset(12, _over(24, (1_000,))))
    for share in (0.02, 0.05, 0.2, 0.5):
        yield Damage(f"DC {share:.0%}", _offset(share))
    yield Damage("DC drifting", _drift)
    for decibels in (-60, -50, -40, -20, 6, 20):
        yield Damage(f"gain {decibels:+} dB", _gain(decibels))
    yield Damage("gain pumping", _pumping)
    yield Damage("clipping", _clipping)
    yield Damage("rumble", _rumble)
    yield Damage("GSM buzz", _buzz)
    for colour in ("white", "pink"):
        for snr in (20, 10, 5, 0):
            yield Damage(f"{colour} noise {snr} dB", _noisy(colour, snr))
    for snr in (20, 10, 5, 0):
        yield Damage(f"babble {snr} dB", _babble(babble, snr))
    yield Damage("white noise -10 dB, 5 s in ten", _passing)
    for share in (0.05, 0.2):
        yield Damage(f"packet loss {share:.0%}, zeros", _loss(share, repeat=False))
        yield Damage(f"packet loss {share:.0%}, repeats", _loss(share, repeat=True))
    yield Damage("mu-law", _same, "ULAW")
    yield Damage("A-law", _same, "ALAW")
    yield Damage("GSM 6.10", _through("GSM610"))
    yield Damage("G.726 16 kb/s", _coded("adpcm_g726", 16_000, "wav"))
    yield Damage("AMR-NB 4.75 kb/s", _coded("libopencore_amrnb", 4_750, "amr"))
    yield Damage("Opus 6 kb/s", _coded("libopus", 6_000, "ogg"))
    yield Damage("resampled by 6 kHz", _resampled(6_000))
    yield Damage("inverted", _inverted)
    yield Damage("channels swapped", _swapped)
    yield Damage("echo -20 dB", _echo(-20, 80))
    yield Damage("echo -20 dB, late", _echo(-20, 800))
    yield Damage("8 bit", _same, "PCM_U8")
    yield Damage("24 bit at -90 dB", _gain(-90), "PCM_24")
    yield Damage("float at -100 dB", _gain(-100), "FLOAT")
    yield Damage("float times 1000", _gain(60, limit=False), "FLOAT")


_HARMONICS: Final = (1.0, 0.5, 0.5, 0.25, 0.25, 0.12, 0.12, 0.06, 0.06)
"""Amplitudes of a mains hum's multiples, as a rectifier makes them."""


def _same(audio: Audio, rate: int, rng: np.random.Generator) -> Audio:
    del rate, rng
    return audio


def _clipped(audio: Audio) -> Audio:
    return np.clip(audio, -1.0, 32_767 / 32_768)


def _power(dbfs: float) -> float:
    return float(10 ** (dbfs / 20))


def _level(audio: Audio) -> Audio:
    """RMS of each channel where it sounds."""
    frames = np.abs(audio[: len(audio) // 400 * 400]).reshape(-1, 400, audio.shape[1]).mean(axis=1)
    loud = np.repeat(frames > 0.2 * frames.max(axis=0), 400, axis=0)
    part = audio[: len(loud)]
    square = np.where(loud, part, 0.0) ** 2
    return np.asarray(np.sqrt(square.sum(axis=0) / np.maximum(1, loud.sum(axis=0))))


def _time(audio: Audio, rate: int) -> Audio:
    return np.asarray(np.arange(len(audio))[:, None] / rate)


def _hum(hertz: int, dbfs: float, amplitudes: tuple[float, ...]) -> Change:
    def change(audio: Audio, rate: int, rng: np.random.Generator) -> Audio:
        time = _time(audio, rate)
        wave = sum(
            amplitude * np.sin(2 * np.pi * hertz * multiple * time + rng.uniform(0, 2 * np.pi))
            for multiple, amplitude in enumerate(amplitudes, 1)
        )
        wave = wave / np.sqrt(np.mean(np.square(wave))) * _power(dbfs)
        return _clipped(0.5 * audio + wave)

    return change


def _over(decibels: float, hertz: Iterable[int]) -> Change:
    """Tones of one loudness that are together so much louder than the voices."""

    def change(audio: Audio, rate: int, rng: np.random.Generator) -> Audio:
        time = _time(audio, rate)
        wave = sum(np.sin(2 * np.pi * one * time + rng.uniform(0, 2 * np.pi)) for one in hertz)
        wave = wave / np.sqrt(np.mean(np.square(wave)))
        both = audio + wave * _level(audio) * _power(decibels)
        return np.asarray(0.5 * both / max(0.5, float(np.abs(both).max())))

    return change


def _onset(seconds: float, change: Change) -> Change:
    """What begins in mid-call: the talk before it was understood."""

    def later(audio: Audio, rate: int, rng: np.random.Generator) -> Audio:
        after = _time(audio, rate) >= seconds
        return np.where(after, change(audio, rate, rng), 0.5 * audio)

    return later


def _offset(share: float) -> Change:
    return lambda audio, rate, rng: _clipped((1.0 - share) * audio + share)  # noqa: ARG005


def _drift(audio: Audio, rate: int, rng: np.random.Generator) -> Audio:
    del rng
    return _clipped(0.6 * audio + 0.4 * np.sin(2 * np.pi * 0.05 * _time(audio, rate)))


def _gain(decibels: float, *, limit: bool = True) -> Change:
    def change(audio: Audio, rate: int, rng: np.random.Generator) -> Audio:
        del rate, rng
        louder = audio * _power(decibels)
        return _clipped(louder) if limit else louder

    return change


def _pumping(audio: Audio, rate: int, rng: np.random.Generator) -> Audio:
    del rng
    return np.asarray(audio * 10 ** (-1.5 * (np.sin(2 * np.pi * 0.2 * _time(audio, rate)) + 1) / 2))


def _clipping(audio: Audio, rate: int, rng: np.random.Generator) -> Audio:
    del rate, rng
    return np.clip(audio, -_level(audio) / 2, _level(audio) / 2)


def _rumble(audio: Audio, rate: int, rng: np.random.Generator) -> Audio:
    spectrum = np.fft.rfft(rng.standard_normal(len(audio)))
    spectrum[np.fft.rfftfreq(len(audio), 1 / rate) > 90.0] = 0.0
    wave = np.fft.irfft(spectrum, len(audio))
    wave = wave / np.sqrt(np.mean(np.square(wave))) * _power(-16)
    return _clipped(0.7 * audio + wave[:, None])


def _buzz(audio: Audio, rate: int, rng: np.random.Generator) -> Audio:
    """217 pulses a second, in bursts: a mobile telephone beside the line."""
    del rng
    time = _time(audio, rate)
    pulses = ((time * 217.0) % 1.0 < 0.125).astype(np.float64) - 0.125
    return _clipped(0.7 * audio + 0.2 * pulses * ((time % 4.0) < 1.5))


def _noisy(colour: str, snr: float) -> Change:
    def change(audio: Audio, rate: int, rng: np.random.Generator) -> Audio:
        del rate
        waves = [noise(len(audio), colour, rng) for _ in range(audio.shape[1])]
        return _clipped(0.5 * (audio + np.stack(waves, axis=1) * _level(audio) * _power(-snr)))

    return change


def _passing(audio: Audio, rate: int, rng: np.random.Generator) -> Audio:
    """Noise that comes and goes, as of a lorry: it hides a number and not the talk around it."""
    loud = _noisy("white", -10)(audio, rate, rng)
    return np.where(_time(audio, rate) % 10.0 < 5.0, loud, 0.5 * audio)


def _babble(talk: Path, snr: float) -> Change:
    def change(audio: Audio, rate: int, rng: np.random.Generator) -> Audio:
        voices, talk_rate = soundfile.read(talk, dtype="float64", always_2d=True)
        voice = soxr.resample(voices.sum(axis=1), talk_rate, rate)
        starts = rng.integers(0, len(voice), _BABBLERS)
        many = sum(np.resize(np.roll(voice, int(start)), len(audio)) for start in starts)
        room = np.asarray(many)[:, None]
        return _clipped(0.5 * (audio + room / _level(room) * _level(audio) * _power(-snr)))

    return change


def _loss(share: float, *, repeat: bool) -> Change:
    def change(audio: Audio, rate: int, rng: np.random.Generator) -> Audio:
        packet = rate * _PACKET_MS // 1_000
        burst = _BURST_MS // _PACKET_MS
        out = audio.copy()
        packets = len(audio) // packet
        for first in range(1, packets - burst):
            if rng.random() < share / burst:
                for at in range(first, first + burst):
                    before = out[(at - 1) * packet : at * packet]
                    out[at * packet : (at + 1) * packet] = before if repeat else 0.0
        return out

    return change


def _through(subtype: str) -> Change:
    def change(audio: Audio, rate: int, rng: np.random.Generator) -> Audio:
        del rng
        buffer = io.BytesIO()
        channels = []
        for channel in audio.T:
            buffer = io.BytesIO()
            soundfile.write(buffer, channel, rate, format="WAV", subtype=subtype)
            channels.append(soundfile.read(io.BytesIO(buffer.getvalue()), dtype="float64")[0])
        return _fitted(channels, len(audio))

    return change


def _coded(codec: str, bits: int, container: str) -> Change:
    def change(audio: Audio, rate: int, rng: np.random.Generator) -> Audio:
        del rng
        return _fitted(
            [_round_trip(one, rate, codec, bits, container) for one in audio.T], len(audio)
        )

    return change


def _round_trip(audio: Audio, rate: int, codec: str, bits: int, container: str) -> Audio:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as out:
        stream: Any = out.add_stream(codec, rate=rate, layout="mono")
        stream.bit_rate = bits
        samples = np.clip(audio * 32_768, -32_768, 32_767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
        frame.sample_rate = rate
        for packet in (*stream.encode(frame), *stream.encode(None)):
            out.mux(packet)
    buffer.seek(0)
    resampler = av.AudioResampler(format="s16", layout="mono", rate=rate)
    pieces = []
    source: Any
    with av.open(buffer) as source:
        for decoded in source.decode(audio=0):
            pieces += [each.to_ndarray()[0] for each in resampler.resample(decoded)]
        pieces += [each.to_ndarray()[0] for each in resampler.resample(None)]
    back = np.concatenate(pieces).astype(np.float64) / 32_768
    return np.roll(back, -_delay(audio, back))


def _delay(before: Audio, after: Audio) -> int:
    """By how many samples a codec is late: the peak of the cross-correlation."""
    size = 1 << (len(before) + len(after)).bit_length()
    spectrum = np.conj(np.fft.rfft(before, size)) * np.fft.rfft(after, size)
    return int(np.argmax(np.fft.irfft(spectrum, size)[:2_000]))


def _fitted(channels: list[Audio], length: int) -> Audio:
    return np.stack([np.pad(one, (0, length))[:length] for one in channels], axis=1)


def _resampled(other: int) -> Change:
    def change(audio: Audio, rate: int, rng: np.random.Generator) -> Audio:
        del rng
        back = soxr.resample(soxr.resample(audio, rate, other), other, rate)
        return _fitted(list(back.T), len(audio))

    return change


def _inverted(audio: Audio, rate: int, rng: np.random.Generator) -> Audio:
    del rate, rng
    return -audio


def _swapped(audio: Audio, rate: int, rng: np.random.Generator) -> Audio:
    del rate, rng
    return audio[:, ::-1].copy()


def _echo(decibels: float, milliseconds: int) -> Change:
    def change(audio: Audio, rate: int, rng: np.random.Generator) -> Audio:
        del rng
        late = rate * milliseconds // 1_000
        other = np.roll(audio[:, ::-1], late, axis=0) * _power(decibels)
        other[:late] = 0.0
        return _clipped(0.8 * (audio + other))

    return change


def interludes() -> Iterator[Damage]:
    """A minute without anybody's speech before the call: nothing of it may fill the quarantine."""
    yield Damage("a minute of silence", _before(lambda time, rng: 0.0 * time))  # noqa: ARG005
    yield Damage("a minute of music on hold", _before(_music))
    yield Damage("a minute of ringing", _before(_ringing))
    yield Damage("a minute of dialling tones", _before(_dialling))
    yield Damage(
        "a minute of noise", _before(lambda time, rng: 0.05 * noise(len(time), "pink", rng))
    )


def _before(sound: Callable[[Audio, np.random.Generator], Audio]) -> Change:
    def change(audio: Audio, rate: int, rng: np.random.Generator) -> Audio:
        time = np.arange(INTERLUDE_S * rate) / rate
        minute = np.repeat(sound(time, rng)[:, None], audio.shape[1], axis=1)
        return np.concatenate([minute, audio])

    return change


def _noise(time: Audio, rng: np.random.Generator) -> Audio:
    return 0.05 * noise(len(time), "pink", rng)


def _music(time: Audio, rng: np.random.Generator) -> Audio:
    """Chords of four notes, two a second, each struck and fading."""
    out = np.zeros(len(time))
    for beat in range(INTERLUDE_S * 2):
        since = time - beat / 2
        struck = (since >= 0) & (since < 0.5)
        root = 220.0 * 2 ** (rng.choice([0, 3, 5, 7, 10]) / 12)
        for interval in (1.0, 1.26, 1.5, 2.0):
            note = np.sin(2 * np.pi * root * interval * since) * np.exp(-3.0 * since)
            out += np.where(struck, 0.08 * note, 0.0)
    return out


def _ringing(time: Audio, rng: np.random.Generator) -> Audio:
    """Ringback of North America: 440 and 480 Hz, two seconds in six."""
    del rng
    tone = np.sin(2 * np.pi * 440 * time) + np.sin(2 * np.pi * 480 * time)
    return np.where(time % 6.0 < 2.0, 0.08 * tone, 0.0)


def _dialling(time: Audio, rng: np.random.Generator) -> Audio:
    """DTMF digits of 100 ms, two a second."""
    low, high = (697, 770, 852, 941), (1_209, 1_336, 1_477)
    out = np.zeros(len(time))
    for number in range(INTERLUDE_S * 2):
        since = time - number / 2
        on = (since >= 0) & (since < 0.1)
        pair = rng.choice(low), rng.choice(high)
        out += np.where(on, 0.1 * sum(np.sin(2 * np.pi * each * since) for each in pair), 0.0)
    return out
