"""Blocks, groups and their number: how often they are right, and how often there are none.

    OPENBLAS_NUM_THREADS=1 python tests/benchmarks/audit_structure.py

The tables that were measured are in README.md beside this file. Four minutes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.cluster.vq import kmeans2
from scipy.special import ndtr

from moetheory import BlockModel
from moetheory.auditing.blocks import LARGEST_SIZE, blocks_of, coactivation
from moetheory.auditing.modularity import (
    Regroup,
    chance_share,
    group_share,
    how_modular,
    loudest_blocks,
)
from moetheory.auditing.structure import blocks_of_groups
from moetheory.common.arrays import FloatArray, IntArray, block_sums

DATA_SETS = 200
Law = Callable[[np.random.Generator, tuple[int, int]], FloatArray]


def standardised(features: FloatArray, center: bool = True) -> FloatArray:
    moved = features - features.mean(axis=0) if center else features
    scale = np.sqrt(np.square(moved).mean(axis=0))
    return moved / np.where(scale > 0.0, scale, 1.0)


def found_blocks(features: FloatArray, experts: int | None) -> IntArray:
    cut = np.clip(features, -LARGEST_SIZE, LARGEST_SIZE)
    return blocks_of(coactivation([cut], cut.shape[1]), experts, samples=len(cut))


def planted(rng: np.random.Generator, noise_in_signals: bool) -> tuple[int, BlockModel, FloatArray]:
    """K from 2 to 16, blocks of 4 to 16 features, up to a tenth of leakage, noise of features.

    The noise is up to 3 times the mean square of the features without it, or up to 1.5 times the
    variance that features have in their group, which is much more for many groups.
    """
    experts, samples = int(rng.integers(2, 17)), int(rng.integers(2000, 8001))
    sizes = rng.integers(4, 17, experts)
    ranks = np.concatenate([np.arange(1.0, size + 1.0) for size in sizes])
    block_of = np.repeat(np.arange(experts), sizes)
    kinds = (np.ones(len(ranks)), ranks**-0.5, rng.uniform(0.5, 1.5, len(ranks)))
    variances = kinds[rng.integers(3)]
    weights = rng.uniform(1.0, 3.0, experts) if rng.random() < 0.5 else np.ones(experts)
    order = rng.permutation(len(ranks))
    model = BlockModel(
        weights / weights.sum(),
        block_of[order],
        variances[order] / variances.mean(),
        np.ones(len(ranks)),
        0.0,
        leakage_variances=rng.uniform(0.0, 0.1) * variances[order] / variances.mean(),
    )
    own = model.group_probabilities[model.block_of]
    squares = own * model.signal_variances + (1.0 - own) * model.leakage_variances
    noise = rng.uniform(0.0, 1.5) if noise_in_signals else rng.uniform(0.0, 3.0) * squares.mean()
    model = model.replace(noise_variance=noise)
    return experts, model, standardised(model.sample(samples, rng).features)


def numbers(noise_in_signals: bool) -> None:
    """How often the number of blocks is right."""
    off: Counter[int] = Counter()
    misplaced = 0.0
    for seed in range(DATA_SETS):
        experts, model, features = planted(np.random.default_rng(seed), noise_in_signals)
        found = found_blocks(features, None)
        number = int(found.max()) + 1
        off[min(abs(number - experts), 2)] += 1
        if number == experts:
            pairs = np.zeros((experts, experts))
            np.add.at(pairs, (found, model.block_of), 1.0)
            misplaced += 1.0 - pairs.max(axis=1).sum() / model.dim
    unit = "variance in the group, up to 1.5" if noise_in_signals else "mean square, up to 3"
    print(
        f"K, noise in units of the {unit}: right in {off[0]}, within 1 in {off[0] + off[1]} of "
        f"{DATA_SETS}; where right, {100 * misplaced / max(off[0], 1):.2f} % of features misplaced",
        flush=True,
    )


@dataclass
class Case:
    """Data, and how blocks and groups come about."""

    features: FloatArray
    block_of: IntArray | None = None
    groups: IntArray | None = None
    experts: int | None = None

    def word(self, rng: np.random.Generator) -> str:
        """What the verdict says, by the computation that an audit does."""
        blocks, find = self.block_of, None
        if blocks is None:
            blocks = found_blocks(self.features, self.experts)
            number = int(blocks.max()) + 1
            find = lambda x: found_blocks(x, number)  # noqa: E731
        energies = block_sums(np.square(self.features), blocks)
        regroup: Regroup | None = None
        if self.groups is None:
            groups, regroup = loudest_blocks(self.features, blocks), loudest_blocks
        else:
            groups = self.groups
            if find is not None:
                energies = energies[:, blocks_of_groups(energies, groups, energies.shape[1])]
        chance = chance_share(self.features, blocks, groups, regroup, find_blocks=find, rng=rng)
        return how_modular(group_share(energies, groups), chance)


LAWS: dict[str, Law] = {
    "Gaussian": lambda rng, shape: rng.standard_normal(shape),
    "rectified Gaussian": lambda rng, shape: np.maximum(rng.standard_normal(shape), 0.0),
    "rectified, one in ten": lambda rng, shape: np.maximum(rng.standard_normal(shape) - 1.28, 0.0),
    "Student, 3 degrees": lambda rng, shape: rng.standard_t(3, shape),
    "lognormal": lambda rng, shape: rng.lognormal(size=shape),
    "after a GELU": lambda rng, shape: gelu(2.0 * rng.standard_normal(shape) - 1.0),
}


def gelu(x: FloatArray) -> FloatArray:
    return np.asarray(x * ndtr(x))


def shape_of(rng: np.random.Generator) -> tuple[int, int]:
    return int(rng.integers(500, 6001)), int(rng.integers(8, 97))


def given_blocks(dim: int, experts: int) -> IntArray:
    return np.arange(dim) * experts // dim


def independent(law: Law, blocks: str) -> Callable[[np.random.Generator], Case]:
    def draw(rng: np.random.Generator) -> Case:
        shape = shape_of(rng)
        experts = int(rng.integers(2, min(16, shape[1] // 2) + 1))
        features = standardised(law(rng, shape), center=bool(rng.random() < 0.5))
        if blocks == "given":
            return Case(features, block_of=given_blocks(shape[1], experts))
        return Case(features, experts=experts if blocks == "found" else None)

    return draw


def clusters(law: Law, blocks: str) -> Callable[[np.random.Generator], Case]:
    """Groups that k-means finds, in few or many features."""

    def draw(rng: np.random.Generator) -> Case:
        experts = int(rng.integers(2, 9))
        shape = int(rng.integers(500, 6001)), int(rng.integers(experts, 65))
        features = standardised(law(rng, shape))
        groups = kmeans2(features, experts, minit="++", rng=rng)[1].astype(np.int64)
        if blocks == "given":
            return Case(features, block_of=given_blocks(shape[1], experts), groups=groups)
        return Case(features, groups=groups, experts=experts)

    return draw


def loudest_of_secret_blocks(rng: np.random.Generator) -> Case:
    """Ids that a user computed from energies, without blocks that tell so."""
    experts = int(rng.integers(2, 9))
    shape = int(rng.integers(500, 6001)), int(rng.integers(2 * experts, 65))
    features = standardised(rng.standard_normal(shape))
    groups = loudest_blocks(features, given_blocks(shape[1], experts))
    return Case(features, groups=groups, experts=experts)


def random_router(rng: np.random.Generator) -> Case:
    """Ids by the largest of random linear scores."""
    experts = int(rng.integers(2, 9))
    shape = int(rng.integers(500, 6001)), int(rng.integers(experts, 65))
    features = standardised(rng.standard_normal(shape))
    groups = (features @ rng.standard_normal((shape[1], experts))).argmax(axis=1)
    return Case(features, groups=groups, experts=experts)


def modular(given: str, in_signals: bool = False) -> Callable[[np.random.Generator], Case]:
    """Strict blocks or a leakage of 0.05, equal or falling variances, a mean square of 1.

    In units of signals the leakage is larger: 16 groups have 57 % of their energy in their blocks.
    """

    def draw(rng: np.random.Generator) -> Case:
        experts = int(rng.choice([2, 3, 4, 8, 16]))
        dim, leakage = 8 * experts, float(rng.choice([0.0, 0.05]))
        model = (
            BlockModel.isotropic(dim, experts, 0.0, signal_energy=float(dim))
            if rng.random() < 0.5
            else BlockModel.power_law(dim, experts, 0.0, decay=0.5, signal_energy=float(dim))
        )
        unit = model.signal_variances if in_signals else 1.0
        model = model.replace(leakage_variances=leakage * unit)
        sample = model.sample(int(rng.integers(1000, 6001)), rng)
        features = standardised(sample.features)
        return {
            "blocks and groups given": Case(features, model.block_of, sample.groups),
            "blocks given": Case(features, model.block_of),
            "groups given": Case(features, groups=sample.groups, experts=experts),
            "K given": Case(features, experts=experts),
            "nothing given": Case(features),
        }[given]

    return draw


GIVEN = ("blocks and groups given", "blocks given", "groups given", "K given", "nothing given")


def words(name: str, draw: Callable[[np.random.Generator], Case]) -> None:
    seen: Counter[str] = Counter()
    for seed in range(DATA_SETS):
        rng = np.random.default_rng(seed)
        seen[draw(rng).word(rng)] += 1
    print(
        f"{name}: modular {seen['modular']}, weakly {seen['weakly modular']}, "
        f"not {seen['not modular']} of {DATA_SETS}",
        flush=True,
    )


def main() -> None:
    numbers(noise_in_signals=False)
    numbers(noise_in_signals=True)
    for name, law in LAWS.items():
        for blocks in ("given", "found", "found with their number"):
            words(
                f"independent, {name}, blocks {blocks}, groups by energy", independent(law, blocks)
            )
    for name in ("Gaussian", "Student, 3 degrees", "lognormal"):
        for blocks in ("given", "found"):
            words(f"k-means groups of {name}, blocks {blocks}", clusters(LAWS[name], blocks))
    words("ids by energies of secret blocks", loudest_of_secret_blocks)
    words("ids by random linear scores", random_router)
    for in_signals in (False, True):
        for given in GIVEN:
            unit = ", leakage in units of signals" if in_signals else ""
            words(f"planted, {given}{unit}", modular(given, in_signals))


if __name__ == "__main__":
    main()
