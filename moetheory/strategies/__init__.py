"""Hypothesis strategies (extra ``hypothesis``): random problems to test a bound or a theorem.

What they draw is valid, shrinks towards the simplest problem, and is reported as code that can be
pasted.
"""

try:
    import hypothesis as hypothesis
except ImportError as error:  # pragma: no cover - exercised by an environment without it
    raise ImportError(
        "moetheory.strategies needs Hypothesis: pip install 'moetheory[hypothesis]'"
    ) from error

from moetheory.strategies.changes import perturbations
from moetheory.strategies.counts import sample_counts
from moetheory.strategies.models import block_models, iso_parameter_models
from moetheory.strategies.predictors import estimators, gates

__all__ = [
    "block_models",
    "estimators",
    "gates",
    "iso_parameter_models",
    "perturbations",
    "sample_counts",
]
