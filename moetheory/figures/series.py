"""One result among several on the same axes."""

from __future__ import annotations

from typing import NamedTuple

from moetheory.figures import style
from moetheory.figures.style import Look

SERIES = "series"  # group id of the line that stands for a result


class Series(NamedTuple):
    """The place of a result among several on the same axes.

    Parameters
    ----------
    order : int
        0 for the first.
    label : str
        What tells it from the others; may be empty.
    own : Look, optional
        The look of the estimator that it belongs to, if that is known.
    among : int
        How many there are, at least.
    """

    order: int = 0
    label: str = ""
    own: Look | None = None
    among: int = 1

    @property
    def look(self) -> Look:
        """The look of its curve, where the result itself does not know its estimator.

        >>> Series(1, "mine").look == style.neutral(1)
        True
        """
        return style.neutral(self.order) if self.own is None else self.own

    def named(self, alone: str) -> str:
        """Its name; that of a result without a label, ``alone`` where it is one of its own.

        >>> Series().named("mean"), Series(1, among=2).named("mean"), Series(1, "b").named("mean")
        ('mean', 'mean 2', 'b')
        """
        return self.label or (f"{alone} {self.order + 1}" if self.among > 1 else alone)
