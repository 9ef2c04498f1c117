"""The catalogue, the template, and every theorem: it holds, and its negative control does not."""

import copy
import importlib
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

import moetheory as mt
from moetheory import theorems
from moetheory.checking import checker
from moetheory.claims.declaration import Claim, Theorem
from moetheory.claims.quantities import one_direction_model
from moetheory.claims.rational_functions import evaluate
from moetheory.strategies import block_models, iso_parameter_models
from moetheory.testing import assert_holds
from moetheory.theorems import _template, _template_experiment, noise_shift

HEADS = ["Statement:", "Guarantee:", "Reference:"]
TEMPLATES = {"_template": _template, "_template_experiment": _template_experiment}
ALL = [*mt.catalogue, *TEMPLATES]


def theorem_of(name: str) -> Theorem:
    return replace(TEMPLATES[name].THEOREM, name=name) if name in TEMPLATES else mt.catalogue[name]


@pytest.fixture(scope="module", params=ALL)
def theorem(request):
    return theorem_of(request.param)


def test_listing_names_files_and_imports_none():
    code = (
        "import sys, moetheory; names = list(moetheory.catalogue); print(names); "
        "print([m for m in sys.modules if m.startswith('moetheory.theorems.') "
        "and not m.rpartition('.')[2].startswith('_')])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    files = sorted(path.stem for path in Path(theorems.__file__).parent.glob("[!_]*.py"))
    assert "one_over_k" in files
    assert out.stdout.splitlines() == [str([name.replace("_", "-") for name in files]), "[]"]


def test_the_catalogue_is_a_mapping_that_knows_its_names():
    assert len(mt.catalogue) == len(list(mt.catalogue)) > 0
    assert "one-over-k" in mt.catalogue
    assert mt.catalogue["one-over-k"].name == "one-over-k"
    assert mt.catalogue["one-over-k"] is mt.catalogue["one-over-k"]
    assert repr(mt.catalogue) == f"<catalogue: {', '.join(mt.catalogue)}>"
    with pytest.raises(KeyError, match="got 'xyz'; there are convergence-fixed-design, "):
        mt.catalogue["xyz"]
    with pytest.raises(KeyError, match="got 'oneoverk'; did you mean 'one-over-k'"):
        mt.catalogue["oneoverk"]


@pytest.mark.parametrize("name", ["xyz", 1, None, [], ("one-over-k",)])
def test_what_is_no_name_of_a_theorem_is_refused_by_name(name):
    with pytest.raises(ValueError, match=r"^name must be that of a theorem, got ") as error:
        mt.catalogue[name]
    assert error.value.argument == "name"
    assert name not in mt.catalogue
    assert mt.catalogue.get(name) is None


COPIED = [copy.copy, copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))]


@pytest.mark.parametrize("copied", COPIED)
@pytest.mark.parametrize("name", mt.catalogue)
def test_theorems_and_claims_of_the_catalogue_pickle_by_name(name, copied):
    theorem = mt.catalogue[name]
    assert copied(theorem) is theorem
    assert copied(theorem.negative_control).name == theorem.negative_control.name
    for claim in (*theorem.claims, *theorem.otherwise):
        assert copied(claim) is claim
        assert copied(claim.negative_control).name == claim.negative_control.name
    for claim in theorem.negative_control.claims:
        assert copied(claim).name == claim.name


def label_power(model):
    return model.label_power


def small_model():
    return mt.BlockModel([0.4, 0.6], [0, 1, 1], [1, 2, 0.5], [1, -1, 2], 4.0)


def test_a_theorem_of_ones_own_pickles_by_its_functions():
    claim = Claim("V <= V", "<=", 0.5, left=label_power, right=label_power)
    made = Theorem("V is V.", "V", "bound", "here", (), (claim,), small_model, name="mine")
    again = pickle.loads(pickle.dumps(made))
    assert (again.name, again.claims[0].left) == ("mine", label_power)
    assert copy.deepcopy(made).claims[0].right is label_power
    unnamed = replace(made, claims=(replace(claim, left=lambda model: 0.0),))
    with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
        pickle.dumps(unnamed)


