"""The house rules: floors of the package, what an import costs, and what files may say."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import moetheory

PACKAGE = Path(moetheory.__file__).parent

# an import only ever points to a lower floor, or stays in its own package
FLOORS = [
    {"errors", "validation", "files", "terminal"},
    {"eigenbasis", "modelfile", "datafile", "gates", "perturbation"},
    {"model"},
    {"estimators", "results", "estimates", "allocation"},
    {"formulas", "kernels", "certificates"},
    {"optimum", "verdicts", "schedule"},
    {"regressions", "distribution", "routers", "exposure", "paths", "design", "trajectory"},
    {"fitting", "expertlaw", "tails"},
    {"evaluation", "simulation"},
    {"tuning", "breakeven", "convergence", "fixeddesign"},
    {"crossing", "stepping"},
    {"sweeping"},
    {"theorems"},
    {"errorlaw", "curves"},
    {"checking"},
    {"reporting", "strategies"},
    {"auditing"},
    {"plotting"},
    {"commands"},
    {"cli"},
    {"__main__", "__init__"},
]
FLOOR = {name: height for height, names in enumerate(FLOORS) for name in names}
HEAVY = {"scipy", "sympy", "matplotlib", "hypothesis", "mpmath"}


def modules():
    return sorted(PACKAGE.rglob("*.py"))


def imports(path: Path) -> list[tuple[ast.stmt, str]]:
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [(node, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
            if node.module == "moetheory":
                names = [f"moetheory.{alias.name}" for alias in node.names]
            found += [(node, name) for name in names]
    return found


def unit_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def violations(path: Path, imported: list[str]) -> list[str]:
    unit = unit_of(path)
    bad = []
    for name in imported:
        target = name.split(".")[1] if name.startswith("moetheory.") else None
        if target not in FLOOR or target == unit:
            continue
        if FLOOR[target] >= FLOOR[unit]:
            bad.append(f"{unit} imports {target}")
    return bad


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_down(path):
    assert unit_of(path) in FLOOR, "give the new module a floor"
    assert violations(path, [name for _, name in imports(path)]) == []


def test_the_floor_test_notices_an_import_that_points_up():
    assert violations(PACKAGE / "model.py", ["moetheory.checking"])
    assert violations(PACKAGE / "evaluation.py", ["moetheory.simulation.engine"])
    assert violations(PACKAGE / "kernels.py", ["moetheory.formulas.population"])


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_heavy_libraries_load_when_first_used(path):
    if path.name == "strategies.py":
        return
    tree = ast.parse(path.read_text(encoding="utf-8"))
    top = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {name.split(".")[0] for node, name in imports(path) if node in top}
    assert not names & HEAVY


def test_importing_the_package_loads_none_of_them():
    code = "import moetheory, sys; print(sorted(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(ast.literal_eval(out.stdout))
    assert "numpy" in loaded
    assert not {name.split(".")[0] for name in loaded} & HEAVY


def test_no_module_shares_a_name_with_something_public():
    names = {path.stem for path in modules()} | {p.name for p in PACKAGE.iterdir() if p.is_dir()}
    assert not names & set(moetheory.__all__)


def test_everything_public_is_there_documented_and_listed():
    listed = (PACKAGE.parent / "docs" / "api.md").read_text(encoding="utf-8")
    for name in moetheory.__all__:
        assert getattr(moetheory, name).__doc__, name
        assert re.search(rf"\b{name}\b", listed), name
