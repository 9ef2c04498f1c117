"""Every parameter of every public function and method refuses what it cannot use, by its name.

The calls are generated from the signatures: a new function, or a new parameter of an old one, is
covered once `KINDS` says of what kind its parameters are.
"""

import inspect
import re
import tempfile
import warnings
from functools import cache
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
import sympy

import moetheory as mt
from moetheory import strategies, testing
from moetheory.auditing import blocks
from moetheory.common.errors import ArgumentError
from moetheory.datafile import read_data
from moetheory.datafile.contents import DataArgumentError

MODEL = mt.BlockModel([0.4, 0.6], [0, 0, 1, 1], [1.0, 2.0, 3.0, 4.0], [1.0] * 4, 1.0)
SAMPLE = MODEL.replace(noise_variance=0.0).sample(60, rng=0)
DENSE, MOE = mt.Dense(), mt.MoE()
FOLDER = Path(tempfile.mkdtemp())


class Anything:
    """An object that is nothing that any function knows."""

    def __repr__(self):
        return "Anything()"


class Measured:
    """What `testing.assert_agrees` takes in place of an `Estimate`."""

    mean, sem, replicates = 1.0, 1e-4, 1000


# by name, what a parameter is given in turn; a kind says which of these it may use
np.savetxt(FOLDER / "data.csv", np.ones((3, 2)), delimiter=",", header="x,y", comments="")
MODEL.to_json(FOLDER / "file.json")
mt.simulate(MOE, MODEL, replicates=10, rng=0, checkpoint=FOLDER / "part.npz")


# what is tried for each parameter, unless its kind may use it
BAD = {
    "object": Anything(),
    "function": lambda *_: None,
    "class": mt.BlockModel,
    "ellipsis": ...,
    "dict": {"a": 1},
    "set": {1, 2},
    "bytes": b"x",
    "text": "no such",
    "empty text": "",
    "complex": 1j,
    "nan": float("nan"),
    "infinity": float("inf"),
    "negative": -1,
    "negative infinity": -float("inf"),
    "fraction": 2.5,
    "huge": 10**400,
    "true": True,
    "false": False,
    "zero": 0,
    "zero float": 0.0,
    "empty": [],
    "empty tuple": (),
    "ragged": [[1.0], [1.0, 2.0]],
    "objects": [Anything()],
    "none inside": [None],
    "text inside": ["no such"],
    "nan inside": [float("nan")],
    "masked": np.ma.masked_array([1.0, 2.0], [False, True]),
    "mask": np.ma.masked,
    "array of text": np.array(["no such"]),
    "array of objects": np.array([Anything()]),
    "array of dates": np.array(["2020-01-01"], dtype="datetime64[D]"),
    "deep array": np.ones((1, 1, 1, 1)),
    "empty array": np.empty((0, 3)),
    "date": np.datetime64("2020-01-01"),
    "span": np.timedelta64(3, "D"),
    "none": None,
}
ZEROS = {"zero", "zero float"}
NUMBERS = {*ZEROS, "fraction", "negative"}
INFINITE = {"infinity", "negative infinity"}
EMPTY = {"empty", "empty tuple", "empty array"}
LIKE_AN_ARRAY = {"ellipsis", "empty", "empty tuple"}  # what NumPy takes as an index too

