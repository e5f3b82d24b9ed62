"""A stronger model behind the same contract: GLiNER, where its weights and its package are there.

Off as shipped. A registry file of your own switches it on (``class_name: GlinerRecognizer``, with
``model`` and ``sha256``); see docs/detectors.md. Weights whose hash is not the one that the file
pins are refused before they are loaded, and nothing is ever downloaded.
"""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from presidio_analyzer import RecognizerResult
from presidio_analyzer.nlp_engine import NlpArtifacts
from presidio_analyzer.predefined_recognizers import GLiNERRecognizer

from pipeline.errors import ModelError
from pipeline.records.entities import Entity

_PACKAGE: Final = "gliner"
_BLOCK: Final = 1 << 20
LABELS: Final = {
    "person": Entity.PERSON,
    "street address": Entity.STREET_ADDRESS,
    "email address": Entity.EMAIL_ADDRESS,
    "medication": Entity.MEDICATION,
    "medical condition": Entity.MEDICAL_CONDITION,
    "medical procedure": Entity.MEDICAL_PROCEDURE,
}
"""What the model is asked for, and the type that each answer becomes."""


class GlinerRecognizer(GLiNERRecognizer):
    """Presidio's GLiNER recogniser over local, pinned weights.

    Args:
        model: folder of the weights.
        sha256: hash of the folder's files, as ``folder_digest`` gives it.
        threshold: score from which the model's answers count.
        labels: what is asked for and the type it becomes; :data:`LABELS` by default.
        name: of the recogniser.
        supported_language: of the calls that it searches.

    Raises:
        ModelError: the package or the weights are missing, or the weights are others.
    """

    def __init__(
        self,
        *,
        model: str,
        sha256: str,
        threshold: float = 0.5,
        labels: dict[str, str] | None = None,
        name: str = "GlinerRecognizer",
        supported_language: str = "en",
    ) -> None:
        folder = Path(model)
        if find_spec(_PACKAGE) is None:
            raise ModelError(f"{name}: the package {_PACKAGE} is not installed; pip install gliner")
        if not folder.is_dir():
            raise ModelError(f"{name}: there is no folder with weights at {folder.name}")
        if (found := folder_digest(folder)) != sha256:
            raise ModelError(
                f"{name}: the weights in {folder.name} are not those that the registry pins "
                f"(sha256 {found})"
            )
        asked = labels or LABELS
        super().__init__(
            name=name,
            supported_language=supported_language,
            entity_mapping={label: str(entity) for label, entity in asked.items()},
            model_name=str(folder),
            threshold=threshold,
            local_files_only=True,
        )

    def analyze(
        self, text: str, entities: list[str], nlp_artifacts: NlpArtifacts | None = None
    ) -> list[RecognizerResult]:
        """What the model finds; types that it was not set up for are not asked for."""
        wanted = [entity for entity in entities if entity in self.supported_entities]
        found: list[Any] = super().analyze(text, wanted, nlp_artifacts)
        for result in found:
            result.analysis_explanation.textual_explanation = None
        return found


def folder_digest(folder: Path) -> str:
    """sha256 over names and contents of a model folder's files, in the order of their names."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
            with path.open("rb") as file:
                while block := file.read(_BLOCK):
                    digest.update(block)
    return digest.hexdigest()
