"""`simulate_routing`: misrouting of gates, and its excess over the best router."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from moetheory import kernels
from moetheory.common.arrays import FloatArray, IntArray
from moetheory.common.blas_threads import one_blas_thread
from moetheory.common.cached import cached
from moetheory.common.errors import ArgumentError, RareGroupWarning
from moetheory.common.frozen import Frozen
from moetheory.common.seeding import RNG, entropy_of, stream
from moetheory.common.validation import count
from moetheory.predictors.routing_bounds import routing_error_bound
from moetheory.problem.gates import Gate, Hard, Learned, checked_gate, resolved
from moetheory.problem.model import BlockModel, checked_model
from moetheory.problem.sample_counts import checked_replicates
from moetheory.results.estimates import Estimate
from moetheory.simulation.methods.block_energies import SquaredInputModel
from moetheory.simulation.methods.drawn_inputs import CONFUSABLE, InputStrata
from moetheory.simulation.methods.learned_routers import (
    inputs_of_router,
    routed_inputs,
    router_strata,
)
from moetheory.simulation.methods.route import require_enough
from moetheory.simulation.methods.router_fits import Router
from moetheory.simulation.methods.squares_layout import SquaresLayout
from moetheory.simulation.methods.strata import (
    even_parts,
    fewest_inputs,
    roomy_inputs,
    strata,
)
from moetheory.simulation.methods.tally import Tally
from moetheory.simulation.rare_events import few_carry

INPUTS = 100_000
MOST_INPUTS = 2**24  # on which a router is tested: they are in memory at the same time
TRAINING_SETS = 200
# part of the reproducibility contract: numbers in the scores of a chunk
CHUNK = 1 << 17


@dataclass(frozen=True, eq=False, repr=False)
class RoutingEstimate(Frozen):
    """A Monte Carlo estimate of the routing matrix and the misrouting of a gate.

    Attributes
    ----------
    matrix : (K, K) array
        Entry g, j: probability that an input of group g is sent to expert j. Rows sum to 1; rows
        of groups of probability zero are NaN.
    misrouting : Estimate
        Probability that an input is sent to an expert of another group.
    excess : Estimate
        Misrouting above that of `Hard`, which is the least possible.
    excesses : (R,) array or None
        For `Learned`: the excess of each training set, over the inputs its router was tried on.
    entropy : int
        The seed: ``rng=estimate.entropy`` replays the estimate.
    replicates : int
        Inputs, or training sets of `Learned`.
    """

    matrix: FloatArray
    misrouting: Estimate
    excess: Estimate
    excesses: FloatArray | None
    entropy: int
    replicates: int


def simulate_routing(
    gate: Gate,
    model: BlockModel,
    *,
    replicates: int | None = None,
    inputs: int = 1000,
    rng: RNG = None,
) -> RoutingEstimate:
    r"""Monte Carlo estimate of the routing of a gate that picks one expert.

    Given an input, its group has posterior weights w, so that expert c is wrong with
    probability :math:`1-w_c`. This probability is averaged instead of errors:

    .. math:: P(\text{wrong}) = E(1-w_c),\qquad P(j \mid g) = E(w_g 1_{c=j})/p_g,\qquad
              \text{excess} = E(\max_j w_j - w_c) \ge 0 .

    A third of the inputs are such as the gate is likely to confuse, so that errors are seen however
    rare they are. Of the others groups are strata: rare ones get as many inputs as a K-th, or
    nearly. Every input counts by how often it occurs.

    Parameters
    ----------
    gate : Hard, TopK(1) or Learned
    model : BlockModel
    replicates : int, optional
        At least 2; 100 000 inputs unless told, or 200 training sets of `Learned`.
    inputs : int
        On how many inputs each learned router is tried, at most 2²⁴.
    rng : int, SeedSequence, Generator or None
        As for `simulate`.

    Warns
    -----
    RareGroupWarning
        Few of the inputs carry the misrouting, although they were drawn for it: models with
        groups that differ by orders of magnitude, few inputs.

    Raises
    ------
    ValueError
        The gate does not pick one expert by the input; the router has too few samples to learn
        from; a number is none.

    Notes
    -----
    Source: docs/theory.md §6; [SNB] Theorem 4.1 for the router that is learned.

    Examples
    --------
    >>> model = BlockModel.isotropic(16, 4, noise_variance=0.2, signal_energy=16.0)
    >>> best = simulate_routing(Hard(), model, rng=0)
    >>> learned = simulate_routing(Learned(50), model, rng=0)
    >>> best.excess.mean, 0.0 < best.misrouting.mean < learned.misrouting.mean < 0.1
    (0.0, True)
    """
    model = checked_model(model)
    gate = resolved(checked_gate(gate), model.experts)
    if not isinstance(gate, Hard | Learned):
        raise ArgumentError(
            "gate",
            f"must pick one expert by the input: Hard(), TopK(1) or Learned(...), got {gate!r}",
        )
    learned = isinstance(gate, Learned)
    default = TRAINING_SETS if learned else max(INPUTS, roomy_inputs(model))
    total = checked_replicates(default if replicates is None else replicates)
    require_enough(total, 2 if learned else fewest_inputs(model))
    each = count("inputs", inputs, minimum=1, maximum=MOST_INPUTS)
    chunks: _InputChunks | _RouterChunks = _InputChunks(model)
    if isinstance(gate, Learned):
        router = Router(gate, (model,))
        router.require_samples()
        chunks = _RouterChunks(model, router, each)
    entropy, sums, values = entropy_of(rng), _RoutingSums.none(model.experts), []
    tally: Tally | None = None
    for number, size in enumerate(even_parts(total, chunks.size)):
        with one_blas_thread():
            part = chunks.chunk(stream(entropy, number), size)
        sums = sums.plus(part.sums)
        if learned:
            values.append(part.values[1])
        tally = part.tally if tally is None else tally.merge(part.tally)
    assert tally is not None
    if not learned:
        _warn_of_rare_errors(tally, model)
    return _estimate(tally, sums, np.concatenate(values) if learned else None, model, entropy)


class _RoutingSums(NamedTuple):
    """Weighted sums over inputs: w_g by the chosen expert c, (K, K), and w_g(max w - w_c), (K,)."""

    sent: FloatArray
    excess: FloatArray

    @classmethod
    def none(cls, experts: int) -> _RoutingSums:
        return cls(np.zeros((experts, experts)), np.zeros(experts))

    @classmethod
    def of(
        cls, chosen: IntArray, group: kernels.Weights, excess: FloatArray, weights: FloatArray
    ) -> _RoutingSums:
        assert group.others is not None
        experts = len(group.others)
        rows = [np.bincount(chosen, row * weights, minlength=experts) for row in group.others]
        sent: FloatArray = np.stack(rows).astype(np.float64)
        largest = group.largest * weights
        sent[np.diag_indices(experts)] += np.bincount(chosen, largest, minlength=experts)
        return cls(
            sent,
            np.einsum("kn,n->k", group.others, excess * weights)
            + np.bincount(chosen, largest * excess, minlength=experts),
        )

    def plus(self, other: _RoutingSums) -> _RoutingSums:
        return _RoutingSums(self.sent + other.sent, self.excess + other.excess)


class _Chunk(NamedTuple):
    """Results of a chunk; ``values`` (2, R) are the probability of an error and the excess."""

    values: FloatArray
    tally: Tally
    sums: _RoutingSums


@dataclass(frozen=True, eq=False)
class _InputChunks:
    """Chunks whose replicate is one input, routed by the best router."""

    model: BlockModel

    @cached
    def input_model(self) -> SquaredInputModel:
        return SquaredInputModel(self.model, SquaresLayout.of(self.model))

    @cached
    def strata(self) -> InputStrata:
        shares = _even_shares(self.model.group_probabilities)
        return InputStrata((self.input_model,), shares, CONFUSABLE)

    @property
    def size(self) -> int:
        return max(CHUNK // self.input_model.squares.units, roomy_inputs(self.model))

    def chunk(self, rng: np.random.Generator, replicates: int) -> _Chunk:
        counts = self.strata.counts(replicates)
        (inputs,) = self.strata.draw(rng, strata(counts), counts)
        group, weights = inputs.gate, inputs.weights
        values = np.stack([group.rest * weights, np.zeros(replicates)])
        sums = _RoutingSums.of(group.top, group, values[1], weights)
        return _Chunk(values, Tally.of_strata(values, counts, counts / replicates), sums)


@dataclass(frozen=True, eq=False)
class _RouterChunks:
    """Chunks whose replicate is one training set of a router, which routes ``inputs`` inputs."""

    model: BlockModel
    router: Router
    inputs: int

    @cached
    def strata(self) -> InputStrata:
        return router_strata((self.model,), _even_shares(self.model.group_probabilities))

    @property
    def size(self) -> int:
        return self.router.batch(self._each)

    @property
    def _each(self) -> int:
        return inputs_of_router(self.model, self.inputs)

    def chunk(self, rng: np.random.Generator, replicates: int) -> _Chunk:
        (found,) = routed_inputs(rng, self.router, self.strata, replicates, self._each)
        excess = found.highest_posterior - found.group.largest
        sums = _RoutingSums.of(found.chosen, found.group, excess, found.weights)
        values = np.stack([found.group.rest, excess]) * found.weights
        values = values.reshape(2, replicates, -1).sum(axis=2)
        return _Chunk(values, Tally.of(values, np.zeros((2, replicates, 0))), sums)


def _warn_of_rare_errors(tally: Tally, model: BlockModel) -> None:
    """Warn if the inputs that were drawn hold hardly any errors."""
    mean, sem = float(tally.means[0]), float(np.sqrt(tally.covariance[0, 0]))
    if routing_error_bound(model, 0.5) > 1e-12 and few_carry(mean, sem, tally.replicates):
        warnings.warn(
            "hardly any of the inputs that were drawn are in doubt: the standard error of the "
            "misrouting cannot be trusted",
            RareGroupWarning,
            stacklevel=3,
        )


def _even_shares(probabilities: FloatArray) -> FloatArray:
    """Shares of the inputs, (K,): a group gets its probability, or one part in K if it is rarer."""
    possible = probabilities > 0.0
    shares = np.where(possible, np.maximum(probabilities, 1.0 / possible.sum()), 0.0)
    return np.asarray(shares / shares.sum())


def _estimate(
    tally: Tally, sums: _RoutingSums, excesses: FloatArray | None, model: BlockModel, entropy: int
) -> RoutingEstimate:
    seen = sums.sent.sum(axis=1)
    possible = seen > 0.0
    reached = np.where(possible, seen, np.nan)
    matrix = sums.sent / reached[:, np.newaxis]
    astray = np.where(np.eye(model.experts, dtype=bool), 0.0, matrix).sum(axis=1)
    sems = np.sqrt(np.diagonal(tally.covariance))
    misrouting, excess = (
        Estimate(
            mean=float(mean),
            sem=float(sem),
            replicates=tally.replicates,
            per_group=per_group,
            method="identity",
            entropy=entropy,
            degrees=float(degrees),
        )
        for mean, sem, degrees, per_group in zip(
            tally.means,
            sems,
            tally.degrees,
            (np.where(possible, astray, np.nan), sums.excess / reached),
            strict=True,
        )
    )
    return RoutingEstimate(matrix, misrouting, excess, excesses, entropy, tally.replicates)
