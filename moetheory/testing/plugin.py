"""The pytest plugin: one budget of false alarms for a test session.

It is not loaded by itself. Put ``pytest_plugins = ["moetheory.testing"]`` into the conftest.py at
the root, or run ``pytest -p moetheory.testing``. Settings of pytest: ``moetheory_level`` (the
family-wise level, 1e-6) and ``moetheory_comparisons`` (the most comparisons of a session, 300).

With pytest-xdist each process has a budget of its own with the same share for a comparison, and
at the end the comparisons of all of them are added. A session with more comparisons than were
declared fails, since the sum of the shares is then no longer the level. PYTEST_DONT_REWRITE
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from moetheory.testing.budgets import COMPARISONS, LEVEL, ErrorBudget, share, unshare

T = TypeVar("T")
BUDGET = pytest.StashKey[ErrorBudget]()
OUTPUT = "moetheory_comparisons"  # what a process of pytest-xdist reports


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the settings."""
    parser.addini("moetheory_level", "family-wise level of simulation tests", default=str(LEVEL))
    parser.addini(
        "moetheory_comparisons", "most comparisons of a session", default=str(COMPARISONS)
    )


def _number(config: pytest.Config, name: str, kind: Callable[[str], T]) -> T:
    """A setting as a number."""
    given = config.getini(name)
    try:
        return kind(given)
    except ValueError:
        raise pytest.UsageError(f"{name} must be a number, got {given}") from None


def pytest_configure(config: pytest.Config) -> None:
    """Make the budget of the session."""
    try:
        budget = ErrorBudget(
            _number(config, "moetheory_level", float), _number(config, "moetheory_comparisons", int)
        )
    except ValueError as refusal:
        raise pytest.UsageError(f"moetheory_{refusal}") from None
    config.stash[BUDGET] = budget
    share(budget)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave the budget of the process as it was."""
    if (budget := config.stash.get(BUDGET, None)) is not None:
        unshare(budget)


@pytest.fixture(scope="session")
def error_budget(pytestconfig: pytest.Config) -> ErrorBudget:
    """The budget of the session, which `assert_agrees` takes its shares from."""
    return pytestconfig.stash[BUDGET]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """A process of pytest-xdist ends: its comparisons count with those of the others."""
    if found := getattr(node, "workeroutput", {}).get(OUTPUT):
        node.config.stash[BUDGET].add(*found)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Report to the process that started this one, or fail if the budget was exceeded."""
    budget = session.config.stash[BUDGET]
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput[OUTPUT] = (budget.made, budget.largest_z, budget.worst_power)
    elif budget.exceeded:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say what was compared."""
    budget = config.stash[BUDGET]
    if budget.made:
        terminalreporter.section("moetheory")
        terminalreporter.line(budget.summary)
    if budget.exceeded:
        terminalreporter.line(
            f"FAILED: {budget.made} comparisons were made, more than the moetheory_comparisons = "
            f"{budget.comparisons} that were declared"
        )
