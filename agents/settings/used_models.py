"""Which models an installation uses."""

from __future__ import annotations

from agents.settings.model import Settings
from models.store.loader import here
from models.store.model_catalogue import Entry, entries


def others_in_use(settings: Settings) -> list[Entry]:
    """The models beside those that hear speech: none to go without, but what tells voices apart.

    That is used where it is wanted and installed; words alone do without.
    """
    return [
        one
        for one in entries()
        if one.kind not in {"whisper", "speaker"}
        or (one.kind == "speaker" and settings.voices and here(one, folder=settings.models_dir))
    ]
