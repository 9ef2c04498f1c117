"""Searches for counterexamples: what is found, what is not, and how each is told."""

import math
import pickle

import numpy as np
import pytest
from false_claims import dense_gain, moe_gain, strong

import moetheory as mt
from moetheory.checking import falsification
from moetheory.checking.confirmation import confirmed
from moetheory.checking.searching import Search
from moetheory.checking.trials import Tally, Target, violation
from moetheory.claims.random_models import Point

MODEL = mt.BlockModel([0.25, 0.75], [0, 0, 1], [1.0, 2.0, 3.0], [1.0, 2.0, -1.0], 0.5)
STRICT = mt.ModelSpace(strict=True, interference=False)
ORDER = "risk(MoE()) <= risk(Dense())"


def reproduced(result):
    """The model and the number of samples that the result's code makes."""
    names = {"BlockModel": mt.BlockModel, "samples": None}
    exec(result.code, names)
    return names["model"], names["samples"]


# --- what is found --------------------------------------------------------------------------------


def test_leakage_breaks_the_order():
    result = mt.falsify(ORDER, rng=0)
    assert result.found
    assert result.confirmation == "confirmed with 50 digits"
    # two groups of one coordinate, all numbers 1
    assert result.model == mt.BlockModel([0.5] * 2, [0, 1], [1.0] * 2, [1.0] * 2, 1.0).replace(
        leakage_variances=1.0
    )
    assert (result.left, result.right) == (1.5, 1.0)
    assert result.relative_violation == pytest.approx(1 / 3)
    assert reproduced(result) == (result.model, None)
    assert result.excluded_by == ()


def test_the_condition_without_p_is_false():
    """Signal of 4 noise does not order the noise gains where a group is rare (theory.md §7)."""
    claim = mt.claim(moe_gain, dense_gain, name="N_MoE <= N_dense", assume=strong)
    result = mt.falsify(claim, rng=0)
    assert result.found
    assert strong(result.model)
    p, signal = result.model.group_probabilities, result.model.signal_variances
    assert p.min() < 1 / 16  # from there on the condition is sufficient
    assert signal.min() < result.model.noise_variance / math.sqrt(p.min())
    assert moe_gain(result.model) == result.left > dense_gain(result.model) == result.right
    assert result.confirmation.startswith("beyond rounding")


def test_fitted_experts_lose_where_samples_are_few():
    result = mt.falsify("risk(MoE(), samples=n) <= risk(Dense(), samples=n)", space=STRICT, rng=0)
    assert result.found
    assert reproduced(result) == (result.model, result.samples)
    moe, dense = (
        mt.risk(each, result.model, samples=result.samples) for each in (mt.MoE(), mt.Dense())
    )
    assert (moe.value, dense.value) == (result.left, result.right)
    assert moe.value - dense.value > 3 * dense.error
    assert math.isfinite(moe.value)
    assert "asymptotic" in result.confirmation


def test_assumptions_are_kept_unless_they_are_to_be_seen_at_work():
    kept = mt.falsify("generalization", budget=300, rng=0)
    assert kept.status == "none found"
    assert kept.models_tried == kept.models_applied == 300
    assert kept.smallest_slack >= 0.0
    assert kept.closest.strict
    broken = mt.falsify("generalization", budget=1000, rng=0, anyway=True)
    assert broken.found
    assert broken.violated == "MoE <= dense"
    assert broken.excluded_by == ("strict blocks (no leakage)",)
    assert not mt.catalogue["generalization"].assumptions[0].holds(broken.model)


def test_wrong_variants_of_theorems_are_refuted():
    result = mt.falsify(mt.catalogue["one-over-k"].negative_control, budget=50, rng=0)
    assert result.found
    assert "right x" in result.violated
    assert mt.check(mt.catalogue["one-over-k"].negative_control, result.model).status == "violated"


# --- what is not ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["one-over-k", "noise-filter"])
def test_theorems_are_not_refuted(name):
    result = mt.falsify(name, budget=100, rng=1)
    assert result.status == "none found"
    assert result.models_applied == 100
    assert "proved" not in str(result)
    with pytest.raises(mt.ArgumentError, match="no counterexample"):
        _ = result.code


def test_a_claim_that_never_applies_is_no_success():
    never = mt.claim(moe_gain, dense_gain, assume=lambda model: model.experts > 100)
    result = mt.falsify(never, budget=50, rng=0)
    assert result.status == "never applied"
    assert result.obstacle == "the assumptions were never met in 50 models"
    assert "never applied in 50 models" in str(result)
    unknown = mt.falsify("mmse() <= 0", space=mt.ModelSpace(strict=False), budget=20, rng=0)
    assert unknown.status == "never applied"
    assert "strict blocks" in unknown.obstacle


