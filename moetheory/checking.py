"""Running a theorem and making its verdict: the only place that decides a status."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from moetheory.certificates import certify
from moetheory.evaluation import risk
from moetheory.model import BlockModel
from moetheory.results import Estimates, Risk, student_quantile
from moetheory.simulation import simulate
from moetheory.simulation.seeding import RNG, child, entropy_of
from moetheory.theorems import catalogue
from moetheory.theorems._declaration import Claim, Theorem
from moetheory.validation import count, number
from moetheory.verdicts import ClaimVerdict, Comparison, Point, Status, Verdict

POWER = 0.01  # the relative error that a simulation must be able to see
DETECTION = 1.2816  # 90 % quantile of the normal law: seen nine times out of ten
LEAST_REPLICATES = 10_000
MOST_NUMBERS = 10**10  # features drawn for one simulation when replicates is not given


def check(
    name: str | Theorem,
    model: BlockModel | None = None,
    *,
    replicates: int | None = None,
    rng: RNG = None,
    level: float = 1e-6,
    progress: Callable[[int, int], None] | None = None,
) -> Verdict:
    """Hold a theorem's two sides against each other by every route there is.

    The sides in closed form at every point the theorem names; the certificate, proved again and
    tied to the shipped formulas; and simulation against the closed form of the left side.

    Parameters
    ----------
    name : str or Theorem
        A name in `catalogue`, or a theorem of your own.
    model : BlockModel, optional
        The theorem's own example if not given.
    replicates : int, optional
        Test samples for each simulated model. If not given, as many as the power of 1 % needs
        (fixed beforehand from the closed forms).
    rng : int, SeedSequence, Generator or None
        ``rng=verdict.entropy`` replays the check.
    level : float
        Probability that chance alone makes any of the simulated comparisons fail.
    progress : callable, optional
        Called as ``progress(done, total)`` in replicates.

    Returns
    -------
    Verdict
        "violated" where a side, a certificate or a simulation contradicts a claim; else
        "assumptions not met" where the model is outside the theorem (what still holds is
        checked instead); else "inconclusive" where a claim is neither proved nor refuted or a
        simulation could not have seen an error of 1 %; else "holds".

    Raises
    ------
    KeyError
        There is no theorem of that name; the message lists those there are.

    Examples
    --------
    >>> verdict = check("generalization", rng=0)
    >>> verdict.status, verdict.power < 0.01
    ('holds', True)
    """
    theorem = catalogue[name] if isinstance(name, str) else name
    if replicates is not None:
        replicates = count("replicates", replicates, minimum=2)
    level = number("level", level, above=0.0)
    if level >= 1.0:
        raise ValueError(f"level must be less than 1, got {level:g}")
    entropy = entropy_of(rng)
    model = theorem.example() if model is None else model
    failed = [a.name for a in theorem.assumptions if not a.holds(model)]
    claims = theorem.otherwise if failed else theorem.claims

    simulated = {claim: set(claim.simulated(model)) for claim in claims}
    points = {claim: list(claim.points(model)) for claim in claims}
    comparisons = sum(p in simulated[claim] for claim in claims for p in points[claim])
    tail = level / (2.0 * max(comparisons, 1))
    wanted = list(dict.fromkeys(p for c in claims for p in points[c] if p in simulated[c]))
    estimates = _simulate_all(theorem, wanted, tail, replicates, entropy, progress)

    verdicts = tuple(
        _decide(
            claim,
            tuple(
                _point(claim, p, estimates[p] if p in simulated[claim] else None, theorem, tail)
                for p in points[claim]
            ),
        )
        for claim in claims
    )
    status, reason = _overall(failed, verdicts)
    return Verdict(theorem.name, model, status, reason, verdicts, level, entropy)


def _simulate_all(
    theorem: Theorem,
    models: Sequence[BlockModel],
    tail: float,
    replicates: int | None,
    entropy: int,
    progress: Callable[[int, int], None] | None,
) -> dict[BlockModel, Estimates]:
    sizes = [replicates or _needed(theorem, model, tail) for model in models]
    results: dict[BlockModel, Estimates] = {}
    for index, (model, size) in enumerate(zip(models, sizes, strict=True)):
        before = sum(sizes[:index])

        def report(done: int, _: int, before: int = before) -> None:
            if progress is not None:
                progress(before + done, sum(sizes))

        results[model] = simulate(
            theorem.estimators,
            model,
            replicates=size,
            rng=child(entropy, index),
            progress=report,
        )
    return results


def _fourth_moment(theory: Risk, model: BlockModel) -> float:
    """E e⁴ of an error that, given its group, is normal with the group's risk for variance."""
    return 3.0 * float(model.group_probabilities @ theory.per_group**2)


