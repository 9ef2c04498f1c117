"""Convergence: steps counted by plain gradient descent, and a step that is too long."""

import numpy as np
import pytest

from moetheory.paper import convergence, rows


@pytest.fixture(scope="module")
def facts():
    return rows["convergence"].compute(1).facts


def excesses(p, signal, noise, b, step, weight, steps):
    """Excess risks along gradient descent, coordinate by coordinate."""
    w, found = np.zeros_like(b), []
    for _ in range(steps + 1):
        found.append(np.sum(weight * (signal * (b - w) ** 2 + noise * w**2)))
        w = w - step * p * (noise * w - signal * (b - w))
    return np.array(found)


def test_the_steps_are_those_of_plain_descent(facts):
    assert [fact.holds for fact in facts] == [True] * 3
    model, p = convergence._world(), 1.0 / 8.0
    lam, b = model.signal_variances, model.coefficients
    paths = [
        excesses(1.0, p * lam, 1.0, b, 0.02, 1.0, 400),
        excesses(1.0, lam, 1.0, b, 0.02, p, 400),
        excesses(p, lam, 1.0, b, 0.02, p, 400),
    ]
    limits = [np.sum(b**2 * p * lam / (p * lam + 1.0)), *[np.sum(p * b**2 * lam / (lam + 1.0))] * 2]
    left = [(path - end) / (path[0] - end) for path, end in zip(paths, limits, strict=True)]
    assert [int(np.argmax(each <= 0.01)) for each in left] == facts[0].numbers["steps"]
    numbers = facts[2].numbers
    for path, name in zip(paths, ("dense", "own", "joint"), strict=True):
        assert numbers[name] == pytest.approx(path[numbers["at"]], rel=1e-9)


@pytest.mark.parametrize("factor", [0.9, 2.0])
def test_other_numbers_of_steps_do_not_bear_it_out(monkeypatch, factor):
    plain = convergence.steps_to

    def wrong(estimator, model, *arguments, **options):
        found = plain(estimator, model, *arguments, **options)
        return int(factor * found) if options.get("training") == "joint" else found

    monkeypatch.setattr(convergence, "steps_to", wrong)
    assert not rows["convergence"].compute(1).facts[0].holds


def test_with_a_longer_step_experts_are_not_faster(monkeypatch):
    monkeypatch.setattr(convergence, "STEP", 2.0 / 25.0)
    assert not rows["convergence"].compute(1).facts[0].holds
