"""Running chunks and merging them: the same bits however the work is done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import overload

import numpy as np

from moetheory.estimators import Estimator, known
from moetheory.model import BlockModel, known_model
from moetheory.results import Estimate, Estimates
from moetheory.simulation.moments import Moments
from moetheory.simulation.routes import Population
from moetheory.simulation.seeding import RNG, entropy_of, stream
from moetheory.validation import count

Progress = Callable[[int, int], None]
REPLICATES = 100_000


@overload
def simulate(
    estimator: Estimator,
    model: BlockModel,
    *,
    samples: None = None,
    replicates: int | None = None,
    rng: RNG = None,
    progress: Progress | None = None,
) -> Estimate: ...
@overload
def simulate(
    estimator: Sequence[Estimator],
    model: BlockModel,
    *,
    samples: None = None,
    replicates: int | None = None,
    rng: RNG = None,
    progress: Progress | None = None,
) -> Estimates: ...
def simulate(
    estimator: Estimator | Sequence[Estimator],
    model: BlockModel,
    *,
    samples: None = None,
    replicates: int | None = None,
    rng: RNG = None,
    progress: Progress | None = None,
) -> Estimate | Estimates:
    r"""Monte Carlo estimate of the risk of the population-optimal predictor.

    Draws data from the model, predicts, and averages the squared errors
    :math:`(f(\bar x) - y)^2`. A replicate is one fresh test sample.

    Parameters
    ----------
    estimator : Dense, MoE or a sequence of them
        Several estimators see the same draws.
    model : BlockModel
    samples : None
        Infinitely many training samples, the only case available yet.
    replicates : int, optional
        At least 2; 100 000 if not given.
    rng : int, SeedSequence, Generator or None
        ``rng=estimate.entropy`` replays an estimate. A Generator gives 128 bits.
    progress : callable, optional
        Called as ``progress(done, replicates)`` after every chunk.

    Returns
    -------
    Estimate, or Estimates for a sequence

    Raises
    ------
    NotImplementedError
        ``samples`` is not None.

    Notes
    -----
    Work is cut into chunks whose size depends on the model alone; chunk i is seeded by
    ``SeedSequence(entropy, spawn_key=(i,))`` and merged in order of i. Memory is bounded by the
    chunk: a few MiB, or a few times d numbers where d is larger.

    Examples
    --------
    >>> from moetheory import MoE, risk
    >>> model = BlockModel.isotropic(16, 4, noise_variance=1.0, signal_energy=16.0)
    >>> estimate = simulate(MoE(), model, replicates=20_000, rng=0)
    >>> abs(estimate.z(risk(MoE(), model))) < 5
    True
    """
    if samples is not None:
        raise NotImplementedError(
            f"simulating estimators fitted on samples={samples!r} is not available yet; "
            "samples=None simulates the population optimum"
        )
    several = isinstance(estimator, Sequence)
    estimators = [
        known(each) for each in (estimator if isinstance(estimator, Sequence) else [estimator])
    ]
    if not estimators:
        raise ValueError("estimator must name at least one estimator, got an empty sequence")
    total = count("replicates", REPLICATES if replicates is None else replicates, minimum=2)
    entropy = entropy_of(rng)
    route = Population.of(estimators, known_model(model))
    estimates = _estimates(_run(route, total, entropy, progress), route.method, entropy)
    return estimates if several else estimates[0]


def _run(route: Population, total: int, entropy: int, progress: Progress | None) -> Moments:
    """Chunks 0, 1, … merged in order; the last one may be smaller."""
    size = route.chunk_size
    merged: Moments | None = None
    for index, start in enumerate(range(0, total, size)):
        stop = min(start + size, total)
        moments = route.chunk(stream(entropy, index), stop - start)
        merged = moments if merged is None else merged.merge(moments)
        if progress is not None:
            progress(stop, total)
    assert merged is not None
    return merged


def _estimates(moments: Moments, method: str, entropy: int) -> Estimates:
    pooled = moments.pooled()
    replicates = int(pooled.counts[0])
    return Estimates(
        means=pooled.means[:, 0],
        covariance=pooled.comoments[..., 0] / (replicates - 1) / replicates,
        per_group=np.where(moments.counts > 0, moments.means, np.nan),
        replicates=replicates,
        method=method,
        entropy=entropy,
    )
