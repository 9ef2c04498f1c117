"""simulate_descent: against theory, against simulate, and against itself done differently."""

import itertools
import math
import multiprocessing
import re
import tracemalloc
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest

import moetheory as mt
from moetheory.problem.descent_schedule import checked_schedule
from moetheory.problem.model import BlockModel
from moetheory.simulation.plans import descent_families

BOTH = [mt.Dense(), mt.MoE()]
EVERY = [mt.Dense(), mt.MoE(), mt.Dense(ridge=0.2), mt.MoE(ridge=0.2)]
FAR = 10**15
CONFUSION = [[0.7, 0.2, 0.1], [0.0, 0.9, 0.1], [0.3, 0.3, 0.4]]


@pytest.fixture(scope="module")
def mixed(generic):
    """Interleaved blocks."""

    def make(**changes) -> BlockModel:
        model, order = generic(**changes), np.array([3, 8, 0, 5, 7, 1, 4, 2, 6])
        return model.replace(
            block_of=model.block_of[order],
            signal_variances=model.signal_variances[order],
            coefficients=model.coefficients[order],
        )

    return make


# --- what it starts from and where it ends -----------------------------------------------------

WORLDS = {
    "plenty": ({"label_noise_variance": 0.2}, [9, 20, 14], "fixed"),
    "a group with few": ({"label_noise_variance": 0.2}, [1, 20, 14], "fixed"),
    "a group without": ({}, [0, 20, 14], "fixed"),
    "fewer than coordinates": ({"label_noise_variance": 0.2}, [2, 3, 2], "fixed"),
    "leakage": ({"leakage_variances": 0.3}, [9, 20, 14], "fixed"),
    "leakage and fewer": ({"leakage_variances": 0.3}, [2, 3, 2], "fixed"),
    "drawn": ({"label_noise_variance": 0.2}, 30, "multinomial"),
    "drawn and fewer": ({}, 6, "multinomial"),
    "no noise": ({"noise_variance": 0.0, "label_noise_variance": 0.2}, [1, 20, 14], "fixed"),
}


def means(found):
    return np.array([each.mean for each in found])


@pytest.mark.filterwarnings("ignore:.*infinite:moetheory.HeavyTailWarning")
@pytest.mark.parametrize("method", ["statistics", "data"])
@pytest.mark.parametrize("world", WORLDS)
def test_it_goes_from_null_to_what_simulate_fits(mixed, world, method):
    """Descent and `simulate` use the same training sets and differ only by rounding."""
    changes, samples, counts = WORLDS[world]
    model = mixed(**changes)
    arguments = {"samples": samples, "counts": counts, "method": method, "replicates": 25, "rng": 1}
    for training in ("own", "joint"):
        found = mt.simulate_descent(EVERY, model, [FAR, 0], training=training, **arguments)
        fitted = mt.simulate(EVERY, model, **arguments)
        np.testing.assert_allclose(means(found)[:, 0], fitted.means, rtol=1e-7)
        np.testing.assert_allclose(means(found)[:, 1], model.null_risk, rtol=1e-14)
        # as observed, where the variance is infinite, too
        sems = np.sqrt(np.diagonal(fitted.covariance))
        np.testing.assert_allclose([each.sem[0] for each in found], sems, rtol=1e-6)
        per_group = [each.estimates.per_group[0] for each in found]
        np.testing.assert_allclose(per_group, fitted.per_group, rtol=1e-6)


def test_with_a_single_expert_dense_is_the_expert():
    model = BlockModel([1.0], [0, 0, 0], [3.0, 2.0, 0.5], [1.0, -0.5, 2.0], 0.4)
    for training in ("own", "joint"):
        dense, moe = mt.simulate_descent(
            BOTH, model, [0, 3, FAR], samples=9, training=training, replicates=40, rng=0
        )
        np.testing.assert_array_equal(dense.mean, moe.mean)
        fitted = mt.simulate(BOTH, model, samples=9, method="statistics", replicates=40, rng=0)
        assert dense.mean[-1] == pytest.approx(fitted[0].mean, rel=1e-8)


