"""Errors and warnings of moetheory; most bad arguments are a plain ``ValueError``."""


class OutOfRangeError(ValueError):
    """An error: a number lies outside the range in which results are right."""


class NoClosedForm(NotImplementedError):  # noqa: N818 - the public name is a statement
    """An error: the quantity has no closed form here; the message names another call."""


class ExecutorError(RuntimeError):
    """An error: an executor is broken, was shut down, or dropped submitted work."""


class HeavyTailWarning(UserWarning):
    """A warning: the variance of a simulated risk is infinite, so it has no standard error."""


class RareGroupWarning(UserWarning):
    """A warning: what carries a risk is rarer than what was drawn, so do not trust its sem."""
