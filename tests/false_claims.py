"""A claim that is easily taken for true; processes can import its functions."""

import numpy as np

import moetheory as mt


def moe_gain(model):
    """The noise gain of the MoE."""
    p = model.group_probabilities[model.block_of]
    return float(p @ mt.optimal_coefficients(mt.MoE(), model) ** 2)


def dense_gain(model):
    """The noise gain of dense."""
    return float(np.sum(mt.optimal_coefficients(mt.Dense(), model) ** 2))


def strong(model):
    """Strict blocks with one noise variance, and signal of at least 4 noise everywhere."""
    one = isinstance(model.noise_variance, float) and model.strict and not model.interferes
    return one and model.signal_variances.min() >= 4.0 * model.noise_variance
