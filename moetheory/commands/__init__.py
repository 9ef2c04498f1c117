"""The commands of the command line: options in, text out, an exit code back."""

from moetheory.commands.audits import AUDIT
from moetheory.commands.checks import CHECK
from moetheory.commands.descents import DESCENT
from moetheory.commands.falsifications import FALSIFY
from moetheory.commands.maps import MAP
from moetheory.commands.paper_rows import PAPER
from moetheory.commands.refusals import BadInputError
from moetheory.commands.risks import RISK
from moetheory.commands.simulations import SIMULATE
from moetheory.commands.sweeps import SWEEP

COMMANDS = (CHECK, FALSIFY, RISK, SIMULATE, SWEEP, MAP, DESCENT, AUDIT, PAPER)

__all__ = ["COMMANDS", "BadInputError"]
