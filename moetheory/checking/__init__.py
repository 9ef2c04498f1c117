"""Checking: a theorem is run and its status decided; a claim is searched for counterexamples."""

from moetheory.checking.checker import check
from moetheory.checking.counterexamples import Falsification
from moetheory.checking.falsification import falsify
from moetheory.checking.verdicts import Verdict

__all__ = ["Falsification", "Verdict", "check", "falsify"]
