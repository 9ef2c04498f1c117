"""Perturbations: what they are made of, and population risks under them by direct sums."""

import copy
import itertools
import math
import pickle
import re
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from scipy import stats

from moetheory import (
    BlockModel,
    Dense,
    Hard,
    MoE,
    Perturbation,
    even_confusion,
    risk,
    routing_matrix,
)
from moetheory.common.errors import OutOfRangeError
from moetheory.common.text import fits_screen
from moetheory.common.validation import shown

CONFUSION = [[0.7, 0.2, 0.1], [0.0, 0.9, 0.1], [0.3, 0.3, 0.4]]


def optimal(model, estimator, m):
    """Coefficient m, one at a time."""
    lam, nu = model.signal_variances[m], model.leakage_variances[m]
    if isinstance(estimator, Dense):
        p = model.group_probabilities[model.block_of[m]]
        lam = p * lam + (1 - p) * nu
    return model.coefficients[m] * lam / (lam + model.noise_variance + estimator.ridge)


def by_hand(model, estimator, under):
    """Risk given the group: group by group, expert by expert, coordinate by coordinate."""
    b, tau, radius = model.coefficients, under.erasure, under.radius
    noise = model.noise_variance if under.noise_variance is None else under.noise_variance
    confusion = np.eye(model.experts) if under.confusion is None else under.confusion
    risks = np.zeros(model.experts)
    for i, j in itertools.product(range(model.experts), repeat=2):
        one, norm = model.label_noise_variance, 0.0
        for m, block in enumerate(model.block_of):
            clean = model.signal_variances[m] if block == i else model.leakage_variances[m]
            used = optimal(model, estimator, m) * (isinstance(estimator, Dense) or block == j)
            dragged = under.drag**2 * model.signal_variances[m] * (i != j and block == j)
            # kept with probability 1 - tau, dropped with probability tau
            one += (1 - tau) * (clean * (b[m] - used) ** 2 + (noise + dragged) * used**2)
            one += tau * clean * b[m] ** 2
            norm += used**2
        one += 2 * radius * math.sqrt(2 / math.pi * norm * one) + radius**2 * norm
        risks[i] += confusion[i][j] * one
    return risks


def changes():
    """All combinations that have a closed form."""
    noises, drags = (None, 0.0, 1.3), (0.0, -0.7)
    for noise, confusion, drag, q, r in itertools.product(
        noises, (None, CONFUSION), drags, (0.0, 0.35), (0.0, 0.8)
    ):
        if not (drag and confusion is None) and not (q and r):
            yield Perturbation(noise, confusion, drag, erasure=q, radius=r)


@pytest.mark.parametrize("estimator", [Dense(), MoE(), Dense(ridge=0.3), MoE(ridge=0.3)])
@pytest.mark.parametrize("leakage", [0.0, 0.05, np.linspace(0.2, 3.0, 9)])
@pytest.mark.parametrize("interleaved", [False, True])
def test_all_combinations_equal_direct_sums(generic, estimator, leakage, interleaved):
    model = generic(label_noise_variance=0.2, leakage_variances=leakage)
    if interleaved:
        model = model.replace(block_of=[2, 0, 1, 1, 2, 0, 1, 2, 1])
    seen = set()
    for under in changes():
        result = risk(estimator, model, under=under)
        expected = by_hand(model, estimator, under)
        np.testing.assert_allclose(result.per_group, expected, rtol=1e-12)
        assert result.value == pytest.approx(model.group_probabilities @ expected, rel=1e-12)
        assert result.excess == pytest.approx(result.value - 0.2, rel=1e-12)
        assert (result.exactness, result.error) == ("exact", 0.0)
        seen.add(round(result.value, 9))
    assert len(seen) == (27 if isinstance(estimator, MoE) else 18)  # dense does not route


def test_label_noise_costs_the_excess_no_digits(generic):
    for under in (
        Perturbation(confusion=CONFUSION),
        Perturbation(2.0, CONFUSION, 0.3, erasure=0.1),
    ):
        quiet, loud = (
            risk(MoE(), generic(label_noise_variance=omega), under=under) for omega in (0.0, 1e12)
        )
        assert loud.excess == quiet.excess


