"""One process at a time holds a lock, and none that is dead."""

import gc
import os
import signal
import subprocess
import sys

import pytest

from moetheory.common import file_lock
from moetheory.common.file_lock import FileLock

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX locks")

HOLDING = """
import sys
from moetheory.common.file_lock import FileLock
lock = FileLock(sys.argv[1])
print(lock.exclusive, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.npz"


@pytest.fixture
def other(path):
    """Another process that holds the lock."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDING, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "True\n"
        yield process
        process.kill()


def taken(path):
    """Whether the lock is to be had."""
    try:
        FileLock(path).release()
    except BlockingIOError:
        return True
    return False


def test_the_error_names_the_other_process_and_the_file(path, other):
    host = os.uname().nodename
    with pytest.raises(BlockingIOError) as caught:
        FileLock(path)
    assert str(caught.value) == (
        f"{path} is in use by another run, process {other.pid} on {host}: "
        "let it end, or name another file"
    )


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, None])
def test_it_ends_with_the_process_however_that_ends(path, other, how):
    assert taken(path)
    if how is None:
        other.stdin.close()
    else:
        other.send_signal(how)
    other.wait()
    assert not taken(path)
    assert list(path.parent.iterdir()) == []


def test_it_holds_within_a_process_too(path):
    with FileLock(path) as lock:
        with pytest.raises(BlockingIOError, match="another run, this process: let it end"):
            FileLock(path)
        assert lock.exclusive
    assert not taken(path)


def test_garbage_holds_nothing(path):
    lock = FileLock(path)
    assert lock.exclusive
    del lock
    gc.collect()
    assert not taken(path)


def test_links_to_one_file_are_one(path, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(path)
    with FileLock(link):
        assert taken(path)


def test_what_a_killed_process_left_is_no_lock(path):
    path.with_name(".run.npz.lock").write_text("process 1 on the moon, and what is longer")
    with FileLock(path), pytest.raises(BlockingIOError, match="this process"):
        FileLock(path)
    assert list(path.parent.iterdir()) == []


def test_a_forked_child_has_no_part_in_it(path):
    """Else it would hold what its parent has given back, or take it away with its own end."""
    lock = FileLock(path)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        lock.release()
        os.write(writer, b"held" if taken(path) and lock.forked else b"free")
        os.close(writer)
        signal.pause()
    os.close(writer)
    try:
        assert os.read(reader, 9) == b"held"
        assert taken(path)
        lock.release()
        assert not taken(path)  # though the child lives
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(reader)


def test_without_locks_nobody_is_refused(path, monkeypatch):
    def unsupported(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(file_lock.fcntl, "flock", unsupported)
    first, second = FileLock(path), FileLock(path)
    assert not first.exclusive
    assert not second.exclusive
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize("name", ["nowhere/run.npz", "x" * 255])
def test_what_cannot_be_made_is_an_error_that_names_the_file(tmp_path, name):
    with pytest.raises(OSError, match=name):
        FileLock(tmp_path / name)


def test_a_circle_of_links_is_an_error(tmp_path):
    circle = tmp_path / "circle"
    circle.symlink_to(circle)
    with pytest.raises(OSError, match=r"symbolic links.*circle"):
        FileLock(circle)