@pytest.mark.parametrize(
    ("template", "certificates"), [("_template", ["proved"]), ("_template_experiment", [None])]
)
def test_adding_a_theorem_is_adding_a_file(template, certificates, tmp_path, monkeypatch):
    source = Path(TEMPLATES[template].__file__).read_text(encoding="utf-8")
    name = f"copy{template.replace('_', '-')}"
    (tmp_path / f"copy{template}.py").write_text(source, encoding="utf-8")
    monkeypatch.setattr(theorems, "__path__", [*theorems.__path__, str(tmp_path)])
    monkeypatch.delitem(sys.modules, f"moetheory.theorems.copy{template}", raising=False)
    assert name in list(mt.catalogue)
    verdict = mt.check(name, rng=0, replicates=1000)
    assert verdict.theorem == name
    proofs = [claim.certificate for claim in verdict.claims]
    assert [proof and proof.status for proof in proofs] == certificates
    assert len(verdict.comparisons) == 1
    control = mt.check(mt.catalogue[name].negative_control, rng=0)
    assert control.status == "violated"


def test_an_experiment_alone_finds_its_negative_control():
    """The claim without sides in closed form is decided by simulation."""
    theorem = _template_experiment.THEOREM
    (claim,) = theorem.claims
    alone = replace(theorem, claims=(replace(claim, left=None, right=None),))
    assert mt.check(alone, rng=1).status == "holds"
    verdict = mt.check(alone.negative_control, rng=1)
    assert verdict.status == "violated"
    assert "simulation contradicts the claim at σ²=0.5" in verdict.reason


def test_a_claim_is_evaluated_at_its_points_and_simulated_at_the_users_model(held):
    (claim,) = held(theorem_of("_template_experiment")).claims
    assert [point.label for point in claim.points] == ["σ²=0.5", "σ²=0.05", "σ²=5"]
    assert [point.comparison is None for point in claim.points] == [False, True, True]


@pytest.mark.parametrize("name", ALL)
def test_a_file_opens_with_statement_guarantee_and_reference(name):
    module = importlib.import_module(f"moetheory.theorems.{name.replace('-', '_')}")
    first, *lines = module.__doc__.splitlines()
    assert first.endswith(".")
    heads = [line for line in lines if line and not line.startswith(" ") and line.endswith(":")]
    assert [head for head in heads if head in HEADS] == HEADS
    reference = " ".join(module.__doc__.rpartition("Reference:")[2].split())
    assert "https://arxiv.org/abs/2601.14792" in reference
    for source in module.THEOREM.source.split("; "):
        assert source in reference


def test_it_holds_on_its_example(theorem, held):
    verdict = held(theorem)
    assert verdict.status == "holds", verdict.reason
    assert verdict.power <= 0.01
    assert all(comparison.decides for comparison in verdict.comparisons)
    proofs = [claim.certificate for claim in verdict.claims if claim.certificate is not None]
    assert {proof.status for proof in proofs} == ({"proved"} if theorem.symbolic else set())


def test_every_wrong_variant_is_violated(theorem, held):
    """Closed forms and algebra find each one; a wrong left side is found by simulation."""
    for claim in (*theorem.claims, *theorem.otherwise):
        assert isinstance(claim.control, Claim) or 0.5 <= claim.control <= 2.0
    control = held.control(theorem)
    assert control.status == "violated"
    for claim, wrong in zip(theorem.claims, control.claims, strict=True):
        assert wrong.status == "violated", wrong.name
        assert (wrong.certificate is None) == (claim.symbolic is None)
        assert wrong.certificate is None or wrong.certificate.status == "refuted", wrong.name
        if wrong.points and claim.left is not None and claim.right is not None:
            assert not all(point.holds for point in wrong.points), wrong.name


