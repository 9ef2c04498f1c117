"""Data of any size: the same audit, bit for bit, in units that are powers of two."""

import numpy as np
import pytest

import moetheory as mt
from moetheory.auditing.units import unit_exponent
from moetheory.common.errors import OutOfRangeError

WORLD = mt.BlockModel.isotropic(6, 3, 0.0, signal_energy=6.0).replace(
    leakage_variances=0.05, label_noise_variance=0.1
)
SAMPLE = WORLD.sample(300, rng=0)
RISKS = ("dense_measured", "moe_predicted", "moe_predicted_sem", "moe(hard)_measured")


def audited(features=0, labels=0, **options):
    """The audit of data times powers of two with these exponents."""
    x, y = np.ldexp(SAMPLE.features, features), np.ldexp(SAMPLE.labels, labels)
    return mt.audit(x, y, experts=3, rng=0, **options)


PLAIN = audited()


@pytest.mark.parametrize("largest", [1e-34, 1e-3, 1.0, 1e34])
def test_ordinary_sizes_have_the_unit_1(largest):
    assert unit_exponent(largest) == 0


@pytest.mark.parametrize("largest", [5e-324, 1e-300, 1e-36, 1e36, 1e300, 1.7e308])
def test_other_sizes_are_near_their_unit(largest):
    assert 0.5 <= largest / np.ldexp(1.0, unit_exponent(largest)) < 2.0


@pytest.mark.parametrize(
    ("features", "labels"),
    [(0, -1000), (0, 1010), (0, -90), (-500, 0), (505, 0), (-500, 1010), (505, -1000), (30, -70)],
)
def test_an_audit_does_not_depend_on_units(features, labels):
    found = audited(features, labels)
    assert (found.label_unit == 1.0) == (abs(labels) <= 90)
    label = labels - int(np.log2(found.label_unit))  # exponent of labels in their unit
    for name in RISKS:
        np.testing.assert_array_equal(found[name], np.ldexp(PLAIN[name], 2 * label))
    np.testing.assert_array_equal(
        found.noise_variances, np.ldexp(PLAIN.noise_variances, 2 * features)
    )
    one_lead, other_lead = found.crossovers["moe"], PLAIN.crossovers["moe"]
    for one, other in zip(one_lead[:2], other_lead[:2], strict=True):
        assert one.begins == tuple(np.ldexp(other.begins, 2 * features))
    assert found.signal == np.ldexp(PLAIN.signal, 2 * features)
    for name in PLAIN.predictors:
        np.testing.assert_array_equal(found.z(name), PLAIN.z(name))
    predicted = found.predict("moe(hard)", np.ldexp(SAMPLE.features, features))
    expected = np.ldexp(PLAIN.predict("moe(hard)", SAMPLE.features), labels)
    np.testing.assert_array_equal(predicted, expected)


@pytest.mark.parametrize("size", [1e-300, 1e300])
def test_a_lead_is_found_whatever_the_unit_of_labels(size):
    verdict = mt.audit(SAMPLE.features, SAMPLE.labels * size, experts=3, rng=0).verdict
    assert "better than dense" in verdict
    assert "win over dense" in verdict
    assert "no gain" not in verdict


def test_two_classes_of_any_size():
    labels = SAMPLE.labels > 0
    small = mt.audit(SAMPLE.features, np.where(labels, 1e-300, -1e-300), experts=3, rng=0)
    plain = mt.audit(SAMPLE.features, np.where(labels, 1.0, -1.0), experts=3, rng=0)
    np.testing.assert_array_equal(small["moe_accuracy"], plain["moe_accuracy"])
    assert small.classes == (-1e-300, 1e-300)


def test_features_from_their_means_and_noise_in_the_unit_of_the_data():
    plain, large = (
        audited(e, center=True, noise_variances=np.ldexp([0.0, 1.0], 2 * e)) for e in (0, 500)
    )
    np.testing.assert_array_equal(large.centre, np.ldexp(plain.centre, 500))
    np.testing.assert_array_equal(large["moe_measured"], plain["moe_measured"])


def test_a_model_out_of_range_says_so():
    """The model has features in units of a typical one: all of them may be of any size."""
    assert audited(features=505, labels=-1000).model.dim == 6
    louder = SAMPLE.features * np.ldexp(1.0, [0, 0, 400, 0, 0, 0])
    found = mt.audit(louder, SAMPLE.labels, experts=3, rng=0)
    with pytest.raises(
        OutOfRangeError, match=r"^model nearest to the data cannot be had: signal_var"
    ):
        _ = found.model
