"""Block models: what is refused, value semantics, normalisations, drawn samples."""

import copy
import dataclasses
import math
import pickle
import re
from functools import partial

import numpy as np
import pytest
from hypothesis import given

from moetheory import BlockModel, Dense, MoE, risk
from moetheory.common.text import fits_screen
from moetheory.common.validation import shown
from moetheory.strategies import block_models

NAN, INF = float("nan"), float("inf")
ARRAYS = {
    "group_probabilities": [0.3, 0.7],
    "block_of": [0, 1, 0],
    "signal_variances": [2.0, 0.5, 1.0],
    "coefficients": [1.0, -1.5, 2.0],
    "leakage_variances": [0.25, 0.125, 0.5],
}
NOISES = {"noise_variance": [0.5, 8.0, 0.001], "interference_variances": [0.0, 3.0, 0.25]}
ROTATIONS = [[[0.0, 1.0], [-1.0, 0.0]], [[-1.0]]]
NUMBERS = {"noise_variance": 0.5, "label_noise_variance": 0.75}


def build(**changes):
    return BlockModel(**{**ARRAYS, **NUMBERS, "rotations": ROTATIONS, **changes})


def refuses(message):
    return pytest.raises(ValueError, match=f"^{re.escape(message)}")


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["group_probabilities", "signal_variances", "coefficients"])
@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], r"have shape .*, got \(0,\)"),
        (1.0, r"have shape .*, got \(\)"),
        ([[0.5, 0.5]], r"have shape .*, got \(1, 2\)"),
        ([[0.5], [0.5, 0.5]], "be a regular array, got rows of unequal length"),
        (["a", "b", "c"], "hold real numbers, got <U1 values"),
        ([True, False, True], "hold real numbers, got bool values"),
        ([1j, 1.0, 1.0], "hold real numbers, got complex128 values"),
        ([0.5, NAN, 0.5], "be finite, got nan at index 1"),
        ([0.5, 0.5, INF], "be finite, got inf at index 2"),
    ],
)
def test_bad_vectors_are_refused(name, value, message):
    with pytest.raises(ValueError, match=f"^{name} must {message}"):
        build(**{name: value})


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [True, "1", None, 1j])
def test_variances_of_noise_are_real_numbers(name, value):
    with refuses(f"{name} must be a real number, got {shown(value)}"):
        build(**{name: value})


@pytest.mark.parametrize("value", [[0.5], np.array([1.0]), [1.0] * 3, [[1], [1, 2]]])
def test_label_noise_has_a_single_variance(value):
    with refuses(f"label_noise_variance must be a real number, got {shown(value)}"):
        build(label_noise_variance=value)


