"""The plugin: one budget for a session of pytest, whatever the number of its processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = 'pytest_plugins = ["moetheory.testing"]\n'
# few examples, of which none is lost because the machine is busy
FEW = """
from hypothesis import HealthCheck
settings.register_profile("few", settings.get_profile("theory"), max_examples=10,
                          derandomize=True, suppress_health_check=list(HealthCheck))
settings.load_profile("few")
"""
TESTS = """
from types import SimpleNamespace
from moetheory.testing import assert_agrees
from moetheory.testing.budgets import shared_budget

def test_one(error_budget):
    assert shared_budget() is error_budget
    assert_agrees(SimpleNamespace(mean=1.0, sem=1e-3, replicates=10_000), 1.001)
"""
MORE = """
from types import SimpleNamespace
from moetheory.testing import assert_agrees

def test_two():
    assert_agrees(SimpleNamespace(mean=1.0, sem=1e-4, replicates=10_000), 1.0)
"""


@pytest.fixture
def session(tmp_path):
    """``session(*arguments, files=…)``: exit code and output of another pytest."""

    def run(*arguments, files, conftest=CONFTEST, **settings):
        (tmp_path / "conftest.py").write_text(conftest)
        lines = "".join(f"moetheory_{name} = {value}\n" for name, value in settings.items())
        (tmp_path / "pytest.ini").write_text(f"[pytest]\naddopts = --strict-config\n{lines}")
        for index, text in enumerate(files):
            (tmp_path / f"test_{index}.py").write_text(text)
        command = [sys.executable, "-W", "error", "-m", "pytest", "-p", "no:cacheprovider"]
        done = subprocess.run(
            [*command, *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            capture_output=True,
            text=True,
        )
        return done.returncode, done.stdout + done.stderr

    return run


def test_a_session_has_one_budget_and_sums_it_up(session):
    code, out = session("-rP", files=[TESTS, MORE], level=0.01, comparisons=2)
    assert code == 0, out
    assert "z -1.00 of 2.81, power 0.51 %" in out  # -rP; t quantile of 0.0025
    summary = "2 of at most 2 comparisons, family-wise level 0.01: largest |z| 1.00, worst power"
    assert summary in out


def test_the_example_of_the_documentation_passes(session):
    page = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
    blocks = page.partition("## In your own tests")[2].split("```python\n")[1:3]
    conftest, tests = (block.partition("```")[0] for block in blocks)
    code, out = session(files=[tests], conftest=conftest + FEW)
    assert code == 0, out
    assert "4 passed" in out
    assert "1 of at most 300 comparisons" in out


def test_more_comparisons_than_declared_fail_although_no_process_made_more(session):
    code, out = session("-pxdist", "-n2", "--dist=loadfile", files=[TESTS, MORE], comparisons=1)
    assert code == 1, out
    assert "2 passed" in out
    assert "FAILED: 2 comparisons were made, more than the moetheory_comparisons = 1" in out


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("level", "small", "moetheory_level must be a number, got small"),
        ("level", "2", "moetheory_level must be less than 1, got 2"),
    ],
)
def test_settings_that_cannot_be_used_end_the_session(session, name, value, wanted):
    code, out = session("--collect-only", files=[], **{name: value})
    assert code == pytest.ExitCode.USAGE_ERROR
    assert wanted in out


def test_the_assertions_need_no_pytest():
    code = (
        "import sys; sys.modules['pytest'] = None; from moetheory.testing import *;"
        "import moetheory as mt; m = mt.BlockModel.isotropic(2, 2, noise_variance=1.0);"
        "assert_holds('generalization', m)"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True)
    assert done.returncode == 0, done.stderr
