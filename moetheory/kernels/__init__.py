"""Vectorised draws and solves for a block model, on plain arrays.

Leading axes count replicates; no product or factorisation spans two of them.
"""

from moetheory.kernels.expert_fits import ExpertData, expert_data, expert_fits
from moetheory.kernels.expert_law import draw_expert_law, expert_law_fits
from moetheory.kernels.gate_weights import (
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
from moetheory.kernels.gradient_descent import (
    Pace,
    Spectrum,
    best_pace,
    descend,
    extremes,
    spectrum,
)
from moetheory.kernels.least_squares import (
    TOLERANCE,
    conjugate_fits,
    dual_fits,
    least_squares,
    normal_fits,
    ridge_fit,
)
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
from moetheory.kernels.true_risks import expert_risks, group_risks
from moetheory.kernels.wishart import wishart_roots
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
