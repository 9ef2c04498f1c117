"""Experts that serve several groups, and a shared expert: risks against full matrices."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from scipy import linalg

import moetheory as mt
from general_noise import GENERAL, STRICT, variances, world
from moetheory.common.errors import NoClosedForm
from moetheory.predictors.expert_problems import expert_problems
from moetheory.predictors.optimal import optimal_predictor

SERVED = [(0, 0, 1), (1, 0, 1), (0, 1, 2), (2, 0, 1), (0, 0, 0)]
PLAIN = STRICT.replace(noise_variance=0.5, interference_variances=0.0)
CONFUSION = np.array([[0.7, 0.1, 0.2], [0.05, 0.9, 0.05], [0.0, 0.4, 0.6]])


def matrix_coefficients(model, experts, ridge, *, shared):
    """Coefficients of inputs taken for each group, (K, d), by normal equations of all of them.

    The parameters are those of each expert, (E, d), and of a shared one, (d,).
    """
    p, (clean, noise), d = model.group_probabilities, variances(model), model.dim
    seen = experts[model.block_of] == experts[:, np.newaxis]
    count = max(experts) + 1
    normal, moment = np.zeros((count + 1, d) * 2), np.zeros((count + 1, d))
    for g, e in enumerate(experts):
        # what each parameter contributes to the coefficients of group g
        read = np.zeros((count + 1, d, d))
        read[e] = np.diag(seen[g] * 1.0)
        read[count] = np.eye(d) * shared
        second = np.diag(clean[g] + noise[g])
        normal += p[g] * np.einsum("aij,jk,bkl->aibl", read, second, read)
        moment += p[g] * read @ (clean[g] * model.coefficients)
    used = np.append(np.bincount(experts, p), 1.0)
    penalty = np.einsum("a,ab,ij->aibj", ridge * used, np.eye(count + 1), np.eye(d))
    size = (count + 1) * d
    found = linalg.lstsq((normal + penalty).reshape(size, size), moment.reshape(size))[0]
    *own, beside = found.reshape(count + 1, d)
    return np.array([own[e] * seen[g] + beside for g, e in enumerate(experts)])


def matrix_risks(model, coefficients, under=None):
    """Excess risks given the group of the ``coefficients`` (K, d) of each route."""
    under = under or mt.Perturbation()
    clean, noise = variances(model)
    if under.noise_variance is not None:
        noise = noise - model.noise_variance + under.noise_variance
    b, kept = model.coefficients, 1.0 - under.erasure
    risks = np.zeros((model.experts, model.experts))
    for i, j in itertools.product(range(model.experts), repeat=2):
        met = coefficients[j]
        lost = kept * (b - met) ** 2 + under.erasure * b**2
        drag = under.drag**2 * model.signal_variances * ((model.block_of == j) & (i != j))
        risks[i, j] = np.sum(clean[i] * lost + kept * (noise[i] + drag) * met**2)
        norm = np.linalg.norm(met)
        omega = model.label_noise_variance
        crossed = np.sqrt(8.0 / np.pi) * under.radius * norm * np.sqrt(risks[i, j] + omega)
        risks[i, j] += crossed + under.radius**2 * norm**2
    return (
        risks[range(len(risks)), range(len(risks))]
        if under.confusion is None
        else np.sum(under.confusion * risks, axis=1)
    )


@pytest.mark.parametrize("model", GENERAL.values(), ids=GENERAL)
@pytest.mark.parametrize("served", SERVED, ids=str)
def test_population_risks_are_those_of_full_matrices(model, served):
    for ridge, shared in itertools.product((0.0, 0.6), (False, True)):
        estimator = mt.MoE(ridge=ridge, assignment=served, shared=shared)
        met = matrix_coefficients(model, np.array(served), ridge, shared=shared)
        wanted, found = matrix_risks(model, met), mt.risk(estimator, model)
        np.testing.assert_allclose(found.per_group - 0.2, wanted, rtol=1e-10)
        assert found.excess == pytest.approx(model.group_probabilities @ wanted, rel=1e-10)
        assert (found.exactness, found.error) == ("exact", 0.0)
        coefficients = mt.optimal_coefficients(estimator, model)
        if shared:
            beside, own = coefficients
            seen = np.array(served)[model.block_of] == np.array(served)[:, np.newaxis]
            np.testing.assert_allclose(beside + seen * own, met, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("under", [
    mt.Perturbation(2.0, CONFUSION, 0.7),
    mt.Perturbation(0.1 * np.arange(9.0), CONFUSION, erasure=0.2),
    mt.Perturbation(radius=0.4),
    mt.Perturbation(confusion=CONFUSION, radius=0.4),
], ids=["drag", "erasure", "radius", "misled and shifted"])  # fmt: skip
@pytest.mark.parametrize("shared", [False, True])
def test_perturbed_population_risks_are_those_of_full_matrices(under, shared):
    model = GENERAL["leaking"]
    for served in SERVED:
        estimator = mt.MoE(assignment=served, shared=shared)
        met = matrix_coefficients(model, np.array(served), 0.0, shared=shared)
        found = mt.risk(estimator, model, under=under)
        np.testing.assert_allclose(
            found.per_group - 0.2, matrix_risks(model, met, under), rtol=1e-10
        )


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("noise", [1e-14, 1e13])
def test_risks_keep_their_digits(shared, noise):
    """Without interference the risk is sum b²(P x:y + Q x':y'), from exact fractions."""
    model = GENERAL["leaking"].replace(
        noise_variance=noise, interference_variances=0.0, label_noise_variance=0.0
    )
    p, own = model.group_probabilities, (model.block_of == 1) * 1
    used = [Fraction(p[0]) + Fraction(p[2]), Fraction(p[1])]

    def parallel(x, y):
        return x * y / (x + y)

    risk = Fraction(0)
    for m in range(model.dim):
        signal, leakage, b, n = (
            Fraction(float(each[m]))
            for each in (
                model.signal_variances,
                model.leakage_variances,
                model.coefficients,
                np.full(model.dim, noise),
            )
        )
        often = used[own[m]]
        share = Fraction(p[model.block_of[m]]) / often
        moment = share * signal + (1 - share) * leakage
        off = parallel(leakage, n) if shared else leakage
        risk += b**2 * (often * parallel(moment, n) + (1 - often) * off)
    found = mt.risk(mt.MoE(assignment=(0, 1, 0), shared=shared), model).excess
    assert found == pytest.approx(float(risk), rel=1e-13, abs=0.0)


def rotated():
    """A leaking model of three groups, its blocks correlated, and bases of both together."""
    model = mt.BlockModel.from_covariances(
        [[[2.0, 0.8], [0.8, 1.0]], [[1.0, -0.4, 0.2], [-0.4, 2.0, 0.5], [0.2, 0.5, 1.5]], [[1.0]]],
        [[1.0, -0.5], [0.7, 1.2, -0.3], [0.4]],
        0.6,
        group_probabilities=[0.3, 0.5, 0.2],
        leakage_variances=[0.3, 0.5, 0.2, 0.6, 0.4, 0.3],
    )
    return model, linalg.block_diag(*model.rotations)


@pytest.mark.parametrize("shared", [False, True])
def test_erased_coordinates_are_those_before_the_rotation(shared):
    """All sets of erased coordinates, one by one."""
    (model, basis), erasure, served = rotated(), 0.3, np.array([0, 1, 0])
    met = matrix_coefficients(model, served, 0.0, shared=shared) @ basis.T
    clean, noise = variances(model)
    b, wanted = basis @ model.coefficients, np.zeros(3)
    for kept in itertools.product((0.0, 1.0), repeat=model.dim):
        chance = np.prod(np.where(kept, 1.0 - erasure, erasure))
        for g in range(3):
            signal, both = (
                basis @ np.diag(each) @ basis.T for each in (clean[g], clean[g] + noise[g])
            )
            seen = np.array(kept) * met[g]
            wanted[g] += chance * (b @ signal @ (b - 2.0 * seen) + seen @ both @ seen)
    estimator = mt.MoE(assignment=served, shared=shared)
    found = mt.risk(estimator, model, under=mt.Perturbation(erasure=erasure))
    np.testing.assert_allclose(found.per_group, wanted, rtol=1e-12)


def test_erasure_after_fitting_is_refused_for_the_estimator_that_was_given():
    under = mt.Perturbation(erasure=0.3)
    with pytest.raises(
        NoClosedForm, match=r"got MoE\(.*0, 1, 0\)\) fitted on 200 samples"
    ) as error:
        mt.risk(mt.MoE(assignment=(0, 1, 0)), rotated()[0], samples=200, under=under)
    assert "Dense" not in str(error.value)


def test_an_expert_with_an_infinite_risk_leaves_nothing_asymptotic():
    ones = [1.0] * 12
    model = mt.BlockModel([0.1, 0.3, 0.3, 0.3], np.arange(12) // 3, ones, ones, 1.0)
    found = mt.risk(mt.MoE(assignment=(0, 1, 1, 1)), model, samples=[4, 40, 50, 50])
    assert (found.value, found.exactness, found.error) == (np.inf, "exact", 0.0)


@pytest.mark.parametrize("noise", [1e-14, 0.3])
def test_what_experts_beside_a_shared_one_miss_has_all_its_digits(noise):
    model = STRICT.replace(noise_variance=noise, interference_variances=0.0, leakage_variances=0.5)
    p, served = [Fraction(each) for each in model.group_probabilities], (0, 1, 0)
    met, beside = optimal_predictor(mt.MoE(assignment=served, shared=True), model)
    for m, g in enumerate(model.block_of):
        n, leakage, signal, b = map(
            Fraction, (noise, 0.5, model.signal_variances[m], model.coefficients[m])
        )
        used = sum(p[k] for k in range(3) if served[k] == served[g])
        moment = (p[g] * signal + (used - p[g]) * leakage) / used
        assert met.errors[m] == pytest.approx(float(b * n / (moment + n)), rel=1e-13, abs=0.0)
        assert beside.errors[m] == pytest.approx(float(b * n / (leakage + n)), rel=1e-13, abs=0.0)


def test_the_ends_of_the_ladder():
    for model in GENERAL.values():
        assert (
            mt.risk(mt.MoE(assignment=(0, 0, 0)), model).value == mt.risk(mt.Dense(), model).value
        )
        assert mt.risk(mt.MoE(assignment=(2, 0, 1)), model).value == mt.risk(mt.MoE(), model).value
        for samples in (60, [20, 0, 9]):
            dense, all_in_one = mt.Dense(0.3), mt.MoE(ridge=0.3, assignment=(0, 0, 0))
            one, other = (mt.risk(each, model, samples=samples) for each in (dense, all_in_one))
            assert one.value == other.value


def test_a_group_that_is_never_drawn_counts_as_frequent_as_its_companions():
    p = [0.0, 1.0, 0.0]
    model = GENERAL["leaking"].replace(group_probabilities=p)
    found = mt.risk(mt.MoE(assignment=(0, 1, 0)), model)
    pair = GENERAL["leaking"].replace(group_probabilities=[0.5 - 1e-12, 2e-12, 0.5 - 1e-12])
    np.testing.assert_allclose(
        found.per_group, mt.risk(mt.MoE(assignment=(0, 1, 0)), pair).per_group, rtol=1e-9
    )
    assert found.value == pytest.approx(mt.risk(mt.MoE(), model).value, rel=1e-12)
    ridged = mt.risk(mt.MoE(ridge=0.4, assignment=(0, 1, 0), shared=True), model)
    assert np.all(np.isfinite(ridged.per_group))


@pytest.mark.parametrize("leaks", [False, True])
def test_each_expert_solves_a_dense_problem_of_its_own(leaks):
    """The expert's data: rows of its groups, columns of their blocks; the rest of y is noise."""
    model = mt.BlockModel(*world(3, leaks=leaks, noises="interference")[:3],
                          *world(3, leaks=leaks, noises="interference")[4:6],
                          leakage_variances=world(3, leaks=leaks, noises="interference")[3],
                          interference_variances=world(3, leaks=leaks, noises="interference")[6],
                          label_noise_variance=0.3)  # fmt: skip
    clean, noise = variances(model)
    first, second = expert_problems(mt.MoE(assignment=(0, 1, 0)), model)
    assert (first.groups.tolist(), second.groups.tolist()) == ([0, 2], [1])
    for problem in (first, second):
        seen = np.isin(model.block_of, problem.groups)
        np.testing.assert_array_equal(problem.coordinates, np.flatnonzero(seen))
        own_clean, own_noise = variances(problem.model)
        np.testing.assert_array_equal(own_clean, clean[np.ix_(problem.groups, seen)])
        np.testing.assert_array_equal(own_noise, noise[np.ix_(problem.groups, seen)])
        p = model.group_probabilities[problem.groups]
        np.testing.assert_allclose(problem.model.group_probabilities, p / p.sum(), rtol=1e-14)
        for g in problem.groups:
            unseen = clean[g] @ np.where(seen, 0.0, model.coefficients**2)
            assert problem.unseen == pytest.approx(unseen, rel=1e-14)
        assert problem.model.label_noise_variance == pytest.approx(0.3 + problem.unseen, rel=1e-14)
        # the constructor would make the same model
        assert problem.model == problem.model.replace()
        assert hash(problem.model)


