"""`replay`: the data set of one replicate, and what was fitted on it."""

from __future__ import annotations

from typing import Any

from moetheory.common.errors import ArgumentError, ArgumentTypeError, Mention
from moetheory.common.validation import count, shown
from moetheory.results.estimates import Estimate, Estimates
from moetheory.results.replays import Replay
from moetheory.simulation.methods.data import DataRoute
from moetheory.simulation.runs.chunks import Run


def replay(estimate: Estimate | Estimates, index: int) -> Replay:
    """The training set of one replicate, bit for bit, and what was fitted on it.

    Parameters
    ----------
    estimate : Estimate or Estimates
        From `simulate` with ``method="data"``, of one model.
    index : int
        The replicate, from 0. Of an estimate from one part of a run: its number in the whole run.

    Returns
    -------
    Replay
        ``.features``, ``.labels``, ``.groups`` and ``.fit``. Of several estimates, and of a
        difference, ``.fit`` is a tuple.

    Raises
    ------
    ValueError
        The estimate is by another method, or of several models; there is no such replicate.

    Notes
    -----
    The chunk of the replicate is drawn again up to it. A function of `Custom` is called again,
    with the same arguments. Source: docs/theory.md §5.

    Examples
    --------
    >>> import numpy as np
    >>> from moetheory import BlockModel, Dense, simulate
    >>> model = BlockModel.isotropic(8, 2, noise_variance=1.0, signal_energy=8.0)
    >>> estimate = simulate(Dense(), model, samples=20, method="data", rng=0)
    >>> found = replay(estimate, 7)
    >>> found.features.shape, found.groups.tolist() == [0] * 10 + [1] * 10
    ((20, 8), True)
    >>> again = np.linalg.lstsq(found.features, found.labels)[0]
    >>> bool(np.allclose(again, found.fit))
    True
    """
    if not isinstance(estimate, Estimate | Estimates):
        raise ArgumentTypeError("estimate", f"must be an Estimate, got {shown(estimate)}")
    origins = estimate.origins or ()
    if not origins or None in origins:
        methods = [estimate.method] if isinstance(estimate, Estimate) else estimate.methods
        raise ArgumentError(
            "estimate",
            "must be by ",
            Mention("method", "data"),
            " of simulate, which draws data sets and has drawn some, got one by "
            f"{' and '.join(dict.fromkeys(methods))}",
        )
    run: Run = origins[0].run
    route = run.route
    assert isinstance(route, DataRoute)
    members = len(route.estimators) + len(route.customs)
    places = [divmod(origin.place, members) for origin in origins]
    if any(origin.run is not run for origin in origins) or len({m for m, _ in places}) > 1:
        raise ArgumentError(
            "estimate", "must be of one model and one run, got several: replay one of them"
        )
    total = estimate.replicates if isinstance(estimate, Estimate) else estimate[0].replicates
    chunk, place = _place(run, total, index)
    model = places[0][0]

    def drawn(*arguments: Any) -> Replay:
        sets = route.training_set(*arguments, place=place, model=model)
        fits = tuple(route.fitted(member, model, sets) for _, member in places)
        return Replay(
            sets.features[0].copy(),
            sets.labels[0].copy(),
            sets.groups[0].copy(),
            fits[0] if len(fits) == 1 and isinstance(estimate, Estimate) else fits,
        )

    return run.carry_out(drawn, chunk)


def _place(run: Run, replicates: int, index: int) -> tuple[int, int]:
    """The chunk of replicate ``index``, and its place there; ``replicates`` were drawn."""
    size = run.route.chunk_size
    if run.total is None:
        first, chunks = 0, replicates // size
    else:
        first, chunks = next(iter(run.indices())) * size, run.chunks
    given = count("index", index, minimum=first, maximum=first + replicates - 1)
    chunk = min(given // size, chunks - 1)
    return chunk, given - chunk * size
