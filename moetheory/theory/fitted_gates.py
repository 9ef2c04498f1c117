"""The risk of a mixture with a gate at many sizes of the training set, from a few integrals."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray, block_sums
from moetheory.common.errors import Call
from moetheory.predictors.coordinate_laws import CoordinateLaw
from moetheory.predictors.expert_moments import ExpertMoments
from moetheory.predictors.expert_regressions import Regressions
from moetheory.predictors.gate_forms import GateForms
from moetheory.predictors.optimal import unchecked_optimal_coefficients
from moetheory.problem.estimators import MoE, resolved_gate
from moetheory.problem.model import BlockModel
from moetheory.theory.gate_risks import gated_risk, losses_of_fits


class Number(NamedTuple):
    """A number and a bound on its absolute error."""

    value: float
    error: float


class FittedGate:
    r"""Risks of a mixture with a gate that reads the input, over the size of the training set.

    The loss is linear in the first and second moments of the coefficients of each expert. With
    fits :math:`E\hat\theta_j = k_j\theta_j`, and :math:`e_j` the mean over the coordinates of
    :math:`C_m\,E\hat\theta_m^2`,

    .. math:: R(n) = R(\infty) + \sum_j\Big[(e_j - e_j^\infty)\,Y_j + (k_j - 1)\,Z_j\Big],

    where :math:`Y_j = E\sum_gw_g\,v_j^2\sum_{m \in j}\bar x_m^2/C_m \ge 0`. So
    three integrals for each kind of block give the risk at every n. For
    :math:`n_j > s_j+1`, :math:`k_j = 1` and :math:`e_j-e_j^\infty = \rho_j/(n_j-s_j-1)`: the risk
    falls with every count, towards the optimum.

    Source: docs/theory.md §6.

    Parameters
    ----------
    estimator : MoE
        With a gate that routes by the input, and that has a formula.
    model : BlockModel
        It has at least two groups.

    Raises
    ------
    NoClosedForm
        As `risk` of the optimal experts.

    Examples
    --------
    >>> from moetheory import Hard, risk
    >>> model = BlockModel.isotropic(12, 3, noise_variance=1.0, signal_energy=12.0)
    >>> routed = FittedGate(MoE(gate=Hard()), model)
    >>> [routed.excess(n).value for n in (6, 60)]
    [1.1868006, 0.4112422]
    >>> [risk(MoE(gate=Hard()), model, samples=n).excess for n in (6, 60)]
    [1.1868006, 0.4112422]
    """

    def __init__(self, estimator: MoE, model: BlockModel) -> None:
        self.estimator, self.model = estimator, model
        self._gate = resolved_gate(estimator, model)
        found = gated_risk(estimator, model)
        self.optimum = Number(found.excess, found.error)
        self._best = unchecked_optimal_coefficients(estimator, model)
        self._law = CoordinateLaw.of(model)
        self._noisy = np.asarray(model.signal_variances + model.noise_variance)
        self._varies = self._noisy > 0.0
        self._kind_of, self._even = _kinds(model)
        self._loads: dict[int, Number] = {}
        self._mean_loads: dict[int, Number] = {}

    def excess(self, samples: Any) -> Number:
        """The excess risk of a fit on ``samples``, as `risk` takes them.

        NoClosedForm where `risk` raises it.
        """
        model = self.model
        regressions = Regressions.of(model, samples)
        moments = ExpertMoments.of(model, regressions)
        few = (regressions.counts < regressions.sizes) & (regressions.counts > 0)
        known = bool(np.all(moments.exact)) and not self.estimator.retrained
        if not known or np.any(few & ~self._even):
            found = gated_risk(self.estimator, model, samples)
            return Number(found.excess, found.error)
        value, error = self.optimum
        share, change = self._moments(moments)
        for j in np.flatnonzero((change != 0.0) | (share != 1.0)).tolist():
            load = self.load(j)
            if not np.isfinite(change[j]):
                if load.value > 0.0:
                    return Number(np.inf, 0.0)
                continue
            value += change[j] * load.value
            error += abs(change[j]) * load.error
            if share[j] != 1.0:
                load = self._mean_load(j)
                value += (share[j] - 1.0) * load.value
                error += (1.0 - share[j]) * load.error
        return Number(float(value), float(error))

    def _moments(self, moments: ExpertMoments) -> tuple[FloatArray, FloatArray]:
        """The shares :math:`k_j` of the optimum, and how much :math:`e_j` is above that of it."""
        model = self.model
        sizes = np.maximum(block_sums(self._varies.astype(np.float64), model.block_of), 1.0)
        energy, cross, variance = (
            block_sums(np.where(self._varies, self._noisy * each, 0.0), model.block_of) / sizes
            for each in (self._best**2, self._best * moments.mean, moments.variance)
        )
        share = np.divide(cross, energy, out=np.ones(model.experts), where=energy > 0.0)
        share = np.where(np.abs(share - 1.0) < 1e-12, 1.0, share)
        return share, variance + (share**2 - 1.0) * energy

    def load(self, j: int) -> Number:
        r""":math:`Y_j`, what a unit of :math:`C_m\,E\hat\theta_m^2` of expert j adds."""
        kind = int(self._kind_of[j])
        if kind not in self._loads:
            own = (self.model.block_of == j) & self._varies
            unit = np.divide(1.0, self._noisy, out=np.zeros(self.model.dim), where=own)
            met, wrong = unit * self._law.active, unit * self._law.idle_variances
            self._loads[kind] = self._mean_loss(met, np.zeros(self.model.dim), wrong)
        return self._loads[kind]

    def _mean_load(self, j: int) -> Number:
        r""":math:`Z_j`, what a unit of :math:`k_j` adds, from the forms' terms in the mean fit."""
        kind = int(self._kind_of[j])
        if kind not in self._mean_loads:
            best = np.where(self.model.block_of == j, self._best, 0.0)
            square = self._law.active * best**2
            heard = 2.0 * self.model.coefficients * self._law.leakage * best
            gained = self._mean_loss(2.0 * square, square, heard)
            self._mean_loads[kind] = Number(-gained.value, gained.error)
        return self._mean_loads[kind]

    def _mean_loss(self, met: FloatArray, cross: FloatArray, wrong: FloatArray) -> Number:
        """What these forms alone add to the risk."""
        model = self.model
        nowhere = np.zeros(model.experts, dtype=np.bool_)
        forms = GateForms(self._law, np.zeros(model.dim), met, cross, wrong, nowhere)
        call = Call(f"simulate({self.estimator!r}, model, samples=...)")
        losses = losses_of_fits(self._gate, model, forms, call)
        return Number(*(float(model.group_probabilities @ each) for each in losses))


def _kinds(model: BlockModel) -> tuple[IntArray, Any]:
    """The kind of each block, (K,): equal blocks of equal probability; and which are isotropic.

    Isotropic while active and while inactive, so that the energy of a block says all.
    """
    columns = np.stack(
        [
            np.broadcast_to(each, model.dim)
            for each in (
                model.signal_variances,
                model.noise_variance,
                model.interference_variances,
                model.leakage_variances,
                np.abs(model.coefficients),
            )
        ]
    )
    kind_of, even = np.zeros(model.experts, dtype=np.int64), np.ones(model.experts, dtype=np.bool_)
    seen: dict[tuple[float, bytes], int] = {}
    for g in range(model.experts):
        own = columns[:, model.block_of == g]
        even[g] = bool(np.all(own[:4] == own[:4, :1]))
        own = own[:, np.lexsort(own)]
        key = float(model.group_probabilities[g]), own.tobytes()
        kind_of[g] = seen.setdefault(key, len(seen))
    return kind_of, even
