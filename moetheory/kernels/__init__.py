"""Random draws and linear algebra over many replicates of a block model, on plain arrays.

Leading axes count replicates; no product or factorisation spans two of them.
"""

from moetheory.kernels.clean_rows import BidiagonalRows, CleanRows, TriangularRows
from moetheory.kernels.expert_fits import (
    ExpertData,
    JointFits,
    expert_data,
    expert_fits,
    joint_fits,
)
from moetheory.kernels.expert_law import draw_expert_law, expert_law_fits, isotropic_law_fits
from moetheory.kernels.flips import mean_squares_over_flips
from moetheory.kernels.gate_weights import (
    QuadraticForms,
    Weights,
    decided_scores,
    dense_losses,
    gate_losses,
    log_probabilities,
    log_variance_ratios,
    one_hot,
    oracle_losses,
    pooled_scores,
    posterior,
    score_terms,
    set_apart,
    top_k,
)
from moetheory.kernels.gradient_descent import (
    Spectrum,
    StepSizes,
    descent_iterates,
    extreme_curvatures,
    optimal_step_sizes,
    spectrum,
)
from moetheory.kernels.krylov_fits import KrylovFits, krylov_fits
from moetheory.kernels.least_squares import (
    TOLERANCE,
    conjugate_fits,
    dual_fits,
    least_squares,
    normal_fits,
    ridge_fit,
)
from moetheory.kernels.predictions import Route, prediction_errors, sign_mistakes
from moetheory.kernels.sampling import (
    BlockEntries,
    Inputs,
    draw_groups,
    draw_inputs,
    draw_training_sets,
    group_variances,
    scale_noise,
)
from moetheory.kernels.strata import LEAST, SPARE, StratifiedMean, stratified_mean, stratum_counts
from moetheory.kernels.true_risks import expert_risks, group_risks
from moetheory.kernels.wishart import chi, wishart_roots
from moetheory.kernels.workspace import Workspace

__all__ = [
    "LEAST",
    "SPARE",
    "TOLERANCE",
    "BidiagonalRows",
    "BlockEntries",
    "CleanRows",
    "ExpertData",
    "Inputs",
    "JointFits",
    "KrylovFits",
    "QuadraticForms",
    "Route",
    "Spectrum",
    "StepSizes",
    "StratifiedMean",
    "TriangularRows",
    "Weights",
    "Workspace",
    "chi",
    "conjugate_fits",
    "decided_scores",
    "dense_losses",
    "descent_iterates",
    "draw_expert_law",
    "draw_groups",
    "draw_inputs",
    "draw_training_sets",
    "dual_fits",
    "expert_data",
    "expert_fits",
    "expert_law_fits",
    "expert_risks",
    "extreme_curvatures",
    "gate_losses",
    "group_risks",
    "group_variances",
    "isotropic_law_fits",
    "joint_fits",
    "krylov_fits",
    "least_squares",
    "log_probabilities",
    "log_variance_ratios",
    "mean_squares_over_flips",
    "normal_fits",
    "one_hot",
    "optimal_step_sizes",
    "oracle_losses",
    "pooled_scores",
    "posterior",
    "prediction_errors",
    "ridge_fit",
    "scale_noise",
    "score_terms",
    "set_apart",
    "sign_mistakes",
    "spectrum",
    "stratified_mean",
    "stratum_counts",
    "top_k",
    "wishart_roots",
]
