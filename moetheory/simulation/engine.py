"""`simulate` and `fitted_risks`: risks of optimal and of fitted estimators."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import replace
from typing import Unpack, overload

import numpy as np
from numpy.typing import ArrayLike

from moetheory.common.arrays import FloatArray
from moetheory.common.errors import ArgumentError, Mention
from moetheory.common.seeding import RNG, entropy_of
from moetheory.problem.custom_estimators import Custom, Fit
from moetheory.problem.estimators import (
    Simulated,
    checked_simulated,
    routes_by_input,
    simplest,
)
from moetheory.problem.losses import Loss
from moetheory.problem.model import BlockModel, checked_model
from moetheory.problem.perturbation import Perturbation
from moetheory.problem.sample_counts import Counts, checked_replicates
from moetheory.results.estimates import Estimate, Estimates
from moetheory.simulation.arguments import (
    checked_estimators,
    checked_training_samples,
    checked_under,
)
from moetheory.simulation.custom_arguments import method_with
from moetheory.simulation.methods.base import TrainingRoute
from moetheory.simulation.methods.route import TRAINING_SETS, Method
from moetheory.simulation.plans import families
from moetheory.simulation.questions import Question, SimulateKeywords, answers
from moetheory.simulation.runs.assembly import by_model
from moetheory.simulation.runs.chunks import Run
from moetheory.simulation.runs.options import MEMORY, Progress


@overload
def simulate(
    estimator: Simulated | Fit, model: BlockModel, **options: Unpack[SimulateKeywords]
) -> Estimate: ...
@overload
def simulate(
    estimator: Sequence[Simulated | Fit], model: BlockModel, **options: Unpack[SimulateKeywords]
) -> Estimates: ...
@overload
def simulate(
    estimator: Simulated | Fit, model: Sequence[BlockModel], **options: Unpack[SimulateKeywords]
) -> Estimates: ...
@overload
def simulate(
    estimator: Sequence[Simulated | Fit],
    model: Sequence[BlockModel],
    **options: Unpack[SimulateKeywords],
) -> list[Estimates]: ...
def simulate(
    estimator: Simulated | Fit | Sequence[Simulated | Fit],
    model: BlockModel | Sequence[BlockModel],
    *,
    samples: ArrayLike | None = None,
    under: Perturbation | None = None,
    counts: Counts = "fixed",
    loss: Loss = "squared",
    method: Method | None = None,
    replicates: int | None = None,
    target_sem: float | None = None,
    rng: RNG = None,
    executor: Executor | int | None = None,
    memory: int = MEMORY,
    progress: Progress | bool | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    part: tuple[int, int] | None = None,
) -> Estimate | Estimates | list[Estimates]:
    r"""Monte Carlo estimate of a risk: of the optimal predictor or of one that was fitted.

    Without ``samples``: draws data from the model, applies the population-optimal predictor and
    averages the squared errors :math:`(f(\bar x) - y)^2`. A replicate is one fresh test sample.
    Where a gate routes by the input it averages instead, over noisy inputs, the
    risk given the squares of their coordinates; with `Learned` a replicate is one training set
    of the router and 32 such inputs, or 2 K if that is more. Groups are strata: each gets
    two inputs at least, the rest in proportion to :math:`p_g` times the standard deviation of
    its squared errors in theory, so that a rare group that carries the risk is not missed. A third
    of the noisy inputs are such as a gate is likely to confuse, and count less, so that errors of
    routing are not missed, however rare. Of
    ``under``, other noise and interference that are normal change the squares that are drawn,
    and not the gate. With the rest of it, and for experts that serve several groups or have a
    shared one beside them, it averages squared errors for all gates: every input that is drawn
    meets the perturbation before it is routed.

    With ``samples``: averages the true risks of estimators fitted on training sets. A replicate
    is one training set. Dense is fitted on all n samples,

    .. math:: \hat\beta = \arg\min_\beta \tfrac1n\|\bar X\beta - y\|^2 + \mu\|\beta\|^2,

    expert g on the :math:`n_g` samples of its group and the coordinates of its block; with
    :math:`\mu = 0` it is the solution of minimum norm, without samples zero. An expert that serves
    several groups has the samples and the blocks of all of them. A shared expert w and the others,
    :math:`u_e`, are fitted jointly, with the penalty
    :math:`\mu\|w\|^2 + \mu\sum_e\tfrac{n_e}n\|u_e\|^2`. Training sets are
    drawn as what the fit depends on, which does not grow with n, and nothing is tested on data:
    the risk of a fit is the quadratic form

    .. math:: \sum_g p_g \sum_m \big( S_{gm}(b_m-\hat\beta_{gm})^2
              + N_{gm}\hat\beta_{gm}^2 \big) + \omega^2,

    :math:`S_{gm}` the clean variance (:math:`\lambda_m` on block g, :math:`\nu_m` off it),
    :math:`N_{gm}` that of the noise (:math:`n_m` on, :math:`n_m+\kappa_m` off) and
    :math:`\hat\beta_g` what an input of group g meets: :math:`\hat\beta`, or its expert on the
    blocks of this expert and zero, or w, off them; with ``under`` the one that it becomes there
    (docs/theory.md §7).

    Where a gate routes by the input, this sum is not the risk. Test inputs are then drawn for each
    training set: 32 of them, or one for each group ("data") or two ("identity") if that is more.
    By "data" the value is the mean of their losses. By "identity" it is the sum above, that of
    oracle routing, for coefficients that were drawn from their law, plus what the gate adds to it
    given the squares of the inputs. With `Learned` a replicate also draws the samples of the
    router, and "identity" has the mean over the experts' coefficients in closed form.
    With ``retrained`` the gate sorts the training inputs, whose groups are not known, and each
    expert is fitted on what it is sent; there is "data" alone.

    With ``loss="sign"`` the estimate is the probability that the prediction has not the sign of
    the label: signs are compared on fresh test samples, a prediction of zero counts one half, and
    groups get their share :math:`p_g` of the inputs. With ``samples`` it is the mean of the
    `misclassification` of each fit, in closed form.

    Parameters
    ----------
    estimator : Dense, MoE, Custom or a sequence of them
        A function ``fit(features, labels, groups, rng)`` stands for its `Custom`. With one of them
        all estimators are fitted by "data"; the training sets, and the numbers of the others, are
        those without it. The function is tried twice on the first training set.
    model : BlockModel or a sequence of them
        Models that differ only in their noise variance use the same draws.
    samples : int or (K,) integer array, optional
        Size of the training sets, or the samples of each group. None: infinitely many.
    under : Perturbation, optional
        What differs at test time. Predictors and gates are those of training; of several models
        each keeps its own noise variance at test unless this gives one.
    counts : {"fixed", "multinomial"}
        How many of n samples a group gets: :math:`n_g \approx p_g n` by largest remainder in
        every training set, or drawn anew for each.
    loss : {"squared", "sign"}
        What is averaged: squared errors, or mistakes of sign.
    method : {"population", "flips", "identity", "law", "krylov", "statistics", "data"}, optional
        None: the cheapest way for each. Without ``samples``: losses on test samples ("population"),
        their means over the signs of all coordinates ("flips", by name: squared errors, and of test
        noise no other law, no erasure and no shift) or risks given the squares ("identity": squared
        errors, one expert a group), for all estimators. With ``samples``: "identity": gates that
        route by the input, with one expert a group, squared errors, and normal noise at test time;
        beside them oracle routing, with the same coefficients. "law": experts without ridge, one a
        group, their coefficients drawn from their law, at most about 1 number a coordinate.
        "krylov": dense, strict blocks without interference, with noise in every coordinate: LSQR,
        which looks at the features only through a few vectors, and only these products are drawn.
        The risk of a fit is right to :math:`10^{-10}` of itself. Where its variance is infinite
        "statistics" takes over. "statistics": rows that have the normal equations of the training
        set in law, at most 2 d for dense (strict blocks without interference) and :math:`s_g` for
        an expert; an expert that serves several groups is dense on these. "data": every sample,
        which is what all estimators then share, so that their differences are paired. With a shared
        expert, and for experts of several groups with drawn counts or confusion, there is "data"
        alone; and for gates that route by the input wherever "identity" is not known.
    replicates : int, optional
        From 2 to 10¹⁵, and of test samples or inputs 2 for each group; if not given 1000
        training sets or 100 000 test samples or inputs.
    target_sem : float, optional
        Instead of ``replicates``: stop after the first chunks, and at least 100 replicates, at
        which no standard error is larger. A target that would take more than 10¹² replicates, by
        what was drawn so far, is refused; the error says what it would take, and the smallest
        target that would not be.
    rng : int, SeedSequence, Generator or None
        ``rng=estimate.entropy`` replays an estimate. A Generator gives 128 bits.
    executor : concurrent.futures.Executor or int, optional
        What carries out the chunks; it is not shut down. An integer: that many processes of our
        own, started for this call. None: this process.
    memory : int
        Bytes that all chunks at work may use together, 256 MiB unless told.
    progress : callable or bool, optional
        Called as ``progress(done, replicates)`` after every chunk. True: a line on stderr.
    checkpoint : path, optional
        A file that keeps finished chunks. The same call with the same file goes on where it
        stopped, and gives the bits it would have given; without ``rng``, with the seed in it.
    part : (int, int), optional
        ``(i, m)``: only the i-th of m parts of the chunks, i from 0; see `merge_checkpoints`.
        An estimate with fewer chunks than parts may have none in this one: then it is NaN.

    Returns
    -------
    Estimate
        For one estimator and one model.
    Estimates
        For several estimators, or for several models.
    list of Estimates
        For several of both: of all estimators, model by model.

    Raises
    ------
    ValueError
        An argument is none of the above; ``samples`` is negative, fractional or zero in total;
        ``counts="multinomial"`` without ``samples`` or with the samples of each group;
        ``method`` does not apply; a gate that has too few samples to learn from; ``under`` with
        confusion or a radius and a gate that routes by the input; `Learned` and experts that
        serve several groups or a shared one; an assignment of another number of groups; signs of
        labels that do not vary; ``target_sem`` with infinite variance; ``memory`` too small for a
        chunk; ``checkpoint`` damaged or of another run. Of `Custom`: no ``samples``, or another
        method; a checkpoint without its name and version; processes that cannot import it; it
        raises, differs between two calls, or returns what it must not: the message says at which
        replicate, and how to `replay` it.
    NoClosedForm
        ``samples``, and ``under`` with a radius and errors that are not normal: erasure, or
        noise of another law. With ``loss="sign"`` also each of these by itself.
    OSError
        ``checkpoint`` cannot be written, or another run uses it, which is found out before the
        work.
    ExecutorError
        The executor broke or was shut down.

    Warns
    -----
    CheckpointWarning
        ``checkpoint`` could not be saved later on: the run goes on, and its result is returned.
    HeavyTailWarning
        The variance of a risk is infinite: its ``sem`` is, and ``median`` and
        ``median_interval`` say what can be said. Or its third moment is, and fewer than 100
        replicates make intervals too short. Or the test noise has such tails.
    RareGroupWarning
        What carries a risk is rarer than what was drawn, and ``sem`` cannot be trusted: a group
        that few of the training sets with multinomial counts have samples of, or few lack; a
        confusion or an erasure that is rare and dear; or, on data, a gate that errs on hardly
        any of the inputs. Of signs: fewer than ten were wrong, or right.

    Notes
    -----
    Estimators share their draws with "population", "flips", "identity" (those of a learned router
    its own) and "data". Otherwise those that are dense share theirs, and so do the experts,
    mixtures with the same assignment, and those with gates that route by the input;
    `Estimates.paired` tells.

    Work is cut into chunks whose size depends on the model, the estimators, ``samples`` and the
    version of this package alone; chunk i is seeded by
    ``SeedSequence(entropy, spawn_key=(i,))``, of experts in a route of their own by
    ``spawn_key=(i, 1)``, with an assignment by ``spawn_key=(i, 3, *assignment)``, of fitted
    experts behind gates that route by the input by ``spawn_key=(i, 5, ...)``; chunks are
    merged in order of i. BLAS is held to one thread. So the result has the same bits for any
    memory, executor and number of workers.

    Source: docs/theory.md §2 (optimal predictors), §4 (fitted ones), §5 (how they are drawn), §11
    (experts that serve several groups, a shared expert), §12 (signs).

    Examples
    --------
    >>> from moetheory import Dense, MoE, Soft, even_confusion, risk
    >>> model = BlockModel.isotropic(16, 4, noise_variance=1.0, signal_energy=16.0)
    >>> estimate = simulate(MoE(), model, replicates=20_000, rng=0)
    >>> abs(estimate.z(risk(MoE(), model))) < 5
    True

    Ten samples for each expert of four coordinates: 0.2, the risk of the optimal experts,
    becomes 0.2 · (1 + 4/(10-4-1)) = 0.36.

    >>> fitted = simulate([Dense(), MoE()], model, samples=40, rng=0)
    >>> [each.method for each in fitted], abs(fitted[1].z(0.36)) < 5
    (['statistics', 'law'], True)
    >>> fitted.difference(0, 1).method
    'statistics and law, independent draws'

    Every tenth input sent to a wrong expert, and every fifth coordinate lost:

    >>> under = Perturbation(confusion=even_confusion(4, 0.1), erasure=0.2)
    >>> worse = simulate(MoE(), model, samples=40, under=under, rng=0)
    >>> theory = risk(MoE(), model, samples=40, under=under)
    >>> f"{theory.value:.3f}", abs(worse.z(theory)) < 5
    ('0.555', True)

    The same experts behind a gate that sees the noisy input alone:

    >>> gated = simulate(MoE(gate=Soft()), model, samples=40, rng=0)
    >>> gated.method, abs(gated.z(risk(MoE(gate=Soft()), model, samples=40))) < 5
    ('identity', True)

    Fewer experts than groups, and the signs of their predictions:

    >>> fewer = MoE(assignment=(0, 0, 1, 1))
    >>> each = simulate(fewer, model, samples=40, rng=0)
    >>> each.method, round(each.mean, 2)
    ('statistics', 0.58)
    >>> simulate([Dense(), fewer, MoE()], model, loss="sign", rng=0).means.round(2)
    array([0.25, 0.2 , 0.15])
    """
    question = Question.of(
        estimator,
        model,
        samples=samples,
        under=under,
        counts=counts,
        method=method,
        loss=loss,
        replicates=replicates,
        target_sem=target_sem,
        rng=rng,
        executor=executor,
        memory=memory,
        progress=progress,
        checkpoint=checkpoint,
        part=part,
    )
    (found,) = answers("simulate", [question])
    names = [each.label if isinstance(each, Custom) else each for each in question.estimators]
    estimates = replace(found, names=tuple(names) * len(question.models))
    several = isinstance(estimator, Sequence)
    if isinstance(model, Sequence):
        return by_model(estimates, len(question.models)) if several else estimates
    return estimates if several else estimates[0]


def fitted_risks(
    estimators: Sequence[Simulated | Fit],
    model: BlockModel,
    samples: ArrayLike,
    *,
    under: Perturbation | None = None,
    counts: Counts = "fixed",
    method: Method | None = None,
    replicates: int = TRAINING_SETS,
    rng: RNG = None,
) -> FloatArray:
    """The risks given the group of E estimators after each of R training sets, shape (E, R, K).

    The numbers, in their order, that `simulate` averages for the same arguments.

    Examples
    --------
    >>> from moetheory import MoE
    >>> model = BlockModel.isotropic(16, 4, noise_variance=1.0, signal_energy=16.0)
    >>> risks = fitted_risks([MoE()], model, 40, replicates=100, rng=0)
    >>> risks.shape, bool(np.all(risks > 0.2))
    ((1, 100, 4), True)
    """
    models = (checked_model(model),)
    asked = [
        each if isinstance(each, Custom) else simplest(each, model)
        for each in checked_estimators(estimators, checked_simulated)
    ]
    method = method_with(asked, samples, method)
    sizes = checked_training_samples(samples, counts, method, model)
    if method == "identity":
        raise ArgumentError(Mention("method", method), "does not give the risk of each fit")
    for each in asked:
        if routes_by_input(each):
            raise ArgumentError(
                "estimator",
                "must have Oracle routing, with which each fit has a risk in closed form, got ",
                each,
            )
    under = checked_under(under, asked, model, samples)
    total, entropy = checked_replicates(replicates, minimum=1), entropy_of(rng)
    risks = np.empty((len(asked), total, model.experts))
    for family in families(asked, models, sizes, counts, method, under):
        assert isinstance(family.route, TrainingRoute)
        run = Run(family.route, entropy, family.salt, total)
        risks[list(family.members)] = np.concatenate(
            [run.risks(index) for index in run.indices()], axis=1
        )
    return risks
