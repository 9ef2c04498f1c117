"""Gradient descent in closed form, against descent that is carried out step by step."""

import contextlib
import math
import re

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import moetheory as mt
from general_noise import GENERAL, LEAKING, variances
from moetheory.strategies import block_models

ESTIMATORS = [mt.Dense(), mt.MoE(), mt.Dense(ridge=0.7), mt.MoE(ridge=0.7)]


class Plain:
    """Descent with full matrices in the coordinates that a user sees, one step at a time."""

    def __init__(self, model, estimator):
        self.model, self.estimator = model, estimator
        d, p = model.dim, model.group_probabilities
        turn = np.zeros((d, d))
        for g in range(model.experts):
            own = np.flatnonzero(model.block_of == g)
            basis = np.eye(len(own)) if model.rotations is None else model.rotations[g]
            turn[np.ix_(own, own)] = basis
        self.clean, self.noise = (
            [turn @ np.diag(each) @ turn.T for each in of_groups] for of_groups in variances(model)
        )
        self.truth = turn @ model.coefficients
        ridge = estimator.ridge * np.eye(d)
        if isinstance(estimator, mt.Dense):
            mixed, noise = np.tensordot(p, self.clean, 1), np.tensordot(p, self.noise, 1)
            self.systems = [(mixed + noise + ridge, mixed @ self.truth)]
            self.masks = [np.ones(d, bool)]
        else:
            self.systems, self.masks = [], [model.block_of == g for g in range(model.experts)]
            for clean, noise, mask in zip(self.clean, self.noise, self.masks, strict=True):
                # the expert sees its own block alone
                seen = np.outer(mask, mask)
                target = np.where(mask, (clean * seen) @ self.truth, 0.0)
                self.systems.append(((clean + noise + ridge) * seen, target))

    def excess(self, steps, step_sizes):
        """Excess risk at each of the steps."""
        model = self.model
        fits = [np.zeros(model.dim) for _ in self.systems]
        found = []
        for t in range(max(steps) + 1):
            if t in steps:
                answering = fits if len(fits) > 1 else fits * model.experts
                risks = [
                    (self.truth - fit) @ clean @ (self.truth - fit) + fit @ noise @ fit
                    for clean, noise, fit in zip(self.clean, self.noise, answering, strict=True)
                ]
                found.append(model.group_probabilities @ risks)
            for i, (system, target) in enumerate(self.systems):
                fits[i] = fits[i] - step_sizes[i] * (system @ fits[i] - target)
        return found

    def best_steps(self):
        sizes = []
        for (system, _), mask in zip(self.systems, self.masks, strict=True):
            values = np.linalg.eigvalsh(system[np.ix_(mask, mask)])
            sizes.append(2.0 / (values[0] + values[-1]))
        return sizes


def turned_model():
    rng = np.random.default_rng(3)
    roots = [rng.standard_normal((s, s)) for s in (2, 4, 3)]
    return mt.BlockModel.from_covariances(
        [root @ root.T for root in roots],
        [rng.standard_normal(s) for s in (2, 4, 3)],
        0.3,
        group_probabilities=[0.2, 0.5, 0.3],
    )


STEPS = [0, 1, 2, 3, 7, 40, 41]


@pytest.mark.parametrize("leakage", [0.0, 0.2])
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda each: each.label)
def test_each_at_its_own_best_step(generic, estimator, leakage):
    model = generic(leakage_variances=leakage, label_noise_variance=0.3)
    plain = Plain(model, estimator)
    found = mt.descent(estimator, model, STEPS)
    sizes = plain.best_steps()
    np.testing.assert_allclose(found.excess, plain.excess(STEPS, sizes), rtol=1e-11)
    np.testing.assert_allclose(found.step_size, sizes if len(sizes) > 1 else sizes[0], rtol=1e-13)
    np.testing.assert_array_equal(found.value, found.excess + 0.3)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda each: each.label)
