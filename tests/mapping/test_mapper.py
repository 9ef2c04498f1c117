"""Maps: cells against risks, borders against crossovers and hand formulas, what is refused."""

import functools
import pickle

import numpy as np
import pytest

import moetheory as mt
from general_noise import LEAKING, STRICT, UNEQUAL

ISO = functools.partial(mt.BlockModel.isotropic, dim=16, noise_variance=1.0, signal_energy=16.0)
MODEL = ISO(experts=4)
SPAN = ("leakage", [0.0, 1.0])
NOISE = ("noise_variance", [1.0, 2.0])


def crossings(found, along, value):
    """The roots on the row or the column at a value of the other quantity."""
    other = 1 - "xy".index(along)
    return found.border[found.border[:, other] == value, 1 - other]


def at(quantity, model, value):
    """A model with another value of a quantity, by definitions written out."""
    added = value**2 * model.signal_variances
    match quantity:
        case "leakage":
            return model.replace(leakage_variances=added)
        case "overlap":
            return model.replace(noise_variance=model.noise_variance + added)
        case "interference":
            return model.replace(interference_variances=added)
    return model.replace(noise_variance=value)


@pytest.mark.parametrize("over", ["noise_variance", "overlap", "interference"])
@pytest.mark.parametrize("model", [LEAKING, UNEQUAL])
def test_borders_are_crossovers_along_rows_and_columns(over, model):
    values = np.geomspace(0.1, 3.0, 5)
    spans = {
        "leakage": np.geomspace(0.01, 2.0, 12),
        "misrouting": np.linspace(0.0, 1.0, 5),
        "test_noise_variance": np.geomspace(1e-3, 1e4, 12),
    }
    met = 0
    for other, span in spans.items():
        for a, b in [(mt.Dense(), mt.MoE()), (mt.Dense(ridge=0.5), mt.MoE(ridge=0.1))]:
            rows = mt.phase_map(model, (other, span), (over, values), a, b)
            columns = mt.phase_map(model, (over, values), (other, span), a, b)
            for value in values:
                wanted = mt.crossovers(a, b, at(over, model, value), over=other)
                inside = [each for each in wanted if span[0] < each < span[-1]]
                for found, along in ((rows, "x"), (columns, "y")):
                    roots = crossings(found, along, value)
                    assert len(roots) == len(inside)
                    np.testing.assert_allclose(np.sort(roots), inside, rtol=1e-9)
                met += len(inside)
    assert met >= 10


@pytest.mark.parametrize("over", ["misrouting", "test_noise_variance", "leakage"])
def test_borders_keep_their_digits_where_one_group_is_nearly_all(over):
    model = mt.BlockModel(
        [1e-8, 1.0 - 1e-8], [0, 0, 1, 1], [3.0, 0.5, 2.0, 1.0], [1, 2, -1, 1], 4.0
    )
    span = (over, np.geomspace(1e-9, 1.0 if over == "misrouting" else 1e4, 40))
    found = mt.phase_map(model, span, ("label_noise_variance", [0.0, 0.1]))
    (wanted,) = mt.crossovers(mt.Dense(), mt.MoE(), model, over=over)
    roots = crossings(found, "x", 0.1)
    np.testing.assert_allclose(roots, [wanted], rtol=1e-6)


def test_the_border_over_experts_is_the_hand_formula():
    ks, rates = [2, 4, 8, 16], np.linspace(0.0, 1.0, 4)
    found = mt.phase_map(ISO, ("experts", ks), ("misrouting", rates))
    for k in ks:
        r = float(k)  # the signal-to-noise ratio K S / (d sigma^2)
        wanted = (k - 1) * (1 + r) / ((k + r) * (2 + r))
        np.testing.assert_allclose(crossings(found, "y", k), [wanted], rtol=1e-10)
    # between 4 and 8 there is no K, so that rows of experts have no roots
    assert found.border[:, 0].tolist() == ks
    turned = mt.phase_map(ISO, ("misrouting", rates), ("experts", ks))
    assert turned.border.tolist() == found.border[:, ::-1].tolist()
    assert [line.tolist() for line in turned.border_lines] == [turned.border.tolist()]


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("under", [None, mt.Perturbation(noise_variance=2.0)])
def test_the_border_with_a_drag(monkeypatch, at_once, under):
    if not at_once:
        monkeypatch.setattr("moetheory.mapping.evaluation.covers", lambda *_: False)
    ks = [2, 4, 8, 16]
    span = ("misrouting", [0.0, 0.5, 1.0])
    found = mt.phase_map(ISO, ("experts", ks), span, under=under, drag=1.0)
    assert found.setting["drag"] == 1.0
    for j, k in enumerate(ks):
        misled = mt.Perturbation(confusion=mt.even_confusion(k, 0.5), drag=1.0)
        if under is not None:
            misled = misled.replace(noise_variance=2.0)
        else:
            wanted = mt.crossover(mt.Dense(), mt.MoE(), ISO(experts=k), over="misrouting", drag=1.0)
            np.testing.assert_allclose(crossings(found, "y", k), [wanted], rtol=1e-9)
        wanted = mt.risk(mt.MoE(), ISO(experts=k), under=misled).excess
        assert found.excess_b[1, j] == pytest.approx(wanted, rel=1e-12)


