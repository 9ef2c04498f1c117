"""The check of a theorem: the only place that decides a status."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from moetheory.checking.error_law import DISTORTION, LEAST_REPLICATES, ErrorLaw, without_label_noise
from moetheory.checking.verdicts import ClaimPoint, ClaimVerdict, Comparison, Status, Verdict
from moetheory.claims.certificates import Certificate, Shipped, certify
from moetheory.claims.declaration import Claim, Theorem, Under
from moetheory.claims.experiments import Setting
from moetheory.common.seeding import RNG, child, entropy_of
from moetheory.common.validation import count, number
from moetheory.problem.model import BlockModel, checked_model
from moetheory.results.estimates import Estimates, student_quantile
from moetheory.simulation import simulate
from moetheory.theorems import catalogue

MOST_NUMBERS = 10**10  # features that a simulation may draw when replicates is not given


def check(
    name: str | Theorem,
    model: BlockModel | None = None,
    *,
    replicates: int | None = None,
    rng: RNG = None,
    level: float = 1e-6,
    progress: Callable[[int, int], None] | None = None,
) -> Verdict:
    """The verdict on a theorem: both sides of its claims compared by every route there is.

    There are three routes: the sides in closed form at every point that the theorem names; the
    certificate, proved again and tied to the shipped formulas; and simulation, either of the left
    side on fresh data or by the claim's own experiment.

    Parameters
    ----------
    name : str or Theorem
        A name in `catalogue`, or a theorem of your own.
    model : BlockModel, optional
        The theorem's own example if not given.
    replicates : int, optional
        Test samples for each simulated model, training sets for each experiment. If not given,
        as many as the power needs (fixed beforehand: from the closed forms, or by the claim).
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
        simulation is too small to see an error of 1 %; else "holds". Label noise adds its
        variance to every risk; the simulations leave it out and measure excess risks.

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
    if not isinstance(theorem, Theorem):
        raise ValueError(f"name must be that of a theorem, or a Theorem, got {name!r}")
    if replicates is not None:
        replicates = count("replicates", replicates, minimum=2)
    level = number("level", level, above=0.0, below=1.0)
    entropy = entropy_of(rng)
    model = theorem.example() if model is None else checked_model(model)
    failed = [a.name for a in theorem.assumptions if not a.holds(model)]
    claims = theorem.otherwise if failed else theorem.claims

    points = {claim: list(claim.points(model)) for claim in claims}
    wanted = {claim: set(claim.simulated(model)) for claim in claims}
    simulated = {claim: [p for p in points[claim] if p in wanted[claim]] for claim in claims}
    laws = {
        (claim, point): ErrorLaw.of(claim, point, theorem)
        for claim in claims
        if claim.weights is not None
        for point in simulated[claim]
    }
    experiments = [
        (claim, point)
        for claim in claims
        if claim.experiment is not None
        for point in simulated[claim]
    ]
    tail = level / (2.0 * max(len(laws) + len(experiments), 1))
    estimates = _simulate_all(theorem, laws, tail, replicates, entropy, progress)
    compared = {
        (claim, point): _compare(law, estimates[point, claim.under], tail)
        for (claim, point), law in laws.items()
    }
    places = list(dict.fromkeys(point for _, point in experiments))
    for index, (claim, point) in enumerate(experiments):
        # experiments on one model may share what they draw
        own = child(entropy, len(estimates) + places.index(point))
        compared[claim, point] = _experiment(claim, point, replicates, own, tail)
        if progress is not None:
            progress(index + 1, len(experiments))

    verdicts = tuple(
        _decide(claim, tuple(_point(claim, p, compared.get((claim, p))) for p in points[claim]))
        for claim in claims
    )
    status, reason = _overall(failed, verdicts)
    return Verdict(theorem.name, model, status, reason, verdicts, level, entropy)


def _simulate_all(
    theorem: Theorem,
    laws: Mapping[tuple[Claim, BlockModel], ErrorLaw],
    tail: float,
    replicates: int | None,
    entropy: int,
    progress: Callable[[int, int], None] | None,
) -> dict[tuple[BlockModel, Under], Estimates]:
    """Simulations without label noise, one for each model and perturbation that claims need.

    A simulation that several claims share is as large as the most demanding of them needs.
    """
    sizes: dict[tuple[BlockModel, Under], int] = {}
    for (claim, model), law in laws.items():
        needed = law.needed(tail)
        # what is out of reach is not worth the wait: it ends inconclusive either way
        reachable = needed if needed * model.dim <= MOST_NUMBERS else 0.0
        size = replicates or math.ceil(max(reachable, LEAST_REPLICATES))
        key = model, claim.under
        sizes[key] = max(size, sizes.get(key, 0))
    results: dict[tuple[BlockModel, Under], Estimates] = {}
    done = 0
    for index, ((model, under), size) in enumerate(sizes.items()):

        def report(now: int, _: int, done: int = done) -> None:
            if progress is not None:
                progress(done + now, sum(sizes.values()))

        results[model, under] = simulate(
            theorem.estimators,
            without_label_noise(model),
            under=under(model),
            replicates=size,
            rng=child(entropy, index),
            progress=report,
        )
        done += size
    return results


