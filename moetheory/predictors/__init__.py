"""The linear predictors of a model, which theory and simulation share."""

from moetheory.predictors.optimal import optimal_coefficients

__all__ = ["optimal_coefficients"]
