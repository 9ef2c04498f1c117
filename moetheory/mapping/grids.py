"""Population risks of many models at once: those of a map that share their structure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.formulas import erasure, gaps, perturbed, population
from moetheory.formulas.perturbed import BlockLosses, RoutedLosses
from moetheory.predictors.optimal import Coefficients, predictor_of
from moetheory.problem.estimators import (
    Dense,
    Estimator,
    experts_of,
    one_each,
    routes_by_input,
    simplest,
)
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation, even_confusion
from moetheory.sweeping.quantities import OF_A_MODEL, PERTURBED, changed_fields
from moetheory.theory.leads import ROUNDING, Arguments

CHUNK = 1 << 18  # numbers in an array (cells, coordinates) or (cells, K), 2 MiB


def covers(
    estimator: Estimator, model: BlockModel, under: Perturbation | None, names: tuple[str, ...]
) -> bool:
    """Whether `risks_of_cells` knows the risk of an estimator over these quantities."""
    under = under or Perturbation()
    shifted = under.radius > 0.0 or "radius" in names
    erased = under.erasure > 0.0 or "erasure" in names
    return not (
        routes_by_input(estimator)
        or (erased and model.rotations is not None)  # coordinates may be correlated
        or (shifted and (erased or under.noise is not None))  # no closed form
    )


def risks_of_cells(
    a: Estimator,
    b: Estimator,
    model: BlockModel,
    under: Perturbation | None,
    values: Mapping[str, FloatArray],
    drag: float = 0.0,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Excess risks of ``a`` and ``b``, and the lead of ``b``, (N,) each; 0 where they are alike.

    Parameters
    ----------
    a, b : Dense or MoE
        Those that are `covers`-ed.
    model : BlockModel
        The model before the changes.
    under : Perturbation or None
    values : mapping of str to (N,) arrays
        Of each quantity its values, which have been checked.
    drag : float
        That of ``under`` if 0.
    """
    a, b = simplest(a, model), simplest(b, model)
    fields = _merged(model, under)
    found = np.empty((3, len(next(iter(values.values())))))
    for part in _parts(found.shape[1], max(len(fields["block_of"]), model.experts)):
        changes = {name: each[part, np.newaxis] for name, each in values.items()}
        for row, each in zip(
            found, _risks(a, b, _Cells.of(model, fields, under, changes, drag)), strict=True
        ):
            row[part] = each
    above, below, lead = found
    return above, below, lead


