"""Estimators of one's own: a function that fits, with a name for tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import Any, NoReturn

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.common.errors import ArgumentError, ArgumentTypeError, Call, NoClosedForm
from moetheory.common.validation import shown, text

Predict = Callable[[FloatArray, IntArray], Any]
Fit = Callable[[FloatArray, FloatArray, IntArray, np.random.Generator], Any]

WANTED = "a function fit(features, labels, groups, rng)"
ADAPTER = (
    "; of an object with fit and predict: def lasso(features, labels, groups, rng): "
    "fitted = Lasso(alpha=0.1).fit(features, labels); "
    "return lambda features, groups: fitted.predict(features)"
)


@dataclass(frozen=True, repr=False)
class Custom:
    r"""An estimator of your own: a function that fits, for `simulate` and `sweep`.

    ``fit(features, labels, groups, rng)`` gets a training set, arrays (n, d), (n,) and (n,), and a
    Generator of its own for each training set. It returns one of

    - coefficients (d,): one linear predictor :math:`\bar x^\top\hat\beta`;
    - coefficients (K, d): an input that the oracle takes for one of group g meets row g;
    - a function ``predict(features, groups)`` → (n,), which gets inputs (n, d) and the groups that
      the oracle takes them for.

    The risk of coefficients is known in closed form, as for the estimators of the library. A
    function is tested on 256 fresh inputs for each training set, some of every group, one for each
    group if that is more. Their mean loss, with the :math:`p_g` as weights, has the risk as its
    mean.

    Parameters
    ----------
    fit : callable
        It must depend on its arguments alone, so random numbers come from ``rng``. It may change
        the arrays that it gets. With fixed counts the samples come group by group: shuffle them
        before they are divided, say for cross-validation. Coordinates are those of the model: of
        `BlockModel.from_covariances` the eigenvectors of each block, which
        `BlockModel.rotations` turns back; the Lasso, say, minds.
    name : str, optional
        The name in tables; that of the function if not given.
    version : str, optional
        What to change when ``fit`` changes. Checkpoints need it, and ``name``: they cannot see
        whether a function is the one whose results they hold.

    Raises
    ------
    ValueError
        ``fit`` cannot be called or is a class; ``name`` or ``version`` is no text or empty.

    Notes
    -----
    An object like those of scikit-learn takes two lines:

    .. code-block:: python

        def lasso(features, labels, groups, rng):
            fitted = Lasso(alpha=0.1).fit(features, labels)
            return lambda features, groups: fitted.predict(features)

    Linear ones without intercept may return their coefficients, whose risk is exact for each
    training set: ``return Lasso(alpha=0.1, fit_intercept=False).fit(features, labels).coef_``.

    Processes import the function: it stands at the top of a module, and is no lambda.

    Source: docs/theory.md §4 (risks of given coefficients), §7 (perturbed).

    Examples
    --------
    Least squares shrunk by one half, beside least squares on the same training sets:

    >>> from moetheory import BlockModel, Dense, simulate
    >>> def halved(features, labels, groups, rng):
    ...     return np.linalg.lstsq(features, labels)[0] / 2
    >>> model = BlockModel.isotropic(8, 2, noise_variance=1.0, signal_energy=8.0)
    >>> both = simulate([Dense(), Custom(halved)], model, samples=12, rng=0)
    >>> difference = both.difference(0, 1)
    >>> difference.method, difference.mean > 0
    ('data, same draws', True)
    >>> Custom(halved).label, Custom(halved, name="half").label
    ('halved', 'half')
    """

    fit: Fit
    _: KW_ONLY
    name: str | None = None
    version: str | None = None

    def __post_init__(self) -> None:
        if isinstance(self.fit, type) or not callable(self.fit):
            raise ArgumentTypeError(
                "fit", f"must be {WANTED}, got {shown(self.fit)}{adapter_for(self.fit)}"
            )
        for name in ("name", "version"):
            given = getattr(self, name)
            if given is not None and not text(name, given).strip():
                raise ArgumentError(name, f"must not be empty, got {given!r}")

    def __hash__(self) -> int:
        # a callable object may be equal to another without a hash
        return hash((Custom, self.label, self.version))

    def __repr__(self) -> str:
        given = {"name": self.name, "version": self.version}
        more = (f"{key}={value!r}" for key, value in given.items() if value is not None)
        return f"Custom({', '.join([_name_of(self.fit), *more])})"

    @property
    def label(self) -> str:
        """A short name for tables and columns."""
        return _name_of(self.fit) if self.name is None else self.name


def _name_of(function: Any) -> str:
    """The name of a function, of what a partial one calls, or of the type of a callable object."""
    while not hasattr(function, "__name__") and hasattr(function, "func"):
        function = function.func
    return str(getattr(function, "__name__", type(function).__name__))


def adapter_for(given: Any) -> str:
    """How to make a function of an object with fit and predict; empty for anything else."""
    return ADAPTER if hasattr(given, "fit") and hasattr(given, "predict") else ""


def refuse_custom(estimator: Custom) -> NoReturn:
    """Refuse an estimator of which nothing is known but what is simulated."""
    raise NoClosedForm(
        "an estimator of your own is known by simulation only, got ",
        estimator,
        "; ",
        Call('simulate(estimator, model, samples=..., method="data")'),
    )
