"""Linear probes on English text: what feature noise at test time costs them in accuracy.

Logistic probes are trained on clean tf-idf features, and tested with Gaussian noise on every
feature. Global probes see all words, under the penalties of Lasso, Ridge and Elastic Net; experts
see the words of one topic. [SNB] report the same experiment on activations of T5-small.

``python examples/language/probes.py`` takes some minutes, with ``--quick`` some seconds. It needs
scikit-learn: ``pip install 'moetheory[probes]'``. PROBES.md beside this file has the results.
"""

import argparse
import csv
import json
import sys
import time
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
from classifiers import L1_SHARES, Probe, fit
from corpus import PACKAGES, Corpus, read
from drops import CONTROL, SIGMAS, Case, accuracy, differences, drop, results, verdict
from features import Counts, Lexicon, normalised
from numpy.typing import NDArray

from moetheory.auditing.noise import FeatureNoise
from moetheory.auditing.routers import EnergyRouter, fitted_router, some_samples

MISSING = (
    "scikit-learn is not installed: pip install 'moetheory[probes]', "
    "or from a checkout pip install -e '.[probes]'"
)
REPEATS = 10  # draws of noise for each held-out paragraph
VALIDATING = 0.25  # share of the training paragraphs that choose a penalty
FULL = {"words": 600, "experts": 8, "splits": 5, "paragraphs": 3000}
QUICK = {"words": 150, "experts": 4, "splits": 3, "paragraphs": 600}


class Task(NamedTuple):
    """Labels (n,) of paragraphs, -1 for those left out, and the words that are no features."""

    name: str
    hidden: tuple[str, ...]
    labels: NDArray[np.int64]


class Experiment(NamedTuple):
    """What probes for one task are trained and tested on, with one part held out."""

    rows: NDArray[np.float64]  # (n, d)
    labels: NDArray[np.int64]
    block_of: NDArray[np.int64]
    groups: NDArray[np.int64]  # of the clean paragraphs
    gates: dict[str, EnergyRouter]
    held: NDArray[np.bool_]


def tasks(corpus: Corpus, counts: Counts) -> list[Task]:
    """The tasks, in the order of those of [SNB] with as many classes: 2, 2, 3 and 4."""
    words = ("array", "function", "matrix")
    contain = np.array([counts.contain(word) for word in words])
    which = np.where(contain.sum(axis=0) == 1, contain.argmax(axis=0), -1)
    package = [PACKAGES.index(each.file.split("/")[0]) for each in corpus.paragraphs]
    return [
        *(
            Task(word, (word,), own.astype(np.int64))
            for word, own in zip(words[:2], contain[:2], strict=True)
        ),
        Task("which word", words, which),
        Task("package", PACKAGES, np.array(package)),
    ]


