"""Vectorised draws and solves for a block model, on plain arrays.

Leading axes count replicates; no product or factorisation spans two of them.
"""

from moetheory.kernels.descending import (
    Pace,
    Spectrum,
    best_pace,
    descend,
    extremes,
    spectrum,
)
from moetheory.kernels.experts import ExpertData, expert_data, expert_fits
from moetheory.kernels.gating import (
    Forms,
    Weights,
    gate_losses,
    log_probabilities,
    noiseless_scores,
    one_hot,
    oracle_losses,
    posterior,
    regrouped,
    score_terms,
    top_k,
    ungated_losses,
)
from moetheory.kernels.laws import draw_expert_law, expert_law_fits
from moetheory.kernels.losses import block_sums, expert_risks, group_risks
from moetheory.kernels.sampling import (
    Inputs,
    Places,
    clean_variances,
    draw_groups,
    draw_inputs,
    draw_training_sets,
    prediction_errors,
    spread_groups,
)
from moetheory.kernels.solving import (
    TOLERANCE,
    conjugate_fits,
    dual_fits,
    least_squares,
    normal_fits,
    ridge_fit,
)
from moetheory.kernels.statistics import wishart_roots
from moetheory.kernels.workspace import Workspace

__all__ = [
    "TOLERANCE",
    "ExpertData",
    "Forms",
    "Inputs",
    "Pace",
    "Places",
    "Spectrum",
    "Weights",
    "Workspace",
    "best_pace",
    "block_sums",
    "clean_variances",
    "conjugate_fits",
    "descend",
    "draw_expert_law",
    "draw_groups",
    "draw_inputs",
    "draw_training_sets",
    "dual_fits",
    "expert_data",
    "expert_fits",
    "expert_law_fits",
    "expert_risks",
    "extremes",
    "gate_losses",
    "group_risks",
    "least_squares",
    "log_probabilities",
    "noiseless_scores",
    "normal_fits",
    "one_hot",
    "oracle_losses",
    "posterior",
    "prediction_errors",
    "regrouped",
    "ridge_fit",
    "score_terms",
    "spectrum",
    "spread_groups",
    "top_k",
    "ungated_losses",
    "wishart_roots",
]
