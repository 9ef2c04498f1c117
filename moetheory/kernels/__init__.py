"""Vectorised draws and solves for a block model, on plain arrays.

Leading axes count replicates; no product or factorisation spans two of them.
"""

from moetheory.kernels.laws import draw_expert_law, expert_law_fits
from moetheory.kernels.losses import block_sums, expert_risks, group_risks
from moetheory.kernels.sampling import (
    clean_variances,
    draw_groups,
    draw_training_sets,
    prediction_errors,
)
from moetheory.kernels.solving import (
    TOLERANCE,
    conjugate_fits,
    dual_fits,
    expert_fits,
    least_squares,
    normal_fits,
    ridge_fit,
)
from moetheory.kernels.statistics import wishart_roots
from moetheory.kernels.workspace import Workspace

__all__ = [
    "TOLERANCE",
    "Workspace",
    "block_sums",
    "clean_variances",
    "conjugate_fits",
    "draw_expert_law",
    "draw_groups",
    "draw_training_sets",
    "dual_fits",
    "expert_fits",
    "expert_law_fits",
    "expert_risks",
    "group_risks",
    "least_squares",
    "normal_fits",
    "prediction_errors",
    "ridge_fit",
    "wishart_roots",
]
