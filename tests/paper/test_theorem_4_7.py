"""A fixed design: condition numbers of matrices that are drawn here, and a design that is no
counterexample."""

import numpy as np
import pytest

from moetheory.paper import rows, theorem_4_7

DRAWS = 30


@pytest.fixture(scope="module")
def facts():
    return rows["theorem-4-7"].compute(1).facts


def test_the_counterexample_is_there_in_drawn_matrices(facts):
    assert [fact.holds for fact in facts] == [True] * 4
    rng = np.random.default_rng(0)
    n, size, groups = theorem_4_7.SAMPLES, theorem_4_7.SIZE, theorem_4_7.GROUPS
    clean = np.zeros((n, groups * size))
    for g, spikes in enumerate(theorem_4_7.TOGETHER):
        for i, spike in enumerate(spikes):
            clean[g * n // groups + i, g * size + i] = np.sqrt(spike)
    conditions = []
    for _ in range(DRAWS):
        noisy = clean + rng.normal(size=clean.shape) / np.sqrt(n)
        dense = np.linalg.svd(noisy, compute_uv=False)[:4] ** 2
        own = np.linalg.svd(noisy[-n // groups :, -size:], compute_uv=False)[:2] ** 2
        conditions.append((dense[0] / dense[3], own[0] / own[1]))
    found, sem = np.mean(conditions, axis=0), np.std(conditions, axis=0, ddof=1) / np.sqrt(DRAWS)
    simulated = [facts[2].numbers[name] for name in ("dense", "moe")]
    for mean, error, here in zip(found, sem, simulated, strict=True):
        assert abs(mean - here["mean"]) < 5.5 * np.hypot(error, here["sem"])
    assert found[1] - found[0] > 5.5 * np.hypot(*sem)


def test_less_noise_in_the_submatrix_is_what_makes_it_worse(facts):
    together = facts[0].numbers["together"]
    share, aspect = (
        1.0 / theorem_4_7.GROUPS,
        theorem_4_7.GROUPS * theorem_4_7.SIZE / theorem_4_7.SAMPLES,
    )

    def seen(spike, noise):
        return (spike + noise) * (spike + aspect * noise) / spike

    assert together["dense"] == pytest.approx(seen(9, 1) / seen(2, 1), rel=1e-12)
    assert together["submatrix"] == pytest.approx(seen(9, share) / seen(2, share), rel=1e-12)


def test_extremes_in_different_blocks_are_no_counterexample(monkeypatch):
    monkeypatch.setattr(theorem_4_7, "TOGETHER", theorem_4_7.APART)
    facts = rows["theorem-4-7"].compute(1).facts
    assert not facts[1].holds
    assert not facts[2].holds
