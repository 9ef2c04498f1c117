"""Sweeps: columns, factories and fields, simulation and its replay."""

import numpy as np
import pytest

import moetheory as mt


def iso(experts: int) -> mt.BlockModel:
    return mt.BlockModel.isotropic(12, experts, 1.0, signal_energy=12.0, label_noise_variance=0.05)


def test_closed_forms_over_a_factory():
    ks = [1, 2, 3, 12]
    result = mt.sweep(iso, "experts", ks, [mt.Dense(), mt.MoE(), mt.MoE(ridge=0.5)])
    assert list(result.columns) == ["experts", "dense", "moe", "moe(ridge=0.5)", "bound"]
    assert result["experts"].tolist() == ks
    np.testing.assert_allclose(result["dense"], 0.5, rtol=1e-14)
    np.testing.assert_allclose(result["moe"], [1 / (k + 1) for k in ks], rtol=1e-14)
    np.testing.assert_allclose(result["bound"], [1 / k for k in ks], rtol=1e-14)
    assert (result.replicates, result.entropy) == (0, None)


@pytest.mark.parametrize(
    "field",
    ["noise_variance", "label_noise_variance", "leakage_variances", "interference_variances"],
)
def test_a_field_of_the_model(field):
    values = [0.1, 0.7]
    result = mt.sweep(iso(4), field, values)
    for estimator in (mt.Dense(), mt.MoE()):
        wanted = [mt.risk(estimator, iso(4).replace(**{field: v})).excess for v in values]
        assert result[estimator.label].tolist() == wanted


def test_simulated_columns_hold_excess_risks_and_replay(agrees):
    result = mt.sweep(iso, "experts", [3, 4], replicates=1_700_000, rng=5)
    for label in ("dense", "moe"):
        for mean, sem, value in zip(
            result[f"{label}_simulated"], result[f"{label}_sem"], result[label], strict=True
        ):
            assert agrees(mean, sem, result.replicates, value)
    few = mt.sweep(iso, "experts", [3, 4], replicates=100)
    again = mt.sweep(iso, "experts", [3, 4], replicates=100, rng=few.entropy)
    for name in few.columns:
        np.testing.assert_array_equal(few[name], again[name])


def test_the_bound_is_that_of_experts_without_ridge():
    result = mt.sweep(iso(4), "noise_variance", [0.1], [mt.Dense(), mt.MoE(ridge=9.0)])
    assert "bound" not in result.columns


def test_estimators_may_come_from_a_generator():
    result = mt.sweep(iso, "experts", [1], (mt.Dense(ridge=r) for r in (0.0, 1.0)))
    assert list(result.columns) == ["experts", "dense", "dense(ridge=1)"]


def test_sample_sizes_are_a_quantity():
    model = iso(3)
    estimators = [mt.Dense(), mt.MoE(), mt.MoE(ridge=0.5)]
    result = mt.sweep(model, "samples", [6.0, 12.0, 24.0, 120.0], estimators)
    assert list(result.columns) == [
        *("samples", "dense", "dense_error", "moe"),
        "moe(ridge=0.5)",  # exact up to an integral
    ]
    assert result["samples"].dtype == np.int64
    for estimator in estimators:
        risks = [mt.risk(estimator, model, samples=n) for n in (6, 12, 24, 120)]
        assert result[estimator.label].tolist() == [each.excess for each in risks]
        if estimator == mt.Dense():
            errors = result[f"{estimator.label}_error"]
            assert errors.tolist() == [each.error for each in risks]
    assert result["dense"][1] == result["moe"][1] == np.inf
    assert result["dense_error"][1] == 0.0


def test_a_factory_is_called_with_the_sample_size():
    result = mt.sweep(lambda n: iso(12 if n > 100 else 1), "samples", [24, 240], [mt.MoE()])
    wanted = [mt.risk(mt.MoE(), iso(k), samples=n).excess for k, n in ((1, 24), (12, 240))]
    assert result["moe"].tolist() == wanted


