"""simulate: against theory, against the plain way, and against itself done differently."""

import inspect
import itertools
import math
import multiprocessing
import os
import re
import subprocess
import sys
import tracemalloc
from concurrent.futures import Executor, Future, ThreadPoolExecutor

import numpy as np
import pytest
from scipy import linalg, stats

import moetheory as mt
from general_noise import LEAKING, STRICT
from moetheory import kernels
from moetheory.problem.sample_counts import counts_of
from moetheory.simulation.methods.perturbed_inputs import PerturbedInputs, confused_groups
from moetheory.simulation.plans import families

ESTIMATORS = [mt.Dense(), mt.MoE(), mt.Dense(ridge=0.5), mt.MoE(ridge=0.5)]


@pytest.fixture(scope="module", params=[0.0, 0.3, LEAKING], ids=["0", "0.3", "general noise"])
def simulated(generic, request):
    """A model, or the generic one with this leakage, and estimates on it."""
    model = request.param
    if isinstance(model, float):
        model = generic(leakage_variances=model, label_noise_variance=0.2)
    return model, mt.simulate(ESTIMATORS, model, replicates=1_250_000, rng=11)


def test_simulation_agrees_with_theory(simulated, agrees):
    model, estimates = simulated
    for estimator, estimate in zip(ESTIMATORS, estimates, strict=True):
        theory = mt.risk(estimator, model)
        assert agrees(estimate.mean, estimate.sem, estimate.replicates, theory.value)


@pytest.mark.parametrize(("leakage", "replicates"), [(0.0, 3_100_000), (1.0, 1_600_000)])
@pytest.mark.slow
def test_the_paired_difference_agrees_with_the_gap(generic, agrees, pool, leakage, replicates):
    model = generic(0.1, leakage_variances=leakage)
    arguments = {"replicates": replicates, "rng": 14, "executor": pool}
    estimates = mt.simulate([mt.Dense(), mt.MoE()], model, **arguments)
    gap, value = estimates.difference(0, 1), mt.gap(model)
    assert math.copysign(1.0, value) == (-1.0 if leakage else 1.0)
    assert agrees(gap.mean, gap.sem, gap.replicates, value)
    assert gap.sem < math.hypot(estimates[0].sem, estimates[1].sem)


@pytest.mark.slow
def test_per_group_means_agree_with_theory(generic, agrees, pool):
    """An error given its group is normal, so that the variance of its square is 2r²."""
    model = generic(label_noise_variance=0.2).replace(group_probabilities=[0.32, 0.35, 0.33])
    estimate = mt.simulate(mt.Dense(), model, replicates=3_500_000, rng=12, executor=pool)
    theory = mt.risk(mt.Dense(), model)
    for p, mean, value in zip(
        model.group_probabilities, estimate.per_group, theory.per_group, strict=True
    ):
        n = p * estimate.replicates
        assert agrees(mean, value * math.sqrt(2 / n), int(n), value)


@pytest.mark.parametrize("simulated", [0.0], indirect=True)
def test_the_yardstick_notices_one_per_cent(simulated, agrees):
    model, (estimate, *_) = simulated
    for wrong in (0.99, 1.01):
        value = wrong * mt.risk(mt.Dense(), model).value
        assert not agrees(estimate.mean, estimate.sem, estimate.replicates, value)


def test_theory_and_simulation_agree_with_the_plain_way(sampled, agrees, mean_and_sem):
    """Draw, fit by least squares, test on fresh data: no code shared but the drawing.

    Fitting on n samples costs about d/n = 6e-5 of the risk, a twentieth of a sem.
    """
    model, test = sampled
    train = model.sample(150_000, rng=1)
    dense, *_ = np.linalg.lstsq(train.features, train.labels)
    experts = np.zeros((model.dim, model.experts))
    for g in range(model.experts):
        own, here = model.block_of == g, train.groups == g
        experts[own, g], *_ = np.linalg.lstsq(train.features[here][:, own], train.labels[here])
    every = test.features @ experts
    prediction = np.take_along_axis(every, test.groups[:, np.newaxis], axis=1)[:, 0]
    for estimator, errors in (
        (mt.Dense(), test.features @ dense - test.labels),
        (mt.MoE(), prediction - test.labels),
    ):
        assert agrees(*mean_and_sem(errors**2), mt.risk(estimator, model).value)


# --- under a perturbation -----------------------------------------------------------------------

CONFUSION = [[0.7, 0.2, 0.1], [0.0, 0.9, 0.1], [0.3, 0.3, 0.4]]
EVERYTHING = mt.Perturbation(0.9, CONFUSION, 0.7, noise=stats.laplace(3, 2), erasure=0.3)


@pytest.fixture(scope="module")
def leaky():
    """A model with leakage and label noise, unequal in everything."""
    ranks = np.arange(1.0, 7.0)
    return mt.BlockModel(
        [0.2, 0.5, 0.3],
        [1, 0, 1, 2, 1, 2],
        3.0 / ranks,
        np.cos(ranks) + 0.3,
        0.4,
        leakage_variances=0.2 / ranks,
        label_noise_variance=0.2,
    )


