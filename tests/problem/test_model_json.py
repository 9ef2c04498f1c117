"""Model files: bit-exact, all or nothing, and every damage named."""

import json
import math
import os
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moetheory import BlockModel
from moetheory.common.errors import ArgumentError, OutOfRangeError
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
NOISY = AWKWARD.replace(
    noise_variance=[math.pi * 1e30, 1.0 / 3.0 * 1e26, 0.0, 1e40],
    interference_variances=[0.1 + 0.2, 0.0, 2.2250738585072014e-38, math.e * 1e39],
)
ROTATED = BlockModel.from_covariances(
    [[[2.0, 1.0], [1.0, 3.0]], [[0.1]]], [[1.0, 0.3], [math.pi]], 0.1
)


def bits(model):
    rotations = None if model.rotations is None else [r.tobytes() for r in model.rotations]
    vectors = [model.group_probabilities, model.block_of, model.signal_variances]
    vectors += [model.coefficients, model.leakage_variances, model.interference_variances]
    vectors += [np.asarray(model.noise_variance), np.asarray(model.label_noise_variance)]
    return [(vector.shape, vector.tobytes()) for vector in vectors], rotations


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "modèle.json"
    ROTATED.to_json(file)
    return file


def refusal(path):
    """The message with which a file is refused: it names the file and has one line."""
    with pytest.raises(ValueError, match=r"\A[^\n]*\Z") as error:
        BlockModel.from_json(path)
    assert str(error.value).startswith(repr(str(path)))
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 600
    return str(error.value)


@pytest.mark.parametrize("model", [AWKWARD, NOISY, ROTATED], ids=["awkward", "noisy", "rotated"])
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


def test_a_file_holds_a_noise_variance_as_it_is_and_interference_in_full(path):
    document = json.loads(path.read_text())
    assert (document["schema"], document["noise_variance"]) == (2, 0.1)
    assert document["interference_variances"] == [0.0] * 3
    NOISY.to_json(path)
    document = json.loads(path.read_text())
    assert document["noise_variance"] == NOISY.noise_variance.tolist()
    assert document["interference_variances"] == NOISY.interference_variances.tolist()


def test_files_of_the_first_schema_are_read(path):
    """They know no interference, and their noise has one variance."""
    document = json.loads(path.read_text())
    first = {k: v for k, v in document.items() if k != "interference_variances"} | {"schema": 1}
    path.write_text(json.dumps(first))
    assert bits(BlockModel.from_json(path)) == bits(ROTATED)
    path.write_text(json.dumps(document | {"schema": 1}))
    assert "unknown: interference_variances" in refusal(path)
    path.write_text(json.dumps(first | {"schema": 2}))
    assert refusal(path).endswith("; missing: interference_variances")


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
        (b"\xff\xfe\x00", "must be a JSON file in UTF-8, got another encoding"),
        ("{}".encode("utf-16"), "must be a JSON file in UTF-8, got another encoding"),
        ("{}".encode("utf-32"), "must be a JSON file in UTF-8, got another encoding"),
        (b'{"\xe9": 1}', "must be a JSON file in UTF-8: invalid continuation byte"),
        (b"[" * 100_000, "must not be nested so deeply"),
        (b'{"a":' * 100_000, "must not be nested so deeply"),
        (b"\0" * 1000, "must be a complete JSON file"),
        (b"1" * 5000, "must be a complete JSON file"),
        (b'{"a": 1, "b": {"c": 1, "c": 1}}', "must have each key once, got 'c' twice"),
        (b'{"\\u001b[31m": 1}', "unknown: '\\x1b[31m'"),
        (str({"x" * 9000: 1}).replace("'", '"').encode(), "unknown: 'xxxx"),
        (
            str({f"k{i}": i for i in range(99)}).replace("'", '"').encode(),
            "k14, k15, … (99 in all)",
        ),
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
        (
            {"format": "another"},
            "must be a moetheory.BlockModel of schema 1 to 2, got ('another', 2)",
        ),
        ({"schema": 3}, "must be a moetheory.BlockModel of schema 1 to 2, got ('moetheory.Bl"),
        ({"schema": 0}, "of schema 1 to 2, got ('moetheory.BlockModel', 0)"),
        ({"schema": True}, "of schema 1 to 2, got ('moetheory.BlockModel', True)"),
        ({"schema": 2.0}, "of schema 1 to 2, got ('moetheory.BlockModel', 2.0)"),
        ({"schema": "2"}, "of schema 1 to 2, got ('moetheory.BlockModel', '2')"),
        ({"schema": [2] * 5000}, "of schema 1 to 2, got ('moeth"),
        ({"coefficients": [1, True, 2]}, "coefficients must hold numbers, got True at index 1"),
        ({"coefficients": [1, None, 2]}, "coefficients must hold numbers, got None at index 1"),
        # as an array, each would be as long as the longest
        (
            {"coefficients": ["x" * 10**6] + [""] * 10**5},
            "coefficients must hold numbers, got 'xxx",
        ),
        ({"rotations": [[[1, 0], [0, "1"]], [[1]]]}, "rotations[0][1] must hold numbers, got '1'"),
        ({"rotations": [[[[1]]]]}, "rotations[0][0] must hold numbers, got [1] at index 0"),
        ({"block_of": [0, 10**30, 1]}, "block_of must hold integers"),
        ({"noise_variance": 10**400}, "noise_variance must be finite"),
        ({"noise_variance": [1.0, 2.0]}, "noise_variance must have shape (3,), got (2,)"),
        ({"noise_variance": [1, "2", 3]}, "noise_variance must hold numbers, got '2' at index 1"),
        ({"noise_variance": [1, -2, 3]}, "noise_variance must be at least 0, got -2 at index 1"),
        ({"interference_variances": [1, 2]}, "interference_variances must have shape (3,), got (2"),
        ({"interference_variances": -1}, "interference_variances must be at least 0, got -1"),
        ({"noise_variance": True}, "noise_variance must be a real number, got True"),
        ({"noise_variance": {"a": 1}}, "noise_variance must be a real number, got {'a': 1}"),
        ({"coefficients": [1, 1e300, 2]}, "coefficients must be 0 or between 1e-40 and 1e+40"),
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