@pytest.mark.parametrize("name", GENERAL)
def test_noise_in_general(name, estimator):
    """Dense descends on h + n̄; what interferes changes neither experts nor their steps."""
    model = GENERAL[name]
    plain = Plain(model, estimator)
    found, factor = mt.descent(estimator, model, STEPS), mt.contraction_factor(estimator, model)
    sizes = plain.best_steps()
    np.testing.assert_allclose(found.excess, plain.excess(STEPS, sizes), rtol=1e-11)
    np.testing.assert_allclose(found.step_size, sizes if len(sizes) > 1 else sizes[0], rtol=1e-13)
    assert found.excess[0] == pytest.approx(model.label_power, rel=1e-13)
    silent = model.replace(interference_variances=0.0)
    same = isinstance(estimator, mt.MoE) or not model.interferes
    assert (mt.contraction_factor(estimator, silent).value == factor.value) == same
    assert np.array_equal(mt.descent(estimator, silent, STEPS).excess, found.excess) == same
    share = {"tolerance": 0.3, "relative": True}
    steps = mt.steps_to(estimator, model, **share)
    gained = mt.descent(estimator, model, [0, steps - 1, steps]).remaining
    assert gained[2] <= 0.3 * gained[0] < gained[1]


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda each: each.label)
def test_rotated_blocks_and_a_common_step(estimator):
    model = turned_model()
    plain = Plain(model, estimator)
    found = mt.descent(estimator, model, STEPS, step_size=0.07)
    expected = plain.excess(STEPS, [0.07] * model.experts)
    np.testing.assert_allclose(found.excess, expected, rtol=1e-11)


@pytest.mark.parametrize("general", [False, True])
@pytest.mark.parametrize("ridge", [0.0, 0.7])
def test_joint_descent_is_that_of_one_loss_over_the_mixture(generic, ridge, general):
    model = LEAKING if general else generic(leakage_variances=0.2)
    plain = Plain(model, mt.MoE(ridge=ridge))
    p = model.group_probabilities
    curvature = np.concatenate(
        [
            w * np.linalg.eigvalsh(system[np.ix_(mask, mask)])
            for w, (system, _), mask in zip(p, plain.systems, plain.masks, strict=True)
        ]
    )
    best = 2.0 / (curvature.max() + curvature.min())
    for size in ("optimal", 0.02 if general else 0.4):
        a = best if size == "optimal" else size
        found = mt.descent(mt.MoE(ridge=ridge), model, STEPS, step_size=size, training="joint")
        np.testing.assert_allclose(found.excess, plain.excess(STEPS, a * p), rtol=1e-11)
        factor = mt.contraction_factor(mt.MoE(ridge=ridge), model, step_size=size, training="joint")
        assert factor.value == pytest.approx(np.abs(1 - a * curvature).max(), rel=1e-13)
        assert factor.condition == pytest.approx(curvature.max() / curvature.min(), rel=1e-13)


def test_each_expert_at_a_step_of_its_own(generic):
    model, sizes = generic(), np.array([0.1, 0.2, 0.3])
    found = mt.descent(mt.MoE(), model, STEPS, step_size=sizes)
    np.testing.assert_allclose(
        found.excess, Plain(model, mt.MoE()).excess(STEPS, sizes), rtol=1e-11
    )


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda each: each.label)
def test_contraction_is_the_spectral_radius_of_a_step(generic, estimator):
    model = generic(leakage_variances=0.2)
    plain = Plain(model, estimator)
    for size in ("optimal", 0.1):
        radii = []
        for i, (system, _) in enumerate(plain.systems):
            values = np.linalg.eigvalsh(system[np.ix_(plain.masks[i], plain.masks[i])])
            a = plain.best_steps()[i] if size == "optimal" else size
            radii.append(np.abs(1 - a * values).max())
        factor = mt.contraction_factor(estimator, model, step_size=size)
        np.testing.assert_allclose(factor.per_expert, radii, rtol=1e-12)
        assert float(factor) == pytest.approx(max(radii), rel=1e-12)
        assert factor.rate == pytest.approx(-math.log(max(radii)), rel=1e-11)
    best = mt.contraction_factor(estimator, model)
    kappa = np.max(best.condition)
    assert best.value == pytest.approx((kappa - 1) / (kappa + 1), rel=1e-12)