def test_parts_of_a_model_are_as_the_constructor_makes_them():
    covariances = [np.diag([1.0, 2.0]) + 0.5, [[3.0]], np.diag([2.0, 1.0]) + 0.3]
    model = mt.BlockModel.from_covariances(
        covariances,
        [[1.0, 2.0], [1.0], [0.5, 1.0]],
        0.7,
        group_probabilities=[0.0, 1.0, 0.0],
        leakage_variances=0.2,
        interference_variances=0.1,
    ).replace(noise_variance=[1.0, 1.0, 2.0, 1.0, 1.0])
    pair, alone = (each.model for each in expert_problems(mt.MoE(assignment=(0, 1, 0)), model))
    assert (pair.group_probabilities.tolist(), pair.sizes.tolist()) == ([0.5, 0.5], [2, 2])
    assert (pair.noise_variance, pair.strict, pair.interferes) == (1.0, False, True)
    np.testing.assert_array_equal(pair.rotations[1], model.rotations[2])
    # the block of a group alone is never idle
    assert (alone.noise_variance, alone.strict, alone.interferes) == (2.0, True, False)
    assert not alone.leakage_variances.any()


def test_fitted_experts_of_one_group_are_exact_and_others_asymptotic():
    model, samples = STRICT, [30, 40, 50]
    apart, pair = mt.risk(mt.MoE(), model, samples=samples), mt.MoE(assignment=(0, 1, 0))
    found = mt.risk(pair, model, samples=samples)
    assert found.per_group[1] == pytest.approx(apart.per_group[1], rel=1e-13)
    assert found.exactness == "asymptotic"
    assert found.error > 0.0
    # a pair that is never drawn leaves the answer exact
    rare = model.replace(group_probabilities=[0.0, 1.0, 0.0])
    assert mt.risk(pair, rare, samples=samples).exactness == "exact"
    # without samples the expert predicts zero
    empty = mt.risk(pair, model, samples=[0, 40, 0], under=mt.Perturbation(2.0, erasure=0.3))
    null = mt.risk(mt.MoE(), model, samples=[0, 40, 0])
    np.testing.assert_allclose(empty.per_group[[0, 2]], null.per_group[[0, 2]], rtol=1e-13)