@pytest.fixture(scope="module")
def correlated():
    """Blocks of coordinates that are far from independent."""
    rng = np.random.default_rng(0)
    factors = [rng.standard_normal((size, size)) for size in (1, 3, 2)]
    return mt.BlockModel.from_covariances(
        [factor @ factor.T for factor in factors],
        [np.full(1, 1.5), np.array([1.0, -0.5, 0.8]), np.array([0.3, 0.5])],
        0.4,
        group_probabilities=[0.2, 0.5, 0.3],
        label_noise_variance=0.2,
    )


PERTURBED = {
    "all but a shift": ("leaky", EVERYTHING, 1_700_000),
    "correlated coordinates": (
        "correlated",
        mt.Perturbation(0.6, CONFUSION, 0.5, noise=stats.t(5), erasure=0.2),
        2_200_000,
    ),
    "a shift": ("leaky", mt.Perturbation(0.6, CONFUSION, 0.7, radius=0.4), 1_100_000),
    "general noise": (
        "correlated",
        mt.Perturbation(
            [0.1, 2.0, 0.5, 0.03, 1.0, 0.3],
            CONFUSION,
            0.5,
            noise=stats.laplace(3, 2),
            erasure=0.2,
            interference_variances=[0.4, 0.0, 1.5, 0.7, 0.2, 2.5],
        ),
        2_400_000,
    ),
}


@pytest.mark.parametrize("case", PERTURBED)
def test_perturbed_inputs_agree_with_theory(request, agrees, pool, case):
    name, under, replicates = PERTURBED[case]
    model, pair = request.getfixturevalue(name), [mt.Dense(ridge=0.1), mt.MoE(ridge=0.1)]
    arguments = {"under": under, "replicates": replicates, "rng": 3, "executor": pool}
    estimates = mt.simulate(pair, model, **arguments)
    for estimator, estimate in zip(pair, estimates, strict=True):
        theory = mt.risk(estimator, model, under=under)
        assert agrees(estimate.mean, estimate.sem, replicates, theory.value)
        # a theory that forgets one of its parts is noticed
        for part in ("drag", "erasure", "radius", "interference_variances"):
            given = getattr(under, part)
            if given is not None and np.any(given):
                less = mt.risk(estimator, model, under=under.replace(**{part: 0.0}))
                assert abs(estimate.z(less)) > 10.0


@pytest.mark.parametrize("law", [stats.uniform(), stats.laplace(3, 2), stats.gumbel_r(), None])
def test_noise_has_its_law_in_the_original_coordinates(correlated, law):
    under = mt.Perturbation(noise_variance=0.9, noise=law)
    features = exposed_features(under, correlated, np.zeros((30_000, 6)))
    if law is None:  # it was there when the inputs were drawn
        assert not features.any()
        return
    mean, sd = law.mean(), law.std()
    noise = in_original_coordinates(correlated, features) / math.sqrt(0.9) * sd + mean
    assert min(stats.kstest(column, law.cdf).pvalue for column in noise.T) > 1e-6
    correlation = np.corrcoef(noise.T) - np.eye(6)
    assert np.abs(correlation).max() < 6.0 / math.sqrt(len(noise))


def test_noise_of_several_variances_is_the_root_of_its_covariance_times_draws(correlated):
    """The same draws as for variance 1: in the original coordinates they are multiplied by √N."""
    n, kappa = np.linspace(0.1, 2.0, 6), np.linspace(3.0, 0.0, 6)
    law = stats.laplace(3, 2)
    plain, found = (
        in_original_coordinates(
            correlated,
            exposed_features(
                mt.Perturbation(each, noise=law, interference_variances=more),
                correlated,
                np.zeros((50, 6)),
            ),
        )
        for each, more in ((1.0, 0.0), (n, kappa))
    )
    turn = in_original_coordinates(correlated, np.eye(6)).T
    covariance = turn @ np.diag(n + kappa * (correlated.block_of != 0)) @ turn.T
    root = linalg.sqrtm(covariance)
    np.testing.assert_allclose(found, plain @ root, rtol=1e-10, atol=1e-12)


def test_erasure_drops_original_coordinates_and_leaves_the_others_as_they_are(correlated):
    features = np.random.default_rng(1).standard_normal((30_000, 6))
    before = in_original_coordinates(correlated, features)
    found = exposed_features(mt.Perturbation(erasure=0.3), correlated, features.copy())
    after = in_original_coordinates(correlated, found)
    gone = np.abs(after) < 1e-12
    np.testing.assert_allclose(after[~gone], before[~gone], rtol=1e-9)
    assert np.all(np.abs(gone.mean(axis=0) - 0.3) < 6.0 * math.sqrt(0.21 / len(gone)))
    assert np.abs(np.corrcoef(gone.T) - np.eye(6)).max() < 6.0 / math.sqrt(len(gone))