def test_a_drag_of_the_map_goes_before_that_of_the_perturbation():
    confusion = mt.even_confusion(4, 0.1)
    axes = ("misrouting", [0.1, 0.9]), ("leakage", [0.0, 0.5])
    wanted = mt.phase_map(MODEL, *axes, under=mt.Perturbation(confusion=confusion, drag=0.5))
    for drag in (0.5, 2.0):
        under = mt.Perturbation(confusion=confusion, drag=drag)
        found = mt.phase_map(MODEL, *axes, under=under, drag=0.5)
        np.testing.assert_array_equal(found.excess_b, wanted.excess_b)
    assert np.all(mt.phase_map(MODEL, *axes).excess_b < wanted.excess_b)


def test_the_border_of_two_integers_is_between_them():
    ks, sizes = [2, 4], [20, 40, 80, 200, 1000]
    weak = functools.partial(ISO, noise_variance=8.0)
    found = mt.phase_map(weak, ("samples", sizes), ("experts", ks))
    for k in ks:
        last = mt.crossover(mt.Dense(), mt.MoE(), weak(experts=k), over="samples")
        assert crossings(found, "x", k).max() == last + 0.5


def test_the_sharp_threshold_of_signal_to_noise():
    """Theorem 4.3: the mixture lets less noise through from a ratio of 1/sqrt(p) on."""
    model = mt.BlockModel.isotropic(32, 2, 1.0)
    quiet = ("test_noise_variance", [1e9, 1e10])  # where noise is all that counts
    for k in (2, 4, 16):
        model = mt.BlockModel.isotropic(32, k, 1.0)
        found = mt.phase_map(model, ("signal_to_noise", [1.01, 2.3, 3.1, 9.0]), quiet)
        np.testing.assert_allclose(crossings(found, "x", 1e10), [np.sqrt(k)], rtol=1e-6)


def test_the_signal_to_noise_of_isotropic_blocks():
    found = mt.phase_map(MODEL, ("signal_to_noise", [0.5, 2.0]), ("leakage", [0.0, 0.3]))
    for i, ratio in enumerate([0.5, 2.0]):
        world = MODEL.replace(noise_variance=MODEL.signal_variances[0] / ratio)
        assert found.excess_b[0, i] == pytest.approx(mt.risk(mt.MoE(), world).excess, rel=1e-13)


def test_cells_one_by_one_are_those_at_once(monkeypatch):
    arguments = (STRICT, ("misrouting", [0.0, 0.4, 1.0]), ("leakage", [0.0, 0.5, 1.5]))
    at_once = mt.phase_map(*arguments)
    monkeypatch.setattr("moetheory.mapping.evaluation.covers", lambda *_: False)
    one_by_one = mt.phase_map(*arguments)
    np.testing.assert_allclose(at_once.excess_a, one_by_one.excess_a, rtol=1e-12)
    np.testing.assert_allclose(at_once.excess_b, one_by_one.excess_b, rtol=1e-12)
    assert at_once.winner.tolist() == one_by_one.winner.tolist()
    np.testing.assert_allclose(at_once.border, one_by_one.border, rtol=1e-9)
    assert len(at_once.border) > 0


