"""The search for the groups that should share an expert: mergers, exchanges and splits."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.results.assignments import TOLERANCE
from moetheory.theory.expert_costs import ExpertCosts, Mask

DOUBTED = 2  # changes that are tried although none is estimated to help
SWAPS = 16  # the most promising pairs of groups; the estimate of what a swap costs is made for them


class Expert(NamedTuple):
    """An expert, by its groups, and what it costs.

    Attributes
    ----------
    groups : mask (K,)
    value, estimate : float
        The cost and its estimate.
    toggled : array (K,)
        Estimates of the cost with each group added, or taken away where it is served.
    """

    groups: Mask
    value: float
    estimate: float
    toggled: FloatArray


Experts = list[Expert]  # of a mixture; the last one serves no group, and a group may move to it


class Change(NamedTuple):
    """A change of the risk: in the number of experts without a finite one, and in the rest.

    The ``size`` is that of the numbers in ``finite``, of which rounding is a share.
    """

    infinite: int
    finite: float
    size: float

    def is_below(self, other: Change) -> bool:
        """Whether this change is better by more than rounding.

        >>> Change(-1, 5.0, 9.0).is_below(NONE), Change(0, -1e-12, 9.0).is_below(NONE)
        (True, False)
        """
        if self.infinite != other.infinite:
            return self.infinite < other.infinite
        return self.finite < other.finite - TOLERANCE * max(self.size, other.size)


NONE = Change(0, 0.0, 0.0)


class AssignmentSearch:
    """The search for the best assignments of K groups to each number of experts.

    Downwards, the two experts are merged whose merger costs least, and then groups are exchanged
    until no exchange helps. Upwards, the group gets an expert of its own for which this is best,
    and groups are exchanged again; of both assignments the better remains.

    Costs that are equal up to rounding count as equal, and the first candidate is taken, so that
    results do not depend on the processor.
    """

    def __init__(self, costs: ExpertCosts, probabilities: FloatArray) -> None:
        self.costs, self.probabilities = costs, probabilities
        self.single = np.eye(len(probabilities), dtype=bool)
        self.made: dict[bytes, Expert] = {}
        self.estimated: dict[bytes, float] = {}
        self.empty = self._expert(np.zeros(len(probabilities), dtype=bool))

    def ladder(self) -> list[Mask]:
        """The experts of the mixtures of 1 to K experts, masks (E, K)."""
        rungs = [[*map(self._expert, self.single), self.empty]]
        while len(rungs[-1]) > 2:
            rungs.append(self._exchanged(self._merged(rungs[-1])))
        rungs.reverse()
        for i in range(1, len(rungs) - 1):
            other = self._exchanged(self._after_move(rungs[i - 1], to_new=True))
            before, after = ([expert.value for expert in each] for each in (rungs[i], other))
            if _change(np.array(before), np.array(after)).is_below(NONE):
                rungs[i] = other
        return [_groups(rung)[:-1] for rung in rungs]

    def _expert(self, groups: Mask) -> Expert:
        """The expert that serves ``groups``, made once."""
        key = groups.tobytes()
        if key not in self.made:
            estimates = self.costs.estimates(np.vstack([groups, groups ^ self.single]))
            value = float(self.costs.values(groups[np.newaxis])[0])
            self.made[key] = Expert(groups, value, float(estimates[0]), estimates[1:])
        return self.made[key]

    def _merged(self, experts: Experts) -> Experts:
        """The experts after the merger that costs least."""
        groups, estimates = _groups(experts), _estimates(experts)
        one, other = np.triu_indices(len(experts) - 1, 1)
        merged = groups[one] | groups[other]

        def candidate(j: int) -> dict[int, Mask]:
            return {int(one[j]): merged[j], int(other[j]): self.empty.groups}

        before = estimates[one] + estimates[other]
        return self._best(experts, before, self._estimates_of(merged), candidate)

    def _exchanged(self, experts: Experts) -> Experts:
        """The experts after exchanges of groups, until none helps."""
        while True:
            better = self._after_move(experts)
            if better is experts:
                better = self._after_swap(experts)
            if better is experts:
                return experts
            experts = better

    def _after_move(self, experts: Experts, *, to_new: bool = False) -> Experts:
        """The experts after one group has moved to another expert, if this helps.

        With ``to_new``, it moves to an expert of its own, whether this helps or not.
        """
        groups, estimates, owner = _groups(experts), _estimates(experts), _owners(experts)
        toggled = np.array([expert.toggled for expert in experts])
        # the only group of an expert stays
        allowed = ~groups & (groups.sum(axis=1)[owner] > 1)
        allowed[:-1] &= not to_new
        allowed[-1] &= to_new
        target, group = np.nonzero(allowed)
        source = owner[group]

        def candidate(j: int) -> dict[int, Mask]:
            moved = self.single[group[j]]
            return {int(e): groups[e] ^ moved for e in (source[j], target[j])}

        before = estimates[source] + estimates[target]
        after = toggled[source, group] + toggled[target, group]
        return self._best(experts, before, after, candidate, must_help=not to_new)

    def _after_swap(self, experts: Experts) -> Experts:
        """The experts after two groups have changed places, if this helps."""
        one, other = self._promising_swaps(experts)
        groups, estimates, owner = _groups(experts), _estimates(experts), _owners(experts)
        places = np.stack([owner[one], owner[other]])
        swapped = groups[places] ^ self.single[one] ^ self.single[other]

        def candidate(j: int) -> dict[int, Mask]:
            return dict(zip(places[:, j].tolist(), swapped[:, j], strict=True))

        before = estimates[places].sum(axis=0)
        after = self._estimates_of(swapped.reshape(-1, len(owner))).reshape(places.shape)
        return self._best(experts, before, after.sum(axis=0), candidate, must_help=True)

    def _promising_swaps(self, experts: Experts) -> tuple[IntArray, IntArray]:
        r"""The pairs of groups whose swap seems to cost least.

        An expert of probability P without its group g loses by group h about :math:`1-p_g/P` times
        what it loses by h with g.
        """
        groups, estimates, owner = _groups(experts), _estimates(experts), _owners(experts)
        toggled, alone = np.array([expert.toggled for expert in experts]), self.empty.toggled
        joining = (toggled - estimates[:, np.newaxis] - alone)[owner]
        leaving = estimates[owner] - np.diagonal(toggled[owner]) - alone
        only = groups.sum(axis=1)[owner] == 1
        others = np.where(only, 0.0, (groups @ self.probabilities)[owner] - self.probabilities)
        total = others + self.probabilities
        share = np.divide(others, total, out=np.zeros(len(total)), where=total > 0.0)
        joined = joining * share[:, np.newaxis]
        change = joined + joined.T - leaving[:, np.newaxis] - leaving
        one, other = np.nonzero((owner[:, np.newaxis] < owner) & ~(only[:, np.newaxis] & only))
        size = np.abs(estimates)[owner]
        chosen = _least(change[one, other], size[one] + size[other], SWAPS)
        return one[chosen], other[chosen]

    def _best(
        self,
        experts: Experts,
        before: FloatArray,
        after: FloatArray,
        candidate: Callable[[int], dict[int, Mask]],
        *,
        must_help: bool = False,
    ) -> Experts:
        """The experts after the best candidate; if it must help, the first that does, or none.

        Candidates are compared by the values of their costs, in the order of their estimates,
        ``after`` less ``before``. Each is a mapping from places among the experts to other groups.
        """
        best, chosen = NONE, dict[int, Mask]()
        estimated = after - before
        least = _least(estimated, np.abs(before) + np.abs(after), self.costs.compared)
        for rank, j in enumerate(least):
            if must_help and rank >= DOUBTED and estimated[j] > 0.0:
                break
            changed = candidate(j)
            values = self.costs.values(np.array(list(changed.values())))
            change = _change(np.array([experts[place].value for place in changed]), values)
            if change.is_below(best) or not (must_help or chosen):
                best, chosen = change, changed
                if must_help:
                    break
        if not chosen:
            return experts
        result = list(experts)
        for place, groups in chosen.items():
            result[place] = self._expert(groups)
        return [*(expert for expert in result if expert.groups.any()), self.empty]

    def _estimates_of(self, experts: Mask) -> FloatArray:
        """The estimates of the costs of experts, masks (J, K), each made once."""
        keys = [groups.tobytes() for groups in experts]
        new = [j for j, key in enumerate(keys) if key not in self.estimated]
        if new:
            found = self.costs.estimates(experts[new]).tolist()
            self.estimated.update(zip((keys[j] for j in new), found, strict=True))
        return np.array([self.estimated[key] for key in keys])


def _groups(experts: Experts) -> Mask:
    """The groups of the experts, masks (E, K)."""
    return np.array([expert.groups for expert in experts])


def _estimates(experts: Experts) -> FloatArray:
    """The estimates of the costs of the experts, (E,)."""
    return np.array([expert.estimate for expert in experts])


def _owners(experts: Experts) -> IntArray:
    """The place of the expert of each group, (K,)."""
    return np.asarray(_groups(experts).argmax(axis=0))


def _change(before: FloatArray, after: FloatArray) -> Change:
    """The change from the costs of some experts to those of others."""
    old, new = (each[np.isfinite(each)] for each in (before, after))
    infinite = (after.size - new.size) - (before.size - old.size)
    size = float(np.abs(old).sum() + np.abs(new).sum())
    return Change(infinite, float(new.sum() - old.sum()), size)


def _least(changes: FloatArray, sizes: FloatArray, number: int) -> list[int]:
    """The places of the least changes, in order; of those equal up to rounding the first.

    >>> _least(np.array([3.0, 1.0 + 1e-15, 1.0]), np.ones(3), 2)
    [1, 2]
    """
    left, found = changes.copy(), list[int]()
    for _ in range(min(number, len(left))):
        low = left.argmin()
        place = int(np.flatnonzero(left <= left[low] + TOLERANCE * sizes[low])[0])
        found.append(place)
        left[place] = np.inf
    return found
