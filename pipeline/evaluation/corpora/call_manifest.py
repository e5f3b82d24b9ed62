"""The truth about recorded calls: a manifest of JSON lines, described in ``docs/evaluation.md``.

What was spoken is in it, so it never shows in a ``repr`` or an error.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import PurePosixPath

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.errors import InputError
from pipeline.evaluation.corpora.entity_aliases import is_known, no_type


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class TruthWord(_Model):
    """One spoken unit of an entity."""

    text: str = Field(default="", repr=False)
    start_ms: float
    end_ms: float
    digits: str = Field(default="", repr=False)
    """The digits that it stands for."""


class TruthEntity(_Model):
    """One sensitive stretch; pauses between its words are neutral."""

    id: str = ""
    type: str
    channel: str
    optional: bool = False
    """Counts neither as sensitive nor as harmless."""
    words: tuple[TruthWord, ...] = ()


class TruthCall(_Model):
    """A line of a manifest."""

    file: str
    """Of the original, relative to the manifest."""
    channels: tuple[str, ...]
    """Who speaks on each channel, in their order."""
    entities: tuple[TruthEntity, ...] = ()
    speech: Mapping[str, tuple[tuple[float, float], ...]] = {}
    """Milliseconds of harmless speech by channel."""

    @property
    def call_id(self) -> str:
        """The file's name without its ending."""
        return PurePosixPath(self.file).stem


def parse_manifest(
    text: str, *, origin: str, known: Collection[str] | None = None
) -> tuple[TruthCall, ...]:
    """Read a manifest of JSON lines.

    Args:
        text: its content.
        origin: what it is called in errors.
        known: the entity types that are found here; None: they are not checked.

    Raises:
        InputError: a line that is not what it has to be, or an entity of a type that is not known
            and not optional; the message names the line.
    """
    calls = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            calls.append(TruthCall.model_validate_json(line))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "line"
            raise InputError(f"{origin}, line {number}: {where}: {first['msg']}") from None
        if known is not None:
            for entity in calls[-1].entities:
                if not entity.optional and not is_known(entity.type, known):
                    raise InputError(f"{origin}, line {number}: {no_type(entity.type, known)}")
    if not calls:
        raise InputError(f"{origin}: there is no call in it")
    return tuple(calls)
