"""A checkpoint file is read whole and right, or not at all."""

import copy
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from moetheory.simulation.methods.tally import Tally
from moetheory.simulation.runs import checkpoint_file
from moetheory.simulation.runs.checkpoint_file import FORMAT, read, write

IDENTITY = {"entropy": 2**130 + 1, "samples": [3, 4]}
DAMAGED = (
    r"run\.npz is not a checkpoint of moetheory, or is damaged: name another file, or delete "
    r"this one$"
)


def tally(seed, kept=0):
    rng = np.random.default_rng(seed)
    return Tally(
        5,
        rng.standard_normal(2),
        rng.standard_normal((2, 2)),
        rng.integers(0, 9, 3),
        rng.standard_normal((2, 3)),
        rng.standard_normal((2, kept)),
        rng.standard_normal(2),
    )


CHUNKS = {"dense": {0: tally(0), 7: tally(1, 5)}, "experts": {3: tally(2)}}


def bits(saved):
    return saved.identity, {
        family: {i: {k: np.asarray(v).tobytes() for k, v in vars(t).items()} for i, t in ts.items()}
        for family, ts in saved.chunks.items()
    }


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "run.npz"
    write(path, IDENTITY, CHUNKS)
    return path


def refused(path, match=DAMAGED):
    with pytest.raises(ValueError, match=match):
        read(path)


def test_truncated_files_are_refused(path):
    whole = path.read_bytes()
    for length in [*range(0, len(whole), 97), len(whole) - 1]:
        path.write_bytes(whole[:length])
        refused(path)


def test_a_flipped_bit_is_noticed_or_changes_nothing(path):
    whole, right = path.read_bytes(), bits(read(path))
    noticed = 0
    for place in range(0, len(whole), 7):
        changed = bytearray(whole)
        changed[place] ^= 1 << place % 8
        path.write_bytes(changed)
        try:
            assert bits(read(path)) == right
        except ValueError:
            noticed += 1
    assert noticed > len(whole) / 14


def test_another_member_with_a_right_checksum_is_noticed(path):
    """The checksums of an archive are of its members alone, and are no secret."""
    arrays = dict(np.load(path))
    np.savez(path, **arrays)
    read(path)
    for name in arrays:
        changed = copy.deepcopy(arrays)
        if not changed[name].size:
            continue
        changed[name].reshape(-1).view(np.uint8)[0] ^= 1
        np.savez(path, **changed)
        refused(path)
    swapped = arrays | {"0/means": arrays["0/means"][::-1]}
    np.savez(path, **swapped)
    refused(path)


def signed(path, **changes):
    """Write the archive with changed arrays and a digest of them, as only malice would."""
    arrays = dict(np.load(path)) | changes
    del arrays["digest"]
    digest = np.frombuffer(checkpoint_file._digest(arrays), np.uint8)
    np.savez(path, **arrays, digest=digest)


def header(**changes):
    content = {"format": FORMAT, "identity": IDENTITY, "families": ["dense", "experts"]} | changes
    return np.frombuffer(json.dumps(content).encode(), np.uint8)


def test_what_is_signed_is_read(path):
    before = bits(read(path))
    signed(path, header=header())
    assert bits(read(path)) == before


