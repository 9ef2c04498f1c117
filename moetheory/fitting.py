"""Risks of estimators fitted on finitely many samples: exact where that is known."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from moetheory.allocation import counts_of
from moetheory.errors import NoClosedForm
from moetheory.estimators import Dense, Estimator
from moetheory.formulas import equivalent
from moetheory.formulas.finite import estimation_cost
from moetheory.formulas.layout import Layout
from moetheory.model import BlockModel
from moetheory.regressions import Regressions
from moetheory.results import Risk
from moetheory.validation import FloatArray, IntArray


def fitted_risk(estimator: Estimator, model: BlockModel, samples: Any) -> Risk:
    """Expected risk over training sets of ``samples``; for arguments and formulas see `risk`."""
    counts = counts_of(samples, model)
    try:
        # an overflow is no answer either
        with np.errstate(over="raise", divide="raise", invalid="raise"):
            return _fitted(estimator, model, counts)
    except (ArithmeticError, np.linalg.LinAlgError) as error:
        raise NoClosedForm(
            f"the equations of {estimator!r} on {sum(counts.tolist())} samples ({counts.min()} to "
            f"{counts.max()} in each group) could not be solved ({error}); "
            f"call simulate({estimator!r}, model, samples=...)"
        ) from None


def _fitted(estimator: Estimator, model: BlockModel, counts: IntArray) -> Risk:
    if not isinstance(estimator, Dense):
        return _experts(estimator.ridge * counts, model, counts)
    if _separates(model):
        # its ridge is on all samples, that of an expert on its own
        return _experts(estimator.ridge * float(counts.sum()), model, counts)
    return _dense(estimator.ridge, model, counts)


def leading_excess(model: BlockModel, samples: Any) -> float:
    """Excess risk of dense least squares by the equivalent alone, without its 1/n term."""
    counts, world = counts_of(samples, model), _Arranged.of(model, coupled=True)
    expanded = _dense_expansion(0.0, world, counts, world.surplus(counts) > 0.0)
    return float(model.group_probabilities @ expanded.leading[0])


class _Arranged(NamedTuple):
    """A model's coordinates in the order of a layout."""

    layout: Layout
    signal: FloatArray
    leakage: FloatArray
    coefficients: FloatArray
    noise: float
    label_noise: float

    @classmethod
    def of(cls, model: BlockModel, *, coupled: bool) -> _Arranged:
        layout = Layout(model.block_of, model.experts, coupled=coupled)
        arrays = (model.signal_variances, model.leakage_variances, model.coefficients)
        signal, leakage, b = map(layout.sort, arrays)
        return cls(layout, signal, leakage, b, model.noise_variance, model.label_noise_variance)

    def surplus(self, counts: IntArray) -> float:
        """Samples beyond the number of coordinates that vary in any of them."""
        present = (counts.reshape(self.layout.shape) > 0).astype(np.float64)
        variances = self.signal + self.noise, self.leakage + self.noise
        seen = self.layout.across(present, *variances) > 0.0
        return float(counts.sum()) - float(np.count_nonzero(seen))

    def excess(
        self, counts: IntArray, outside: FloatArray, slope: Any, floor: Any
    ) -> equivalent.Equivalent:
        """`equivalent.excess` of these coordinates, arguments in the shape of the layout."""
        return equivalent.excess(
            self.layout,
            counts.astype(np.float64).reshape(self.layout.shape),
            self.signal,
            self.leakage,
            self.coefficients,
            self.noise,
            outside,
            slope,
            floor,
        )


def _separates(model: BlockModel) -> bool:
    """Whether dense least squares falls into that of the experts."""
    return model.experts == 1 or (model.strict and model.noise_variance == 0.0)