def test_what_changes_nothing_changes_nothing(generic):
    model = generic(leakage_variances=0.1)
    for estimator in (Dense(), MoE(), Dense(ridge=0.2), MoE(ridge=0.2)):
        plain = risk(estimator, model)
        for under in (
            Perturbation(),
            Perturbation(noise_variance=model.noise_variance),
            Perturbation(confusion=np.eye(3), drag=5.0),
            Perturbation(noise=stats.t(3)),
        ):
            changed = risk(estimator, model, under=under)
            np.testing.assert_allclose(changed.per_group, plain.per_group, rtol=1e-13)
            assert changed.value == pytest.approx(plain.value, rel=1e-13)
    confused = risk(Dense(), model, under=Perturbation(confusion=CONFUSION))
    assert confused.value == pytest.approx(risk(Dense(), model).value, rel=1e-14)


@pytest.mark.parametrize(
    "noise", [stats.t(5), stats.laplace(7.0, 3.0), stats.expon(scale=0.1), stats.uniform(-2, 9)]
)
@pytest.mark.parametrize("estimator", [Dense(), MoE()])
def test_only_the_variance_of_the_noise_matters(generic, estimator, noise):
    for rest in ({}, {"noise_variance": 2.0}, {"confusion": CONFUSION, "erasure": 0.2}):
        other, normal = (
            risk(estimator, generic(), under=Perturbation(**rest, noise=law))
            for law in (noise, None)
        )
        np.testing.assert_array_equal(other.per_group, normal.per_group)


def test_it_is_what_happens_to_inputs(agrees, mean_and_sem):
    """Drawn, confused, dragged, blurred by noise of another law and erased, in plain arrays."""
    model = BlockModel(
        [0.2, 0.5, 0.3],
        [0, 1, 1, 2],
        [3.0, 1.5, 1.0, 0.75],
        [1.2, -0.8, 0.9, -1.4],
        0.4,
        leakage_variances=[0.3, 0.2, 0.15, 0.1],
        label_noise_variance=0.1,
    )
    under = Perturbation(0.9, CONFUSION, 0.6, noise=stats.laplace(3.0, 2.0), erasure=0.25)
    rng, n, d = np.random.default_rng(5), 1_500_000, model.dim
    group = rng.choice(3, n, p=model.group_probabilities)
    own = model.block_of == group[:, np.newaxis]
    scale = np.sqrt(np.where(own, model.signal_variances, model.leakage_variances))
    clean = rng.standard_normal((n, d)) * scale
    label = clean @ model.coefficients + math.sqrt(0.1) * rng.standard_normal(n)
    taken = (rng.random((n, 1)) > np.cumsum(CONFUSION, axis=1)[group]).sum(axis=1)
    there = model.block_of == taken[:, np.newaxis]
    pulled = 0.6 * rng.standard_normal((n, d)) * np.sqrt(model.signal_variances)
    seen = clean + np.where(there & (taken != group)[:, np.newaxis], pulled, 0.0)
    seen += rng.laplace(0.0, math.sqrt(0.9 / 2), (n, d))  # of variance 2 scale²
    seen *= rng.random((n, d)) >= 0.25
    for estimator, used in ((Dense(), seen), (MoE(ridge=0.1), seen * there)):
        fit = np.array([optimal(model, estimator, m) for m in range(d)])
        mean, sem, made = mean_and_sem(np.square(used @ fit - label))
        assert agrees(mean, sem, made, risk(estimator, model, under=under).value)


