"""What tells the two sides of a shared channel apart, with what this machine has.

Without the voice encoder's weights, or where the settings want no voices heard, words and the
course of the talk are all there is; so they are where the weights are others than the catalogue
pins, which the log and ``hushwire doctor`` tell. Only the package's weights are used, so it goes
without what it asks for (``requirements-voices.txt``).
"""

from __future__ import annotations

from collections.abc import Sequence

from agents.settings.model import Settings
from agents.system.logging import get_logger
from models.speakers.separation import Diarizer
from models.speakers.voice_encoder import MODEL, VoiceEncoder
from models.store.loader import find, here
from models.store.model_catalogue import entry
from pipeline.errors import HushwireError, ModelError
from pipeline.evidence.stored_call import Heard
from pipeline.evidence.turns import Token
from pipeline.records.model import Role


class TolerantDiarizer:
    """Leaves a call's turns as they are where telling them apart fails; never raises.

    Args:
        speakers: that tell.
    """

    def __init__(self, speakers: Diarizer) -> None:
        self._speakers = speakers

    def roles(self, tokens: Sequence[Token], rate: int, audio: Heard) -> Sequence[Role | None]:
        """See ``models.speakers.separation.Diarizer``."""
        try:
            return self._speakers.roles(tokens, rate, audio)
        except Exception as error:  # noqa: BLE001 - a call must not be refused for that
            code = error.code if isinstance(error, HushwireError) else "unexpected"
            get_logger().error("speakers not told apart", code=code)
            return [None] * len(tokens)


def diarizer_of(settings: Settings) -> TolerantDiarizer:
    """What tells speakers apart, as the settings want it."""
    return TolerantDiarizer(Diarizer(_encoder(settings) if settings.voices else None))


def _encoder(settings: Settings) -> VoiceEncoder | None:
    """The encoder, if its weights are here, and those that the catalogue pins."""
    try:
        if here(entry(MODEL), folder=settings.models_dir):
            return VoiceEncoder(find(MODEL, folder=settings.models_dir, allow_hub=False))
        get_logger().info("no voice encoder")
    except ModelError as error:  # of a nicety no worker should stand still
        get_logger().error("voice encoder refused", code=error.code)
    return None
