"""The contract of a claim's own experiment: its setting and its outcome."""

from __future__ import annotations

from typing import NamedTuple

ABSOLUTE = ""  # `Outcome.relative_to` of a power that is no fraction of anything
DETECTION_QUANTILE = 2.3263  # 99 % quantile of the normal law: how surely an error must be seen


class Setting(NamedTuple):
    """The input of an experiment, beside the model.

    Attributes
    ----------
    replicates : int or None
        Number of independent repetitions, often training sets; None leaves it to the experiment.
    entropy : int
        Seed of all randomness, as in ``np.random.default_rng(setting.entropy)``. Experiments of
        one check on one model are given the same seed and may share what they draw.
    threshold : float
        The |z| beyond which the outcome contradicts the claim. It goes into ``Outcome.power``.
    control : float
        Factor by which the experiment multiplies the claim's right side (what it expects): 1, or
        `Claim.factor` in a negative control. An experiment that ignores it cannot fail.
    """

    replicates: int | None
    entropy: int
    threshold: float
    control: float


class Outcome(NamedTuple):
    """The result of an experiment. The checker decides what follows from it.

    `moetheory.claims.training_sets` makes outcomes from what was drawn: ``mean_outcome`` (a mean
    against its expectation), ``estimate_outcome`` (an `Estimate` against a number),
    ``inequality_outcome`` and ``law_outcome`` (a sample against a distribution).

    Attributes
    ----------
    simulated, sem : float
        The measured quantity and its standard error.
    z : float
        Deviation from the claim in standard errors, or the normal deviate of the same
        probability. For an inequality 0 if it is met, else the shortfall in standard errors.
    replicates : int
        Number of independent repetitions that were drawn.
    power : float
        Smallest error that would have been seen with a probability of 99 %; for a mean
        ``(setting.threshold + DETECTION_QUANTILE) * sem / expected``.
    resolution : float
        The largest power with which the outcome decides: 0.02 asks that an error of 2 % be seen.
        With a larger power the claim is "inconclusive", never "holds".
    relative_to : str
        What power and resolution are a fraction of: "left" for the left side, another name for
        the report, or `ABSOLUTE`.
    note : str
        A remark for the report, such as "the bound is 1.3 times the quantile".
    """

    simulated: float
    sem: float
    z: float
    replicates: int
    power: float
    resolution: float
    relative_to: str = "left"
    note: str = ""
