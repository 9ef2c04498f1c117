"""What an audit has found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from moetheory import reporting
from moetheory.auditing import wording
from moetheory.auditing.leads import Lead
from moetheory.auditing.predictors import Predictor
from moetheory.kernels import block_sums
from moetheory.model import BlockModel
from moetheory.results import Columns
from moetheory.validation import FloatArray, IntArray, read_only, real_array, regular_array


class Crossovers(NamedTuple):
    """Where experts lead dense along the noise: foreseen, and measured.

    Attributes
    ----------
    predicted, measured : Lead
        Each with ``begins`` and ``ends``, noise variances as ``value``, and from ``low`` to
        ``high`` their 95 % interval; ``inf`` is beyond the largest.
    """

    predicted: Lead
    measured: Lead

    @property
    def agree(self) -> bool:
        """Whether both leads begin, and end, at the same noise within their 95 % intervals."""
        pairs = zip(self.predicted, self.measured, strict=True)
        return all(foreseen.agrees(found) for foreseen, found in pairs)


@dataclass(frozen=True, eq=False)
class Audit(Columns):
    r"""What the theory says of a data set, and what held-out samples say of the theory.

    Attributes
    ----------
    columns : mapping of str to (L,) array
        ``noise_variance``; for each of ``dense``, ``moe`` (experts told the groups), ``moe(hard)``
        (routed by noisy energies), ``dense(tuned)`` (penalty by leave-one-out cross-validation)
        and ``moe(all)`` (experts that see all features) the risk ``<name>_predicted`` with its
        standard error ``<name>_predicted_sem`` (too small where coefficients are not few for the
        samples, see docs/theory.md §9) and ``<name>_measured`` with ``<name>_sem``; of
        labels of two classes also ``<name>_accuracy``, measured.
    crossovers : mapping of str to Crossovers
        Of ``moe`` and ``moe(hard)`` against dense.
    group_share : float
        Share of the energy of samples that lies in the block of their group, on training.
    chance_share : float
        The same if blocks and groups had nothing to do with each other.
    leakage : float
        Equivalent overlap :math:`\alpha`: off their groups blocks have :math:`\alpha^2` times
        the mean square that they have in them. 0 for strict blocks, ``inf`` if blocks are silent
        in their groups.
    model : BlockModel
        The nearest one by second moments, at a noise variance of ``signal``.
    predictors : mapping of str to Predictor
        What `predict` asks, by name.
    signal : float
        Mean square of the features on training.
    names : list
        Of the experts.
    groups, block_of : (n,) and (d,) integer arrays
        Given or found, as indices of ``names``.
    held_out : (n,) boolean array
    classes : pair or None
        What the two classes are called that are predicted as the smaller and the larger label.
    centre : (d,) array or float
        What was subtracted from the features: their mean, or 0.
    entropy : int
        Replays the audit.

    Notes
    -----
    With :math:`u_j` the energies (sums of squares) of blocks, the share is
    :math:`\sum_i u_{i,g_i} / \sum_i \|x_i\|^2`. Source: docs/theory.md §9.
    """

    columns: Mapping[str, NDArray[Any]]
    crossovers: Mapping[str, Crossovers]
    group_share: float
    chance_share: float
    leakage: float
    model: BlockModel
    predictors: Mapping[str, Predictor]
    signal: float
    names: list[Any]
    groups: IntArray
    block_of: IntArray
    held_out: NDArray[np.bool_]
    classes: tuple[Any, Any] | None
    centre: FloatArray | float
    entropy: int

    def __post_init__(self) -> None:
        read_only(*self.columns.values(), self.groups, self.block_of, self.held_out)

    @property
    def noise_variances(self) -> FloatArray:
        """The levels, (L,), in increasing order."""
        return np.asarray(self.columns["noise_variance"])

    @property
    def modularity(self) -> float:
        """``group_share`` between chance, 0, and strict blocks, 1."""
        return (self.group_share - self.chance_share) / max(1.0 - self.chance_share, 1e-12)

    def z(self, name: str) -> FloatArray:
        """By how many standard errors the risk measured is above that predicted, (L,).

        Beyond 3 in about 1 % of cases, more where samples are hardly more than coefficients or
        few of one class are held out (docs/theory.md §9).
        """
        errors = np.hypot(self[f"{name}_sem"], self[f"{name}_predicted_sem"])
        differences = self[f"{name}_measured"] - self[f"{name}_predicted"]
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(differences == 0.0, 0.0, differences / errors)

    def predict(
        self, name: str, features: ArrayLike, groups: ArrayLike | None = None
    ) -> FloatArray:
        """What a fitted predictor says at each noise level, (L, n).

        Parameters
        ----------
        name : str
            One of ``predictors``.
        features : (n, d) array
            As they were given to the audit, with whatever noise they have now.
        groups : (n,) array, optional
            Indices of ``names``, for experts that are told.

        Returns
        -------
        (L, n) array
            Labels; of two classes 0 and 1, or the two numbers that they are.

        Raises
        ------
        ValueError
            There is no such predictor, features have another shape or are not finite, groups are
            missing where experts are told, or are not such indices.

        Examples
        --------
        >>> from moetheory import audit
        >>> features = np.random.default_rng(0).normal(size=(200, 4))
        >>> found = audit(features, features.sum(axis=1), noise_variances=[0, 1], rng=0)
        >>> found.predict("dense", np.ones((1, 4))).round(2)
        array([[4.  ],
               [2.04]])
        """
        if name not in self.predictors:
            raise ValueError(f"name must be one of {', '.join(self.predictors)}, got {name!r}")
        predictor = self.predictors[name]
        given = regular_array("features", features)
        x = real_array("features", given.astype(int) if given.dtype == bool else given)
        if x.ndim != 2 or x.shape[1] != len(self.block_of):
            raise ValueError(f"features must have shape (n, {len(self.block_of)}), got {x.shape}")
        x = x - self.centre
        if predictor.is_told and groups is None:
            raise ValueError(f"groups must be given for {name}, whose experts are told")
        told = np.zeros(len(x), dtype=np.int64) if groups is None else np.asarray(groups)
        if told.shape != (len(x),) or told.dtype.kind not in "iu":
            raise ValueError(
                f"groups must be ({len(x)},) indices of names, "
                f"got {told.dtype} values of shape {told.shape}"
            )
        if told.size and not 0 <= told.min() <= told.max() < len(self.names):
            raise ValueError(
                f"groups must be from 0 to {len(self.names) - 1}, got {told.min()} to {told.max()}"
            )
        responses, energies = predictor.respond(x), block_sums(np.square(x), self.block_of)
        levels = range(len(self.noise_variances))
        return np.array(
            [predictor.choose(responses[:, level], energies, told, level) for level in levels]
        )

    def table(self, width: int | None = None) -> str:
        """Risks predicted and measured, ± their standard errors, as text."""
        header = ["noise variance", "risk", *self.predictors]
        rows = []
        for level, noise in enumerate(self.noise_variances):
            for what, sem in (("predicted", "predicted_sem"), ("measured", "sem")):
                cells = [
                    reporting.with_error(
                        self[f"{name}_{what}"][level], self[f"{name}_{sem}"][level]
                    )
                    for name in self.predictors
                ]
                rows.append([f"{noise:.4g}", what, *cells])
            if self.classes is not None:
                shares = [
                    f"{100 * self[f'{name}_accuracy'][level]:.1f} %" for name in self.predictors
                ]
                rows.append([f"{noise:.4g}", "accuracy", *shares])
        return reporting.tables(header, rows, width, lead=2)

    @property
    def verdict(self) -> str:
        """How modular the data is, where experts win, and whether the theory called it."""
        return wording.verdict(self)
