"""Perturbations: what differs between training and test."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from moetheory.common.arrays import FloatArray
from moetheory.common.errors import ArgumentError, ArgumentKeyError, ArgumentTypeError, Mention
from moetheory.common.frozen import Frozen
from moetheory.common.text import code, fits_screen
from moetheory.common.validation import (
    count,
    number,
    number_or_vector,
    read_only,
    real_array,
    regular_array,
    shown,
    vector,
    zero_or_within,
)
from moetheory.problem import limits
from moetheory.problem.probabilities import normalised

MOST_DEVIATIONS = 1e8  # a mean of more would leave few digits of the noise drawn around it
MOST_CONFUSED = 2**14  # groups of a confusion matrix: 2 GiB
MOST_VARIANCES_SHOWN = 16  # the most variances that are written out
MOST_GROUPS_SHOWN = 16  # the largest confusion matrix that may be written out


@dataclass(frozen=True, init=False, eq=False, repr=False)
class Perturbation(Frozen):
    r"""The differences at test time; arguments that are not given stay as in training.

    An input of group i is confused with group j, and is then changed by drag, noise, erasure and a
    worst-case shift, in this order:

    .. math:: \bar x = z \circ (x + \eta\,x_j + e) + \delta, \qquad
              x_j \sim N(0, \Sigma_j) \text{ if } j \ne i, \quad e \sim (0, \sigma_o^2 I), \quad
              z_m \sim \mathrm{Bernoulli}(1-\tau), \quad \|\delta\|_2 \le \delta_{\max} .

    The label does not change. A mixture sends the input to expert j. Dense does not route, but
    its inputs are dragged too.

    Parameters
    ----------
    noise_variance : float or (d,) array, optional
        :math:`\sigma_o^2`, or that of each coordinate; the noise variance of the model if not
        given.
    confusion : (K, K) array, optional
        The misrouting matrix. Row i holds the probabilities with which an input of group i is
        taken for each group j, whatever the input is. Rows sum to 1 within 1e-9 (float32: 1e-6)
        and are divided by their sums. See `even_confusion`. For oracle routing only: the errors of
        other gates depend on the input.
    drag : float
        The factor :math:`\eta` by which a confused input is dragged towards the block of j.
    noise : scipy.stats distribution, optional
        The law of each coordinate of e: a frozen distribution of finite variance. It is
        shifted and scaled to mean zero and variance :math:`\sigma_o^2`. Normal if not given.
    erasure : float
        The probability :math:`\tau` with which each coordinate is dropped (set to zero),
        independently. For a model with ``rotations`` these are the coordinates before the rotation.
    interference_variances : float or (d,) array, optional
        The variance of the noise that each coordinate has in addition while its block is inactive
        (that of the group of the input, also if it is misrouted); the interference of the model
        if not given.
    radius : float
        The length :math:`\delta_{\max}`. Every test input is shifted by the vector of at most this
        length that makes the squared error largest. For oracle routing and dense only.

    Raises
    ------
    ValueError
        ``noise_variance`` or ``radius`` is negative, ``erasure`` not in [0, 1), the matrix not
        square or with a negative entry or a row that does not sum to 1, ``drag`` given without
        ``confusion``, the variance of ``noise`` infinite, a number not finite; ``noise_variance``
        is not 0 nor from 1e-40 to 1e40, ``radius`` not 0 nor from 1e-20 to 1e20, ``drag`` not 0
        nor from 1e-12 to 1e12 in size.

    Notes
    -----
    A gate that routes by the input errs where the input is misleading. The `routing_matrix` of such
    a gate, given as ``confusion``, has its error rates but not its risk. Source: docs/theory.md §7;
    [SNB] Theorems 4.3 and 4.4.

    Examples
    --------
    >>> from moetheory import BlockModel, MoE, risk
    >>> model = BlockModel.isotropic(8, 2, noise_variance=1.0, signal_energy=8.0)
    >>> noisier = Perturbation(noise_variance=2.0)
    >>> misled = Perturbation(confusion=[[0.9, 0.1], [0.1, 0.9]])
    >>> [risk(MoE(), model, under=under).value for under in (None, noisier, misled)]
    [0.3333333, 0.5555556, 0.4222222]

    Only the variance of the noise matters:

    >>> from scipy import stats
    >>> heavy = Perturbation(noise_variance=2.0, noise=stats.t(5))
    >>> risk(MoE(), model, under=heavy).value
    0.5555556
    """

    noise_variance: float | FloatArray | None
    confusion: FloatArray | None
    drag: float
    noise: Any
    erasure: float
    radius: float
    interference_variances: float | FloatArray | None

    def __init__(
        self,
        noise_variance: ArrayLike | None = None,
        confusion: ArrayLike | None = None,
        drag: float = 0.0,
        *,
        noise: Any = None,
        erasure: float = 0.0,
        radius: float = 0.0,
        interference_variances: ArrayLike | None = None,
    ) -> None:
        drag = checked_drag(drag)
        if drag and confusion is None:
            raise ArgumentError(
                "drag",
                "needs ",
                Mention("confusion"),
                ", the groups to be dragged to, got ",
                Mention("drag", drag),
            )
        radius = number("radius", radius, minimum=0.0)
        zero_or_within("radius", radius, limits.LENGTHS)
        for name, value in {
            "noise_variance": _checked_variances("noise_variance", noise_variance),
            "confusion": None if confusion is None else _checked_confusion(confusion),
            "drag": drag,
            "noise": None if noise is None else _checked_noise(noise),
            "erasure": number("erasure", erasure, minimum=0.0, below=1.0),
            "radius": radius,
            "interference_variances": _checked_variances(
                "interference_variances", interference_variances
            ),
        }.items():
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        if self.confusion is not None and len(self.confusion) <= MOST_GROUPS_SHOWN:
            text = self._code(str(self.confusion.tolist()))
            if fits_screen(text):
                return text
        return self._code(None if self.confusion is None else _confusion_shape(self.confusion))

    def _code(self, confusion: str | None) -> str:
        """The call that makes this perturbation, with a text for its confusion matrix."""
        parts = {
            "noise_variance": _variances_text(self.noise_variance),
            "confusion": confusion,
            "drag": self.drag or None,
            "noise": None if self.noise is None else _distribution_text(self.noise),
            "erasure": self.erasure or None,
            "radius": self.radius or None,
            "interference_variances": _variances_text(self.interference_variances),
        }
        given = ", ".join(f"{name}={value}" for name, value in parts.items() if value is not None)
        return code(f"Perturbation({given})")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Perturbation):
            return NotImplemented
        mine, theirs = vars(self), vars(other)
        return _same_law(self.noise, other.noise) and all(
            np.array_equal(mine[name], theirs[name]) for name in mine if name != "noise"
        )

    def __hash__(self) -> int:
        confusion = None if self.confusion is None else self.confusion.tobytes()
        law = None if self.noise is None else self.noise.dist.name
        variances = (
            each.tobytes() if isinstance(each, np.ndarray) else each
            for each in (self.noise_variance, self.interference_variances)
        )
        given = (*variances, confusion, self.drag, law, self.erasure, self.radius)
        return hash(("Perturbation", *given))

    def replace(self, **changes: Any) -> Perturbation:
        """A new perturbation with some constructor arguments changed."""
        for name in changes:
            if name not in vars(self):
                raise ArgumentKeyError(name, f"is unknown: replace() takes {', '.join(vars(self))}")
        return Perturbation(**{**vars(self), **changes})

    def noise_of(self, own: ArrayLike) -> float | FloatArray:
        r"""The test noise variance :math:`\sigma_o^2`, for a model with noise variance ``own``."""
        own = number_or_vector("own", own, minimum=0.0)
        return own if self.noise_variance is None else self.noise_variance

    def interference_of(self, own: ArrayLike) -> float | FloatArray:
        """The interference at test time, for a model with interference variances ``own``."""
        own = number_or_vector("own", own, minimum=0.0)
        return own if self.interference_variances is None else self.interference_variances

    def taken(self, shares: FloatArray) -> FloatArray:
        """The shares of inputs taken for each group, (K,), from the true ``shares``."""
        length = None if self.confusion is None else len(self.confusion)
        shares = vector("shares", shares, length=length)
        return shares if self.confusion is None else np.asarray(shares @ self.confusion)


def changes_variances_alone(under: Perturbation) -> bool:
    """Whether nothing but the variances of normal noise and interference differs."""
    return under == Perturbation(
        under.noise_variance, interference_variances=under.interference_variances
    )


def _checked_variances(name: str, given: ArrayLike | None) -> float | FloatArray | None:
    """``given`` as a float or an array of variances; None as it is."""
    if given is None:
        return None
    # not one number for equal ones: their length must be that of the model
    several = regular_array(name, given).ndim > 0
    variances = (vector if several else number)(name, given, minimum=0.0)
    zero_or_within(name, variances, limits.NUMBERS)
    return variances


def _variances_text(variances: float | FloatArray | None) -> str | None:
    """The variances as code, or their number if they are many; None as it is."""
    if isinstance(variances, np.ndarray) and len(variances) > MOST_VARIANCES_SHOWN:
        return f"<{len(variances)} numbers>"
    return None if variances is None else repr(getattr(variances, "tolist", lambda: variances)())


def checked_drag(drag: float) -> float:
    """``drag`` as a float that is 0 or within its range."""
    drag = number("drag", drag)
    zero_or_within("drag", drag, limits.FACTORS)
    return drag


def even_confusion(experts: int, rate: float) -> FloatArray:
    r"""The (K, K) confusion matrix of evenly spread errors, with entries :math:`\epsilon/(K-1)`.

    Parameters
    ----------
    experts : int
        K, from 2 to 2¹⁴.
    rate : float
        The probability :math:`\epsilon \in [0, 1]` of a wrong group.

    Examples
    --------
    >>> even_confusion(3, 0.2)
    array([[0.8, 0.1, 0.1],
           [0.1, 0.8, 0.1],
           [0.1, 0.1, 0.8]])
    """
    experts = count("experts", experts, minimum=2, maximum=MOST_CONFUSED)
    rate = number("rate", rate, minimum=0.0)
    if rate > 1.0:
        raise ArgumentError("rate", f"must be at most 1, got {rate:g}")
    matrix = np.full((experts, experts), rate / (experts - 1))
    np.fill_diagonal(matrix, 1.0 - rate)
    return matrix


def _checked_confusion(given: ArrayLike) -> FloatArray:
    """``given`` as a new read-only array (K, K) with rows that sum to 1."""
    matrix = real_array("confusion", given)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or matrix.size == 0:
        raise ArgumentError("confusion", f"must be a square matrix, got shape {matrix.shape}")
    if matrix.min() < 0.0:
        g, j = (int(i) for i in np.argwhere(matrix < 0.0)[0])
        raise ArgumentError(
            "confusion", f"must not be negative, got {matrix[g, j]:g} at index ({g}, {j})"
        )
    matrix = normalised("confusion", given, matrix)
    read_only(matrix)
    return matrix


def _checked_noise(noise: Any) -> Any:
    """``noise`` itself; ValueError unless it is one frozen distribution of finite variance."""
    if not all(hasattr(noise, name) for name in ("dist", "args", "kwds", "rvs", "stats")):
        raise ArgumentTypeError(
            "noise",
            "must be a frozen distribution of scipy.stats, such as stats.laplace() or "
            f"stats.t(5), got {shown(noise)}",
        )
    with np.errstate(all="ignore"):  # what is not finite is refused below
        moments = noise.stats(moments="mv")
    if any(np.ndim(moment) for moment in moments):
        raise ArgumentError(
            "noise", f"must be one distribution, got several, {_distribution_text(noise)}"
        )
    mean, variance = map(float, moments)
    if not (math.isfinite(mean) and 0.0 < variance < math.inf):
        raise ArgumentError(
            "noise",
            f"must have a finite variance above zero, got {_distribution_text(noise)} "
            f"with variance {variance:g}",
        )
    if abs(mean) > MOST_DEVIATIONS * math.sqrt(variance):
        raise ArgumentError(
            "noise",
            f"must have a mean of at most {MOST_DEVIATIONS:g} standard deviations, or its "
            f"draws lose their digits, got {_distribution_text(noise)} with mean {mean:g} and "
            f"variance {variance:g}",
        )
    return noise


def _confusion_shape(confusion: FloatArray) -> str:
    return f"<{len(confusion)} x {len(confusion)}>"


def _same_law(one: Any, other: Any) -> bool:
    """Whether two frozen distributions, or None, are the same: one object, or one construction."""
    if one is other or one is None or other is None:
        return one is other
    if type(one.dist) is not type(other.dist) or one.dist.name != other.dist.name:
        return False
    if _arguments_of(one) != _arguments_of(other):
        return False
    points = np.linspace(0.01, 0.99, 9)  # quantiles tell laws of one name apart: histograms
    return np.array_equal(one.ppf(points), other.ppf(points))


def _arguments_of(law: Any) -> dict[str, Any]:
    """The arguments of a frozen distribution by name, with the defaults of place and scale."""
    shapes = law.dist.shapes.split(", ") if law.dist.shapes else []
    return {
        "loc": 0.0,
        "scale": 1.0,
        **dict(zip([*shapes, "loc", "scale"], law.args, strict=False)),
        **law.kwds,
    }


def _distribution_text(noise: Any) -> str:
    """The text ``t(5)`` for stats.t(5), whose ``repr`` is an address in memory."""
    named = (f"{key}={value!r}" for key, value in sorted(noise.kwds.items()))
    return f"{noise.dist.name}({', '.join([*map(repr, noise.args), *named])})"
