r"""Fitted on 5 s + 1 samples a group, experts have on average 5/4 of the optimal experts' risk.

This is a theorem to copy whose claim has an experiment and several points. Recipe:

1. Copy this file to ``theorems/<name>.py``; the name of the file is the name of the theorem.
2. Replace statement, claim and example. ``points`` returns the models at which both sides are
   compared; ``experiment`` simulates one of them and must use ``setting.control``.
3. Run ``moetheory check <name>`` (must hold) and ``moetheory check <name> --negative-control``
   (must be violated).

Statement:
    With :math:`n_g = 5s_g+1` samples for the block of :math:`s_g` coordinates of group g,
    :math:`\mathbb E R_{\mathrm{MoE}} = \tfrac54 R_{\mathrm{MoE}}`, label noise included.

Guarantee:
    Exact equality: evaluated at three noise levels and checked by simulation; no certificate.

Reference:
    docs/theory.md §4; the setting is that of [SNB], https://arxiv.org/abs/2601.14792
"""

from __future__ import annotations

from collections.abc import Sequence

from moetheory.claims.assumptions import SOME_LABELS, SOME_NOISE
from moetheory.claims.declaration import Claim, Theorem, accepted_models
from moetheory.claims.experiments import Outcome, Setting
from moetheory.claims.outcomes import mean_outcome
from moetheory.claims.quantities import uneven_model
from moetheory.claims.training_sets import drawn_risks
from moetheory.problem.estimators import MoE
from moetheory.problem.model import BlockModel
from moetheory.theory.risks import risk


def _sample_counts(model: BlockModel) -> tuple[int, ...]:
    """Samples of each group."""
    return tuple((5 * model.sizes + 1).tolist())


def _expected_risk(model: BlockModel) -> float:
    """The left side: the expected risk of fitted experts."""
    return risk(MoE(), model, samples=_sample_counts(model)).value


def _noise_levels(model: BlockModel) -> Sequence[BlockModel]:
    """The points: the user's model first, then two others with less and with more noise."""
    noises = (c * model.noise_variance for c in (1.0, 0.1, 10.0))
    return accepted_models(lambda noise: model.replace(noise_variance=noise), noises)


def _experiment(model: BlockModel, setting: Setting) -> Outcome:
    """The mean risk of experts fitted on simulated training sets, against the left side."""
    replicates = setting.replicates or 10_000
    drawn = drawn_risks(model, _sample_counts(model), replicates, setting.entropy, (MoE(),))
    return mean_outcome(
        drawn[0] @ model.group_probabilities,
        setting.control * _expected_risk(model),  # the control makes the claim wrong on purpose
        setting,
        resolution=0.02,  # an error of 2 % must be seen, else the claim is inconclusive
    )


THEOREM = Theorem(
    statement=(
        "Experts fitted by least squares on n_g = 5 s_g + 1 samples of each group have on average "
        "5/4 of the risk of the population-optimal experts, label noise included."
    ),
    latex=r"\mathbb E R_{\mathrm{MoE}} = \tfrac54 R_{\mathrm{MoE}}, \qquad n_g = 5s_g+1",
    guarantee="identity (blocks of any size)",
    source="docs/theory.md §4",
    assumptions=(SOME_NOISE, SOME_LABELS),
    claims=(
        Claim(
            name="E MoE fitted on 5s+1 samples == 5/4 MoE",
            relation="==",
            left=_expected_risk,
            right=lambda model: 1.25 * risk(MoE(), model).value,
            experiment=_experiment,
            control=1.05,
            points=_noise_levels,
            label=lambda model: f"σ²={model.noise_variance:.3g}",
        ),
    ),
    example=lambda: uneven_model(0.5, (3, 4, 6), label_noise_variance=0.1),
)