def exposed_features(under, model, features):
    groups = np.zeros(len(features), dtype=np.int64)
    routed = kernels.BlockEntries.of(model.block_of, groups)
    inputs = kernels.Inputs(features, np.zeros(len(features)), routed)
    return PerturbedInputs(under, model)(np.random.default_rng(0), groups, inputs).features


def in_original_coordinates(model, features):
    whole = np.zeros((model.dim, model.dim))
    for g, basis in enumerate(model.rotations):
        own = np.flatnonzero(model.block_of == g)
        whole[np.ix_(own, own)] = basis
    return features @ whole.T


def test_inputs_are_taken_for_groups_as_the_rows_say():
    groups = np.repeat([0, 1, 2], 20_000)
    taken = confused_groups(np.random.default_rng(0), groups, np.array(CONFUSION))
    shares = np.stack([np.bincount(taken[groups == g], minlength=3) for g in range(3)]) / 20_000
    assert np.abs(shares - CONFUSION).max() < 6.0 * math.sqrt(0.25 / 20_000)
    assert shares[1, 0] == 0.0
    np.testing.assert_array_equal(
        confused_groups(np.random.default_rng(0), groups, np.eye(3)), groups
    )


GATES = [mt.MoE(gate=mt.Hard()), mt.MoE(gate=mt.Soft()), mt.MoE(gate=mt.TopK(2)), mt.Dense()]


def test_a_perturbation_that_changes_nothing_gives_the_bits_of_none(generic):
    arguments = {"replicates": 3000, "rng": 1}
    for method in ("identity", "population"):
        given = {"method": method, **arguments}
        same = mt.simulate(GATES, generic(), under=mt.Perturbation(), **given)
        assert [each.method for each in same] == [method] * 4
        assert_same_bits(same, mt.simulate(GATES, generic(), **given))


def test_gates_keep_what_they_were_in_training(generic):
    """The router of §5 in its own words, on inputs that are perturbed here."""
    model, rows, rng = generic(), 300_000, np.random.default_rng(8)
    under = mt.Perturbation(noise_variance=0.8, noise=stats.laplace(), erasure=0.2)
    lam, b, p, block_of = (
        getattr(model, name)
        for name in ("signal_variances", "coefficients", "group_probabilities", "block_of")
    )
    groups = rng.choice(3, rows, p=p)
    x = rng.standard_normal((rows, 9)) * np.sqrt(lam) * (block_of == groups[:, np.newaxis])
    y = x @ b
    x += rng.laplace(scale=math.sqrt(0.4), size=x.shape)  # of variance 0.8
    x *= rng.random(x.shape) > 0.2
    blocks = block_of == np.arange(3)[:, np.newaxis]
    estimates = mt.simulate(GATES[:2], model, under=under, replicates=300_000, rng=9)

    def errors(noise):
        log = np.log(p) - 0.5 * blocks @ np.log1p(lam / noise)
        log = log + 0.5 * (x**2 * (1.0 / noise - 1.0 / (lam + noise))) @ blocks.T
        w = np.exp(log - log.max(axis=1, keepdims=True))
        w /= w.sum(axis=1, keepdims=True)
        experts = (x * (b * lam / (lam + 0.4))) @ blocks.T
        hard = experts[np.arange(rows), w.argmax(axis=1)]
        return (y - hard) ** 2, (y - np.vecdot(w, experts)) ** 2

    def distance(noise):
        found = zip(estimates, errors(noise), strict=True)
        return [
            abs(a.mean - e.mean()) / math.hypot(a.sem, e.std() / math.sqrt(rows)) for a, e in found
        ]

    assert max(distance(0.4)) < 5.0
    assert max(distance(0.8)) > 10.0


def test_models_keep_their_own_noise_under_a_perturbation(generic):
    models = [generic(label_noise_variance=0.1), generic(0.8, label_noise_variance=0.1)]
    for under in (EVERYTHING, EVERYTHING.replace(noise_variance=None)):
        inputs = mt.simulate(BOTH, models, under=under, replicates=50_000, rng=3)
        for model, estimates in zip(models, inputs, strict=True):
            for estimate, each in zip(estimates, BOTH, strict=True):
                assert abs(estimate.z(mt.risk(each, model, under=under))) < 5.5
        arguments = {"samples": ABOVE, "under": under, "replicates": 500, "rng": 3}
        together = mt.simulate(BOTH, models, **arguments)
        for model, estimates in zip(models, together, strict=True):
            assert_same_bits(estimates, mt.simulate(BOTH, model, **arguments))


