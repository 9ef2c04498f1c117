"""Commands, the options that several of them share, and the types of options."""

from __future__ import annotations

import argparse
import difflib
import math
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar, cast

from moetheory.problem.gates import Gate, Hard, Learned, MomentKind, Oracle, Soft, TopK

LONG = 60  # characters of a value that a message does not quote whole
Number = TypeVar("Number", int, float)

GATES = "hard, soft[:T], top-k, learned[:N[:full]], oracle"  # as --gate takes them
NOISE_LAWS = "normal, uniform, laplace, student-t:DF"  # as --noise-law takes them
TEST_TIME = (
    *("test_noise_variance", "test_interference_variances", "misrouting", "drag"),
    *("noise_law", "erasure", "radius"),
)


class Command(NamedTuple):
    """A command of the command line.

    Attributes
    ----------
    name, summary : str
    add_options : callable
        Adds the options of the command to a parser.
    run : callable
        Runs the command on parsed options and returns the exit code.
    """

    name: str
    summary: str
    add_options: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


def shown(text: str) -> str:
    """The text of an option as a message quotes it: a long one is cut.

    >>> shown("9" * 100)
    "'99999999999999999999...' (100 characters)"
    """
    return repr(text) if len(text) <= LONG else f"{text[:20] + '...'!r} ({len(text)} characters)"


def integer(text: str) -> int:
    """Parse an integer."""
    try:
        return int(text)
    except ValueError:  # also of too many digits
        raise argparse.ArgumentTypeError(f"must be an integer, got {shown(text)}") from None


def real(text: str) -> float:
    """Parse a number; whether it may be infinite, or nan, the library decides."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number, got {shown(text)}") from None


def numbers(text: str) -> list[float]:
    """Parse numbers separated by commas."""
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    if not values or not all(map(math.isfinite, values)):
        raise argparse.ArgumentTypeError(f"must be numbers separated by commas, got {shown(text)}")
    return values


def samples(text: str) -> int | list[int]:
    """Parse a number of samples, or one for each group."""
    try:
        counts = [int(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"must be an integer, or one for each group separated by commas, got {shown(text)}"
        ) from None
    return counts[0] if len(counts) == 1 else counts


def positive(text: str) -> float:
    """Parse a finite number above zero."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0.0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number above 0, got {shown(text)}")
    return value


def part(text: str) -> tuple[int, int]:
    """Parse ``I/M`` with I from 0."""
    found = re.fullmatch(r"(\d+)/(\d+)", text)
    if found is None or not int(found[1]) < int(found[2]):
        raise argparse.ArgumentTypeError(f"must be I/M with I from 0 to M - 1, got {shown(text)}")
    return int(found[1]), int(found[2])


def gates(text: str) -> list[Gate]:
    """Parse gates separated by commas, each in a form of `GATES`.

    >>> gates("hard,soft:0.5,top-2,learned:1000:full")
    [Hard(), Soft(temperature=0.5), TopK(k=2), Learned(samples=1000, moments='full')]
    """
    try:
        return [_parsed_gate(each.strip()) for each in text.split(",")]
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _parsed_gate(text: str) -> Gate:
    try:
        match text.replace("top-", "top-:", 1).split(":"):
            case ["hard"]:
                return Hard()
            case ["oracle"]:
                return Oracle()
            case ["soft", *temperature] if len(temperature) < 2:
                return Soft(*(_parsed_number(float, "temperature", each) for each in temperature))
            case ["top-", k] if k.isalpha():  # as the help writes it
                raise ValueError("k must be a number, as in top-2")
            case ["top-", k]:
                return TopK(_parsed_number(int, "k", k))
            case ["learned"]:
                return Learned()
            case ["learned", samples, *moments] if len(moments) < 2:
                return Learned(
                    _parsed_number(int, "samples", samples), *cast(list[MomentKind], moments)
                )
    except ValueError as error:
        raise ValueError(f"{text!r}: {error}") from None
    raise ValueError(
        _unknown_name_message("gate", text, ("hard", "soft", "top-2", "learned", "oracle"), GATES)
    )


