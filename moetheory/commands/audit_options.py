"""The options of ``moetheory audit``, and what their texts become."""

from __future__ import annotations

import argparse
import difflib
import re
from pathlib import Path
from typing import Literal

from moetheory.auditing.routers import KINDS as ROUTERS
from moetheory.commands.drawings import add_figure
from moetheory.commands.option_types import integer, numbers, real, shown
from moetheory.commands.options import add_output
from moetheory.commands.outputs import COMMENT

NOISES = ("equal", "relative", "own", "dropout")
USAGE = """%(prog)s FILE --labels COLUMN [option ...]

Type one of these first:
  %(prog)s data.csv --labels y
  %(prog)s data.csv --labels y --ignore id --clusters user
  %(prog)s data.csv --labels y --noise relative --experts auto
  %(prog)s data.npz --labels y --groups part --router logistic"""
EXIT_CODES = (
    "exit code: 0 whatever the verdict, 2 bad usage, 70 internal error, 130 interrupted, 141 the "
    "output pipe was closed, 143 terminated"
)


def add_audit_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of an audit, and examples to its help."""
    parser.usage, parser.epilog = USAGE, EXIT_CODES
    _add_data(parser)
    _add_files(parser)
    add_output(parser)
    _add_experts(parser)
    _add_noise(parser)
    _add_fit(parser)


def expert_numbers(text: str) -> int | list[int] | range | Literal["auto"]:
    """Parse a number of experts, several of them, a range, or the word auto.

    >>> expert_numbers("4"), list(expert_numbers("2-4")), expert_numbers("2,4,8")
    (4, [4, 3, 2], [2, 4, 8])
    """
    if text == "auto":
        return "auto"
    if (ends := re.fullmatch(r"(\d{1,18})-(\d{1,18})", text)) is not None:
        first, last = map(int, ends.groups())
        if first > last:
            raise argparse.ArgumentTypeError(f"must be A-B with A not above B, got {shown(text)}")
        return range(last, first - 1, -1)  # an error names the number that is looked at first
    try:
        asked = [integer(part) for part in text.split(",")]
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(
            f"must be an integer, a range A-B, integers separated by commas, or auto, got "
            f"{shown(text)}"
        ) from None
    return asked[0] if len(asked) == 1 else asked


def noise(text: str) -> str:
    """Check that ``text`` names a kind of noise or a .npy file, and return it."""
    if text in NOISES or is_npy(text):
        return text
    near = difflib.get_close_matches(text.lower(), NOISES, 1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise argparse.ArgumentTypeError(
        f"must be {', '.join(NOISES)} or a .npy file, got {shown(text)}{hint}"
    )


def is_npy(text: str) -> bool:
    """Whether the value of an option names a .npy file."""
    return text.lower().endswith(".npy")


def _add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file",
        metavar="FILE",
        help="features and labels: .csv or .tsv with a header line, also packed (.gz); .parquet; "
        ".npz, where a COLUMN is an array; .npy, where it is a number from 0, or from the end from "
        "-1, or another .npy file",
    )
    parser.add_argument(
        "--labels",
        required=True,
        metavar="COLUMN",
        help="what is predicted: numbers, or classes of any name",
    )
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument(
        "--classes",
        action="store_const",
        const=True,
        help="labels are names of classes even if they are numbers (default: text, or two numbers)",
    )
    kind.add_argument(
        "--regression",
        dest="classes",
        action="store_const",
        const=False,
        help="labels are numbers even if there are only two",
    )
    parser.add_argument(
        "--groups",
        metavar="COLUMN",
        help="the expert of each sample, an integer or a name (default: the block with the largest "
        "energy)",
    )
    parser.add_argument(
        "--clusters",
        metavar="COLUMN",
        help="what a sample belongs to (a document, a user): held out as a whole",
    )
    parser.add_argument(
        "--block-of",
        metavar="NAME",
        help="the expert of each feature: an array of an .npz file, else another .npy file "
        "(default: found by which features are active together)",
    )
    parser.add_argument(
        "--features",
        metavar="NAME",
        help='of an .npz file, the array of features (default: "features")',
    )
    parser.add_argument(
        "--ignore",
        action="append",
        default=[],
        metavar="COLUMN",
        help="a column that is no feature; may be given several times",
    )


def _add_files(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--csv", type=Path, metavar="FILE", help=f"also write the risks as CSV; {COMMENT}"
    )
    add_figure(parser, "draw them")
    parser.add_argument(
        "--save-model",
        type=Path,
        metavar="FILE.json",
        help="write the nearest model, for --model of other commands",
    )


def _add_experts(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("experts")
    group.add_argument(
        "--experts",
        type=expert_numbers,
        metavar="K",
        help="how many blocks to find (default: what the data shows), or several numbers of which "
        "the data shows the best: a range (2-8), a list (2,4,8), or auto (1 to 16)",
    )
    group.add_argument(
        "--router",
        choices=ROUTERS,
        default="energy",
        help="what sends samples to experts by their noisy features: energies of blocks (default), "
        "logistic regression, or the nearest centre",
    )


def _add_noise(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("noise")
    group.add_argument(
        "--noise",
        type=noise,
        default="equal",
        metavar="KIND",
        help="equal on all features (default); relative to the variance of each; own, with their "
        "covariance; dropout; or FILE.npy, a variance for each feature or a covariance",
    )
    group.add_argument(
        "--noise-variances",
        type=numbers,
        metavar="A,B,...",
        help="levels: variances of equal noise, probabilities of dropout, else factors (default: "
        "0, then ten levels from 1/100 to 10 times the variance of a typical feature)",
    )
    group.add_argument(
        "--repeats",
        type=integer,
        default=4,
        metavar="N",
        help="draws of noise for each sample (default 4)",
    )


def _add_fit(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("fit")
    group.add_argument(
        "--held-out",
        type=real,
        default=0.25,
        metavar="SHARE",
        help="of the samples, not trained on, to measure risks on (default 0.25)",
    )
    center = group.add_mutually_exclusive_group()
    center.add_argument(
        "--no-center",
        dest="center",
        action="store_false",
        help="do not subtract the means of features: 0 means inactive (counts, rectified units)",
    )
    center.add_argument("--center", action="store_true", default=True, help=argparse.SUPPRESS)
    group.add_argument(
        "--no-intercept", action="store_true", help="fit predictors without an intercept"
    )
    group.add_argument(
        "--keep-constant",
        action="store_true",
        help="stop with an error if a feature never varies, instead of leaving it out",
    )
