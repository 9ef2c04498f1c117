"""The examples run, and say what their text promises."""

import os
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parent.parent / "examples"


def run(name: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, EXAMPLES / name, *arguments],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "MPLBACKEND": "Agg"},
    )
    return done.stdout


def test_the_law_for_a_lecture(tmp_path):
    figure = tmp_path / "law.png"
    out = run("one_over_k.py", str(figure))
    assert "32  0.5000  0.0303      0.0313" in out
    assert "the theorem holds" in out
    assert figure.read_bytes().startswith(b"\x89PNG")


def test_a_theorem_that_breaks():
    out = run("break_a_theorem.py")
    assert "strict blocks: holds" in out
    winners = [line.split()[-1] for line in out.splitlines() if line.startswith("    0.")]
    assert winners == ["experts", "experts", "dense", "dense", "dense"]
    assert "assumptions not met (strict blocks (no leakage))" in out


def test_structure_and_ridge(tmp_path):
    figure = tmp_path / "ridge.png"
    out = run("structure_or_ridge.py", str(figure))
    rows = [line.split() for line in out.splitlines() if line[:1] == " " and line[7:8].isdigit()]
    assert len(rows) == 24
    for _, dense, tuned_dense, experts, tuned_experts in (map(float, row) for row in rows):
        assert tuned_experts <= tuned_dense
        assert tuned_dense <= dense
        assert tuned_experts <= experts
    assert any(float(row[3]) > float(row[2]) for row in rows)  # experts without ridge may lose
    assert figure.read_bytes().startswith(b"\x89PNG")


def test_every_example_is_run():
    named = {"one_over_k.py", "break_a_theorem.py", "structure_or_ridge.py"}
    assert {path.name for path in EXAMPLES.glob("*.py")} == named