def _experts(penalty: Any, model: BlockModel, counts: IntArray) -> Risk:
    """Minimum-norm least squares in every block, with ``penalty`` on its Gram matrix."""
    own = Regressions.of(model, counts)
    penalty = np.broadcast_to(np.asarray(penalty, dtype=np.float64), counts.shape)
    cost = estimation_cost(counts, own.sizes, own.residual, own.energy)
    trivial = (counts == 0) | (own.sizes == 0)
    infinite = np.isinf(cost) & ~trivial
    exact = trivial | ((penalty == 0.0) & ((counts >= own.sizes) | own.isotropic | infinite))
    excess, error = own.residual_excess + cost, np.zeros(counts.shape)
    if not exact.all():
        world = _Arranged.of(model, coupled=False)
        column = world.layout.shape
        over = counts > own.sizes
        # groups that have an exact answer get an equation that is easy to solve
        slope = np.where(exact | (penalty > 0.0) | over, 1.0, 0.0)
        floor = np.where(exact | (penalty == 0.0), np.where(exact | ~over, 1.0, 0.0), penalty)
        outside = own.unseen + model.label_noise_variance
        expanded = world.excess(counts, *(a.reshape(column) for a in (outside, slope, floor)))
        asymptotic, size = (part[:, 0] for part in _expansion(expanded))
        excess = np.where(exact, excess, own.unseen + asymptotic)
        error = np.where(exact, 0.0, size)
    return _risk(model, excess, exact, error)


def _dense(ridge: float, model: BlockModel, counts: IntArray) -> Risk:
    """One predictor on all coordinates."""
    signal, leakage = model.signal_variances, model.leakage_variances
    if ridge == 0.0 and model.noise_variance == 0.0 and np.any((signal > 0.0) != (leakage > 0.0)):
        raise ArithmeticError("without noise, coordinates must leak all or none")
    world = _Arranged.of(model, coupled=True)
    surplus = world.surplus(counts)
    everywhere = np.ones(model.experts, dtype=bool)
    if ridge == 0.0 and abs(surplus) <= 1.0:
        if _unexplained(model, counts):
            return _risk(model, np.full(model.experts, np.inf), everywhere, np.zeros(model.experts))
        if surplus == 0.0:
            # labels without residual: more of the same samples change nothing
            counts = 2 * counts
            surplus = float(counts.sum())
    expanded = _dense_expansion(ridge, world, counts, ridge > 0.0 or surplus > 0.0)
    values, error = (part[0] for part in _expansion(expanded))
    return _risk(model, values, ~everywhere, error)


def _unexplained(model: BlockModel, counts: IntArray) -> bool:
    """Whether any group with samples has labels that no coefficients reproduce."""
    if model.noise_variance == 0.0 or model.label_noise_variance > 0.0:
        return model.label_noise_variance > 0.0
    return bool(np.any(Regressions.of(model, counts).null_excess[counts > 0] > 0.0))


def _dense_expansion(
    ridge: float, world: _Arranged, counts: IntArray, over: bool
) -> equivalent.Equivalent:
    penalty = float(counts.sum()) * ridge
    return world.excess(
        counts,
        np.full(world.layout.shape, world.label_noise),
        np.full((1, 1), 1.0 if over else 0.0),
        np.full((1, 1), penalty if over else 1.0),
    )


def _expansion(expanded: equivalent.Equivalent) -> tuple[FloatArray, FloatArray]:
    """Excess risks and their error estimates.

    The error of a series cut off is of the size of its next term: at most that of the last one
    kept, plus, since that may vanish by accident, the square of the relative size of its order.
    Where the last one is larger than what it corrects the expansion has broken down and is cut
    before.
    """
    leading, correction, size = expanded
    usable = np.abs(correction) <= leading
    relative = np.divide(size, leading, out=np.zeros(size.shape), where=leading > 0.0)
    error = np.abs(correction) + np.where(np.isinf(size), np.inf, relative * size)
    return leading + np.where(usable, correction, 0.0), error


def _risk(model: BlockModel, excess: FloatArray, exact: Any, error: FloatArray) -> Risk:
    p = model.group_probabilities
    drawn = p > 0.0
    omega = model.label_noise_variance
    total = float(p[drawn] @ excess[drawn])
    known = bool(np.all(exact[drawn])) or total == np.inf
    return Risk(
        value=total + omega,
        excess=total,
        per_group=excess + omega,
        exactness="exact" if known else "asymptotic",
        error=0.0 if known else float(p[drawn] @ error[drawn]),
    )
