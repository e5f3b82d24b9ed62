"""Given names of people all over the world, out of the lists that Faker makes up people from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Final

from pipeline.accents import plain
from pipeline.errors import ModelError

_LISTS: Final = re.compile(r"^first_names|_first_names")
_PARTS: Final = re.compile(r"[\s'-]+")
_SHORTEST: Final = 3


@cache
def world_names() -> dict[str, frozenset[str]]:
    """Given names in Latin letters, lower case, without accents, with the locales that have them.

    Raises:
        ModelError: Faker is not installed, or has another form than the one that is pinned.
    """
    found: dict[str, set[str]] = {}
    try:
        person = import_module("faker.providers.person")
        for locale in iter_modules(person.__path__):
            provider = import_module(f"faker.providers.person.{locale.name}").Provider
            for name in _given(provider):
                found.setdefault(name, set()).add(locale.name)
    except (ImportError, AttributeError) as error:
        raise ModelError("the names of the package faker cannot be read; install it") from error
    if not found:
        raise ModelError("the package faker holds no names; install the version that is pinned")
    return {name: frozenset(locales) for name, locales in found.items()}


def _given(provider: type) -> Iterator[str]:
    for attribute in dir(provider):
        value = getattr(provider, attribute) if _LISTS.search(attribute) else ()
        if callable(value) or isinstance(value, property):
            continue
        for entry in value:
            whole = entry.isascii() and entry.isalpha()  # most are, and splitting takes its time
            for name in (entry.lower(),) if whole else _PARTS.split(plain(entry.lower())):
                if name.isascii() and name.isalpha() and len(name) >= _SHORTEST:
                    yield name
