"""The 1/K law with routing from the data: what its controls and experiments can tell apart."""

import numpy as np
import pytest

import moetheory as mt
from moetheory.claims.experiments import Setting
from moetheory.theorems import one_over_k_routed

CLAIMS = {claim.name: claim for claim in one_over_k_routed.THEOREM.claims}
SETTING = Setting(None, 1, 1e-7, 1.0)


@pytest.mark.parametrize(
    ("name", "wrong"), [("hard <= bound", 0.4028), ("hard == bound at K = 2", 0.3793)]
)
def test_the_controls_are_the_near_misses(name, wrong):
    control = CLAIMS[name].negative_control
    (model,) = control.points(mt.BlockModel.isotropic(6, 3, 1.0))
    assert control.left(model) == pytest.approx(0.4254, abs=1e-4)
    assert control.right(model) == pytest.approx(wrong, abs=1e-4)


def test_raw_data_alone_contradict_half_of_the_cost():
    control = CLAIMS["hard == bound at K = 2"].negative_control
    (model,) = control.points(mt.BlockModel.isotropic(6, 3, 1.0))
    found = control.experiment(model, SETTING)
    assert found.decides
    assert abs(found.z) > found.threshold


@pytest.mark.slow
def test_experiments_see_five_percent():
    for claim in CLAIMS.values():
        if claim.experiment is not None and claim.name != "hard == bound at K = 2":
            (model,) = claim.simulated(one_over_k_routed.THEOREM.example())
            found = claim.experiment(model, SETTING._replace(control=0.95))
            assert found.decides, claim.name
            assert abs(found.z) > found.threshold, claim.name


def test_it_holds_for_any_coefficients_of_equal_norm_and_any_order_of_coordinates():
    coefficients = np.array([3.0, 0.0, 2.0, 2.0, 1.0, 0.0])
    model = mt.BlockModel(
        [0.5, 0.5], [0, 0, 1, 1, 1, 0], [4.0] * 6, coefficients, 2.0, label_noise_variance=1.0
    )
    verdict = mt.check("one-over-k-routed", model, rng=0)
    assert verdict.status == "holds", verdict.reason