@pytest.mark.parametrize("name", [*NUMBERS, "leakage_variances", "interference_variances"])
@pytest.mark.parametrize("value", [-1, NAN, INF])
def test_variances_are_finite_and_not_negative(name, value):
    with refuses(f"{name} must be {'at least 0' if value == -1 else 'finite'}, got {value}"):
        build(**{name: value})


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("group_probabilities", [0.2, 0.7], "must sum to 1, got 0.9"),
        ("group_probabilities", [0.3, 0.7 + 2e-9], "must sum to 1, got 1.000000002"),
        ("group_probabilities", [-0.1, 1.1], "must be at least 0, got -0.1 at index 0"),
        ("signal_variances", [2.0, -1.0, 1.0], "must be at least 0, got -1 at index 1"),
        ("signal_variances", [1.0, 2.0], "must have shape (3,), got (2,)"),
        ("coefficients", [1.0] * 4, "must have shape (3,), got (4,)"),
        ("leakage_variances", [1.0, -1.0, 0.0], "must be at least 0, got -1 at index 1"),
        ("leakage_variances", [1.0, NAN, 0.0], "must be finite, got nan at index 1"),
        ("leakage_variances", [1.0, 1.0], "must have shape (3,), got (2,)"),
        ("leakage_variances", [[0], [0, 1]], "must be a regular array, got rows of unequal"),
        ("leakage_variances", True, "must be a real number, got True"),
        ("noise_variance", [1.0, 1.0], "must have shape (3,), got (2,)"),
        ("noise_variance", [1.0], "must have shape (3,), got (1,)"),
        ("noise_variance", [[1.0, 1.0, 1.0]], "must have shape (3,), got (1, 3)"),
        ("noise_variance", [1.0, -1.0, 0.0], "must be at least 0, got -1 at index 1"),
        ("noise_variance", [1.0, 2.0, INF], "must be finite, got inf at index 2"),
        ("noise_variance", [[0], [0, 1]], "must be a regular array, got rows of unequal"),
        ("noise_variance", ["a", "b", "c"], "must hold real numbers, got <U1 values"),
        ("interference_variances", [1.0, 1.0], "must have shape (3,), got (2,)"),
        ("interference_variances", [1.0, -1.0, 0.0], "must be at least 0, got -1 at index 1"),
        ("interference_variances", [1.0, NAN, 0.0], "must be finite, got nan at index 1"),
        ("interference_variances", "1", "must be a real number, got '1'"),
        ("block_of", [0, 0, 2], "must lie in 0..1 (one block per group), got 2 at index 2"),
        ("block_of", [0, -1, 1], "must lie in 0..1 (one block per group), got -1 at index 1"),
        ("block_of", [0.0, 0.0, 1.0], "must hold integers, got float64 values"),
        ("block_of", [True, False, True], "must hold integers, got bool values"),
        ("block_of", [[0, 1, 0]], "must have shape (d,) with d > 0, got (1, 3)"),
        ("block_of", [], "must have shape (d,) with d > 0, got (0,)"),
        ("block_of", [[0], [0, 1]], "must be a regular array, got rows of unequal length"),
        ("block_of", [0, 0, 0], "must give every expert a coordinate, got none for 1 (of 2"),
        ("rotations", [np.eye(2)], "must hold one matrix per expert, 2, got 1"),
        ("rotations", 5, "must be a sequence of arrays, got 5"),
    ],
)
def test_bad_arguments_are_refused(name, value, message):
    with refuses(f"{name} {message}"):
        build(**{name: value})


equal_blocks = [BlockModel.isotropic, partial(BlockModel.power_law, decay=1.0)]


@pytest.mark.parametrize("constructor", equal_blocks, ids=["isotropic", "power_law"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"experts": 4}, "experts must divide dim, got experts=4 and dim=6"),
        ({"experts": 0}, "experts must be at least 1, got 0"),
        ({"experts": 2.0}, "experts must be an integer, got 2.0"),
        ({"dim": 0}, "dim must be at least 1, got 0"),
        ({"dim": 6.5}, "dim must be an integer, got 6.5"),
        ({"signal_energy": 0}, "signal_energy must be greater than 0, got 0"),
        ({"label_power": -2}, "label_power must be at least 0, got -2"),
        ({"noise_variance": -1}, "noise_variance must be at least 0, got -1"),
        ({"leakage_variances": [1, 2]}, "leakage_variances must have shape (6,), got (2,)"),
        ({"noise_variance": [1, 2]}, "noise_variance must have shape (6,), got (2,)"),
        (
            {"experts": 1, "interference_variances": 0.5},
            "interference_variances must be 0 for one group, whose block is never inactive, got 0",
        ),
        ({"label_noise_variance": NAN}, "label_noise_variance must be finite, got nan"),
    ],
)
def test_equal_blocks_refuse_bad_arguments(constructor, change, message):
    with refuses(message):
        constructor(**{"dim": 6, "experts": 3, "noise_variance": 1.0, **change})


@pytest.mark.parametrize(("decay", "needed"), [(-0.5, "at least 0"), (NAN, "finite")])
def test_power_law_refuses_bad_decays(decay, needed):
    with refuses(f"decay must be {needed}, got {decay}"):
        BlockModel.power_law(4, 2, 1.0, decay=decay)