LEARNED = mt.MoE(gate=mt.Learned(samples=300))


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"under": "noise"}, ValueError, "under must be a Perturbation, got 'noise'"),
        (
            {"under": mt.Perturbation(confusion=np.eye(2))},
            ValueError,
            "confusion must have 3 rows, one for each group, got 2",
        ),
        (
            {"estimator": GATES, "under": mt.Perturbation(confusion=CONFUSION)},
            ValueError,
            r"confusion needs oracle routing: .* got MoE\(gate=Hard",
        ),
        (
            {"estimator": GATES, "under": mt.Perturbation(radius=0.1)},
            ValueError,
            "radius needs oracle routing",
        ),
        (
            {"method": "identity", "under": mt.Perturbation(erasure=0.1)},
            ValueError,
            r'method="identity" is known for test noise that is normal, .*\(erasure=0.1\)',
        ),
        (
            {"estimator": LEARNED, "under": mt.Perturbation(erasure=0.1)},
            ValueError,
            r'must not learn its gate, .* method="identity" only, .* Perturbation\(erasure',
        ),
        (
            {"samples": 40, "under": mt.Perturbation(radius=0.1, erasure=0.1)},
            mt.NoClosedForm,
            "normal errors only, not with erasure, .* call simulate without samples",
        ),
        (
            {"samples": 40, "under": mt.Perturbation(radius=0.1, noise=stats.t(5))},
            mt.NoClosedForm,
            "normal errors only, not with noise that is not normal",
        ),
    ],
)
def test_perturbations_that_are_refused(generic, changes, error, message):
    with pytest.raises(error, match=message):
        mt.simulate(**{"estimator": mt.Dense(), "model": generic(), **changes})


def test_a_checkpoint_of_another_perturbation_is_refused(generic, tmp_path):
    path, options = tmp_path / "run.npz", {"replicates": 500, "rng": 1}
    first = mt.simulate(BOTH, generic(), under=EVERYTHING, checkpoint=path, **options)
    again = mt.simulate(BOTH, generic(), under=EVERYTHING, checkpoint=path, **options)
    assert_same_bits(first, again)
    for other in (None, EVERYTHING.replace(noise=stats.laplace(3, 2.5)), mt.Perturbation()):
        with pytest.raises(ValueError, match="checkpoint of another run: under is"):
            mt.simulate(BOTH, generic(), under=other, checkpoint=path, **options)


# --- the same bits however the work is done -----------------------------------------------------


class Backwards(Executor):
    """An executor that begins late, with the last task."""

    def __init__(self):
        self.waiting, self.order = [], []

    def submit(self, work, batch):
        future = Future()
        self.waiting.append((future, work, batch))
        if len(self.waiting) == 3:
            while self.waiting:
                last, call, own = self.waiting.pop()
                self.order += own.indices
                last.set_result(call(own))
        return future


ABOVE = [8, 20, 14]  # samples of the groups
RUNS = {
    "population": {},
    "law and statistics": {"samples": ABOVE},
    "data": {"samples": ABOVE, "method": "data"},
    "values kept": {"samples": [5, 20, 14], "method": "data"},
    "perturbed": {"under": EVERYTHING},
    "perturbed fits": {"samples": ABOVE, "under": EVERYTHING},
    "a target": {"samples": ABOVE, "target_sem": 2e-3},
}
BOTH = [mt.Dense(), mt.MoE()]


def chunk_size(model, samples=None, method=None):
    sizes = None if samples is None else counts_of(samples, model)
    plan = families(BOTH, (model,), sizes, "fixed", method)
    return max(family.route.chunk_size for family in plan)


def run(model, name, **options):
    arguments = {"rng": 99, **RUNS[name], **options}
    if "target_sem" not in arguments:
        size = chunk_size(model, arguments.get("samples"), arguments.get("method"))
        # of unequal families all but one have more chunks than two
        arguments["replicates"] = (2 if name in ("data", "perturbed") else 1) * size + 7
    return mt.simulate(BOTH, model, **arguments)


def assert_same_bits(here, there):
    for name in ("means", "covariance", "per_group", "replicates"):
        np.testing.assert_array_equal(getattr(here, name), getattr(there, name))
    if here.values is not None:
        for mine, other in zip(here.values, there.values, strict=True):
            np.testing.assert_array_equal(mine, other)


@pytest.mark.filterwarnings("ignore:.*infinite:moetheory.HeavyTailWarning")
@pytest.mark.parametrize("name", RUNS)
def test_the_same_bits_for_any_memory_executor_and_number_of_workers(generic, pool, name):
    model = generic()
    here = run(model, name)
    assert_same_bits(run(model, name, executor=pool, memory=60 * 2**20), here)
    for workers in (1, 4) if name == "data" else (4,):
        with ThreadPoolExecutor(workers) as threads:
            assert_same_bits(run(model, name, executor=threads), here)
            assert threads.submit(int, 3).result() == 3  # not shut down


@pytest.fixture(scope="module")
def three_chunks(generic):
    """Arguments, and the estimates that they give."""
    arguments = {"samples": ABOVE, "method": "data"}
    arguments["replicates"] = 3 * chunk_size(generic(), ABOVE, "data")
    return arguments, mt.simulate(BOTH, generic(), rng=99, **arguments)


