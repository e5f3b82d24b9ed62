"""The names that a policy may use here: Hushwire's own, and those of a recogniser file.

Outcome of :func:`known_names`: the names, or ``PolicyError`` where the file is wrong. No model is
loaded, and a class is imported only where the file does not say what it finds.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from models.registry.schema import SHIPPED, Entry, RegistryFile, read_registry
from pipeline.policy.known_names import BUILT_IN, Known


def known_names(own: Path | None = None, purposes: Iterable[str] = ()) -> Known:
    """What a policy may name.

    Args:
        own: a registry file that is added to the shipped one.
        purposes: what recorders name.

    Raises:
        PolicyError: the file is wrong.
    """
    recognizers = {entry.name for entry in read_registry(SHIPPED).entries}
    entities: set[str] = set()
    if own is not None:
        file = read_registry(own)
        recognizers -= {entry.name for entry in file.entries if not entry.enabled}
        for index, entry in enumerate(file.entries):
            if entry.enabled:
                recognizers.add(entry.name)
                entities |= _types(file, index, entry)
    return Known(
        BUILT_IN.entities | entities,
        BUILT_IN.recognizers | recognizers,
        BUILT_IN.purposes | set(purposes),
    )


def _types(file: RegistryFile, index: int, entry: Entry) -> set[str]:
    if entry.entities or entry.place is None:
        return set(entry.entities)
    from models.registry.registry import types_of_class  # noqa: PLC0415 - it loads Presidio, which is slow

    return types_of_class(file, index)
