"""Tables for wide and narrow places, and JSON that machines can trust."""

import json
import math

import numpy as np
import pytest

import moetheory as mt
from moetheory.commands import reports


@pytest.fixture(scope="module")
def verdicts(held):
    return [held(mt.catalogue[name]) for name in mt.catalogue]


def test_json_holds_everything_and_nothing_json_cannot(verdicts):
    document = json.loads(
        reports.document("check", verdicts, entropy=2**100, odd=[math.inf, np.float64(1.0)])
    )
    assert document["schema"] == 1
    assert document["versions"]["moetheory"] == mt.__version__
    assert set(document["versions"]) > {"python", "numpy", "scipy", "sympy"}
    assert document["entropy"] == str(2**100)
    assert document["odd"] == ["inf", 1.0]
    assert document["results"][0]["entropy"] == "1"
    model = mt.BlockModel(
        **{
            name: value
            for name, value in document["results"][0]["model"].items()
            if name not in ("format", "schema")
        }
    )
    assert model == verdicts[0].model
    place = [verdict.theorem for verdict in verdicts].index("generalization")
    claim = document["results"][place]["claims"][0]
    assert claim["certificate"]["status"] == "proved"
    shown = verdicts[place].claims[0].points[0].comparison
    assert claim["points"][0]["comparison"]["replicates"] == shown.replicates


def result(**changes):
    return {
        "mean": 0.51234,
        "sem": 0.0123,
        "interval": (0.4883, 0.5364),
        "median": None,
        "median_interval": None,
        "theory": 0.5,
        "exactness": "exact",
        "z": 1.004,
        "method": "law",
        "replicates": 100,
    } | changes


def test_a_simulation_table_has_a_row_for_each_estimator():
    rows = {"dense": result(theory=None, exactness=None, z=None), "moe": result(mean=0.48, z=-2.0)}
    assert reports.simulation_table(rows, None).splitlines() == [
        "estimator   risk    sem   95 % interval  theory  exactness      z  method  replicates",
        "dense      0.512  0.012  0.488 to 0.536       -  -              -  law            100",
        "moe        0.480  0.012  0.488 to 0.536     0.5  exact      -2.00  law            100",
    ]


def test_a_simulation_table_has_medians_where_one_variance_is_infinite():
    heavy = result(
        sem=math.inf, interval=(-math.inf, math.inf), median=0.4, median_interval=(0.3, 0.5), z=None
    )
    light = result(median=0.5, median_interval=(0.45, 0.55))
    header, first, second = reports.simulation_table(
        {"dense": heavy, "moe": light}, None
    ).splitlines()
    assert "median  its 95 % interval  theory" in header
    assert first.split()[1:6] == ["0.51234", "inf", "-inf", "to", "inf"]
    assert "   0.4         0.3 to 0.5     0.5  exact          -  law" in first
    assert "   0.5       0.45 to 0.55     0.5  exact      +1.00  law" in second


def test_a_simulation_table_of_signs_has_their_name():
    rows = {"dense": result(theory=None, z=None), "moe": result(mean=0.48, z=-2.0)}
    assert reports.simulation_table(rows, None, "sign").splitlines() == [
        "estimator  misclassification    sem   95 % interval  theory      z  method  replicates",
        "dense                  0.512  0.012  0.488 to 0.536       -      -  law            100",
        "moe                    0.480  0.012  0.488 to 0.536     0.5  -2.00  law            100",
    ]


def test_counts_in_words():
    assert reports.counts_in_words(np.array([1])) == "1 sample, 1 in each group"
    assert reports.counts_in_words(np.array([5, 0])) == "5 samples, 0 to 5 in each group"


def test_settings_in_words():
    given = {"test_noise_variance": 2.0, "noise_law": "laplace", "erasure": 1e-7}
    said = "test noise variance 2, noise law laplace, erasure 1e-07"
    assert reports.settings_in_words(given) == said
