"""The house rules: who may import whom, what an import costs, and what files may say."""

import ast
import importlib
import re
import subprocess
import sys
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import moetheory
from moetheory.claims import Theorem

PACKAGE = Path(moetheory.__file__).parent

# what the files of each folder, or of a file at the top, may import beside one another
PROBLEM = {"common", "problem"}
THEORY = {*PROBLEM, "formulas", "predictors", "results"}
SIMULATION = {*PROBLEM, "formulas", "kernels", "predictors", "results"}
CLAIMS = {*PROBLEM, "kernels", "results", "theory", "simulation", "simulation.methods"}
ANSWERS = {
    "auditing",
    "checking",
    "figures",
    "mapping",
    "results",
    "simulation",
    "sweeping",
    "theorems",
    "theory",
}
WALLS = {
    "common": set(),
    "datafile": set(),
    "formulas": {"common"},
    "kernels": {"common"},
    "problem": {"common"},
    "results": PROBLEM,
    "predictors": {*PROBLEM, "formulas"},
    "theory": THEORY,
    "simulation": {*SIMULATION - {"formulas"}, "simulation.methods", "simulation.runs"},
    "simulation.methods": SIMULATION - {"results"},
    "simulation.runs": {*PROBLEM, "kernels", "results", "simulation.methods"},
    "auditing": {*PROBLEM, "results"},
    "claims": CLAIMS,
    "sweeping": {
        *PROBLEM,
        "formulas",
        "predictors",
        "results",
        "theory",
        "simulation",
        "simulation.runs",
    },
    "mapping": {*PROBLEM, "formulas", "predictors", "results", "theory", "sweeping"},
    "theorems": {*CLAIMS, "claims", "formulas", "predictors"},
    "checking": {
        *PROBLEM,
        "formulas",
        "predictors",
        "results",
        "simulation",
        "simulation.methods",
        "simulation.runs",
        "claims",
        "theorems",
    },
    "figures": {*PROBLEM, "auditing", "checking", "results", "theory"},
    "paper": {*PROBLEM, *ANSWERS - {"auditing"}, "claims", "formulas"},
    "commands": {
        *PROBLEM,
        *ANSWERS,
        "claims",
        "paper",
        "datafile",
        "simulation.methods",
        "simulation.runs",
    },
    "cli": {"commands", "common"},
    "__main__": {"cli"},
    "__init__": {*PROBLEM, *ANSWERS, "claims", "paper", "predictors"},
    "strategies": PROBLEM,
    "testing": {*PROBLEM, "results", "simulation", "claims", "checking"},
}
# what the machinery of runs may know of the methods that it runs
CONTRACT = {f"moetheory.simulation.methods.{name}" for name in ("base", "route", "tally")}
HEAVY = {"scipy", "sympy", "matplotlib", "hypothesis", "mpmath", "pytest"}
TOP_LEVEL = 23


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


FILES = {name_of(path): path for path in modules()}


@cache
def parsed(source: str) -> ast.Module:
    return ast.parse(source)


