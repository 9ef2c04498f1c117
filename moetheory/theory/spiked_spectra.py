"""The spectrum of a fixed design with a few strong directions, observed in noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.common.errors import Call, Mention, NoClosedForm
from moetheory.common.frozen import Frozen
from moetheory.common.validation import choice
from moetheory.formulas import spiked
from moetheory.predictors.spiked_design import Design
from moetheory.problem.estimators import Estimator, MoE
from moetheory.problem.model import BlockModel

Noise = Literal["own", "common"]
NOISES: tuple[Noise, ...] = get_args(Noise)


@dataclass(frozen=True, eq=False, repr=False)
class SpikedSpectrum(Frozen):
    r"""The spikes of a fixed design as each predictor observes them, for many samples.

    Attributes
    ----------
    coordinates, groups : (r,) integer arrays
        The coordinate and the group of each spike, in the model's order.
    signal : (r,) array
        Squared singular values :math:`\ell` without noise.
    values : (r,) array
        Squared singular values of the noisy design.
    left, right : (r,) arrays
        Squared inner products of clean and noisy singular vectors, left and right.
    detectable : (r,) booleans
        Whether the signal is above the threshold. If not, the value is the edge and the overlaps
        are 0.
    threshold, edge : (P,) arrays
        The detection threshold, and the largest squared singular value of noise alone, for each
        predictor: (1,) for dense, (K,) for experts, NaN for an expert without samples.
    condition, contraction : (P,) arrays
        :math:`\kappa`, the largest value of a predictor over the smallest, undetectable spikes
        included, and :math:`(\kappa-1)/(\kappa+1)`; NaN for an expert without spikes.
    """

    coordinates: IntArray
    groups: IntArray
    signal: FloatArray
    values: FloatArray
    left: FloatArray
    right: FloatArray
    detectable: NDArray[np.bool_]
    threshold: FloatArray
    edge: FloatArray
    condition: FloatArray
    contraction: FloatArray

    @property
    def worst(self) -> float:
        """The largest contraction factor; NaN if there are no spikes."""
        return float(np.fmax.reduce(self.contraction))


def spiked_spectrum(
    estimator: Estimator, model: BlockModel, samples: Any, *, noise: Noise = "own"
) -> SpikedSpectrum:
    r"""Singular values and vectors of a fixed design observed in noise.

    The n clean rows X, scaled by :math:`1/\sqrt n`, are held at their expected second moment:
    coordinate m of group g, if it has signal, is a spike of squared singular value
    :math:`\ell_m = (n_g/n)\lambda_m`. It is observed with independent N(0, :math:`\sigma^2/n`)
    noise by a predictor with aspect c and noise s,

    .. math:: \ell \ \mapsto\ \frac{(\ell+s)(\ell+cs)}\ell \ \text{ if }\ \ell > \sqrt c\,s,
              \qquad s(1+\sqrt c)^2 \ \text{ if not,}

    with squared overlaps :math:`(\ell^2-cs^2)/(\ell(\ell+s))` of left and
    :math:`(\ell^2-cs^2)/(\ell(\ell+cs))` of right singular vectors, or none. Dense has
    :math:`c = d/n,\ s = \sigma^2`; expert g, which sees its own :math:`n_g` rows and
    :math:`s_g` columns, :math:`c_g = s_g/n_g,\ s = \sigma^2n_g/n`.

    These are limits for a fixed number of spikes as n and d grow. Where there are not few spikes
    beside n and d, the formulas do not describe the model; compare with `simulate_spectrum`.

    Parameters
    ----------
    estimator : Dense or MoE
        It must have no ridge; a mixture must be routed by `Oracle`.
    model : BlockModel
        It must have strict blocks; coordinates without signal are noise only.
    samples : int or (K,) integers
        n, divided among the groups by largest remainder, or :math:`n_g`.
    noise : {"own", "common"}
        The noise of an expert: "own" is the noise of its submatrix; "common" is the hypothesis
        that an expert observes its spikes at the c and s of dense. For dense both are the same.

    Returns
    -------
    SpikedSpectrum

    Raises
    ------
    ValueError
        The model has leakage, the estimator a ridge; a group has fewer samples, but some, than
        coordinates with signal; ``noise`` is neither.
    NoClosedForm
        The gate is not `Oracle`, or the predictor observes noise of more than one variance: there
        are several, or interference, which experts with their own noise do not see.

    Notes
    -----
    With common noise no expert has a larger :math:`\kappa` than dense, as its values are among
    those of dense. With its own noise an expert may: less noise compresses the spikes less.
    Source: docs/theory.md §8; [SNB] Theorem 4.7.

    Examples
    --------
    >>> from moetheory import Dense, MoE
    >>> signal = [4.0, 1.0] + [0.0] * 30 + [2.0] + [0.0] * 31
    >>> model = BlockModel([0.5, 0.5], [0] * 32 + [1] * 32, signal, [1.0] * 64, 0.5)
    >>> dense, moe = (spiked_spectrum(each, model, 128) for each in (Dense(), MoE()))
    >>> dense.signal, dense.values, dense.detectable
    (array([2. , 0.5, 1. ]), array([2.8125, 1.5   , 1.875 ]), array([ True,  True,  True]))
    >>> dense.condition, moe.condition
    (array([1.875]), array([2.55, 1.  ]))
    >>> spiked_spectrum(MoE(), model, 128, noise="common").condition
    array([1.875, 1.   ])
    """
    choice("noise", noise, NOISES)
    design = Design.of(estimator, model, samples)
    own_noise = isinstance(estimator, MoE) and noise == "own"
    variance = model.noise_variance
    if not isinstance(variance, float) or (model.interferes and not own_noise):
        one = isinstance(variance, float)
        raise NoClosedForm(
            "the spectrum of a fixed design is known for noise of one variance in all rows and "
            "columns, got ",
            Mention("interference_variances") if one else "several in ",
            "" if one else Mention("noise_variance"),
            "; ",
            Call(f"simulate_spectrum({estimator!r}, model, samples)"),
        )
    rows, columns = design.rows.astype(np.float64), design.columns
    if noise == "common":
        rows, columns = np.full_like(rows, design.samples), np.full_like(columns, model.dim)
    undefined = np.full(rows.shape, np.nan)
    aspects = np.divide(columns, rows, out=undefined, where=rows > 0.0)
    variances = variance * (rows / design.samples)
    spikes = design.signal, aspects[design.predictor_of], variances[design.predictor_of]
    values = spiked.observed(*spikes)
    condition, contraction = design.conditioning(values)
    return SpikedSpectrum(
        coordinates=design.coordinates,
        groups=design.groups,
        signal=design.signal,
        values=values,
        left=spiked.left_overlap(*spikes),
        right=spiked.right_overlap(*spikes),
        detectable=np.greater(design.signal, spiked.threshold(*spikes[1:])),
        threshold=spiked.threshold(aspects, variances),
        edge=spiked.edge(aspects, variances),
        condition=condition,
        contraction=contraction,
    )
