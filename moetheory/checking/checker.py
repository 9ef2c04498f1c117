"""The check of a theorem: it runs every route; `moetheory.checking.decisions` decides."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from moetheory.checking.decisions import (
    ROUNDING,
    UNAVAILABLE,
    decide_claim,
    decide_theorem,
    evaluate,
)
from moetheory.checking.error_law import (
    DISTORTION,
    LEAST_REPLICATES,
    ErrorLaw,
    without_label_noise,
)
from moetheory.checking.more_models import evaluate_more
from moetheory.checking.verdicts import Comparison, Verdict
from moetheory.claims.assumptions import Assumption
from moetheory.claims.certificates import Certificate
from moetheory.claims.claim_certificates import Shipped, certify_claim, within_scope
from moetheory.claims.declaration import Claim, Theorem, Under
from moetheory.claims.experiments import Setting, Work
from moetheory.claims.expressions import has_free_samples, parse_claim
from moetheory.claims.fresh_inputs import TEST_INPUTS
from moetheory.claims.statements import theorem_of
from moetheory.common.errors import ArgumentError, ArgumentTypeError, RareGroupWarning
from moetheory.common.seeding import RNG, child, entropy_of
from moetheory.common.terminal import Report, reporting
from moetheory.common.validation import flag, number, shown
from moetheory.problem.estimators import routes_by_input
from moetheory.problem.model import BlockModel, checked_model
from moetheory.problem.sample_counts import checked_replicates
from moetheory.results.estimates import Estimates, student_quantile
from moetheory.simulation import simulate
from moetheory.simulation.methods.strata import fewest_inputs
from moetheory.simulation.runs.execution import own_pool
from moetheory.simulation.runs.options import ExecutionOptions
from moetheory.simulation.runs.termination import ends_orderly
from moetheory.theorems import catalogue

MOST_NUMBERS = 10**10  # features that a simulation may draw when replicates is not given
FEW_NUMBERS = 2 * 10**8  # that take no longer to draw than processes take to start
PARTS = 1000  # of an experiment that has no simulation of fresh data beside it


def check(
    name: str | Theorem | Claim,
    model: BlockModel | None = None,
    *,
    replicates: int | None = None,
    rng: RNG = None,
    level: float = 1e-6,
    anyway: bool = False,
    executor: Executor | int | None = None,
    progress: Report | bool | None = None,
) -> Verdict:
    """The verdict on a theorem: both sides of its claims compared by every route there is.

    There are three routes: the sides in closed form at every point that the theorem names; the
    certificate, proved again and tied to the shipped formulas; and simulation, either of the left
    side on fresh data or by the claim's own experiment.

    Parameters
    ----------
    name : str, Theorem or Claim
        A name in `catalogue`, a theorem or a claim of your own, or a claim in one line, such as
        "risk(MoE()) <= risk(Dense())" (`falsify`). A claim without proof and simulation, and any
        claim of your own theorem, is evaluated at some 20 more models, whatever ``model`` is.
    model : BlockModel, optional
        The theorem's own example if not given.
    replicates : int, optional
        Test samples for each simulated model (two of each group at least), training sets for
        each experiment. If not given, as many as the power needs (fixed beforehand: from the
        closed forms, or by the claim).
    rng : int, SeedSequence, Generator or None
        ``rng=verdict.entropy`` replays the check.
    level : float
        Probability that chance alone makes any of the simulated comparisons fail.
    anyway : bool
        Whether the claims of the theorem are evaluated even where the model does not meet its
        assumptions, to see how they break; the status is "assumptions not met" all the same.
    executor : Executor, int or None
        What carries out long simulations; a number: so many processes, which are started where
        more is drawn than takes this process a few seconds. Changes no bit of the verdict.
    progress : callable or bool, optional
        Called as ``progress(done, total)``, parts of the work: replicates of simulations, of which
        an experiment counts as many as they have on average. True: a line on stderr.

    Returns
    -------
    Verdict
        "violated" where a side, a certificate or a simulation contradicts a claim; else
        "assumptions not met" where the model is outside the theorem (what still holds is
        checked instead); else "inconclusive" where a claim is neither proved nor refuted or a
        simulation is too small to see an error of 1 %; else "not evaluated" where nothing
        decides a claim, or nothing is evaluated at models that derive from this one (the reason
        says which claim and why); else "holds". Label noise adds its variance to every risk; the
        simulations leave it out and measure excess risks.

    Raises
    ------
    KeyError
        There is no theorem of that name; the message lists those there are.
    ValueError
        A certificate of a theorem of your own has a scope that contradicts an assumption, or a
        domain that is empty or does not cover the scope.

    Examples
    --------
    >>> verdict = check("generalization", rng=0)
    >>> verdict.status, verdict.power < 0.01
    ('holds', True)
    """
    theorem = theorem_named(name)
    if replicates is not None:
        replicates = checked_replicates(replicates)
    level = number("level", level, above=0.0, below=1.0)
    anyway = flag("anyway", anyway)
    means = ExecutionOptions(executor=executor).executor
    with reporting(progress, f"check {theorem.name}", unit="") as report:
        return _checked(theorem, model, replicates, entropy_of(rng), level, anyway, means, report)


def theorem_named(name: str | Theorem | Claim) -> Theorem:
    """The theorem of that name, or that says what a claim does, which may be a line of text."""
    if isinstance(name, str) and any(sign in name for sign in "<=>"):
        line = parse_claim(name)
        if has_free_samples(line):
            raise ArgumentError(
                "name", f"must have a number in place of n, got {name!r}; falsify takes any n"
            )
        return theorem_of(line)
    theorem = catalogue[name] if isinstance(name, str) else name
    if isinstance(theorem, Claim):
        return theorem_of(theorem)
    if not isinstance(theorem, Theorem):
        raise ArgumentTypeError(
            "name", f"must be that of a theorem, a Theorem or a Claim, got {shown(name)}"
        )
    return theorem


def _checked(
    theorem: Theorem,
    model: BlockModel | None,
    replicates: int | None,
    entropy: int,
    level: float,
    anyway: bool,
    executor: Executor | int | None,
    report: Report | None,
) -> Verdict:
    """The verdict on a theorem; arguments are those of `check`."""
    model = theorem.example() if model is None else checked_model(model)
    failed = [a.name for a in theorem.assumptions if not a.holds(model)]
    claims = theorem.otherwise if failed and not anyway else theorem.claims

    evaluations = {claim: evaluate(claim, model, anyway=anyway) for claim in claims}
    if not failed:
        evaluate_more(theorem, evaluations, entropy)
    laws = {
        (claim, point): ErrorLaw.of(claim, point, theorem)
        for claim, evaluation in evaluations.items()
        if claim.weights is not None
        for point in evaluation.simulated
    }
    experiments = [
        (claim, point)
        for claim, evaluation in evaluations.items()
        if claim.experiment is not None
        for point in evaluation.simulated
    ]
    tail = level / (2.0 * max(len(laws) + len(experiments), 1))
    sizes = _sizes(laws, tail, replicates)
    simulated = sum(sizes.values())
    each = simulated // len(sizes) if sizes else PARTS  # what an experiment counts
    total = simulated + each * len(experiments)
    numbers = sum(size * point.dim for (point, _), size in sizes.items())
    numbers += sum(TEST_INPUTS * point.dim for _, point in experiments)
    with _means(executor, numbers) as pool:
        estimates = _simulate_all(
            theorem, sizes, entropy, pool, report and (lambda n: report(n, total))
        )
        for (claim, point), law in laws.items():
            evaluations[claim].add(point, _compare(law, estimates[point, claim.under], tail))
        places = list(dict.fromkeys(point for _, point in experiments))
        for index, (claim, point) in enumerate(experiments):
            # experiments on one model may share what they draw
            own = child(entropy, len(estimates) + places.index(point))

            def within(now: int, of: int, before: int = simulated + each * index) -> None:
                if report is not None and now < of:
                    report(before + each * now // of, total)

            setting = Setting(replicates, own, tail, claim.factor, Work(pool, within))
            try:
                comparison = _experiment(claim, point, setting)
            except UNAVAILABLE as refusal:
                evaluations[claim].refuse(point, str(refusal))
            else:
                evaluations[claim].add(point, comparison)
            if report is not None:
                report(simulated + each * (index + 1), total)

    given = () if failed else theorem.assumptions
    outside = bool(failed) and anyway
    verdicts = tuple(
        decide_claim(
            claim,
            evaluation,
            _certificate_for(claim, given, evaluation.points or [model], outside=outside),
        )
        for claim, evaluation in evaluations.items()
    )
    if outside:  # the claims may break then, and the theorem holds all the same
        return Verdict(
            theorem.name, model, "assumptions not met", failed[0], verdicts, level, entropy
        )
    status, reason = decide_theorem(theorem.name, failed, claims, verdicts)
    return Verdict(theorem.name, model, status, reason, verdicts, level, entropy)


@contextmanager
def _means(executor: Executor | int | None, numbers: int) -> Iterator[Executor | None]:
    """What carries out simulations that draw so many ``numbers``: none of its own if few."""
    if not isinstance(executor, int):
        yield executor
    elif executor == 1 or numbers <= FEW_NUMBERS:
        yield None
    else:
        with ends_orderly(), own_pool(executor) as pool:
            yield pool


def _sizes(
    laws: Mapping[tuple[Claim, BlockModel], ErrorLaw], tail: float, replicates: int | None
) -> dict[tuple[BlockModel, Under], int]:
    """The replicates of each simulation: those that the most demanding of its claims needs."""
    sizes: dict[tuple[BlockModel, Under], int] = {}
    for (claim, model), law in laws.items():
        needed = law.needed(tail)
        # what is out of reach is not worth the wait: it ends inconclusive either way
        reachable = needed if needed * model.dim <= MOST_NUMBERS else 0.0
        size = replicates or math.ceil(max(reachable, LEAST_REPLICATES))
        key = model, claim.under
        sizes[key] = max(size, fewest_inputs(model), sizes.get(key, 0))
    return sizes


def _simulate_all(
    theorem: Theorem,
    sizes: Mapping[tuple[BlockModel, Under], int],
    entropy: int,
    executor: Executor | None,
    report: Callable[[int], object] | None,
) -> dict[tuple[BlockModel, Under], Estimates]:
    """Simulations without label noise, one for each model and perturbation that claims need."""
    results: dict[tuple[BlockModel, Under], Estimates] = {}
    done = 0
    for index, ((model, under), size) in enumerate(sizes.items()):

        def within(now: int, _: int, done: int = done) -> None:
            if report is not None:
                report(done + now)

        with warnings.catch_warnings():
            # the law of the errors knows what is rare
            warnings.simplefilter("ignore", RareGroupWarning)
            estimators = theorem.estimators_for(model)
            gated = any(map(routes_by_input, estimators))
            results[model, under] = simulate(
                estimators,
                without_label_noise(model),
                under=under(model),
                method=None if gated else "flips",
                replicates=size,
                rng=child(entropy, index),
                executor=executor,
                progress=within,
            )
        done += size
    return results


def _experiment(claim: Claim, model: BlockModel, setting: Setting) -> Comparison:
    """The comparison that follows from the outcome of a claim's own experiment."""
    assert claim.experiment is not None
    outcome = claim.experiment(model, setting)
    # a standard error may be far below the rounding of what was averaged
    rounded = abs(outcome.z) * outcome.sem <= ROUNDING * abs(outcome.simulated)
    return Comparison(
        simulated=outcome.simulated,
        sem=outcome.sem,
        replicates=outcome.replicates,
        z=0.0 if rounded else outcome.z,
        threshold=outcome.threshold,
        power=outcome.power,
        relative_to=outcome.relative_to,
        decides=outcome.decides,
        needed=outcome.needed,
        entropy=setting.entropy,
        resolution=outcome.resolution,
        note=outcome.note,
    )


