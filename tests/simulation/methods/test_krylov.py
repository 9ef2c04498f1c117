"""Dense by the vectors of LSQR: the law of its risks, its tolerance, and where it hands over."""

import math
import sys

import numpy as np
import pytest
from scipy import stats

import moetheory as mt
from general_noise import PER_COORDINATE
from moetheory.kernels import Workspace
from moetheory.problem.sample_counts import counts_of
from moetheory.simulation import fitted_risks
from moetheory.simulation.methods.krylov import TOLERANCE, KrylovRoute
from moetheory.simulation.methods.krylov_layouts import RotatedLayout, TriangularLayout

SETS = 5000
LEVEL = 1e-6 / 200  # that one of the comparisons of this file fails by chance

ISOTROPIC = mt.BlockModel(
    [0.5, 0.3, 0.2],
    np.random.default_rng(0).permutation(np.repeat([0, 1, 2], [4, 5, 7])),
    np.ones(16),
    np.linspace(-1.0, 1.3, 16),
    0.5,
)
ISOTROPIC = ISOTROPIC.replace(signal_variances=np.array([1.0, 2.0, 0.7])[ISOTROPIC.block_of])
ANISOTROPIC = ISOTROPIC.replace(signal_variances=np.geomspace(0.3, 3.0, 16))
NOISY = {"label_noise_variance": 0.3}
LOUDER = mt.Perturbation(noise_variance=2.0)

CASES = {
    "isotropic": (ISOTROPIC, 60, {}),
    "isotropic, labels": (ISOTROPIC.replace(**NOISY), 60, {}),
    "isotropic, louder": (ISOTROPIC, 60, {"under": LOUDER}),
    "isotropic, few in a group": (ISOTROPIC, [30, 2, 0], {}),
    "isotropic, n < d": (ISOTROPIC, 9, {}),
    "isotropic, n < d, labels": (ISOTROPIC.replace(**NOISY), [2, 3, 1], {}),
    "isotropic, n < d, one in excess": (ISOTROPIC, [7, 1, 1], {}),
    "isotropic, n < d, dragged": (
        ISOTROPIC,
        9,
        {"under": mt.Perturbation(confusion=mt.even_confusion(3, 0.2), drag=0.5)},
    ),
    "isotropic, drawn counts": (ISOTROPIC, 40, {"counts": "multinomial"}),
    "anisotropic": (ANISOTROPIC, 60, {}),
    "anisotropic, labels": (ANISOTROPIC.replace(**NOISY), 60, {}),
    "anisotropic, n < d": (ANISOTROPIC, [3, 2, 4], {}),
    "anisotropic, drawn counts": (ANISOTROPIC, 40, {"counts": "multinomial"}),
    "anisotropic, a group without samples": (ANISOTROPIC, [30, 0, 25], {}),
    "anisotropic, a group of probability zero": (
        ANISOTROPIC.replace(group_probabilities=[0.6, 0.4, 0.0]),
        60,
        {"counts": "multinomial"},
    ),
    "near the threshold": (ANISOTROPIC, 21, {}),
    "noise of each coordinate": (PER_COORDINATE, 40, {}),
}
SLOW = {"isotropic, labels", "isotropic, n < d, dragged", "anisotropic", "isotropic, louder"}


def route(model, samples, *estimators, counts="fixed", **options):
    """The route for ``estimators``, dense without ridge if there are none."""
    given = estimators or (mt.Dense(),)
    models = model if isinstance(model, tuple) else (model,)
    return KrylovRoute(models, given, counts_of(samples, models[0]), counts, **options)


def risks(model, samples, method, seed, *estimators, **options):
    """Risks given the group, and over all groups, (E, R, K + 1)."""
    given = estimators or (mt.Dense(),)
    found = fitted_risks(given, model, samples, rng=seed, method=method, replicates=SETS, **options)
    overall = found @ model.group_probabilities
    return np.concatenate([found, overall[..., np.newaxis]], axis=-1)


def assert_same_law(here, there):
    """Whole distributions, which an error of a tenth of the spread would separate."""
    for mine, theirs in zip(here.T, there.T, strict=True):
        assert stats.ks_2samp(mine, theirs).pvalue > LEVEL
    logs = np.log(here[:, -1])
    moved = here[:, -1] * np.exp(0.2 * logs.std())
    assert stats.ks_2samp(moved, there[:, -1]).pvalue < LEVEL


@pytest.mark.parametrize(
    "case", [pytest.param(c, marks=pytest.mark.slow) if c in SLOW else c for c in CASES]
)
def test_risks_have_the_law_of_training_sets_drawn_in_full(case):
    model, samples, options = CASES[case]
    here = risks(model, samples, "krylov", 1, **options)[0]
    assert_same_law(here, risks(model, samples, "data", 2, **options)[0])


def test_signs_are_counted_in_the_coordinates_of_the_model():
    """Rotations would change them."""
    here, there = (
        mt.simulate(
            mt.Dense(), ISOTROPIC, samples=60, loss="sign", method=way, replicates=4000, rng=3
        )
        for way in ("krylov", "statistics")
    )
    assert here.method == "krylov"
    spread = math.hypot(here.sem, there.sem)
    assert abs(here.mean - there.mean) < 5.0 * spread < 0.01 * there.mean