def test_the_error_rates_of_a_hard_gate_do_not_make_its_risk(generic):
    # a router errs where the noise of a foreign block is large, and there that expert says much
    model = generic()
    hard, matrix = risk(MoE(gate=Hard()), model), routing_matrix(Hard(), model)
    confused = risk(MoE(), model, under=Perturbation(confusion=matrix))
    oracle = risk(MoE(), model)
    assert abs(confused.value - hard.value) > 0.05 * hard.value
    assert np.all(np.abs(confused.per_group - hard.per_group) > 0.01 * hard.per_group)
    assert oracle.value < hard.value
    confusion = Perturbation(confusion=matrix).confusion
    np.testing.assert_allclose(confusion, matrix.matrix, rtol=1e-12)


# --- the object --------------------------------------------------------------------------------


def refused(needed, make, *given, **more):
    with pytest.raises(ValueError, match=f"^{re.escape(needed)}$"):
        make(*given, **more)


@pytest.mark.parametrize(
    ("confusion", "needed"),
    [
        ([[0.5, 0.5]], "confusion must be a square matrix, got shape (1, 2)"),
        ([0.5, 0.5], "confusion must be a square matrix, got shape (2,)"),
        ([], "confusion must be a square matrix, got shape (0,)"),
        (1.0, "confusion must be a square matrix, got shape ()"),
        ([[1.0, 0.0], [0.5, 0.4]], "confusion must have rows that sum to 1, got 0.9 in row 1"),
        ([[1.1, -0.1], [0.5, 0.5]], "confusion must not be negative, got -0.1 at index (0, 1)"),
        ([[1.0, 0.0], [np.nan, 1.0]], "confusion must be finite, got nan at index (1, 0)"),
        ([[1.0, np.inf], [0.0, 1.0]], "confusion must be finite, got inf at index (0, 1)"),
        ([[1.0], [0.5, 0.5]], "confusion must be a regular array, got rows of unequal length"),
        (np.eye(2, dtype=bool), "confusion must hold real numbers, got bool values"),
    ],
)
def test_bad_confusions_are_refused(confusion, needed):
    refused(needed, Perturbation, confusion=confusion)


def test_rows_are_divided_by_their_sums():
    np.testing.assert_array_equal(
        Perturbation(confusion=np.eye(2) * (1 + 5e-10)).confusion, np.eye(2)
    )
    with pytest.raises(ValueError, match=r"have rows that sum to 1, got 1\.000000002 in row 0"):
        Perturbation(confusion=np.eye(2) * (1 + 2e-9))


@pytest.mark.parametrize(
    ("given", "needed"),
    [
        ({"noise_variance": -1}, "noise_variance must be at least 0, got -1"),
        ({"noise_variance": math.nan}, "noise_variance must be finite, got nan"),
        ({"noise_variance": math.inf}, "noise_variance must be finite, got inf"),
        ({"noise_variance": True}, "noise_variance must be a real number, got True"),
        ({"noise_variance": [1.0, -1.0]}, "noise_variance must be at least 0, got -1 at index 1"),
        ({"noise_variance": [1.0, math.nan]}, "noise_variance must be finite, got nan at index 1"),
        (
            {"noise_variance": [1.0, 1e50]},
            "noise_variance must be 0 or between 1e-40 and 1e+40, got 1e+50 at index 1",
        ),
        ({"interference_variances": -1}, "interference_variances must be at least 0, got -1"),
        (
            {"interference_variances": [1.0, -1.0]},
            "interference_variances must be at least 0, got -1 at index 1",
        ),
        ({"interference_variances": "1"}, "interference_variances must be a real number, got '1'"),
        ({"drag": 0.3}, "drag needs confusion, the groups to be dragged to, got drag=0.3"),
        ({"drag": math.inf, "confusion": [[1.0]]}, "drag must be finite, got inf"),
        ({"drag": None, "confusion": [[1.0]]}, "drag must be a real number, got None"),
        ({"erasure": 1.0}, "erasure must be less than 1, got 1"),
        ({"erasure": -0.1}, "erasure must be at least 0, got -0.1"),
        ({"erasure": math.nan}, "erasure must be finite, got nan"),
        ({"radius": -1.0}, "radius must be at least 0, got -1"),
        ({"radius": math.inf}, "radius must be finite, got inf"),
    ],
)
def test_bad_numbers_are_refused(given, needed):
    refused(needed, Perturbation, **given)