def test_fitted_risks_become_those_of_infinitely_many_samples():
    for model in GENERAL.values():
        estimator = mt.MoE(assignment=(0, 1, 0))
        limit = mt.risk(estimator, model).excess
        near, far = (mt.risk(estimator, model, samples=n).excess for n in (10**5, 10**7))
        assert 80.0 < (near - limit) / (far - limit) < 120.0


@pytest.mark.parametrize("under", [None, mt.Perturbation(3.0, erasure=0.25)], ids=["own", "other"])
@pytest.mark.parametrize("ridge", [0.0, 0.5])
def test_fitted_assignments_are_those_of_training_sets(agrees, ridge, under):
    model = GENERAL["leaking"]
    estimator, samples = mt.MoE(ridge=ridge, assignment=(0, 1, 0)), [30, 60, 45]
    theory = mt.risk(estimator, model, samples=samples, under=under)
    risks = mt.simulate(
        estimator, model, samples=samples, under=under, method="data", replicates=8000, rng=5
    )
    assert theory.error < 0.02 * theory.value
    assert agrees(risks.mean, risks.sem, risks.replicates, theory.value)


@pytest.mark.parametrize(
    ("estimator", "arguments", "what", "call"),
    [
        (mt.MoE(shared=True), {"samples": 30}, "shared expert", "samples=..."),
        (
            mt.MoE(mt.Hard(), shared=True),
            {},
            "without a shared expert",
            "simulate(MoE(gate=Hard(), ",
        ),
        (mt.MoE(mt.Soft(), assignment=(0, 0, 1)), {}, "one expert a group", "(0, 0, 1)), model)"),
        (
            mt.MoE(mt.Hard(), assignment=(0, 0, 1)),
            {"samples": 30},
            "one expert a group",
            "samples=...",
        ),
        (
            mt.MoE(assignment=(0, 0, 1)),
            {"samples": 30, "under": mt.Perturbation(confusion=CONFUSION)},
            "wrong expert",
            "samples=..., under=...",
        ),
    ],
)
def test_risks_without_a_formula_name_the_call(estimator, arguments, what, call):
    with pytest.raises(NoClosedForm) as error:
        mt.risk(estimator, STRICT, **arguments)
    assert what in str(error.value)
    assert call in str(error.value)