# a parameter by name, or by function and name: a good value, and what else of BAD it may use.
# A value of None is left out of the calls.
PARAMETERS = {
    "model": (MODEL, set()),
    "estimator": (MOE, set()),
    "a": (DENSE, set()),
    "b": (MOE, set()),
    "gate": (mt.Hard(), set()),
    "estimators": ([DENSE, MOE], set()),
    "under": (None, set()),
    "samples": (40, set()),
    "steps": ([1, 2], ZEROS),
    "replicates": (10, set()),
    "inputs": (10, set()),
    "target_sem": (None, {"fraction"}),
    "rng": (0, {"zero", "huge"}),
    "memory": (2**26, {"huge"}),
    "executor": (None, set()),
    "part": (None, set()),
    "workers": (2, set()),
    "counts": ("fixed", set()),
    "method": (None, set()),
    "loss": ("squared", set()),
    "require": (None, set()),
    "training": ("own", set()),
    "cost": ("iterations", set()),
    "axis": ("iterations", set()),
    "moments": ("blocks", set()),
    "over": ("noise_variance", set()),
    "step_size": ("optimal", set()),
    "checkpoint": (None, {"text"}),
    "path": (FOLDER / "file.json", {"text"}),
    "into": (FOLDER / "into.npz", {"text"}),
    "parts": ([FOLDER / "part.npz"], {"text inside", "array of text"}),
    "progress": (None, {"function", "class", "true", "false"}),
    "delta": (0.1, set()),
    "tolerance": (0.5, set()),
    "relative": (True, {"true", "false"}),
    "dim": (4, set()),
    "experts": (2, set()),
    "rate": (0.1, ZEROS),
    "level": (1e-6, set()),
    "decay": (0.0, ZEROS | {"fraction"}),
    "drag": (0.0, NUMBERS),
    "ridge": (0.0, ZEROS | {"fraction"}),
    "k": (1, set()),
    "temperature": (1.0, {"fraction"}),
    "assignment": ((0, 1), set()),
    "shared": (False, {"true", "false"}),
    "retrained": (False, {"true", "false"}),
    "renormalised": (False, {"true", "false"}),
    "noise_variance": (1.0, ZEROS | {"fraction"}),
    "noise_variances": ([0.5, 1.0], ZEROS | {"fraction"}),
    "label_noise_variance": (0.0, ZEROS | {"fraction"}),
    "leakage_variances": (0.0, ZEROS | {"fraction"}),
    "interference_variances": (0.0, ZEROS | {"fraction"}),
    "signal_energy": (1.0, {"fraction"}),
    "label_power": (1.0, ZEROS | {"fraction"}),
    "erasure": (0.0, ZEROS),
    "radius": (0.0, ZEROS | {"fraction"}),
    "confusion": (None, set()),
    "noise": (None, set()),
    "values": ([0.5, 1.0], set()),
    "weights": ([1.0, -1.0], set()),
    "confidence": (0.9, set()),
    "factor": (2.0, {"fraction"}),
    "value": (1.0, NUMBERS | INFINITE),
    "x": ([1.0], NUMBERS | INFINITE | EMPTY | {"huge", "deep array"}),
    "q": ([0.5], ZEROS | EMPTY | {"deep array"}),
    "size": (3, {"zero"}),
    "n": (3, {"zero"}),
    "i": (0, {"zero", "negative"}),
    "j": (1, {"zero", "negative"}),
    "index": (0, {"zero", "negative"}),
    "width": (None, set()),
    "shares": ([0.5, 0.5], set()),
    "tail": (0.1, set()),
    "upper": (True, {"true", "false"}),
    "group_probabilities": ([0.5, 0.5], set()),
    "block_of": ([0, 1], set()),
    "signal_variances": ([1.0, 1.0], set()),
    "coefficients": ([1.0, 1.0], set()),
    "rotations": (None, set()),
    "covariances": ([np.eye(2), np.eye(2)], set()),
    "noise_covariances": ([np.eye(2), np.eye(2)], set()),
    "features": (SAMPLE.features, set()),
    "labels": (SAMPLE.labels, set()),
    "groups": (SAMPLE.groups, set()),
    "held_out": (0.5, set()),
    "repeats": (2, set()),
    "intercept": (True, {"true", "false"}),
    "center": (False, {"true", "false"}),
    "result": (mt.sweep(MODEL, "noise_variance", [0.5, 1.0], [DENSE]), set()),
    "ax": (None, set()),
    "title": (None, {"text", "empty text"}),
    "label": (None, {"text", "empty text"}),
    "name": ("generalization", set()),
    "file": (StringIO(), set()),
    "estimate": (mt.simulate(MOE, MODEL, samples=40, method="data", replicates=9, rng=0), set()),
    "fit": (lambda features, labels, groups, rng: features[0], {"function"}),
    "version": (None, {"text"}),
    "left": (sympy.Symbol("x"), {*NUMBERS, "huge"}),
    "right": (sympy.Symbol("x"), {*NUMBERS, "huge"}),
    "relation": ("<=", set()),
}
# where a name means something else than elsewhere, or a function takes other values
PARAMETERS |= {
    "certify.domain": (None, {"empty", "empty tuple"}),
    "Symbol.name": ("x", {"text"}),
    "Symbol.domain": ((0, 1), set()),
    "Symbol.draw": (None, {"function", "class"}),
    "spiked_spectrum.noise": ("own", set()),
    "Perturbation.noise_variance": (None, ZEROS | {"fraction"}),
    "Perturbation.interference_variances": (None, ZEROS | {"fraction"}),
    "Perturbation.noise_of.own": (1.0, ZEROS | {"fraction"}),
    "Perturbation.interference_of.own": (1.0, ZEROS | {"fraction"}),
    "sweep.model": (MODEL, {"function", "class"}),
    "sweep_plan.model": (MODEL, {"function", "class"}),
    "phase_map.model": (MODEL, set()),
    "phase_map.x": (("noise_variance", [0.5, 1.0]), set()),
    "phase_map.y": (("leakage", [0.0, 0.5]), set()),
    "BlockModel.from_covariances.noise_variance": (None, set()),
    "BlockModel.from_covariances.coefficients": ([np.ones(2), np.ones(2)], set()),
    "Learned.samples": (None, set()),
    "Estimates.[].position": (0, {"zero", "negative"}),
    "claim.left": (1.0, NUMBERS | {"function", "class"}),
    "claim.right": (1.0, NUMBERS | {"function", "class"}),
    "check.anyway": (False, {"true", "false"}),
    "claim.relation": ("<=", set()),
    "claim.name": ("A <= B", {"text", "empty text"}),
    "claim.assume": (None, {"function", "class", "empty", "empty tuple"}),
    "falsify.claim": ((mt.gap, mt.moe_bound), set()),
    "falsify.space": (None, set()),
    "falsify.budget": (10, set()),
    "falsify.anyway": (False, {"true", "false"}),
    "ModelSpace.strict": (None, {"true", "false"}),
    "ModelSpace.interference": (None, {"true", "false"}),
    "ModelSpace.label_noise": (None, {"true", "false"}),
    "ModelSpace.iso_parameter": (None, {"true", "false"}),
    "ModelSpace.experts": ((2, 3), set()),
    "ModelSpace.block_sizes": ((1, 2), set()),
    "ModelSpace.samples": ((1, 9), set()),
    "ModelSpace.signal_variances": ((0.5, 2.0), set()),
    "ModelSpace.coefficients": ((0.5, 2.0), set()),
    "ModelSpace.noise_variances": ((0.5, 2.0), set()),
    "ModelSpace.probability_ratio": (0.1, set()),
    "steps_to.tolerance": (5.0, {"fraction"}),
    "Verdict.table.wide": (False, {"true", "false"}),
    "MoE.gate": (mt.Hard(), set()),
    "Custom.name": (None, {"text"}),
    "replay.index": (0, {"zero"}),
    "BlockModel.block_of": ([0, 1], set()),
    "BlockModel.leakage_variances": (0.0, ZEROS | {"fraction"}),
    "best_experts.samples": (40, set()),
    "misrouting_bound.model": (mt.BlockModel.isotropic(4, 2, 1.0), set()),
    "audit.experts": (None, {"set"}),
    "audit.block_of": (None, set()),
    "audit.router": ("energy", {"class"}),  # what a user's function raises is the user's
    "audit.classes": (False, {"true", "false"}),
    "audit.clusters": (None, set()),
    "audit.keep_constant": (False, {"true", "false"}),
    "Audit.predict.name": ("dense", set()),
    "Audit.z.name": ("dense", set()),
    "Audit.[].name": ("noise_variance", set()),
    "Sweep.[].name": ("noise_variance", set()),
    "Columns.[].name": ("noise_variance", set()),
    "PhaseMap.[].name": ("noise_variance", set()),
    "LawEnds.[].name": ("oracle", set()),
    "RoutingMatrix.[].index": (0, {"zero", "negative", "true", "false", "none", *LIKE_AN_ARRAY}),
    "read_data.path": (FOLDER / "data.csv", set()),
    "read_data.labels": ("y", set()),
    "read_data.groups": (None, set()),
    "read_data.clusters": (None, set()),
    "read_data.features": (None, set()),
    "read_data.block_of": (None, set()),
    "read_data.ignore": ((), EMPTY),
    "coactivation.chunks": ([SAMPLE.features], set()),
    "blocks_of.correlations": (np.eye(4), set()),
    "blocks_of.experts": (None, set()),
    "blocks_of.samples": (40, set()),
    "block_counts.correlations": (np.eye(4), set()),
    "block_counts.counts": ([2], set()),
    "block_models.max_experts": (3, set()),
    "block_models.max_block": (3, set()),
    "block_models.strict": (None, {"true", "false"}),
    "block_models.noiseless": (False, {"true", "false"}),
    "block_models.zeros": (True, {"true", "false"}),
    "block_models.uniform": (None, {"true", "false"}),
    "iso_parameter_models.max_experts": (3, set()),
    "iso_parameter_models.max_block": (3, set()),
    "iso_parameter_models.dim": (None, set()),
    "iso_parameter_models.noiseless": (False, {"true", "false"}),
    "exponents": (3, {"zero"}),
    "min_samples": (1, set()),
    "max_samples": (9, set()),
    "oracle": (False, {"true", "false"}),
    "claim": ("generalization", set()),
    "assert_agrees.estimate": (Measured(), set()),
    "assert_agrees.value": (1.0, NUMBERS),
    "budget": (None, set()),
    "error": (0.0, ZEROS | {"fraction"}),
    "resolution": (0.1, {"fraction"}),
    "scale": (None, {"fraction"}),
    "assert_holds.relation": ("<=", set()),
    "comparisons": (300, set()),
}
# what is public beside the names of the package
MORE = {
    "read_data": read_data,
    "coactivation": blocks.coactivation,
    "blocks_of": blocks.blocks_of,
    "block_counts": blocks.block_counts,
    **{name: getattr(strategies, name) for name in strategies.__all__},
    **{name: getattr(testing, name) for name in ("assert_agrees", "assert_holds")},
    "assumptions_met": testing.assumptions_met,
    "ErrorBudget": testing.ErrorBudget,
    "BlockModel.isotropic": mt.BlockModel.isotropic,
    "BlockModel.power_law": mt.BlockModel.power_law,
    "BlockModel.from_covariances": mt.BlockModel.from_covariances,
    "BlockModel.from_json": mt.BlockModel.from_json,
}
# classes that a user makes; the others are results
MADE = (
    mt.BlockModel,
    mt.Dense,
    mt.MoE,
    mt.Soft,
    mt.TopK,
    mt.Learned,
    mt.Perturbation,
    mt.ModelSpace,
    mt.Custom,
    mt.Symbol,
)
NEEDED = (
    "blocks_of.samples",
    "BlockModel.from_covariances.noise_covariances",
)  # though they have a default
OPTIONS = {"sweep_plan": {"replicates": 10}}  # of another function, that this one needs
FREE = ("changes", "options")  # any names of other parameters, or those of another function


