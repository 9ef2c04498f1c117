"""Tools that do not depend on the theory: array types, argument checks, files, text, errors."""

from moetheory.common.errors import (
    ArgumentError,
    CheckpointWarning,
    ExecutorError,
    HeavyTailWarning,
    NoClosedForm,
    RareGroupWarning,
)
from moetheory.common.version import __version__

__all__ = [
    "ArgumentError",
    "CheckpointWarning",
    "ExecutorError",
    "HeavyTailWarning",
    "NoClosedForm",
    "RareGroupWarning",
    "__version__",
]
