"""What ``hushwire redact`` is asked for, refused at once where it can't be done.

Loaded before settings, policies and models, so that a missing or damaged recording is told in an
instant. What needs those is asked in ``redaction_job``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from agents.system.atomic_files import refuse_existing
from pipeline.audio.files import inspect_recording
from pipeline.errors import InputError
from pipeline.evidence.layout import CERTIFICATE
from pipeline.muting.output_format import require_ending
from pipeline.policy.places import require_named
from pipeline.records.call_names import holds_number, shown


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be made of one recording."""

    source: Path
    """A recording, see ``pipeline.audio.files.SUFFIXES``."""
    target: Path
    """``.wav`` or ``.flac``, or with ``lossy`` ``.ogg`` or ``.opus``."""
    lossy: bool = False
    """Whether a format that changes every sample may be written."""
    report: Path | None = None
    """HTML report of the call."""
    policy: str | None = None
    """Name or file of the policy; None: the one that the settings name."""
    force: bool = False
    """Whether files that are there already are replaced."""

    @property
    def beside(self) -> tuple[Path, Path, Path]:
        """Transcript, subtitles and certificate."""
        endings = (".json", ".vtt", CERTIFICATE)
        first, second, third = (
            self.target.with_name(self.target.stem + ending) for ending in endings
        )
        return first, second, third

    def refuse(self) -> None:
        """Refuse a recording whose head is wrong, and files that can't be written.

        Raises:
            InputError: with the file's name and what to do.
        """
        inspect_recording(self.source)
        require_ending(self.target.suffix, lossy=self.lossy)
        if self.policy:
            require_named(self.policy)
        if holds_number(self.target.stem):
            raise InputError(
                f"{shown(self.target.name)}: the name may hold a telephone or card number, and "
                "would stand in the certificate; give OUT another"
            )
        outs = [self.target, *self.beside, *([self.report] if self.report else [])]
        if len({path.resolve() for path in outs}) < len(outs):
            raise InputError(f"{outs[-1].name}: is the name of two files that are to be written")
        own = {self.source.resolve(), self.source.with_suffix(".json").resolve()}
        for path in outs:
            if path.resolve() in own:
                raise InputError(f"{path.name}: belongs to IN, which is never overwritten")
        refuse_existing(outs, force=self.force)
