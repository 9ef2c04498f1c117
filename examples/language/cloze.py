"""English text: a missing word is predicted from the others, by dense or by experts under noise.

Which paragraphs contain "matrix"? Linear probes predict it from tf-idf of the other words: one
probe for all paragraphs, or one for each topic, which sees the words of this topic. From training
paragraphs `moetheory.audit` predicts at which noise experts are better; held-out ones test it.

``python examples/language/cloze.py`` takes a quarter of an hour, with ``--quick`` half a minute.
The text is what `corpus` finds on this machine. README.md beside this file has the results.
"""

import argparse
import csv
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from corpus import read
from features import Counts, Lexicon, normalised
from numpy.typing import NDArray
from tables import accuracies, crossovers, dropped, leads, risks, verdict

import moetheory as mt

TARGETS = ["array", "matrix", "plot", "axes", "polynomial", "distribution", "sparse", "image"]
TARGETS += ["function", "expression"]
NOISE = [0.0, 0.03, 0.1, 0.3, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0]  # of features of unit mean square
MISSING = np.array([0.0, 0.1, 0.25, 0.5, 0.75, 0.9])  # share of the words


class Case(NamedTuple):
    """The results for one word, with one part of the paragraphs held out."""

    by: str
    target: str
    part: int
    share: float  # of all paragraphs that contain the word
    majority: float  # share of the larger class among those held out
    audit: mt.Audit
    dropout: dict[str, NDArray[np.float64]]  # risks (L,)


def dropout(
    audit: mt.Audit, weighted: NDArray[np.float64], labels: NDArray[np.bool_], seed: list[int]
) -> dict[str, NDArray[np.float64]]:
    r"""The risks where each word of a held-out paragraph is missing with probability q.

    A word is missing with all its occurrences, and the remaining features are divided by 1 - q.
    Then the risk of a predictor grows by
    :math:`\frac{q}{1-q} \sum_m \beta_m^2 \mathbb E x_m^2`. Additive noise of variance
    :math:`\sigma^2 = q / (1 - q)` on features of unit mean square has the same effect: the risk
    grows by :math:`\sigma^2 \|\beta\|^2`. Features have unit mean square on average over
    all paragraphs, but a larger one in the block of a paragraph's group. So the predictor used is
    the one, among the audit's noise levels, with the least risk by this formula on training data.
    Returned are the ``_predicted`` risks, the measured risks, and ``_anew``, the risks measured if
    rows are normalised again after the loss instead of divided.
    """
    rng = np.random.default_rng(seed)
    groups, held = audit.groups, audit.held_out
    clean = normalised(weighted)
    members = [~held & (groups == g) for g in range(groups.max() + 1)]
    squares = np.stack([np.mean(clean[each] ** 2, axis=0) for each in members])
    shares = np.array([each.sum() for each in members]) / np.sum(~held)
    odds = MISSING / (1.0 - MISSING)
    found: dict[str, NDArray[np.float64]] = {}
    chosen = {}
    for name in ("dense", "moe(block)", "moe(all)"):
        beta2 = np.square(audit.predictors[name].coefficients)  # (L, 1 or K, d)
        noisy = audit.noise_variances * np.sum(shares * beta2.sum(axis=2), axis=1)
        lost = np.sum(shares * np.sum(squares * beta2, axis=2), axis=1)
        foreseen = audit[f"{name}_predicted"] - noisy + np.outer(odds, lost)
        chosen[name] = foreseen.argmin(axis=1)
        found[f"{name}_predicted"] = foreseen.min(axis=1)
    for name in ("moe(block)", "moe(all)"):
        chosen[name.replace(")", ", router)")] = chosen[name]
    for name in chosen:
        found[name], found[f"{name}_anew"] = np.zeros((2, len(MISSING)))
    draws = rng.random(clean[held].shape)
    for k, share in enumerate(MISSING):
        kept = draws >= share
        divided, anew = clean[held] * kept / (1.0 - share), normalised(weighted[held] * kept)
        for how, rows in (("", divided), ("_anew", anew)):
            x = audit.units.standardised(rows)
            for name, levels in chosen.items():
                said = predict(audit, name, levels[k], x, groups[held])
                found[name + how][k] = np.mean((said - labels[held]) ** 2)
    return found


def predict(
    audit: mt.Audit,
    name: str,
    level: int,
    x: NDArray[np.float64],
    groups: NDArray[np.int64],
) -> NDArray[np.float64]:
    """The responses to features in units of their own; ``audit.predict`` gives all levels."""
    predictor = audit.standardised[name]
    chosen = groups if predictor.router is None else predictor.router.route(x, level)
    return predictor.predict(x, chosen, level)[:, 0]