def balanced(
    labels: NDArray[np.int64], paragraphs: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """The places of at most ``paragraphs`` paragraphs, equally many of each class."""
    classes = int(labels.max()) + 1
    each = min(paragraphs // classes, np.bincount(labels[labels >= 0]).min())
    chosen = [rng.permutation(np.flatnonzero(labels == k))[:each] for k in range(classes)]
    return np.sort(np.concatenate(chosen))


def prepared(
    counts: Counts,
    lexicon: Lexicon,
    task: Task,
    chosen: NDArray[np.int64],
    held: NDArray[np.bool_],
    rng: np.random.Generator,
) -> Experiment:
    """The features, groups and gates of a task; all that is estimated is so on training text."""
    for word in task.hidden:
        lexicon = lexicon.without(counts, word)
    block_of = np.unique(lexicon.block_of, return_inverse=True)[1]  # a block may have lost all
    features = normalised(lexicon.weighted(counts))
    members = np.eye(block_of.max() + 1)[:, block_of]  # (K, d)
    means = (np.square(features[~held]) @ members.T).mean(axis=0)
    nothing, ones = np.zeros((1, len(means))), np.ones((1, len(block_of)))
    clean = EnergyRouter(nothing, 1.0 / means[np.newaxis], members, ones)
    groups = clean.route(features, 0)
    some = some_samples(np.flatnonzero(~held), rng)
    blocks = [np.flatnonzero(row) for row in members]
    noise = FeatureNoise("equal", ones[0])
    informed = fitted_router(
        "energy", features[some], groups[some], blocks, noise, np.square(SIGMAS), rng
    )
    return Experiment(
        features[chosen],
        task.labels[chosen],
        block_of,
        groups[chosen],
        {"gate": clean, "gate, σ known": informed.with_rule(means)},
        held[chosen],
    )


def trained(given: Experiment, rng: np.random.Generator) -> dict[str, Probe]:
    """The probes; all but the control choose a penalty by one rule on the same paragraphs."""
    training = ~given.held
    rows, labels, groups = (each[training] for each in (given.rows, given.labels, given.groups))
    validating = rng.random(len(rows)) < VALIDATING
    own = given.block_of == np.arange(given.block_of.max() + 1)[:, np.newaxis]
    everything = np.ones_like(own)
    nobody = np.zeros_like(groups)
    probes = {
        name: fit(rows, labels, nobody, everything[:1], share, validating)
        for name, share in L1_SHARES.items()
    }
    probes["oracle"] = fit(rows, labels, groups, own, 0.0, validating)
    equal = np.array([probes["oracle"].penalty])
    probes[CONTROL] = fit(rows, labels, nobody, everything[:1], 0.0, validating, equal)
    probes["all words"] = fit(rows, labels, groups, everything, 0.0, validating)
    return probes


def accuracies(
    given: Experiment, probes: Mapping[str, Probe], rng: np.random.Generator
) -> dict[str, NDArray[np.float64]]:
    """The accuracies (L,) at each sigma on held-out paragraphs; all probes see the same noise."""
    rows, labels, groups = (each[given.held] for each in (given.rows, given.labels, given.groups))
    found = {name: np.zeros(len(SIGMAS)) for name in (*probes, *given.gates)}
    for _ in range(REPEATS):
        normal = rng.standard_normal(rows.shape)
        for level, sigma in enumerate(SIGMAS):
            noisy = rows + sigma * normal
            said = {name: probe.classify(noisy, groups) for name, probe in probes.items()}
            for name, gate in given.gates.items():
                at = level if len(gate.slopes) > 1 else 0
                said[name] = probes["oracle"].classify(noisy, gate.route(noisy, at))
            for name, classes in said.items():
                found[name][level] += np.sum(classes == labels)
    return {name: right / (REPEATS * len(labels)) for name, right in found.items()}


def cases(corpus: Corpus, options: argparse.Namespace) -> Iterator[Case]:
    """The accuracies for every task with every part held out once."""
    start = time.perf_counter()
    counts = Counts.of(corpus.paragraphs)
    part = counts.parts(options.splits, options.by, np.random.default_rng([options.seed, 0]))
    every = tasks(corpus, counts)
    for split in range(options.splits):
        held = part == split
        lexicon = Lexicon.of(counts, ~held, options.words, options.experts)
        for index, task in enumerate(every):
            choice = np.random.default_rng([options.seed, 1, index])
            chosen = balanced(task.labels, options.paragraphs, choice)
            rng = np.random.default_rng([options.seed, 2, split, index])
            given = prepared(counts, lexicon, task, chosen, held, rng)
            probes = trained(given, rng)
            penalties = {name: probe.penalty for name, probe in probes.items()}
            penalties |= dict.fromkeys(given.gates, penalties["oracle"])
            yield Case(
                task.name,
                split,
                int(task.labels.max()) + 1,
                int(given.held.sum()),
                penalties,
                accuracies(given, probes, rng),
            )
        spent = time.perf_counter() - start
        print(f"part {split + 1} of {options.splits}, {spent:.0f} s", file=sys.stderr)


def save(found: list[Case], path: str) -> None:
    """Write a CSV line for each task, part, probe and sigma."""
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["task", "part", "classes", "held_out", "probe", "penalty", "sigma", "accuracy"]
        )
        for case in found:
            for name, values in case.accuracies.items():
                for sigma, accuracy in zip(SIGMAS, values, strict=True):
                    writer.writerow([*case[:4], name, case.penalties[name], sigma, accuracy])


def write_numbers(found: list[Case], path: str, **about: object) -> None:
    """Write the accuracies of all cases, with what they come from, as JSON."""
    rows = [
        case._asdict() | {"accuracies": {k: v.tolist() for k, v in case.accuracies.items()}}
        for case in found
    ]
    Path(path).write_text(json.dumps({**about, "cases": rows}) + "\n", encoding="utf-8")


def read_numbers(path: str) -> list[Case]:
    """The cases that were written."""
    rows = json.loads(Path(path).read_text(encoding="utf-8"))["cases"]
    return [
        Case(**row | {"accuracies": {k: np.array(v) for k, v in row["accuracies"].items()}})
        for row in rows
    ]


def main() -> None:
    """Print versions, tables and the verdict."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--words", type=int, help="features (default 600)")
    parser.add_argument("--experts", type=int, help="blocks of words (default 8)")
    parser.add_argument("--splits", type=int, help="parts, each held out once (default 5)")
    parser.add_argument("--paragraphs", type=int, help="most of one task (default 3000)")
    parser.add_argument(
        "--by",
        choices=["paragraph", "file"],
        default="paragraph",
        help="what is held out whole (default paragraph)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of all random numbers (default 0)")
    parser.add_argument("--quick", action="store_true", help="every third file, smaller defaults")
    parser.add_argument("--csv", metavar="FILE", help="write the accuracies of all parts to FILE")
    parser.add_argument("--figure", metavar="FILE", help="draw accuracies and drops to FILE")
    parser.add_argument("--numbers", metavar="FILE", help="write what the figure is drawn from")
    parser.add_argument("--redraw", metavar="FILE", help="draw from these numbers, compute nothing")
    options = parser.parse_args()
    for name, value in (QUICK if options.quick else FULL).items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    least = {"words": options.experts, "experts": 1, "splits": 2, "paragraphs": 100, "seed": 0}
    for name, bound in least.items():
        if getattr(options, name) < bound:
            parser.error(f"--{name} must be at least {bound}, got {getattr(options, name)}")
    if options.redraw and not options.figure:
        parser.error("--redraw needs --figure")
    if options.redraw:
        from drop_figure import draw

        draw(read_numbers(options.redraw)).savefig(options.figure, dpi=150)
        return
    if find_spec("sklearn") is None:
        parser.exit(2, f"{parser.prog}: error: {MISSING}\n")
    if options.figure:
        from drop_figure import draw  # if matplotlib does not load, it is better to know now
    from threadpoolctl import threadpool_limits

    corpus = read(every=3 if options.quick else 1)
    versions = {**corpus.versions, "scikit-learn": version("scikit-learn")}
    print(", ".join(f"{name} {number}" for name, number in versions.items()))
    print(
        f"{len(corpus.paragraphs)} paragraphs; {options.words} words are features, in "
        f"{options.experts} blocks;\neach of {options.splits} parts is held out once, by "
        f"{options.by}; seed {options.seed}"
    )
    with threadpool_limits(1):  # small matrices: more threads are slower, and change last bits
        found = list(cases(corpus, options))
    print(results(found))
    print(differences(found, drop))
    print(differences(found, accuracy))
    print(verdict(found))
    if options.quick:
        print("--quick takes too few paragraphs for a conclusion.")
    if options.csv:
        save(found, options.csv)
    if options.numbers:
        write_numbers(found, options.numbers, seed=options.seed, versions=versions)
    if options.figure:
        draw(found).savefig(options.figure, dpi=150)
        print(f"figure in {options.figure}")


if __name__ == "__main__":
    main()
