"""Errors of moetheory that Python has no name for; bad arguments are plain ``ValueError``."""


class NoClosedForm(NotImplementedError):  # noqa: N818 - the public name is a statement
    """No formula is known for what was asked; the message names what to call instead."""