def test_estimators_can_be_fitted_along_any_other_quantity():
    counts = np.array([20, 10, 30])
    fitted = mt.sweep(iso(3), "noise_variance", [0.1, 1.0], samples=counts)
    assert list(fitted.columns) == ["noise_variance", "dense", "dense_error", "moe"]
    for i, noise in enumerate((0.1, 1.0)):
        wanted = mt.risk(mt.Dense(), iso(3).replace(noise_variance=noise), samples=counts)
        assert (fitted["dense"][i], fitted["dense_error"][i]) == (wanted.excess, wanted.error)
    assert mt.sweep(iso, "experts", [1, 12], samples=50)["moe"].tolist() == [
        mt.risk(mt.MoE(), iso(k), samples=50).excess for k in (1, 12)
    ]


def test_simulated_training_sets_agree_with_theory(agrees):
    # of the experts alone, whose theory is exact
    result = mt.sweep(iso(3), "samples", [40, 80], [mt.MoE()], replicates=30_000, rng=1)
    columns = (result["moe_simulated"], result["moe_sem"], result["moe"])
    for mean, sem, value in zip(*columns, strict=True):
        assert agrees(mean, sem, result.replicates, value)
    both = mt.sweep(iso(3), "samples", [11, 12], replicates=10, rng=1)
    assert both.replicates == 10
    assert np.all(np.isinf(both["moe"]))
    assert np.all(np.isfinite(both["moe_simulated"]))
    again = mt.sweep(iso(3), "samples", [11, 12], replicates=10, rng=both.entropy)
    for name in both.columns:
        np.testing.assert_array_equal(both[name], again[name])


GATES = [mt.MoE(gate=mt.Hard()), mt.MoE(gate=mt.TopK(2)), mt.MoE(gate=mt.Learned(500))]


def test_what_has_no_formula_is_nan_in_theory_and_simulated():
    result = mt.sweep(iso, "experts", [2, 4], GATES, replicates=50, rng=1)
    labels = ["moe(hard)", "moe(top-2)", "moe(learned samples=500)"]
    simulated = [f"{label}{suffix}" for label in labels for suffix in ("_simulated", "_sem")]
    assert list(result.columns) == ["experts", *labels, *simulated]
    for k, hard in zip((2, 4), result["moe(hard)"], strict=True):
        assert hard == mt.risk(GATES[0], iso(k)).excess
    # with two experts top-2 is the soft gate
    assert result["moe(top-2)"][0] == mt.risk(mt.MoE(gate=mt.Soft()), iso(2)).excess
    assert np.isnan(result["moe(learned samples=500)"]).all()
    assert all(np.isfinite(result[name]).all() for name in simulated)
    again = mt.sweep(iso, "experts", [2, 4], GATES, replicates=50, rng=result.entropy)
    for name in result.columns:
        np.testing.assert_array_equal(result[name], again[name])


def test_simulated_gates_agree_with_theory(agrees):
    gates = [mt.MoE(gate=mt.Hard()), mt.MoE(gate=mt.Soft())]
    result = mt.sweep(iso, "experts", [3, 12], gates, replicates=200_000, rng=2)
    for label in ("moe(hard)", "moe(soft)"):
        columns = (result[f"{label}_simulated"], result[f"{label}_sem"], result[label])
        for mean, sem, value in zip(*columns, strict=True):
            assert agrees(mean, sem, result.replicates, value)


@pytest.mark.parametrize(
    ("over", "values", "options"),
    [
        ("samples", [30, 100], {"replicates": 6000}),
        ("test_noise_variance", [0.0, 4.0], {"replicates": 40_000}),
        ("test_noise_variance", [0.5, 4.0], {"replicates": 6000, "samples": 40}),
        ("interference", [0.5], {"replicates": 6000, "samples": 40}),
    ],
)
def test_fitted_and_perturbed_gates_agree_with_theory(over, values, options):
    gates = [mt.MoE(gate=mt.Hard()), mt.MoE(gate=mt.Soft())]
    result = mt.sweep(iso(3), over, values, gates, rng=4, **options)
    assert "bound" not in result.columns
    for label in ("moe(hard)", "moe(soft)"):
        columns = (result[f"{label}_simulated"], result[f"{label}_sem"], result[label])
        for mean, sem, value in zip(*columns, strict=True):
            assert abs(mean - value) < 4.5 * sem
            assert sem < 0.01 * value