def test_results_that_come_in_another_order_are_merged_in_theirs(generic, three_chunks):
    executor = Backwards()
    arguments, here = three_chunks
    there = mt.simulate(BOTH, generic(), rng=99, executor=executor, **arguments)
    assert executor.order == [2, 1, 0]
    assert_same_bits(there, here)
    perturbed = {"under": EVERYTHING, "rng": 99, "replicates": 3 * chunk_size(generic())}
    there = mt.simulate(BOTH, generic(), executor=executor, **perturbed)
    assert executor.order == 2 * [2, 1, 0]
    assert_same_bits(there, mt.simulate(BOTH, generic(), **perturbed))


def test_our_own_processes_give_the_same_bits(generic, three_chunks):
    before = multiprocessing.active_children()
    arguments, here = three_chunks
    assert_same_bits(mt.simulate(BOTH, generic(), rng=99, executor=2, **arguments), here)
    assert set(multiprocessing.active_children()) == set(before)  # in no order


def test_several_blas_threads_in_this_process_change_nothing(generic):
    """The number of threads is one while chunks are worked on, whatever it was before."""
    model = mt.BlockModel.isotropic(300, 3, 1.0, signal_energy=300.0)
    code = (
        "import moetheory as mt; m = mt.BlockModel.isotropic(300, 3, 1.0, signal_energy=300.0); "
        "print(mt.simulate(mt.Dense(), m, samples=900, replicates=4, rng=1).mean.hex())"
    )
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "2"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    here = mt.simulate(mt.Dense(), model, samples=900, replicates=4, rng=1)
    assert done.stdout.strip() == here.mean.hex()


class Dying(Executor):
    """An executor that works at once and breaks after two tasks."""

    def __init__(self):
        self.left = 2

    def submit(self, call, number):
        if self.left == 0:
            raise RuntimeError("cannot schedule new futures after shutdown")
        self.left -= 1
        future = Future()
        future.set_result(call(number))
        return future


def test_what_an_executor_that_dies_has_finished_is_kept(generic, three_chunks, tmp_path):
    path = tmp_path / "run.npz"
    arguments, here = three_chunks
    with pytest.raises(mt.ExecutorError, match=r"Dying takes no more work .*run.npz'.* goes on"):
        mt.simulate(BOTH, generic(), rng=99, executor=Dying(), checkpoint=path, **arguments)
    with np.load(path) as saved:
        assert saved["0/index"].tolist() == [0, 1]
    there = mt.simulate(BOTH, generic(), checkpoint=path, **arguments)  # the seed is in the file
    assert_same_bits(there, here)


def test_progress_true_is_a_line_on_stderr(generic, capsys, monkeypatch):
    clock = itertools.count(0.0, 11.0)
    monkeypatch.setattr("moetheory.common.terminal.time.monotonic", lambda: next(clock))
    mt.simulate(mt.MoE(), generic(), replicates=200_001, rng=0, progress=True)
    assert re.search(r"% of 200001 replicates, .*/s.*left: simulate\n", capsys.readouterr().err)


# --- stopping ----------------------------------------------------------------------------------


def test_a_target_ends_with_the_first_chunks_that_meet_it(generic):
    arguments = {"samples": ABOVE, "rng": 7}
    estimate = mt.simulate(mt.Dense(), generic(), target_sem=9e-4, **arguments)
    sizes = np.array(ABOVE)
    size = families([mt.Dense()], (generic(),), sizes, "fixed", None)[0].route.chunk_size
    chunks, rest = divmod(estimate.replicates, size)
    assert (rest, chunks >= 2) == (0, True)
    again = mt.simulate(mt.Dense(), generic(), replicates=estimate.replicates, **arguments)
    assert (again.mean, again.sem) == (estimate.mean, estimate.sem)
    fewer = mt.simulate(mt.Dense(), generic(), replicates=(chunks - 1) * size, **arguments)
    assert estimate.sem <= 9e-4 < fewer.sem


def test_a_target_is_not_met_by_a_lucky_few(generic):
    """A chunk is a few training sets here: two equal ones would look exact."""
    model = mt.BlockModel.isotropic(300, 2, 1.0, signal_energy=300.0)
    estimate = mt.simulate(mt.Dense(), model, samples=450, target_sem=1e3, rng=0)
    sizes = counts_of(450, model)
    size = families([mt.Dense()], (model,), sizes, "fixed", None)[0].route.chunk_size
    assert size < 20
    assert 100 <= estimate.replicates < 100 + size


def test_parts_are_the_whole(generic):
    arguments = {"samples": ABOVE, "replicates": 50_000, "rng": 7}
    whole = mt.simulate(mt.Dense(), generic(), **arguments)
    parts = [mt.simulate(mt.Dense(), generic(), part=(i, 3), **arguments) for i in range(3)]
    assert sum(part.replicates for part in parts) == whole.replicates
    mean = sum(part.mean * part.replicates for part in parts) / whole.replicates
    assert mean == pytest.approx(whole.mean, rel=1e-12)
    assert len({part.mean for part in parts}) == 3
    # the law of the experts has fewer chunks than parts
    none, some = mt.simulate(BOTH, generic(), part=(0, 3), **arguments), parts[0]
    assert (none[0].mean, none[1].replicates) == (some.mean, 0)
    assert np.isnan([none[1].mean, none[1].sem, none.difference(0, 1).mean]).all()