def _parts(cells: int, width: int) -> Iterator[slice]:
    """The cells in parts, whose arrays (cells, width) are small."""
    step = max(CHUNK // width, 1)
    for start in range(0, cells, step):
        yield slice(start, start + step)


def _merged(model: BlockModel, under: Perturbation | None) -> dict[str, Any]:
    """The fields of the model and of test time, equal coordinates of a block made one.

    Risks are sums of terms with :math:`b^2`, so that n equal coordinates are one with
    :math:`b\\sqrt n`.
    """
    own = model.fields()
    arrays = {
        name: own[name]
        for name in (
            *("signal_variances", "coefficients", "noise_variance"),
            *("leakage_variances", "interference_variances"),
        )
    }
    if under is not None:
        arrays["test_noise"] = under.noise_variance
        arrays["test_interference"] = under.interference_variances
    several = {name: each for name, each in arrays.items() if np.ndim(each)}
    rows = np.column_stack([model.block_of, *several.values()])
    distinct, counts = np.unique(rows, axis=0, return_counts=True)
    merged = arrays | dict(zip(several, distinct[:, 1:].T, strict=True))
    merged["coefficients"] = merged["coefficients"] * np.sqrt(counts)
    merged["block_of"] = distinct[:, 0].astype(np.int64)
    merged["group_probabilities"] = model.group_probabilities
    return merged


class _Cells(NamedTuple):
    """Models that differ in their numbers, and their tests; arrays may have an axis for cells.

    Attributes
    ----------
    p : (K,) or (N, K) array
    block_of : (d,) integer array
    signal, leakage, coefficients, noise, interference : (..., d) or (N, 1) arrays or numbers
    test_noise, test_interference : the same at test time
    omega : float
        The variance of the label noise.
    under : Perturbation or None
        What differs at test time, the same in all cells.
    changes : mapping of str to (N, 1) arrays
        What of the perturbation is not the same.
    drag : float
        Of inputs that are misrouted.
    model : BlockModel
        The model before the changes.
    """

    p: FloatArray
    block_of: IntArray
    signal: Any
    leakage: Any
    coefficients: Any
    noise: Any
    interference: Any
    test_noise: Any
    test_interference: Any
    omega: Any
    under: Perturbation | None
    changes: Mapping[str, FloatArray]
    drag: float
    model: BlockModel

    @classmethod
    def of(
        cls,
        model: BlockModel,
        merged: Mapping[str, Any],
        under: Perturbation | None,
        values: Mapping[str, FloatArray],
        drag: float,
    ) -> _Cells:
        """The cells of a model at ``values``, (N, 1) each."""
        fields = {"label_noise_variance": model.label_noise_variance, **merged}
        for over in OF_A_MODEL:
            if over in values:
                fields |= changed_fields(model, fields, over, values[over])
        for name in ("leakage_variances", "interference_variances"):
            if not np.any(fields[name]):
                fields[name] = 0.0  # formulas skip it
        noise, interference = fields["noise_variance"], fields["interference_variances"]
        test_noise, test_interference = (
            other if (other := fields.get(name)) is not None else usual
            for name, usual in (("test_noise", noise), ("test_interference", interference))
        )
        return cls(
            fields["group_probabilities"],
            fields["block_of"],
            fields["signal_variances"],
            fields["leakage_variances"],
            fields["coefficients"],
            noise,
            interference,
            values.get("test_noise_variance", test_noise),
            test_interference,
            fields["label_noise_variance"],
            under,
            {name: each for name, each in values.items() if name in PERTURBED},
            drag or (0.0 if under is None else under.drag),
            model,
        )

    @property
    def arguments(self) -> Arguments:
        """The arguments of formulas such as `population.gap`."""
        return self[:7]


def _risks(a: Estimator, b: Estimator, cells: _Cells) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The excess risks of both and the lead of ``b``, (N,) each or of all cells alike."""
    above, below = (_excess(each, cells) for each in (a, b))
    lead = _lead(a, b, cells)
    if lead is None:
        lead = above - below
        lead = np.where(np.abs(lead) <= ROUNDING * (above + below), 0.0, lead)
    return above, below, lead


def _excess(estimator: Estimator, cells: _Cells) -> FloatArray:
    """The excess risk of an estimator, (N,) or of all cells alike."""
    if cells.under is None and not cells.changes and one_each(estimator):
        contributions = (
            population.dense_contributions
            if isinstance(estimator, Dense)
            else population.expert_contributions
        )
        return population.excess(contributions, *cells.arguments, estimator.ridge)
    return np.asarray(np.vecdot(cells.p, _perturbed_excess(estimator, cells)))


def _lead(a: Estimator, b: Estimator, cells: _Cells) -> FloatArray | None:
    """The lead from a form that keeps its digits; None where no such form is used."""
    if cells.under is not None or cells.changes or not (one_each(a) and one_each(b)):
        return None
    if isinstance(a, Dense) == isinstance(b, Dense):
        excess = gaps.dense_ridge_excess if isinstance(a, Dense) else gaps.expert_ridge_excess
        return excess(*cells.arguments, a.ridge, b.ridge)
    if a.ridge or b.ridge:
        return None
    gap = population.gap(*cells.arguments)
    return gap if isinstance(a, Dense) else -gap


def _perturbed_excess(estimator: Estimator, cells: _Cells) -> FloatArray:
    """The excess risk given the group, (..., K), under a perturbation."""
    under, changes = cells.under or Perturbation(), cells.changes
    erased = changes.get("erasure", under.erasure)

    def losses(found: Coefficients) -> BlockLosses:
        units = None if _is_one_number(cells.test_noise) else cells.test_noise
        of_blocks = perturbed.block_losses(
            *cells.arguments[:5], *found, 0.0, units, cells.test_interference
        )
        return erasure.erased(of_blocks, erased) if np.any(erased) else of_blocks

    experts = experts_of(estimator, cells.model)
    met, shared = predictor_of(estimator, experts, *cells.arguments)
    routed = perturbed.routed(
        losses(met),
        cells.test_noise if _is_one_number(cells.test_noise) else 1.0,
        cells.drag,
        experts,
        None if shared is None else losses(shared),
    )
    radius = changes.get("radius", under.radius)

    def excess(routed: RoutedLosses, confusion: FloatArray | None) -> FloatArray:
        if np.any(radius):
            return perturbed.adversarial(routed, confusion, cells.omega, radius)
        return perturbed.excess(routed, confusion)

    if "misrouting" not in changes:
        return excess(routed, under.confusion)
    # linear in the rate
    rate = changes["misrouting"]
    right, wrong = excess(routed, None), excess(routed, even_confusion(cells.model.experts, 1.0))
    return np.asarray(perturbed.times(1.0 - rate, right) + perturbed.times(rate, wrong))


def _is_one_number(noise: Any) -> bool:
    """Whether the noise of each cell is one number for all coordinates."""
    return np.ndim(noise) == 0 or np.shape(noise)[-1] == 1
