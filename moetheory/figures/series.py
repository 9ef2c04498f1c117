"""One result among several on the same axes."""

from __future__ import annotations

from typing import NamedTuple

from moetheory.figures import style
from moetheory.figures.style import Look


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
    """

    order: int = 0
    label: str = ""
    own: Look | None = None

    @property
    def look(self) -> Look:
        """The look of its curve, where the result itself does not know its estimator.

        >>> Series(1, "mine").look == style.neutral(1)
        True
        """
        return style.neutral(self.order) if self.own is None else self.own
