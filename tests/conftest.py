"""Hypothesis profiles and the yardstick of the simulation tests.

Profiles: ``ci`` (default, derandomised), ``dev`` and ``thorough``; choose one with
``--hypothesis-profile=thorough``.
"""

import gc
import importlib
import io
import math
import multiprocessing
import os
import pickle
import runpy
import signal
import statistics
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stdout, suppress
from functools import lru_cache
from pathlib import Path

# many small factorisations: threads that share busy cores slow them down; read when NumPy loads
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pytest
from hypothesis import settings

from moetheory import cli
from moetheory.checking import checker, more_models
from moetheory.claims import training_sets
from moetheory.common.files import replacing_bytes
from moetheory.results.estimates import student_quantile
from moetheory.theorems import catalogue

settings.register_profile("ci", derandomize=True, deadline=None, max_examples=40)
settings.register_profile("dev", deadline=None, max_examples=30)
settings.register_profile("thorough", deadline=None, max_examples=10_000)
settings.load_profile("ci")

# the budget of false alarms of the suite: 1e-6 over at most 300 comparisons
pytest_plugins = ["moetheory.testing"]
DETECTION = statistics.NormalDist().inv_cdf(0.9)


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """What is collected is kept: there is no garbage to look for."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


@pytest.fixture(scope="session")
def agrees(error_budget):
    """``agrees(mean, sem, n, value)``: is a simulated mean what theory says, could it be seen?"""

    def compare(mean: float, sem: float, n: int, value: float) -> bool:
        threshold = student_quantile(error_budget.spend(), n - 1)
        z, power = (mean - value) / sem, (threshold + DETECTION) * sem / abs(value)
        error_budget.record(z, power)
        print(f"z {z:+.2f} of {threshold:.2f}, power {100 * power:.2g} %")
        assert power <= 0.01, f"could only have seen an error of {100 * power:.2g} %"
        return abs(z) <= threshold

    return compare


@pytest.fixture(scope="session")
def pool():
    """Two other processes, started once."""
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as executor:
        yield executor


@pytest.fixture(scope="session", autouse=True)
def _proofs():
    """A proof hangs on its claim alone, whatever the model: each is made once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checker, "_certificate", lru_cache(None)(checker._certificate))
        yield


class Held:
    """``held(theorem)``: the verdict of a check with all its power, made once.

    What a check simulates is kept for those of wrong variants: ``held.simulated`` stands in for
    `simulate`, training sets are kept in their own place. Other processes find both in a folder.
    """

    def __init__(self, folder):
        self.verdicts, self.controls, self.estimates = {}, {}, {}
        self.plain, self.folder = checker.simulate, folder

    def __call__(self, theorem):
        if theorem not in self.verdicts:
            path = self.folder / f"{theorem.name}.held"
            if theorem.name in catalogue and path.exists():
                self.verdicts[theorem], estimates = pickle.loads(path.read_bytes())
                self.estimates |= estimates
            else:
                self.verdicts[theorem] = self.made(theorem, path)
        return self.verdicts[theorem]

    def made(self, theorem, path):
        """The verdict, which ``path`` has from now on if the theorem is one of the catalogue."""
        before = set(self.estimates)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(checker, "simulate", self.keep)
            verdict = checker.check(theorem, rng=1)
        if theorem.name in catalogue:
            estimates = {key: self.estimates[key] for key in set(self.estimates) - before}
            with replacing_bytes(path) as file:  # another process may be reading it
                pickle.dump((verdict, estimates), file)
        return verdict

    def control(self, theorem):
        """The verdict of its negative control."""
        if theorem not in self.controls:
            # without closed forms it takes a simulation with power to find a claim wrong
            closed = all(None not in (claim.left, claim.right) for claim in theorem.claims)
            self.controls[theorem] = checker.check(
                theorem.negative_control, rng=1, replicates=2 if closed else None
            )
        return self.controls[theorem]

    def keep(self, estimators, model, *, under, **options):
        estimates = self.plain(estimators, model, under=under, **options)
        self.estimates[estimators, model, repr(under)] = estimates
        return estimates

    def simulated(self, estimators, model, *, under, replicates, **options):
        estimates = self.estimates[estimators, model, repr(under)]
        if estimates[0].replicates >= replicates:
            return estimates
        return self.plain(estimators, model, under=under, replicates=replicates, **options)


@pytest.fixture(scope="session")
def held(tmp_path_factory):
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # the one of all processes
    with pytest.MonkeyPatch.context() as patch:
        drawn_risks = lru_cache(32)(training_sets.drawn_risks.__wrapped__)
        patch.setattr(training_sets, "drawn_risks", drawn_risks)
        yield Held(folder)


