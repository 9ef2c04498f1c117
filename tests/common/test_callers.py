"""Warnings name the line that called the package, however deep they are raised."""

import inspect
import warnings

import pytest

import moetheory as mt
from moetheory.common.callers import stacklevel

MODEL = mt.BlockModel.isotropic(8, 2, noise_variance=1.0, signal_energy=8.0)


@pytest.mark.parametrize("function", [mt.simulate, mt.simulation_plan])
def test_a_warning_names_the_line_of_the_caller(function):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        frame = inspect.currentframe()
        assert frame is not None
        here = frame.f_lineno + 1
        function(mt.Dense(), MODEL, samples=8, replicates=20, rng=0)
    assert {(each.filename, each.lineno) for each in caught} == {(__file__, here)}


def test_outside_of_the_package_it_is_the_caller_itself():
    assert stacklevel() == 1
