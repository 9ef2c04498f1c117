"""Model files: bit-exact, all or nothing, and every damage named."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moetheory import BlockModel
from moetheory.problem import model_json
from moetheory.strategies import block_models

AWKWARD = BlockModel(
    [0.1, 0.2, 0.7],
    [2, 0, 1, 0],
    [0.1, 1e-40, 1e40, math.pi],
    [1 / 3, -1e-40, -1e40, math.e],
    math.pi * 1e30,
    leakage_variances=[0.0, 0.1 + 0.2, 1.7976931348623157e38, 2.2250738585072014e-38],
    label_noise_variance=1e-80,
)
ROTATED = BlockModel.from_covariances(
    [[[2.0, 1.0], [1.0, 3.0]], [[0.1]]], [[1.0, 0.3], [math.pi]], 0.1
)


def bits(model):
    rotations = None if model.rotations is None else [r.tobytes() for r in model.rotations]
    vectors = [model.group_probabilities, model.block_of, model.signal_variances]
    vectors += [model.coefficients, model.leakage_variances]
    numbers = [model.noise_variance.hex(), model.label_noise_variance.hex()]
    return [vector.tobytes() for vector in vectors], numbers, rotations


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "modèle.json"
    ROTATED.to_json(file)
    return file


def refusal(path):
    """The message with which a file is refused: it names the file and has one line."""
    with pytest.raises(ValueError, match=r"\A[^\n]*\Z") as error:
        BlockModel.from_json(path)
    assert str(error.value).startswith(str(path))
    return str(error.value)


@pytest.mark.parametrize("model", [AWKWARD, ROTATED], ids=["awkward", "rotated"])
@pytest.mark.parametrize("kind", [str, lambda path: path], ids=["str", "Path"])
def test_the_way_there_and_back_keeps_every_bit(tmp_path, model, kind):
    place = kind(tmp_path / "model.json")
    model.to_json(place)
    back = BlockModel.from_json(place)
    assert bits(back) == bits(model)
    assert back == model
    assert hash(back) == hash(model)


noises = st.floats(1e-6, 1e6)  # whatever the signal of the models drawn
label_noises = st.floats(1e-80, 1e80)


@given(model=block_models(noiseless=True), noise=noises, label_noise=label_noises)
def test_the_way_there_and_back_keeps_every_bit_of_any_model(
    tmp_path_factory, model, noise, label_noise
):
    file = tmp_path_factory.getbasetemp() / "any.json"
    for variant in (model, model.replace(noise_variance=noise, label_noise_variance=label_noise)):
        variant.to_json(file)
        assert bits(BlockModel.from_json(file)) == bits(variant)


def test_a_truncated_file_is_refused_wherever_it_ends(path):
    whole = path.read_bytes()
    assert whole.endswith(b"}\n")
    for end in range(len(whole) - 1):
        path.write_bytes(whole[:end])
        assert "must be a complete JSON file" in refusal(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[1, 2]", "must hold a JSON object, got a list"),
        (b"null", "must hold a JSON object, got a NoneType"),
        (b'"model"', "must hold a JSON object, got a str"),
        (b"\xff\xfe\x00", "must be a complete JSON file"),
        (b"{} {}", "must be a complete JSON file"),
        (b"{}", "missing: block_of, coefficients, format, group_probabilities"),
    ],
)
def test_a_file_of_something_else_is_refused(path, content, message):
    path.write_bytes(content)
    assert message in refusal(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"extra": 1, "dim": 3}, "unknown: dim, extra"),
        ({"format": "another"}, "must be a moetheory.BlockModel of schema 1, got ('another', 1)"),
        ({"schema": 2}, "must be a moetheory.BlockModel of schema 1, got ('moetheory.BlockM"),
        ({"noise_variance": math.nan}, "noise_variance must be finite, got nan"),
        ({"coefficients": [1, math.inf, 2]}, "coefficients must be finite, got inf at index 1"),
        ({"noise_variance": "0.1"}, "noise_variance must be a real number, got '0.1'"),
        ({"group_probabilities": [0.5, 0.4]}, "group_probabilities must sum to 1, got 0.9"),
        ({"block_of": [0, 0, 2]}, "block_of must lie in 0..1"),
        ({"rotations": [[[1.0, 0.0], [0.0, 1.0]]]}, "rotations must hold one matrix per expert"),
        ({"rotations": 5}, ": "),
    ],
)
def test_a_changed_key_is_refused(path, change, message):
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    assert message in refusal(path)


@pytest.mark.parametrize("key", ["format", "schema", "rotations", "noise_variance"])
def test_a_missing_key_is_refused(path, key):
    document = json.loads(path.read_text())
    del document[key]
    path.write_text(json.dumps(document))
    assert refusal(path).endswith(f"; missing: {key}")


def test_a_failed_write_leaves_the_old_file_and_nothing_else(path, monkeypatch):
    def fails_midway(document, file, **options):
        file.write('{"format": "moeth')
        raise OSError("disk full")

    before = path.read_bytes()
    monkeypatch.setattr(model_json.json, "dump", fails_midway)
    with pytest.raises(OSError, match="disk full"):
        AWKWARD.to_json(path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_what_json_cannot_hold_is_never_written(path):
    before = path.read_bytes()
    with pytest.raises(ValueError, match="not JSON compliant"):
        model_json.write(path, {"noise_variance": 1.0, "coefficients": np.array([1.0, np.nan])})
    assert path.read_bytes() == before


def test_a_second_write_replaces_the_first(path):
    AWKWARD.to_json(path)
    assert BlockModel.from_json(path) == AWKWARD
    assert list(path.parent.iterdir()) == [path]


def test_a_file_that_cannot_be_read_or_written_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.json"):
        BlockModel.from_json(tmp_path / "none.json")
    with pytest.raises(OSError, match="nowhere"):
        ROTATED.to_json(tmp_path / "nowhere" / "model.json")
    with pytest.raises(OSError, match=tmp_path.name):
        ROTATED.to_json(tmp_path)
    assert list(tmp_path.iterdir()) == []
