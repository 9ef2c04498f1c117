"""What knows nothing of the subject: types of arrays, checks of arguments, files, text, errors."""

from moetheory.common.errors import ExecutorError, HeavyTailWarning, NoClosedForm
from moetheory.common.version import __version__

__all__ = ["ExecutorError", "HeavyTailWarning", "NoClosedForm", "__version__"]
