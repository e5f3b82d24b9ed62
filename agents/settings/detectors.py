"""What a detector is set up with, from the settings; one place for all who make one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from agents.settings.model import Settings
from pipeline.errors import SettingsError

if TYPE_CHECKING:
    from models.detection.detector import DetectorSettings


def detector_settings(settings: Settings, *, shadow: bool = False) -> DetectorSettings:
    """The live detector's, or those of the candidate that is tried beside it.

    Args:
        settings: registry of own recognisers, own reader, and the reader of the shadow.
        shadow: of the candidate; where it names no reader of its own it has the live one.

    Raises:
        SettingsError: a reader is named without its digest, or a digest without a reader.
    """
    from models.detection.detector import DetectorSettings  # noqa: PLC0415 - models load where they are used

    folder, digest = _reader(settings.reader, settings.reader_digest, "reader")
    if shadow:
        own = _reader(settings.shadow_reader, settings.shadow_reader_digest, "shadow_reader")
        folder, digest = own if own[0] is not None else (folder, digest)
    return DetectorSettings(settings.recognizers, folder, digest)


def _reader(folder: Path | None, digest: str, name: str) -> tuple[Path | None, str]:
    if (folder is None) != (not digest):
        missing = f"{name}_digest" if folder is not None else name
        raise SettingsError(
            f"{missing} is missing: a reader is named by its folder ({name}) and by the digest "
            f"that `hushwire reader train` printed ({name}_digest)"
        )
    return folder, digest
