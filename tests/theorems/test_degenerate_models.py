"""Every theorem on models that leave it little to say: none holds where nothing was evaluated."""

import itertools
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

import moetheory as mt
from moetheory.claims.declaration import Claim, Theorem
from moetheory.claims.quantities import uneven_model

pytestmark = pytest.mark.usefixtures("few_more_models")

ROBUSTNESS = ("noise-shift", "misrouting", "leakage")
UNEVEN = uneven_model(0.5)
REGIME = mt.BlockModel.isotropic(12, 3, 1.0, signal_energy=12.0)
SPIKES = mt.catalogue["convergence-fixed-design"].example()
DEGENERATE = {
    "uneven": UNEVEN,
    "regime": REGIME,
    "spikes": SPIKES,
    "K = 1": mt.BlockModel([1.0], [0, 0, 0], [1.0, 2.0, 0.5], [1.0, -1.0, 2.0], 0.7),
    "K = 1, leakage": mt.BlockModel([1.0], [0], [1.0], [1.0], 0.7, leakage_variances=0.1),
    "K = d": mt.BlockModel([0.2, 0.3, 0.5], [0, 1, 2], [1.0, 2.0, 0.5], [1.0, -1.0, 2.0], 0.7),
    "d = 1": mt.BlockModel([1.0], [0], [1.0], [1.0], 0.7),
    "contrasts": mt.BlockModel([0.5, 0.5], [0, 1, 0, 1], [2.0] * 4, [1.0, -1.0, -0.5, 0.5], 0.7),
    "no labels": UNEVEN.replace(coefficients=np.zeros(10)),
    "label noise alone": UNEVEN.replace(coefficients=np.zeros(10), label_noise_variance=0.3),
    "no noise": UNEVEN.replace(noise_variance=0.0),
    "no signal": UNEVEN.replace(signal_variances=np.zeros(10)),
    "leakage alone": UNEVEN.replace(signal_variances=np.zeros(10), leakage_variances=0.5),
    "p = 0, 1": UNEVEN.replace(group_probabilities=[0.0, 1.0, 0.0]),
    "p = 0": UNEVEN.replace(group_probabilities=[0.0, 0.4, 0.6]),
    "labels of an undrawn group": mt.BlockModel([0.0, 1.0], [0, 1], [1.0, 1.0], [1.0, 0.0], 0.7),
    "labels in one block": mt.BlockModel([0.4, 0.6], [0, 1], [2.0, 1.0], [1.0, 0.0], 1.0),
    "regime, K = 1": mt.BlockModel.isotropic(4, 1, 1.0, signal_energy=4.0),
    "regime, K = d": mt.BlockModel.isotropic(4, 4, 1.0, signal_energy=4.0),
    "regime, no labels": REGIME.replace(coefficients=np.zeros(12)),
    "regime, no noise": REGIME.replace(noise_variance=0.0),
    "regime, most noise": mt.BlockModel.isotropic(4, 2, 4e12, signal_energy=4.0),
    "regime, least noise": mt.BlockModel.isotropic(4, 2, 4e-12, signal_energy=4.0),
    "spikes, K = 1": mt.BlockModel([1.0], [0] * 6, [3.0] + [0.0] * 5, np.ones(6), 0.2),
    "spikes that are lost": SPIKES.replace(noise_variance=1e4),
    "spikes, no noise": SPIKES.replace(noise_variance=0.0),
}


COSTLY = {  # the quadrature of anisotropic blocks takes seconds
    ("gating-order", case) for case in ("uneven", "p = 0", "spikes", "spikes that are lost")
}


@cache
def without_simulation(name: str) -> tuple[Theorem, Theorem]:
    """A theorem settled by closed forms and algebra alone, its control by closed forms alone.

    Claims that simulation alone can settle are left out.
    """
    theorem = mt.catalogue[name]

    def bare(claims: tuple[Claim, ...], **changes: None) -> tuple[Claim, ...]:
        sided = (c for c in claims if c.left is not None and c.right is not None)
        return tuple(replace(c, weights=None, experiment=None, **changes) for c in sided)

    bare_theorem = replace(theorem, claims=bare(theorem.claims), otherwise=bare(theorem.otherwise))
    wrong = (claim.negative_control for claim in bare_theorem.claims)
    return bare_theorem, replace(bare_theorem, claims=bare(tuple(wrong), symbolic=None))


@pytest.mark.parametrize(
    ("name", "case"), sorted(set(itertools.product(mt.catalogue, DEGENERATE)) - COSTLY)
)
def test_no_theorem_holds_where_its_wrong_variant_does_not_fail(name, case):
    """What "holds" was evaluated: on the same model the negative control is false at a point."""
    (theorem, wrong), model = without_simulation(name), DEGENERATE[case]
    verdict = mt.check(theorem, model, rng=0)
    assert verdict.status in ("holds", "assumptions not met"), verdict.reason
    assert not any(claim.status == "violated" for claim in verdict.claims)
    if verdict.status == "holds":
        pairs = zip(theorem.claims, mt.check(wrong, model, rng=0).claims, strict=True)
        own = [point for claim, found in pairs if not claim.fixed for point in found.points]
        assert any(point.holds is False for point in own)


