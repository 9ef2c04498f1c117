"""Attributes that are computed once, without a lock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar, overload

T = TypeVar("T")


class cached(Generic[T]):  # noqa: N801 - a decorator, like `property`
    """A property that is computed when it is first read, and kept in the object.

    Unlike `functools.cached_property` of Python 3.11 it has no lock, which a process forked
    meanwhile would wait for for ever, and for which the threads of a simulation would wait for
    one another. Threads may compute a value twice; all get the one that was kept.

    Examples
    --------
    >>> class Circle:
    ...     @cached
    ...     def area(self) -> float:
    ...         print("computed")
    ...         return 3.14
    >>> circle = Circle()
    >>> circle.area + circle.area
    computed
    6.28
    """

    def __init__(self, function: Callable[[Any], T]) -> None:
        self._function, self._name = function, function.__name__
        self.__doc__ = function.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type | None = None) -> T: ...
    def __get__(self, instance: object | None, owner: type | None = None) -> Self | T:
        if instance is None:
            return self
        kept: T = vars(instance).setdefault(self._name, self._function(instance))
        return kept