@pytest.mark.parametrize("method", ["statistics", "data"])
def test_fits_are_tested_under_what_differs_at_test(mixed, method):
    model = mixed(label_noise_variance=0.2)
    under = mt.Perturbation(0.9, CONFUSION, 0.7, erasure=0.2)
    arguments = {"samples": [9, 20, 14], "method": method, "replicates": 20, "rng": 1}
    found = mt.simulate_descent(EVERY, model, [0, FAR], under=under, **arguments)
    fitted = mt.simulate(EVERY, model, under=under, **arguments)
    np.testing.assert_allclose(means(found)[:, 1], fitted.means, rtol=1e-8)
    np.testing.assert_allclose(means(found)[:, 0], model.null_risk, rtol=1e-14)


def test_steps_covary_as_they_do_on_data_where_a_fit_alone_could_be_rotated():
    """One direction for all steps would be right for each and wrong for their differences."""
    model = BlockModel.isotropic(12, 3, 0.5, signal_energy=12.0, label_noise_variance=0.2)
    arguments = {"samples": 6, "replicates": 20_000, "rng": 3}
    found = mt.simulate_descent(mt.Dense(), model, [1, 20], **arguments)
    plain = mt.simulate_descent(mt.Dense(), model, [1, 20], method="data", **arguments)
    here, there = (each.estimates.difference(1, 0) for each in (found, plain))
    assert abs(here.mean - there.mean) < 5 * math.hypot(here.sem, there.sem)
    assert here.sem == pytest.approx(there.sem, rel=0.05)


# --- theory ------------------------------------------------------------------------------------


def one_step_risks(model, counts, step):
    """Dense, and experts on their own samples, after a step from zero: means and variances of
    products of normals, coordinate by coordinate."""
    n, own = np.asarray(counts), model.block_of == np.arange(model.experts)[:, np.newaxis]
    signal = np.where(own, model.signal_variances, model.leakage_variances)
    noisy, crossed = signal + model.noise_variance, signal * model.coefficients
    label = signal @ model.coefficients**2 + model.label_noise_variance
    spread = noisy * label[:, np.newaxis] + crossed**2
    share = (n / n.sum())[:, np.newaxis]

    def risk(mean, variance):
        missed = signal * ((model.coefficients - mean) ** 2 + variance)
        noise = model.noise_variance * (mean**2 + variance)
        return model.group_probabilities @ (missed + noise).sum(axis=1) + model.label_noise_variance

    dense = risk(
        step * (share * crossed).sum(axis=0), step**2 * (share * spread).sum(axis=0) / n.sum()
    )
    experts = risk(
        np.where(own, step * crossed, 0.0), np.where(own, step**2 * spread / n[:, np.newaxis], 0.0)
    )
    return dense, experts


@pytest.mark.parametrize(("leakage", "counts"), [(0.0, [9, 20, 14]), (0.3, [2, 3, 3])])
def test_one_step_is_what_theory_says(mixed, agrees, leakage, counts):
    model = mixed(leakage_variances=leakage, label_noise_variance=0.2)
    sets = 1500
    found = mt.simulate_descent(
        BOTH, model, [1], samples=counts, step_size=0.05, replicates=sets, rng=5
    )
    for each, value in zip(found, one_step_risks(model, counts, 0.05), strict=True):
        assert agrees(each.mean[0], each.sem[0], sets, value)


@pytest.mark.filterwarnings("ignore:.*lack samples:moetheory.RareGroupWarning")
@pytest.mark.parametrize("training", ["own", "joint"])
@pytest.mark.parametrize(
    ("world", "step"), [("plenty", "optimal"), ("leakage and fewer", 0.02), ("drawn", "optimal")]
)
def test_statistics_and_data_have_the_same_risks(mixed, world, step, training):
    changes, samples, counts = WORLDS[world]
    arguments = {"samples": samples, "counts": counts, "step_size": step, "training": training}
    found, plain = (
        mt.simulate_descent(
            BOTH, mixed(**changes), [1, 4, 30], method=method, replicates=4000, rng=rng, **arguments
        )
        for rng, method in enumerate(["statistics", "data"])
    )
    for here, there in zip(found, plain, strict=True):
        z = (here.mean - there.mean) / np.hypot(here.sem, there.sem)
        assert np.abs(z).max() < 5.5
        assert np.all(here.sem < 0.01 * here.mean)
        np.testing.assert_allclose(here.sem, there.sem, rtol=0.2)