@pytest.fixture
def few_more_models(monkeypatch):
    """Claims that were stripped of their evidence are evaluated at 4 models instead of 24.

    They are the same whatever model is checked. That there are enough is for test_more_models.
    """
    monkeypatch.setattr(more_models, "MANY", 4)


EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.fixture
def saved(monkeypatch):
    """The figures that are saved from now on."""
    from matplotlib.figure import Figure

    figures, save = [], Figure.savefig

    def keep(figure, *given, **options):
        figures.append(figure)
        return save(figure, *given, **options)

    monkeypatch.setattr(Figure, "savefig", keep)
    return figures


@pytest.fixture
def example(monkeypatch, saved):
    """``example(name, *arguments)``: what an example prints; the argument is that of its figure."""

    def run_example(name: str, *arguments: str) -> str:
        import matplotlib
        from placement import assert_well_placed

        matplotlib.use("Agg")
        monkeypatch.setattr(sys, "argv", [name, *arguments])
        with redirect_stdout(io.StringIO()) as out:
            runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        for figure in saved:
            assert_well_placed(figure)
        return out.getvalue()

    return run_example


@pytest.fixture
def language(monkeypatch):
    """``language(name)``: a module of the language task, whose files import each other."""
    monkeypatch.syspath_prepend(str(EXAMPLES / "language"))
    return importlib.import_module


@pytest.fixture(scope="session")
def generic():
    """A factory of models in which nothing is equal; keyword arguments as for BlockModel."""
    from moetheory import BlockModel

    def make(noise_variance: float = 0.4, **changes: object) -> BlockModel:
        ranks = np.arange(1.0, 10.0)
        return BlockModel(
            [0.2, 0.5, 0.3],
            [0, 0, 1, 1, 1, 1, 2, 2, 2],
            3.0 / ranks,
            np.cos(ranks) + 0.2,
            noise_variance,
            **changes,
        )

    return make


@pytest.fixture(scope="session")
def sampled(generic):
    """A generic model with label noise, and a sample of it that shows one per cent."""
    model = generic(label_noise_variance=0.1)
    return model, model.sample(1_400_000, rng=2)


@pytest.fixture(scope="session")
def mean_and_sem():
    """Plain mean and standard error of a sample."""

    def of(values: np.ndarray) -> tuple[float, float, int]:
        return values.mean(), values.std(ddof=1) / math.sqrt(len(values)), len(values)

    return of


# --- the command line ---------------------------------------------------------------------------


@pytest.fixture
def run(capsys):
    """``run(*arguments)``: exit code, standard output and standard error of a command line."""

    def main(*arguments: str) -> tuple[int, str, str]:
        code = cli.main(arguments)
        out, err = capsys.readouterr()
        return code, out, err

    return main


def shown(master: int) -> Iterator[bytes]:
    """What a terminal shows, part by part, until nobody writes any more."""
    with suppress(OSError):  # how a closed terminal ends on Linux
        while part := os.read(master, 4096):
            yield part
    os.close(master)


@pytest.fixture
def in_a_terminal(monkeypatch):
    """Run with a terminal for stdout and stderr, which holds a few lines until they are read."""
    import pty

    def main(*arguments: str, columns: int) -> tuple[int, str]:
        master, slave = pty.openpty()
        with os.fdopen(slave, "w", encoding="utf-8") as screen, monkeypatch.context() as patch:
            patch.setenv("COLUMNS", str(columns))
            patch.setattr(sys, "stdout", screen)
            patch.setattr(sys, "stderr", screen)
            code = cli.main(arguments)
        return code, b"".join(shown(master)).decode().replace("\r\n", "\n")

    return main


@pytest.fixture
def interruptible():
    """SIGINT is KeyboardInterrupt, as in a terminal: nohup and shells' & have it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


# by a clock that goes on a second whenever it is read, all work is long
HURRIED = """
import itertools, signal, time
from moetheory.cli import main
signal.signal(signal.SIGINT, signal.default_int_handler)
time.monotonic = itertools.count().__next__
raise SystemExit(main())
"""


@pytest.fixture(scope="session")
def interrupted_in_a_terminal():
    """Run in a hurried process with a terminal, interrupted when it shows ``until``."""
    import pty

    def main(*arguments: str, columns: int, until: str) -> tuple[int, str]:
        master, slave = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-c", HURRIED, *arguments],
            stdout=slave,
            stderr=slave,
            env={**os.environ, "COLUMNS": str(columns)},
        )
        os.close(slave)
        written, interrupted = b"", False
        for part in shown(master):
            written += part
            if not interrupted and until.encode() in written:
                process.send_signal(signal.SIGINT)
                interrupted = True
        return process.wait(timeout=60), written.decode().replace("\r\n", "\n")

    return main
