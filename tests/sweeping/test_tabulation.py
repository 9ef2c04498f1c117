"""The columns of sweeps, at their values and at others, and what is refused before the work."""

import copy
import math
import pickle

import numpy as np
import pytest

import moetheory as mt
from general_noise import LEAKING
from moetheory.common.seeding import child
from moetheory.sweeping import tabulation

MIXTURES = [mt.MoE(assignment=(0, 1, 0)), mt.MoE(shared=True)]
EVERY = [mt.Dense(), mt.MoE(), *MIXTURES]


def iso(experts: int) -> mt.BlockModel:
    return mt.BlockModel.isotropic(12, experts, 1.0, signal_energy=12.0, label_noise_variance=0.05)


def test_misclassifications_in_theory():
    values = [0.0, 0.4, 1.0]
    result = mt.sweep(LEAKING, "overlap", values, EVERY, loss="sign")
    assert list(result.columns) == ["overlap", *(each.label for each in EVERY)]
    for estimator in EVERY:
        for alpha, value in zip(values, result.theory(estimator), strict=True):
            noise = LEAKING.noise_variance + alpha**2 * LEAKING.signal_variances
            world = LEAKING.replace(noise_variance=noise)
            assert value == mt.misclassification(estimator, world).value
    under = mt.Perturbation(noise_variance=2.0)
    result = mt.sweep(LEAKING, "misrouting", [0.2], EVERY, under=under, drag=0.5, loss="sign")
    under = under.replace(confusion=mt.even_confusion(3, 0.2), drag=0.5)
    for estimator in EVERY:
        wanted = mt.misclassification(estimator, LEAKING, under=under).value
        assert result.theory(estimator).tolist() == [wanted]


def test_misclassifications_are_simulated_with_label_noise():
    options = {"loss": "sign", "replicates": 400}
    result = mt.sweep(LEAKING, "radius", [0.0, 0.3], EVERY, rng=3, **options)
    for i, radius in enumerate((0.0, 0.3)):
        runs = mt.simulate(
            EVERY, LEAKING, under=mt.Perturbation(radius=radius), rng=child(3, i), **options
        )
        for estimator, run in zip(EVERY, runs, strict=True):
            assert result.simulated(estimator)[i] == run.mean
            assert result.sem(estimator)[i] == run.sem
    assert np.isfinite(result["dense"][0])
    assert np.isnan(result["dense"][1])  # under a worst case it is simulated only


def test_misclassifications_of_fits_and_of_gates_are_simulated_only():
    hard = mt.MoE(mt.Hard())
    result = mt.sweep(iso(3), "noise_variance", [1.0], [hard], loss="sign", replicates=50, rng=1)
    assert np.isnan(result["moe(hard)"]).all()
    assert 0.0 < result["moe(hard)_simulated"][0] < 0.5
    with pytest.raises(mt.NoClosedForm, match=r"^at noise_variance=1.0: the misclassification is"):
        mt.sweep(iso(3), "noise_variance", [1.0], [hard], loss="sign")
    fitted = {"over": "samples", "values": [20, 60], "loss": "sign"}
    result = mt.sweep(iso(3), **fitted, replicates=20, rng=1)
    assert list(result.columns) == [
        *("samples", "dense", "moe"),
        *("dense_simulated", "dense_sem", "moe_simulated", "moe_sem"),
    ]
    assert np.isnan([result["dense"], result["moe"]]).all()
    runs = mt.simulate(
        [mt.Dense(), mt.MoE()], iso(3), samples=20, loss="sign", replicates=20, rng=child(1, 0)
    )
    assert result["moe_simulated"][0] == runs[1].mean
    message = r"^at samples=20: the misclassification of fitted .* give replicates, or call simula"
    with pytest.raises(mt.NoClosedForm, match=message):
        mt.sweep(iso(3), **fitted)


def test_risks_of_experts_that_serve_several_groups():
    result = mt.sweep(LEAKING, "overlap", [0.5], EVERY)
    world = LEAKING.replace(noise_variance=LEAKING.noise_variance + LEAKING.signal_variances / 4)
    for estimator in EVERY:
        assert result.theory(estimator).tolist() == [mt.risk(estimator, world).excess]
    fitted = mt.sweep(iso(3), "samples", [60], EVERY, replicates=9, rng=2)
    for estimator in EVERY[:3]:
        wanted = mt.risk(estimator, iso(3), samples=60)
        assert fitted.theory(estimator).tolist() == [wanted.excess]
    assert np.isnan(fitted["moe(shared)"]).all()  # no formula, but a simulation
    assert np.isfinite(fitted["moe(shared)_simulated"]).all()


