"""The nearest BlockModel: exact from the moments of one, and what it keeps of other data."""

import numpy as np
import pytest

import moetheory as mt
from moetheory.auditing.moments import SampleMoments
from moetheory.auditing.nearest_model import nearest_model
from moetheory.common.errors import OutOfRangeError

COUNT = 10**6
NOISE = np.array([0.0, 0.01, 0.6, 40.0])


def population(model, basis):
    """Moments without sampling error, blocks turned by ``basis`` and not side by side.

    The features are noisy if the model is, with noise as its blocks are active and not.
    """
    order = np.random.default_rng(0).permutation(model.dim)
    turn = np.zeros((model.dim, model.dim))
    for g in range(model.experts):
        at = np.flatnonzero(model.block_of == g)
        turn[np.ix_(at, at)] = basis[g]
    turn = turn[order]  # features of the data from the coordinates of the model
    p, b = model.group_probabilities, model.coefficients
    group_moments, blocks = [], model.block_of[order]
    second, covariance = np.zeros(model.dim), np.zeros(model.dim)
    for g in range(model.experts):
        active = model.block_of == g
        clean = np.where(active, model.signal_variances, model.leakage_variances)
        noisy = clean + np.where(active, model.noise_variance, model.idle_noise)
        second += p[g] * noisy
        covariance += p[g] * clean * b
        block = np.flatnonzero(blocks == g)
        count = round(p[g] * COUNT)
        scatter, cross = (turn * noisy) @ turn.T, turn @ (clean * b)
        label = clean @ b**2 + model.label_noise_variance
        group_moments.append(moments(count, scatter[np.ix_(block, block)], cross[block], label))
    return (
        group_moments,
        moments(COUNT, (turn * second) @ turn.T, turn @ covariance, 0.0),
        blocks,
    )


def moments(count, second, cross, label):
    """Moments of one label about means of 0."""
    return SampleMoments(
        count,
        np.zeros(len(cross)),
        np.zeros(1),
        count * second,
        count * cross[:, np.newaxis],
        np.array([count * label]),
    )


def turned(sizes, seed=0):
    rng = np.random.default_rng(seed)
    return [np.linalg.qr(rng.normal(size=(s, s)))[0] for s in sizes]


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("interference", [0.0, 0.5])
@pytest.mark.parametrize("leakage", [0.0, 0.2])
def test_the_moments_of_a_model_give_the_model(generic, leakage, interference, intercept):
    true = generic(
        0.0,
        leakage_variances=leakage,
        interference_variances=interference,
        label_noise_variance=0.3,
    )
    found = nearest_model(*population(true, turned(true.sizes)), intercept, 0.7)
    assert found.noise_variance == 0.7
    np.testing.assert_allclose(found.group_probabilities, true.group_probabilities, rtol=1e-12)
    np.testing.assert_array_equal(found.block_of, true.block_of)
    # along the eigenvectors in increasing order, which here are those of each block reversed
    for g in range(3):
        mine, theirs = found.block_of == g, np.flatnonzero(true.block_of == g)[::-1]
        for name in ("signal_variances", "leakage_variances", "interference_variances"):
            np.testing.assert_allclose(
                getattr(found, name)[mine], getattr(true, name)[theirs], rtol=1e-10, atol=1e-10
            )
        np.testing.assert_allclose(
            np.abs(found.coefficients[mine]), np.abs(true.coefficients[theirs]), rtol=1e-9
        )
    assert found.label_noise_variance == pytest.approx(0.3, rel=1e-9)
    for noise in NOISE:
        for estimator in (mt.Dense(), mt.MoE()):
            value = mt.risk(estimator, found.replace(noise_variance=noise)).value
            truth = mt.risk(estimator, true.replace(noise_variance=noise)).value
            assert value == pytest.approx(truth, rel=1e-10)


@pytest.mark.parametrize("leakage", [0.0, 0.5])
def test_noise_that_features_have_is_interference_and_dense_has_its_risk(generic, leakage):
    """Of isotropic blocks that leak alike, or of any strict ones: against plain linear algebra."""
    true = generic([0.3, 5.0, 0.02, 0.4, 0.1, 2.0, 0.7, 0.01, 1.0], label_noise_variance=0.3)
    if leakage:
        true = mt.BlockModel(
            true.group_probabilities,
            true.block_of,
            [2.0] * 9,
            true.coefficients,
            0.7,
            leakage_variances=leakage,
            interference_variances=0.3,
            label_noise_variance=0.3,
        )
    group_moments, overall, blocks = population(true, turned(true.sizes))
    found = nearest_model(group_moments, overall, blocks, True, 0.7)
    assert found.strict == (leakage == 0.0)
    assert found.interferes
    np.testing.assert_allclose(
        np.sort(found.leakage_variances + found.interference_variances),
        np.sort(true.leakage_variances + true.idle_noise),
        rtol=1e-9,
    )
    second, cross = overall.scatter / COUNT, overall.cross[:, 0] / COUNT
    for noise in NOISE:
        explained = cross @ np.linalg.solve(second + noise * np.eye(9), cross)
        value = mt.risk(mt.Dense(), found.replace(noise_variance=noise)).value
        assert value == pytest.approx(true.null_risk - explained, rel=1e-9)