@pytest.mark.parametrize(
    ("noise", "said"),
    [
        (stats.t(2), "t(2) with variance inf"),
        (stats.t(df=1), "t(df=1) with variance nan"),
        (stats.cauchy(), "cauchy() with variance nan"),
        (stats.levy(), "levy() with variance inf"),
        (stats.norm(scale=0), "norm(scale=0) with variance nan"),
        (stats.norm(1.0, scale=-1), "norm(1.0, scale=-1) with variance nan"),
        (stats.pareto(1.5), "pareto(1.5) with variance inf"),
    ],
)
def test_noise_has_a_finite_variance(noise, said):
    refused(f"noise must have a finite variance above zero, got {said}", Perturbation, noise=noise)


@pytest.mark.parametrize("noise", [stats.t, "laplace", 3, stats.multivariate_normal([0, 0])])
def test_noise_is_a_frozen_distribution(noise):
    needed = "noise must be a frozen distribution of scipy.stats, such as stats.laplace() or "
    refused(f"{needed}stats.t(5), got {shown(noise)}", Perturbation, noise=noise)


def test_several_laws_are_not_one():
    refused(
        "noise must be one distribution, got several, t([5, 6])",
        Perturbation,
        noise=stats.t([5, 6]),
    )


FULL = {
    "noise_variance": 0.5,
    "confusion": [[0.9, 0.1], [0.0, 1.0]],
    "drag": 0.3,
    "noise": stats.t(5, scale=2.0),
    "erasure": 0.1,
    "radius": 2.0,
}


def test_its_text_says_what_was_given():
    assert repr(Perturbation()) == "Perturbation()"
    assert repr(Perturbation(0.0)) == "Perturbation(noise_variance=0.0)"
    assert repr(Perturbation(**FULL)) == (
        "Perturbation(noise_variance=0.5, confusion=[[0.9, 0.1], [0.0, 1.0]], drag=0.3, "
        "noise=t(5,\n    scale=2.0), erasure=0.1, radius=2.0)"
    )


CODED = [
    Perturbation(1 / 3, erasure=0.1),
    Perturbation(confusion=[[2 / 3, 1 / 3], [0.1, 0.9]], drag=1 / 7),
    Perturbation(confusion=even_confusion(5, 0.1), radius=2.0),
    Perturbation([1 / 3, 2.0, 0.1], interference_variances=[0.0, 1 / 7, 3.0]),
    Perturbation(interference_variances=2.0),
]


@pytest.mark.parametrize("under", CODED)
def test_its_text_is_code_where_that_fits_a_screen(under):
    assert eval(repr(under)) == under
    assert fits_screen(repr(under))


def test_a_large_matrix_is_told_by_its_shape():
    under = Perturbation(confusion=even_confusion(100, 0.1), drag=0.5)
    assert repr(under) == "Perturbation(confusion=<100 x 100>, drag=0.5)"


def test_many_variances_are_told_by_their_number():
    under = Perturbation(np.arange(20.0), interference_variances=np.arange(17.0))
    assert repr(under) == (
        "Perturbation(noise_variance=<20 numbers>, interference_variances=<17 numbers>)"
    )


