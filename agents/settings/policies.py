"""Policies as the settings have them: with every name that is known in this installation."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from agents.settings.model import Settings
from models.registry.known_names import known_names
from pipeline.policy.known_names import Known
from pipeline.policy.loading import load_policy
from pipeline.policy.model import Policy


def names_known(settings: Settings) -> Known:
    """The names that a policy may use in this installation.

    Raises:
        PolicyError: the recogniser file is wrong.
    """
    return known_names(settings.recognizers, settings.purposes)


def read_policy(settings: Settings, name: str | Path | None = None) -> Policy:
    """A policy; the one in force, where none is named.

    Raises:
        PolicyError: it is refused, or the recogniser file is.
    """
    return load_policy(name or settings.policy, names_known(settings))


def written(settings: Settings) -> str:
    """The text of the policy of the settings as its file has it; empty for several that are one."""
    shipped = Path(str(resources.files("policies"))) / f"{settings.policy}.yaml"
    for path in (Path(settings.policy), shipped):
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, ValueError):
            continue
    return ""