def _experiment(
    claim: Claim, model: BlockModel, replicates: int | None, entropy: int, tail: float
) -> Comparison:
    """The comparison that follows from the outcome of a claim's own experiment."""
    assert claim.experiment is not None
    threshold = student_quantile(tail, LEAST_REPLICATES)
    outcome = claim.experiment(model, Setting(replicates, entropy, threshold, claim.factor))
    # power falls like the root of the replicates
    short = (outcome.power / outcome.resolution) ** 2
    return Comparison(
        simulated=outcome.simulated,
        sem=outcome.sem,
        replicates=outcome.replicates,
        z=outcome.z,
        threshold=threshold,
        power=outcome.power,
        relative_to=outcome.relative_to,
        decides=outcome.power <= outcome.resolution,
        needed=outcome.replicates * short,
        entropy=entropy,
        resolution=outcome.resolution,
        note=outcome.note,
    )


def _point(claim: Claim, model: BlockModel, comparison: Comparison | None) -> ClaimPoint:
    """Both sides of a claim at one model, and whether the claim holds there up to rounding."""
    left = None if claim.left is None else claim.left(model)
    right = None if claim.right is None else claim.right(model)
    holds = True
    if left is not None and right is not None:
        scale = 0.0 if math.isinf(left) else abs(_scale(claim)(model))
        rounding = 1e-10 * max(abs(left), abs(right)) + 1e-14 * scale
        holds = left <= right + rounding
        if claim.relation == "==":
            holds = holds and right <= left + rounding
    return ClaimPoint(claim.label(model), left, right, holds, comparison)


def _scale(claim: Claim) -> Callable[[BlockModel], float]:
    """The function of a model whose value rounding is relative to."""
    assert claim.left is not None
    return claim.left if claim.scale is None else claim.scale.size


def _compare(law: ErrorLaw, estimates: Estimates, tail: float) -> Comparison:
    """The comparison of a simulated left side with its closed form."""
    estimate = estimates.combination(law.weights)
    n = estimate.replicates
    # the observed spread misses rare groups that were hardly drawn, and is NaN where fourth
    # powers of errors overflow; the law does not and is not
    sem = float(np.fmax(estimate.sem, law.deviation / math.sqrt(n)))
    difference = estimate.mean - law.mean
    beyond = math.copysign(max(abs(difference) - law.rounding, 0.0), difference)
    z = beyond / sem if sem > 0.0 else (math.copysign(math.inf, beyond) if beyond else 0.0)
    threshold = student_quantile(tail, n - 1)
    power, distortion = law.power(sem, threshold), law.distortion(n, threshold)
    return Comparison(
        simulated=estimate.mean,
        sem=sem,
        replicates=n,
        z=z,
        threshold=threshold,
        power=power,
        relative_to=law.relative_to,
        decides=power <= law.resolution and distortion <= DISTORTION,
        needed=law.needed(tail),
        entropy=estimate.entropy,
        resolution=law.resolution,
    )


def _decide(claim: Claim, points: tuple[ClaimPoint, ...]) -> ClaimVerdict:
    """The verdict on one claim."""
    certificate = _certificate(claim)
    compared = [(point, point.comparison) for point in points if point.comparison is not None]
    wrong = [point for point in points if not point.holds]
    # too few replicates make no normal mean, so they contradict nothing either
    contradicted = [p for p, c in compared if c.decides and abs(c.z) > c.threshold]
    blind = [(point, c) for point, c in compared if not c.decides]
    status: Status = "holds"
    reason, shown = "", points[0] if points else None
    if wrong:
        status, shown = "violated", wrong[0]
        reason = f"at {shown.label} left is {shown.left:.12g}, right is {shown.right:.12g}"
    elif certificate is not None and certificate.status == "refuted":
        status = "violated"
        reason = (
            f"counterexample {_values(certificate.counterexample)}"
            if certificate.counterexample is not None
            else f"shipped and certified sides differ by {certificate.discrepancy:.2g}"
        )
    elif contradicted:
        status, shown = "violated", contradicted[0]
        what = "the claim" if shown.left is None else "the left side"
        reason = f"simulation contradicts {what} at {shown.label}"
    elif certificate is not None and certificate.status == "open":
        status, reason = "inconclusive", "the certificate neither proves nor refutes it"
    elif blind:
        status, (shown, worst) = "inconclusive", max(blind, key=lambda pair: pair[1].needed)
        seen = (
            f"{100 * worst.resolution:.3g} % of {worst.relative_to}"
            if worst.relative_to
            else f"{worst.resolution:g}"
        )
        reason = (
            f"at {shown.label} the simulation is too small to see an error of {seen}; that takes "
            f"about {worst.needed:.2g} replicates"
        )
    return ClaimVerdict(claim.name, claim.relation, status, reason, points, shown, certificate)


def _certificate(claim: Claim) -> Certificate | None:
    """The certificate of a claim, None without symbolic sides."""
    if claim.symbolic is None or claim.left is None or claim.right is None:
        return None
    shipped = Shipped(claim.left, claim.right, _scale(claim))
    return certify(claim.relation, claim.symbolic(), shipped)


def _values(values: object) -> str:
    """The values of a counterexample in words."""
    assert isinstance(values, dict)
    return ", ".join(f"{name}={value:.4g}" for name, value in values.items())


def _overall(failed: Sequence[str], verdicts: Sequence[ClaimVerdict]) -> tuple[Status, str]:
    """The status of the theorem and its reason."""
    for status in ("violated", "assumptions not met", "inconclusive"):
        if status == "assumptions not met" and failed:
            return "assumptions not met", failed[0]
        for verdict in verdicts:
            if verdict.status == status:
                return verdict.status, f"{verdict.name}: {verdict.reason}"
    return "holds", ""
