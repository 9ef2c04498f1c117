"""Tools that do not depend on the theory: array types, argument checks, files, text, errors."""

from moetheory.common.errors import ExecutorError, HeavyTailWarning, NoClosedForm
from moetheory.common.version import __version__

__all__ = ["ExecutorError", "HeavyTailWarning", "NoClosedForm", "__version__"]
