"""The contract of a claim's own experiment: its setting and its outcome."""

from __future__ import annotations

import math
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import NamedTuple

from moetheory.common.terminal import Report
from moetheory.results.estimates import student_quantile

ABSOLUTE = ""  # `Outcome.relative_to` of a power that is no fraction of anything
DETECTION_QUANTILE = 2.3263  # 99 % quantile of the normal law: how surely an error must be seen
LEAST_SKEWNESS = 1e-4  # of a mean: one below is normal for any tail, and costs digits


@dataclass(frozen=True)
class Work:
    """The means of an experiment, which change nothing of its outcome: all are equal.

    Attributes
    ----------
    executor : Executor or None
        What carries out long simulations; None: this process.
    progress : callable or None
        Called with what is done of the experiment, and its total.
    """

    executor: Executor | None = field(default=None, compare=False)
    progress: Report | None = field(default=None, compare=False)


class Setting(NamedTuple):
    """The input of an experiment, beside the model.

    Attributes
    ----------
    replicates : int or None
        Number of independent repetitions, often training sets; None leaves it to the experiment.
        An experiment on fresh inputs draws more if the groups need more: two of each at least.
    entropy : int
        Seed of all randomness, as in ``np.random.default_rng(setting.entropy)``. Experiments of
        one check on one model are given the same seed and may share what they draw.
    tail : float
        The probability with which chance may contradict the claim, on either side.
    control : float
        Factor by which the experiment multiplies the claim's right side (what it expects): 1, or
        `Claim.factor` in a negative control. An experiment that ignores it cannot fail.
    work : Work
        The means: an experiment that takes long passes them on to `simulate`.
    """

    replicates: int | None
    entropy: int
    tail: float
    control: float
    work: Work = Work()

    def threshold(self, degrees: float = math.inf, skewness: float = 0.0) -> float:
        r"""The |z| that chance exceeds with the probability ``tail``.

        It is the Student quantile for the degrees of freedom of the standard error, or more for a
        mean with a ``skewness`` :math:`\gamma`. Such a mean m counts as a gamma variable of mean 1
        and shape :math:`k = 4/\gamma^2`, as that of squared normal errors is, with
        :math:`z = (m-1)\sqrt k` where the standard error is that of the law, and
        :math:`(m-1)\sqrt k/m` where it was observed and falls with m.
        """
        from scipy import special

        normal = student_quantile(self.tail, degrees)
        if abs(skewness) < LEAST_SKEWNESS:
            return normal
        shape = 4.0 / skewness**2
        low = float(special.gammaincinv(shape, self.tail)) / shape
        high = float(special.gammainccinv(shape, self.tail)) / shape
        below = math.sqrt(shape) * (1.0 - low) / low if low > 0.0 else math.inf
        return max(normal, below, math.sqrt(shape) * (high - 1.0))


class Outcome(NamedTuple):
    """The result of an experiment. The checker decides what follows from it.

    `moetheory.claims.outcomes` makes outcomes from what was drawn: ``mean_outcome`` (a mean
    against its expectation), ``estimate_outcome`` (an `Estimate` against a number),
    ``rate_outcome`` (a number of events against their probability), ``inequality_outcome`` and
    ``law_outcome`` (a sample against a distribution).

    Attributes
    ----------
    simulated, sem : float
        The measured quantity and its standard error.
    z : float
        Deviation from the claim in standard errors, or the normal deviate of the same
        probability. For an inequality 0 if it is met, else the shortfall in standard errors.
    threshold : float
        The |z| beyond which the outcome contradicts the claim, from `Setting.threshold`.
    replicates : int
        Number of independent repetitions that were drawn.
    power : float
        Smallest error that would have been seen with a probability of 99 %; for a mean
        ``(threshold + DETECTION_QUANTILE) * sem / expected``. Infinite where nothing is known.
    resolution : float
        The largest power with which the outcome decides: 0.02 asks that an error of 2 % be seen.
        With a larger power the claim is "inconclusive", never "holds".
    relative_to : str
        What power and resolution are a fraction of: "left" for the left side, another name for
        the report, or `ABSOLUTE`.
    enough : float
        Replicates without which the outcome decides nothing: with fewer, what it hangs on is
        drawn too rarely, or even a normal mean has too little power.
    note : str
        A remark for the report, such as "the bound is 1.3 times the quantile".
    """

    simulated: float
    sem: float
    z: float
    threshold: float
    replicates: int
    power: float
    resolution: float
    relative_to: str = "left"
    enough: float = 0.0
    note: str = ""

    @property
    def decides(self) -> bool:
        """Whether the outcome supports or contradicts the claim; False if power or z is NaN."""
        seen = self.power <= self.resolution and not math.isnan(self.z)
        return seen and self.replicates >= self.enough

    @property
    def needed(self) -> float:
        """Replicates with which the outcome would decide."""
        if self.enough > self.replicates:  # few replicates have larger thresholds than enough
            return self.enough
        return self.replicates * (self.power / self.resolution) ** 2
