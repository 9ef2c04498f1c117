"""The contract that a method of simulation fulfils: the first file to read in this folder.

A method is a way to draw random numbers whose mean is a risk: a mean squared error, or how often
the sign is wrong. Its `Route` describes one such draw, a replicate, for some estimators on some
models. The engine (``runs/``) asks a route for chunks: ``chunk(rng, replicates, work, keep)`` draws
so many replicates and returns a `Tally` of their values.
Chunk i has its own generator, and tallies are merged in order of i. The bits of a result depend on
the seed, the problem (models, estimators, samples, counts, perturbation, loss, method, schedule)
and the version of the package. They must not depend on memory, executor or number of workers: so
``chunk_size`` is a function of the models and the samples alone (of an assignment, a shared expert,
`Learned` and gradient descent also of these, the gate and the steps; of "krylov" also of what else
its steps depend on), and no BLAS call spans two replicates.

Each string of ``method=`` has one entry file: ``population.py``, ``flips.py``, ``identity.py``,
``law.py``, ``krylov.py``, ``statistics.py`` and ``data.py``. More files have routes:
``learned_routers.py`` ("identity" for gates that are `Learned`), ``gated_fits.py`` and
``learned_fits.py`` (the same two with samples), ``gated_data.py`` ("data" for gates that route by
the input), ``composed.py`` ("statistics" for experts that serve several groups) and
``descent_fits.py`` (gradient descent by "statistics" and "data"). Helpers: ``tally.py`` (moments),
``base.py`` (routes over training sets), ``fit_risks.py`` (risks of their fits), ``router_fits.py``
(for learned gates). For gates ``block_energies.py`` has squared coordinates, in the layout of
``squares_layout.py``, with scores and losses in ``group_scores.py`` and ``loss_forms.py``;
``drawn_inputs.py`` draws them, ``confusable_inputs.py`` and ``tilted_pairs.py`` those that a gate
is likely to send astray. Also ``data_routers.py`` (the same for "data"), ``perturbed_inputs.py``
(for "population", "flips" and "data"), ``training_sets.py`` and ``custom_fits.py`` (estimators of
one's own, for "data"), ``statistics_rows.py`` and ``statistics_rotated.py`` (for
"statistics"), ``rotated_blocks.py`` (isotropic blocks, for "krylov", "statistics" and "law"),
``krylov_layouts.py`` and ``krylov_costs.py`` (for "krylov"), ``strata.py`` (how many inputs are
drawn of each group). ``plans.py`` and ``gate_plans.py`` above this folder choose the routes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, get_args

import numpy as np

from moetheory.common.errors import ArgumentError
from moetheory.kernels import Workspace
from moetheory.problem.model import BlockModel
from moetheory.simulation.methods.tally import Tally

Method = Literal["population", "flips", "identity", "law", "krylov", "statistics", "data"]
METHODS: tuple[Method, ...] = get_args(Method)
ON_INPUTS: tuple[Method, ...] = ("population", "flips", "identity")  # without training sets

# replicates of a run whose length is not given: test samples or inputs, and training sets
TEST_SAMPLES = 100_000
TRAINING_SETS = 1000


class Route(Protocol):
    """What the engine asks of a method: chunks of replicates, and what a chunk costs."""

    @property
    def models(self) -> tuple[BlockModel, ...]:
        """The models, which differ only in their noise variance and use the same draws."""

    @property
    def method(self) -> str:
        """The method that estimates report."""

    @property
    def default_replicates(self) -> int:
        """Replicates of a run whose length is not given."""

    @property
    def chunk_size(self) -> int:
        """Replicates in a chunk: a function of the models and the samples alone."""

    @property
    def fewest(self) -> int:
        """Replicates in the smallest chunk: those that every stratum needs, or one."""

    @property
    def footprint(self) -> int:
        """Bytes a chunk works in, at most."""

    @property
    def cost(self) -> int:
        """Work of a replicate, about the random numbers it draws; it weighs routes in progress."""

    def chunk(
        self, rng: np.random.Generator, replicates: int, work: Workspace, keep: bool
    ) -> Tally:
        """The tally of ``replicates`` replicates drawn from ``rng``; ``work`` lends memory.

        It has the values themselves if ``keep``.
        """


@dataclass(frozen=True)
class Family:
    """Estimators that share their draws, and the route that simulates them.

    Attributes
    ----------
    name : str
        "all", "experts", "dense", "data", the number of an assignment or what a router has learned
        from.
    members : tuple of int
        Indices of the estimators in the call of `simulate`.
    route : Route
        Values of a tally are model by model, in the order of ``members``.
    salt : tuple of int
        Part of the seeds, so that families have different random streams.
    """

    name: str
    members: tuple[int, ...]
    route: Route
    salt: tuple[int, ...]


def require_enough(replicates: int, fewest: int) -> None:
    """Refuse fewer replicates than groups need, of which each is a stratum."""
    if replicates < fewest:
        raise ArgumentError(
            "replicates",
            f"must be at least {fewest}, two inputs for each of {fewest // 2} groups, "
            f"got {replicates}",
        )
