"""Finished chunks come back bit for bit, and nothing is lost or taken for something else."""

import errno
import itertools
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import moetheory as mt
from moetheory.common.errors import ArgumentError, CheckpointWarning
from moetheory.simulation.methods.tally import Tally
from moetheory.simulation.runs import checkpoint as module
from moetheory.simulation.runs import checkpoint_file
from moetheory.simulation.runs.checkpoint import Checkpoint, merge_checkpoints

IDENTITY = {
    "moetheory": "1.0",
    "entropy": 2**130 + 1,
    "model": {"noise_variance": 0.1, "block_of": [0, 0, 1]},
    "samples": None,
}
ODD = np.array([-0.0, np.nan, np.inf, 5e-324, 1 / 3, -1e308])


def make(seed, replicates=5, estimators=2, groups=3, *, keep=False):
    rng = np.random.default_rng(seed)

    def floats(*shape):
        values = rng.standard_normal(shape)
        return np.where(rng.random(shape) < 0.2, rng.choice(ODD, shape), values)

    return Tally(
        replicates,
        floats(estimators),
        floats(estimators, estimators),
        rng.integers(0, 2**62, groups),
        floats(estimators, groups),
        floats(estimators, replicates if keep else 0),
        floats(estimators),
    )


def bits(tally):
    return {
        name: (type(value), getattr(value, "shape", ()), np.asarray(value).tobytes())
        for name, value in vars(tally).items()
    }


def same(found, expected):
    return {i: bits(tally) for i, tally in found.items()} == {
        i: bits(tally) for i, tally in expected.items()
    }


def written(path, *, identity=IDENTITY, **families):
    with Checkpoint.open(path, identity) as checkpoint:
        for family, tallies in families.items():
            for index, tally in tallies.items():
                checkpoint.add(family, index, tally)
    return path


def state(path):
    return path.read_bytes(), path.stat().st_mtime_ns, sorted(path.parent.iterdir())


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.npz"


# the round trip


def test_chunks_come_back_bit_for_bit(path):
    dense = {index: make(index) for index in (0, 7, 3)}
    dense[100] = make(100, replicates=2)
    experts = {0: make(8, 4, 1, 6, keep=True), 1: make(9, 1, 1, 6, keep=True)}
    written(path, dense=dense, experts=experts)
    again = Checkpoint.open(path, IDENTITY)
    assert same(again.finished("dense"), dense)
    assert same(again.finished("experts"), experts)
    assert again.finished("other") == {}
    assert all(type(tally.replicates) is int for tally in again.finished("dense").values())


def test_a_resumed_run_adds_to_what_is_there(path):
    tallies = {index: make(index) for index in range(4)}
    written(path, dense={0: tallies[0], 2: tallies[2]})
    written(path, dense={1: tallies[1], 3: tallies[3]})
    assert same(Checkpoint.open(path, IDENTITY).finished("dense"), tallies)


def test_a_shorter_run_does_not_take_from_a_longer_one(path, tmp_path):
    """The last chunk of a shorter run is smaller; the file keeps the tally with more replicates."""
    long, short = make(1, replicates=5), make(2, replicates=3)
    written(path, dense={0: long})
    written(path, dense={0: short})
    other = written(tmp_path / "other.npz", dense={0: short})
    for parts in ([path, other], [other, path]):
        into = tmp_path / "into.npz"
        into.unlink(missing_ok=True)
        merge_checkpoints(parts, into)
        assert same(Checkpoint.open(into, IDENTITY).finished("dense"), {0: long})


def test_what_is_finished_is_a_copy(path):
    checkpoint = Checkpoint.open(path, IDENTITY)
    checkpoint.finished("dense")[0] = make(0)
    checkpoint.add("dense", 1, make(1))
    checkpoint.finished("dense").clear()
    assert list(checkpoint.finished("dense")) == [1]