def _compare(law: ErrorLaw, estimates: Estimates, tail: float) -> Comparison:
    """The comparison of a simulated left side with its closed form."""
    estimate = estimates.combination(law.weights)
    n = estimate.replicates
    # the observed spread misses rare routing errors that were hardly drawn; the law does not
    sem = float(np.fmax(estimate.sem, law.deviation / math.sqrt(n)))
    difference = estimate.mean - law.mean
    beyond = math.copysign(max(abs(difference) - law.rounding, 0.0), difference)
    z = beyond / sem if sem > 0.0 else (math.copysign(math.inf, beyond) if beyond else 0.0)
    threshold = student_quantile(tail, n - 1 if estimate.degrees is None else estimate.degrees)
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


def _certificate_for(
    claim: Claim,
    given: tuple[Assumption, ...],
    models: Iterable[BlockModel],
    *,
    outside: bool,
) -> Certificate | None:
    """The certificate of a claim, and whether its scope contains the claim's ``models``.

    A proof is not about models ``outside`` the assumptions of the theorem.
    """
    certificate = _certificate(claim, given)
    if certificate is None:
        return None
    return replace(certificate, covers=not outside and within_scope(claim.cases, models))


def _certificate(claim: Claim, given: tuple[Assumption, ...]) -> Certificate | None:
    """The certificate of a claim, None without symbolic sides."""
    if claim.symbolic is None or claim.left is None or claim.right is None:
        return None
    scale = claim.left if claim.scale is None else claim.scale.size
    shipped = Shipped(claim.left, claim.right, scale)
    return certify_claim(claim.relation, claim.cases, shipped, given=given)