@pytest.mark.slow
def test_simulation_alone_notices_a_left_side_that_is_off(theorem, held, monkeypatch):
    """The simulations in which it holds are enough."""

    def off(claim):
        """The left side, wrong by what the simulation must be able to see."""
        scale, error = claim.left if claim.scale is None else claim.scale.size, claim.resolution
        return replace(
            claim,
            left=lambda model: claim.left(model) - error * scale(model),
            simulated=lambda model: claim.simulated(model)[:1],
            symbolic=None,
        )

    claims = tuple(off(claim) for claim in theorem.claims if claim.weights is not None)
    if not claims:
        pytest.skip("experiments know what is expected: their negative controls are this test")
    wrong = replace(theorem, claims=claims)
    held(theorem)
    monkeypatch.setattr(checker, "simulate", held.simulated)
    verdict = mt.check(wrong, rng=1)
    for claim in verdict.claims:
        compared = [p.comparison for p in claim.points if p.comparison is not None]
        assert any(abs(c.z) > c.threshold for c in compared), claim.name
        assert claim.status == "violated"


def test_the_symbolic_sides_are_the_numeric_ones(theorem):
    """`theorem.symbolic` at random points against both sides of the model they stand for."""
    rng = np.random.default_rng(3)
    claims = [c for c in (*theorem.claims, *theorem.otherwise) if c.symbolic is not None]
    assert set(theorem.symbolic) == {claim.name for claim in claims}
    for claim in claims:
        for symbolic in theorem.symbolic[claim.name] * 5:
            values = symbolic.draw(rng)
            model = symbolic.model(values)
            scale = abs((claim.left if claim.scale is None else claim.scale.size)(model))
            left, right = (float(evaluate(e, values)) for e in (symbolic.left, symbolic.right))
            assert claim.left(model) == pytest.approx(left, rel=1e-12, abs=1e-12 * scale)
            assert claim.right(model) == pytest.approx(right, rel=1e-12, abs=1e-14 * scale)


def test_what_a_theorem_says_of_itself(theorem):
    for text in (theorem.statement, theorem.latex, theorem.guarantee, theorem.source):
        assert len(text) > 10


@given(block_models(strict=True))
@settings(max_examples=25)
def test_generalization_holds_for_any_strict_model(model):
    for claim in mt.catalogue["generalization"].claims:
        left, right = claim.left(model), claim.right(model)
        rounding = 1e-13 * (abs(left) + mt.risk(mt.Dense(), model).excess)
        assert left <= right + rounding
        assert claim.relation == "<=" or left >= right - rounding


@given(block_models())
def test_what_is_checked_otherwise_holds_for_any_model(model):
    for name in mt.catalogue:
        for claim in mt.catalogue[name].otherwise:
            left, right = claim.left(model), claim.right(model)
            rounding = 1e-13 * (model.null_risk + abs(right))
            assert left <= right + rounding
            assert claim.relation == "<=" or left >= right - rounding


@given(iso_parameter_models())
@settings(max_examples=25)
def test_one_over_k_holds_for_any_regime(model):
    assert_holds("one-over-k", model)


@pytest.mark.parametrize(
    ("changes", "assumption"),
    [
        ({"leakage_variances": 0.1}, "strict blocks"),
        ({"group_probabilities": [0.5, 0.25, 0.25]}, "equal group probabilities"),
        ({"block_of": [0, 0, 0, 1, 2, 2]}, "blocks of equal size"),
        ({"signal_variances": [1, 1, 1, 1, 1, 1.1]}, "one signal variance"),
        ({"coefficients": [1, 1, 1, 1, 1, 1.1]}, "coefficients of equal norm"),
        ({"signal_variances": [0.0] * 6}, "positive signal energy"),
    ],
)
def test_off_the_regime_the_first_assumption_that_fails_is_named(changes, assumption):
    model = mt.BlockModel.isotropic(6, 3, 1.0, signal_energy=6.0).replace(**changes)
    verdict = mt.check("one-over-k", model, rng=0, replicates=1000)
    assert verdict.status == "assumptions not met"
    assert verdict.reason.startswith(assumption)
    (general,) = verdict.claims
    assert general.name.startswith("MoE <= noise sum_g p_g |b_g|^2")
    assert general.certificate.status == "proved"
    assert all(point.holds for point in general.points)


