"""Messages of the library with options in place of arguments."""

import argparse

import pytest

import moetheory as mt
from moetheory.commands.refusals import ARGUMENTS, BadInputError, in_options, refusals
from moetheory.common.errors import ArgumentError, Call, Column, Mention
from moetheory.datafile.contents import DataArgumentError

OPTIONS = argparse.Namespace(
    samples=[1, 2],
    counts="multinomial",
    method="law",
    target_sem=None,
    noise_variance=None,
    labels="y",
    seed=None,
    over="radius",
    misrouting=0.25,
    noise_law="laplace",
    ridge=0.5,
    gate=[mt.Hard()],
)
UNDER = mt.Perturbation(confusion=mt.even_confusion(2, 0.25))
ROUTED = mt.MoE(mt.Hard(), 0.5)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ArgumentError("counts", "needs ", Mention("samples")), "--counts needs --samples"),
        (ArgumentError("samples", "must be one number"), "--samples must be one number"),
        (ArgumentError("samples[1]", "must be at least 0"), "--samples[1] must be at least 0"),
        (ArgumentError("part", "needs ", Mention("rng")), "part needs --seed"),
        (ArgumentError("target_sem", "must be"), "--target-sem must be"),
        (ArgumentError("confusion", "must be square"), "--misrouting must be square"),
        (ArgumentError("k", "must be at most 2"), "k of --gate top-k must be at most 2"),
        (
            ArgumentError("ridge", "is not with ", Mention("over", "radius"), " or ", ROUTED),
            "--ridge is not with --over radius or moe(hard ridge=0.5)",
        ),
        (
            ArgumentError("method", "must be, got ", Mention("samples", [1, 2])),
            "--method must be, got --samples 1,2",
        ),
        (
            ArgumentError("under", "needs ", Mention("samples"), ", got ", UNDER),
            "--misrouting 0.25 --noise-law laplace needs --samples, got "
            "--misrouting 0.25 --noise-law laplace",
        ),
        (
            mt.NoClosedForm("none; ", Call("simulate(MoE(gate=TopK(k=2)), model, samples=9)")),
            "none; run moetheory simulate with the same options",
        ),
        (
            mt.NoClosedForm("none; ", Call("simulate_routing(Hard(), model)")),
            "none; call simulate_routing(Hard(), model)",
        ),
        (mt.NoClosedForm("known for ", mt.Dense(), " only"), "known for dense only"),
        (
            ArgumentError("features", "must vary, got ", Column(2)),
            "features must vary, got column 2",
        ),
        (DataArgumentError("labels", "must name a column"), "--labels must name a column"),
        (
            ValueError("samples=2 in a message without parts"),
            "samples=2 in a message without parts",
        ),
    ],
)
def test_options_stand_for_arguments_and_all_else_stays(error, expected):
    assert in_options(error, OPTIONS, ARGUMENTS) == expected


def test_columns_have_the_names_of_their_file():
    error = ArgumentError("features", "must vary, got ", Column(1))
    assert in_options(error, OPTIONS, columns=["a", "b"]) == "features must vary, got column 'b'"


def test_the_place_in_a_sweep_stays_in_front():
    error = ArgumentError("samples", "must be")
    error.place = "at experts=2: "
    assert in_options(error, OPTIONS) == "at experts=2: --samples must be"


def test_a_perturbation_that_is_only_swept_is_the_quantity_swept():
    swept, error = argparse.Namespace(over="erasure"), mt.NoClosedForm("got ", mt.Perturbation())
    assert in_options(error, swept) == "got --over erasure"
    assert in_options(error, argparse.Namespace()) == f"got {mt.Perturbation()!r}"


def test_only_the_errors_named_are_refusals():
    with pytest.raises(BadInputError, match=r"^--samples must"), refusals(OPTIONS):
        raise ArgumentError("samples", "must")
    with pytest.raises(mt.NoClosedForm), refusals(OPTIONS):
        raise mt.NoClosedForm("no formula")
    with pytest.raises(BadInputError, match=r"^no formula"), refusals(OPTIONS, mt.NoClosedForm):
        raise mt.NoClosedForm("no formula")
    with pytest.raises(BadInputError, match=r"^--counts must"), refusals(OPTIONS, rate="counts"):
        raise ArgumentError("rate", "must")
