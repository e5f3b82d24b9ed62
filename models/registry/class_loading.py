"""Recogniser classes by the place where they are: shipped, Presidio's, a package, or a file.

Outcome of :func:`class_at`: a subclass of Presidio's ``EntityRecognizer``; ``ValueError`` says in
one line why there is none. Importing runs the code of the module: whoever may write the registry
file or the modules that it names decides what runs here, as with the policy.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import ModuleType

import presidio_analyzer.predefined_recognizers as presidio
from presidio_analyzer import EntityRecognizer

import models.recognizers as shipped
from models.registry.schema import writable_by_all


def class_at(place: str, folder: Path) -> type[EntityRecognizer]:
    """The class that a registry names.

    Args:
        place: ``SpokenAgeRecognizer`` (ours or Presidio's), ``package.module.Class``, or
            ``file.py:Class``.
        folder: where relative files begin.

    Raises:
        ValueError: there is no such class, its module can't be imported, or it is no recogniser.
    """
    file, colon, name = place.rpartition(":")
    if colon:
        module = _from_file((folder / file).resolve(), file)
    elif "." in place:
        path, _, name = place.rpartition(".")
        module = _imported(path)
    else:
        found = known_classes().get(place)
        if found is None:
            raise ValueError(f"neither Hushwire nor Presidio has a recogniser {place}")
        return found
    found = getattr(module, name, None)
    if found is None:
        raise ValueError(f"{place}: there is no class {name}")
    if not (isinstance(found, type) and issubclass(found, EntityRecognizer)):
        raise ValueError(  # noqa: TRY004 - what the file says is wrong, not a caller's type
            f"{place}: {name} is no subclass of Presidio's EntityRecognizer"
        )
    return found


@cache
def known_classes() -> dict[str, type[EntityRecognizer]]:
    """Every recogniser class of ours and of Presidio, by its name; ours first."""
    modules: list[ModuleType] = [presidio]
    modules += [
        importlib.import_module(f"{shipped.__name__}.{info.name}")
        for info in pkgutil.iter_modules(shipped.__path__)
    ]
    return {
        name: value
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, type)
        and issubclass(value, EntityRecognizer)
        and (module is presidio or value.__module__ == module.__name__)
    }


def _imported(path: str) -> ModuleType:
    try:
        return importlib.import_module(path)
    except Exception as error:
        raise ValueError(f"{path}: cannot be imported ({_reason(error)})") from error


def _from_file(path: Path, named: str) -> ModuleType:
    if not path.is_file():
        raise ValueError(f"{named}: there is no such file")
    if writable_by_all(path):
        raise ValueError(f"{named}: everybody may write it; chmod o-w")
    # By its place, so that two files of one name are two modules and one is loaded once.
    name = f"hushwire_own_{sha256(str(path).encode()).hexdigest()[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ValueError(f"{named}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise ValueError(f"{named}: cannot be imported ({_reason(error)})") from error
    return module


def _reason(error: Exception) -> str:
    """Type and text; nothing is spoken yet when classes are loaded."""
    return f"{type(error).__name__}: {error}"