def test_what_fits_the_noise_in_the_end_is_best_stopped_early():
    model = BlockModel.isotropic(32, 4, 1.0, signal_energy=32.0, label_noise_variance=0.5)
    steps = [0, *2 ** np.arange(12), 10**9]
    dense = mt.simulate_descent(
        mt.Dense(), model, steps, samples=24, step_size=0.05, replicates=300, rng=0
    )
    best = dense.best
    assert 0 < best.place < len(steps) - 1
    assert (best.steps, best.risk.mean) == (steps[best.place], dense.mean.min())
    for place in (0, len(steps) - 1):
        assert dense.estimates.difference(best.place, place).z(0.0) < -10.0
    # the samples it has seen by then
    assert dense.cost("samples")[best.place] == 24 * best.steps
    assert dense.cost("multiplications")[best.place] == 24 * 32 * best.steps


# --- the same bits -----------------------------------------------------------------------------

SAMPLES = [9, 20, 14]
STEPS = [0, 3, 10**6]
RUNS = {"statistics": {}, "data": {"method": "data"}, "joint": {"training": "joint"}}


def chunk_size(model, steps):
    schedule = checked_schedule(steps, "optimal", "own", tuple(BOTH), model)
    plan = descent_families(BOTH, model, np.array(SAMPLES), "fixed", None, None, schedule)
    return max(family.route.chunk_size for family in plan)


@pytest.fixture
def run(generic, monkeypatch):
    """Estimates from small chunks, in this process and in a pool of threads."""
    monkeypatch.setattr("moetheory.simulation.methods.descent_fits.BATCH", 1 << 13)
    monkeypatch.setattr("moetheory.simulation.methods.descent_fits.ITERATES", 1 << 12)

    def simulate(name="statistics", **options):
        arguments = {"samples": SAMPLES, "rng": 9, "replicates": 400, **RUNS[name], **options}
        return mt.simulate_descent(BOTH, generic(), arguments.pop("steps", STEPS), **arguments)

    return simulate


def assert_same_bits(here, there):
    for mine, other in zip(here, there, strict=True):
        for name in ("means", "covariance", "per_group", "replicates"):
            ours, theirs = (getattr(each.estimates, name) for each in (mine, other))
            np.testing.assert_array_equal(ours, theirs)
        assert mine.step_costs == other.step_costs


@pytest.mark.parametrize("name", RUNS)
def test_the_same_bits_for_any_memory_and_number_of_workers(run, name):
    here = run(name)
    assert_same_bits(run(name, memory=2 * 2**20), here)
    for workers in (1, 4):
        with ThreadPoolExecutor(workers) as threads:
            assert_same_bits(run(name, executor=threads), here)
    assert_same_bits(run(name, rng=here[0].estimates.entropy), here)
    assert not np.array_equal(run(name, rng=10)[0].mean, here[0].mean)


def test_processes_give_the_same_bits_and_the_same_refusals(generic):
    arguments = {"samples": SAMPLES, "rng": 9, "replicates": 2000}
    steps = np.arange(150)
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        there = mt.simulate_descent(BOTH, generic(), steps, executor=pool, **arguments)
        with pytest.raises(ValueError, match=r"^step_size must be less than \S+, got 2: on one of"):
            mt.simulate_descent(
                mt.MoE(), generic(), steps, step_size=2.0, executor=pool, **arguments
            )
    assert chunk_size(generic(), steps) < 2000
    assert_same_bits(there, mt.simulate_descent(BOTH, generic(), steps, **arguments))


