"""Text that neither Matplotlib nor LaTeX takes for more than text."""

import matplotlib as mpl
import pytest
from matplotlib.mathtext import MathTextParser

from moetheory.figures.labels import NINETY_FIVE, literal

SPECIAL = r"#$%&_{}~^" + "\\"


def test_a_label_without_latex_escapes_the_dollar_alone():
    assert literal("a_b {c} 5 %") == "a_b {c} 5 %"
    assert literal("$x$ or $y$") == r"\$x\$ or \$y\$"


@pytest.mark.parametrize("character", SPECIAL)
def test_a_label_for_latex_escapes_what_commands(character):
    with mpl.rc_context({"text.usetex": True}):
        escaped = literal(f"a{character}b")
    assert escaped != f"a{character}b"
    assert escaped.startswith("a\\")
    assert escaped.endswith("b")


def test_mathematics_in_labels_is_what_matplotlib_knows():
    parser = MathTextParser("path")
    for label in (NINETY_FIVE, r"$\sigma^2$", r"$\sigma_o^2$", r"$\varepsilon$", r"$\pm$"):
        parser.parse(label)