HISTOGRAMS = [stats.rv_histogram(np.histogram([1.0, 2.0, last]))() for last in (3.0, 3.0, 4.0)]
EQUAL = [
    ({"noise_variance": 2.0}, {"noise_variance": 2}),
    ({"noise_variance": [2.0, -0.0]}, {"noise_variance": np.array([2, 0])}),
    ({"interference_variances": [0.5, 1]}, {"interference_variances": (0.5, 1.0)}),
    ({"confusion": np.eye(2), "drag": 0.1}, {"confusion": [[1, 0], [0, 1]], "drag": 0.1}),
    ({"noise": stats.t(5)}, {"noise": stats.t(df=5)}),
    ({"noise": stats.laplace()}, {"noise": stats.laplace(0, scale=1.0)}),
    ({"noise": HISTOGRAMS[0]}, {"noise": HISTOGRAMS[1]}),
    (FULL, FULL),
]
DIFFERENT = [  # an array is for models of its length alone
    ({"noise_variance": [2.0, 2.0]}, {"noise_variance": 2.0}),
    ({"interference_variances": [0.5, 0.5]}, {"interference_variances": 0.5}),
    ({"noise_variance": 2.0}, {"noise_variance": 2.5}),
    ({"noise_variance": 2.0}, {}),
    ({"noise_variance": [2.0, 2.5]}, {"noise_variance": 2.0}),
    ({"noise_variance": [2.0, 2.5]}, {"noise_variance": [2.5, 2.0]}),
    ({"noise_variance": [2.0, 2.5]}, {"noise_variance": [2.0, 2.5, 2.5]}),
    ({"interference_variances": 0.0}, {}),
    ({"interference_variances": [0.5, 1.0]}, {"interference_variances": [1.0, 0.5]}),
    ({"interference_variances": 0.5}, {"noise_variance": 0.5}),
    ({"confusion": np.eye(2)}, {"confusion": np.eye(3)}),
    ({"confusion": np.eye(2)}, {}),
    ({"confusion": even_confusion(2, 0.1)}, {"confusion": even_confusion(2, 0.2)}),
    ({"noise": stats.t(5)}, {"noise": stats.t(6)}),
    ({"noise": stats.t(5)}, {}),
    ({"noise": stats.laplace()}, {"noise": stats.logistic()}),
    ({"noise": HISTOGRAMS[0]}, {"noise": HISTOGRAMS[2]}),
    ({"erasure": 0.1}, {"radius": 0.1}),
]


@pytest.mark.parametrize(("one", "other"), EQUAL)
def test_they_are_equal_by_value(one, other):
    one, other = Perturbation(**one), Perturbation(**other)
    assert one == other
    assert hash(one) == hash(other)
    assert one == pickle.loads(pickle.dumps(one))


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_what_differs_is_not_equal(one, other):
    assert Perturbation(**one) != Perturbation(**other)
    assert Perturbation(**one) != "something else"


def test_replace_changes_what_is_named_and_checks_anew():
    full = Perturbation(**FULL)
    other = full.replace(erasure=0.0, confusion=np.eye(3))
    assert (other.erasure, other.drag, other.radius, len(other.confusion)) == (0.0, 0.3, 2.0, 3)
    assert repr(full.replace()) == repr(full)
    with pytest.raises(ValueError, match="drag needs confusion"):
        full.replace(confusion=None)
    with pytest.raises(ValueError, match="radius must be at least 0"):
        full.replace(radius=-1)
    with pytest.raises(ValueError, match=r"^rate is unknown: replace\(\) takes noise_variance, "):
        full.replace(rate=0.1)


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))]
)
def test_nothing_can_be_changed_not_even_in_a_copy(copied):
    given = np.eye(2)
    for under in (made := Perturbation(confusion=given, drag=0.1, noise=stats.t(5)), copied(made)):
        assert (
            repr(under) == "Perturbation(confusion=[[1.0, 0.0], [0.0, 1.0]], drag=0.1, noise=t(5))"
        )
        with pytest.raises(ValueError, match="read-only"):
            under.confusion[0, 0] = 2.0
        with pytest.raises(FrozenInstanceError):
            under.drag = 2.0
    given[0, 0] = 7.0
    assert made.confusion[0, 0] == 1.0


def test_the_noise_is_that_of_the_model_if_not_given():
    assert Perturbation().noise_of(0.7) == 0.7
    assert Perturbation(0.0).noise_of(0.7) == 0.0
    own = np.array([0.7, 0.2])
    assert Perturbation().noise_of(own).tolist() == Perturbation(own).noise_of(3.0).tolist()
    assert Perturbation(2.0).interference_of(own).tolist() == own.tolist()
    assert Perturbation(interference_variances=own).interference_of(0.0).tolist() == own.tolist()
    assert Perturbation(interference_variances=0.0).interference_of(own) == 0.0