def test_it_is_the_risk_of_those_coefficients_on_fresh_samples(sampled, agrees, mean_and_sem):
    """Steps carried out one by one, then tried on data."""
    model, data = sampled
    a, t = 0.2, 3
    h = model.signal_variances + model.noise_variance
    fit = np.zeros(model.dim)
    for _ in range(t):
        fit -= a * (h * fit - model.signal_variances * model.coefficients)
    experts = np.eye(model.experts)[model.block_of] * fit[:, np.newaxis]
    every = data.features @ experts
    prediction = np.take_along_axis(every, data.groups[:, np.newaxis], axis=1)[:, 0]
    errors = np.square(data.labels - prediction)
    assert agrees(*mean_and_sem(errors), mt.descent(mt.MoE(), model, t, step_size=a).value[0])


@pytest.mark.parametrize("size", ["optimal", "edge", "tiny"])
def test_a_billion_steps_keep_their_digits(size):
    """Conditions of 1e9 and steps next to the edge, in forty digits."""
    signal, b, noise = np.array([1.0, 3e-3, 1e-9, 0.4]), np.array([1.0, -2.0, 3.0, 0.5]), 1e-9
    model = mt.BlockModel([1.0], [0] * 4, signal, b, noise)
    steps = [10**6, 10**8, 10**9]
    largest = 1.0 + noise
    number = {"optimal": None, "edge": 2.0 / largest * (1 - 1e-9), "tiny": 1e-9}[size]
    found = mt.descent(mt.Dense(), model, steps, step_size="optimal" if number is None else number)
    with mpmath.workdps(40):
        h = [mpmath.mpf(float(s + noise)) for s in signal]
        a = 2 / (max(h) + min(h)) if number is None else mpmath.mpf(number)
        exact = [
            sum(
                hm * (1 - a * hm) ** (2 * t) * (mpmath.mpf(s) * c / hm) ** 2
                for hm, s, c in zip(h, signal.tolist(), b.tolist(), strict=True)
            )
            for t in steps
        ]
        exact = [float(each) for each in exact]
    # a step next to the edge is known to rounding only, which a billion steps amplify
    tolerance = 1e-6 if size == "edge" else 1e-11
    np.testing.assert_allclose(found.remaining, exact, rtol=tolerance)


@given(block_models(noiseless=True), st.sampled_from(["own", "joint"]))
def test_it_starts_at_the_null_risk_and_falls_to_the_optimum(model, training):
    for estimator in (mt.Dense(), mt.MoE()):
        found = mt.descent(estimator, model, [0, 1, 2, 5, 100, 2**53], training=training)
        assert found.value[0] == pytest.approx(model.null_risk, rel=1e-12)
        assert np.all(np.diff(found.excess) <= 1e-14 * found.excess[0])  # rounding
        limit = mt.risk(estimator, model).excess
        np.testing.assert_allclose(found.excess, limit + found.remaining, rtol=1e-14)


@given(block_models(max_experts=1))
def test_one_expert_is_dense(model):
    steps = [0, 1, 3, 10]
    dense = mt.descent(mt.Dense(), model, steps)
    for training in ("own", "joint"):
        moe = mt.descent(mt.MoE(), model, steps, training=training)
        np.testing.assert_allclose(moe.excess, dense.excess, rtol=1e-14)
        np.testing.assert_allclose(
            moe.cost("multiplications"), dense.cost("multiplications"), rtol=1e-8
        )


@given(block_models(), st.floats(0.001, 0.9), st.booleans(), st.sampled_from(["own", "joint"]))
def test_steps_to_is_where_the_path_gets_there(model, share, relative, training):
    for estimator in (mt.Dense(), mt.MoE()):
        start, end = mt.descent(estimator, model, [0, 2**53], training=training).excess
        goal = share if relative else end + share * (start - end)
        if start <= end * (1 + 1e-9):  # nothing to learn
            continue
        t = mt.steps_to(estimator, model, goal, relative=relative, training=training)
        path = mt.descent(estimator, model, [t, max(t - 1, 0)], training=training)
        left = path.remaining / mt.descent(estimator, model, 0).remaining[0]
        assert isinstance(t, int)
        assert left[0] <= share * (1 + 1e-9)
        assert t == 0 or left[1] > share * (1 - 1e-9)