def test_what_has_no_formula_is_refused_without_simulation():
    learned = mt.MoE(gate=mt.Learned(100))
    for options in ({}, {"samples": 60}):
        with pytest.raises(mt.NoClosedForm, match=r"simulate\(MoE\(gate=Learned"):
            mt.sweep(iso, "experts", [4], [learned], **options)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((iso, "experts", [4, 2], [mt.MoE(gate=mt.TopK(4))]), {}, "at experts=2: k must be at mo"),
        (
            (iso, "experts", [1, 4], [mt.MoE(gate=mt.Learned(14, "full"))]),
            {"replicates": 9},
            "at experts=4: .* to estimate moments",
        ),
    ],
)
def test_where_a_gate_is_not_defined(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        mt.sweep(*arguments, **options)


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        ([2.5], {}, "values must be an integer, got 2.5"),
        ([np.nan], {}, "values must be finite, got nan"),
        ([4, 0], {}, "values must be at least 1, got 0"),
        ([-3], {}, "values must be at least 1, got -3"),
        ([1e19], {}, "values must be at most 9223372036854775807, got 1000"),
        ([4], {"samples": 5}, 'samples must not be given with over="samples".* got 5'),
        ([4], {"replicates": 1}, "replicates must be at least 2, got 1"),
    ],
)
def test_bad_sample_sizes(values, options, message):
    with pytest.raises(ValueError, match=message):
        mt.sweep(iso(3), "samples", values, **options)


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (0, "samples must be at least 1, got 0"),
        (1.5, "samples must be an integer, got 1.5"),
        ([1, 2], r"samples must be an integer or have shape \(3,\), got \(2,\)"),
        ([1, 2, -1], r"samples\[2\] must be at least 0, got -1"),
    ],
)
def test_bad_samples(samples, message):
    with pytest.raises(ValueError, match=message):
        mt.sweep(iso(3), "noise_variance", [1.0], samples=samples)


# --- what differs at test time ----------------------------------------------------------------


LOUD = mt.Perturbation(noise_variance=0.9, drag=0.3, confusion=mt.even_confusion(3, 0.2))


@pytest.mark.parametrize(
    ("over", "values", "perturbed"),
    [
        ("test_noise_variance", [0, 0.4, 7], lambda v: LOUD.replace(noise_variance=v)),
        ("misrouting", [0, 0.1, 1], lambda v: LOUD.replace(confusion=mt.even_confusion(3, v))),
        ("erasure", [0, 0.5], lambda v: LOUD.replace(erasure=v)),
        ("radius", [0.0, 2.5], lambda v: LOUD.replace(radius=v)),
    ],
)
def test_each_value_is_put_into_the_perturbation(generic, over, values, perturbed):
    model = generic(leakage_variances=0.05, label_noise_variance=0.2)
    estimators = [mt.Dense(), mt.MoE(), mt.MoE(ridge=0.3)]
    result = mt.sweep(model, over, values, estimators, under=LOUD)
    assert list(result.columns) == [over, "dense", "moe", "moe(ridge=0.3)"]
    assert result[over].tolist() == values
    for estimator in estimators:
        wanted = [mt.risk(estimator, model, under=perturbed(v)).excess for v in values]
        assert result[estimator.label].tolist() == wanted
    assert len(set(result["moe"])) == len(values)


def test_drag_is_that_of_misrouting(generic):
    model, rates = generic(), [0.0, 0.4]
    for options, drag in (({}, 0.0), ({"drag": 2}, 2.0), ({"drag": 2, "under": LOUD}, 2.0)):
        base = options.get("under", mt.Perturbation())
        risks = [
            mt.risk(
                mt.MoE(), model, under=base.replace(confusion=mt.even_confusion(3, rate), drag=drag)
            )
            for rate in rates
        ]
        result = mt.sweep(model, "misrouting", rates, [mt.MoE()], **options)
        assert result["moe"].tolist() == [each.excess for each in risks]