def functions():
    """The public functions and constructors by name."""
    named = {name: getattr(mt, name) for name in mt.__all__}
    plain = {name: each for name, each in named.items() if inspect.isfunction(each)}
    return plain | {each.__name__: each for each in MADE} | MORE


@cache
def results():
    """An object of each class that has public methods."""
    fitted = mt.simulate([DENSE, MOE], MODEL, samples=40, replicates=10, rng=0)
    return [
        MODEL,
        mt.Perturbation(2.0),
        DENSE,
        MOE,
        fitted,
        fitted[0],
        mt.simulate_descent(DENSE, MODEL, [1, 2], samples=40, replicates=10, rng=0),
        mt.descent(DENSE, MODEL, [1, 2]),
        mt.routing_matrix(mt.Hard(), MODEL),
        mt.risk_distribution(MOE, MODEL, 40),
        mt.sweep(MODEL, "noise_variance", [0.5, 1.0], [DENSE]),
        mt.phase_map(MODEL, ("noise_variance", [0.5, 1.0]), ("leakage", [0.0, 0.5])),
        mt.simulation_plan(MOE, MODEL, replicates=10),
        mt.law_ends(4, 1.0, signal_energy=1.0),
        mt.audit(SAMPLE.features, SAMPLE.labels, groups=SAMPLE.groups, rng=0),
        mt.check("generalization", rng=0, replicates=100),
        mt.falsify("risk(MoE()) <= 0", rng=0),
        mt.catalogue,
    ]


