"""Checking: a theorem is run and its status decided."""

from moetheory.checking.checker import check
from moetheory.checking.verdicts import Verdict

__all__ = ["Verdict", "check"]