def test_cells_with_gates_and_their_border():
    hard = mt.MoE(gate=mt.Hard())
    noises = [0.3, 1.0, 3.0, 10.0]
    found = mt.phase_map(MODEL, ("noise_variance", noises), ("overlap", [0.0, 0.5]), b=hard)
    for j, noise in enumerate(noises):
        wanted = mt.risk(hard, MODEL.replace(noise_variance=noise)).excess
        assert found.excess_b[0, j] == wanted
    wanted = mt.crossover(mt.Dense(), hard, MODEL, over="noise_variance")
    np.testing.assert_allclose(crossings(found, "x", 0.0), [wanted], rtol=1e-7)


def test_fitted_estimators_over_samples():
    model = mt.BlockModel([0.9, 0.1], [0] * 4 + [1] * 8, [1.0] * 12, [1.0] * 12, 2.0)
    sizes, noises = [10, 40, 100, 250, 1000], np.array([0.05, 2.0, 50.0])
    found = mt.phase_map(model, ("samples", sizes), ("noise_variance", noises))
    assert "error" in found.columns
    for j, n in enumerate(sizes):
        dense, moe = (mt.risk(each, model, samples=n) for each in (mt.Dense(), mt.MoE()))
        assert found.excess_a[1, j] == dense.excess
        assert found.excess_b[1, j] == moe.excess
        assert found.error[1, j] == dense.error + moe.error
    assert found.border[:, 0].tolist() == [100, 250, 1000]
    for n, root in found.border:  # both sides of each root, 1e-6 apart
        leads = []
        for noise in (root * (1.0 - 1e-6), root * (1.0 + 1e-6)):
            world = model.replace(noise_variance=noise)
            dense, moe = (mt.risk(each, world, samples=int(n)) for each in (mt.Dense(), mt.MoE()))
            leads.append(dense.excess - moe.excess)
        assert leads[0] * leads[1] < 0.0


def test_fitted_estimators_over_another_quantity():
    weak = mt.BlockModel.isotropic(16, 8, 1.0, signal_energy=4.0)  # a ratio below 1/sqrt(p)
    noises = ("test_noise_variance", [0.1, 10.0, 1e4])
    found = mt.phase_map(weak, noises, ("overlap", [0.0, 0.4]), samples=300)
    wanted = mt.crossover(mt.Dense(), mt.MoE(), weak, over="test_noise_variance", samples=300)
    np.testing.assert_allclose(crossings(found, "x", 0.0), [wanted], rtol=1e-7)


def test_estimators_that_are_alike_tie():
    found = mt.phase_map(ISO, ("experts", [1, 2]), ("noise_variance", [0.0, 1.0]))
    assert found.winner.tolist() == [["tie", "tie"], ["tie", "moe"]]
    np.testing.assert_allclose(found.advantage, [[1.0, 1.0], [1.0, 1.5]], rtol=1e-14)
    assert not len(found.border)
    assert "both are equal in 3 cells" in found.summary


def test_cells_without_a_formula_are_nan_and_counted():
    soft = mt.MoE(gate=mt.Soft(0.5))
    found = mt.phase_map(ISO, ("experts", [1, 4]), ("noise_variance", [0.5, 1.0]), b=soft)
    assert found.winner[:, 1].tolist() == ["", ""]  # with one expert a gate has no choice
    assert np.isnan(found.excess_b[:, 1]).all()
    assert np.isfinite(found.excess_a).all()
    assert "no formula is known in 2 cells" in found.summary


@pytest.mark.parametrize(
    "names", [("experts", "misrouting"), ("experts", "dim"), ("dim", "leakage")]
)
def test_factories_make_the_models(names):
    values = {
        "experts": [2, 4],
        "dim": [16, 32, 64],
        "misrouting": [0.0, 0.4],
        "leakage": [0.0, 0.2],
    }
    calls = []

    def factory(**given):
        calls.append(given)
        return mt.BlockModel.isotropic(
            **{"dim": 16, "experts": 4} | given, noise_variance=0.5, signal_energy=8.0
        )

    x, y = ((name, values[name]) for name in names)
    found = mt.phase_map(factory, x, y)
    structural = [name for name in names if name in ("experts", "dim")]
    assert all(list(each) == structural for each in calls)
    assert len(calls) == np.prod([len(values[name]) for name in structural])
    for i, up in enumerate(y[1]):
        for j, across in enumerate(x[1]):
            given = {names[0]: across, names[1]: up}
            model = factory(**{k: v for k, v in given.items() if k in structural})
            if "leakage" in given:
                model = at("leakage", model, given["leakage"])
            under = None
            if "misrouting" in given:
                confusion = mt.even_confusion(model.experts, given["misrouting"])
                under = mt.Perturbation(confusion=confusion)
            wanted = mt.risk(mt.MoE(), model, under=under).excess
            assert found.excess_b[i, j] == pytest.approx(wanted, rel=1e-12)


