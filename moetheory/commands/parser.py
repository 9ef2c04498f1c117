"""The parser of the command line."""

from __future__ import annotations

import argparse
import difflib
import re
import textwrap
from collections.abc import Sequence
from typing import Any, NoReturn

from moetheory.commands import COMMANDS
from moetheory.common.escapes import printable
from moetheory.common.version import __version__

BAD_USAGE = 2
EXIT_CODES = (
    "exit code: 0 all hold (--negative-control: all wrong variants were caught), 1 a theorem is "
    "violated (a wrong variant escaped; a counterexample was found; a row of the paper is not "
    "shown), 2 bad usage, 3 inconclusive, assumptions not met or not evaluated (a claim never "
    "applied), 70 internal error, 71 a worker process died, 130 interrupted, 141 the output pipe "
    "was closed, 143 terminated"
)


class _Help(argparse.HelpFormatter):
    """Help in which no name, of a theorem or an option, is broken at a hyphen."""

    def _split_lines(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(" ".join(text.split()), width, break_on_hyphens=False)


class Parser(argparse.ArgumentParser):
    """A parser whose errors take one line, and which takes options by their whole names alone."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # an abbreviation would mean something else, or nothing, once there are more options
        super().__init__(*args, **{"allow_abbrev": False, "formatter_class": _Help, **kwargs})
        # also -1e-3, -.5,2 and -inf are values, which argparse would take for options
        self._negative_number_matcher = re.compile(r"-(\.?\d|inf|nan)", re.IGNORECASE)

    def parse_known_args(  # type: ignore[override] # it has overloads
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[Any, list[str]]:
        self._refuse_unknown_options(args or ())
        return super().parse_known_args(args, namespace)

    def _refuse_unknown_options(self, args: Sequence[str]) -> None:
        """Refuse, before anything that is missing, an option that does not exist."""
        for given in args:
            name = given.partition("=")[0]
            if given == "--" or (self._subparsers is not None and not given.startswith("-")):
                return  # only values follow, or the options of a command
            if re.fullmatch(r"--[\w-]+", name) and name not in self._option_string_actions:
                self.error(f"no option {name}{self._hint(name)}")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Refuse what is not among the choices; a word near one of them is answered with it."""
        if action.choices is not None and value not in action.choices:
            choices = [str(each) for each in action.choices]
            near = difflib.get_close_matches(str(value).lower(), choices, 1)
            hint = f"did you mean {near[0]}?" if near else f"choose from {', '.join(choices)}"
            raise argparse.ArgumentError(action, f"invalid choice: {value!r}; {hint}")

    def _hint(self, name: str) -> str:
        known = [each[2:] for each in self._option_string_actions if each.startswith("--")]
        name = name[2:].lower().replace("_", "-")
        begun = [each for each in known if each.startswith(name)]
        near = begun or difflib.get_close_matches(name, known, 1)
        return f"; did you mean {' or '.join(f'--{each}' for each in near[:3])}?" if near else ""

    def error(self, message: str) -> NoReturn:
        message = printable(message, lines=False)
        self.exit(BAD_USAGE, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


def parser() -> argparse.ArgumentParser:
    """The parser of all commands; parsed options have ``run``, the function of the command."""
    whole = Parser(
        prog="moetheory",
        description="Mixtures of experts under feature noise: theory, proof and simulation.",
        epilog=EXIT_CODES,
    )
    whole.add_argument("--version", action="version", version=f"moetheory {__version__}")
    names = ",".join(command.name for command in COMMANDS)
    commands = whole.add_subparsers(metavar=f"{{{names}}}", required=True)
    for command in COMMANDS:
        sub = commands.add_parser(
            command.name, help=command.summary, description=command.summary, epilog=EXIT_CODES
        )
        command.add_options(sub)
        sub.set_defaults(run=command.run)
    return whole