def test_one_expert_for_all_needs_no_strict_blocks():
    gate = mt.MoE(mt.Hard(), assignment=(0, 0, 0))
    result = mt.sweep(LEAKING, "label_noise_variance", [0.1], [gate])
    wanted = mt.risk(mt.Dense(), LEAKING.replace(label_noise_variance=0.1)).excess
    assert result.theory(gate).tolist() == [wanted]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((iso(3), "radius", [0.0, 0.1], [mt.MoE(gate=mt.Hard())]), "at radius=0.1: radius needs"),
        ((iso, "experts", [3, 1], [mt.Dense(), mt.MoE(gate=mt.TopK(2))]), "at experts=1: k must"),
        (
            (iso, "experts", [3, 4], [mt.MoE(assignment=(0, 0, 1))]),
            "at experts=4: assignment must have 4 entries, one for each group of the model, got 3",
        ),
        (
            (iso, "experts", [3], [mt.MoE(mt.TopK(3), assignment=(0, 0, 1))]),
            "at experts=3: k must be at most 2, the number of experts, got 3",
        ),
    ],
)
def test_estimators_that_are_not_defined_are_refused_before_the_work(
    monkeypatch, arguments, message
):
    def work(*_, **__):
        raise AssertionError

    monkeypatch.setattr(tabulation, "closed_form", work)
    monkeypatch.setattr(tabulation, "closed_form_if_known", work)
    monkeypatch.setattr(tabulation, "answers", work)
    for replicates in (None, 9):
        with pytest.raises(ValueError, match=f"^{message}"):
            mt.sweep(*arguments, replicates=replicates)


@pytest.mark.parametrize(
    ("over", "options", "message"),
    [
        ("steps", {"loss": "sign"}, 'loss must be "squared" with over="steps", along which mis'),
        ("overlap", {"loss": "signs"}, 'loss must be "squared" or "sign", got \'signs\''),
        (
            "overlap",
            {"loss": "sign", "estimators": [mt.MoE(assignment=(0, 1))]},
            "at overlap=1: assignment must have 3 entries",
        ),
    ],
)
def test_losses_and_assignments_that_cannot_be(over, options, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        mt.sweep(iso(3), over, [1], **options)


def test_labels_that_do_not_vary_have_no_sign():
    def world(power):
        return mt.BlockModel.isotropic(6, 3, 1.0, label_power=power)

    with pytest.raises(ValueError, match=r"^at power=0.0: model must have labels that vary"):
        mt.sweep(world, "power", [1.0, 0.0], loss="sign")


def test_long_assignments_have_columns_of_their_own():
    several = [mt.MoE(assignment=(*range(30), last)) for last in (0, 1)]
    world = mt.BlockModel.isotropic(31, 31, 1.0)
    found = mt.sweep(world, "overlap", [0.0], several)
    assert len(found.columns) == 3


WORLD = mt.BlockModel.isotropic(12, 3, 1.0, signal_energy=12.0)
FITTED = {"samples": 60, "replicates": 20, "rng": 0}


@pytest.mark.parametrize(
    ("over", "own", "others", "options"),
    [
        ("noise_variance", [0.5, 2.0], [0.7, 1.0], {}),
        ("noise_variance", [0.5, 2.0], [0.7, 1.0], FITTED),
        ("samples", [40, 80], [50, 60], {"replicates": 20, "rng": 0}),
        ("misrouting", [0.0, 1.0], [0.25], {"drag": 0.5}),
        ("steps", [1, 9], [2, 5], {"step_size": 0.1}),
        ("overlap", [0.0, 1.0], [0.5], {"loss": "sign"}),
    ],
)
def test_theory_at_other_values_is_a_sweep_there(over, own, others, options):
    pair = [mt.Dense(), mt.MoE()]
    between = mt.sweep(WORLD, over, own, pair, **options).theory_at(others)
    alone = {k: v for k, v in options.items() if k not in ("replicates", "rng")}
    expected = mt.sweep(WORLD, over, others, pair, **alone)
    assert list(between.columns) == list(expected.columns)
    for name, column in expected.columns.items():
        np.testing.assert_array_equal(between[name], column)
    assert between.replicates == 0
    assert between.entropy is None


def test_theory_at_has_gaps_where_there_is_no_formula():
    gate = mt.MoE(gate=mt.Soft(0.5))
    table = mt.sweep(WORLD, "noise_variance", [0.5, 2.0], [gate], replicates=20, rng=0)
    assert np.isnan(table.theory_at([1.0])[gate.label]).all()


def test_what_theory_does_not_know_has_no_theory_at_and_values_are_checked():
    table = mt.sweep(WORLD, "steps", [1, 2], **FITTED)
    assert table.theory_at is None
    known = mt.sweep(lambda k: mt.BlockModel.isotropic(12, k, 1.0), "experts", [1, 2, 12])
    np.testing.assert_array_equal(known.theory_at([3, 4])["experts"], [3, 4])
    with pytest.raises(ValueError, match="experts must divide dim, got experts=5"):
        known.theory_at([5])
    with pytest.raises(ValueError, match="values must be finite"):
        known.theory_at([math.nan])


def test_copies_and_pickles_are_without_the_function_of_the_user():
    table = mt.sweep(lambda k: mt.BlockModel.isotropic(12, k, 1.0), "experts", [1, 2])
    for again in (pickle.loads(pickle.dumps(table)), copy.deepcopy(table)):
        assert again.theory_at is None
        assert again.setting == table.setting
        np.testing.assert_array_equal(again["moe"], table["moe"])
    assert table.theory_at is not None
