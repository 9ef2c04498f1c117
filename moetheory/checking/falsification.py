"""The search for a model that violates a claim: `falsify`."""

from __future__ import annotations

import pickle
import re
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Executor
from contextlib import closing, contextmanager
from itertools import islice
from typing import Any

from moetheory.checking.counterexamples import Falsification
from moetheory.checking.decisions import ROUNDING
from moetheory.checking.searching import Job, Search, polished
from moetheory.checking.shrinking import shrunk
from moetheory.checking.trials import Tally, Target, Trial
from moetheory.claims.declaration import Claim, Theorem
from moetheory.claims.expressions import parse_claim
from moetheory.claims.model_space import ModelSpace
from moetheory.claims.statements import claim as claim_of
from moetheory.common.errors import ArgumentError, ArgumentKeyError, ArgumentTypeError, Mention
from moetheory.common.seeding import RNG, entropy_of
from moetheory.common.terminal import Report, reporting
from moetheory.common.validation import count, flag, shown
from moetheory.simulation.runs.execution import carry_out, own_pool
from moetheory.simulation.runs.options import ExecutionOptions
from moetheory.simulation.runs.termination import ends_orderly
from moetheory.theorems import catalogue

BUDGET, MOST = 40_000, 10**9  # models
ALONE = 4  # jobs before processes are started: most false claims break here
AT_WORK = 8  # jobs that an executor has at once
NO_LINE = re.compile(r"[\w -]*")  # what can only be a theorem's name


def falsify(
    claim: Any,
    *,
    space: ModelSpace | None = None,
    budget: int | None = None,
    rng: RNG = None,
    anyway: bool = False,
    executor: Executor | int | None = None,
    progress: Report | bool | None = None,
) -> Falsification:
    r"""Search for a model that violates a claim: the simplest, by a clear margin.

    The search maximises the violation :math:`(\text{left} - \text{right}) /
    \max(|\text{left}|, |\text{right}|)`. It begins with structured models (equal blocks, a rare
    group, one dominant direction, extreme noise). Random models and global searches follow. What
    violates the claim beyond all errors is polished, then shrunk: fewest groups and coordinates,
    numbers that are powers of two.

    Parameters
    ----------
    claim : str, Theorem, Claim or pair
        A theorem's name; a `Theorem`: all its claims with two sides in closed form; a `Claim`; a
        pair of functions of a model, left <= right; or a line such as
        ``"risk(MoE(gate=Hard())) <= risk(Dense())"`` (`moetheory.claims.expressions.parse_claim`
        has its words).
    space : ModelSpace, optional
        Where models are searched.
    budget : int
        The number of models that are tried, at most; 40 000 if not given. The polish and the
        shrinking of a counterexample are not counted.
    rng : int, SeedSequence, Generator or None
        ``rng=result.entropy`` with the same budget replays the search.
    anyway : bool
        False: all models meet the assumptions, and a counterexample refutes the claim. True: the
        assumptions are ignored, and `Falsification.excluded_by` names those that the
        counterexample does not meet: it shows why they are there.
    executor : Executor, int or None
        What carries out the search; a number: so many processes. Changes nothing of the result.
        Processes need claims that pickle: lines, theorems by name, functions of a module.
    progress : callable or bool, optional
        Called as ``progress(done, total)``, in models. True: a line on stderr.

    Returns
    -------
    Falsification
        Ctrl-C ends the search and gives what was found so far.

    Raises
    ------
    ArgumentError
        The claim cannot be read (with a caret under the place), has not two sides, or one of its
        functions returns what is no number (with the model). What a function raises goes on.

    Notes
    -----
    A violation counts if it is confirmed: with 50 digits where a line has elementary formulas,
    else by the errors that the library states, else, for functions that tell no error, at models
    so close by that only rounding differs. Source: docs/theory.md.

    Examples
    --------
    >>> result = falsify("risk(MoE()) <= risk(Dense())", rng=0)
    >>> result.found, result.model.strict, result.confirmation
    (True, False, 'confirmed with 50 digits')
    >>> result = falsify("generalization", budget=500, rng=0)
    >>> result.status
    'none found'
    """
    target = _target(claim, _checked_space(space), flag("anyway", anyway))
    budget = BUDGET if budget is None else count("budget", budget, minimum=1, maximum=MOST)
    means = ExecutionOptions(executor=executor).executor
    search = Search(target, entropy_of(rng))
    if isinstance(means, int) and means > 1:
        _require_pickles(search)
    with reporting(progress, f"falsify {target.stated.name}", unit="models") as report:
        return _carried_out(search, budget, means, report)


def _checked_space(space: ModelSpace | None) -> ModelSpace:
    if space is None:
        return ModelSpace()
    if not isinstance(space, ModelSpace):
        raise ArgumentTypeError("space", f"must be a ModelSpace, got {shown(space)}")
    return space