def test_with_a_ridge_it_is_where_the_path_stays_below(generic):
    """Risks then swing from step to step, and may be low for a moment."""
    model = generic()
    for estimator in (mt.Dense(ridge=2.0), mt.MoE(ridge=2.0)):
        risks = mt.descent(estimator, model, np.arange(3000)).excess
        assert np.any(np.diff(risks) > 0.0)
        limit = mt.risk(estimator, model).excess
        for above in np.geomspace(1e-1, 1e-6, 30):
            goal = limit * (1 + above)
            last = int(np.flatnonzero(risks > goal)[-1])
            assert mt.steps_to(estimator, model, goal) == last + 1


def test_costs_count_what_a_step_takes():
    model = mt.BlockModel([0.25, 0.75], [0, 0, 0, 1], np.ones(4), np.ones(4), 1.0)
    steps, found = [1, 10], {}
    for name, estimator, training in (
        ("dense", mt.Dense(), "own"),
        ("own", mt.MoE(), "own"),
        ("joint", mt.MoE(), "joint"),
    ):
        path = mt.descent(estimator, model, steps, training=training)
        found[name] = [path.cost(axis)[1] for axis in ("iterations", "samples", "multiplications")]
        goal = {"tolerance": 0.5, "relative": True, "training": training, "step_size": 0.1}
        counted = [mt.steps_to(estimator, model, **goal, cost=axis) for axis in path.step_costs]
        assert counted == [counted[0] * each / 10 for each in found[name]]
    # own: a batch for each expert, 3 + 1 coordinates; joint: 0.25 * 3 + 0.75 * 1 of each sample
    assert found == {"dense": [10, 10, 40], "own": [10, 20, 40], "joint": [10, 10, 15]}


def test_a_group_that_is_never_drawn_takes_no_part():
    three = mt.BlockModel([0.5, 0.0, 0.5], [0, 1, 2], [1.0, 50.0, 3.0], np.ones(3), 1.0)
    two = mt.BlockModel([0.5, 0.5], [0, 1], [1.0, 3.0], np.ones(2), 1.0)
    for training in ("own", "joint"):
        paths = [mt.descent(mt.MoE(), m, [0, 1, 5], training=training) for m in (three, two)]
        np.testing.assert_allclose(paths[0].excess, paths[1].excess, rtol=1e-14)
        assert paths[0].cost("samples")[1] == paths[1].cost("samples")[1]
        factors = [mt.contraction_factor(mt.MoE(), m, training=training) for m in (three, two)]
        assert factors[0].value == factors[1].value
        if training == "own":
            for name, nothing in (("step_size", 0.0), ("largest_stable", np.inf)):
                assert getattr(factors[0], name)[1] == nothing
            assert np.isnan(factors[0].condition[1])
        # its step would have to be below 2/51
        assert mt.descent(mt.MoE(), three, 1, step_size=0.4, training=training).excess < 2.0


def test_directions_without_variance_are_left_alone():
    still = mt.BlockModel([0.5, 0.5], [0, 0, 1], [4.0, 0.0, 1.0], np.ones(3), 0.0)
    for estimator in (mt.Dense(), mt.MoE()):
        path = mt.descent(estimator, still, [0, 1, 1000])
        assert path.excess[0] == pytest.approx(2.5)
        assert path.excess[2] == pytest.approx(0.0, abs=1e-12)
    factor = mt.contraction_factor(mt.MoE(), still)
    assert (factor.value, factor.rate) == (0.0, math.inf)
    nothing = mt.BlockModel([1.0], [0], [0.0], [1.0], 0.0)
    assert mt.descent(mt.Dense(), nothing, [0, 5]).excess.tolist() == [0.0, 0.0]
    with pytest.raises(ValueError, match="model must have signal or noise"):
        mt.contraction_factor(mt.Dense(), nothing)
    # nor does a ridge move them: as on training sets, where no sample has them
    for estimator in (mt.Dense(ridge=0.1), mt.MoE(ridge=0.1)):
        steps, much = [1, 2, 3], 10**12
        path = mt.descent(estimator, still, steps)
        drawn = mt.simulate_descent(estimator, still, steps, samples=much, replicates=2, rng=0)
        np.testing.assert_allclose(path.excess, drawn.mean, rtol=1e-4)
        factor = mt.contraction_factor(estimator, still)
        assert np.max(factor.condition) == pytest.approx(
            2.1 / 0.6 if isinstance(estimator, mt.Dense) else 1.0
        )
        with pytest.raises(ValueError, match="model must have signal or noise"):
            mt.contraction_factor(estimator, nothing)