def test_it_can_be_read_without_this_package(path):
    tallies = {index: make(index, keep=True) for index in range(3)}
    written(path, dense=tallies)
    with np.load(path, allow_pickle=False) as archive:
        means = archive["0/means"]
    np.testing.assert_array_equal(means, [tally.means for tally in tallies.values()])


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_what_was_finished_is_saved_whatever_ends_the_run(path, error):
    def run():
        with Checkpoint.open(path, IDENTITY) as checkpoint:
            checkpoint.add("dense", 0, make(0))
            checkpoint.add("dense", 1, make(1))
            raise error

    with pytest.raises(error):
        run()
    assert same(Checkpoint.open(path, IDENTITY).finished("dense"), {0: make(0), 1: make(1)})


# when it saves


@pytest.fixture
def clock(monkeypatch):
    """Time that passes only when told, and in saving: half a second each."""

    class Clock:
        now, saves = 1000.0, 0

        def monotonic(self):
            return self.now

    clock, write = Clock(), module.write

    def slow(*arguments):
        clock.now += 0.5
        clock.saves += 1
        write(*arguments)

    monkeypatch.setattr(module, "time", clock)
    monkeypatch.setattr(module, "write", slow)
    return clock


def test_saving_takes_a_twentieth_of_the_time(path, clock):
    checkpoint = Checkpoint.open(path, IDENTITY)
    start, before = clock.now, clock.saves
    for index in range(2000):
        clock.now += 0.1
        checkpoint.add("dense", index, make(0))
    spent = 0.5 * (clock.saves - before)
    assert 0.04 < spent / (clock.now - start) < 0.05


def test_nothing_new_nothing_written(path, clock):
    with Checkpoint.open(path, IDENTITY) as checkpoint:
        checkpoint.add("dense", 0, make(0))
    saves = clock.saves
    checkpoint.save()
    assert clock.saves == saves


# what is no checkpoint, or another


def refused(path, match, identity=IDENTITY):
    before = state(path)
    with pytest.raises(ValueError, match=match) as caught:
        Checkpoint.open(path, identity)
    assert str(path) in str(caught.value)
    assert state(path) == before


DAMAGED = r"is not a checkpoint of moetheory, or is damaged: name another file, or delete this one$"


@pytest.mark.parametrize("content", [b"\0" * 100, b"PK\3\4" * 50, b'{"a": 1}', b"\x93NUMPY\1\0"])
def test_other_files_are_refused(path, content):
    path.write_bytes(content)
    refused(path, DAMAGED)
    with pytest.raises(ValueError, match=DAMAGED):
        Checkpoint.entropy_in(path)


def test_another_version_of_the_format_is_refused(path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint_file, "FORMAT", "moetheory checkpoint 2")
        written(path, dense={0: make(0)})
    refused(
        path,
        "is a checkpoint of another version of moetheory, in the format 'moetheory checkpoint 2', "
        "not 'moetheory checkpoint 3': name another file, or delete this one$",
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"entropy": 5}, f"entropy is {2**130 + 1}, not 5; name another"),
        ({"samples": [3, 4]}, "samples is null, not "),
        ({"new": "x"}, 'new is absent, not "x"'),
        (
            {"moetheory": "2.0", "samples": 1},
            'moetheory is "1.0", not "2.0"; samples is null, not 1',
        ),
        (dict.fromkeys(IDENTITY, 0) | {"new": 0}, "not 0 and 2 more; name another"),
        ({"model": {"noise_variance": 0.1, "block_of": [0, 0, 2]}}, "model is "),
    ],
)
def test_the_checkpoint_of_another_run_is_refused(path, change, said):
    written(path, dense={0: make(0)})
    refused(
        path,
        "is the checkpoint of another run: .*name another file, or delete this one$",
        IDENTITY | change,
    )
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - what it says is looked for below
        Checkpoint.open(path, IDENTITY | change)
    assert said in str(caught.value)


def test_long_values_are_shown_where_they_differ(path):
    written(path, identity={"model": list(range(1000))})
    other = [*range(900), -1, *range(901, 1000)]
    refused(path, "model is ….* 899, 900, 901.*…, not ….* 899, -1, 901.*…;", {"model": other})


