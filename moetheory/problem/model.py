"""The block model: groups of samples, blocks of coordinates, Gaussian features, feature noise."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from moetheory.common.arrays import FloatArray, IntArray
from moetheory.common.errors import (
    ArgumentError,
    ArgumentKeyError,
    ArgumentTypeError,
    Mention,
    OutOfRangeError,
)
from moetheory.common.frozen import freeze
from moetheory.common.seeding import RNG, generator_of
from moetheory.common.text import code, fits_screen, short_repr
from moetheory.common.validation import (
    Limits,
    count,
    distinct,
    file_path,
    number,
    number_or_vector,
    read_only,
    regular_array,
    scalar_or_vector,
    shown,
    vector,
    zero_or_within,
)
from moetheory.problem import eigenbasis, limits, model_families, model_json
from moetheory.problem.probabilities import normalised

MOST_NUMBERS = 2**31  # in the features of a sample: 16 GiB
_MOST_COORDINATES_SHOWN = 32  # of a model that may be written out as code
_FIELDS = (
    "group_probabilities",
    "block_of",
    "signal_variances",
    "coefficients",
    "noise_variance",
    "leakage_variances",
    "interference_variances",
    "label_noise_variance",
    "rotations",
)
_LIMITS: dict[str, Limits] = {
    "group_probabilities": limits.NUMBERS,
    "signal_variances": limits.NUMBERS,
    "coefficients": limits.NUMBERS,
    "noise_variance": limits.NUMBERS,
    "leakage_variances": limits.NUMBERS,
    "interference_variances": limits.NUMBERS,
    "label_noise_variance": limits.SQUARES,
}


@dataclass(frozen=True, eq=False, repr=False)
class Sample:
    """A drawn data set: ``features`` (n, d), noise included; ``labels`` (n,); ``groups`` (n,)."""

    features: FloatArray
    labels: FloatArray
    groups: IntArray

    def __repr__(self) -> str:
        return short_repr(self)


@dataclass(frozen=True, init=False, eq=False, repr=False)
class BlockModel:
    r"""A model of modular inputs with Gaussian feature noise, in the eigenbasis of each block.

    A sample belongs to group :math:`g` with probability :math:`p_g`. Its clean features
    :math:`x` are independent and Gaussian: variance :math:`\lambda_m` for the coordinates
    :math:`m` of block :math:`g`, :math:`\nu_m` (leakage, zero for strict blocks) for the others.
    The sample is observed as :math:`\bar x = x + e`, :math:`e \sim N(0, \sigma^2 I_d)`, with label
    :math:`y = x^\top b + \varepsilon`, :math:`\varepsilon \sim N(0, \omega^2)`. In general the
    noise :math:`e_m` has variance :math:`n_m` while the block of m is active, and
    :math:`n_m + \kappa_m` (interference) while it is not.

    Parameters
    ----------
    group_probabilities : (K,) array
        :math:`p`, non-negative, with sum 1 within 1e-9 (float32: 1e-6). They are divided by their
        sum, unless the sum is 1 up to rounding.
    block_of : (d,) integer array
        The block, 0 to K-1, of each coordinate; every block has at least one.
    signal_variances : (d,) array
        :math:`\lambda`, variance of each clean coordinate while its block is active.
    coefficients : (d,) array
        :math:`b`, the true linear coefficients.
    noise_variance : float or (d,) array
        :math:`\sigma^2`, variance (not standard deviation) of the feature noise, or
        :math:`n`, that of each coordinate. The attribute is a float where all are equal.
    leakage_variances : float or (d,) array
        :math:`\nu`, variance of each clean coordinate while its block is inactive.
    interference_variances : float or (d,) array
        :math:`\kappa`, variance of the noise that each coordinate has in addition while its
        block is inactive. No label depends on it. A model of one group has no inactive block,
        so that its interference must be zero.
    label_noise_variance : float
        :math:`\omega^2`.
    rotations : sequence of K orthogonal (s_g, s_g) arrays, optional
        Column j of ``rotations[g]`` is, in the block's original coordinates, the direction of
        the block's j-th coordinate in the model. `from_covariances` sets them.

    Raises
    ------
    ValueError
        An argument is not finite, negative where it must not be, or of the wrong shape; the
        probabilities do not sum to 1; a block is empty; a number lies outside the range in which
        results are right.

    Notes
    -----
    Every probability, variance and coefficient is 0 or has a size from 1e-40 to 1e40, the label
    noise variance is 0 or from 1e-80 to 1e80. The feature noise is 0 or from 1e-15 to 1e15 times
    the largest signal energy :math:`\mathbb E\|x\|^2` of a group, unless there is no signal;
    interference is at most 1e15 times this energy.

    Models are frozen: the arrays are copies and read-only, also after unpickling. Models compare
    by value and can be dictionary keys. Source: docs/theory.md §1 and §10.

    Examples
    --------
    >>> model = BlockModel([0.25, 0.75], [0, 0, 1], [2.0, 1.0, 1.0], [1.0, -1.0, 2.0], 0.5)
    >>> model.dim, model.experts, model.sizes.tolist(), model.null_risk
    (3, 2, [2, 1], 3.75)
    """

    group_probabilities: FloatArray
    block_of: IntArray
    signal_variances: FloatArray
    coefficients: FloatArray
    noise_variance: float | FloatArray
    leakage_variances: FloatArray
    interference_variances: FloatArray
    label_noise_variance: float
    rotations: tuple[FloatArray, ...] | None
    sizes: IntArray
    strict: bool
    interferes: bool

    def __init__(
        self,
        group_probabilities: ArrayLike,
        block_of: ArrayLike,
        signal_variances: ArrayLike,
        coefficients: ArrayLike,
        noise_variance: ArrayLike,
        *,
        leakage_variances: ArrayLike = 0.0,
        interference_variances: ArrayLike = 0.0,
        label_noise_variance: float = 0.0,
        rotations: Sequence[ArrayLike] | None = None,
    ) -> None:
        probabilities = vector("group_probabilities", group_probabilities, minimum=0.0)
        probabilities = normalised("group_probabilities", group_probabilities, probabilities)
        read_only(probabilities)
        blocks = checked_blocks(block_of, len(probabilities))
        dim = len(blocks)
        sizes = np.bincount(blocks, minlength=len(probabilities))
        read_only(sizes)
        leakage = scalar_or_vector("leakage_variances", leakage_variances, length=dim, minimum=0.0)
        interference = scalar_or_vector(
            "interference_variances", interference_variances, length=dim, minimum=0.0
        )
        values: dict[str, Any] = {
            "group_probabilities": probabilities,
            "block_of": blocks,
            "signal_variances": vector(
                "signal_variances", signal_variances, length=dim, minimum=0.0
            ),
            "coefficients": vector("coefficients", coefficients, length=dim),
            "noise_variance": number_or_vector(
                "noise_variance", noise_variance, length=dim, minimum=0.0
            ),
            "leakage_variances": leakage,
            "interference_variances": interference,
            "label_noise_variance": number(
                "label_noise_variance", label_noise_variance, minimum=0.0
            ),
            "rotations": None if rotations is None else eigenbasis.orthogonal(rotations, sizes),
            "sizes": sizes,
            "strict": not distinct(leakage).any(),
            "interferes": bool(distinct(interference).any()),
        }
        for name, within in _LIMITS.items():
            zero_or_within(name, values[name], within)
        for name, value in values.items():
            object.__setattr__(self, name, value)
        if self.interferes and len(sizes) == 1:
            raise ArgumentError(
                "interference_variances",
                "must be 0 for one group, whose block is never inactive, "
                f"got {distinct(interference).max():g}",
            )
        limits.check_noise(
            self.noise_variance, interference, blocks, self.signal_variances, leakage
        )

    # --- constructors -------------------------------------------------------------------------

    @classmethod
    def isotropic(
        cls,
        dim: int,
        experts: int,
        noise_variance: ArrayLike,
        *,
        signal_energy: float = 1.0,
        label_power: float = 1.0,
        leakage_variances: ArrayLike = 0.0,
        interference_variances: ArrayLike = 0.0,
        label_noise_variance: float = 0.0,
    ) -> BlockModel:
        r"""A model of the iso-parameter regime: K equal isotropic blocks share d coordinates.

        :math:`p_g = 1/K`, :math:`\Sigma_g = (SK/d) I`, equal coefficients with
        :math:`\mathbb E (x^\top b)^2 = V`; for strict blocks :math:`\|b_g\|^2 = Vd/(SK)`.

        Parameters
        ----------
        dim, experts : int
            d, at most 2²⁷, and K, which must divide d.
        noise_variance : float or (d,) array
            :math:`\sigma^2`, or that of each coordinate.
        signal_energy : float
            :math:`S = \operatorname{tr}\Sigma_g`, positive.
        label_power : float
            :math:`V`, the variance of the labels without label noise, leakage included.
        leakage_variances, interference_variances, label_noise_variance
            As for `BlockModel`.

        Examples
        --------
        >>> model = BlockModel.isotropic(6, 3, noise_variance=1.0, signal_energy=6.0)
        >>> model.signal_variances.tolist(), round(model.null_risk, 12)
        ([3.0, 3.0, 3.0, 3.0, 3.0, 3.0], 1.0)
        """
        return cls.power_law(
            dim,
            experts,
            noise_variance,
            decay=0.0,
            signal_energy=signal_energy,
            label_power=label_power,
            leakage_variances=leakage_variances,
            interference_variances=interference_variances,
            label_noise_variance=label_noise_variance,
        )

    @classmethod
    def power_law(
        cls,
        dim: int,
        experts: int,
        noise_variance: ArrayLike,
        *,
        decay: float,
        signal_energy: float = 1.0,
        label_power: float = 1.0,
        leakage_variances: ArrayLike = 0.0,
        interference_variances: ArrayLike = 0.0,
        label_noise_variance: float = 0.0,
    ) -> BlockModel:
        r"""A model of K equal blocks with eigenvalues as :math:`\mathrm{rank}^{-\mathrm{decay}}`.

        The normalisation is that of `isotropic`, which is the case ``decay=0``: in every block
        :math:`\sum_m \lambda_m = S`; all coefficients are equal with
        :math:`\mathbb E (x^\top b)^2 = V`.

        Examples
        --------
        >>> model = BlockModel.power_law(4, 2, noise_variance=1.0, decay=1.0, signal_energy=3.0)
        >>> model.signal_variances.tolist()
        [2.0, 1.0, 2.0, 1.0]
        """
        return cls(
            **model_families.power_law(
                dim, experts, decay, signal_energy, label_power, leakage_variances
            ),
            noise_variance=noise_variance,
            leakage_variances=leakage_variances,
            interference_variances=interference_variances,
            label_noise_variance=label_noise_variance,
        )

    @classmethod
    def from_covariances(
        cls,
        covariances: Sequence[ArrayLike],
        coefficients: Sequence[ArrayLike],
        noise_variance: float | None = None,
        *,
        noise_covariances: Sequence[ArrayLike] | None = None,
        group_probabilities: ArrayLike | None = None,
        leakage_variances: ArrayLike = 0.0,
        interference_variances: ArrayLike = 0.0,
        label_noise_variance: float = 0.0,
    ) -> BlockModel:
        r"""A model of correlated blocks, from K covariance matrices that are diagonalised once.

        With :math:`\Sigma_g = U_g \Lambda_g U_g^\top` the model holds :math:`\Lambda_g`
        (ascending) and :math:`U_g^\top \beta_g`; the noise is isotropic, so no risk changes.
        ``rotations[g]`` is :math:`U_g`: a block's features ``z`` (in the order the model keeps
        them) are ``rotations[g] @ z`` in the original coordinates.

        With ``noise_covariances`` :math:`N_g`, correlated noise inside each block, the block is
        whitened: :math:`N_g^{-1/2}\Sigma_gN_g^{-1/2} = U_g\Lambda_gU_g^\top`, and the model's
        coordinates are :math:`z = U_g^\top N_g^{-1/2}x`. Their noise variance is 1, their
        coefficients are :math:`U_g^\top N_g^{1/2}\beta_g`. Labels, population risks without ridge
        and least squares on at least as many samples as coordinates are those of the original
        coordinates. Ridge, least squares of minimum norm, gradient descent, and at test time
        another noise variance, erasure and a worst-case shift act on z: they are other estimators
        and other perturbations than in the original coordinates. The model has no ``rotations``.

        Parameters
        ----------
        covariances : K symmetric positive semidefinite (s_g, s_g) arrays
        coefficients : K arrays of shape (s_g,)
            :math:`\beta_g`, in the original coordinates.
        noise_variance : float, optional
            :math:`\sigma^2`. It or ``noise_covariances`` must be given, and not both.
        noise_covariances : K symmetric positive definite (s_g, s_g) arrays, optional
            :math:`N_g`, the covariance of the noise in block g while it is active.
        group_probabilities : (K,) array, optional
            Equal if not given.
        leakage_variances, interference_variances, label_noise_variance
            As for `BlockModel`; arrays are in the coordinates of the model. Leakage of amplitude
            :math:`\alpha` in every block is
            ``model.replace(leakage_variances=alpha**2 * model.signal_variances)``.

        Raises
        ------
        ValueError
            `BlockModel` refuses an argument, or a covariance is not square, not symmetric
            (two entries differ by more than 1e-10, float32: 1e-5) or not positive
            semidefinite (an eigenvalue below -1e-10, float32: -1e-5). The message says which, and
            the smallest eigenvalue. A noise covariance is singular (an eigenvalue of at most 1e-10,
            float32: 1e-5), or not of the shape of the block's covariance. These limits are for
            matrices with the diagonal scaled to ones.

        Examples
        --------
        >>> model = BlockModel.from_covariances(
        ...     [[[2.0, 1.0], [1.0, 2.0]], [[4.0]]], [[1.0, 0.0], [3.0]], noise_variance=1.0)
        >>> model.signal_variances.round(12).tolist(), model.sizes.tolist()
        ([1.0, 3.0, 4.0], [2, 1])

        The noise of two sensors is correlated; what they have in common is the signal:

        >>> correlated = BlockModel.from_covariances(
        ...     [[[1.0, 1.0], [1.0, 1.0]], [[4.0]]], [[1.0, 1.0], [3.0]],
        ...     noise_covariances=[[[1.0, 0.5], [0.5, 1.0]], [[2.0]]])
        >>> correlated.signal_variances.round(12).tolist(), correlated.noise_variance
        ([0.0, 1.333333333333, 2.0], 1.0)
        """
        if (noise_variance is None) == (noise_covariances is None):
            given = "neither" if noise_variance is None else "both"
            raise ArgumentError(
                "noise_variance",
                "or ",
                Mention("noise_covariances"),
                f" must be given, got {given}",
            )
        fields = model_families.from_covariances(
            covariances, coefficients, noise_covariances, group_probabilities
        )
        try:
            return cls(
                **fields,
                noise_variance=(
                    1.0 if noise_variance is None else number("noise_variance", noise_variance)
                ),
                leakage_variances=leakage_variances,
                interference_variances=interference_variances,
                label_noise_variance=label_noise_variance,
            )
        except OutOfRangeError as error:
            if noise_variance is None and error.argument == "noise_variance":
                raise OutOfRangeError(
                    "noise_covariances",
                    "must be such that the largest signal energy of a group, in units of the "
                    f"noise, is between {limits.RATIOS[0]:g} and {limits.RATIOS[1]:g}",
                ) from None
            raise

    # --- what follows from the fields ---------------------------------------------------------

    @property
    def dim(self) -> int:
        """The number d of coordinates."""
        return len(self.block_of)

    @property
    def experts(self) -> int:
        """The number K of groups, of blocks and of experts."""
        return len(self.group_probabilities)

    @property
    def idle_noise(self) -> float | FloatArray:
        r"""The noise variance while the block is inactive, :math:`n + \kappa`: a float or (d,)."""
        if not self.interferes:
            return self.noise_variance
        variances = self.noise_variance + self.interference_variances
        read_only(variances)
        return variances

    @property
    def noiseless(self) -> bool:
        """Whether no coordinate ever has noise."""
        return not (self.interferes or np.any(self.noise_variance))

    @property
    def label_power(self) -> float:
        r"""The excess risk V of predicting zero: :math:`\sum_m h_m b_m^2`."""
        b = self.coefficients
        active = np.bincount(self.block_of, b * (b * self.signal_variances), self.experts)
        inactive = np.bincount(self.block_of, b * (b * self.leakage_variances), self.experts)
        p = self.group_probabilities
        return float(p @ active + (1.0 - p) @ inactive)

    @property
    def null_risk(self) -> float:
        r"""The risk of predicting zero, :math:`V + \omega^2`."""
        return self.label_power + self.label_noise_variance

    def replace(self, **changes: Any) -> BlockModel:
        """A new model with some constructor arguments changed, validated anew.

        >>> model = BlockModel.isotropic(4, 2, noise_variance=1.0)
        >>> model.replace(noise_variance=2.0).noise_variance
        2.0
        """
        for name in changes:
            if name not in _FIELDS:
                raise ArgumentKeyError(name, f"is unknown: replace() takes {', '.join(_FIELDS)}")
        return BlockModel(**{**self.fields(), **changes})

    def sample(self, n: int, rng: RNG = None) -> Sample:
        """Draw ``n`` independent samples; ``rng`` is an integer, SeedSequence, Generator or None.

        >>> data = BlockModel.isotropic(4, 2, noise_variance=1.0).sample(5, rng=0)
        >>> data.features.shape, data.labels.shape, data.groups.shape
        ((5, 4), (5,), (5,))
        """
        n = count("n", n, maximum=MOST_NUMBERS // self.dim)
        generator = generator_of(rng)
        groups = generator.choice(self.experts, size=n, p=self.group_probabilities)
        active = self.block_of == groups[:, np.newaxis]
        variances = np.where(active, self.signal_variances, self.leakage_variances)
        clean = generator.standard_normal((n, self.dim)) * np.sqrt(variances)
        label_noise = np.sqrt(self.label_noise_variance) * generator.standard_normal(n)
        noise_variance = self.noise_variance
        if self.interferes:
            noise_variance = np.where(active, noise_variance, self.idle_noise)
        noise = np.sqrt(noise_variance) * generator.standard_normal((n, self.dim))
        return Sample(clean + noise, clean @ self.coefficients + label_noise, groups)

    # --- value semantics ----------------------------------------------------------------------

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, BlockModel):
            return NotImplemented
        mine, theirs = self.fields(), other.fields()
        bases, other_bases = mine.pop("rotations"), theirs.pop("rotations")
        if (bases is None) != (other_bases is None):
            return False
        pairs = zip(bases or (), other_bases or (), strict=False)
        return all(np.array_equal(mine[name], theirs[name]) for name in mine) and all(
            np.array_equal(a, b) for a, b in pairs
        )

    def __hash__(self) -> int:
        digest = hashlib.blake2b(digest_size=8)
        for value in self.fields().values():
            for part in value if isinstance(value, tuple) else (value,):
                digest.update(np.ascontiguousarray(0.0 if part is None else part).data)
        return int.from_bytes(digest.digest(), "big", signed=True)

    def __reduce__(self) -> tuple[Any, ...]:
        # NumPy's own unpickling returns writable arrays
        return unchecked_model, (self.fields(),)

    def __repr__(self) -> str:
        text = self.to_code() if self.dim <= _MOST_COORDINATES_SHOWN else ""
        return text if text and fits_screen(text) else f"<{self.summary}>"

    def to_code(self) -> str:
        """The call that makes this model, as Python code of whatever length.

        >>> print(BlockModel.isotropic(2, 2, noise_variance=1.0).to_code())
        BlockModel(group_probabilities=[0.5, 0.5], block_of=[0, 1], signal_variances=[1.0, 1.0],
            coefficients=[1.0, 1.0], noise_variance=1.0)
        """
        fields = {
            name: value.tolist() if isinstance(value, np.ndarray) else value
            for name, value in self.fields().items()
        }
        if self.rotations is not None:
            fields["rotations"] = [basis.tolist() for basis in self.rotations]
        for name in ("leakage_variances", "interference_variances"):
            values = getattr(self, name)
            if not np.diff(values).any():
                fields[name] = float(values[0])
        parts = [
            f"{name}={value!r}"
            for name, value in fields.items()
            if name in _FIELDS[:5] or value not in (None, 0.0)
        ]
        return code(f"BlockModel({', '.join(parts)})")

    @property
    def summary(self) -> str:
        """The model in one line: its size, its noise, its null risk.

        >>> BlockModel.isotropic(1024, 8, noise_variance=0.5).summary
        'BlockModel dim=1024 experts=8 noise_variance=0.5 null_risk=1'
        """
        noise = self.noise_variance
        noise_text = (
            f"{noise:g}" if isinstance(noise, float) else f"{noise.min():g}..{noise.max():g}"
        )
        leaking = "" if self.strict else " leaking"
        interfering = " interfering" if self.interferes else ""
        return (
            f"BlockModel dim={self.dim} experts={self.experts} "
            f"noise_variance={noise_text} null_risk={self.null_risk:g}{leaking}{interfering}"
        )

    def fields(self) -> dict[str, Any]:
        """The constructor's arguments by name."""
        return {name: getattr(self, name) for name in _FIELDS}

    # --- files --------------------------------------------------------------------------------

    def to_json(self, path: str | os.PathLike[str]) -> None:
        """Write the model to a JSON file that `from_json` reads back bit for bit.

        A file that is already there is replaced only once the new one is complete.
        """
        model_json.write(file_path("path", path), self.fields())

    @classmethod
    def from_json(cls, path: str | os.PathLike[str]) -> BlockModel:
        """Read a model that `to_json` wrote.

        Raises
        ------
        ValueError
            The file is not JSON in UTF-8 (truncated, say), not a model, has unknown, missing or
            repeated keys, is a pipe or a device, or has more than 1 GiB. A field that cannot be is
            refused as by `BlockModel`; the message then begins with the file.
        OSError
            The file cannot be read.
        """
        place = file_path("path", path)
        fields = model_json.read(place, _FIELDS)
        try:
            return cls(**fields)
        except ArgumentError as error:
            error.place = f"{model_json.named(place)}: {error.place}"
            raise


