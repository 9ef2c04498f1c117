"""Messages of the library with options in place of arguments."""

import argparse

import pytest

import moetheory as mt
from moetheory.commands.refusals import ARGUMENTS, BadInputError, in_options, refusals

OPTIONS = argparse.Namespace(
    samples=[1, 2],
    counts="multinomial",
    method="law",
    target_sem=None,
    noise_variance=None,
    seed=None,
    over="radius",
    misrouting=0.25,
    noise_law="laplace",
    ridge=0.5,
    gate=[mt.Hard()],
)
UNDER = mt.Perturbation(confusion=mt.even_confusion(2, 0.25))


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            "counts='multinomial' needs samples, got samples=None",
            "--counts multinomial needs --samples",
        ),
        ("samples must be one number, got [1, 2]", "--samples must be one number, got 1,2"),
        ("samples[1] must be at least 0", "--samples[1] must be at least 0"),
        ("at experts=2: samples must be", "at experts=2: --samples must be"),
        ("part needs rng, the seed", "part needs --seed, the seed"),
        ("both with target_sem, got both", "both with --target-sem, got both"),
        ("inputs need noise_variance > 0", "inputs need --noise-variance > 0"),
        ('with over="radius"; leave method=None', "with --over radius; leave out --method"),
        ("confusion must be square", "--misrouting must be square"),
        (f"fixed, got {mt.MoE(mt.Hard(), 0.5)!r} and", "fixed, got moe(hard ridge=0.5) and"),
        ("Dense(...) and MoE(gate=Oracle()) only", "Dense(...) and MoE(gate=Oracle()) only"),
        ("known for Dense(...) and MoE(gate=Oracle()) only", "known for dense and moe only"),
        (f"got under={UNDER!r}; leave", "got --misrouting 0.25 --noise-law laplace; leave"),
        ("under needs samples, the", "--misrouting 0.25 --noise-law laplace needs --samples, the"),
        (
            "no formula; call simulate(MoE(gate=TopK(k=2), ridge=0.5), model, samples=9)",
            "no formula; run moetheory simulate with the same options",
        ),
        *(
            (stays, stays)
            for stays in (
                "infinitely many samples only, with counts of any method",
                "a message of round(MoE(gate=TopK(k=2), ridge=0.5), model, samples=9)",
                "Learned(samples=2) needs samples=12 at least",
                'it is of another run: ["MoE(gate=Hard(), ridge=0.5)"], not "method=None"',
                "'a samples=2 b' has no column",
                "/tmp/target_sem is no file, nor are target_sem.npz and a/samples=1",
            )
        ),
    ],
)
def test_options_stand_for_arguments_and_all_else_stays(message, expected):
    assert in_options(message, OPTIONS, ARGUMENTS) == expected


def test_a_perturbation_that_is_only_swept_is_the_quantity_swept():
    swept = argparse.Namespace(over="erasure")
    assert in_options(f"got {mt.Perturbation()!r}", swept, {}) == "got --over erasure"
    assert in_options("got Perturbation()", argparse.Namespace(), {}) == "got Perturbation()"


def test_only_the_errors_named_are_refusals():
    with pytest.raises(BadInputError, match=r"^--samples must"), refusals(OPTIONS):
        raise ValueError("samples must")
    with pytest.raises(mt.NoClosedForm), refusals(OPTIONS):
        raise mt.NoClosedForm("no formula")
    with pytest.raises(BadInputError, match=r"^no formula"), refusals(OPTIONS, mt.NoClosedForm):
        raise mt.NoClosedForm("no formula")
    with pytest.raises(BadInputError, match=r"^--counts must"), refusals(OPTIONS, rate="counts"):
        raise ValueError("rate must")
