"""Labels of figures: ASCII and mathematics alone, which LaTeX and Matplotlib both can set."""

from __future__ import annotations

import re

NINETY_FIVE = r"$95\,\%$"
SIMULATED = f"points: simulated, {NINETY_FIVE} intervals"
BAND = r"bands: $\pm$ error of the formula"
_IN_TEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{character: f"\\{character}" for character in "#$%&_{}"},
}


def readable(text: str) -> str:
    r"""A text of the user, with its mathematics if that can be set, else as it is.

    >>> readable(r"noise $\sigma^2$"), readable("cost $5"), readable("$x_1^$")
    ('noise $\\sigma^2$', 'cost \\$5', '\\$x_1^\\$')
    """
    import matplotlib
    from matplotlib.mathtext import MathTextParser

    if matplotlib.rcParams["text.usetex"]:
        return text
    if text.replace(r"\$", "").count("$") % 2:
        return literal(text)
    try:
        MathTextParser("agg").parse(text)
    except ValueError:
        return literal(text)
    return text


def literal(text: str) -> str:
    """A label that shows ``text`` as it is, with or without ``text.usetex``.

    >>> literal("moe(soft)"), literal("price in $")
    ('moe(soft)', 'price in \\\\$')
    """
    import matplotlib

    if not matplotlib.rcParams["text.usetex"]:
        return text.replace("$", r"\$")  # mathematics begins at a dollar, and nothing else counts
    return re.sub(r"[\\~^#$%&_{}]", lambda found: _IN_TEX[found[0]], text)