def _needed(theorem: Theorem, model: BlockModel, tail: float) -> int:
    """Replicates for the power of 1 %, from the law of the errors, before any is drawn."""
    worst = 0.0
    for estimator in theorem.estimators:
        theory = risk(estimator, model)
        fourth = _fourth_moment(theory, model)
        if fourth > 0.0:
            worst = max(worst, fourth / theory.excess**2 if theory.excess else math.inf)
    reach = student_quantile(tail, LEAST_REPLICATES) + DETECTION
    most = max(LEAST_REPLICATES, MOST_NUMBERS // model.dim)
    return math.ceil(min(max(worst * (reach / POWER) ** 2, LEAST_REPLICATES), most))


def _unseen_spread(theorem: Theorem, model: BlockModel, estimates: Estimates) -> float:
    """How many times larger a standard error should be than it looks, at least 1.

    A rare group that was hardly drawn is missing from the observed spread, not from the law.
    """
    worst = 1.0
    for estimator, estimate in zip(theorem.estimators, estimates, strict=True):
        theory = risk(estimator, model)
        variance = _fourth_moment(theory, model) - theory.value**2
        expected = math.sqrt(max(variance, 0.0) / estimate.replicates)
        if expected > 0.0:
            worst = max(worst, expected / estimate.sem if estimate.sem else math.inf)
    return worst


def _point(
    claim: Claim, model: BlockModel, estimates: Estimates | None, theorem: Theorem, tail: float
) -> Point:
    left, right = claim.left(model), claim.right(model)
    scale = abs(left if claim.scale is None else claim.scale.of(model))
    rounding = 1e-10 * max(abs(left), abs(right)) + 1e-14 * scale
    holds = left <= right + rounding
    if claim.relation == "==":
        holds = holds and right <= left + rounding
    comparison = None
    if estimates is not None:
        comparison = _compare(claim, model, estimates, theorem, left, scale, tail)
    return Point(f"K={model.experts}", left, right, holds, comparison)


def _compare(
    claim: Claim,
    model: BlockModel,
    estimates: Estimates,
    theorem: Theorem,
    left: float,
    scale: float,
    tail: float,
) -> Comparison:
    weights = claim.weights(model)
    estimate = estimates.combination(weights)
    simulated = estimate.mean - sum(weights) * model.label_noise_variance
    # a squared error of size r inherits this from the rounding of labels and predictions
    delta = 64.0 * 2.0**-52 * math.sqrt(model.null_risk)
    size = sum(abs(w) * mean for w, mean in zip(weights, estimates.means, strict=True))
    rounding = 2.0 * math.sqrt(size) * delta + delta**2
    difference = simulated - left
    beyond = math.copysign(max(abs(difference) - rounding, 0.0), difference)
    sem = estimate.sem
    z = beyond / sem if sem > 0.0 else (math.copysign(math.inf, beyond) if beyond else 0.0)
    threshold = student_quantile(tail, estimate.replicates - 1)
    seen = (threshold + DETECTION) * sem * _unseen_spread(theorem, model, estimates)
    power = seen / max(scale, rounding) if sem > 0.0 else 0.0
    relative_to = "left" if claim.scale is None else claim.scale.name
    return Comparison(
        simulated, sem, estimate.replicates, z, threshold, power, relative_to, estimate.entropy
    )


def _decide(claim: Claim, points: tuple[Point, ...]) -> ClaimVerdict:
    certificate = certify(claim.relation, claim.symbolic())
    compared = [(point, point.comparison) for point in points if point.comparison is not None]
    wrong = [point for point in points if not point.holds]
    blind = [(point, c) for point, c in compared if not c.power <= POWER]
    # too few replicates make no normal mean, so they contradict nothing either
    contradicted = [p for p, c in compared if c.power <= POWER and abs(c.z) > c.threshold]
    status: Status = "holds"
    reason, shown = "", points[0] if points else None
    if wrong:
        status, shown = "violated", wrong[0]
        reason = f"at {shown.label} left is {shown.left:.6g}, right is {shown.right:.6g}"
    elif certificate.status == "refuted":
        status = "violated"
        reason = (
            f"counterexample {_values(certificate.counterexample)}"
            if certificate.counterexample is not None
            else f"shipped and certified formulas differ by {certificate.discrepancy:.2g}"
        )
    elif contradicted:
        status, shown = "violated", contradicted[0]
        reason = f"simulation contradicts the left side at {shown.label}"
    elif certificate.status == "open":
        status, reason = "inconclusive", "the certificate neither proves nor refutes it"
    elif blind:
        status, (shown, worst) = "inconclusive", max(blind, key=lambda pair: pair[1].power)
        reason = (
            f"at {shown.label} the simulation could not have seen an error below "
            f"{100 * worst.power:.2g} % of {worst.relative_to}; {_replicates_for(worst)}"
        )
    return ClaimVerdict(claim.name, claim.relation, status, reason, points, shown, certificate)


def _replicates_for(comparison: Comparison) -> str:
    needed = comparison.replicates * (comparison.power / POWER) ** 2
    return f"1 % needs about {needed:.2g} replicates"


def _values(values: object) -> str:
    assert isinstance(values, dict)
    return ", ".join(f"{name}={value:.4g}" for name, value in values.items())


def _overall(failed: Sequence[str], verdicts: Sequence[ClaimVerdict]) -> tuple[Status, str]:
    for status in ("violated", "assumptions not met", "inconclusive"):
        if status == "assumptions not met" and failed:
            return "assumptions not met", failed[0]
        for verdict in verdicts:
            if verdict.status == status:
                return verdict.status, f"{verdict.name}: {verdict.reason}"
    return "holds", ""