@pytest.mark.parametrize("samples", [60, 9])
def test_ridges_share_their_vectors_and_their_joint_law(samples):
    both = [mt.Dense(ridge=0.05), mt.Dense(ridge=1.0)]
    here = risks(ISOTROPIC, samples, "krylov", 3, *both)
    there = risks(ISOTROPIC, samples, "data", 4, *both)
    for mine, theirs in zip(here, there, strict=True):
        assert_same_law(mine, theirs)
    quotients = [each[1, :, -1] / each[0, :, -1] for each in (here, there)]
    assert stats.ks_2samp(*quotients).pvalue > LEVEL
    apart = here[1, :, -1] / np.roll(here[0, :, -1], 1)
    assert stats.ks_2samp(apart, quotients[1]).pvalue < LEVEL


def test_noise_levels_draw_the_same_numbers():
    """Their risks covary as they do on the same rows: what only one has is small."""
    models = (ISOTROPIC, ISOTROPIC.replace(noise_variance=0.55))
    rng = np.random.Generator(np.random.SFC64(0))
    both = route(models, 60).chunk_risks(rng, 400, Workspace())
    overall = np.log(both @ ISOTROPIC.group_probabilities)
    assert np.corrcoef(overall)[0, 1] > 0.9
    rng = np.random.Generator(np.random.SFC64(0))
    same = route((ISOTROPIC, ISOTROPIC), 60).chunk_risks(rng, 20, Workspace())
    np.testing.assert_array_equal(*same)


@pytest.mark.parametrize("case", ["isotropic", "anisotropic, labels", "near the threshold"])
def test_a_risk_is_within_its_tolerance(case, monkeypatch):
    """Of the same training sets, solved to the last digit."""
    model, samples, _ = CASES[case]
    monkeypatch.setattr(sys.modules["moetheory.kernels.krylov_fits"], "CHECKS", 10**6)

    def found(tolerance):
        monkeypatch.setattr(sys.modules[KrylovRoute.__module__], "TOLERANCE", tolerance)
        rng = np.random.Generator(np.random.SFC64(7))
        given = route(model, samples)
        return given.group_risks(rng, 300, Workspace())[0] @ model.group_probabilities

    exact = found(1e-15)
    errors = np.abs(found(TOLERANCE) / exact - 1.0)
    assert errors.max() <= TOLERANCE
    rough = np.abs(found(1e-4) / exact - 1.0)
    assert 1e-9 < rough.max() <= 1e-4


def test_any_workers_and_memory_give_the_same_bits(pool):
    def found(**how):
        return mt.simulate(
            mt.Dense(), ISOTROPIC, samples=100, method="krylov", replicates=20_000, rng=5, **how
        )

    first = found()
    assert first.method == "krylov"
    for how in ({"executor": pool}, {"memory": route(ISOTROPIC, 100).footprint}):
        again = found(**how)
        assert (again.mean, again.sem) == (first.mean, first.sem)


UNEQUAL = np.linspace(0.2, 1.0, 16)


@pytest.mark.parametrize("model", [ISOTROPIC, ANISOTROPIC])
@pytest.mark.parametrize(("samples", "ridge"), [(60, 0.0), (60, 0.3), (9, 0.0)])
def test_every_model_of_a_call_is_looked_at(model, samples, ridge):
    """One may have a noise variance for each coordinate where the first has not."""
    models = [model, model.replace(noise_variance=UNEQUAL)]
    estimates = mt.simulate(mt.Dense(ridge), models, samples=samples, replicates=2000, rng=1)
    if ridge or samples < 16:
        with pytest.raises(ValueError, match="a noise variance for each"):
            mt.simulate(mt.Dense(ridge), models, samples=samples, method="krylov")
        return
    named = mt.simulate(mt.Dense(), models, samples=60, method="krylov", replicates=2000, rng=2)
    for here, there in zip(named, estimates, strict=True):
        assert abs(here.mean - there.mean) < 5.0 * math.hypot(here.sem, there.sem)
    assert named[1].method == "krylov"


def test_groups_that_are_never_met_may_have_all_the_labels():
    """The least risk is zero: what the samples teach sets the goal."""
    block_of = np.repeat([0, 1], 16)
    model = mt.BlockModel(
        [0.0, 1.0], block_of, np.ones(32), np.where(block_of == 0, 1e-3, 0.0), 0.5
    )
    here, there = (
        mt.simulate(mt.Dense(), model, samples=[140, 140], method=way, replicates=4000, rng=1)
        for way in ("krylov", "statistics")
    )
    assert abs(here.mean - there.mean) < 5.0 * math.hypot(here.sem, there.sem) < 0.03 * there.mean


