"""Names of estimators in legends."""

import pytest

import moetheory as mt
from moetheory.figures.estimator_names import name_in_legend


@pytest.mark.parametrize(
    ("estimator", "name"),
    [
        (mt.Dense(ridge=0.5), "dense(ridge=0.5)"),
        (mt.MoE(), "mixture of experts"),
        (mt.MoE(ridge=2.0), "moe(ridge=2)"),
        (mt.MoE(assignment=(0, 0, 0)), "1 expert"),
        (mt.MoE(ridge=2.0, assignment=(1, 0, 2)), "3 experts, ridge 2"),
        (mt.MoE(assignment=(0, 0, 1), shared=True), "2 experts with a shared expert"),
        (mt.MoE(mt.Soft(0.5), 1.0, shared=True), "soft gate with a shared expert, temperature 0.5"),
        (mt.MoE(mt.TopK(2), assignment=(0, 0, 1)), "top-2 gate, 2 experts"),
        (mt.MoE(mt.Hard(), retrained=True), "hard gate, retrained experts"),
        (mt.MoE(assignment=tuple(range(30)) * 2), "30 experts"),
    ],
)
def test_the_words_say_what_is_not_the_default(estimator, name):
    shown = name_in_legend(estimator, [mt.Dense(), estimator])
    assert shown.removesuffix(", ridge 1") == name


def test_names_that_would_be_the_same_are_labels():
    drawn = [mt.MoE(assignment=(0, 0, 1)), mt.MoE(assignment=(0, 1, 1)), mt.MoE(shared=True)]
    assert [name_in_legend(each, drawn) for each in drawn] == [
        "moe(assignment=001)",
        "moe(assignment=011)",
        "with a shared expert",
    ]