@pytest.mark.parametrize(
    "changes",
    [
        {"header": np.frombuffer(b"[]", np.uint8)},
        {"header": np.frombuffer(b"{}", np.uint8)},
        {"header": np.frombuffer(b"[" * 100_000, np.uint8)},
        {"header": np.zeros(20, np.uint8)},
        {"header": np.array(3.0)},
        {"header": header(format=3)},
        {"header": header(format="moetheory checkpoint 3\n")},
        {"header": header(identity=[1, 2])},
        {"header": header(identity=None)},
        {"header": header(identity={"entropy": "x"})},
        {"header": header(identity={"entropy": -1})},
        {"header": header(identity={"entropy": True})},
        {"header": header(identity={"entropy": [1]})},
        {"header": header(families={"dense": 0, "experts": 1})},
        {"header": header(families=["dense", 3])},
        {"header": header(families=["dense", "dense"])},
        {"header": header(families=["dense"])},
        {"header": header(families=["dense", "experts", "more"])},
        {"more": np.zeros(3)},
        {"0/index": np.array([0, 0])},
        {"0/index": np.array([0, -1])},
        {"0/index": np.array([0.0, 7.0])},
        {"0/index": np.array([[0], [7]])},
        {"0/index": np.array([0, 7, 8])},
        {"0/index": np.array(3)},
        {"0/replicates": np.array([5, 0])},
        {"0/replicates": np.array([5, 2**62])},
        {"0/kept": np.array([0, 9])},
        {"0/kept": np.array([0, -10])},
        {"0/kept": np.array([4, 6])},
        {"0/kept": np.array([2**62, 2**62])},
        {"0/means": np.zeros((2, 3))},
        {"0/means": np.zeros((2, 2), np.float32)},
        {"0/means": np.zeros((2, 2), complex)},
        {"0/means": np.zeros((2, 2), ">f8")},
        {"0/means": np.asfortranarray(np.zeros((2, 2)))},
        {"0/means": np.zeros((2, 0))},
        {"0/means": np.zeros(2)},
        {"0/comoments": np.zeros((2, 4))},
        {"0/group_counts": np.zeros((2, 3))},
        {"0/group_counts": np.full((2, 3), -1)},
        {"0/group_means": np.zeros((2, 3, 2))},
        {"0/values": np.zeros(11)},
        {"0/values": np.zeros((2, 5))},
        {"0/values": np.array(["x"] * 10)},
    ],
)
def test_arrays_that_make_no_checkpoint_are_refused(path, changes):
    signed(path, **changes)
    refused(path)


@pytest.mark.parametrize("content", [{"x": 1.0}, {"header": 2}, {"header": np.uint8([123, 125])}])
def test_archives_of_others_are_refused(path, content):
    np.savez(path, **content)
    refused(path)


def test_pickles_are_not_read(path):
    class Evil:
        def __reduce__(self):
            return Path.touch, (path.parent / "evil",)

    np.savez(path, header=np.array([Evil()], dtype=object))
    refused(path)
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("number", [1, 2, 4, 99])
def test_other_formats_are_refused_by_name(path, number):
    signed(path, header=header(format=f"moetheory checkpoint {number}"))
    refused(
        path,
        rf"run\.npz is a checkpoint of another version of moetheory, in the format 'moetheory "
        rf"checkpoint {number}', not 'moetheory checkpoint 3': name another file, or delete this "
        "one$",
    )


def rewritten(path, change, compression=zipfile.ZIP_STORED):
    """Write the archive anew, the bytes of each member after ``change``."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, change(name, content))


def test_compressed_members_are_refused(path):
    rewritten(path, lambda _, content: content, zipfile.ZIP_DEFLATED)
    refused(path)


def bomb(name, content):
    """Eight gigabytes of zeros in words, and little behind them."""
    if name != "0/values.npy":
        return content
    file = io.BytesIO()
    shape = {"descr": "<f8", "fortran_order": False, "shape": (2**30,)}
    np.lib.format.write_array_header_1_0(file, shape)
    return file.getvalue() + bytes(80)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_bomb_takes_no_memory(path, monkeypatch, compression):
    rewritten(path, bomb, compression)

    def no_more(self, size=-1):
        assert 0 <= size < 10**6
        return read_some(self, size)

    read_some = zipfile.ZipExtFile.read
    monkeypatch.setattr(zipfile.ZipExtFile, "read", no_more)
    refused(path)


@pytest.mark.parametrize("shape", ["(True,)", "(-1,)", "(2.0, 2)", "(1e3,)", "()", "(2,)*9999"])
def test_absurd_shapes_are_refused(path, shape):
    def absurd(name, content):
        if name != "0/means.npy":
            return content
        text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
        return b"\x93NUMPY\1\0" + len(text).to_bytes(2, "little") + text.encode() + bytes(32)

    rewritten(path, absurd)
    refused(path)


def test_something_behind_an_array_is_noticed(path):
    rewritten(path, lambda name, content: content + b"\0" * (name == "1/means.npy"))
    refused(path)


def test_memory_that_is_short_is_no_damage(path, monkeypatch):
    def short(*_):
        raise MemoryError

    monkeypatch.setattr(checkpoint_file, "_unpacked", short)
    with pytest.raises(MemoryError):
        read(path)


def test_the_header_alone_can_be_read(path, monkeypatch):
    monkeypatch.setattr(checkpoint_file, "_unpacked", None)
    assert read(path, chunks=False) == (IDENTITY, {})
