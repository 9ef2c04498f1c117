"""Errors of moetheory that Python has no name for; bad arguments are plain ``ValueError``."""


class NoClosedForm(NotImplementedError):  # noqa: N818 - the public name is a statement
    """No formula is known for what was asked; the message names what to call instead."""


class ExecutorError(RuntimeError):
    """An executor failed: it is broken, shut down, or dropped work that was asked of it."""


class HeavyTailWarning(UserWarning):
    """The variance of a simulated risk is infinite: no standard error says how far its mean is."""