def test_an_estimator_alone_or_among_others_gets_the_same_bits(run, generic):
    here = run()
    for estimator, among in zip(BOTH, here, strict=True):
        alone = mt.simulate_descent(
            estimator, generic(), STEPS, samples=SAMPLES, rng=9, replicates=400
        )
        assert_same_bits([alone], [among])


def test_a_run_goes_on_where_it_stopped_and_parts_are_put_together(run, tmp_path):
    whole, path = run(), tmp_path / "run.npz"
    calls = itertools.count()

    def stop(*_):
        if next(calls) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(checkpoint=path, progress=stop)
    assert_same_bits(run(checkpoint=path, rng=None), whole)
    parts = [tmp_path / f"{i}.npz" for i in range(2)]
    for i, part in enumerate(parts):
        run(checkpoint=part, part=(i, 2))
    mt.merge_checkpoints(parts, tmp_path / "both.npz")
    assert_same_bits(run(checkpoint=tmp_path / "both.npz"), whole)


@pytest.mark.parametrize(
    "changes", [{"steps": [0, 3]}, {"step_size": 0.01}, {"training": "joint"}, {"method": "data"}]
)
def test_another_schedule_is_another_run(run, generic, tmp_path, changes):
    path = tmp_path / "run.npz"
    run(checkpoint=path, replicates=2)
    with pytest.raises(ValueError, match=r"run\.npz is the checkpoint of another run: "):
        run(checkpoint=path, replicates=2, **changes)
    with pytest.raises(ValueError, match=r'schedule is "Schedule\(\[0, 3, 1000000\], step_size'):
        mt.simulate(BOTH, generic(), samples=SAMPLES, method="statistics", rng=9, checkpoint=path)


def test_a_line_of_progress_says_what_is_going_on(generic, monkeypatch, capsys):
    monkeypatch.setattr("time.monotonic", itertools.count(step=11).__next__)
    mt.simulate_descent(mt.Dense(), generic(), 3, samples=9, replicates=9, rng=0, progress=True)
    assert "of 9 replicates" in (said := capsys.readouterr().err)
    assert said.endswith(": simulate_descent\n")


def test_a_target_is_met_by_all_steps(generic):
    told = []
    found = mt.simulate_descent(
        mt.MoE(), generic(), [1, 30], samples=SAMPLES, target_sem=3e-3, rng=0,
        progress=lambda *each: told.append(each),
    )  # fmt: skip
    assert found.sem.max() <= 3e-3
    assert told[-1] == (found.estimates.replicates[0],) * 2
    assert found.estimates.replicates[0] % chunk_size(generic(), [1, 30]) == 0


@pytest.mark.parametrize("method", ["statistics", "data"])
def test_the_memory_that_is_asked_for_is_enough_and_not_far_too_much(generic, method):
    def descent_iterates(memory):
        return mt.simulate_descent(
            BOTH, generic(), np.arange(300), samples=SAMPLES, method=method, replicates=900,
            memory=memory, rng=0,
        )  # fmt: skip

    with pytest.raises(ValueError, match="memory must be at least") as refused:
        descent_iterates(1000)
    needed = int(re.search(r"\((\d+) bytes\)", str(refused.value))[1])
    tracemalloc.start()
    try:
        descent_iterates(needed)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert needed / 6 < peak < needed


# --- arguments ---------------------------------------------------------------------------------


@pytest.mark.parametrize("training", ["own", "joint"])
@pytest.mark.parametrize("estimator", BOTH)
def test_the_longest_step_that_is_stable_is_named(generic, estimator, training):
    """The longest stable step is that of the expert with the largest block, the last one."""
    model = generic().replace(block_of=2 - generic().block_of)

    def descent_iterates(step):
        return mt.simulate_descent(
            estimator, model, [0, 5], samples=[14, 20, 9], step_size=step, training=training,
            replicates=50, rng=0,
        )  # fmt: skip

    with pytest.raises(ValueError, match="gradient descent diverges") as refused:
        descent_iterates(3.0)
    named = float(re.match(r"step_size must be less than (\S+), got 3:", str(refused.value))[1])
    assert math.isfinite(descent_iterates(0.9999 * named).mean[1])
    with pytest.raises(ValueError, match="got"):
        descent_iterates(1.0001 * named)


