"""What a form of a page sends: short fields in a body, and nothing else."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs

from pipeline.errors import InputError
from pipeline.evaluation.corpora.review_marks import Kind, Place

SEE_OTHER: Final = 303
"""Where the browser goes on once a form was taken."""
FIELDS_MOST: Final = 8
_SECONDS: Final = re.compile(r"(\d{1,6})(?:\.(\d{1,3})\d{0,3})?")
_CHANNEL: Final = re.compile(r"\d{1,3}")


def fields(body: bytes, *, most: int = FIELDS_MOST, as_written: bool = False) -> dict[str, str]:
    """The first value of every field, without space around it; nothing where it is no form.

    Args:
        body: of the request.
        most: a form with more fields is none.
        as_written: empty ones too, with the space around; lines end as in files.
    """
    text = body.decode("utf-8", "replace")
    try:
        form = parse_qs(text, keep_blank_values=as_written, max_num_fields=most)
    except ValueError:
        return {}
    if as_written:
        return {name: values[0].replace("\r\n", "\n") for name, values in form.items()}
    return {name: values[0].strip() for name, values in form.items()}


@dataclass(frozen=True, slots=True)
class MarkForm:
    """The form by which a place is marked, as it was filled in."""

    kind: str = Kind.MISSED.value
    entity: str = ""
    channel: str = "0"
    start: str = ""
    """Seconds, with up to three decimals."""
    end: str = ""

    @classmethod
    def of(cls, body: bytes) -> MarkForm:
        """From a request's body; what is too long to be a field's value is left out."""
        found = {name: text for name, text in fields(body).items() if len(text) <= _LONGEST}
        return cls(
            kind=found.get("kind", ""),
            entity=found.get("entity", ""),
            channel=found.get("channel", ""),
            start=found.get("from", ""),
            end=found.get("to", ""),
        )

    @property
    def place(self) -> Place:
        """What is to be marked.

        Raises:
            InputError: something is missing or is no number; it says what.
        """
        if self.kind not in set(Kind):
            raise InputError("say whether the place can be heard or is silent")
        if self.kind == Kind.MISSED and not self.entity:
            raise InputError("choose the type of what can be heard")
        if not _CHANNEL.fullmatch(self.channel):
            raise InputError("choose who speaks there")
        missed = self.entity if self.kind == Kind.MISSED else ""
        return Place(int(self.channel), _ms(self.start), _ms(self.end), missed)


_LONGEST: Final = 80


def _ms(text: str) -> int:
    found = _SECONDS.fullmatch(text)
    if found is None:
        raise InputError("from and to are seconds, such as 12.3")
    return int(found.group(1)) * 1_000 + int((found.group(2) or "").ljust(3, "0"))