def test_the_law_is_evaluated_at_every_k_that_divides_d_starting_with_the_users():
    model = mt.BlockModel.isotropic(12, 3, 1.0, signal_energy=12.0)
    *laws, increase = mt.catalogue["one-over-k"].claims
    for claim in laws:
        assert [m.experts for m in claim.points(model)] == [3, 1, 2, 4, 6, 12]
        assert [m.experts for m in claim.simulated(model)] == [3, 1, 12]
    assert [m.experts for m in increase.points(model)] == [3, 1, 2, 4, 6]


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("gating-order", mt.BlockModel.isotropic(8, 2, 1.0)),  # the two largest are all
        ("gating-order", mt.BlockModel.isotropic(12, 3, 1e-4, signal_energy=12.0)),
        ("gating-order", mt.BlockModel([0.5, 0.5], [0, 1], [1.0, 1.0], [1.0, 0.0], 1.0)),
        ("routing", mt.BlockModel.isotropic(60, 3, 1e-2, signal_energy=60.0)),
        ("routing", mt.BlockModel.isotropic(88, 8, 9.57, signal_energy=11.0)),
        ("routing", mt.BlockModel.isotropic(672, 12, 1.0, signal_energy=5936.0)),
        ("routing", mt.BlockModel.isotropic(12, 3, 4e12, signal_energy=4.0)),  # sem 1e-17
    ],
)
def test_rare_routing_errors_violate_nothing(name, model):
    verdict = mt.check(name, model, rng=1, replicates=100_000)
    assert verdict.status in ("holds", "inconclusive")
    assert all(point.holds is not False for claim in verdict.claims for point in claim.points)
    assert verdict.comparisons


@pytest.mark.parametrize("p", [1e-5, 1e-7])
@pytest.mark.parametrize("name", ["convergence-own-samples", "convergence-joint"])
def test_a_rare_group_that_carries_the_risk_is_drawn(name, p):
    model = mt.BlockModel([1 - p, p], [0, 1], [1.0, 1.0], [1e-3, p**-0.5], 1.0)
    for seed in range(3):
        verdict = mt.check(name, model, rng=seed)
        assert verdict.status == "holds", verdict.reason


EXPERIMENTS = [
    name for name in ALL if any(c.experiment is not None for c in theorem_of(name).claims)
]


@pytest.mark.usefixtures("few_more_models")
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_two_replicates_are_enough_to_say_that_they_are_too_few(name):
    """Inputs of three groups take two of each: as many are drawn."""
    theorem = theorem_of(name)
    numeric = replace(theorem, claims=tuple(replace(c, symbolic=None) for c in theorem.claims))
    verdict = mt.check(numeric, rng=1, replicates=2)
    assert verdict.status == "inconclusive", verdict.reason
    alone = [p.comparison for c in verdict.claims if c.status != "holds" for p in c.points]
    assert not any(comparison.decides for comparison in alone if comparison is not None)


# --- when a mixture is less robust than dense -----------------------------------------------------

ROBUSTNESS = ("noise-shift", "misrouting", "leakage")
STRONG = mt.BlockModel([0.2, 0.8], [0, 0, 1], [5.0, 3.0, 1.5], [1.0, -2.0, 0.5], 1.0)
WEAK = mt.BlockModel([0.2, 0.8], [0, 0, 1], [2.0, 1.0, 1.1], [1.0, -2.0, 0.5], 1.0)


def directions(*probabilities: float, signal: float):
    """Noise 1, one direction with signal."""
    values = {"lambda_": signal, "b": 1.0, "sigma2": 1.0}
    return lambda _: [one_direction_model({"p": p, **values}) for p in probabilities]


def test_a_condition_free_of_p_is_found_violated_for_rare_groups():
    theorem, claim = mt.catalogue["noise-shift"], noise_shift.ABOVE.control
    assert "lambda > 4 noise" in claim.name
    assert noise_shift.ABOVE in theorem.claims
    assert claim in theorem.negative_control.claims
    rare = replace(claim, points=directions(1 / 17, 1 / 32, 0.01, signal=4.05))
    (found,) = mt.check(replace(theorem, claims=(rare,)), rng=0).claims
    assert found.status == "violated"
    assert [point.holds for point in found.points] == [False] * 3
    assert found.certificate.status == "refuted"
    assert found.certificate.counterexample["p"] < 1 / 16
    # at the points alone, too
    assert mt.check(replace(theorem, claims=(replace(rare, symbolic=None),))).status == "violated"