def test_one_group_has_no_interference():
    single = {"group_probabilities": [1.0], "block_of": [0, 0, 0], "rotations": None}
    message = "interference_variances must be 0 for one group, whose block is never inactive, got 3"
    with refuses(message) as error:
        build(**single, interference_variances=[0.0, 3.0, 0.25])
    assert error.value.argument == "interference_variances"
    assert not build(**single, interference_variances=[0.0] * 3).interferes
    # with two groups, even if one is never drawn, there is an inactive block
    assert build(group_probabilities=[1.0, 0.0], interference_variances=3.0).interferes


def test_noise_has_one_variance_or_many():
    for one in (0.5, np.float32(0.5), [0.5, 0.5, 0.5], np.full(3, 0.5)):
        assert type(build(noise_variance=one).noise_variance) is float
    plain, model = build(), build(**NOISES)
    assert model.noise_variance.tolist() == NOISES["noise_variance"]
    assert model.interference_variances.tolist() == NOISES["interference_variances"]
    assert model.idle_noise.tolist() == [0.5, 11.0, 0.251]
    assert plain.idle_noise is plain.noise_variance
    assert plain.interference_variances.tolist() == [0.0] * 3
    assert (model.interferes, plain.interferes) == (True, False)
    for changes, noiseless in (
        ({}, False),
        ({"noise_variance": 0.0}, True),
        ({"noise_variance": [0.0, 0.0, 1e-3]}, False),
        ({"noise_variance": 0.0, "interference_variances": [0.0, 0.0, 1.0]}, False),
    ):
        assert build(**changes).noiseless is noiseless
    assert build(noise_variance=[0.5, 8.0, 0.001]).summary.split()[3] == "noise_variance=0.001..8"
    assert model.summary.endswith(" leaking interfering")


def test_label_power_is_the_null_risk_without_label_noise():
    assert build().null_risk == build().label_power + NUMBERS["label_noise_variance"]
    assert build(label_noise_variance=1e30).label_power == build().label_power


# --- values ---------------------------------------------------------------------------------------


def test_the_callers_arrays_are_copied():
    mine = {name: np.array(value) for name, value in (ARRAYS | NOISES).items()}
    rotations = [np.array(rotation) for rotation in ROTATIONS]
    model = build(**mine, rotations=rotations)
    for array in (*mine.values(), *rotations):
        array[...] = 7
    assert model == build(**NOISES)


@pytest.mark.parametrize(
    "remade",
    [lambda m: m, lambda m: pickle.loads(pickle.dumps(m)), copy.copy, copy.deepcopy],
    ids=["itself", "pickle", "copy", "deepcopy"],
)
def test_arrays_are_read_only_also_in_copies(remade):
    model = remade(build(**NOISES))
    assert len(model.rotations) == 2
    arrays = [getattr(model, name) for name in ARRAYS | NOISES]
    for array in (*arrays, model.sizes, *model.rotations):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0
    assert model == build(**NOISES)
    assert hash(model) == hash(build(**NOISES))


@given(block_models(noiseless=True))
def test_copies_of_any_model_are_equal(model):
    for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model), model.replace()):
        assert other == model
        assert hash(other) == hash(model)