def _target(given: Any, space: ModelSpace, anyway: bool) -> Target:
    """What is to be broken."""
    if isinstance(given, str):
        # a name of a theorem has no brackets and compares nothing
        given = _named(given) if NO_LINE.fullmatch(given) else parse_claim(given)
    elif isinstance(given, tuple | list) and len(given) == 2 and all(map(callable, given)):
        given = claim_of(*given)
    if not isinstance(given, Theorem | Claim):
        raise ArgumentTypeError(
            "claim",
            "must be a theorem's name, a line, a Theorem, a Claim or a pair of functions, "
            f"got {shown(given)}",
        )
    target = Target(given, space, anyway)
    if not target.claims:
        raise ArgumentError(
            "claim", f"must have two sides in closed form, got {given.name}, which has none"
        )
    return target


def _require_pickles(search: Search) -> None:
    """Refuse, before the work, a claim that other processes cannot be given."""
    try:
        pickle.dumps(search)
    except Exception as error:  # whatever a user's object raises
        raise ArgumentTypeError(
            "claim",
            "must pickle for other processes, as lines, theorems by name and functions of a "
            f"module do: {error}; leave out ",
            Mention("executor"),
        ) from None


def _named(name: str) -> Theorem:
    try:
        return catalogue[name]
    except ArgumentKeyError as error:
        raise ArgumentKeyError("claim", *error.args[1:]) from None


def _carried_out(
    search: Search, budget: int, means: Executor | int | None, report: Report | None
) -> Falsification:
    tally, current, interrupted = Tally(), Tally(), False
    best: Trial | None = None

    def tick(done: int) -> None:
        if report is not None:
            report(min(tally.tried + done, budget), budget)

    def keep(trial: Trial) -> None:
        nonlocal best
        best = trial

    try:
        jobs = search.jobs(budget)
        for job in islice(jobs, None if means is None else ALONE):
            current = Tally()
            search(job, current, tick)
            tally.merge(current)
            current = Tally()
            if tally.broken:
                break
        done = tally.broken
        if means is not None and not done:
            with closing(_in_order(search, jobs, means)) as tallies:
                for each in tallies:
                    tally.merge(each)
                    tick(0)
                    if tally.broken:
                        break
        if tally.best is not None:
            best = tally.best
            best = polished(search.target, best)
            best = shrunk(search.target, best, keep)
    except KeyboardInterrupt:
        tally.merge(current)
        best, interrupted = best or tally.best, True
    if report is not None and not interrupted:
        report(budget, budget)
    return _result(search, budget, tally, best, interrupted)


def _in_order(
    search: Search, jobs: Iterator[Job], means: Executor | int
) -> Generator[Tally, None, None]:
    """The tallies of jobs by an executor, in the order of the jobs."""
    with _executor(means) as executor:
        done: dict[int, Tally] = {}
        waiting: deque[int] = deque()

        def noted() -> Iterator[Job]:
            for job in jobs:
                waiting.append(job.number)
                yield job

        with closing(carry_out(search, noted(), executor, AT_WORK)) as found:
            for job, tally in found:
                done[job.number] = tally
                while waiting and waiting[0] in done:
                    yield done.pop(waiting.popleft())


@contextmanager
def _executor(means: Executor | int) -> Iterator[Executor | None]:
    if not isinstance(means, int):
        yield means
    elif means == 1:
        yield None
    else:
        with ends_orderly(), own_pool(means) as pool:
            yield pool


def _result(
    search: Search, budget: int, tally: Tally, best: Trial | None, interrupted: bool
) -> Falsification:
    target = search.target
    result: Callable[..., Falsification] = Falsification
    shared = {
        "claim": target.stated.name,
        "space": target.space,
        "budget": budget,
        "entropy": search.entropy,
        "models_tried": tally.tried,
        "models_applied": tally.applied,
        "interrupted": interrupted,
    }
    if best is not None:
        return result(
            **shared,
            model=best.model,
            samples=best.samples,
            violated=best.claim.name,
            relation=best.claim.relation,
            left=best.left,
            right=best.right,
            confirmation=best.confirmation,
            excluded_by=target.excluding(best),
        )
    closest = tally.closest
    if closest is not None:
        shared |= {
            "closest": closest.model,
            "closest_samples": closest.samples,
            "smallest_slack": 0.0 if abs(closest.violation) <= ROUNDING else -closest.violation,
            "relation": closest.claim.relation,
        }
    return result(**shared, obstacle=_obstacle(tally), confirmation=tally.doubt)


def _obstacle(tally: Tally) -> str:
    """Why models do not count."""
    if not tally.met and not tally.refusal:
        return f"the assumptions were never met in {tally.tried} models"
    if tally.undefined:
        return f"a side is NaN at {tally.undefined} models, such as {tally.undefined_at!r}"
    if not tally.applied:
        return f"a side was never known: {tally.refusal}" if tally.refusal else "both sides are 0"
    return ""