# --- shared draws ------------------------------------------------------------------------------


@pytest.mark.parametrize("method", [None, "statistics", "data"])
def test_models_that_differ_in_their_noise_share_the_draws(generic, method):
    """Each model gets the bits that it would get alone."""
    first = generic(label_noise_variance=0.1)
    models = [first, generic(0.8, label_noise_variance=0.1), first.replace(noise_variance=0.0)]
    models.append(first.replace(noise_variance=STRICT.noise_variance))
    models.append(first)  # the same object once more
    arguments = {"samples": ABOVE, "replicates": 2000, "rng": 3, "method": method}
    together = mt.simulate(BOTH, models, **arguments)
    for model, estimates in zip(models, together, strict=True):
        assert_same_bits(estimates, mt.simulate(BOTH, model, **arguments))
    dense = mt.simulate(mt.Dense(), models, **arguments)
    assert [each.mean for each in dense] == [each[0].mean for each in together]
    assert dense.paired(0, 1)
    assert dense.difference(0, 1).sem < 0.8 * math.hypot(dense[0].sem, dense[1].sem)


@pytest.mark.parametrize("method", [None, "data"])
def test_models_that_interfere_share_the_draws(method):
    models = [STRICT, STRICT.replace(noise_variance=0.5)]
    arguments = {"samples": ABOVE, "replicates": 200, "rng": 3, "method": method}
    together = mt.simulate(BOTH, models, **arguments)
    for model, estimates in zip(models, together, strict=True):
        assert_same_bits(estimates, mt.simulate(BOTH, model, **arguments))


def test_models_that_differ_in_their_interference_are_refused():
    """Their training sets are reduced to rows of other shapes."""
    models = [STRICT, STRICT.replace(interference_variances=0.0)]
    with pytest.raises(ValueError, match=r"differ only in noise_variance; model\[1\] differs"):
        mt.simulate(mt.Dense(), models)


def test_population_models_share_the_draws(generic):
    """Of each group as many as the most demanding of the models asks for."""
    models = [generic(), generic(), generic(np.linspace(0.4, 1.2, 9))]
    together = mt.simulate(mt.Dense(), models, replicates=2000, rng=3)
    assert together[0].mean == together[1].mean
    assert together.difference(0, 2).sem < 0.5 * math.hypot(together[0].sem, together[2].sem)


def test_a_difference_says_whether_it_is_paired(generic):
    estimators = [mt.Dense(), mt.MoE(), mt.Dense(ridge=0.1)]
    estimates = mt.simulate(estimators, generic(), samples=60, replicates=3000, rng=0)
    paired, independent = estimates.difference(0, 2), estimates.difference(0, 1)
    assert paired.method == "statistics, same draws"
    assert independent.method == "statistics and law, independent draws"
    assert (estimates.paired(0, 2), estimates.paired(0, 1)) == (True, False)
    assert independent.sem == pytest.approx(math.hypot(estimates[0].sem, estimates[1].sem))
    assert paired.sem < 0.5 * math.hypot(estimates[0].sem, estimates[2].sem)


# --- heavy tails -------------------------------------------------------------------------------


def test_signs_of_several_models_and_their_differences(generic, pool):
    """The same bits for other workers and memory; differences are paired; nothing is infinite."""
    models = [generic(), generic(1.5)]
    estimators = [mt.Dense(), mt.MoE(assignment=(0, 0, 1))]
    # two chunks, and a few more inputs
    options = {"loss": "sign", "rng": 1, "replicates": 2 * 58248 + 50}
    here = mt.simulate(estimators, models, **options)
    there = mt.simulate(estimators, models, executor=pool, memory=12 * 2**20, **options)
    for mine, other in zip(here, there, strict=True):
        assert_same_bits(mine, other)
        assert mine.loss == "sign"
        assert 0.0 < mine.difference(0, 1).sem < math.hypot(mine[0].sem, mine[1].sem)
    for both, noise in zip(here, (0.4, 1.5), strict=True):
        theory = [mt.misclassification(each, generic(noise)) for each in estimators]
        assert abs(both.difference(0, 1).z(theory[0].value - theory[1].value)) < 5.0
    near = mt.simulate(estimators[1], generic(), samples=[3, 4, 3], loss="sign", replicates=50)
    assert math.isfinite(near.sem)


@pytest.mark.parametrize(
    "under",
    [mt.Perturbation(radius=0.2), mt.Perturbation(erasure=0.2), mt.Perturbation(noise=stats.t(5))],
)
def test_signs_of_fits_are_known_for_normal_predictions(generic, under):
    with pytest.raises(mt.NoClosedForm, match=r"sign of fits .* call simulate without samples"):
        mt.simulate(mt.Dense(), generic(), samples=40, under=under, loss="sign")
    assert mt.simulate(mt.Dense(), generic(), under=under, loss="sign", replicates=99).mean < 1.0