@pytest.mark.parametrize("name", ["noise_variance", "coefficients", "sizes", "anything"])
def test_attributes_are_frozen(name):
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(build(), name, 1.0)


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        ("noise_variance", 1, 1.0),
        ("coefficients", [1, 2, 3], np.array([1.0, 2.0, 3.0])),
        ("block_of", [0, 1, 0], np.array([0, 1, 0], dtype=np.uint8)),
        ("leakage_variances", 0.25, [0.25, 0.25, 0.25]),
        ("leakage_variances", 0.0, -0.0),
        ("group_probabilities", [0.0, 1.0], [-0.0, 1.0]),
        ("signal_variances", [0.0, 1.0, 1.0], [-0.0, 1.0, 1.0]),
        ("coefficients", [0.0, 1.0, 1.0], [-0.0, 1.0, 1.0]),
        ("noise_variance", 0.0, -0.0),
        ("noise_variance", 0.5, [0.5, 0.5, 0.5]),
        ("noise_variance", [0.0, 1.0, 2.0], [-0.0, 1.0, 2.0]),
        ("noise_variance", [0.0, 0.0, 0.0], -0.0),
        ("interference_variances", 0.25, [0.25, 0.25, 0.25]),
        ("interference_variances", [0.0, 1.0, 1.0], [-0.0, 1.0, 1.0]),
        ("label_noise_variance", 0.0, -0.0),
        ("rotations", [np.eye(2), [[1]]], [[[1, -0.0], [-0.0, 1]], [[1.0]]]),
    ],
)
def test_equal_values_make_equal_models_and_dictionary_keys(name, one, other):
    assert build(**{name: one}) == build(**{name: other})
    assert hash(build(**{name: one})) == hash(build(**{name: other}))
    assert {build(**{name: one}): "found"}[build(**{name: other})] == "found"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("group_probabilities", [0.4, 0.6]),
        ("block_of", [0, 0, 1]),
        ("signal_variances", [2.0, 0.5, np.nextafter(1.0, 2.0)]),
        ("coefficients", [1.0, 1.5, 2.0]),
        ("noise_variance", 0.25),
        ("leakage_variances", 0.0),
        ("noise_variance", [0.5, 0.5, np.nextafter(0.5, 1.0)]),
        ("interference_variances", [0.0, 0.0, 1e-6]),
        ("interference_variances", 0.125),
        ("label_noise_variance", 0.0),
        ("rotations", None),
        ("rotations", [np.eye(2), [[-1.0]]]),
    ],
)
def test_any_other_value_makes_another_model(name, value):
    other = build(rotations=None) if name == "block_of" else build()
    changed = other.replace(**{name: value})
    assert changed != other
    assert other != changed
    assert hash(changed) != hash(other)


@pytest.mark.parametrize("other", [None, 1, "model", ARRAYS])
def test_a_model_is_no_other_thing(other):
    assert (build() == other) is False
    assert (build() != other) is True


def test_replace_changes_what_it_is_told_and_keeps_the_rest():
    changed = build().replace(noise_variance=3, leakage_variances=0.0)
    assert changed == build(noise_variance=3.0, leakage_variances=0.0)
    assert (changed.strict, build().strict) == (True, False)
    assert np.array_equal(changed.rotations[0], ROTATIONS[0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"noise": 1.0, "dim": 3},
            f"noise is unknown: replace() takes {', '.join(list(ARRAYS)[:4])}, noise_variance",
        ),
        ({"noise_variance": -1.0}, "noise_variance must be at least 0, got -1"),
        ({"group_probabilities": [0.5, 0.4]}, "group_probabilities must sum to 1, got 0.9"),
        ({"block_of": [0, 1, 1]}, "rotations[0] must have shape (1, 1), got (2, 2)"),
    ],
)
def test_replace_validates_anew(change, message):
    with refuses(message) as error:
        build().replace(**change)
    assert error.value.argument in change or error.value.argument == "rotations"
    assert isinstance(error.value, KeyError) == ("dim" in change)


def test_the_repr_of_a_large_model_is_a_line():
    model = BlockModel.isotropic(10**6, 10, 0.5)
    assert repr(model) == "<BlockModel dim=1000000 experts=10 noise_variance=0.5 null_risk=1>"
    assert repr(model) == f"<{model.summary}>"
    assert build().summary.endswith(" leaking")


def test_the_repr_of_a_sample_fits_a_screen():
    sample = BlockModel.isotropic(64, 4, 0.5).sample(900, rng=0)
    assert fits_screen(repr(sample))
    assert repr(sample).startswith("Sample(features=<float64 array (900, 64)>, labels=")


SMALL = [
    build(),
    build(**NOISES),
    build(interference_variances=1 / 3, noise_variance=[1 / 3, 0.1, 0.2]),
    BlockModel.isotropic(16, 4, 0.1),
    BlockModel.power_law(9, 3, 0.1, decay=1 / 3, leakage_variances=1 / 7),
    BlockModel.from_covariances(
        [[[2.0, 1.0], [1.0, 2.0]], [[4.0]]], [[1.0, 1 / 3], [3.0]], 1.0, label_noise_variance=0.3
    ),
]