def methods():
    """The methods of `results` by name; subscripts are "[]"."""
    found = {}
    for each in results():
        for name, member in inspect.getmembers(type(each), inspect.isfunction):
            public = not name.startswith("_") or name == "__getitem__"
            if public and member.__module__.startswith("moetheory"):
                shown = name.replace("__getitem__", "[]")
                found[f"{type(each).__name__}.{shown}"] = getattr(each, name)
    return found


def parameters():
    """All public parameters: the name of the function, the function, the name of the parameter."""
    return [
        (label, function, parameter)
        for label, function in {**functions(), **methods()}.items()
        for parameter in inspect.signature(function).parameters
        if parameter not in FREE
    ]


def known(label, parameter):
    """The good value of a parameter, and what else of `BAD` it may use."""
    return PARAMETERS.get(f"{label}.{parameter}") or PARAMETERS.get(parameter)


def calls_with(label, function, changed, bad):
    """Call the function with good values and one bad one."""
    values = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if name in FREE:
            if label in OPTIONS:
                values |= OPTIONS[label]
            continue
        good = bad if name == changed else known(label, name)[0]
        needed = parameter.default is inspect.Parameter.empty or f"{label}.{name}" in NEEDED
        if name == changed or (good is not None and needed):
            values[name] = good
    positional = [
        values.pop(name)
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is inspect.Parameter.POSITIONAL_ONLY and name in values
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*positional, **values)