def test_of_steps_for_each_expert_the_one_that_is_too_long_is_named(generic):
    with pytest.raises(ValueError, match=r"^step_size\[1\] must be less than 0\.\d+, got 3: "):
        mt.simulate_descent(
            mt.MoE(), generic(), 5, samples=SAMPLES, step_size=[0.1, 3.0, 0.1], rng=0
        )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"step_size": 0.0}, "step_size must be greater than 0, got 0"),
        ({"step_size": -1.0}, "step_size must be greater than 0, got -1"),
        ({"step_size": math.nan}, "step_size must be finite, got nan"),
        ({"step_size": "best"}, "step_size must be \"optimal\" or a number, got 'best'"),
        ({"step_size": [0.1] * 3}, "step_size must be one number for Dense(...), got shape (3,)"),
        ({"step_size": [0.1] * 3, "estimator": BOTH[::-1]}, "must be one number for Dense(...)"),
        (
            {"step_size": [0.1] * 3, "training": "joint", "estimator": mt.MoE()},
            'step_size must be one number with training="joint"',
        ),
        (
            {"step_size": [0.1] * 2, "estimator": mt.MoE()},
            "step_size must have shape (3,), got (2,)",
        ),
        ({"steps": -1}, "steps must be at least 0, got -1"),
        ({"steps": [1, 2.5]}, "steps must be an integer, got 2.5"),
        ({"steps": []}, "steps must be an integer or a sequence of them, got []"),
        ({"steps": 2**53 + 1}, "steps must be at most 9007199254740992, got"),
        ({"training": "both"}, 'training must be "own" or "joint", got \'both\''),
        ({"method": "law"}, 'method must be "statistics" or "data", got'),
        ({"method": "population"}, "got 'population'"),
        ({"method": "identity"}, "got 'identity'"),
        ({"method": "fast"}, "got 'fast'"),
        ({"samples": None}, "samples must be an integer, got None"),
        ({"samples": 0}, "samples must be at least 1, got 0"),
        ({"counts": "multinomial"}, 'samples must be an integer with counts="multinomial"'),
        ({"model": "world"}, "model must be"),
        ({"model": [None]}, "model must be"),
        ({"estimator": []}, "estimator must name at least one"),
        ({"estimator": "dense"}, "estimator must be Dense"),
        ({"replicates": 1}, "replicates must be at least 2, got 1"),
        ({"target_sem": 0.1, "replicates": 5}, "replicates cannot be combined with target_sem"),
        ({"memory": 10**5}, "memory must be at least"),
        ({"steps": np.arange(5000)}, "memory must be at least"),
        ({"part": (0, 3)}, "part needs rng"),
        ({"under": 0.3}, "under must be a Perturbation, got 0.3"),
    ],
)
def test_bad_arguments(generic, changes, message):
    arguments = {
        "estimator": mt.Dense(), "model": generic(), "steps": [0, 5], "samples": SAMPLES, **changes
    }  # fmt: skip
    with pytest.raises(ValueError, match=re.escape(message)):
        mt.simulate_descent(**arguments)


@pytest.mark.parametrize("gate", [mt.Hard(), mt.Soft(), mt.TopK(2), mt.Learned(samples=50)])
def test_gates_that_route_by_the_input_are_refused(generic, gate):
    with pytest.raises(mt.NoClosedForm, match="gradient descent on training sets is known for"):
        mt.simulate_descent([mt.Dense(), mt.MoE(gate=gate)], generic(), 5, samples=SAMPLES)


def test_a_shift_with_other_noise_names_what_can_be_asked():
    from scipy import stats

    under = mt.Perturbation(radius=1.0, noise=stats.laplace())
    with pytest.raises(mt.NoClosedForm, match="call simulate_descent under one of them at a time"):
        mt.simulate_descent(mt.Dense(), BlockModel.isotropic(4, 2, 1.0), 1, samples=9, under=under)
