"""``moetheory risk``: what theory gives for one model, of squared errors or of signs."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from moetheory.commands import reports
from moetheory.commands.inputs import more_mixtures, perturbation, required_model
from moetheory.commands.options import (
    Command,
    add_loss,
    add_mixtures,
    add_model,
    add_ridge,
    add_samples,
    add_test_time,
    test_time_options,
)
from moetheory.commands.refusals import BadInputError, refusals
from moetheory.common import terminal, text
from moetheory.common.errors import NoClosedForm
from moetheory.common.terminal import show
from moetheory.problem.estimators import Dense, Estimator, MoE
from moetheory.problem.sample_counts import counts_of
from moetheory.results.risks import Misclassification, Risk
from moetheory.theory.misclassifications import misclassification
from moetheory.theory.risks import gap, moe_bound, risk

COLUMNS: dict[str, Callable[[Any], str]] = {
    "risk": text.number,
    "excess": text.number,
    "exactness": str,
    "error": "{:.2g}".format,
    "parameters": str,
    "active": "{:g}".format,
}
SIGN_COLUMNS: dict[str, Callable[[Any], str]] = {
    "misclassification": text.number,
    "accuracy": text.number,
    "parameters": str,
    "active": "{:g}".format,
}


def run_risk(options: argparse.Namespace) -> int:
    """Print the risks of dense and mixture of experts, or their misclassifications."""
    signs = options.loss == "sign"
    if signs and options.samples is not None:
        raise BadInputError(
            "--loss sign cannot be combined with --samples: the misclassification of fitted "
            "estimators is known by simulation only; run moetheory simulate with the same options"
        )
    model, samples, given = required_model(options), options.samples, test_time_options(options)
    under = perturbation(options, given, model.experts)
    with refusals(options, (ValueError, NoClosedForm)):
        counts = None if samples is None else counts_of(samples, model)
        both: list[Estimator] = [Dense(ridge=options.ridge), MoE(ridge=options.ridge)]
        estimators = both + more_mixtures(options, ridge=options.ridge)
        parameters = [estimator.parameters(model) for estimator in estimators]
        theories = [
            misclassification(estimator, model, under=under)
            if signs
            else risk(estimator, model, samples=samples, under=under)
            for estimator in estimators
        ]
    results: dict[str, dict[str, Any]] = {
        estimator.label: _numbers(theory) | {"parameters": held.total, "active": held.active}
        for estimator, theory, held in zip(estimators, theories, parameters, strict=True)
    }
    # signs have no such references
    extra = {}
    if not signs:
        extra = {"null_risk": model.null_risk, "gap": gap(model), "moe_bound": moe_bound(model)}
    if options.json:
        asked = {"samples": samples, "counts": counts, "loss": options.loss, "under": given or None}
        show(reports.document("risk", results, **asked, **extra))
        return 0
    exact = samples is None and all(row.get("exactness") == "exact" for row in results.values())
    columns = {name: form for name, form in COLUMNS.items() if name != "error" or not exact}
    if signs:
        columns = SIGN_COLUMNS
    rows = [
        (label, *(form(row[name]) for name, form in columns.items()))
        for label, row in results.items()
    ]
    show(text.table(("estimator", *columns), rows, terminal.width()))
    if signs:
        if given:
            show(f"\ntested under {reports.settings_in_words(given)}")
        return 0
    show()
    if counts is not None:
        show(f"fitted on {reports.counts_in_words(counts)}; below: infinitely many samples")
    if given:
        show(f"tested under {reports.settings_in_words(given)}; below: unperturbed")
    show(f"dense - MoE, both without ridge {text.number(extra['gap'])}")
    show(f"bound on the MoE without ridge  {text.number(extra['moe_bound'])}")
    show(f"risk of predicting zero         {text.number(extra['null_risk'])}")
    return 0


def _numbers(theory: Risk | Misclassification) -> dict[str, Any]:
    """What theory says of an estimator, by the names that JSON has."""
    if isinstance(theory, Misclassification):
        return {
            "misclassification": theory.value,
            "accuracy": theory.accuracy,
            "per_group": theory.per_group,
        }
    return {
        "risk": theory.value,
        "excess": theory.excess,
        "per_group": theory.per_group,
        "exactness": theory.exactness,
        "error": theory.error,
    }


def _add_options(parser: argparse.ArgumentParser) -> None:
    add_model(parser, "an iso-parameter model unless --model is given")
    add_mixtures(parser)
    add_loss(parser, "squared errors (default), or how often the sign of the label is missed")
    add_ridge(parser)
    add_samples(parser, "expected risks after fitting on N training samples")
    add_test_time(parser)
    parser.add_argument("--json", action="store_true", help="JSON instead of a table")


RISK = Command(
    "risk", "print the risks of dense and mixture of experts for a model", _add_options, run_risk
)