def cases(counts: Counts, options: argparse.Namespace) -> Iterator[Case]:
    """The cases of every word with every part held out once, by paragraph and then by file."""
    start = time.perf_counter()
    for number, by in enumerate(("paragraph", "file")):
        part = counts.parts(options.splits, by, np.random.default_rng([options.seed, number]))
        for split in range(options.splits):
            held = part == split
            lexicon = Lexicon.of(counts, ~held, options.words, options.experts)
            for index, target in enumerate(options.targets):
                others = lexicon.without(counts, target)
                weighted = others.weighted(counts)
                labels = counts.contain(target)
                audit = mt.audit(
                    normalised(weighted),
                    labels,
                    block_of=others.block_of,
                    noise_variances=NOISE,
                    held_out=held,
                    repeats=2,
                    center=False,  # a word that does not occur is at rest
                    rng=np.random.SeedSequence([options.seed, number, split, index]),
                )
                seed = [options.seed, number, split, index, 1]
                lost = dropout(audit, weighted, labels, seed)
                majority = max(labels[held].mean(), 1.0 - labels[held].mean())
                yield Case(by, target, split, labels.mean(), majority, audit, lost)
            spent = time.perf_counter() - start
            print(f"by {by}: part {split + 1} of {options.splits}, {spent:.0f} s", file=sys.stderr)


def save(found: list[Case], path: str) -> None:
    """Write a CSV line for each word, part, predictor, and noise variance or missing share."""
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        place = ["by", "target", "part", "share", "majority", "perturbation", "level", "predictor"]
        writer.writerow(
            [*place, "predicted", "predicted_sem", "measured", "sem", "accuracy", "renormalised"]
        )
        for case in found:
            for name in case.audit.predictors:
                columns = [f"{name}_{of}" for of in ("predicted", "predicted_sem", "measured")]
                columns += [f"{name}_sem", f"{name}_accuracy"]
                for row in zip(NOISE, *(case.audit[column] for column in columns), strict=True):
                    writer.writerow([*case[:5], "noise", row[0], name, *row[1:], ""])
                if name in case.dropout:
                    nothing = [""] * len(MISSING)
                    predicted = case.dropout.get(f"{name}_predicted", nothing)
                    both = case.dropout[name], case.dropout[f"{name}_anew"]
                    for share, first, said, anew in zip(MISSING, predicted, *both, strict=True):
                        line = ["missing", share, name, first, "", said, "", "", anew]
                        writer.writerow([*case[:5], *line])


def main() -> None:
    """Print versions, tables and the verdict."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--words", type=int, default=600, help="features (default 600)")
    parser.add_argument("--experts", type=int, default=8, help="blocks of words (default 8)")
    parser.add_argument("--targets", nargs="+", default=TARGETS, metavar="WORD")
    parser.add_argument("--splits", type=int, default=4, help="parts, each held out once")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="every third file, 3 words, 2 parts")
    parser.add_argument("--csv", metavar="FILE", help="write the results for each word and part")
    parser.add_argument("--figure", metavar="FILE")
    parser.add_argument("--numbers", metavar="FILE", help="write what the figure is drawn from")
    parser.add_argument("--redraw", metavar="FILE", help="draw from these numbers, compute nothing")
    options = parser.parse_args()
    if options.quick:
        options.words, options.experts, options.splits = 150, 4, 2
        options.targets = ["matrix", "distribution", "array"]
    if options.redraw and not options.figure:
        parser.error("--redraw needs --figure")
    if options.figure or options.numbers:
        from drawing import draw, drawn  # if matplotlib does not load, it is better to know now
    if options.redraw:
        numbers = json.loads(Path(options.redraw).read_text(encoding="utf-8"))
        draw(numbers).savefig(options.figure, dpi=150)
        return
    corpus = read(every=3 if options.quick else 1)
    counts = Counts.of(corpus.paragraphs)
    if options.splits < 2:
        parser.error(f"--splits must be at least 2, got {options.splits}")
    unknown = sorted(set(options.targets) - set(counts.words.tolist()))
    if unknown:
        parser.error(f"no paragraph contains {', '.join(unknown)}")
    print(", ".join(f"{name} {number}" for name, number in corpus.versions.items()))
    print(
        f"{len(corpus.paragraphs)} paragraphs of {counts.file.max() + 1} files, "
        f"{sum(len(each.words) for each in corpus.paragraphs)} words ({corpus.repeated} paragraphs "
        f"left out as repeated)\n{options.words} words are features, in {options.experts} blocks; "
        f"each of {options.splits} parts is held out once; seed {options.seed}"
    )
    found = list(cases(counts, options))
    for by in ("paragraph", "file"):
        own = [case for case in found if case.by == by]
        print(f"\nHeld out by {by}".upper())
        for table in (risks, leads, accuracies, crossovers):
            print(table(own))
        print(dropped(MISSING, own))
        print(verdict(own))
    if options.csv:
        save(found, options.csv)
    if options.figure or options.numbers:
        numbers = drawn(found, MISSING)
    if options.numbers:
        said = {"seed": options.seed, "versions": corpus.versions, **numbers}
        Path(options.numbers).write_text(json.dumps(said) + "\n", encoding="utf-8")
    if options.figure:
        draw(numbers).savefig(options.figure, dpi=150)
        print(f"figure in {options.figure}")


if __name__ == "__main__":
    main()