def test_equal_as_json_is_equal(path):
    written(path, identity={"a": (1, 2), "b": {"x": 1, "y": 0.1}})
    Checkpoint.open(path, {"b": {"y": 0.1, "x": 1}, "a": [1, 2]})


def test_the_entropy_of_a_run_to_be_resumed(path):
    assert Checkpoint.entropy_in(path) is None
    written(path)
    assert Checkpoint.entropy_in(path) == 2**130 + 1
    assert Checkpoint.entropy_in(str(path)) == 2**130 + 1


# where nothing can be written


@pytest.mark.parametrize("place", ["missing/run.npz", "folder", "file/run.npz", "x" * 250])
def test_what_cannot_be_written_is_an_error_at_once(tmp_path, place):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(OSError, match=place):
        Checkpoint.open(tmp_path / place, IDENTITY)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX pipes")
def test_a_pipe_is_refused_and_not_waited_for(path):
    os.mkfifo(path)
    with pytest.raises((OSError, ValueError), match=r"must be a regular file|directory"):
        Checkpoint.open(path, IDENTITY)


def test_an_empty_checkpoint_is_there_from_the_start(path):
    Checkpoint.open(path, IDENTITY)
    assert Checkpoint.open(path, IDENTITY).finished("dense") == {}


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX devices")
@pytest.mark.parametrize("kind", ["circle", "device", "folder"])
def test_what_is_no_file_is_refused(path, kind):
    if kind == "folder":
        path.mkdir()
    else:
        path.symlink_to({"circle": path, "device": "/dev/zero"}[kind])
    for use in (
        lambda: Checkpoint.open(path, IDENTITY),
        lambda: Checkpoint.entropy_in(path),
        lambda: merge_checkpoints([path], path.parent / "into.npz"),
        lambda: merge_checkpoints([written(path.parent / "part.npz")], path),
    ):
        with pytest.raises((OSError, ValueError), match=r"run\.npz"):
            use()
    left = {path, path.parent / "part.npz"}
    assert set(path.parent.iterdir()) == left
    assert not Path("/dev/.zero.lock").exists()


