"""Running a theorem and deciding its status."""

from moetheory.checking.checker import check
from moetheory.checking.verdicts import Verdict

__all__ = ["Verdict", "check"]