@pytest.mark.parametrize("noise", [0.4, np.geomspace(0.01, 10.0, 9)], ids=["one", "many"])
@pytest.mark.parametrize("over", ["leakage", "interference", "overlap"])
def test_amplitudes_are_roots_of_shares_of_the_signal(generic, over, noise):
    model, alphas = generic(noise, leakage_variances=0.2, interference_variances=0.3), [0, 0.3, 1.5]
    result = mt.sweep(model, over, alphas)
    worlds = []
    for alpha in alphas:
        variances = alpha**2 * model.signal_variances
        changed = {
            "leakage": {"leakage_variances": variances},
            "interference": {"interference_variances": variances},
            "overlap": {"noise_variance": noise + variances},
        }
        worlds.append(model.replace(**changed[over]))
    assert result["moe"].tolist() == [mt.risk(mt.MoE(), each).excess for each in worlds]
    assert result["dense"].tolist() == [mt.risk(mt.Dense(), each).excess for each in worlds]
    assert result["bound"].tolist() == [mt.moe_bound(each) for each in worlds]
    assert (len(set(result["moe"])) == 1) == (over == "interference")  # which no expert sees
    assert np.all(np.diff(result["dense"]) > 0.0)


@pytest.mark.parametrize("over", ["leakage", "interference", "overlap"])
def test_simulated_amplitudes_agree_with_theory(agrees, generic, over):
    result = mt.sweep(generic(), over, [0.8], replicates=1_500_000, rng=4)
    for label in ("dense", "moe"):
        columns = (result[f"{label}{end}"][0] for end in ("_simulated", "_sem"))
        assert agrees(*columns, result.replicates, result[label][0])


@pytest.mark.parametrize(
    ("over", "value", "message"),
    [
        ("leakage", -1.0, "leakage must be at least 0, got -1"),
        ("interference", -0.5, "interference must be at least 0, got -0.5"),
        ("overlap", 1e200, r"overlap must be less than 1e\+150, got 1e\+200"),
        ("interference_variances", -1.0, "interference_variances must be at least 0, got -1"),
    ],
)
def test_amplitudes_and_variances_are_not_negative(generic, over, value, message):
    with pytest.raises(ValueError, match=f"^at {over}=.*: {message}$"):
        mt.sweep(generic(), over, [0.5, value])


def test_one_group_has_no_interference_to_sweep_over():
    with pytest.raises(ValueError, match=r'^over must not be "interference" for one group'):
        mt.sweep(iso(1), "interference", [0.0, 0.5])


def test_fitted_estimators_are_perturbed_too(generic):
    model = generic()
    result = mt.sweep(model, "erasure", [0.0, 0.2], samples=60, under=LOUD)
    assert list(result.columns) == ["erasure", "dense", "dense_error", "moe"]
    for i, erasure in enumerate([0.0, 0.2]):
        under = LOUD.replace(erasure=erasure)
        dense = mt.risk(mt.Dense(), model, samples=60, under=under)
        assert (result["dense"][i], result["dense_error"][i]) == (dense.excess, dense.error)
        assert result["moe"][i] == mt.risk(mt.MoE(), model, samples=60, under=under).excess
    over_samples = mt.sweep(model, "samples", [60], under=LOUD)
    assert over_samples["moe"][0] == result["moe"][0]


def test_a_factory_makes_models_and_the_perturbation_stays():
    under = mt.Perturbation(noise_variance=2.0)
    for over in ("experts", "erasure"):  # with a factory nothing but the name of a column
        result = mt.sweep(iso, over, [1, 4], [mt.MoE()], under=under)
        assert list(result.columns) == [over, "moe"]  # the bound is of the unperturbed
        wanted = [mt.risk(mt.MoE(), iso(k), under=under).excess for k in (1, 4)]
        assert result["moe"].tolist() == wanted
    assert "bound" in mt.sweep(iso, "erasure", [1, 4]).columns


def test_perturbed_simulations_agree_with_theory(agrees, generic):
    options = {"under": mt.Perturbation(noise_variance=0.9, erasure=0.1), "drag": 0.5}
    result = mt.sweep(generic(), "misrouting", [0.3], replicates=1_500_000, rng=3, **options)
    for label in ("dense", "moe"):
        columns = (result[f"{label}_simulated"][0], result[f"{label}_sem"][0])
        assert agrees(*columns, result.replicates, result[label][0])