def noise_law(text: str) -> str:
    """Check that ``text`` names a noise law, and return it."""
    try:
        law(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def law(text: str) -> Any:
    """The scipy.stats distribution of a ``text`` in a form of `NOISE_LAWS`; None if normal.

    >>> float(law("student-t:5").var())
    1.6666667
    """
    from scipy import stats

    match text.split(":"):
        case ["normal"]:
            return None
        case ["uniform"]:
            return stats.uniform()
        case ["laplace"]:
            return stats.laplace()
        case ["student-t", freedom]:
            df = _parsed_number(float, "DF", freedom)
            if not 2.0 < df < math.inf:
                raise ValueError(f"{text!r}: DF must be above 2 for a finite variance, got {df:g}")
            return stats.t(df)
    names = ("normal", "uniform", "laplace", "student-t:5")
    raise ValueError(_unknown_name_message("noise law", text, names, NOISE_LAWS))


def _unknown_name_message(what: str, text: str, names: Sequence[str], grammar: str) -> str:
    """The error message for a text that is none of ``names``, or has wrong settings."""
    name = text.partition(":")[0]
    near = difflib.get_close_matches(name.lower(), names, 1)
    hint = f"; did you mean {near[0]!r}?" if near and near[0] != name else f": there are {grammar}"
    return f"no {what} {text!r}{hint}"


def _parsed_number(kind: type[Number], name: str, text: str) -> Number:
    try:
        return kind(text)
    except ValueError:
        what = {"int": "an integer", "float": "a number"}[kind.__name__]
        raise ValueError(f"{name} must be {what}, got {text!r}") from None


def at_least(minimum: int, most: int | None = None) -> Callable[[str], int]:
    """The type of options that are integers of at least ``minimum`` and at most ``most``."""

    def within(text: str) -> int:
        value = integer(text)
        got = text if len(text) <= LONG else shown(text)
        if value < minimum:
            raise argparse.ArgumentTypeError(f"must be at least {minimum}, got {got}")
        if most is not None and value > most:
            raise argparse.ArgumentTypeError(f"must be at most {most}, got {got}")
        return value

    return within


def add_model(parser: argparse.ArgumentParser, text: str) -> None:
    """Add the options of a model, from a file or from numbers; see `inputs.required_model`."""
    group = parser.add_argument_group("model", text)
    group.add_argument("--model", metavar="FILE.json", help="as written by BlockModel.to_json")
    group.add_argument("--dim", type=integer, metavar="D", help="coordinates (256)")
    group.add_argument(
        "--experts",
        type=integer,
        metavar="K",
        help="experts, dividing D (the largest up to 16 that does)",
    )
    for name, metavar, text in (
        ("noise-variance", "S2", "feature noise variance, not its square root (1)"),
        ("signal-energy", "S", "clean energy of a sample (D)"),
        ("label-power", "V", "clean label power (1)"),
        ("decay", "A", "eigenvalues of a block fall like rank^-A (0)"),
        ("leakage-variances", "NU", "clean variance of a coordinate off its block (0)"),
        (
            "interference-variances",
            "KAPPA",
            "extra noise variance of a coordinate off its block (0)",
        ),
        ("label-noise-variance", "W2", "label noise variance (0)"),
    ):
        group.add_argument(f"--{name}", type=real, metavar=metavar, help=text)


def add_samples(parser: argparse.ArgumentParser, text: str) -> None:
    """Add the option for the size of training sets."""
    parser.add_argument(
        "--samples",
        type=samples,
        metavar="N",
        help=f"{text}; N1,...,NK: the samples of each group (default: infinitely many)",
    )


def add_descent(parser: argparse.ArgumentParser, text: str) -> None:
    """Add the options of gradient descent; see `inputs.descent_options`."""
    group = parser.add_argument_group("gradient descent", text)
    add_step_size(group)
    group.add_argument(
        "--training",
        choices=("own", "joint"),
        help="experts on their own samples (default), or jointly on one loss over the mixture",
    )


def add_step_size(parser: Any) -> None:
    """Add the option for the step size to a parser or a group of options."""
    parser.add_argument(
        "--step-size",
        type=positive,
        metavar="A",
        help="common to all (default: of dense and of each expert its own best constant step)",
    )


def add_ridge(parser: argparse.ArgumentParser) -> None:
    """Add the option for the ridge of both estimators."""
    parser.add_argument("--ridge", type=real, default=0.0, metavar="MU", help="default 0")


def add_output(parser: argparse.ArgumentParser) -> None:
    """Add the options for the seed and for JSON."""
    parser.add_argument("--seed", type=at_least(0), metavar="N", help="replays a run")
    parser.add_argument("--json", action="store_true", help="JSON instead of text")


def add_gates(parser: argparse.ArgumentParser) -> None:
    """Add the option for gates other than the oracle."""
    parser.add_argument(
        "--gate",
        type=gates,
        action="extend",
        default=[],
        metavar="LIST",
        help=f"mixtures with other gates too, separated by commas: {GATES} (T: temperature, "
        "k: experts used, N: samples of the router); strict blocks, infinitely many samples",
    )


def add_test_time(parser: argparse.ArgumentParser) -> None:
    """Add the options of a perturbation; see `test_time_options`."""
    group = parser.add_argument_group(
        "test time", "what differs from training; misrouting and radius with oracle routing only"
    )
    number = {"type": real}
    for name, metavar, options, text in (
        ("test-noise-variance", "X", number, "feature noise variance (that of training)"),
        (
            "test-interference-variances",
            "KAPPA",
            number,
            "extra noise variance of a coordinate off its block (that of training)",
        ),
        ("misrouting", "EPS", number, "misrouting rate, spread evenly over the wrong groups (0)"),
        ("drag", "ETA", number, "signal of the wrong group in a misrouted input, as a factor (0)"),
        ("noise-law", "LAW", {"type": noise_law}, f"{NOISE_LAWS} with DF > 2 (normal)"),
        ("erasure", "Q", number, "probability that a coordinate is set to zero (0)"),
        ("radius", "R", number, "length of the worst shift of each input (0)"),
    ):
        group.add_argument(f"--{name}", metavar=metavar, help=text, **options)


def test_time_options(options: argparse.Namespace) -> dict[str, Any]:
    """The options of a perturbation that are given."""
    given = {name: getattr(options, name, None) for name in TEST_TIME}
    return {name: value for name, value in given.items() if value is not None}