@pytest.mark.parametrize("noise", [2e-11, 1e13])
def test_noise_far_from_the_signal(noise):
    model = mt.BlockModel.power_law(16, 4, noise, decay=1.0, signal_energy=16.0)
    for estimator in (mt.Dense(), mt.MoE()):
        found = mt.descent(estimator, model, [0, 10**9])
        assert found.value[0] == pytest.approx(1.0, rel=1e-12)
        assert found.remaining[1] <= 1e-11
        assert 0.0 <= mt.contraction_factor(estimator, model).value < 1.0


def test_results_read_as_they_should(generic):
    path = mt.descent(mt.Dense(), generic(label_noise_variance=0.5), [3, 1])
    assert len(path) == 2
    np.testing.assert_array_equal(np.asarray(path), path.value)
    with pytest.raises(ValueError, match="read-only"):
        path.excess[0] = 0.0
    factor = mt.contraction_factor(mt.MoE(), generic())
    for each in (factor.per_expert, factor.step_size, factor.largest_stable, factor.condition):
        assert not each.flags.writeable
    with pytest.raises(ValueError, match="axis must be one of iterations, samples, multipl"):
        path.cost("seconds")


BAD = [
    ({"step_size": 0}, "step_size must be greater than 0, got 0"),
    ({"step_size": -0.1}, "step_size must be greater than 0, got -0.1"),
    ({"step_size": 5e-324}, "step_size must be at least 1e-290, got 4.94066e-324"),
    ({"step_size": math.nan}, "step_size must be finite, got nan"),
    ({"step_size": math.inf}, "step_size must be finite, got inf"),
    ({"step_size": "best"}, "step_size must be \"optimal\" or a number, got 'best'"),
    ({"step_size": [0.1, 0.2, 0.3]}, "step_size must be one number for Dense"),
    ({"training": "alone"}, 'training must be "own" or "joint", got \'alone\''),
    ({"training": None}, 'training must be "own" or "joint", got None'),
]


@pytest.mark.parametrize(("wrong", "message"), BAD)
def test_what_is_refused(generic, wrong, message):
    calls = (
        lambda **more: mt.descent(mt.Dense(), generic(), [1, 2], **more),
        lambda **more: mt.contraction_factor(mt.Dense(), generic(), **more),
        lambda **more: mt.steps_to(mt.Dense(), generic(), 0.5, relative=True, **more),
    )
    for call in calls:
        with pytest.raises(ValueError, match=re.escape(message)):
            call(**wrong)


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        (-1, "steps must be at least 0, got -1"),
        ([1, -3], "steps must be at least 0, got -3"),
        (2.5, "steps must be an integer, got 2.5"),
        ([1.0, math.nan], "steps must be an integer, got nan"),
        ([], "steps must be an integer or a sequence of them"),
        ([[1]], "steps must be an integer or a sequence of them"),
        ("many", "steps must be an integer or a sequence of them"),
        (2**53 + 1, "steps must be at most 9007199254740992"),
        (2**70, "steps must be at most 9007199254740992"),
        ([1, None], "steps must be an integer, got None"),
    ],
)
def test_steps_that_are_refused(generic, steps, message):
    with pytest.raises(ValueError, match=message):
        mt.descent(mt.MoE(), generic(), steps)


