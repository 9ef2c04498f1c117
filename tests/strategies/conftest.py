"""What Hypothesis reports of a failing example."""

import ast

import pytest
from hypothesis import HealthCheck, given, settings

import moetheory as mt

NAMES = {name: getattr(mt, name) for name in mt.__all__} | {"inf": float("inf")}


@pytest.fixture(scope="session")
def pasted():
    """``pasted(text)``: the object that code makes, after ``from moetheory import *``."""

    def paste(text: str) -> object:
        ast.parse(text, mode="eval")
        return eval(text, dict(NAMES))

    return paste


@pytest.fixture(scope="session")
def reported(pasted):
    """``reported(strategy, fails)``: the last drawn value that fails, and what its report says."""

    def report(strategy, fails):
        drawn = []

        @settings(database=None, max_examples=500, suppress_health_check=list(HealthCheck))
        @given(value=strategy)
        def check(value):
            if fails(value):
                drawn.append(value)
                raise AssertionError("as wanted")

        with pytest.raises(AssertionError) as caught:
            check()
        (note,) = (n for n in caught.value.__notes__ if "check(" in n)
        call = note[note.index("check(") :]
        tree = ast.parse(call)
        (argument,) = tree.body[0].value.keywords
        return drawn[-1], pasted(ast.get_source_segment(call, argument.value))

    return report