def test_vectors_stay_orthogonal_where_little_is_left_of_them():
    """Strong signals in little noise: one pass of Gram and Schmidt loses nine digits there."""
    model = ISOTROPIC.replace(noise_variance=1e-6)
    module = sys.modules["moetheory.kernels.krylov_fits"]
    seen = []
    made = module._Vectors.append

    def watched(self, vector):
        seen.append(self)
        return made(self, vector)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module._Vectors, "append", watched)
        rng = np.random.Generator(np.random.SFC64(0))
        route(model, 2000).group_risks(rng, 5, Workspace())
    for vectors in {id(each): each for each in seen}.values():
        known = vectors.array[:, : vectors.count, : vectors.width + vectors.grown]
        products = known @ known.mT - np.eye(vectors.count)
        assert np.abs(products).max() < 1e-12


def test_layouts():
    assert isinstance(route(ISOTROPIC, 9).layouts[0], RotatedLayout)
    assert isinstance(route(ANISOTROPIC, 9).layouts[0], TriangularLayout)
    assert isinstance(route(ISOTROPIC, 9, loss="sign").layouts[0], TriangularLayout)
    # one fit: coordinates of noise alone have no names; two fits would get one direction
    assert route(ISOTROPIC, 9).layouts[0].columns < 16
    assert route(ISOTROPIC, 9, mt.Dense(), mt.Dense(0.1)).layouts[0].columns == 16


def method_of(model, samples, **options):
    return mt.simulate(mt.Dense(), model, samples=samples, replicates=2, rng=0, **options).method


LARGE = mt.BlockModel.isotropic(256, 16, 0.25, signal_energy=16.0)


@pytest.mark.parametrize(
    ("samples", "method"),
    [(2560, "krylov"), (1024, "krylov"), (300, "statistics"), (128, "statistics")],
)
def test_the_cheaper_method_is_chosen(samples, method):
    """Vectors where they are few, rows near the threshold."""
    assert method_of(LARGE, samples) == method
    assert route(LARGE, samples).cheaper == (method == "krylov")


def test_steps_are_foreseen():
    """A bound, and not a loose one: of it depend the choice of the method and the memory."""
    rng = np.random.Generator(np.random.SFC64(0))
    module = sys.modules["moetheory.kernels.krylov_fits"]
    taken = []
    counted = module.krylov_fits

    def counting(*arguments, **options):
        found = counted(*arguments, **options)
        taken.append(found.steps.mean())
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.modules["moetheory.kernels"], "krylov_fits", counting)
        for model in (LARGE, mt.BlockModel.power_law(256, 16, 0.25, decay=0.5)):
            for samples in (600, 1024, 2560, 25_600, 64):
                given = route(model, samples)
                given.group_risks(rng, 2, Workspace())
                assert 0.6 * given.steps - 3 <= taken[-1] <= given.steps + 3


def test_at_the_threshold_the_rows_take_over():
    """There the singular values come close to zero, and the variance is infinite."""
    with pytest.warns(mt.HeavyTailWarning):
        assert method_of(ISOTROPIC, 18, method="krylov") == "statistics"
    assert method_of(ISOTROPIC, 22, method="krylov") == "krylov"
    with pytest.warns(mt.HeavyTailWarning):
        assert method_of(LARGE, 256) == "statistics"


REFUSED = {
    "leakage": ({"leakage_variances": 0.1}, 60, {}, "leakage"),
    "interference": ({"interference_variances": 0.1}, 60, {}, "interference"),
    "no noise": ({"noise_variance": 0.0}, 60, {}, "coordinates without noise"),
    "some without noise": (
        {"noise_variance": np.arange(16.0)},
        60,
        {},
        "coordinates without noise",
    ),
    "other noise, few samples": (
        {"noise_variance": np.arange(1.0, 17.0)},
        9,
        {},
        "fewer samples than coordinates and a noise variance for each",
    ),
    "drawn counts, few samples": (
        {},
        9,
        {"counts": "multinomial"},
        "drawn counts and fewer samples than coordinates",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_it_cannot_draw_is_refused_by_name(case):
    changes, samples, options, message = REFUSED[case]
    model = ISOTROPIC.replace(**changes)
    with pytest.raises(ValueError, match=f'method="krylov" is not known with {message}; leave out'):
        mt.simulate(mt.Dense(), model, samples=samples, method="krylov", **options)
    # and left to the rows where nothing is said
    assert method_of(model, samples, **options) == "statistics"


def test_ridge_and_noise_of_each_coordinate_are_refused():
    model = ISOTROPIC.replace(noise_variance=np.arange(1.0, 17.0))
    with pytest.raises(ValueError, match="ridge > 0 and a noise variance for each coordinate"):
        mt.simulate(mt.Dense(ridge=0.1), model, samples=60, method="krylov")


def test_mixtures_are_refused():
    with pytest.raises(ValueError, match=r'method="krylov" is known for Dense alone, got MoE'):
        mt.simulate([mt.Dense(), mt.MoE()], ISOTROPIC, samples=60, method="krylov")


def test_labels_that_are_all_zero():
    model = ISOTROPIC.replace(coefficients=np.zeros(16))
    found = mt.simulate(mt.Dense(), model, samples=60, method="krylov", replicates=5, rng=0)
    assert (found.mean, found.sem) == (0.0, 0.0)