@pytest.mark.parametrize("model", SMALL)
def test_the_repr_of_a_small_model_is_code(model):
    assert eval(repr(model)) == model
    assert fits_screen(repr(model))


@pytest.mark.parametrize("seed", range(20))
def test_a_repr_is_code_or_a_line_and_fits_a_screen(seed):
    rng = np.random.default_rng(seed)
    dim = int(rng.integers(1, 40))
    blocks = np.sort(np.concatenate([[0, 1], rng.integers(0, 2, dim)]))
    model = BlockModel(
        [0.25, 0.75], blocks, *rng.uniform(0.1, 1.0, (2, len(blocks))), 0.1, leakage_variances=0.2
    )
    text = repr(model)
    assert fits_screen(text)
    assert text == f"<{model.summary}>" or eval(text) == model
    assert dim > 8 or text[0] != "<"


# --- normalisations -------------------------------------------------------------------------------


def clean_power(model):
    """E (xᵀb)², summed group by group and coordinate by coordinate."""
    terms = []
    for g, p in enumerate(model.group_probabilities):
        for m, block in enumerate(model.block_of):
            variances = model.signal_variances if block == g else model.leakage_variances
            terms.append(p * variances[m] * model.coefficients[m] ** 2)
    return math.fsum(terms)


@pytest.mark.parametrize("leakage", [0.0, 0.75, [0.5, 0.0, 2.0, 1.0, 0.0, 3.0]])
@pytest.mark.parametrize("decay", [0.0, 0.5, 2.0])
def test_equal_blocks_have_the_energy_and_label_power_asked_for(leakage, decay):
    asked = {"signal_energy": 5.0, "label_power": 3.0, "leakage_variances": leakage}
    model = BlockModel.power_law(6, 2, 1.0, decay=decay, **asked)
    blocks = model.signal_variances.reshape(2, 3)
    assert blocks.sum(axis=1) == pytest.approx([5.0, 5.0], rel=1e-14)
    assert clean_power(model) == pytest.approx(3.0, rel=1e-14)
    for block in blocks:
        assert block / block[0] == pytest.approx([1.0, 2.0**-decay, 3.0**-decay], rel=1e-14)
    assert (BlockModel.isotropic(6, 2, 1.0, **asked) == model) == (decay == 0.0)


