"""What an audit finds, in numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moetheory.auditing.expert_numbers import Choice
from moetheory.auditing.leads import Crossovers
from moetheory.auditing.modularity import Chance, modularity_of
from moetheory.auditing.noise import LEVEL_NAMES, NoiseKind
from moetheory.auditing.predictors import (
    ByName,
    Predictor,
    Units,
    canonical,
)
from moetheory.auditing.structure import Source
from moetheory.common.arrays import FloatArray, IntArray
from moetheory.common.errors import OutOfRangeError
from moetheory.common.validation import choice
from moetheory.problem.model import BlockModel
from moetheory.results.tables import Columns


@dataclass(frozen=True, eq=False, repr=False)
class Findings(Columns):
    r"""What an audit finds: risks predicted by theory and measured on held-out samples, and more.

    Attributes
    ----------
    columns : mapping of str to (L,) array
        ``noise_variance``, the noise levels; for each predictor the risk ``<name>_predicted`` with
        its standard error ``<name>_predicted_sem`` (too small where coefficients are not few for
        the samples, see docs/theory.md §9) and ``<name>_measured`` with ``<name>_sem``; of classes
        also ``<name>_accuracy``, measured. The predictors are ``dense``, ``dense(tuned)`` (penalty
        by leave-one-out cross-validation), ``moe(block)`` (experts restricted to their block, told
        the groups), ``moe(all)`` (experts that see everything), ``moe(all, tuned)``, ``moe(block,
        router)`` and ``moe(all, router)`` (sorted by noisy features), ``group mean`` and ``dense +
        group`` (an intercept for each group). ``moe`` and ``moe(hard)`` are older names of
        ``moe(block)`` and ``moe(block, router)``.
    crossovers : mapping of str to Crossovers
        Where mixtures lead over dense, ``moe(all, tuned)`` over ``dense(tuned)``.
    group_share : float
        Share of the energy of samples that lies in the block of their group, on training.
    chance : Chance
        ``share`` and ``spread`` of it if features were independent, and ``how`` that was computed.
    leakage : float
        Amplitude :math:`\alpha` of the equivalent leakage: off their groups blocks have
        :math:`\alpha^2` times the mean square that they have in them, whether labels depend on
        it or not. 0 for strict blocks, ``inf`` if blocks are zero in their groups.
    nearest : BlockModel or OutOfRangeError
        What `model` returns or raises.
    standardised : mapping of str to Predictor
        The fitted predictors, of features in units of their own.
    units : Units
        These units, and those of labels.
    signal : float
        Mean variance of the features on training (mean square without centring).
    names : list
        The names of the experts.
    groups : (n,) integer array
        Given or found, as indices of ``names``.
    block_of : (d,) integer array
        The block of each feature, -1 if it is left out: that of the expert of this number, unless
        there are more groups than blocks.
    held_out : (n,) boolean array
    classes : tuple or None
        What the classes are called, in the order of their labels.
    noise : str
        The kind of noise.
    astray : (L,) array
        The share of held-out samples that the router sends elsewhere than to their group.
    label_power : float
        The variance of the labels on training, summed over labels: the risk of their mean.
    source : {"given", "found", "router"}
        Where the groups come from.
    router : str
        Its kind, "yours" if it is a function.
    notes : tuple of str
        Warnings.
    choice : Choice or None
        The numbers of experts that were compared.
    entropy : int
        Replays the audit.

    Notes
    -----
    With :math:`u_j` the energies (sums of squares of features in units of their own) of blocks, the
    share is :math:`\sum_i u_{i,g_i} / \sum_i \|x_i\|^2`. Source: docs/theory.md §9.
    """

    columns: Mapping[str, NDArray[Any]]
    crossovers: Mapping[str, Crossovers]
    group_share: float
    chance: Chance
    leakage: float
    nearest: BlockModel | OutOfRangeError
    standardised: Mapping[str, Predictor]
    units: Units
    signal: float
    names: list[Any]
    groups: IntArray
    block_of: IntArray
    held_out: NDArray[np.bool_]
    classes: tuple[Any, ...] | None
    noise: NoiseKind
    astray: FloatArray
    label_power: float
    source: Source
    router: str
    notes: tuple[str, ...]
    choice: Choice | None
    entropy: int

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__({**state, "crossovers": ByName(state["crossovers"])})

    def __getitem__(self, name: str) -> NDArray[Any]:
        given: object = name
        return super().__getitem__(canonical(given) if isinstance(given, str) else name)

    @property
    def noise_variances(self) -> FloatArray:
        """The noise levels, (L,), in increasing order."""
        return np.asarray(self.columns["noise_variance"])

    @property
    def chance_share(self) -> float:
        """The group share that chance gives."""
        return self.chance.share

    @property
    def modularity(self) -> float:
        """The group share on a scale where chance is 0 and strict blocks are 1."""
        return modularity_of(self.group_share, self.chance_share)

    @property
    def level_name(self) -> str:
        """What a noise level is called."""
        return LEVEL_NAMES[self.noise]

    @property
    def shown(self) -> tuple[str, ...]:
        """The predictors that differ: with one expert mixtures are the dense predictor."""
        alone = ("dense", "dense(tuned)", "group mean")
        return tuple(self.standardised) if len(self.names) > 1 else alone

    def explained(self, name: str) -> FloatArray:
        """R², the share of the labels' variance that a predictor explains, (L,), as measured."""
        return 1.0 - self[f"{self._known(name)}_measured"] / self.label_power

    def z(self, name: str) -> FloatArray:
        """The measured risk minus the predicted risk in standard errors, (L,).

        Values beyond 3 occur in about 1 % of cases, more often where samples are hardly more than
        coefficients or few of one class are held out (docs/theory.md §9).
        """
        name = self._known(name)
        errors = np.hypot(self[f"{name}_sem"], self[f"{name}_predicted_sem"])
        differences = self[f"{name}_measured"] - self[f"{name}_predicted"]
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(differences == 0.0, 0.0, differences / errors)

    def _known(self, name: str) -> str:
        """The name of one of the predictors, as it is now."""
        given: object = name
        now = canonical(given) if isinstance(given, str) else given
        return choice("name", now, tuple(self.standardised))
