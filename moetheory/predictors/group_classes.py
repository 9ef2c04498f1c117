"""The groups of a model, sorted by what their blocks tell a gate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray, block_sums
from moetheory.common.errors import Call, Mention, NoClosedForm
from moetheory.formulas.block_evidence import Block
from moetheory.formulas.hard_gate import HardRouting
from moetheory.formulas.sums import sum_over_others
from moetheory.predictors.coordinate_laws import CoordinateLaw
from moetheory.predictors.gate_forms import GateForms
from moetheory.problem.model import BlockModel

MOST_RATIO = 1e100  # of signal to noise; beyond, squares overflow
SILENT, NEVER_DRAWN, CERTAIN = -1, -2, -3  # groups that are in no class


@dataclass(frozen=True, eq=False)
class GroupClasses:
    """The groups of a model, in classes of groups with the same blocks and probabilities.

    Attributes
    ----------
    blocks : list of C Block
        The distinct blocks with evidence of groups that are drawn, one for each class.
    counts : (C,) integer array
        The number of groups in each class.
    class_of : (K,) integer array
        The class of each group, or `SILENT`: the block has the same law while it is active and
        while it is not; `NEVER_DRAWN`; `CERTAIN`: a coordinate with signal is zero while the block
        is inactive, so that samples of this group are recognised, and no others are taken for it.
    silent_probabilities : array
        Probabilities of the groups that are silent.
    most_probable_silent : int
        The most probable silent group, the first of several; -1 if there is none.
    missed, met, cross, wrong : (K,) arrays
        Means of the forms Q of the block of each group, see `Block`.
    laws : (3, d) array
        The r of each coordinate, and its variances at test time in units of its idle one.
    in_evidence : (d,) mask
        The coordinates that the blocks have.
    """

    blocks: list[Block]
    counts: IntArray
    class_of: IntArray
    silent_probabilities: FloatArray
    most_probable_silent: int
    missed: FloatArray
    met: FloatArray
    cross: FloatArray
    wrong: FloatArray
    laws: FloatArray
    in_evidence: Any

    @classmethod
    def of(
        cls, model: BlockModel, forms: GateForms, simulation: Call, *, one_hot: bool
    ) -> GroupClasses:
        """The classes of the groups of ``model``, for experts and test inputs with these ``forms``.

        NoClosedForm names the ``simulation``. ``one_hot`` if the gate chooses one expert.
        """
        p, trained = model.group_probabilities, CoordinateLaw.of(model)
        idle, surplus = trained.idle_variances, trained.signal - trained.beside
        always_zero = (idle == 0.0) & (surplus > 0.0)
        costs = forms.missed, forms.met, forms.cross, forms.wrong
        *sums, certain, evident = block_sums(
            np.stack([*costs, always_zero, surplus != 0.0]), model.block_of
        )
        class_of = np.select(
            [p == 0.0, certain > 0.0, evident == 0.0], [NEVER_DRAWN, CERTAIN, SILENT], default=0
        )
        perturbed = not trained.equals(forms.law)
        costly = np.any(sums, axis=0) & (not one_hot)
        _require_formula(model, class_of, surplus, idle, costly, simulation, perturbed=perturbed)
        unit = np.where(idle > 0.0, idle, 1.0)
        with np.errstate(over="ignore", under="ignore"):
            ratios = np.minimum(surplus / unit, MOST_RATIO)
            active = forms.law.active / unit if perturbed else 1.0 + ratios
        laws = np.stack([ratios, forms.law.idle_variances / unit, active])
        order = np.argsort(model.block_of, kind="stable")
        described = np.stack([*laws, *costs])[:, order]
        index_of: dict[tuple[float, bytes], int] = {}
        blocks: list[Block] = []
        ends = np.cumsum(model.sizes)
        for g in np.flatnonzero(class_of == 0).tolist():
            arrays = described[:, ends[g] - model.sizes[g] : ends[g]]
            key = (p[g], arrays.tobytes())
            if key not in index_of:
                index_of[key] = len(blocks)
                blocks.append(Block.of(float(p[g]), *arrays))
            class_of[g] = index_of[key]
        counts = np.bincount(class_of[class_of >= 0], minlength=len(blocks))
        silent = np.flatnonzero(class_of == SILENT)
        most_probable_silent = int(silent[np.argmax(p[silent])]) if silent.size else -1
        missed, met, cross, wrong = sums
        return cls(
            blocks=blocks,
            counts=counts,
            class_of=class_of,
            silent_probabilities=p[silent],
            most_probable_silent=most_probable_silent,
            missed=missed,
            met=met,
            cross=cross,
            wrong=wrong,
            laws=laws,
            in_evidence=np.any([ratios, *costs], axis=0),
        )

    @property
    def has_no_evidence(self) -> Any:
        """The groups whose samples give evidence of no group that is drawn, (K,)."""
        return (self.class_of == SILENT) | (self.class_of == NEVER_DRAWN)

    @property
    def is_certain(self) -> Any:
        """The groups that are recognised for certain, (K,)."""
        return self.class_of == CERTAIN

    @property
    def _row_of(self) -> IntArray:
        """The place of each group in arrays (C + 1,), which end with signal-free groups."""
        return np.where(self.class_of >= 0, self.class_of, -1)

    def reached(self, one_hot: bool) -> Any:
        """The experts that inputs of groups that are not certain may be sent to, (K,)."""
        if not one_hot:
            return (self.class_of >= 0) | (self.class_of == SILENT)
        return (self.class_of >= 0) | (np.arange(len(self.class_of)) == self.most_probable_silent)

    def per_group(self, values: FloatArray) -> FloatArray:
        """The losses given the group, (K,), from the values of `ClassLosses`."""
        losses = values[self._row_of]
        losses = np.where(self.has_no_evidence, losses + self.missed, losses)
        return np.where(self.is_certain, self.met, losses)

    def errors(self, errors: FloatArray) -> FloatArray:
        """The errors given the group, (K,), from those of the classes."""
        return np.where(self.is_certain, 0.0, errors[self._row_of])

    def with_silent_expert(self, losses: FloatArray, routing: HardRouting) -> FloatArray:
        """The ``losses`` (K,) of hard routing with those of the most probable silent expert."""
        if (chosen := self.most_probable_silent) < 0:
            return losses
        sent = np.append(routing.to_signal_free, routing.signal_free_to_signal_free)
        sent = sent[self._row_of]
        losses = losses + np.where(self.is_certain, 0.0, sent * self.wrong[chosen])
        own = sent[chosen] * (self.met[chosen] - self.missed[chosen] - self.wrong[chosen])
        losses[chosen] += own
        return losses

    def losses_without_evidence(self, most: int, *, renormalised: bool = True) -> FloatArray:
        r"""The losses given the group, (K,), of weights w that are the same for all inputs.

        For groups that are not certain; w are the probabilities of the ``most`` most probable
        silent groups, ``renormalised`` to sum to 1 or as shares of all.
        """
        silent = np.flatnonzero(self.class_of == SILENT)
        kept = silent[np.argsort(-self.silent_probabilities, kind="stable")[:most]]
        shares, heard = np.zeros((2, len(self.class_of)))
        heard[kept] = 1.0
        shares[silent] = self.silent_probabilities * (heard[silent] if renormalised else 1.0)
        shares /= shares.sum() or 1.0
        weights = shares * heard
        others = np.where(weights > 0.0, sum_over_others(shares), 1.0)
        losses = others**2 * self.missed + weights**2 * self.met
        losses += 2.0 * weights * others * self.cross
        losses += sum_over_others(weights**2 * self.wrong)
        return np.where(self.is_certain, self.met, losses)

    def matrix(self, routing: HardRouting) -> FloatArray:
        """The routing matrix, (K, K), from the routing probabilities of the classes."""
        drawn = np.flatnonzero(self.class_of >= 0)
        rest = np.flatnonzero(self.has_no_evidence)
        class_index = self.class_of[drawn]
        result = np.diag(self.is_certain.astype(np.float64))
        result[np.ix_(drawn, drawn)] = routing.to_other[np.ix_(class_index, class_index)]
        result[drawn, drawn] = routing.to_own[class_index]
        result[np.ix_(rest, drawn)] = routing.signal_free_to_block[class_index]
        if self.most_probable_silent >= 0:
            result[drawn, self.most_probable_silent] = routing.to_signal_free[class_index]
            result[rest, self.most_probable_silent] = routing.signal_free_to_signal_free
        return result

    def matrix_without_evidence(self, model: BlockModel) -> FloatArray:
        """The routing matrix if all groups are certain or silent: (K, K) zeros and ones."""
        target = np.arange(len(self.class_of))
        target_of_rest = self.most_probable_silent
        if target_of_rest < 0:
            # a sample of a group that is never drawn is zero in all blocks: the block with the
            # fewest coordinates wins, then the largest density at zero
            certain = np.flatnonzero(self.class_of == CERTAIN)
            signals = [model.signal_variances[model.block_of == g] for g in certain]
            logs = [np.log(np.sort(each[each > 0.0])) for each in signals]
            fewest = np.array([len(each) for each in logs])
            density = np.log(model.group_probabilities[certain])
            density -= 0.5 * np.array([each.sum() for each in logs])
            target_of_rest = int(certain[np.lexsort((-density, fewest))[0]])
        target[self.has_no_evidence] = target_of_rest
        return np.eye(len(target))[target]


def _require_formula(
    model: BlockModel,
    class_of: IntArray,
    surplus: FloatArray,
    idle: FloatArray,
    costly: Any,
    simulation: Call,
    *,
    perturbed: bool,
) -> None:
    """Raise NoClosedForm that names the ``simulation`` if the classes have no formula.

    ``costly`` are groups whose experts cost something although their blocks give no evidence.
    """
    silent, drawn = class_of == SILENT, class_of == 0
    argument = "interference" if model.interferes or model.strict else "leakage"
    argument, obstacle = f"{argument}_variances", ""
    if perturbed and (still := idle == 0.0).any():
        argument = "noise_variance"
        obstacle = f" 0 in training, as in coordinate {np.argmax(still)}, and other noise in test"
    elif (louder := drawn[model.block_of] & (surplus < 0.0)).any():
        obstacle = f" above the signal variance, as in coordinate {np.argmax(louder)}"
    elif drawn.any() and (hidden := silent & costly).any():
        obstacle = f" equal to the signal variances of block {np.argmax(hidden)} and not of all"
    elif not (drawn.any() or silent.any()) and np.any(class_of == NEVER_DRAWN):
        # which of the certain groups is likeliest for inputs that none of them can have?
        certain = (class_of == CERTAIN)[model.block_of] & (model.signal_variances > 0.0)
        if np.any(certain & (model.idle_noise > 0.0)):
            argument = "noise_variance"
            obstacle = " 0 in a part of a block, if a group has probability 0"
    if obstacle:
        raise NoClosedForm(
            "no formula is known for gates with ", Mention(argument), f"{obstacle}; ", simulation
        )