def test_it_is_not_for_frequent_ones():
    theorem, claim = mt.catalogue["noise-shift"], noise_shift.FREQUENT
    points = directions(1 / 16, 0.1, 0.5, 0.99, signal=4.0)
    verdict = mt.check(replace(theorem, claims=(replace(claim, points=points),)), rng=0)
    assert verdict.status == "holds", verdict.reason
    assert verdict.claims[0].certificate.status == "proved"
    assert len(verdict.claims[0].points) == 4


@pytest.mark.parametrize(("model", "strong"), [(STRONG, True), (WEAK, False)])
def test_either_side_of_the_threshold_is_checked_on_the_users_model(model, strong):
    """The other side on the same model with other noise."""
    assert mt.sharp_snr_condition(model).all() == strong
    theorem = mt.catalogue["noise-shift"]
    claims = {claim.name: claim for claim in theorem.claims}
    loud = claims["MoE <= dense at 100 noise, all directions strong"]
    (own,) = (noise_shift.ABOVE if strong else noise_shift.BELOW).points(model)
    (other,) = (noise_shift.BELOW if strong else noise_shift.ABOVE).points(model)
    assert own is model
    assert other == model.replace(noise_variance=other.noise_variance)
    assert mt.sharp_snr_condition(other).all() == (not strong)
    assert loud.points(model) == [own if strong else other]
    (crossing,) = claims["dense <= MoE at 1.25 of the crossover"].points(model)
    assert crossing == (other if strong else own)
    closed = tuple(replace(c, experiment=None, symbolic=None) for c in theorem.claims)
    verdict = mt.check(replace(theorem, claims=closed), model, rng=0, replicates=50_000)
    assert verdict.status in ("holds", "inconclusive"), verdict.reason
    assert all(point.holds for claim in verdict.claims for point in claim.points)
    assert all(abs(each.z) < each.threshold for each in verdict.comparisons)


def test_a_mixture_that_is_better_at_any_overlap_is_found_violated():
    """Closed forms and simulation find the violation on the far side of the crossover."""
    theorem = mt.catalogue["leakage"]
    claim = next(c for c in theorem.claims if c.name == "MoE <= dense at 0.8 of the crossover")
    example = theorem.example()
    end = mt.crossover(mt.Dense(), mt.MoE(), example, over="leakage")

    def points(model):
        overlaps = (factor * end for factor in (0.9, 1.1, 2.0))
        return [model.replace(leakage_variances=a**2 * model.signal_variances) for a in overlaps]

    everywhere = replace(claim, points=points, simulated=lambda model: points(model)[-1:])
    verdict = mt.check(replace(theorem, claims=(everywhere,)), rng=1)
    assert verdict.status == "violated"
    assert [point.holds for point in verdict.claims[0].points] == [True, False, False]
    (comparison,) = verdict.comparisons
    assert comparison.decides
    assert abs(comparison.z) < comparison.threshold
    assert comparison.simulated - 5 * comparison.sem > verdict.claims[0].points[-1].right


@pytest.mark.parametrize("name", ROBUSTNESS)
def test_where_dense_is_never_better_there_is_nothing_to_check(name):
    for changes in ({"group_probabilities": [1.0, 0.0]}, {"coefficients": [0.0] * 3}):
        theorem = mt.catalogue[name]
        beside = [c for c in theorem.claims if "of the crossover" in c.name]
        assert beside
        assert not any(claim.points(STRONG.replace(**changes)) for claim in beside)


@given(block_models(noiseless=True, exponents=20))
@settings(max_examples=15)
def test_no_model_is_found_to_violate_what_is_said_of_robustness(model):
    for name in ROBUSTNESS:
        theorem = mt.catalogue[name]
        numeric = {
            kind: tuple(replace(c, symbolic=None) for c in getattr(theorem, kind))
            for kind in ("claims", "otherwise")
        }
        verdict = mt.check(replace(theorem, **numeric), model, rng=0, replicates=500)
        assert verdict.status != "violated", verdict.reason