def test_rotations_lead_back_to_the_features(generic):
    true = generic(0.4, leakage_variances=0.2, label_noise_variance=0.3)
    group_moments, overall, blocks = population(true, turned(true.sizes))
    found = nearest_model(group_moments, overall, blocks, True, 0.7)
    assert len(found.rotations) == 3
    for g, basis in enumerate(found.rotations):
        mine = found.block_of == g
        second = (basis * found.signal_variances[mine]) @ basis.T
        np.testing.assert_allclose(
            second, group_moments[g].scatter / group_moments[g].count, atol=1e-12
        )
        cross = group_moments[g].cross[:, 0] / group_moments[g].count
        np.testing.assert_allclose(second @ basis @ found.coefficients[mine], cross, atol=1e-12)


def skewed(samples=500, seed=0):
    """Exponential features with means, correlated within and across blocks; crooked labels."""
    rng = np.random.default_rng(seed)
    block_of, groups = np.array([2, 0, 1, 1, 0, 2, 2, 1]), rng.choice(3, samples, p=[0.5, 0.2, 0.3])
    features = rng.exponential(size=(samples, 8)) @ (np.eye(8) + 0.3 * rng.normal(size=(8, 8)))
    features *= 0.3 + (groups[:, np.newaxis] == block_of)
    labels = features @ rng.normal(size=8) + 0.2 * features[:, 0] ** 2 + groups
    labels += 6.0 * rng.normal(size=samples)
    return features, labels, groups, block_of


def in_typical_units(features, training):
    """The features of the model: in units of the median of their deviations on training."""
    return features / np.median(features[training].std(axis=0))


@pytest.mark.parametrize("intercept", [True, False])
def test_told_experts_of_the_model_have_the_risk_of_those_of_the_data(intercept):
    """sum_g p_g (V_g - c_g'(C_g + s)^-1 c_g) on anything but Gaussians, by plain linear algebra."""
    features, labels, groups, block_of = skewed()
    training = np.arange(500) % 4 != 1
    found = mt.audit(
        features,
        labels,
        groups=groups,
        block_of=block_of,
        intercept=intercept,
        center=intercept,
        held_out=~training,
        noise_variances=[1.0],
        repeats=1,
        rng=0,
    )
    if intercept:
        features = in_typical_units(features, training)
    else:
        features = features / np.median(np.sqrt(np.square(features[training]).mean(axis=0)))
    sizes = np.square(features[training] - intercept * features[training].mean(axis=0))
    assert found.model.noise_variance == pytest.approx(sizes.mean(), rel=1e-12)
    for noise in NOISE:
        expected = 0.0
        for g in range(3):
            own = training & (groups == g)
            x, y = features[own][:, block_of == g], labels[own]
            x, y = x - intercept * x.mean(axis=0), y - intercept * y.mean()
            second, cross = x.T @ x / own.sum(), x.T @ y / own.sum()
            explained = cross @ np.linalg.solve(second + noise * np.eye(len(cross)), cross)
            expected += own.sum() / training.sum() * ((y**2).mean() - explained)
        value = mt.risk(mt.MoE(), found.model.replace(noise_variance=noise)).value
        assert value == pytest.approx(expected, rel=1e-10)


def test_the_model_has_the_second_moments_of_all_samples_along_its_axes():
    """And of the labels: the variance in the groups, and the covariance with what experts say."""
    features, labels, groups, block_of = skewed()
    idle = groups[:, np.newaxis] != block_of
    features += 1.5 * idle * np.random.default_rng(1).normal(size=features.shape)
    found = mt.audit(features, labels, groups=groups, block_of=block_of, rng=0)
    model, training = found.model, ~found.held_out
    p = model.group_probabilities[model.block_of]
    clean = p * model.signal_variances + (1 - p) * model.leakage_variances
    second = clean + (1 - p) * model.interference_variances
    features = in_typical_units(features, training)
    assert not model.strict
    assert model.interferes
    y, said = labels[training], np.zeros(training.sum())
    for g in range(3):
        x, mine = features[training][:, block_of == g], model.block_of == g
        along = (x - x.mean(axis=0)) @ model.rotations[g]
        said += along @ model.coefficients[mine]
        np.testing.assert_allclose(second[mine], along.var(axis=0), rtol=1e-10)
    assert said @ y / len(y) == pytest.approx(clean @ model.coefficients**2, rel=1e-10)
    within = [labels[training & (groups == g)].var() for g in range(3)]
    assert model.null_risk == pytest.approx(model.group_probabilities @ within, rel=1e-10)


