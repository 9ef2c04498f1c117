"""Running chunks and merging them: the same bits however the work is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from typing import overload

import numpy as np
from numpy.typing import ArrayLike

from moetheory.allocation import Counts, known_counts
from moetheory.estimators import Estimator, known
from moetheory.model import BlockModel, known_model
from moetheory.results import Estimate, Estimates
from moetheory.simulation.fitted import Fitted
from moetheory.simulation.moments import Tally
from moetheory.simulation.routes import Population, Route
from moetheory.simulation.seeding import RNG, entropy_of, stream
from moetheory.validation import FloatArray, count

Progress = Callable[[int, int], None]
TEST_SAMPLES = 100_000
TRAINING_SETS = 1000


@overload
def simulate(
    estimator: Estimator,
    model: BlockModel,
    *,
    samples: ArrayLike | None = None,
    counts: Counts = "fixed",
    replicates: int | None = None,
    rng: RNG = None,
    progress: Progress | None = None,
) -> Estimate: ...
@overload
def simulate(
    estimator: Sequence[Estimator],
    model: BlockModel,
    *,
    samples: ArrayLike | None = None,
    counts: Counts = "fixed",
    replicates: int | None = None,
    rng: RNG = None,
    progress: Progress | None = None,
) -> Estimates: ...
def simulate(
    estimator: Estimator | Sequence[Estimator],
    model: BlockModel,
    *,
    samples: ArrayLike | None = None,
    counts: Counts = "fixed",
    replicates: int | None = None,
    rng: RNG = None,
    progress: Progress | None = None,
) -> Estimate | Estimates:
    r"""Monte Carlo estimate of a risk: of the optimal predictor or of one that was fitted.

    Without ``samples``: draws data from the model, applies the population-optimal predictor and
    averages the squared errors :math:`(f(\bar x) - y)^2`. A replicate is one fresh test sample.

    With ``samples``: draws training sets, fits the estimator and averages the true risks of the
    fits. A replicate is one training set. Dense is fitted on all n samples,

    .. math:: \hat\beta = \arg\min_\beta \tfrac1n\|\bar X\beta - y\|^2 + \mu\|\beta\|^2,

    expert g on the :math:`n_g` samples of its group and the coordinates of its block; with
    :math:`\mu = 0` it is the solution of minimum norm, without samples zero. Nothing is tested
    on data: the risk of a fit is the quadratic form

    .. math:: \sum_g p_g \Big( \sum_m S_{gm}(b_m-\hat\beta_{gm})^2
              + \sigma^2\|\hat\beta_g\|^2 \Big) + \omega^2,

    :math:`S_{gm}` the clean variance (:math:`\lambda_m` on block g, :math:`\nu_m` off it) and
    :math:`\hat\beta_g` what an input of group g meets: :math:`\hat\beta`, or expert g on its
    block and zero off it.

    Parameters
    ----------
    estimator : Dense, MoE or a sequence of them
        Several estimators see the same draws, and differ with a paired standard error.
    model : BlockModel
    samples : int or (K,) integer array, optional
        Size of the training sets, or the samples of each group. None: infinitely many.
    counts : {"fixed", "multinomial"}
        How many of n samples a group gets: :math:`n_g \approx p_g n` by largest remainder in
        every training set, or drawn anew for each.
    replicates : int, optional
        At least 2; if not given 1000 training sets or 100 000 test samples.
    rng : int, SeedSequence, Generator or None
        ``rng=estimate.entropy`` replays an estimate. A Generator gives 128 bits.
    progress : callable, optional
        Called as ``progress(done, replicates)`` after every chunk.

    Returns
    -------
    Estimate, or Estimates for a sequence
        ``method`` is "population" or "training sets".

    Raises
    ------
    ValueError
        An argument is none of the above; ``samples`` is negative, fractional or zero in total;
        ``counts="multinomial"`` without ``samples`` or with the samples of each group.

    Notes
    -----
    Where :math:`n_g` is within one of the size of block g, the expected risk of an unpenalised
    expert is infinite, and within three its variance: there ``mean`` or ``sem`` estimate
    nothing. Multinomial counts always have some probability of such an :math:`n_g`.

    Work is cut into chunks whose size depends on the model and ``samples`` alone; chunk i is
    seeded by ``SeedSequence(entropy, spawn_key=(i,))`` and merged in order of i. Memory is
    bounded by the chunk: a few MiB, or a few times d (with ``samples`` n d) numbers where that is
    more. Fits are by QR, or by singular values where the rank may be deficient.

    Source: docs/theory.md §2 (optimal predictors), §4 (fitted ones).

    Examples
    --------
    >>> from moetheory import MoE, risk
    >>> model = BlockModel.isotropic(16, 4, noise_variance=1.0, signal_energy=16.0)
    >>> estimate = simulate(MoE(), model, replicates=20_000, rng=0)
    >>> abs(estimate.z(risk(MoE(), model))) < 5
    True

    Ten samples for each expert of four coordinates: 0.2, the risk of the optimal experts,
    becomes 0.2 · (1 + 4/(10-4-1)) = 0.36.

    >>> fitted = simulate(MoE(), model, samples=40, rng=0)
    >>> fitted.method, abs(fitted.z(0.36)) < 5
    ('training sets', True)
    """
    several = isinstance(estimator, Sequence)
    estimators = _known_all(estimator)
    route = _route(estimators, known_model(model), samples, counts)
    default = TEST_SAMPLES if samples is None else TRAINING_SETS
    total = count("replicates", default if replicates is None else replicates, minimum=2)
    entropy = entropy_of(rng)
    tallies = (
        route.chunk(source, rows)
        for source, rows in _chunks(route.chunk_size, total, entropy, progress)
    )
    merged = reduce(lambda done, tally: done.merge(tally), tallies)
    estimates = _estimates(merged, route.method, entropy)
    return estimates if several else estimates[0]


def fitted_risks(
    estimators: Sequence[Estimator],
    model: BlockModel,
    samples: ArrayLike,
    *,
    counts: Counts = "fixed",
    replicates: int = TRAINING_SETS,
    rng: RNG = None,
    progress: Progress | None = None,
) -> FloatArray:
    """The risks given the group of E estimators after each of R training sets, shape (E, R, K).

    The numbers, in their order, that `simulate` averages for the same arguments.

    Examples
    --------
    >>> from moetheory import MoE
    >>> model = BlockModel.isotropic(16, 4, noise_variance=1.0, signal_energy=16.0)
    >>> risks = fitted_risks([MoE()], model, 40, replicates=100, rng=0)
    >>> risks.shape, bool(np.all(risks > 0.2))
    ((1, 100, 4), True)
    """
    route = Fitted.of(_known_all(estimators), known_model(model), samples, counts)
    total = count("replicates", replicates, minimum=1)
    chunks = _chunks(route.chunk_size, total, entropy_of(rng), progress)
    return np.concatenate([route.group_risks(source, rows) for source, rows in chunks], axis=1)


def _known_all(estimator: Estimator | Sequence[Estimator]) -> list[Estimator]:
    given = estimator if isinstance(estimator, Sequence) else [estimator]
    if not given:
        raise ValueError("estimator must name at least one estimator, got an empty sequence")
    return [known(each) for each in given]


def _route(
    estimators: Sequence[Estimator], model: BlockModel, samples: ArrayLike | None, counts: Counts
) -> Route:
    if samples is not None:
        return Fitted.of(estimators, model, samples, counts)
    if known_counts(counts) != "fixed":
        raise ValueError(
            f"counts={counts!r} needs samples, the size of the training sets, got samples=None"
        )
    return Population.of(estimators, model)


def _chunks(
    size: int, total: int, entropy: int, progress: Progress | None
) -> Iterator[tuple[np.random.Generator, int]]:
    """Streams and replicates of chunks 0, 1, …; the last one may be smaller."""
    for index, start in enumerate(range(0, total, size)):
        stop = min(start + size, total)
        yield stream(entropy, index), stop - start
        # the consumer is done with the chunk when it asks for the next
        if progress is not None:
            progress(stop, total)


def _estimates(tally: Tally, method: str, entropy: int) -> Estimates:
    pooled = tally.pooled()
    replicates = int(pooled.counts[0])
    return Estimates(
        means=pooled.means[:, 0],
        covariance=pooled.comoments[..., 0] / (replicates - 1) / replicates,
        per_group=tally.group_means,
        replicates=replicates,
        method=method,
        entropy=entropy,
    )
