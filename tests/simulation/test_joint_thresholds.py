"""The nearest threshold of a joint fit, against all sets of experts and against singular values."""

from itertools import combinations

import numpy as np
import pytest

from moetheory.simulation.joint_thresholds import nearest_threshold


def distance_of_all_sets(samples, own, others, reached):
    """The gap between the least two ρ of the definition, by enumeration."""
    drawn = [e for e, n in enumerate(samples) if n > 0]

    def columns(chosen):
        if not chosen:
            return 0
        alone = others[chosen[0]] if len(chosen) == 1 else 0
        return sum(own[e] for e in chosen) + sum(others) - alone

    values = {
        chosen: sum(samples[e] for e in drawn if e not in chosen) + columns(chosen)
        for size in range(len(drawn) + 1)
        for chosen in combinations(drawn, size)
    }
    least = min(values, key=values.get)

    def matters(chosen):
        """Whether its coefficients are met: those of a shared expert always are."""
        changed = set(chosen) ^ set(least)
        of_experts_alone = len(chosen) >= 2 and len(least) >= 2
        return changed and (not of_experts_alone or any(reached[e] for e in changed))

    return min(values[chosen] for chosen in values if matters(chosen)) - values[least]


def test_it_is_the_least_gap_over_all_sets_of_experts():
    rng = np.random.default_rng(0)
    for _ in range(300):
        experts = rng.integers(1, 6)
        samples, own, others = (
            rng.integers(low, high, experts) for low, high in ((0, 14), (1, 6), (0, 6))
        )
        samples[0] += 1
        reached = rng.random(experts) < 0.8
        found = nearest_threshold(samples, own, others, reached)
        given = (each.tolist() for each in (samples, own, others, reached))
        assert found.distance == distance_of_all_sets(*given)
    assert nearest_threshold(*np.zeros((3, 2), dtype=int), np.ones(2, dtype=bool)) is None


@pytest.mark.parametrize(
    ("samples", "sizes", "exponent"),
    [
        ((3, 4), (1, 1), 2),
        ((3, 3, 3), (1, 1, 1), 3),
        ((1, 6, 6), (2, 1, 1), 2),
        ((1, 2), (2, 2), 3),
    ],
)
def test_the_smallest_singular_value_has_this_exponent(samples, sizes, exponent):
    """P(ς < ε) ~ ε^(δ+1), by Hill's estimator; more rows than columns, fewer, and both at once."""
    sets, top, rng = 30_000, 600, np.random.default_rng(1)
    found = nearest_threshold(
        *map(np.array, (samples, sizes, sizes)), np.ones(3, bool)[: len(sizes)]
    )
    assert found.distance + 1 == exponent
    rows, block_of = (np.repeat(range(len(sizes)), each) for each in (samples, sizes))
    features = rng.standard_normal((sets, len(rows), len(block_of)))
    own = np.where(rows[:, np.newaxis] == block_of, features, 0.0)
    values = np.linalg.svd(np.concatenate([features, own], axis=2), compute_uv=False)
    rank = int(np.count_nonzero(values[0] > 1e-9))
    smallest = np.sort(values[:, rank - 1])[: top + 1]
    hill = 1.0 / np.mean(np.log(smallest[top] / smallest[:top]))
    assert hill == pytest.approx(exponent, rel=0.1 + 5 / np.sqrt(top))
