"""The result of an audit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from moetheory.auditing.leads import Crossovers, lead_in_words, shape_on_grid
from moetheory.auditing.predictors import NAMES, Predictor
from moetheory.common import text
from moetheory.common.arrays import FloatArray, IntArray, block_sums
from moetheory.common.errors import ArgumentError, OutOfRangeError
from moetheory.common.validation import choice, real_array, regular_array
from moetheory.problem.model import BlockModel
from moetheory.results.tables import Columns

MODULAR, WEAKLY_MODULAR = 0.5, 0.1  # of the way from chance to strict blocks
LARGEST_Z = 3.0  # standard errors within which a risk is as predicted


@dataclass(frozen=True, eq=False, repr=False)
class Audit(Columns):
    r"""The result of an audit: risks predicted by theory and measured on held-out samples.

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
        The crossovers of ``moe`` and ``moe(hard)`` against dense.
    group_share : float
        Share of the energy of samples that lies in the block of their group, on training.
    chance_share : float
        The share if blocks and groups had nothing to do with each other.
    leakage : float
        Amplitude :math:`\alpha` of the equivalent leakage: off their groups blocks have
        :math:`\alpha^2` times the mean square that they have in them, whether labels depend on
        it or not. 0 for strict blocks, ``inf`` if blocks are zero in their groups.
    nearest : BlockModel or OutOfRangeError
        What `model` returns or raises.
    predictors : mapping of str to Predictor
        The fitted predictors, by name, of features and labels in their units.
    signal : float
        Mean square of the features on training.
    names : list
        The names of the experts.
    groups, block_of : (n,) and (d,) integer arrays
        Given or found, as indices of ``names``.
    held_out : (n,) boolean array
    classes : pair or None
        What the two classes are called that are predicted as the smaller and the larger label.
    centre : (d,) array or float
        What was subtracted from the features: their mean, or 0.
    feature_unit, label_unit : float
        The units in which predictors and the model measure features and labels, and in whose
        square risks are: 1 for the label, unless labels are beyond about 1e-35 or 1e35 in size;
        so for features. Else a power of two near the largest. What else there is of features
        (noise variances, crossovers, ``signal``, ``centre``) is in the unit of the data.
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
    nearest: BlockModel | OutOfRangeError
    predictors: Mapping[str, Predictor]
    signal: float
    names: list[Any]
    groups: IntArray
    block_of: IntArray
    held_out: NDArray[np.bool_]
    classes: tuple[Any, Any] | None
    centre: FloatArray | float
    feature_unit: float
    label_unit: float
    entropy: int

    @property
    def model(self) -> BlockModel:
        """The nearest block model by second moments, at a noise variance of ``signal``.

        It measures features and labels in their units. Raises `OutOfRangeError`, a ValueError, if
        its numbers lie outside the range in which results are right.
        """
        if isinstance(self.nearest, OutOfRangeError):
            raise OutOfRangeError(
                "model",
                f"nearest to the data is out of range, as {self.nearest}: change the units of "
                "features or labels",
            )
        return self.nearest

    @property
    def noise_variances(self) -> FloatArray:
        """The noise variances, (L,), in increasing order."""
        return np.asarray(self.columns["noise_variance"])

    @property
    def modularity(self) -> float:
        """The group share on a scale where chance is 0 and strict blocks are 1."""
        return (self.group_share - self.chance_share) / max(1.0 - self.chance_share, 1e-12)

    def z(self, name: str) -> FloatArray:
        """The measured risk minus the predicted risk in standard errors, (L,).

        Values beyond 3 occur in about 1 % of cases, more often where samples are hardly more than
        coefficients or few of one class are held out (docs/theory.md §9).
        """
        name = choice("name", name, tuple(self.predictors))
        errors = np.hypot(self[f"{name}_sem"], self[f"{name}_predicted_sem"])
        differences = self[f"{name}_measured"] - self[f"{name}_predicted"]
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(differences == 0.0, 0.0, differences / errors)

    def predict(
        self, name: str, features: ArrayLike, groups: ArrayLike | None = None
    ) -> FloatArray:
        """The predictions of a fitted predictor at each noise level, (L, n).

        Parameters
        ----------
        name : str
            One of ``predictors``.
        features : (n, d) array
            As they were given to the audit, with whatever noise they have now.
        groups : (n,) array, optional
            Indices of ``names``, for experts that are told the groups.

        Returns
        -------
        (L, n) array
            Predicted labels; two classes are 0 and 1, or the two numbers given as labels.

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
        predictor = self.predictors[choice("name", name, tuple(self.predictors))]
        given = regular_array("features", features)
        x = real_array("features", given.astype(int) if given.dtype == bool else given)
        if x.ndim != 2 or x.shape[1] != len(self.block_of):
            raise ArgumentError(
                "features", f"must have shape (n, {len(self.block_of)}), got {x.shape}"
            )
        x = x / self.feature_unit - self.centre / self.feature_unit
        if predictor.needs_groups and groups is None:
            raise ArgumentError(
                "groups", f"must be given for {name}, whose experts are routed by the true group"
            )
        indices = self._indices(groups, len(x))
        responses, energies = predictor.respond(x), block_sums(np.square(x), self.block_of)
        levels = range(len(self.noise_variances))
        predictions = [
            predictor.choose(responses[:, level], energies, indices, level) for level in levels
        ]
        return np.array(predictions) * self.label_unit

    def _indices(self, groups: ArrayLike | None, samples: int) -> IntArray:
        """The groups of samples as checked indices of ``names``, (n,); 0 if not given."""
        if groups is None:
            return np.zeros(samples, dtype=np.int64)
        indices = regular_array("groups", groups)
        if indices.shape != (samples,) or indices.dtype.kind not in "iu":
            raise ArgumentError(
                "groups",
                f"must be ({samples},) indices of names, "
                f"got {indices.dtype} values of shape {indices.shape}",
            )
        if indices.size and not 0 <= indices.min() <= indices.max() < len(self.names):
            raise ArgumentError(
                "groups",
                f"must be from 0 to {len(self.names) - 1}, got {indices.min()} to {indices.max()}",
            )
        return indices

    def table(self, width: int | None = None) -> str:
        """The table of predicted and measured risks, ± their standard errors, as text."""
        header, rows = self._cells()
        return text.tables(header, rows, text.checked_width(width), lead=2)

    def _repr_html_(self) -> str:
        header, rows = self._cells()
        return text.html_table(header, len(rows), rows.__getitem__)

    def _cells(self) -> tuple[list[str], list[list[str]]]:
        """The header and the rows of the table."""
        header = ["noise variance", "risk", *self.predictors]
        rows = []
        for level, noise in enumerate(self.noise_variances):
            for what, sem in (("predicted", "predicted_sem"), ("measured", "sem")):
                cells = [
                    text.with_error(self[f"{name}_{what}"][level], self[f"{name}_{sem}"][level])
                    for name in self.predictors
                ]
                rows.append([f"{noise:.4g}", what, *cells])
            if self.classes is not None:
                shares = [
                    f"{100 * self[f'{name}_accuracy'][level]:.1f} %" for name in self.predictors
                ]
                rows.append([f"{noise:.4g}", "accuracy", *shares])
        return header, rows

    @property
    def verdict(self) -> str:
        """The conclusions in words: modularity, leads of experts, and errors of the predictions."""
        return _verdict(self)


def _verdict(audit: Audit) -> str:
    """The verdict in a few lines: structure, leads, their sources, errors of prediction."""
    lines = [_structure_in_words(audit), _energy_in_words(audit)]
    if len(audit.names) > 1:
        lines += [*(_lead_line(audit, name) for name in audit.crossovers), _sources_in_words(audit)]
    lines.append(_errors_in_words(audit))
    if audit.label_unit != 1.0:
        lines.append(f"Labels are measured in {audit.label_unit:.3g}, risks in its square.")
    return "\n".join(lines)


def _structure_in_words(audit: Audit) -> str:
    held_out = int(audit.held_out.sum())
    sizes = np.bincount(audit.block_of)
    features = f"{sizes.min()} to {sizes.max()}" if sizes.min() < sizes.max() else f"{sizes[0]}"
    experts = "1 expert" if len(sizes) == 1 else f"{len(sizes)} experts"
    return (
        f"{experts} with {features} of {len(audit.block_of)} features; "
        f"{len(audit.held_out) - held_out} training and {held_out} held-out samples."
    )


def _energy_in_words(audit: Audit) -> str:
    if len(audit.names) == 1:
        return "Not modular: one block, the expert is the dense predictor, no gain."
    if audit.modularity >= MODULAR:
        word = "Modular"
    else:
        word = "Weakly modular" if audit.modularity >= WEAKLY_MODULAR else "Not modular"
    return (
        f"{word}: {100 * audit.group_share:.3g} % of the energy lies in the block of the sample's "
        f"group ({100 * audit.chance_share:.3g} % by chance); "
        f"equivalent leakage alpha = {audit.leakage:.2g}."
    )


def _lead_line(audit: Audit, name: str) -> str:
    predicted, measured = audit.crossovers[name]
    grid, subject = audit.noise_variances, NAMES[name].capitalize()
    never = [math.isinf(each.begins.value) for each in (predicted, measured)]
    if all(never):
        return f"{subject}: no gain over dense predicted, none found."
    if not audit.crossovers[name].agree:
        conclusion = "the theory missed it"
    elif all(each.is_sure for each in (predicted, measured)) and (
        shape_on_grid(predicted, grid) == shape_on_grid(measured, grid)
    ):
        conclusion = "the theory called it"
    else:
        conclusion = "within their errors, which are wide"
    return (
        f"{subject}: predicted {lead_in_words(predicted, grid)}, "
        f"measured {lead_in_words(measured, grid)}: {conclusion}."
    )


def _sources_in_words(audit: Audit) -> str:
    """The gain of experts at the level where it is largest, split into its sources."""
    gain = audit["dense_measured"] - audit["moe_measured"]
    level = int(np.argmax(gain))
    if gain[level] <= 0.0:
        level = len(gain) - 1
    dense, tuned, all_features, own = (
        text.rounded(audit[f"{name}_measured"][level], audit[f"{name}_sem"][level])
        for name in ("dense", "dense(tuned)", "moe(all)", "moe")
    )
    return (
        f"At noise variance {audit.noise_variances[level]:.3g}: dense {dense}, tuned {tuned}; "
        f"experts that see all features {all_features} (routing alone), "
        f"their own block {own} (filtering)."
    )


def _errors_in_words(audit: Audit) -> str:
    z = np.array([audit.z(name) for name in audit.predictors])
    beyond = np.abs(z) > LARGEST_Z
    worst = float(np.abs(z).max())
    if not beyond.any():
        levels = "1 noise level" if z.shape[1] == 1 else f"{z.shape[1]} noise levels"
        return (
            f"Every risk was predicted within {worst:.1f} standard errors "
            f"({z.shape[0]} predictors, {levels})."
        )
    return (
        f"{int(beyond.sum())} of {z.size} risks were not predicted within {LARGEST_Z:.0f} standard "
        f"errors (the largest difference is {worst:.1f})."
    )