def dense_error(model, features, labels):
    """How far dense's risk of the model is from that of the data, relative, at most of `NOISE`."""
    x, y = features - features.mean(axis=0), labels - labels.mean()
    second, cross = x.T @ x / len(x), x.T @ y / len(x)
    errors = []
    for noise in NOISE:
        explained = cross @ np.linalg.solve(second + noise * np.eye(len(cross)), cross)
        risk = mt.risk(mt.Dense(), model.replace(noise_variance=noise)).value
        errors.append(abs(risk / (y.var() - explained) - 1.0))
    return max(errors)


@pytest.mark.parametrize(
    "changes",
    [
        {"noise_variance": 0.5},
        {"interference_variances": 0.5},
        {"noise_variance": 0.5, "leakage_variances": 0.2},
    ],
)
def test_energy_that_labels_do_not_read_is_no_leakage(generic, changes):
    """Taken for leakage, the same energy puts dense's risk ten times as far from the data's."""
    true = generic(**{"noise_variance": 0.0, "label_noise_variance": 0.3, **changes})
    sample = true.sample(20_000, rng=0)
    training = np.arange(20_000) > 1
    model = mt.audit(
        sample.features,
        sample.labels,
        groups=sample.groups,
        block_of=true.block_of,
        held_out=~training,
        noise_variances=[1.0],
        repeats=1,
        rng=0,
    ).model
    features = in_typical_units(sample.features, training)
    data = features[training], sample.labels[training]
    idle = model.leakage_variances + model.interference_variances
    leaking = model.replace(leakage_variances=idle, interference_variances=0.0)
    assert dense_error(model, *data) < 0.1 * dense_error(leaking, *data)


def test_directions_in_which_nothing_varies_have_no_coefficient():
    """A copy of a feature; one that is constant in its group, at a number that rounds."""
    features, labels, groups, block_of = skewed()
    features[:, 3] = features[:, 2]
    features[groups == 0, 1] = 0.1
    features[groups == 0, 4] = 0.7
    found = mt.audit(features, labels, groups=groups, block_of=block_of, rng=0)
    assert np.abs(found.model.coefficients).max() < 50
    assert np.all(found.model.coefficients[found.model.block_of == 0] == 0.0)


def test_where_leakage_would_cost_more_than_there_is_to_lose_it_is_smaller():
    """Labels that do not depend on what leaks: still the risk of experts is that of the data's."""
    rng = np.random.default_rng(0)
    groups = np.repeat([0, 1], 100)
    loud = np.where(groups[:, np.newaxis] == [0, 1], 1.0, 2.0)
    features = rng.normal(size=(200, 2)) * loud
    labels = features[np.arange(200), groups] + 0.1 * rng.normal(size=200)
    held_out = np.arange(200) % 4 == 0
    model = mt.audit(
        features, labels, groups=groups, block_of=[0, 1], held_out=held_out, rng=0
    ).model
    features = in_typical_units(features, ~held_out)
    assert model.label_noise_variance == 0.0
    assert np.all(model.leakage_variances > 0.0)
    assert np.all(model.interference_variances > model.leakage_variances)
    for noise in NOISE:
        expected = 0.0
        for g in range(2):
            own = ~held_out & (groups == g)
            second, cross, _, label = np.cov(features[own, g], labels[own], bias=True).ravel()
            expected += 0.5 * (label - cross**2 / (second + noise))
        value = mt.risk(mt.MoE(), model.replace(noise_variance=noise)).value
        assert value == pytest.approx(expected, rel=1e-10)


def test_no_model_where_there_are_several_labels():
    features, labels, groups, block_of = skewed(60)
    two = np.column_stack([labels, labels**2])
    found = mt.audit(features, two, groups=groups, block_of=block_of, rng=0)
    with pytest.raises(OutOfRangeError, match="labels must be one column for a model"):
        _ = found.model


def test_no_model_where_groups_share_a_block():
    features, labels, groups, _ = skewed(60)
    found = mt.audit(features[:, :2], labels, groups=groups, rng=0)
    with pytest.raises(OutOfRangeError, match="groups must have a block each for a model"):
        _ = found.model


def test_one_expert_has_no_leakage():
    features, labels, _, _ = skewed(60)
    found = mt.audit(features, labels, block_of=[7] * 8, rng=0)
    assert found.model.experts == 1
    np.testing.assert_array_equal(found.model.leakage_variances, 0.0)
    assert not found.model.interferes
    assert mt.risk(mt.Dense(), found.model).value == pytest.approx(
        mt.risk(mt.MoE(), found.model).value
    )