def broken(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_save_that_fails_warns_once_and_the_run_goes_on(path, clock, monkeypatch):
    def add(indices):
        for index in indices:
            clock.now += 10.0
            checkpoint.add("dense", index, make(index))

    with Checkpoint.open(path, IDENTITY) as checkpoint:
        with monkeypatch.context() as patch:
            patch.setattr(checkpoint_file, "replacing_bytes", broken)
            with pytest.warns(CheckpointWarning, match="try again") as warned:
                add(range(100))
        add([100])
    (warning,) = warned
    assert str(warning.message) == (
        f"the checkpoint {path} could not be saved (No space left on device): "
        "the run goes on and will try again"
    )
    found = Checkpoint.open(path, IDENTITY).finished("dense")
    assert same(found, {index: make(index) for index in range(101)})


@pytest.mark.parametrize("error", [None, KeyboardInterrupt])
def test_when_the_last_save_fails_the_run_ends_as_it_would(path, monkeypatch, error):
    def run():
        with Checkpoint.open(path, IDENTITY) as checkpoint:
            checkpoint.add("dense", 0, make(0))
            checkpoint.save()
            monkeypatch.setattr(checkpoint_file, "replacing_bytes", broken)
            checkpoint.add("dense", 1, make(1))
            if error is not None:
                raise error
            return "result"

    def ended():
        try:
            return run()
        except KeyboardInterrupt:
            return "interrupted"

    with pytest.warns(CheckpointWarning, match="No space left.*: it lacks the last chunks of this"):
        end = ended()
    assert end == ("result" if error is None else "interrupted")
    monkeypatch.undo()
    assert same(Checkpoint.open(path, IDENTITY).finished("dense"), {0: make(0)})


def test_a_finished_simulation_is_not_lost_to_a_full_disk(generic, path, monkeypatch):
    def simulated(**options):
        return mt.simulate(mt.MoE(), generic(), samples=60, replicates=50, rng=0, **options)

    saves, write = itertools.count(), module.write
    monkeypatch.setattr(module, "write", lambda *a: broken() if next(saves) else write(*a))
    with pytest.warns(CheckpointWarning):
        estimate = simulated(checkpoint=path)
    assert estimate.mean == simulated().mean
    monkeypatch.undo()
    assert simulated(checkpoint=path).mean == estimate.mean


# two runs


def test_a_second_run_is_refused_and_the_first_goes_on(path):
    with Checkpoint.open(path, IDENTITY) as first:
        first.add("dense", 0, make(0))
        before = state(path)
        for use in (
            lambda: Checkpoint.open(path, IDENTITY),
            lambda: merge_checkpoints([path], path),
        ):
            with pytest.raises(BlockingIOError, match=r"run\.npz is in use by another run, this "):
                use()
        assert state(path) == before
        first.add("dense", 1, make(1))
    assert same(Checkpoint.open(path, IDENTITY).finished("dense"), {0: make(0), 1: make(1)})


@pytest.mark.parametrize("wrong", ["identity", "file"])
def test_a_run_that_is_refused_leaves_no_lock(path, wrong):
    if wrong == "file":
        path.write_text("no")
    else:
        written(path)
    for _ in range(2):
        with pytest.raises(ValueError, match="another file"):
            Checkpoint.open(path, {"entropy": 1})
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_does_not_write(path):
    with Checkpoint.open(path, IDENTITY) as checkpoint:
        checkpoint.add("dense", 0, make(0))
        checkpoint.save()
        before = state(path)
        child = os.fork()
        if child == 0:
            checkpoint.add("dense", 1, make(1))
            checkpoint.save()
            checkpoint.__exit__(None, None, None)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert state(path) == before
    assert list(Checkpoint.open(path, IDENTITY).finished("dense")) == [0]


# kill -9

SAVING = """
import itertools, os, signal, sys
import numpy as np
from moetheory.simulation.runs import checkpoint as module
from moetheory.simulation.runs import checkpoint_file
from moetheory.simulation.methods.tally import Tally

module.PAUSE, module.SHARE = 0.0, 1e9  # saves with every chunk
opened = module.Checkpoint.open(sys.argv[1], {"entropy": 1})
start = len(opened.finished("dense"))
print(start, flush=True)
if sys.argv[2] == "midway":
    os.fsync = lambda file: os.kill(os.getpid(), signal.SIGKILL)
for index in itertools.count(start):
    one, values = np.full((1, 1), float(index)), np.full((1, 20_000), float(index))
    count = np.full(1, index)
    opened.add("dense", index, Tally(20_000, one[0], one, count, one, values, one[0]))
    print(index + 1, flush=True)
"""


def killed(path, when):
    """Start a process that saves, kill it, and return how far it came."""
    with subprocess.Popen(
        [sys.executable, "-c", SAVING, path, when], stdout=subprocess.PIPE, text=True
    ) as process:
        if when == "midway":
            lines = process.stdout.readlines()
        else:
            lines = [process.stdout.readline() for _ in range(int(when))]
            process.kill()
            lines += process.stdout.readlines()
    assert process.returncode == -signal.SIGKILL
    return [int(line) for line in lines]


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_a_killed_run_leaves_a_whole_file_and_no_litter(path):
    done = 0
    for when in ("30", "midway", "midway", "11"):
        numbers = killed(path, when)
        assert done <= numbers[0] <= done + 1  # it may die between saving and saying so
        done = numbers[-1]
        assert len(list(path.parent.iterdir())) <= 3  # an unfinished one, and what was the lock
    found = Checkpoint.open(path, {"entropy": 1}).finished("dense")
    assert done <= len(found) <= done + 1
    assert all(np.all(tally.values == index) for index, tally in found.items())
    assert list(path.parent.iterdir()) == [path]


# merging


@pytest.fixture
def parts(tmp_path):
    tallies = {index: make(index) for index in range(6)}
    return [
        written(tmp_path / "a.npz", dense={0: tallies[0], 1: tallies[1]}),
        written(tmp_path / "b.npz", dense={1: tallies[1], 5: tallies[5]}, experts={0: make(9)}),
        written(tmp_path / "c.npz"),
    ]


ALL = {0: make(0), 1: make(1), 5: make(5)}


def test_merging_is_the_union(parts, path):
    for order in itertools.permutations(parts):
        path.unlink(missing_ok=True)
        merge_checkpoints(order, path)
        with Checkpoint.open(path, IDENTITY) as merged:
            assert same(merged.finished("dense"), ALL)
            assert same(merged.finished("experts"), {0: make(9)})


def test_merging_into_a_part_or_another_of_the_same_run(parts, path):
    merge_checkpoints(parts, parts[1])
    assert same(Checkpoint.open(parts[1], IDENTITY).finished("dense"), ALL)
    written(path, dense={7: make(7)})
    merge_checkpoints([str(part) for part in parts], str(path))
    assert same(Checkpoint.open(path, IDENTITY).finished("dense"), ALL | {7: make(7)})


@pytest.mark.parametrize("where", ["part", "into"])
def test_merging_refuses_another_run_by_name(parts, path, tmp_path, where):
    odd = written(tmp_path / "odd.npz", identity=IDENTITY | {"entropy": 3})
    before = odd.read_bytes()
    arguments = ([*parts, odd], path) if where == "part" else (parts, odd)
    with pytest.raises(ValueError, match=r"odd\.npz is the .* than .*a\.npz: entropy is 3, not "):
        merge_checkpoints(*arguments)
    assert odd.read_bytes() == before
    assert not path.exists()


def test_merging_refuses_other_bits_of_the_same_chunk(parts, path, tmp_path):
    tally = make(5)
    tally.means[0] = np.nextafter(tally.means[0], np.inf)
    other = written(tmp_path / "other.npz", dense={5: tally})
    with pytest.raises(ValueError, match=r"other\.npz has other results for chunk 5 of 'dense'"):
        merge_checkpoints([*parts, other], path)
    assert not path.exists()


@pytest.mark.parametrize(
    ("parts", "into", "argument", "match"),
    [
        ([], "into.npz", "parts", "at least one"),
        ("run.npz", "into.npz", "parts", r"sequence of paths, got the path run\.npz"),
        (Path("run.npz"), "into.npz", "parts", r"sequence of paths, got the path run\.npz"),
        (b"run.npz", "into.npz", "parts", "sequence of paths"),
        (None, "into.npz", "parts", "sequence of paths"),
        (["run.npz", 3], "into.npz", "parts", r"^parts\[1\] must be a path"),
        (["run.npz", ""], "into.npz", "parts", r"^parts\[1\] must be the path of a file"),
        ([b"run.npz"], "into.npz", "parts", r"^parts\[0\] must be a path"),
        (["run.npz"], b"into.npz", "into", "must be a path"),
        (["run.npz"], True, "into", "must be a path"),
        (["run.npz"], "", "into", "must be the path of a file"),
        (["run.npz"], None, "into", "must be a path"),
    ],
)
def test_merging_refuses_what_is_no_path(tmp_path, monkeypatch, parts, into, argument, match):
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "run.npz")
    with pytest.raises(ArgumentError, match=match) as caught:
        merge_checkpoints(parts, into)
    assert caught.value.argument == argument
    assert [each.name for each in tmp_path.iterdir()] == ["run.npz"]


def test_merging_needs_parts(tmp_path, path):
    with pytest.raises(FileNotFoundError, match="run"):
        merge_checkpoints([path], tmp_path / "into.npz")
    path.write_text("no")
    with pytest.raises(ValueError, match="damaged"):
        merge_checkpoints([path], tmp_path / "into.npz")
    assert list(tmp_path.iterdir()) == [path]
