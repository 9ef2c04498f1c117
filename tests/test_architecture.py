"""docs/architecture.md says where everything lives: whatever it names is there."""

import itertools
import re
from pathlib import Path

import moetheory

PACKAGE = Path(moetheory.__file__).parent
DOCS = PACKAGE.parent / "docs"
PAGE = (DOCS / "architecture.md").read_text(encoding="utf-8")
PLACES = ("formulas", "theory", "simulation", "theorems", "tests")  # of the columns of a table


def rows(header: str) -> list[list[str]]:
    """The rows of the table whose header begins with ``header``."""
    lines = PAGE.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(f"| {header} |"))
    table = itertools.takewhile(lambda line: line.startswith("|"), lines[start + 2 :])
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table]


def test_it_names_every_folder():
    named = {row[0].strip("`/") for row in rows("folder")}
    assert named == {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()}


def test_the_files_in_its_prose_exist():
    ends = {str(path) for path in (*PACKAGE.rglob("*.py"), *Path(__file__).parent.glob("*.py"))}
    names = set(re.findall(r"`([\w/]+\.py)`", PAGE))
    assert names
    assert [name for name in names if not any(end.endswith(f"/{name}") for end in ends)] == []


def test_its_table_has_every_section_of_the_theory():
    sections = re.findall(r"^## (§\d+)", (DOCS / "theory.md").read_text(encoding="utf-8"), re.M)
    assert {row[0].split()[0] for row in rows("docs/theory.md")} == set(sections) - {"§1"}


def test_the_files_in_its_table_exist():
    missing = []
    for _, *columns in rows("docs/theory.md"):
        for place, cell in zip(PLACES, columns, strict=True):
            folder = Path(__file__).parent if place == "tests" else PACKAGE / place
            names = re.sub(r"\(.*?\)", "", cell).replace("–", "").split(",")
            for path in (folder / name.strip() for name in names if name.strip()):
                if not (path.is_dir() or path.with_suffix(".py").is_file()):
                    missing.append(str(path))
    assert missing == []