def test_labels_that_do_not_vary_have_no_sign(generic):
    still = np.where(generic().block_of == 1, 0.0, 1.0)
    model = generic().replace(coefficients=still)
    for samples in (None, 40):
        with pytest.raises(ValueError, match=r"must have labels that vary .* of group 1 with"):
            mt.simulate(mt.MoE(), model, samples=samples, loss="sign")
    never = model.replace(group_probabilities=[0.5, 0.0, 0.5])
    options = {"loss": "sign", "replicates": 100, "rng": 0}
    for samples in (None, [20, 20, 20]):
        found = mt.simulate(mt.MoE(), never, samples=samples, **options)
        assert np.isnan(found.per_group).tolist() == [False, True, False]
        assert 0.0 < found.mean < 0.5


def test_infinite_variance_is_named_and_the_median_stands_in(generic):
    with pytest.warns(mt.HeavyTailWarning, match="of moe is infinite: group 1 has 7"):
        estimates = mt.simulate(BOTH, generic(), samples=[8, 7, 14], replicates=4000, rng=0)
    dense, moe = estimates
    assert math.isfinite(dense.sem)
    assert (moe.sem, moe.interval(), moe.z(0.0)) == (math.inf, (-math.inf, math.inf), 0.0)
    law = mt.risk_distribution(mt.MoE(), generic(), [8, 7, 14])
    low, high = moe.median_interval(0.999)
    assert low < moe.median < high
    assert low <= law.quantile(0.5) <= high
    assert high - low < 0.1 * moe.median
    assert estimates.difference(0, 1).sem == math.inf
    assert estimates.difference(0, 1).median is None  # of independent draws
    with pytest.warns(mt.HeavyTailWarning):
        paired = mt.simulate(
            BOTH, generic(), samples=[8, 7, 14], replicates=400, method="data", rng=0
        )
    differences = paired[0].values - paired[1].values
    assert paired.difference(0, 1).median == pytest.approx(np.median(differences))


@pytest.mark.parametrize("estimator", [mt.MoE(), BOTH])
def test_the_warning_points_at_the_line_that_calls_simulate(generic, estimator):
    here = inspect.currentframe().f_lineno + 2
    with pytest.warns(mt.HeavyTailWarning) as caught:
        mt.simulate(estimator, generic(), samples=[8, 7, 14], replicates=2, rng=0)
    assert [(each.filename, each.lineno) for each in caught] == [(__file__, here)]


def test_a_target_that_cannot_be_met_is_refused_at_once(generic):
    with pytest.raises(ValueError, match=r"target_sem=0.1 cannot be met: .* 10 samples for 9"):
        mt.simulate(mt.Dense(), generic(), samples=10, target_sem=0.1)


# -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("samples", [None, 50])
def test_entropy_replays_and_seeds_matter(generic, samples):
    def run(rng):
        estimate = mt.simulate(mt.MoE(), generic(), samples=samples, replicates=500, rng=rng)
        return estimate.mean, estimate.sem, estimate.entropy

    for rng in (3, np.random.SeedSequence(3).spawn(1)[0], np.random.default_rng(3), None):
        first = run(rng)
        assert run(first[-1]) == first
    assert run(4)[0] != run(3)[0]


def test_a_fitted_estimator_alone_or_among_others_gets_the_same_bits(generic):
    model = generic(leakage_variances=0.1)
    arguments = {"samples": 50, "replicates": 5000, "rng": 0}
    alone = mt.simulate(mt.MoE(), model, **arguments)
    among = mt.simulate([mt.Dense(), mt.MoE()], model, **arguments)[1]
    assert (alone.mean, alone.sem) == (among.mean, among.sem)
    np.testing.assert_array_equal(alone.per_group, among.per_group)


@pytest.mark.parametrize("samples", [None, 50])
def test_an_estimator_does_not_differ_from_itself(generic, samples):
    model = generic(label_noise_variance=0.1)
    twice = mt.simulate([mt.MoE(), mt.MoE()], model, samples=samples, replicates=2000, rng=0)
    difference = twice.difference(0, 1)
    assert (difference.mean, difference.sem) == (0.0, 0.0)


def test_permuting_coordinates_within_and_across_blocks_keeps_the_risk(generic, agrees):
    """Interleaved blocks: another stream of draws, the same law."""
    model = generic()
    order = np.array([3, 8, 0, 5, 7, 1, 4, 2, 6])
    shuffled = model.replace(
        block_of=model.block_of[order],
        signal_variances=model.signal_variances[order],
        coefficients=model.coefficients[order],
    )
    estimate = mt.simulate(mt.MoE(), shuffled, replicates=1_350_000, rng=21)
    value = mt.risk(mt.MoE(), model).value
    assert agrees(estimate.mean, estimate.sem, estimate.replicates, value)


