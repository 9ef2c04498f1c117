"""Execution options are declared once, and the public functions say the same."""

import inspect
import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import MISSING, fields
from typing import Required, get_origin, get_type_hints

import numpy as np
import pytest

import moetheory as mt
from moetheory.simulation.descents import DescentKeywords
from moetheory.simulation.engine import SimulateKeywords
from moetheory.simulation.runs.options import MEMORY, ExecutionKeywords, ExecutionOptions


def keywords(function):
    """Keyword-only arguments of a function: the default and the type of each, in order."""
    types = get_type_hints(function)
    return {
        name: (MISSING if each.default is each.empty else each.default, types[name])
        for name, each in inspect.signature(function).parameters.items()
        if each.kind is each.KEYWORD_ONLY
    }


@pytest.mark.parametrize(
    ("function", "typed"),
    [(mt.simulate, SimulateKeywords), (mt.simulate_descent, DescentKeywords)],
)
def test_signatures_typed_keywords_and_options_agree(function, typed):
    types = get_type_hints(ExecutionOptions)
    declared = {each.name: (each.default, types[each.name]) for each in fields(ExecutionOptions)}
    assert list(get_type_hints(ExecutionKeywords).items()) == list(types.items())
    own = keywords(function)
    assert list(own.items())[-len(declared) :] == list(declared.items())
    assert get_type_hints(typed) == {name: type_ for name, (_, type_) in own.items()}
    marked = get_type_hints(typed, include_extras=True)
    required = {name for name, type_ in marked.items() if get_origin(type_) is Required}
    assert required == {name for name, (default, _) in own.items() if default is MISSING}


@pytest.mark.parametrize("function", [mt.simulate, mt.simulate_descent])
def test_every_option_reaches_the_campaign(generic, monkeypatch, tmp_path, function):
    def stop(name, campaigns):
        raise InterruptedError(name, *(campaign.options for campaign in campaigns))

    for module in ("questions", "runs.campaign"):
        monkeypatch.setattr(f"moetheory.simulation.{module}.run_campaigns", stop)
    arguments = {"samples": 60} | ({"steps": 3} if function is mt.simulate_descent else {})
    with ThreadPoolExecutor(1) as executor:
        given = {
            "rng": 5,
            "executor": executor,
            "memory": MEMORY - 1,
            "progress": True,
            "checkpoint": tmp_path / "run.npz",
        }
        for length in ({"replicates": 7, "part": (0, 1)}, {"target_sem": 0.5}):
            with pytest.raises(InterruptedError) as stopped:
                function(mt.Dense(), generic(), **arguments, **given, **length)
            assert stopped.value.args == (function.__name__, ExecutionOptions(**given, **length))


def test_options_are_plain_numbers():
    whole = ExecutionOptions(
        replicates=np.int64(5), memory=np.int64(9), part=(np.int64(0), np.int64(2))
    )
    assert {type(each) for each in (whole.replicates, whole.memory, *whole.part)} == {int}
    assert type(ExecutionOptions(target_sem=np.float32(0.5)).target_sem) is float


def test_the_length_is_the_given_one_or_the_default():
    assert ExecutionOptions().length(30) == 30
    assert ExecutionOptions(replicates=7).length(30) == 7
    assert ExecutionOptions(target_sem=0.1).length(30) is None


@pytest.mark.parametrize("progress", [0, 1, "bar", np.True_])
def test_progress_is_a_function_or_says_whether(progress):
    with pytest.raises(ValueError, match="progress must be a function, True, False or None, got "):
        ExecutionOptions(progress=progress)
    for allowed in (None, True, False, print):
        assert ExecutionOptions(progress=allowed).progress is allowed


@pytest.mark.parametrize("progress", [None, False])
def test_without_progress_nothing_is_printed(generic, capsys, monkeypatch, progress):
    clock = itertools.count(0.0, 11.0)
    monkeypatch.setattr("moetheory.common.terminal.time.monotonic", lambda: next(clock))
    mt.simulate(mt.MoE(), generic(), replicates=100, rng=0, progress=progress)
    assert capsys.readouterr() == ("", "")


def test_an_empty_list_that_can_be_called_is_called(generic):
    class Calls(list):
        def __call__(self, *call):
            self.append(call)

    calls = Calls()
    mt.simulate(mt.Dense(), generic(), replicates=100, rng=0, progress=calls)
    assert calls == [(100, 100)]


def test_bad_options_are_refused_before_a_checkpoint_is_written(generic, tmp_path):
    path = tmp_path / "run.npz"
    with pytest.raises(ValueError, match="executor must be"):
        mt.simulate(mt.Dense(), generic(), executor="dask", checkpoint=path)
    assert not path.exists()