def test_a_step_that_diverges_is_refused_by_the_largest_stable_one(generic):
    model = generic()  # curvatures 3.4, 1.4, 0.8333 are the largest of the blocks
    stable = 2 / 3.4
    with pytest.raises(ValueError, match=r"step_size must be less than 0\.588235294117647"):
        mt.descent(mt.MoE(), model, 1, step_size=stable)
    steepest_last = model.replace(block_of=2 - model.block_of)
    with pytest.raises(ValueError, match=r"step_size must be less than 0\.588235294117647"):
        mt.descent(mt.MoE(), steepest_last, 1, step_size=9.0)
    assert mt.contraction_factor(mt.MoE(), model, step_size=stable * (1 - 1e-12)).value < 1.0
    # within rounding of it a step that is let through still contracts
    for curvature in np.random.default_rng(0).uniform(0.1, 10.0, 50).tolist():
        lone = mt.BlockModel([1.0], [0], [curvature], [1.0], 0.0)
        for size in np.nextafter(2 / curvature, 0.0) * (1 - np.arange(4) * 2.0**-53):
            with contextlib.suppress(ValueError):
                assert mt.contraction_factor(mt.MoE(), lone, step_size=float(size)).rate > 0.0
    with pytest.raises(ValueError, match=r"step_size\[1\] must be less than 1\.42857.* got 1\.5"):
        mt.steps_to(mt.MoE(), model, 1.0, step_size=[0.1, 1.5, 0.1])
    with pytest.raises(ValueError, match='one number with training="joint"'):
        mt.descent(mt.MoE(), model, 1, step_size=[0.1, 0.1, 0.1], training="joint")
    with pytest.raises(ValueError, match=r"step_size\[2\] must be greater than 0"):
        mt.descent(mt.MoE(), model, 1, step_size=[0.1, 0.1, 0.0])
    stable = mt.contraction_factor(mt.MoE(), model, training="joint").largest_stable
    with pytest.raises(ValueError, match=re.escape(f"step_size must be less than {stable:.17g}")):
        mt.descent(mt.MoE(), model, 1, step_size=stable, training="joint")


def test_a_goal_below_the_floor_is_refused_and_the_floor_named(generic):
    model = generic()
    floor = mt.risk(mt.Dense(), model).excess
    for goal in (0.9 * floor, 0.0, -1.0, floor):
        with pytest.raises(ValueError, match=f"tolerance must be greater than {floor:.10g}"):
            mt.steps_to(mt.Dense(), model, goal)
    for share in (0.0, -0.1):
        with pytest.raises(ValueError, match="tolerance must be greater than 0, got"):
            mt.steps_to(mt.Dense(), model, share, relative=True)
    with pytest.raises(ValueError, match=r"tolerance must be at most 1: it is a share .*, got 5"):
        mt.steps_to(mt.Dense(), model, 5, relative=True)
    with pytest.raises(ValueError, match="relative must be True or False, got 'no'"):
        mt.steps_to(mt.Dense(), model, 0.5, relative="no")
    with pytest.raises(ValueError, match="tolerance must be finite"):
        mt.steps_to(mt.Dense(), model, math.nan)
    with pytest.raises(ValueError, match="cost must be one of"):
        mt.steps_to(mt.Dense(), model, 1.0, cost="time")
    with pytest.raises(ValueError, match="tolerance must be reached within 2"):
        mt.steps_to(mt.Dense(), model, 0.1, relative=True, step_size=1e-30)
    # above it by the last digit is above it
    for estimator in (mt.Dense(), mt.MoE()):
        goal = float(np.nextafter(mt.risk(estimator, model).excess, np.inf))
        steps = mt.steps_to(estimator, model, goal)
        assert mt.descent(estimator, model, steps).excess[0] <= goal
    # a step that meets it exactly
    exact = mt.BlockModel([1.0], [0], [1.0], [1.0], 1.0)
    assert mt.steps_to(mt.Dense(), exact, 0.5) == 1
    assert mt.steps_to(mt.Dense(), exact, 0.5 * (1 - 2**-53)) == 1  # to rounding
    with pytest.raises(ValueError, match=r"tolerance must be greater than 0\.5, the excess risk"):
        mt.steps_to(mt.Dense(), exact, 0.5 * (1 - 1e-14))
    assert mt.steps_to(mt.Dense(), exact, 5.0) == 0
    assert mt.steps_to(mt.Dense(), exact, 1, relative=True) == 0


def test_other_gates_are_refused(generic):
    for call in (
        lambda: mt.descent(mt.MoE(gate=mt.Hard()), generic(), 1),
        lambda: mt.contraction_factor(mt.MoE(gate=mt.Hard()), generic()),
        lambda: mt.steps_to(mt.MoE(gate=mt.Hard()), generic(), 1.0),
    ):
        with pytest.raises(mt.NoClosedForm, match="known for dense"):
            call()
