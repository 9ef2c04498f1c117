"""What an estimator is judged by: its squared error, or the sign of its prediction."""

from __future__ import annotations

from typing import Any, Literal, get_args

from moetheory.common.validation import choice

Loss = Literal["squared", "sign"]
LOSSES: tuple[Loss, ...] = get_args(Loss)


def checked_loss(loss: Any) -> Loss:
    """``loss`` itself, which must be one of `LOSSES`."""
    return choice("loss", loss, LOSSES)
