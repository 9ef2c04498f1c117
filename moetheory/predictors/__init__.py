"""A model's linear predictors, as theory and simulation share them."""

from moetheory.predictors.optimal import optimal_coefficients

__all__ = ["optimal_coefficients"]