def test_each_public_parameter_is_known():
    unknown = [f"{label}: {name}" for label, _, name in parameters() if known(label, name) is None]
    assert not unknown, f"add to PARAMETERS: {unknown}"


def test_good_values_are_taken():
    for label, function in functions().items():
        calls_with(label, function, None, None)


@pytest.mark.parametrize("part", range(4))
def test_each_bad_value_is_refused_by_the_name_of_its_parameter(part, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    accepted, wrong = [], []
    for label, function, name in parameters()[part::4]:
        allowed = (known(label, name) or (None, ()))[1]
        default = inspect.signature(function).parameters[name].default
        for what, bad in BAD.items():
            if what in allowed or (bad is None and default is None):
                continue
            try:
                calls_with(label, function, name, bad)
            except (ValueError, TypeError) as error:
                if not re.search(rf"\b{name}\b", str(error)):
                    wrong.append(f"{label}({name}={what}): {type(error).__name__}: {error}")
                elif not isinstance(error, ArgumentError | DataArgumentError):
                    wrong.append(f"{label}({name}={what}): plain {type(error).__name__}: {error}")
                elif error.argument != name:
                    wrong.append(f"{label}({name}={what}): .argument is {error.argument}")
            except Exception as error:
                wrong.append(f"{label}({name}={what}): {type(error).__name__}: {error}")
            else:
                accepted.append(f"{label}({name}={what})")
    assert not accepted + wrong, "\n".join([f"{len(accepted)} accepted", *accepted, *wrong])


def test_progress_may_be_true_wherever_it_is():
    taken = [
        (label, function)
        for label, function in functions().items()
        if "progress" in inspect.signature(function).parameters
    ]
    assert len(taken) >= 5
    for label, function in taken:
        calls_with(label, function, "progress", True)


def test_a_value_that_is_not_checked_would_be_found():
    def lenient(model, samples=40):
        return model

    def vague(model):
        raise ValueError("something is wrong")

    assert calls_with("lenient", lenient, "model", BAD["object"]) is BAD["object"]
    with pytest.raises(ValueError, match="something") as found:
        calls_with("vague", vague, "model", BAD["object"])
    assert not isinstance(found.value, ArgumentError)
