"""Assertions about claims and simulations, for tests of your own.

With pytest, ``pytest_plugins = ["moetheory.testing"]`` in the conftest.py at the root shares one
budget of false alarms over the whole session (`moetheory.testing.plugin`). Nothing here imports
pytest before that. PYTEST_DONT_REWRITE
"""

from moetheory.simulation import replay
from moetheory.testing.agreement import assert_agrees
from moetheory.testing.budgets import ErrorBudget
from moetheory.testing.holding import AssumptionsNotMet, Undecided, assert_holds, assumptions_met

__all__ = [
    "AssumptionsNotMet",
    "ErrorBudget",
    "Undecided",
    "assert_agrees",
    "assert_holds",
    "assumptions_met",
    "replay",
]

# read by pytest alone, when it is told to load this module
pytest_plugins = ("moetheory.testing.plugin",)