@pytest.mark.parametrize(
    "copied", [lambda it: it, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))]
)
def test_its_variances_are_read_only_copies(copied):
    noise, interference = np.array([1.0, 2.0]), np.array([0.0, 3.0])
    made = Perturbation(noise, interference_variances=interference)
    noise[0] = interference[0] = 7.0
    under = copied(made)
    assert under == Perturbation([1.0, 2.0], interference_variances=[0.0, 3.0])
    for array in (under.noise_variance, under.interference_variances):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 5.0


@pytest.mark.parametrize(("experts", "rate"), [(2, 0.3), (5, 1.0), (7, 0.0), (4, 0.75)])
def test_even_confusion_spreads_errors_evenly(experts, rate):
    matrix = even_confusion(experts, rate)
    assert matrix.shape == (experts, experts)
    for i, j in itertools.product(range(experts), repeat=2):
        assert matrix[i, j] == pytest.approx(1 - rate if i == j else rate / (experts - 1))
    Perturbation(confusion=matrix)


@pytest.mark.parametrize(
    ("experts", "rate", "needed"),
    [
        (1, 0.1, "experts must be at least 2, got 1"),
        (2.5, 0.1, "experts must be an integer, got 2.5"),
        (2, 1.5, "rate must be at most 1, got 1.5"),
        (2, -0.1, "rate must be at least 0, got -0.1"),
        (2, math.nan, "rate must be finite, got nan"),
    ],
)
def test_even_confusion_refuses_what_is_no_rate(experts, rate, needed):
    refused(needed, even_confusion, experts, rate)


def test_what_it_cannot_be_combined_with(generic):
    model, under = generic(), Perturbation(confusion=CONFUSION)
    with pytest.raises(ValueError, match=r"^confusion needs oracle routing"):
        risk(MoE(gate=Hard()), model, under=under)
    with pytest.raises(ValueError, match=r"^radius needs oracle routing"):
        risk(MoE(gate=Hard()), model, under=Perturbation(radius=1.0))
    for estimator in (MoE(), Dense()):
        for samples in (None, 40):
            refused(
                "confusion must have 3 rows, one for each group, got 2",
                risk,
                estimator,
                model,
                samples=samples,
                under=Perturbation(confusion=np.eye(2)),
            )
            with pytest.raises(ValueError, match=r"^under must be a Perturbation, got"):
                risk(estimator, model, samples=samples, under=CONFUSION)


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("noise_variance", 1e-40, 1e40), ("drag", 1e-12, 1e12), ("radius", 1e-20, 1e20)],
)
def test_numbers_lie_within_the_range_in_which_risks_are_right(name, low, high):
    given = {"confusion": even_confusion(2, 0.5)}
    signs = (1.0, -1.0) if name == "drag" else (1.0,)
    for sign in signs:
        for value in (sign * low, sign * high, 0.0):
            assert getattr(Perturbation(**given, **{name: value}), name) == value
        for value in (sign * 0.99 * low, sign * 1.01 * high, sign * 1e308, sign * 5e-324):
            size = " in size" if sign < 0.0 else ""
            message = f"{name} must be 0 or between {low:g} and {high:g}{size}, got {value:g}"
            with pytest.raises(OutOfRangeError, match=f"^{re.escape(message)}$"):
                Perturbation(**given, **{name: value})


@pytest.mark.parametrize("loc", [1e17, -1e9])
def test_noise_whose_mean_hides_its_variance_is_refused(loc):
    with pytest.raises(ValueError, match=r"^noise must have a mean of at most 1e\+08 standard dev"):
        Perturbation(noise=stats.laplace(loc=loc))
    assert Perturbation(noise=stats.laplace(loc=1e8)).noise is not None


def test_noise_whose_variance_overflows_is_refused():
    with pytest.raises(ValueError, match=r"^noise must have a finite variance above zero"):
        Perturbation(noise=stats.laplace(scale=1e200))
