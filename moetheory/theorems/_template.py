r"""Oracle-routed experts never have a larger excess risk than a prediction of zero.

This is a theorem to copy, the simplest one; ``_template_experiment.py`` is one whose claim has an
experiment and several points. Recipe:

1. Copy this file to ``theorems/<name>.py``; the name of the file is the name of the theorem.
2. Replace statement, assumptions, claims and example. A claim has two sides, each as a function
   of a model and as a SymPy expression, and says what simulation measures.
3. Run ``moetheory check <name>`` (must hold) and ``moetheory check <name> --negative-control``
   (must be violated).

Statement:
    :math:`R_{\mathrm{MoE}} \le \sum_m b_m^2 h_m` (excess risks).

Guarantee:
    Upper bound: proved by certificate, direction by direction, leakage included, and checked by
    simulation; tight as the noise grows (strict blocks).

Reference:
    docs/theory.md §2; the setting is that of [SNB], https://arxiv.org/abs/2601.14792
"""

from __future__ import annotations

from moetheory.claims.certificates import Symbolic
from moetheory.claims.declaration import Claim, Theorem
from moetheory.claims.quantities import direction, moe_excess
from moetheory.problem.model import BlockModel


def _symbolic() -> Symbolic:
    """Both sides for one direction; risks are sums over directions, so that it covers any model."""
    one = direction(leaking=True, interfering=True)
    return one.claim(one.moe, one.null, scope="any model")


THEOREM = Theorem(
    statement="Oracle-routed experts never have a larger excess risk than predicting zero.",
    latex=r"R_{\mathrm{MoE}} \le \sum_m b_m^2 h_m",
    guarantee="upper bound, tight as the noise grows (strict blocks)",
    source="docs/theory.md §2",
    assumptions=(),
    claims=(
        Claim(
            name="MoE <= null",
            relation="<=",
            left=moe_excess,
            right=lambda model: model.label_power,
            symbolic=_symbolic,
            weights=lambda model: (0.0, 1.0),
            control=0.5,
        ),
    ),
    example=lambda: BlockModel([0.4, 0.6], [0, 1, 1], [1.0, 2.0, 0.5], [1.0, -1.0, 2.0], 4.0),
)