def test_rounding_is_no_violation():
    """dense - MoE is the gap, up to rounding that is large beside small gaps."""
    line = mt.falsify("risk(Dense()) - risk(MoE()) == gap()", budget=700, rng=0)
    assert line.status == "none found"
    pair = mt.claim(
        lambda m: mt.risk(mt.Dense(), m).value - mt.risk(mt.MoE(), m).value, mt.gap, "=="
    )
    near = MODEL.replace(noise_variance=1e14)
    left, right = pair.sides(near)
    assert violation("==", left, right) > 1e-6
    assert not confirmed(pair, near, None).real


def test_a_violation_within_the_error_of_a_formula_does_not_count():
    error = mt.risk(mt.Dense(), MODEL, samples=12).error
    value = mt.risk(mt.Dense(), MODEL, samples=12).value
    for margin, real in ((1.0, False), (5.0, True)):
        claim = mt.claim(
            lambda m: mt.risk(mt.Dense(), m, samples=12),
            lambda m, margin=margin: mt.Dense().ridge + value - margin * error,
        )
        # the right side tells no error
        assert confirmed(claim, MODEL, None).text.count("models within")
        line = falsification.parse_claim(f"risk(Dense(), samples=12) <= {value - margin * error!r}")
        assert confirmed(line, MODEL, None).real is real


# --- how ------------------------------------------------------------------------------------------


def test_a_search_replays_and_does_not_hang_on_who_carries_it_out(pool, monkeypatch):
    monkeypatch.setattr(falsification, "ALONE", 1)
    line = "risk(MoE()).excess <= moe_bound()"
    options = {"budget": 1000, "rng": 5, "space": STRICT}
    alone = mt.falsify(line, **options)
    assert alone.models_tried == 1000
    assert mt.falsify(line, **options, executor=pool) == alone
    again = mt.falsify(line, **{**options, "rng": alone.entropy})
    assert again == alone == pickle.loads(pickle.dumps(alone))


def test_theorems_go_to_other_processes(pool):
    target = Target(mt.catalogue["generalization"], STRICT)
    search = Search(target, 3)
    jobs = list(search.jobs(900))
    here, there = search(jobs[-1]), pool.submit(search, jobs[-1]).result()
    assert here.tried == there.tried > 0
    assert here.closest.violation == there.closest.violation
    assert here.closest.model == there.closest.model


def test_the_jobs_add_up_to_the_budget():
    search = Search(Target(falsification.parse_claim(ORDER), STRICT), 0)
    for budget in (1, 499, 777, 3001):
        assert sum(job.size for job in search.jobs(budget)) == budget
    kinds = {job.kind for job in search.jobs(3001)}
    assert kinds == {"corners", "random", "global"}
    for job in list(search.jobs(3001))[:4]:
        assert 0 < search(job).tried <= job.size


def test_global_searches_find_what_random_models_do_not():
    """A bump that one random model in about 10^5 is on."""

    def bump(model):
        far = np.log2(model.signal_variances / 3.0), np.log2(model.noise_variance / 30.0)
        return 1.0 / (1.0 + sum(float(np.sum(each**2)) for each in far))

    def one(model):
        return isinstance(model.noise_variance, float)

    claim = mt.claim(bump, 0.999, assume=one)
    space = mt.ModelSpace(
        strict=True, interference=False, label_noise=False, experts=(2, 2), block_sizes=(1, 1)
    )
    search = Search(Target(claim, space), 0)
    jobs = list(search.jobs(9000))
    found = {
        kind: any(search(job).broken for job in jobs if job.kind == kind)
        for kind in ("random", "global")
    }
    assert found == {"random": False, "global": True}


def test_ctrl_c_keeps_what_was_found(monkeypatch):
    calls = 0

    def interrupted_after_20(model):
        nonlocal calls
        calls += 1
        if calls > 20:
            raise KeyboardInterrupt
        return moe_gain(model)

    result = mt.falsify((interrupted_after_20, lambda model: 1e9), rng=0)
    assert result.interrupted
    assert result.models_tried == 21
    assert result.closest is not None
    assert "interrupted after 21 models" in str(result)

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(falsification, "shrunk", stop)
    result = mt.falsify(ORDER, rng=0)
    assert result.found
    assert result.interrupted