@cache
def imports(source: str) -> list[tuple[ast.AST, str]]:
    """Modules that are imported anywhere: in a function, for types alone, by a name in a string."""
    found: list[tuple[ast.AST, str]] = []
    for node in ast.walk(parsed(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if re.fullmatch(r"moetheory(\.\w+)+", node.value) and wing_of(node.value) in WALLS:
                found.append((node, node.value))
        elif isinstance(node, ast.Import):
            found += [(node, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports name the whole path"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            found += [(node, name if name in FILES else node.module or "") for name in names]
    return found


def wing_of(module: str) -> str:
    """The folder, within another or not, or the file at the top, that ``module`` belongs to."""
    inside = module.split(".")[1:] or ["__init__"]
    while len(inside) > 1 and ".".join(inside) not in WALLS and not is_folder(inside):
        inside.pop()
    return ".".join(inside)


def is_folder(inside: list[str]) -> bool:
    return PACKAGE.joinpath(*inside, "__init__.py").is_file()


def violations(module: str, source: str) -> list[str]:
    wing, bad = wing_of(module), []
    for _, imported in imports(source):
        if imported.split(".")[0] != "moetheory":
            continue
        target = wing_of(imported)
        allowed = target == wing or target in WALLS[wing]
        if wing == "simulation.runs" and target == "simulation.methods":
            allowed = imported in CONTRACT
        if not allowed:
            bad.append(f"{module} imports {imported}")
    return bad


def graph() -> dict[str, set[str]]:
    return {
        name: {imported for _, imported in imports(path.read_text(encoding="utf-8"))} - {name}
        for name, path in FILES.items()
    }


@pytest.mark.parametrize("name", FILES)
def test_imports_stay_within_the_walls(name):
    assert wing_of(name) in WALLS, "give the new folder its rule"
    assert violations(name, FILES[name].read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("wing", WALLS)
def test_an_import_through_a_wall_is_found(wing):
    module = f"moetheory.{wing}.anything" if wing != "__init__" else "moetheory"
    for other in {*WALLS, "__init__"} - {wing} - WALLS[wing]:
        target = f"moetheory.{other}" if other != "__init__" else "moetheory"
        for statement in (f"import {target}", f"from {target} import anything"):
            inside = f"def function():\n    {statement}\n"
            assert violations(module, statement), statement
            assert violations(module, inside), inside
        if other != "__init__":
            assert violations(module, f'import_module("{target}")'), target


APART = [
    ("formulas", "kernels"),
    ("formulas", "problem"),
    ("kernels", "formulas"),
    ("kernels", "problem"),
    ("theory", "simulation"),
    ("theory", "auditing"),
    ("theory", "kernels"),
    ("simulation", "theory"),
    ("simulation", "auditing"),
    ("auditing", "theory"),
    ("auditing", "simulation"),
    ("simulation.methods", "simulation.runs"),
    ("simulation.methods", "theory"),
    ("simulation.runs", "theory"),
    ("theorems", "checking"),
]


@pytest.mark.parametrize(("wing", "other"), APART)
def test_the_walls_that_matter_most_stand(wing, other):
    """Named here once more: the table above may be edited by mistake."""
    assert violations(f"moetheory.{wing}.anything", f"import moetheory.{other}.anything")


def test_runs_know_the_contract_of_methods_alone():
    assert violations("moetheory.simulation.runs.chunks", "import moetheory.simulation.methods.law")
    assert not violations(
        "moetheory.simulation.runs.chunks", "from moetheory.simulation.methods import route"
    )


def test_imports_make_no_circle():
    TopologicalSorter(graph()).prepare()


@pytest.mark.parametrize(
    ("one", "other"),
    [("problem.gates", "problem.model"), ("theory.risks", "theory.tuning"), ("cli", "__main__")],
)
def test_a_circle_is_found_inside_a_folder_too(one, other):
    both = {f"moetheory.{one}", f"moetheory.{other}"}
    assert both <= FILES.keys()
    closed = graph()
    for name in both:
        closed[name] |= both - {name}
    with pytest.raises(CycleError):
        TopologicalSorter(closed).prepare()


VERDICTS = ("Verdict", "ClaimVerdict")


def decides(source: str) -> list[str]:
    """Verdicts that are made, or taken in hand under another name."""
    found = []
    for node in ast.walk(parsed(source)):
        match node:
            case ast.Call(func=ast.Name(name) | ast.Attribute(attr=name)):
                found.append(name)
            case ast.ImportFrom(names=names):
                found += [each.name for each in names if each.asname not in (None, each.name)]
            case ast.Assign(value=ast.Name(name) | ast.Attribute(attr=name)):
                found.append(name)
    return [name for name in found if name in VERDICTS]


def test_checking_alone_decides_a_status():
    found = {name for name, path in FILES.items() if decides(path.read_text(encoding="utf-8"))}
    assert found
    assert {wing_of(name) for name in found} == {"checking"}


@pytest.mark.parametrize(
    "source",
    [
        "def f():\n    return verdicts.Verdict('name', 'holds')",
        "from moetheory.checking.verdicts import Verdict as V",
        "make = verdicts.ClaimVerdict",
    ],
)
def test_a_status_that_is_decided_elsewhere_is_found(source):
    assert decides(source)


def test_the_top_level_shows_the_architecture():
    entries = [each.name for each in PACKAGE.iterdir() if each.suffix == ".py" or each.is_dir()]
    assert len([name for name in entries if name != "__pycache__"]) <= TOP_LEVEL


def test_theorems_are_theorems_and_templates():
    for path in (PACKAGE / "theorems").glob("*.py"):
        if path.name != "__init__.py":
            module = importlib.import_module(name_of(path))
            assert isinstance(module.THEOREM, Theorem), path.name
            others = [name for _, name in imports(path.read_text(encoding="utf-8"))]
            assert not any(wing_of(name) == "theorems" for name in others if name in FILES), path


def test_the_paper_is_rows_and_their_declaration():
    from moetheory.paper import rows
    from moetheory.paper.declaration import Row

    files = {path.stem for path in (PACKAGE / "paper").glob("*.py")} - {"__init__", "declaration"}
    assert files == {name.replace("-", "_") for name in rows}
    for name, row in rows.items():
        assert isinstance(row, Row)
        path = PACKAGE / "paper" / f"{name.replace('-', '_')}.py"
        own = [each for _, each in imports(path.read_text(encoding="utf-8")) if ".paper" in each]
        assert {each.removesuffix(".declaration") for each in own} == {"moetheory.paper"}, name


def test_every_method_has_a_file_of_its_name():
    from moetheory.simulation.methods.route import METHODS

    for method in METHODS:
        assert (PACKAGE / "simulation" / "methods" / f"{method}.py").is_file()


SUBJECTS = {  # tests of what several files do together
    "commands/test_checkpoints.py",
    "commands/test_perturbations.py",
    "figures/test_docs_figures.py",
    "theorems/test_degenerate_models.py",
    "theorems/test_random_models.py",
    "theorems/test_theorems.py",
    "theory/test_assigned_risks.py",
    "theory/test_gate_fits.py",
}


def test_tests_stand_where_the_code_stands():
    tests = Path(__file__).parent
    here = {path.relative_to(tests) for path in tests.glob("*/**/test_*.py")}
    named = {path.as_posix(): path.with_name(path.name.removeprefix("test_")) for path in here}
    lost = {test for test, module in named.items() if not (PACKAGE / module).is_file()}
    assert lost == SUBJECTS


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_heavy_libraries_load_when_first_used(path):
    if path.parent.name == "strategies" or path.parts[-2:] == ("testing", "plugin.py"):
        return
    source = path.read_text(encoding="utf-8")
    top = {node.lineno for node in parsed(source).body}
    names = {name.split(".")[0] for node, name in imports(source) if node.lineno in top}
    assert not names & HEAVY


def loaded_by(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(sorted(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(ast.literal_eval(out.stdout))


def test_importing_the_package_loads_none_of_them():
    loaded = loaded_by("import moetheory; moetheory.risk")
    assert "numpy" in loaded
    assert not {name.split(".")[0] for name in loaded} & HEAVY


def test_the_command_line_answers_signals_before_it_imports_anything():
    own = {name for name in loaded_by("import moetheory.cli") if name.startswith("moetheory")}
    assert own == {"moetheory", "moetheory.cli"}


def test_public_names_are_those_that_type_checkers_see():
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    seen = {
        alias.name: getattr(importlib.import_module(node.module), alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("moetheory.")
        for alias in node.names
    }
    assert set(seen) == {*moetheory.__all__, "__version__"}
    assert all(getattr(moetheory, name) is each for name, each in seen.items())
    assert set(seen) <= set(dir(moetheory))
    with pytest.raises(AttributeError, match="module 'moetheory' has no attribute 'nothing'"):
        moetheory.nothing  # noqa: B018


def test_commands_print_by_the_door_that_escapes():
    for path in [*(PACKAGE / "commands").glob("*.py"), PACKAGE / "cli.py"]:
        calls = (
            each for each in ast.walk(ast.parse(path.read_text())) if isinstance(each, ast.Call)
        )
        printed = [
            each for each in calls if isinstance(each.func, ast.Name) and each.func.id == "print"
        ]
        assert len(printed) == (2 if path.name == "cli.py" else 0), path


def test_no_module_shares_a_name_with_something_public():
    names = {path.stem for path in modules()} | {p.name for p in PACKAGE.rglob("*") if p.is_dir()}
    assert not names & set(moetheory.__all__)