def test_a_refused_field_is_an_error_of_its_kind(path):
    """As if the constructor had been called, with the file before the message."""
    for change, kind in (
        ({"coefficients": [1, 1e300, 2]}, OutOfRangeError),
        ({"noise_variance": "1"}, TypeError),
        ({"noise_variance": -1}, ArgumentError),
    ):
        path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
        with pytest.raises(kind) as error:
            BlockModel.from_json(path)
        assert error.value.argument == next(iter(change))
        assert str(error.value).startswith(f"{str(path)!r}: {next(iter(change))} must be")
        ROTATED.to_json(path)


def test_a_byte_order_mark_is_read(path):
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert bits(BlockModel.from_json(path)) == bits(ROTATED)


def test_a_key_that_is_there_twice_is_refused(path):
    path.write_text(path.read_text().replace('"schema": 2', '"schema": 2, "noise_variance": 7'))
    assert "must have each key once, got 'noise_variance' twice" in refusal(path)


def test_a_file_that_is_too_large_is_refused_before_it_is_read(path, monkeypatch):
    monkeypatch.setattr(model_json, "LARGEST", path.stat().st_size)
    assert BlockModel.from_json(path) == ROTATED
    with path.open("ab") as file:
        file.truncate(path.stat().st_size + 10**12)  # takes no room
    assert refusal(path).endswith(f" bytes, got {path.stat().st_size}")


def test_only_regular_files_are_read(tmp_path):
    pipe, link, zero = (tmp_path / name for name in ("pipe", "link", "zero"))
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    zero.symlink_to("/dev/zero")
    assert refusal(pipe).endswith("must be a regular file, got a pipe")
    assert refusal(link).endswith("must be a regular file, got a pipe")
    assert refusal(zero).endswith("must be a regular file, got a device or a socket")
    assert refusal("/dev/zero").endswith("must be a regular file, got a device or a socket")
    for a, b in ("ab", "ba"):
        (tmp_path / a).symlink_to(tmp_path / b)
    with pytest.raises(OSError, match=tmp_path.name):
        BlockModel.from_json(tmp_path / "a")
    with pytest.raises(OSError, match=tmp_path.name):
        ROTATED.to_json(tmp_path / "a")


def test_a_name_that_becomes_a_pipe_in_between_is_refused(path, monkeypatch):
    os.mkfifo(path.with_name("pipe"))
    look = type(path).stat

    def looks_and_then_it_changes(self, **how):
        seen = look(self, **how)
        path.with_name("pipe").replace(path)
        return seen

    monkeypatch.setattr(type(path), "stat", looks_and_then_it_changes)
    assert refusal(path).endswith("must be a regular file, got a pipe")


@pytest.mark.parametrize("wrong", [1, None, True, b"m.json", ["m.json"], object(), "", "a\0b"])
def test_what_is_no_path_is_refused(wrong):
    for call in (BlockModel.from_json, ROTATED.to_json):
        with pytest.raises(ArgumentError, match=r"\Apath must be") as error:
            call(wrong)
        assert error.value.argument == "path"


def test_flipped_bits_give_a_model_or_an_error(path):
    whole, chance, refused = path.read_bytes(), random.Random(0), []
    for _ in range(300):
        content = bytearray(whole)
        content[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        path.write_bytes(content)
        try:
            BlockModel.from_json(path)
        except ValueError as error:
            refused.append(str(error))
    assert len(refused) > 100
    assert all(message.startswith(repr(str(path))) for message in refused)
    assert all(message.isprintable() for message in refused)


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
