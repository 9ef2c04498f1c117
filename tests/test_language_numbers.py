"""The language task: what its README says is what its figure is drawn from."""

import json
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "examples" / "language"


@pytest.mark.parametrize(("table", "first"), [("lead", "noise"), ("missing", "missing")])
def test_tables_of_the_readme_are_the_numbers_of_the_figure(table, first):
    numbers = json.loads((FOLDER / "cloze.json").read_text(encoding="utf-8"))
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    expected = {}
    for k, level in enumerate(numbers[first]):
        row = []
        for values in numbers["paragraph"][table].values():
            if "predicted" in values:
                row.append(f"{values['predicted'][k]:.3f}")
            row.append(f"{values['measured'][k]:.3f} ± {values['sem'][k]:.3f}")
        expected[f"{level:g}"] = [cell.replace("-", "−") for cell in row]
    body = readme.split(f"\n| {first} | ")[1].split("\n\n")[0].splitlines()[2:]
    rows = [line.strip("| ").split(" | ") for line in body]
    assert len(rows) >= 6
    for level, *cells in rows:
        assert cells == expected[level]


@pytest.mark.parametrize("name", ["cloze", "probes"])
def test_to_draw_again_needs_a_place_for_the_figure(language, name, monkeypatch, capsys):
    kept = str(FOLDER / f"{name}.json")
    monkeypatch.setattr(sys, "argv", [f"{name}.py", "--redraw", kept])
    with pytest.raises(SystemExit, match="2"):
        language(name).main()
    assert capsys.readouterr().err.endswith("error: --redraw needs --figure\n")