@pytest.mark.parametrize(
    ("over", "values", "estimator", "options", "unknown"),
    [
        ("radius", [0.0, 0.5], mt.MoE(), {"samples": 40}, [False, True]),
        ("erasure", [0.0, 0.2], mt.MoE(gate=mt.Hard()), {}, [False, True]),
        ("leakage", [0.0, 0.1], mt.MoE(gate=mt.Soft()), {}, [False, True]),
    ],
)
def test_what_has_no_formula_when_perturbed_is_simulated(
    generic, over, values, estimator, options, unknown
):
    result = mt.sweep(generic(), over, values, [estimator], replicates=20, rng=0, **options)
    assert np.isnan(result[estimator.label]).tolist() == unknown
    assert np.all(result[f"{estimator.label}_simulated"] > 0.0)
    again = mt.sweep(
        *(generic(), over, values, [estimator]), replicates=20, rng=result.entropy, **options
    )
    for name in result.columns:
        np.testing.assert_array_equal(result[name], again[name])
    with pytest.raises(mt.NoClosedForm, match=rf"^at {over}={values[unknown.index(True)]}: "):
        mt.sweep(generic(), over, values, [estimator], **options)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((iso(3), "misrouting", [0.0, 1.5]), {}, "at misrouting=1.5: rate must be at most 1, got"),
        ((iso(1), "misrouting", [0.0]), {}, "at misrouting=0.0: experts must be at least 2, got 1"),
        ((iso(3), "erasure", [0.5, 1.0]), {}, "at erasure=1.0: erasure must be less than 1, got 1"),
        ((iso(3), "radius", [-1]), {}, "at radius=-1: radius must be at least 0, got -1"),
        ((iso(3), "test_noise_variance", [-1]), {}, "at test_noise_variance=-1: noise_variance m"),
        ((iso(3), "leakage", [0.0, -0.5]), {}, "at leakage=-0.5: leakage must be at least 0, got"),
        (
            (iso(3), "misrouting", [0.1], [mt.MoE(gate=mt.Hard())]),
            {},
            "at misrouting=0.1: confusion needs oracle routing",
        ),
        (
            (iso, "experts", [3, 4]),
            {"under": LOUD},
            "at experts=4: confusion must have 4 rows, one for each group, got 3",
        ),
        ((iso(3), "erasure", [0.1]), {"under": 0.1}, "under must be a Perturbation, got 0.1"),
        ((iso(3), "erasure", [0.1]), {"drag": 1}, 'drag is for over=.misrouting.* over="erasure"'),
        ((iso, "misrouting", [2]), {"drag": 1}, "drag is for over=.misrouting. of a BlockModel"),
        ((iso(3), "misrouting", [0.1]), {"drag": np.nan}, "drag must be finite, got nan"),
    ],
)
def test_perturbations_that_cannot_be(arguments, options, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        mt.sweep(*arguments, **options)


def test_progress_runs_over_all_points():
    calls = []
    mt.sweep(iso, "experts", [1, 2], replicates=50, rng=0, progress=lambda *c: calls.append(c))
    assert calls == [(50, 100), (100, 100)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((iso, "experts", []), "values must be a non-empty sequence"),
        ((iso, "experts", ["a"]), "values must be a non-empty sequence"),
        ((iso, "experts", [5]), "experts must divide dim, got experts=5 and dim=12"),
        ((iso(3), "noise_variance", [-1.0]), "noise_variance must be at least 0, got -1"),
        ((iso(3), "experts", [1]), "^over must be one of .* got .experts."),
        ((iso, "experts", [1], []), "estimators must be different and at least one"),
        ((iso, "experts", [1], [mt.MoE(), mt.MoE()]), "estimators must be different"),
        ((iso, "experts", [1], ["moe"]), r"estimators\[0\] must be Dense"),
        ((iso, "experts", [1], mt.MoE()), "estimators must be a sequence of estimators, got MoE"),
        ((iso, "experts", [[1], [1, 2]]), "values must be a regular array"),
        ((iso, "dense", [1]), "over must be a name that is no other column's"),
        ((iso, "bound", [1]), "over must be a name that is no other column's"),
        ((iso, "moe_sem", [1]), "over must be a name that is no other column's"),
        ((iso, None, [1]), "over must be a string, got None"),
        ((lambda k: float(k), "experts", [1]), "model must be a BlockModel, got 1.0"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        mt.sweep(*arguments)