def test_progress_is_told_in_models():
    told = []
    mt.falsify(ORDER, space=STRICT, budget=300, rng=0, progress=lambda *now: told.append(now))
    assert told[-1] == (300, 300)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_a_result_fits_a_screen_and_a_file(tmp_path):
    result = mt.falsify(ORDER, rng=0)
    assert repr(result) == f"<Falsification of {ORDER}: counterexample in 322 models>"
    lines = str(result).splitlines()
    assert len(lines) <= 12
    assert max(map(len, lines)) <= 100
    assert lines[0] == f"{ORDER}: counterexample found"
    result.to_json(tmp_path / "model.json")
    assert mt.BlockModel.from_json(tmp_path / "model.json") == result.model


def test_a_large_counterexample_fits_a_screen_too():
    space = mt.ModelSpace(experts=(30, 30), block_sizes=(5, 5), strict=False)
    result = mt.falsify(ORDER, space=space, rng=0)
    assert result.found
    assert len(str(result).splitlines()) <= 12
    assert "<BlockModel dim=150 experts=30" in str(result)
    assert reproduced(result) == (result.model, None)


# --- bad input ------------------------------------------------------------------------------------


def test_functions_that_return_no_number_show_the_model():
    for value in (1j, np.ones(2), "x", None):
        with pytest.raises(mt.ArgumentError, match=r"must return a number, got .* BlockModel\("):
            mt.falsify((lambda model, value=value: value, dense_gain), rng=0)


def test_functions_that_raise_show_the_model():
    def fails(model):
        raise RuntimeError("no such thing")

    with pytest.raises(RuntimeError, match="no such thing") as caught:
        mt.falsify((fails, dense_gain), rng=0)
    assert "BlockModel(" in caught.value.__notes__[0]


def test_nan_decides_nothing_and_is_shown():
    result = mt.falsify((lambda model: math.nan, dense_gain), budget=30, rng=0)
    assert result.status == "never applied"
    assert result.obstacle.startswith("a side is NaN at 30 models, such as BlockModel(")
    some = mt.falsify(
        (lambda model: math.nan if model.dim == 2 else 0.0, lambda model: 1.0), budget=300, rng=0
    )
    assert some.status == "none found"
    assert "NaN" in some.obstacle


@pytest.mark.parametrize(
    ("claim", "said"),
    [
        ("generalizaton", "did you mean 'generalization'"),
        ("risk(MoE()", "does not parse"),
        (3, "must be a theorem's name, a line"),
        ((moe_gain,), "must be a theorem's name, a line"),
        (mt.Claim("only an experiment", "<=", 0.5), "two sides in closed form"),
    ],
)
def test_what_is_no_claim_is_refused(claim, said):
    with pytest.raises(mt.ArgumentError, match=said):
        mt.falsify(claim, budget=10)


def test_functions_that_do_not_pickle_are_refused_before_processes_start():
    with pytest.raises(mt.ArgumentError, match="claim must pickle for other processes"):
        mt.falsify((lambda model: 0.0, dense_gain), executor=2)


def test_other_arguments_are_checked():
    for given, said in (
        ({"budget": 0}, "budget must be at least 1"),
        ({"space": "strict"}, "space must be a ModelSpace"),
        ({"anyway": 1}, "anyway must be True or False"),
    ):
        with pytest.raises(mt.ArgumentError, match=said):
            mt.falsify(ORDER, **given)


def test_a_tally_keeps_a_violation_of_finite_sides():
    target = Target(
        mt.claim(lambda m: math.inf if m.dim == 2 else float(m.dim), lambda m: 0.5), STRICT
    )
    tally = Tally()
    two = mt.BlockModel([0.5, 0.5], [0, 1], [1.0, 1.0], [1.0, 1.0], 1.0)
    assert tally.add(target, Point(two)).violation == 1.0
    assert tally.broken
    assert not tally.ends
    tally.add(target, Point(MODEL))
    assert tally.ends
    assert tally.best.model == MODEL


def test_no_model_outside_the_space_is_tried():
    """Numbers of a model of another kind may be equal by chance: it is iso-parameter then."""
    space = mt.ModelSpace(iso_parameter=False)
    seen = []

    def left(model):
        seen.append(model)
        return 0.5

    result = mt.falsify(mt.claim(left, lambda _: 1.0), space=space, budget=700, rng=0)
    assert seen
    assert all(model in space for model in seen)
    assert result.closest in space
