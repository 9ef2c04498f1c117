"""Risks of many models at once are those of `risk`, one by one."""

import itertools

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import moetheory as mt
from general_noise import GENERAL, LEAKING
from moetheory.mapping import grids
from moetheory.problem.model import BlockModel
from moetheory.strategies import block_models
from moetheory.sweeping.quantities import OF_A_MODEL, PERTURBED

QUANTITIES = (*OF_A_MODEL, *PERTURBED)
CLASHES = (
    {"noise_variance", "signal_to_noise"},
    {"leakage", "leakage_variances"},
    {"interference", "interference_variances"},
    {"erasure", "radius"},  # no closed form
)
PAIRS = [each for each in itertools.combinations(QUANTITIES, 2) if set(each) not in CLASHES]
ESTIMATORS = [mt.Dense(), mt.MoE(), mt.Dense(ridge=0.7), mt.MoE(ridge=0.2)]


def changed(model: BlockModel, under, values):
    """The model and the perturbation at values of quantities, by definitions written out."""
    under, p = under or mt.Perturbation(), model.group_probabilities
    start = model
    if "smallest_probability" in values:
        least, value = int(np.argmin(p)), values["smallest_probability"]
        p = p * (1.0 - value) / (1.0 - p[least])
        p[least] = value
        model = model.replace(group_probabilities=p)
    for name in OF_A_MODEL:
        if name.endswith(("_variance", "_variances")):
            model = model.replace(**{name: values.get(name, getattr(model, name))})
    if "signal_to_noise" in values:
        weights = p[model.block_of]
        now = np.sum(weights * start.signal_variances) / np.sum(weights * start.noise_variance)
        scale = now / values["signal_to_noise"]
        model = model.replace(noise_variance=scale * model.noise_variance)
    extra = {n: values.get(n, 0.0) ** 2 * model.signal_variances for n in OF_A_MODEL[-3:]}
    for name in ("leakage", "interference"):
        if name in values:
            model = model.replace(**{f"{name}_variances": extra[name]})
    model = model.replace(noise_variance=model.noise_variance + extra["overlap"])
    if "misrouting" in values:
        rate = values["misrouting"]
        under = under.replace(confusion=mt.even_confusion(model.experts, rate))
    if "test_noise_variance" in values:
        under = under.replace(noise_variance=values["test_noise_variance"])
    return model, under.replace(**{n: values[n] for n in ("erasure", "radius") if n in values})


def compare(a, b, model, under, names, columns):
    """Risks and leads at once against `risk`; the values are the columns."""
    values = dict(zip(names, map(np.array, columns), strict=True))
    above, below, lead = grids.risks_of_cells(a, b, model, under, values)
    assert above.shape == below.shape == lead.shape == (len(columns[0]),)
    for i, pair in enumerate(zip(*columns, strict=True)):
        world, at_test = changed(model, under, dict(zip(names, pair, strict=True)))
        wanted = [mt.risk(each, world, under=at_test).excess for each in (a, b)]
        np.testing.assert_allclose([above[i], below[i]], wanted, rtol=1e-12, atol=0.0)
        rounding = 1e-12 * max(wanted)
        assert abs(lead[i] - (wanted[0] - wanted[1])) <= rounding


VALUES = {
    "smallest_probability": st.sampled_from([1e-12, 0.001, 0.1, 0.2]),
    "misrouting": st.sampled_from([0.0, 0.01, 0.5, 1.0]),
    "erasure": st.sampled_from([0.0, 0.3, 0.9]),
}


@given(st.data())
def test_cells_have_the_risks_of_their_models(data):
    names = data.draw(st.sampled_from(PAIRS))
    model = data.draw(block_models(max_experts=4, max_block=3, exponents=6))
    a, b = data.draw(st.permutations(ESTIMATORS))[:2]
    assume(model.experts > 1)
    assume(model.signal_variances.any() and np.any(model.noise_variance))
    if "signal_to_noise" in names:
        weights = model.group_probabilities[model.block_of]
        assume(weights @ model.signal_variances > 0.0)
        assume(np.sum(weights * model.noise_variance) > 0.0)
    usual = st.sampled_from([0.0, 0.125, 1.0, 3.0])
    if "signal_to_noise" in names:
        usual = st.sampled_from([0.125, 1.0, 3.0])
    columns = [
        data.draw(st.lists(VALUES.get(name, usual), min_size=3, max_size=3)) for name in names
    ]
    compare(a, b, model, None, names, columns)


