"""The problem that a user describes: model, estimators, gates, perturbation, sample counts."""

from moetheory.problem.custom_estimators import Custom
from moetheory.problem.estimators import Dense, MoE
from moetheory.problem.gates import Hard, Learned, Oracle, Soft, TopK
from moetheory.problem.model import BlockModel
from moetheory.problem.perturbation import Perturbation, even_confusion

__all__ = [
    "BlockModel",
    "Custom",
    "Dense",
    "Hard",
    "Learned",
    "MoE",
    "Oracle",
    "Perturbation",
    "Soft",
    "TopK",
    "even_confusion",
]