def test_a_factory_may_take_any_quantity():
    def loud(noise_variance):
        return mt.BlockModel.isotropic(8, 2, 10.0 * noise_variance, signal_energy=8.0)

    found = mt.phase_map(loud, ("noise_variance", [0.1, 0.3]), ("leakage", [0.0, 0.1]))
    wanted = mt.risk(mt.MoE(), loud(0.3)).excess
    assert found.excess_b[0, 1] == pytest.approx(wanted, rel=1e-13)


def test_progress_ends_at_its_total():
    heard = []
    mt.phase_map(
        UNEQUAL,
        ("noise_variance", [0.1, 1.0]),
        ("overlap", [0.0, 0.4]),
        samples=150,
        progress=lambda done, total: heard.append((done, total)),
    )
    assert heard[-1][0] == heard[-1][1]
    assert len(heard) >= 4
    assert [done for done, _ in heard] == sorted(done for done, _ in heard)


def test_counts_of_groups_are_copied():
    counts = np.array([30, 20, 40, 25])
    found = mt.phase_map(MODEL, SPAN, NOISE, mt.MoE(), mt.MoE(ridge=0.5), samples=counts)
    world = MODEL.replace(leakage_variances=MODEL.signal_variances, noise_variance=2.0)
    assert found.excess_a[1, 1] == mt.risk(mt.MoE(), world, samples=counts).excess
    counts[0] = 31
    assert found.samples.tolist() == [30, 20, 40, 25]


def test_the_setting_is_what_is_the_same_everywhere():
    found = mt.phase_map(ISO, ("experts", [2, 4]), ("misrouting", [0.0, 0.5]))
    wanted = {"dim": 16, "noise_variance": 1.0, "signal_energy": 16.0, "samples": np.inf}
    assert dict(found.setting) == wanted
    found = mt.phase_map(MODEL, ("samples", [20, 30]), ("signal_to_noise", [0.5, 1.0]))
    assert dict(found.setting) == {"dim": 16, "experts": 4, "signal_energy": 16.0}