@pytest.mark.parametrize("served", [(0, 1), (0, 1, 1, 0)])
def test_an_assignment_needs_an_expert_for_each_group(served):
    estimator = mt.MoE(assignment=served)
    for ask in (mt.risk, mt.optimal_coefficients, mt.misclassification, mt.MoE.parameters):
        with pytest.raises(ValueError, match=f"assignment must have 3 entries.*got {len(served)}"):
            ask(estimator, STRICT)


def test_assignments_that_change_nothing_are_known_everywhere():
    each, one = mt.MoE(assignment=(2, 0, 1)), mt.MoE(assignment=(0, 0, 0))
    for ask in (
        lambda estimator: mt.descent(estimator, PLAIN, [3]).value.item(),
        lambda estimator: mt.excess_rate(estimator, PLAIN),
        lambda estimator: mt.optimal_ridge(estimator, PLAIN, 60).ridge,
        lambda estimator: mt.crossover(estimator, mt.MoE(), PLAIN, over="noise_variance"),
        lambda estimator: mt.contraction_factor(estimator, PLAIN).value,
    ):
        assert ask(each) == ask(mt.MoE())
        assert ask(one) == ask(mt.Dense())
    assert (
        mt.risk_distribution(each, PLAIN, 60).mean == mt.risk_distribution(mt.MoE(), PLAIN, 60).mean
    )
    with pytest.raises(ValueError, match="assignment must have 3 entries"):
        mt.excess_rate(mt.MoE(assignment=(0, 1)), PLAIN)