def checked_model(model: BlockModel) -> BlockModel:
    """``model`` itself; ValueError for anything that is not a `BlockModel`."""
    if not isinstance(model, BlockModel):
        raise ArgumentTypeError("model", f"must be a BlockModel, got {shown(model)}")
    return model


def unchecked_model(fields: dict[str, Any]) -> BlockModel:
    """The model of constructor arguments that have been checked; arrays become read-only."""
    leakage, interference = fields["leakage_variances"], fields["interference_variances"]
    derived = {
        "sizes": np.bincount(fields["block_of"], minlength=len(fields["group_probabilities"])),
        "strict": not distinct(leakage).any(),
        "interferes": bool(distinct(interference).any()),
    }
    model = object.__new__(BlockModel)
    for name, value in {**fields, **derived}.items():
        freeze(value)
        object.__setattr__(model, name, value)
    return model


def checked_blocks(block_of: ArrayLike, experts: int) -> IntArray:
    """``block_of`` as a new read-only array (d,) of integers, each of 0 to ``experts`` - 1."""
    given = regular_array("block_of", block_of)
    if given.ndim != 1 or given.size == 0:
        raise ArgumentError("block_of", f"must have shape (d,) with d > 0, got {given.shape}")
    if given.dtype.kind not in "iu":
        raise ArgumentTypeError("block_of", f"must hold integers, got {given.dtype} values")
    bad = np.flatnonzero((given < 0) | (given >= experts))
    if bad.size:
        raise ArgumentError(
            "block_of",
            f"must lie in 0..{experts - 1} (one block per group), "
            f"got {given[bad[0]]} at index {bad[0]}",
        )
    blocks = given.astype(np.int64)
    sizes = np.bincount(blocks, minlength=experts)
    if not sizes.all():
        raise ArgumentError(
            "block_of",
            f"must give every expert a coordinate, got none for {int(np.argmin(sizes))} "
            f"(of {experts} experts)",
        )
    read_only(blocks)
    return blocks