def test_a_map_is_pickled_and_frozen():
    found = mt.phase_map(MODEL, ("misrouting", [0.0, 0.5]), ("noise_variance", [1.0, 4.0]))
    again = pickle.loads(pickle.dumps(found))
    assert again.winner.tolist() == found.winner.tolist()
    assert again.border.tolist() == found.border.tolist()
    for array in (again.border, again.columns["moe"], *again.border_lines):
        assert not array.flags.writeable


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (
            (MODEL, ("experts", [2, 4]), SPAN),
            {},
            r"x must not be 'experts' for a BlockModel, in wh",
        ),
        (
            (MODEL, SPAN, ("dim", [2, 4])),
            {},
            r"y must not be 'dim' .* give as .* functools.partial",
        ),
        (
            (lambda k: MODEL, ("experts", [2, 4]), SPAN),
            {},
            r"x must not be 'experts' for a factory",
        ),
        (
            (lambda experts, k: MODEL, ("experts", [2, 4]), SPAN),
            {},
            r"model must be .* argument: 'k'",
        ),
        (
            (lambda experts: 3, ("experts", [2, 4]), SPAN),
            {},
            r"at experts=2, .* a BlockModel, got 3",
        ),
        ((3, SPAN, NOISE), {}, r"model must be a BlockModel or a factory such as .*, got 3"),
        ((MODEL, ("steps", [2, 4]), SPAN), {}, r"x must name one of experts, .* got 'steps'"),
        (
            (MODEL, SPAN, ("leakage", [0.1, 0.2])),
            {},
            "y must name another quantity than x, got 'lea",
        ),
        (
            (MODEL, NOISE, ("signal_to_noise", [1, 2])),
            {},
            "y must not be 'signal_to_noise' where x",
        ),
        ((MODEL, "leakage", NOISE), {}, r"x must be a pair \(name, values\), as"),
        ((MODEL, ("leakage",), NOISE), {}, r"x must be a pair \(name, values\), as"),
        ((MODEL, ("leakage", [0.5]), NOISE), {}, "x must have two values or more, got 1"),
        ((MODEL, ("leakage", []), NOISE), {}, "x must have two values or more, got 0"),
        ((MODEL, ("leakage", "ab"), NOISE), {}, "x must have a sequence of numbers as values"),
        (
            (MODEL, NOISE, ("leakage", [0.5, 0.1])),
            {},
            "y must have ascending values, got 0.5 before",
        ),
        (
            (MODEL, NOISE, ("leakage", [0.5, 0.5])),
            {},
            "y must have ascending values, got 0.5 before",
        ),
        ((MODEL, ("leakage", [0.1, np.nan]), NOISE), {}, "x must have finite values, got nan"),
        ((MODEL, ("leakage", [0.1, np.inf]), NOISE), {}, "x must have finite values, got inf"),
        ((MODEL, ("samples", [1.5, 2.0]), NOISE), {}, "x must be an integer, got 1.5"),
        (
            (MODEL, ("misrouting", [0.1, 1.1]), NOISE),
            {},
            "at misrouting=1.1, .*: rate must be at mo",
        ),
        (
            (MODEL, ("leakage", [-0.1, 1.1]), NOISE),
            {},
            "at leakage=-0.1, .*: leakage must be at le",
        ),
        (
            (MODEL, ("noise_variance", [1, 1e300]), SPAN),
            {},
            r"at noise_variance=1e\+300, .* must be",
        ),
        (
            (MODEL, ("smallest_probability", [0.1, 0.3]), SPAN),
            {},
            r"must be at most 1/K = 0.25, got",
        ),
        ((MODEL, ("smallest_probability", [0.0, 0.1]), SPAN), {}, "must be greater than 0, got 0"),
        (
            (ISO(experts=1), ("smallest_probability", [0.1, 0.3]), SPAN),
            {},
            "needs two groups or more",
        ),
        ((ISO, ("experts", [2, 3]), SPAN), {}, "at experts=3, leakage=0: experts must divide dim"),
        (
            (ISO, ("experts", [1, 2]), ("misrouting", [0.1, 0.2])),
            {},
            "at experts=1, .*experts must",
        ),
        (
            (MODEL, SPAN, NOISE, mt.Dense(), mt.Dense()),
            {},
            r"b must differ from a, got Dense\(ridge",
        ),
        ((MODEL, SPAN, NOISE, mt.MoE(assignment=(0, 1))), {}, "must have 4 entries"),
        ((MODEL, SPAN, NOISE, mt.Dense(), mt.MoE(mt.TopK(5))), {}, "at leakage=0, .* k must be at"),
        (
            (MODEL, SPAN, ("misrouting", [0, 1]), mt.Dense(), mt.MoE(mt.Hard())),
            {},
            r"y must not be 'misrouting' with a gate that reads the input.*MoE\(gate=Hard",
        ),
        (
            (MODEL, ("samples", [8, 9]), SPAN),
            {"samples": 9},
            'samples must not be given where "sam',
        ),
        ((MODEL, SPAN, NOISE), {"under": 3}, "under must be a Perturbation, got 3"),
        (
            (MODEL, SPAN, NOISE),
            {"under": mt.Perturbation(confusion=mt.even_confusion(2, 0.1))},
            "at leakage=0, noise_variance=1: confusion must have 4 rows",
        ),
        ((MODEL, SPAN, NOISE), {"samples": -3}, "samples"),
        ((MODEL, SPAN, NOISE), {"drag": 1.0}, 'drag is for "misrouting" as an axis only, got 1 ov'),
        ((MODEL, SPAN, ("misrouting", [0, 1])), {"drag": np.nan}, "drag must be"),
        ((MODEL, SPAN, ("misrouting", [0, 1])), {"drag": 1e99}, "drag must be"),
        ((MODEL, SPAN, NOISE), {"progress": 3}, "progress must be a function"),
    ],
)
def test_what_is_refused(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        mt.phase_map(*arguments, **options)


def test_a_ratio_needs_signal_and_noise():
    quiet = MODEL.replace(noise_variance=0.0)
    with pytest.raises(ValueError, match="signal_to_noise needs a model with feature noise"):
        mt.phase_map(quiet, ("signal_to_noise", [1, 2]), SPAN)


def test_a_function_is_no_estimator_of_a_map():
    with pytest.raises(mt.NoClosedForm, match="by simulation only"):
        mt.phase_map(MODEL, SPAN, NOISE, b=mt.Custom(lambda features, labels, groups, rng: None))
