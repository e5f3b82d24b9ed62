"""What tells the two sides of a shared channel apart, with what this machine has.

Without the voice encoder's weights, or where the settings want no voices heard, words and the
course of the talk are all there is. Altered weights are refused at the start. Only the package's
weights are used, so it goes without what it asks for (``requirements-voices.txt``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agents.settings.model import Settings
from agents.system.logging import get_logger
from models.speakers.separation import Speakers
from models.speakers.voice_encoder import MODEL, VoiceEncoder
from models.store.loader import find, here
from models.store.model_catalogue import entry
from pipeline.errors import HushwireError
from pipeline.evidence.turns import Token
from pipeline.records.model import Interval, Role
from pipeline.transcription.voice_activity import Samples


class TolerantSpeakers:
    """Leaves a call's turns as they are where telling them apart fails; never raises.

    Args:
        speakers: that tell.
    """

    def __init__(self, speakers: Speakers) -> None:
        self._speakers = speakers

    def roles(
        self,
        tokens: Sequence[Token],
        rate: int,
        audio: Callable[[Sequence[Interval]], Sequence[Samples]],
    ) -> Sequence[Role | None]:
        """See ``models.speakers.separation.Speakers``."""
        try:
            return self._speakers.roles(tokens, rate, audio)
        except Exception as error:  # noqa: BLE001 - a call must not be refused for that
            code = error.code if isinstance(error, HushwireError) else "unexpected"
            get_logger().error("speakers not told apart", code=code)
            return [None] * len(tokens)


def speakers_of(settings: Settings) -> TolerantSpeakers:
    """What tells speakers apart, as the settings want it.

    Raises:
        ModelError: the weights are there and are not those that the catalogue pins.
    """
    encoder = None
    if settings.voices:
        if here(entry(MODEL), folder=settings.models_dir):
            encoder = VoiceEncoder(find(MODEL, folder=settings.models_dir, allow_hub=False))
        else:
            get_logger().info("no voice encoder")
    return TolerantSpeakers(Speakers(encoder))