@pytest.mark.parametrize(
    ("case", "assumption", "theorems"),
    [
        ("K = 1", "several groups", {"leakage", "misrouting", "noise-shift", "gating-order"}),
        ("K = 1", "several groups", {"experts-and-groups"}),
        ("no labels", "labels that depend on the features", {*ROBUSTNESS, "generalization"}),
        ("label noise alone", "labels that depend on the features", {*ROBUSTNESS, "gating-order"}),
        ("labels of an undrawn group", "labels that depend on the features", {"generalization"}),
        ("no noise", "feature noise", {"noise-shift", "gating-order"}),
        ("no noise", "feature noise or interference", {"generalization", "noise-filter"}),
        ("no noise", "feature noise or interference", {"experts-and-groups", "shared-expert"}),
        ("regime, no labels", "labels that depend on the features", {"one-over-k"}),
        ("regime, no noise", "feature noise", {"one-over-k", "routing"}),
    ],
)
def test_what_a_theorem_needs_is_an_assumption(case, assumption, theorems):
    for name in theorems:
        verdict = mt.check(without_simulation(name)[0], DEGENERATE[case], rng=0)
        assert (verdict.status, verdict.reason) == ("assumptions not met", assumption), name
        assert {claim.status for claim in verdict.claims} <= {"holds"}


@pytest.mark.parametrize("case", ["K = 1", "d = 1", "p = 0, 1"])
def test_with_one_group_the_ordering_is_an_equality(case):
    """The ordering is evaluated; the gap, which is zero, is settled by its certificate."""
    verdict = mt.check(without_simulation("generalization")[0], DEGENERATE[case], rng=0)
    ordering, identity = verdict.claims
    assert verdict.status == ordering.status == identity.status == "holds"
    assert ordering.points[0].left == pytest.approx(ordering.points[0].right, rel=1e-14)
    assert [point.holds for point in identity.points] == [None]


@pytest.mark.parametrize("name", ROBUSTNESS)
def test_a_theorem_holds_without_the_crossover_that_a_model_has_not(name):
    verdict = mt.check(without_simulation(name)[0], DEGENERATE["p = 0, 1"], rng=0)
    assert verdict.status == "holds"
    beside = [claim for claim in verdict.claims if "of the crossover" in claim.name]
    assert {claim.status for claim in beside} == {"not evaluated"}
    assert {claim.reason for claim in beside} == {"condition not met: a crossover"}
    assert not any(claim.applies for claim in beside)


@pytest.mark.parametrize("name", mt.catalogue)
def test_every_wrong_variant_is_violated_on_models_of_the_users(name):
    """By closed forms. An inequality may leave room for a factor of 1/2, an identity does not."""
    theorem, wrong = without_simulation(name)
    models = [
        DEGENERATE[case]
        for case in ("uneven", "regime", "spikes", "K = d", "contrasts", "labels in one block")
        if (name, case) not in COSTLY
        and all(assumption.holds(DEGENERATE[case]) for assumption in theorem.assumptions)
    ]
    assert models
    for model in models:
        control = mt.check(wrong, model, rng=0)
        assert control.status == "violated"
        pairs = zip(theorem.claims, control.claims, strict=True)
        identities = [found for claim, found in pairs if claim.relation == "==" and found.points]
        assert {found.status for found in identities} <= {"violated"}


def test_a_counterexample_may_hold_lists():
    theorem = mt.catalogue["convergence-fixed-design"].negative_control
    claim = next(c for c in theorem.claims if c.name.startswith("a spike in its submatrix"))
    proof = replace(claim, points=lambda model: ())
    verdict = mt.check(replace(theorem, claims=(proof,)), rng=0)
    assert verdict.status == "violated"
    assert "counterexample sizes=[" in verdict.reason


@pytest.mark.parametrize(
    ("name", "model", "refusal"),
    [
        (
            "noise-shift",
            mt.BlockModel([0.4, 0.6], [0, 1], [1.0, 1e-20], [1.0, 1.0], 1.0),
            "noise_variance must be 0 or between 1e-15 and 1e+15 times the largest signal energy",
        ),
        (
            "leakage",
            mt.BlockModel.isotropic(4, 2, 1e-40, signal_energy=4e-40),
            "leakage_variances must be 0 or between 1e-40 and 1e+40",
        ),
    ],
)
def test_a_claim_whose_models_are_all_refused_is_not_evaluated(name, model, refusal):
    """The claims at models of the user's range are; no refusal ends in a traceback."""
    verdict = mt.check(without_simulation(name)[0], model, rng=0)
    assert verdict.status == "not evaluated"
    assert refusal in verdict.reason
    assert "holds" in {claim.status for claim in verdict.claims}
