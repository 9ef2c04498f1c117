"""What differs between training and test."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from moetheory.common.arrays import FloatArray
from moetheory.common.validation import count, number, read_only, real_array

SHOWN = 3  # groups of a confusion that is written out


@dataclass(frozen=True, init=False, eq=False, repr=False)
class Perturbation:
    r"""What is different at test time: everything that is not given stays as it was in training.

    An input of group i meets, in this order, the group j that it is confused with, drag, noise,
    erasure and a worst-case shift:

    .. math:: \bar x = z \circ (x + \eta\,x_j + e) + \delta, \qquad
              x_j \sim N(0, \Sigma_j) \text{ if } j \ne i, \quad e \sim (0, \sigma_o^2 I), \quad
              z_m \sim \mathrm{Bernoulli}(1-q), \quad \|\delta\|_2 \le r .

    Nothing of it enters the label. A mixture sends the input to expert j; dense, which does not
    route, meets the drag all the same.

    Parameters
    ----------
    noise_variance : float, optional
        :math:`\sigma_o^2`; that of the model if not given.
    confusion : (K, K) array, optional
        Row i: the probabilities with which an input of group i is taken for each group j,
        whatever the input is. Rows sum to 1 within 1e-9. See `even_confusion`. Oracle routing
        only: another gate errs by the input.
    drag : float
        :math:`\eta`, how far a confused input is dragged towards the block of j.
    noise : scipy.stats distribution, optional
        The law of each coordinate of e: a frozen distribution of finite variance, which is
        shifted and scaled to mean zero and variance :math:`\sigma_o^2`. Normal if not given.
    erasure : float
        q, the probability with which each coordinate is dropped (set to zero), independently.
        Of a model with ``rotations`` these are the coordinates before the rotation.
    radius : float
        r: every test input is shifted by the vector of this length that makes the squared error
        largest. With oracle routing (or dense) only.

    Raises
    ------
    ValueError
        ``noise_variance`` or ``radius`` is negative, ``erasure`` not in [0, 1), the matrix not
        square or with a negative entry or a row that does not sum to 1, ``drag`` given without
        ``confusion``, the variance of ``noise`` infinite, a number or the square of ``drag`` or
        ``radius`` not finite.

    Notes
    -----
    A gate that looks at the input errs where the input is misleading; `routing_matrix` of such a
    gate, given as ``confusion``, has its error rates but not its risk. Source: docs/theory.md §7;
    [SNB] Theorems 4.3 and 4.4.

    Examples
    --------
    >>> from moetheory import BlockModel, MoE, risk
    >>> model = BlockModel.isotropic(8, 2, noise_variance=1.0, signal_energy=8.0)
    >>> louder = Perturbation(noise_variance=2.0)
    >>> misled = Perturbation(confusion=[[0.9, 0.1], [0.1, 0.9]])
    >>> [risk(MoE(), model, under=under).value for under in (None, louder, misled)]
    [0.3333333, 0.5555556, 0.4222222]

    Only the variance of the noise matters:

    >>> from scipy import stats
    >>> heavy = Perturbation(noise_variance=2.0, noise=stats.t(5))
    >>> risk(MoE(), model, under=heavy).value
    0.5555556
    """

    noise_variance: float | None
    confusion: FloatArray | None
    drag: float
    noise: Any
    erasure: float
    radius: float

    def __init__(
        self,
        noise_variance: float | None = None,
        confusion: ArrayLike | None = None,
        drag: float = 0.0,
        *,
        noise: Any = None,
        erasure: float = 0.0,
        radius: float = 0.0,
    ) -> None:
        if noise_variance is not None:
            noise_variance = number("noise_variance", noise_variance, minimum=0.0)
        drag = checked_drag(drag)
        if drag and confusion is None:
            raise ValueError(
                f"drag needs confusion, the groups to be dragged to, got drag={drag:g}"
            )
        for name, value in {
            "noise_variance": noise_variance,
            "confusion": None if confusion is None else _confusion(confusion),
            "drag": drag,
            "noise": None if noise is None else _law(noise),
            "erasure": number("erasure", erasure, minimum=0.0, below=1.0),
            "radius": _squarable("radius", number("radius", radius, minimum=0.0)),
        }.items():
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        said = {
            "noise_variance": self.noise_variance,
            "confusion": None if self.confusion is None else _shown(self.confusion),
            "drag": self.drag or None,
            "noise": None if self.noise is None else _name(self.noise),
            "erasure": self.erasure or None,
            "radius": self.radius or None,
        }
        given = ", ".join(f"{name}={value}" for name, value in said.items() if value is not None)
        return f"Perturbation({given})"

    def replace(self, **changes: Any) -> Perturbation:
        """The same with some constructor arguments changed."""
        return Perturbation(**{**vars(self), **changes})

    def __reduce__(self) -> tuple[Any, ...]:
        # through the constructor: NumPy's own unpickling returns writable arrays
        return _rebuild, (vars(self),)

    def noise_of(self, own: float) -> float:
        r""":math:`\sigma_o^2` for a model with noise variance ``own``."""
        return own if self.noise_variance is None else self.noise_variance

    def taken(self, shares: FloatArray) -> FloatArray:
        """How often inputs are taken for each group, (K,), of which these are the shares."""
        return shares if self.confusion is None else shares @ self.confusion


def checked_drag(drag: float) -> float:
    """``drag`` as a float, finite as its square is."""
    return _squarable("drag", number("drag", drag))


def even_confusion(experts: int, rate: float) -> FloatArray:
    r"""The confusion matrix of errors that are spread evenly: (K, K), :math:`\epsilon/(K-1)`.

    Parameters
    ----------
    experts : int
        K, at least 2.
    rate : float
        :math:`\epsilon \in [0, 1]`, the probability of a wrong group.

    Examples
    --------
    >>> even_confusion(3, 0.2)
    array([[0.8, 0.1, 0.1],
           [0.1, 0.8, 0.1],
           [0.1, 0.1, 0.8]])
    """
    experts = count("experts", experts, minimum=2)
    rate = number("rate", rate, minimum=0.0)
    if rate > 1.0:
        raise ValueError(f"rate must be at most 1, got {rate:g}")
    matrix = np.full((experts, experts), rate / (experts - 1))
    np.fill_diagonal(matrix, 1.0 - rate)
    return matrix


def _rebuild(fields: dict[str, Any]) -> Perturbation:
    return Perturbation(**fields)


def _squarable(name: str, value: float) -> float:
    """``value``, of which risks have the square."""
    if not math.isfinite(value * value):
        raise ValueError(f"{name} must have a finite square, got {value:g}")
    return value


def _confusion(given: ArrayLike) -> FloatArray:
    matrix = real_array("confusion", given)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or matrix.size == 0:
        raise ValueError(f"confusion must be a square matrix, got shape {matrix.shape}")
    if matrix.min() < 0.0:
        g, j = (int(i) for i in np.argwhere(matrix < 0.0)[0])
        raise ValueError(
            f"confusion must not be negative, got {matrix[g, j]:g} at index ({g}, {j})"
        )
    sums = matrix.sum(axis=1)
    worst = int(np.argmax(np.abs(sums - 1.0)))
    if abs(sums[worst] - 1.0) > 1e-9:
        raise ValueError(f"rows of confusion must sum to 1, got {sums[worst]:.12g} in row {worst}")
    read_only(matrix)
    return matrix


def _law(noise: Any) -> Any:
    if not all(hasattr(noise, name) for name in ("dist", "args", "kwds", "rvs", "stats")):
        raise ValueError(
            "noise must be a frozen distribution of scipy.stats, such as stats.laplace() or "
            f"stats.t(5), got {noise!r}"
        )
    moments = noise.stats(moments="mv")
    if any(np.ndim(moment) for moment in moments):
        raise ValueError(f"noise must be one distribution, got several, {_name(noise)}")
    mean, variance = map(float, moments)
    if not (math.isfinite(mean) and 0.0 < variance < math.inf):
        raise ValueError(
            f"noise must have a finite variance above zero, got {_name(noise)} with variance "
            f"{variance:g}"
        )
    return noise


def _shown(confusion: FloatArray) -> str:
    experts = len(confusion)
    return str(confusion.tolist()) if experts <= SHOWN else f"<{experts} x {experts}>"


def _name(noise: Any) -> str:
    """``t(5)`` for stats.t(5), whose own text is an address in memory."""
    named = (f"{key}={value!r}" for key, value in sorted(noise.kwds.items()))
    return f"{noise.dist.name}({', '.join([*map(repr, noise.args), *named])})"