UNDER = [
    mt.Perturbation(noise_variance=2.0),
    mt.Perturbation(
        confusion=[[0.8, 0.2, 0.0], [0.3, 0.6, 0.1], [0.0, 0.5, 0.5]],
        drag=0.7,
        noise_variance=np.linspace(0.1, 3.0, 9),
        interference_variances=0.4,
    ),
    mt.Perturbation(confusion=mt.even_confusion(3, 0.1), drag=-0.5, radius=0.3),
    mt.Perturbation(erasure=0.2, interference_variances=np.linspace(0.0, 2.0, 9)),
]
SHARED = [
    mt.MoE(assignment=(0, 1, 0)),
    mt.MoE(shared=True),
    mt.MoE(assignment=(1, 0, 0), ridge=0.3),
]


@pytest.mark.parametrize("under", UNDER)
@pytest.mark.parametrize("name", GENERAL)
def test_cells_under_a_perturbation(under, name):
    model, rng = GENERAL[name], np.random.default_rng(1)
    for names in PAIRS[:: 1 + len(PAIRS) // 12]:
        if (under.radius and "erasure" in names) or (under.erasure and "radius" in names):
            continue
        columns = rng.uniform(0.05, 0.3, (2, 3)).tolist()
        compare(mt.Dense(), mt.MoE(), model, under, names, columns)


@pytest.mark.parametrize("other", SHARED)
@pytest.mark.parametrize("under", [None, *UNDER[:2]])
def test_cells_of_experts_that_are_shared(other, under):
    rng = np.random.default_rng(2)
    for names in [("smallest_probability", "noise_variance"), ("leakage", "misrouting")]:
        columns = rng.uniform(0.05, 0.3, (2, 3)).tolist()
        compare(mt.MoE(), other, LEAKING, under, names, columns)


def test_equal_coordinates_are_one_and_memory_is_bounded(monkeypatch):
    model = BlockModel.isotropic(24, 4, 1.0, signal_energy=3.0, leakage_variances=0.1)
    columns = [np.linspace(0.1, 1.0, 7).tolist(), np.linspace(0.0, 1.0, 7).tolist()]
    for chunk in (1, 8, grids.CHUNK):  # cells in several pieces
        monkeypatch.setattr(grids, "CHUNK", chunk)
        compare(mt.Dense(), mt.MoE(), model, None, ("noise_variance", "misrouting"), columns)
        compare(mt.Dense(), mt.MoE(), model, None, ("noise_variance", "leakage"), columns)


def test_leads_keep_their_digits_where_risks_are_nearly_equal():
    model = BlockModel([0.5, 0.5], [0, 1], [1.0, 2.0], [1.0, 1.0], 1.0)
    values = {"smallest_probability": np.array([1e-30]), "noise_variance": np.array([3.0])}
    above, below, lead = grids.risks_of_cells(mt.Dense(), mt.MoE(), model, None, values)
    world = BlockModel([1e-30, 1.0], [0, 1], [1.0, 2.0], [1.0, 1.0], 3.0)
    assert above == pytest.approx(below, rel=1e-15)
    assert lead[0] == pytest.approx(mt.gap(world), rel=1e-12)
    assert 0.0 < lead[0] < 1e-29


@pytest.mark.parametrize(
    ("estimator", "under", "names", "known"),
    [
        (mt.MoE(), None, ("leakage", "overlap"), True),
        (mt.MoE(mt.Hard()), None, ("leakage", "overlap"), False),
        (mt.MoE(), mt.Perturbation(radius=1.0), ("leakage", "erasure"), False),
        (mt.MoE(), None, ("radius", "erasure"), False),
    ],
)
def test_what_is_covered(estimator, under, names, known):
    assert grids.covers(estimator, LEAKING, under, names) == known


def test_rotated_blocks_are_not_erased_at_once():
    model = BlockModel.from_covariances([[[2.0, 1.0], [1.0, 2.0]], [[1.0]]], [[1, 0], [1]], 1.0)
    assert grids.covers(mt.MoE(), model, None, ("leakage", "overlap"))
    assert not grids.covers(mt.MoE(), model, None, ("leakage", "erasure"))
