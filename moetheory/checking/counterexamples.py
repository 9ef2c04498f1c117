"""The result of a search for a counterexample."""

from __future__ import annotations

import os
from dataclasses import dataclass

from moetheory.checking.trials import violation
from moetheory.claims.model_space import ModelSpace
from moetheory.claims.proofs import Relation
from moetheory.common.errors import ArgumentError
from moetheory.common.text import code, counted, fits_screen, number, wrapped
from moetheory.problem.model import BlockModel

WIDTH = 100  # of the text


@dataclass(frozen=True, repr=False)
class Falsification:
    r"""The outcome of a search for a model that violates a claim.

    Attributes
    ----------
    claim : str
        What was to be broken: a theorem's name, or the claim in words.
    space : ModelSpace
        Where the models were searched.
    budget : int
        The largest number of models that were to be tried.
    entropy : int
        ``rng=result.entropy`` with the same budget replays the search.
    models_tried, models_applied : int
        Models, and those that meet the assumptions and for which a claim has two sides that
        decide something.
    model : BlockModel or None
        The counterexample, shrunk; None if none was found.
    samples : int or None
        The number of training samples, for a claim that has one as a free variable.
    violated : str
        The claim that the model violates, of those of a theorem.
    relation : {"<=", "=="}
    left, right : float or None
        Both sides there.
    confirmation : str
        What says that it is no error of rounding, or of a formula. If there is no counterexample:
        why what looked like one does not count.
    excluded_by : tuple of str
        The assumptions of the theorem or claim that the counterexample does not meet. Empty if
        assumptions were kept.
    closest : BlockModel or None
        If none was found: the model with the least slack in an inequality.
    closest_samples : int or None
        Its number of samples.
    smallest_slack : float or None
        How far it is from a violation: right minus left, relative to the larger side;
        0 up to rounding.
    obstacle : str
        If the claim never applied: why.
    interrupted : bool
        Whether the search was ended by Ctrl-C before its end.
    """

    claim: str
    space: ModelSpace
    budget: int
    entropy: int
    models_tried: int
    models_applied: int
    model: BlockModel | None = None
    samples: int | None = None
    violated: str = ""
    relation: Relation = "<="
    left: float | None = None
    right: float | None = None
    confirmation: str = ""
    excluded_by: tuple[str, ...] = ()
    closest: BlockModel | None = None
    closest_samples: int | None = None
    smallest_slack: float | None = None
    obstacle: str = ""
    interrupted: bool = False

    @property
    def found(self) -> bool:
        """Whether a counterexample was found."""
        return self.model is not None

    @property
    def status(self) -> str:
        """In words: "counterexample", "none found" or "never applied"."""
        if self.found:
            return "counterexample"
        return "none found" if self.models_applied else "never applied"

    @property
    def relative_violation(self) -> float | None:
        """By how much the sides violate the claim, relative to the larger one."""
        if self.left is None or self.right is None:
            return None
        return violation(self.relation, self.left, self.right)

    @property
    def code(self) -> str:
        """The counterexample as code to paste."""
        model = self._counterexample()
        more = "" if self.samples is None else f"\nsamples = {self.samples}"
        return code(f"model = {' '.join(model.to_code().split())}") + more

    def to_json(self, path: str | os.PathLike[str]) -> None:
        """Write the counterexample's model to a file that `BlockModel.from_json` reads.

        The number of samples, if any, is not in it: it is `samples`.
        """
        self._counterexample().to_json(path)

    def _counterexample(self) -> BlockModel:
        if self.model is None:
            raise ArgumentError("model", "is not there: no counterexample was found")
        return self.model

    def __repr__(self) -> str:
        return f"<Falsification of {self.claim}: {self.status} in {self._models}>"

    @property
    def _models(self) -> str:
        return counted(self.models_tried, "model")

    def __str__(self) -> str:
        lines = [f"{self.claim}: {self._headline}"]
        if self.found:
            if self.violated != self.claim:
                lines.append(f"violated: {self.violated}")
            lines += self.code.splitlines() if fits_screen(self.code) else self._in_short
            assert self.left is not None
            assert self.right is not None
            lines += [f"left  {self.left:.12g}", f"right {self.right:.12g}", self.confirmation]
            if self.excluded_by:
                lines.append(f"excluded by: {'; '.join(self.excluded_by)}")
        else:
            if self.closest is not None and self.smallest_slack is not None:
                where = "" if self.closest_samples is None else f" samples={self.closest_samples},"
                lines.append(
                    f"smallest slack {number(self.smallest_slack)} of the larger side, at{where}"
                )
                lines += repr(self.closest).splitlines()
            lines += [each for each in (self.obstacle, self.confirmation) if each]
        end = "interrupted after" if self.interrupted else "tried"
        lines.append(f"{end} {self._models}; replay with seed {self.entropy}")
        return "\n".join(
            line if line.startswith((" ", "model =")) else wrapped(line, WIDTH) for line in lines
        )

    @property
    def _in_short(self) -> list[str]:
        """A counterexample that is too long for a screen."""
        samples = [] if self.samples is None else [f"samples = {self.samples}"]
        return [repr(self.model), *samples, "all of the model: .code, .to_json(path)"]

    @property
    def _headline(self) -> str:
        if self.found:
            return "counterexample found"
        if self.models_applied:
            return f"no counterexample in {counted(self.models_applied, 'model')} that apply"
        return f"never applied in {self._models}"