@pytest.mark.parametrize(("dim", "experts"), [(6, 1), (6, 3), (12, 12)])
def test_isotropic_coefficients_have_the_norm_of_the_theory(dim, experts):
    model = BlockModel.isotropic(dim, experts, 1.0, signal_energy=5.0, label_power=3.0)
    norms = np.bincount(model.block_of, model.coefficients**2)
    np.testing.assert_allclose(norms, 3.0 * dim / (5.0 * experts), rtol=1e-14)
    np.testing.assert_allclose(model.signal_variances, 5.0 * experts / dim, rtol=1e-14)
    assert model.group_probabilities.tolist() == [1.0 / experts] * experts
    assert model.sizes.tolist() == [dim // experts] * experts


@given(block_models())
def test_null_risk_is_the_direct_sum(model):
    expected = clean_power(model) + model.label_noise_variance
    assert model.null_risk == pytest.approx(expected, rel=1e-12, abs=0.0)


# --- correlated noise -----------------------------------------------------------------------------


def correlated(seed=0):
    """Covariances of signal (one of them singular) and noise of three blocks, and coefficients."""
    rng = np.random.default_rng(seed)
    signals, noises, coefficients = [], [], []
    for size, rank, scale in ((3, 3, 1.0), (2, 2, 0.1), (4, 2, 30.0)):
        root, noise_root = rng.normal(size=(size, rank)), rng.normal(size=(size, size))
        signals.append(scale * root @ root.T)
        noises.append(0.3 * noise_root @ noise_root.T + 0.1 * np.eye(size))
        coefficients.append(rng.normal(size=size))
    return signals, noises, coefficients


@pytest.mark.parametrize("interference", [0.0, 0.7])
def test_correlated_noise_is_whitened_without_a_change_of_any_risk(interference):
    """Population risks and label moments against plain matrices in the original coordinates.

    Interference of one variance in whitened coordinates is that multiple of the noise covariance.
    """
    signals, noises, coefficients = correlated()
    p, omega = [0.2, 0.5, 0.3], 0.4
    model = BlockModel.from_covariances(
        signals,
        coefficients,
        noise_covariances=noises,
        group_probabilities=p,
        interference_variances=interference,
        label_noise_variance=omega,
    )
    assert (model.noise_variance, model.rotations) == (1.0, None)
    assert model.sizes.tolist() == [3, 2, 4]
    assert np.sum(model.signal_variances[model.block_of == 2] > 1e-9) == 2
    b, block_of = np.concatenate(coefficients), np.repeat(range(3), [3, 2, 4])
    moments, noise_moments = [], []
    for g in range(3):
        moment, noise = np.zeros((9, 9)), np.zeros((9, 9))
        for h in range(3):
            at = np.ix_(block_of == h, block_of == h)
            moment[at] = signals[h] * (h == g)
            noise[at] = noises[h] * (1.0 if h == g else 1.0 + interference)
        moments.append(moment)
        noise_moments.append(noise)
    mean, mean_noise = (np.tensordot(p, each, 1) for each in (moments, noise_moments))
    dense = np.linalg.solve(mean + mean_noise, mean @ b)
    of_dense = [
        (b - dense) @ moment @ (b - dense) + dense @ noise @ dense + omega
        for moment, noise in zip(moments, noise_moments, strict=True)
    ]
    of_experts = [
        beta @ s @ beta - beta @ s @ np.linalg.solve(s + n, s @ beta) + omega
        for s, n, beta in zip(signals, noises, coefficients, strict=True)
    ]
    for estimator, expected in ((Dense(), of_dense), (MoE(), of_experts)):
        found = risk(estimator, model)
        np.testing.assert_allclose(found.per_group, expected, rtol=1e-10)
        assert found.value == pytest.approx(np.dot(p, expected), rel=1e-11)
    assert model.null_risk == pytest.approx(b @ mean @ b + omega, rel=1e-12)


def test_white_noise_as_a_covariance_is_the_same_problem_in_its_unit():
    signals, _, coefficients = correlated()
    plain = BlockModel.from_covariances(signals, coefficients, 0.4)
    white = BlockModel.from_covariances(
        signals, coefficients, noise_covariances=[0.4 * np.eye(len(s)) for s in signals]
    )
    np.testing.assert_allclose(
        0.4 * white.signal_variances, plain.signal_variances, rtol=1e-12, atol=1e-12
    )
    for estimator in (Dense(), MoE()):
        assert risk(estimator, white).value == pytest.approx(risk(estimator, plain).value)


@pytest.mark.parametrize(
    ("noises", "message"),
    [
        (
            [np.eye(2)],
            "noise_covariances must hold one matrix for each of the 2 covariances, got 1",
        ),
        (
            [np.eye(2), np.eye(2)],
            "noise_covariances[1] must have the shape of the signal's covariance, (1, 1), "
            "got (2, 2)",
        ),
        (
            [np.ones((2, 2)), [[1.0]]],
            "noise_covariances[0] must be positive definite, but its smallest eigenvalue is ",
        ),
        ([np.eye(2), [[0.0]]], "noise_covariances[1] must be positive definite, but its smallest"),
        ([-np.eye(2), [[1.0]]], "noise_covariances[0] must be positive semidefinite, but its "),
        ([[[1.0, 0.5], [0.0, 1.0]], [[1.0]]], "noise_covariances[0] must be symmetric"),
        ([np.ones(2), [[1.0]]], "noise_covariances[0] must be a square matrix, got shape (2,)"),
        (5, "noise_covariances must be a sequence of arrays, got 5"),
    ],
)
def test_bad_covariances_of_noise_are_refused(noises, message):
    with refuses(message):
        BlockModel.from_covariances(
            [np.eye(2), [[1.0]]], [[1.0, 1.0], [1.0]], noise_covariances=noises
        )


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (True, "must be a real number, got True"),
        ([1.0, 1.0, 1.0], "must be a real number, got [1.0, 1.0, 1.0]"),
        (-1.0, "must be at least 0, got -1"),
        (NAN, "must be finite, got nan"),
    ],
)
def test_blocks_that_are_rotated_have_one_noise_variance(value, message):
    with refuses(f"noise_variance {message}"):
        BlockModel.from_covariances([np.eye(2), [[1.0]]], [[1.0, 1.0], [1.0]], value)


