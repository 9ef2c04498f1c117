"""Errors and warnings of moetheory; bad arguments are a plain ``ValueError``."""


class NoClosedForm(NotImplementedError):  # noqa: N818 - the public name is a statement
    """An error: the quantity has no closed form here; the message names another call."""


class ExecutorError(RuntimeError):
    """An error: an executor is broken, was shut down, or dropped submitted work."""


class HeavyTailWarning(UserWarning):
    """A warning: the variance of a simulated risk is infinite, so it has no standard error."""
