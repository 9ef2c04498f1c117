"""One BLAS thread while a block lasts, and what it was afterwards."""

import importlib
import os
import sys
import threading
from contextlib import nullcontext

import numpy as np
import pytest
import scipy

from moetheory.common import blas_threads
from moetheory.common.blas_threads import NUMPY, SCIPY, controls, one_blas_thread

PACKAGES = {"NumPy": (np, NUMPY), "SciPy": (scipy, SCIPY)}


@pytest.fixture(params=PACKAGES)
def number(request):
    """A function that tells the number of threads of a BLAS, which is 2 to begin with."""
    _, extension = PACKAGES[request.param]
    importlib.import_module(extension)
    if controls(extension) is None:
        pytest.skip(f"{request.param}'s BLAS has no switch for its threads that can be found")
    get, set_ = controls(extension)
    before = get()
    set_(2)
    if get() != 2:
        pytest.skip(f"{request.param}'s BLAS is built for one thread")
    yield get
    set_(before)


@pytest.mark.parametrize("name", PACKAGES)
def test_the_switch_of_openblas_is_found(name):
    package, extension = PACKAGES[name]
    blas = package.show_config(mode="dicts")["Build Dependencies"]["blas"]["name"]
    if "openblas" not in blas or sys.platform == "win32":
        pytest.skip(f"{name}'s BLAS is {blas} on {sys.platform}")
    assert controls(extension) is not None


def test_one_thread_in_the_block_and_as_before_after_it(number):
    with one_blas_thread():
        assert number() == 1
    assert number() == 2


def test_as_before_after_an_error(number):
    def fails():
        assert number() == 1
        raise KeyError

    with pytest.raises(KeyError), one_blas_thread():
        fails()
    assert number() == 2


def test_blocks_nest(number):
    with one_blas_thread():
        with one_blas_thread():
            assert number() == 1
        assert number() == 1
    assert number() == 2


def test_the_last_of_overlapping_blocks_in_several_threads_counts(number):
    seen = []
    inside, left, leave = threading.Barrier(4), threading.Barrier(3), threading.Event()

    def works(last):
        with one_blas_thread():
            inside.wait()
            if last:
                leave.wait()
        seen.append(number())
        if not last:
            left.wait()

    workers = [threading.Thread(target=works, args=(last,)) for last in (False, False, True)]
    for each in workers:
        each.start()
    inside.wait()
    left.wait()
    assert seen == [1, 1]
    leave.set()
    for each in workers:
        each.join()
    assert seen == [1, 1, 2]
    assert number() == 2


def test_many_threads_that_come_and_go_leave_it_as_it_was(number):
    wrong = []

    def works():
        for _ in range(200):
            with one_blas_thread():
                if number() != 1:
                    wrong.append(number())

    workers = [threading.Thread(target=works) for _ in range(8)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    assert wrong == []
    assert number() == 2


def test_without_a_switch_nothing_happens(number, monkeypatch):
    monkeypatch.setattr(blas_threads, "controls", lambda extension: None)
    with one_blas_thread():
        assert number() == 2
    assert number() == 2


class Switch:
    """The number of threads of a BLAS that several packages may share."""

    def __init__(self):
        self.threads = 2

    def controls(self, extension):
        return (lambda: self.threads), (lambda threads: setattr(self, "threads", threads))


def test_one_blas_of_both_packages_is_as_before(monkeypatch):
    """The second package finds one thread, which is not what was there before."""
    switch = Switch()
    importlib.import_module(SCIPY)
    monkeypatch.setattr(blas_threads, "controls", switch.controls)
    with one_blas_thread():
        assert switch.threads == 1
    assert switch.threads == 2


def test_a_blas_that_is_loaded_in_a_block_is_held_from_the_next_block_on(monkeypatch):
    switches = {NUMPY: Switch(), SCIPY: Switch()}
    loaded = importlib.import_module(SCIPY)
    monkeypatch.setattr(blas_threads, "controls", lambda each: switches[each].controls(each))

    def threads():
        return [each.threads for each in switches.values()]

    monkeypatch.delitem(sys.modules, SCIPY)
    with one_blas_thread():
        assert threads() == [1, 2]
        monkeypatch.setitem(sys.modules, SCIPY, loaded)
        with one_blas_thread():
            assert threads() == [1, 1]
        assert threads() == [1, 1]
    assert threads() == [2, 2]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("inside", [False, True])
def test_a_forked_child_has_the_blocks_of_its_own_thread_alone(number, inside):
    """What other threads of the parent are in, nobody would ever leave in the child."""

    def is_right():
        within = number()
        with one_blas_thread():
            if number() != 1:
                return False
        return (within, number()) == ((1, 1) if inside else (2, 2))

    entered, leave = threading.Event(), threading.Event()

    def works():
        with one_blas_thread():
            entered.set()
            leave.wait()

    thread = threading.Thread(target=works)
    thread.start()
    entered.wait()
    with one_blas_thread() if inside else nullcontext():
        child = os.fork()
        if child == 0:
            os._exit(0 if is_right() else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert number() == 1
    leave.set()
    thread.join()
    assert number() == 2