def test_noise_is_given_once():
    arguments = [np.eye(2), [[1.0]]], [[1.0, 1.0], [1.0]]
    message = "noise_variance or noise_covariances must be given, got "
    with refuses(message + "neither"):
        BlockModel.from_covariances(*arguments)
    with refuses(message + "both"):
        BlockModel.from_covariances(*arguments, 1.0, noise_covariances=[np.eye(2), [[1.0]]])


# --- samples --------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [0, 1, np.int64(5)])
def test_samples_have_their_shapes(n):
    data = build().sample(n, rng=0)
    shapes = data.features.shape, data.labels.shape, data.groups.shape
    assert shapes == ((n, 3), (n,), (n,))


@pytest.mark.parametrize(("n", "needed"), [(-1, "at least 0"), (2.5, "an integer")])
def test_samples_are_counted_in_whole_numbers(n, needed):
    with refuses(f"n must be {needed}, got {n}"):
        build().sample(n)


def test_seeds_reproduce_samples():
    def drawn(rng):
        data = build().sample(50, rng)
        return np.column_stack([data.features, data.labels, data.groups]).tobytes()

    assert drawn(3) == drawn(np.random.SeedSequence(3)) == drawn(np.random.default_rng(3))
    generator = np.random.default_rng(3)
    assert len({drawn(generator), drawn(generator), drawn(4), drawn(None), drawn(None)}) == 5


def test_a_group_of_probability_zero_is_never_drawn():
    model = BlockModel([0.0, 0.5, 0.0, 0.5, 0.0], range(5), [1.0] * 5, [1.0] * 5, 1.0)
    assert set(model.sample(10_000, rng=0).groups.tolist()) == {1, 3}


def test_without_any_noise_strict_features_vanish_off_block_and_labels_are_linear():
    model = build(noise_variance=0.0, leakage_variances=0.0, label_noise_variance=0.0)
    data = model.sample(1000, rng=0)
    active = model.block_of == data.groups[:, np.newaxis]
    assert ((data.features != 0.0) == active).all()
    np.testing.assert_allclose(data.labels, data.features @ model.coefficients, atol=1e-12)


@pytest.mark.parametrize(
    "changes",
    [{"leakage_variances": 0.0}, {}, NOISES, NOISES | {"leakage_variances": 0.0}],
    ids=["strict", "leaking", "leaking and interfering", "interfering"],
)
def test_sample_moments_are_those_of_the_theory(changes):
    """Each group's first and second moments of (x̄, y, 1), by z; 1 % on a variance would show."""
    model, n = build(**changes), 2_000_000
    data = model.sample(n, rng=1)
    values = np.stack([*data.features.T, data.labels, np.ones(n)])
    for g, p in enumerate(model.group_probabilities):
        mine = values[:, data.groups == g]
        assert abs(mine.shape[1] - n * p) < 5.0 * math.sqrt(n * p * (1.0 - p))
        b, own = model.coefficients, model.block_of == g
        h = np.where(own, model.signal_variances, model.leakage_variances)
        noise = np.broadcast_to(model.noise_variance, 3)
        noise = np.where(own, noise, noise + model.interference_variances)
        theory = np.diag([*(h + noise), b**2 @ h + model.label_noise_variance, 1.0])
        theory[:3, 3] = h * b
        for i in range(4):
            for j in range(i, 5):
                product = mine[i] * mine[j]
                error = product.std(ddof=1) / math.sqrt(len(product))
                assert abs(product.mean() - theory[i, j]) < 5.0 * error, (g, i, j)
                assert i != j or 5.0 * error < 0.01 * theory[i, i]