@pytest.mark.parametrize(("samples", "replicates"), [(None, 130_000), (30, 26_000)])
def test_memory_is_bounded_by_the_chunk_not_by_the_replicates(generic, samples, replicates):
    model = generic()
    peaks = []
    for total in (replicates, 4 * replicates):
        # buffers are kept from call to call: each call begins in a thread without any
        with ThreadPoolExecutor(1) as thread:
            tracemalloc.start()
            try:
                thread.submit(both, model, samples, total).result()
                peaks.append(tracemalloc.get_traced_memory()[1])
            finally:
                tracemalloc.stop()
    sizes = None if samples is None else counts_of(samples, model)
    plan = families([mt.Dense(), mt.MoE()], (model,), sizes, "fixed", None)
    assert peaks[1] < 1.2 * peaks[0] < 1.2 * sum(each.route.footprint for each in plan)


def both(model, samples, replicates):
    estimators = [mt.Dense(), mt.MoE()]
    return mt.simulate(estimators, model, samples=samples, replicates=replicates, rng=0)


@pytest.mark.parametrize(("samples", "replicates"), [(None, 130_001), (30, 120_001)])
def test_progress_counts_to_the_end(generic, samples, replicates):
    calls = []
    mt.simulate(
        mt.MoE(),
        generic(),
        samples=samples,
        replicates=replicates,
        rng=0,
        progress=lambda *call: calls.append(call),
    )
    assert calls[-1] == (replicates, replicates)
    assert len(calls) > 2
    assert [done for done, _ in calls] == sorted({done for done, _ in calls})


def test_a_thousand_training_sets_unless_told_otherwise(generic):
    estimate = mt.simulate(mt.MoE(), generic(), samples=60, rng=0)
    assert (estimate.replicates, estimate.method) == (1000, "law")
    assert mt.simulate(mt.MoE(), generic(), rng=0).replicates == 100_000


def test_a_group_that_is_never_drawn_has_no_mean(generic):
    model = generic().replace(group_probabilities=[0.4, 0.6, 0.0])
    per_group = mt.simulate(mt.Dense(), model, replicates=1000, rng=0).per_group
    assert np.isnan(per_group).tolist() == [False, False, True]


def test_without_noise_there_is_nothing_to_see(generic):
    estimate = mt.simulate(mt.MoE(), generic(0.0), replicates=1000, rng=0)
    assert estimate.mean < 1e-28
    assert mt.simulate(mt.Dense(), generic(1.0).replace(coefficients=np.zeros(9)), rng=0).sem == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"replicates": 1}, "replicates must be at least 2, got 1"),
        ({"replicates": 10.5}, "replicates must be an integer, got 10.5"),
        ({"target_sem": 0.0}, "target_sem must be greater than 0, got 0"),
        ({"target_sem": 0.1, "replicates": 5}, "replicates cannot be combined with target_sem"),
        ({"target_sem": 0.1, "part": (0, 2)}, "part cannot be combined with target_sem"),
        ({"part": (2, 2)}, r"part\[0\] must be at most 1, got 2"),
        ({"part": 3}, r"part must be a pair \(i, m\) of integers, got 3"),
        ({"part": (0, 3)}, "part needs rng, the seed that all parts share"),
        ({"part": (0, 3), "rng": 1}, "part must be one of at most 2 parts, .*, got one of 3"),
        ({"memory": 0}, "memory must be at least 1, got 0"),
        ({"memory": 10**5}, r"memory must be at least \d+ MiB \(\d+ bytes\) .*, got 100000 bytes"),
        ({"executor": 0}, "executor must be at least 1, got 0"),
        ({"executor": "dask"}, "executor must be a concurrent.futures.Executor, .* got 'dask'"),
        ({"progress": "bar"}, "progress must be a function, True, False or None, got 'bar'"),
        ({"model": []}, "model must name at least one model"),
        ({"rng": -1}, "rng must be None"),
        ({"estimator": []}, "estimator must name at least one"),
        ({"estimator": ["dense"]}, "estimator must be Dense"),
        ({"samples": 0}, "samples must be at least 1, got 0"),
        ({"samples": 10.5}, "samples must be an integer, got 10.5"),
        ({"samples": [3, 4]}, r"samples must be an integer or have shape \(3,\), got \(2,\)"),
        ({"samples": 9, "counts": "poisson"}, "counts must be .*, got 'poisson'"),
        ({"samples": 9, "counts": None}, "counts must be .*, got None"),
        ({"samples": 9, "counts": ["fixed"]}, "counts must be .*, got \\['fixed'\\]"),
        ({"counts": "multinomial"}, 'counts="multinomial" needs samples, .* got none'),
        (
            {"samples": [3, 4, 5], "counts": "multinomial"},
            r'samples must be an integer with counts="multinomial", .* got \[3, 4, 5\]',
        ),
    ],
)
def test_bad_arguments(generic, changes, message):
    arguments = {"estimator": mt.Dense(), "model": generic(), **changes}
    with pytest.raises(ValueError, match=message):
        mt.simulate(**arguments)