@pytest.mark.parametrize("ask", [mt.risk, mt.misclassification])
def test_gates_that_simulate_would_refuse_are_refused_at_once(ask):
    """No call is named that would be refused."""
    with pytest.raises(NoClosedForm, match="call simulate"):
        ask(mt.MoE(mt.Hard(), assignment=(0, 0, 1)), GENERAL["leaking"])
    with pytest.raises(ValueError, match="k must be at most 2"):
        ask(mt.MoE(mt.TopK(3), assignment=(0, 0, 1)), STRICT)
    with pytest.raises(NoClosedForm) as error:
        ask(mt.MoE(mt.Learned(60), shared=True), STRICT)
    assert "simulate(" not in str(error.value)


def test_other_quantities_are_refused_by_name():
    for estimator in (mt.MoE(assignment=(0, 0, 1)), mt.MoE(shared=True)):
        for ask in (
            lambda each: mt.descent(each, STRICT, [1]),
            lambda each: mt.excess_rate(each, STRICT),
            lambda each: mt.optimal_ridge(each, STRICT, 60),
            lambda each: mt.risk_distribution(each, STRICT, 60),
            lambda each: mt.crossover(mt.Dense(), each, STRICT, over="test_noise_variance"),
            lambda each: mt.crossover(each, mt.MoE(), STRICT, over="noise_variance"),
            lambda each: mt.crossovers(mt.Dense(), each, STRICT, over="samples"),
            lambda each: mt.spiked_spectrum(each, PLAIN, [9, 9, 9]),
            lambda each: mt.simulate_descent(each, STRICT, [1], samples=60, replicates=2),
        ):
            with pytest.raises(NoClosedForm, match="one expert a group, without a shared expert"):
                ask(estimator)
