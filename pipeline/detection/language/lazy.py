"""A value that is worked out when it is first asked for, and kept with its object.

As ``functools.cached_property`` of Python 3.12 and later: in 3.11 that one takes a lock at every
first time, which for what each turn and number asks for is a fiftieth of all detection.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

ValueT = TypeVar("ValueT")


class once(Generic[ValueT]):  # noqa: N801 - a decorator, as ``property`` is
    """A method without arguments as an attribute; its object needs a ``__dict__``.

    Two threads that ask at the same time may both work it out.
    """

    def __init__(self, method: Callable[[Any], ValueT]) -> None:
        self._method = method
        self._name = method.__name__
        self.__doc__ = method.__doc__

    @overload
    def __get__(self, instance: None, owner: type) -> once[ValueT]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> ValueT: ...
    def __get__(self, instance: object | None, owner: type) -> once[ValueT] | ValueT:
        """What the method gives."""
        if instance is None:
            return self
        # Python looks there first and does not come here again.
        value = instance.__dict__[self._name] = self._method(instance)
        return value
