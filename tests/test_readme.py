"""The README: its first screen, its table of theorems, and its links."""

import re
from pathlib import Path

import pytest

import moetheory as mt

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])


def test_the_first_screen_fits_a_terminal_and_has_what_a_newcomer_needs():
    screen = README.splitlines()[:40]
    assert max(map(len, screen)) <= 80
    text = "\n".join(screen)
    for needed in ("![", "moetheory check", "-m pytest -n auto", "claims of 16 theorems"):
        assert needed in text


def test_blocks_fit_a_terminal():
    blocks = re.findall(r"^```.*?\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 5
    assert max(len(line) for block in blocks for line in block.splitlines()) <= 80


def test_the_table_has_each_theorem_with_its_proved_claims():
    rows = re.findall(r"^\| `([\w-]+)` \| .+ \| (\d+): (\d+), (\d+) \|$", README, re.MULTILINE)
    assert {name for name, *_ in rows} == set(mt.catalogue)
    assert len(rows) == len(mt.catalogue)
    for name, *numbers in rows:
        claims = mt.catalogue[name].claims
        total, proved, simulated = map(int, numbers)
        assert total == len(claims)
        assert proved == sum(bool(claim.symbolic) for claim in claims)
        assert sum(bool(claim.experiment) for claim in claims) <= simulated <= total
    assert f"{sum(int(total) for _, total, *_ in rows)} claims of {len(rows)} theorems" in README


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    found = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
    inside = [link for link in found if not link.startswith("http")]
    assert [link for link in inside if not (page.parent / link).exists()] == []
