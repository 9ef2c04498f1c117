"""Claims from one line in the library's words: parsed, checked word by word, never evaluated.

The line is parsed with `ast`. What is not on the list of `moetheory.claims.expression_words`, or
stands where it must not, is refused with a caret under it.
"""

from __future__ import annotations

import ast
import difflib
import math
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from moetheory.claims.assumptions import Assumption
from moetheory.claims.declaration import Claim
from moetheory.claims.expression_values import Side
from moetheory.claims.expression_words import (
    ASSUMED,
    ATTRIBUTES,
    CALLS,
    FUNCTIONS,
    NAMES,
    SAMPLES,
    What,
    Word,
)
from moetheory.claims.proofs import Relation
from moetheory.claims.statements import CONTROLS
from moetheory.common.errors import ArgumentError, as_text
from moetheory.common.escapes import printable
from moetheory.common.validation import text as checked_text

LONGEST = 500  # characters of a claim
RELATIONS: dict[type[ast.cmpop], tuple[Relation, bool]] = {  # whether sides are exchanged
    ast.LtE: ("<=", False),
    ast.GtE: ("<=", True),
    ast.Eq: ("==", False),
}
UNUSABLE = ("risk_distribution",)  # known, so that the message says what it is
MEANT = {  # by what stands in a line that does not parse
    "=<|≤|< =": "write <= for at most",
    "=>|≥|> =": "write >= for at least",
    r"(?<![<>=])=(?![=<>])(?![^(]*\))": "write == for equal, or <= or >=",
    r"\d\s*[A-Za-z(]|\)\s*[\w(]|[A-Za-z]\s+[A-Za-z]": "a product is written with *",
}
OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow)
ARTICLES = {"estimator": "an estimator", "confusion": "a confusion matrix", "flag": "True or False"}
HINTS = {
    "estimator": "; compare its risk: risk({code})",
    "distribution": "; compare a number, such as risk(MoE(), samples=n)",
}


class ExpressionError(ArgumentError):
    """An error: a one-line claim cannot be read; the message shows where.

    Attributes
    ----------
    text : str
        The claim.
    column : int
        The place in it, from 0.
    """

    def __init__(self, problem: str, text: str, column: int) -> None:
        super().__init__("claim", problem)
        self.text, self.column = text, column

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.args[1], self.text, self.column)

    @property
    def shown(self) -> tuple[str, str]:
        """The claim, and below it a caret under the place."""
        before = printable(self.text[: self.column], lines=False)
        return printable(self.text, lines=False), f"{'':{len(before)}}^"

    def __str__(self) -> str:
        return "\n  ".join((self.spelled(as_text), *self.shown))


def parse_claim(text: str) -> Claim:
    """The claim of one line in the library's words.

    The line compares two numbers by ``<=``, ``>=``, ``==``, ``<`` or ``>``. A strict order is
    taken for the order with equality: no search in floating point can tell them apart.

    - Functions of the model, which is not written: ``risk(estimator, samples=…, under=…)`` with
      ``.excess``, ``mmse()``, ``gap()``, ``moe_bound()``, ``misclassification(estimator)`` with
      ``.accuracy``, ``contraction_factor(estimator)``.
    - Estimators and what changes: ``Dense(ridge=…)``, ``MoE(gate=…, ridge=…, shared=…)`` with
      ``Oracle()``, ``Hard()``, ``Soft(…)``, ``TopK(…)``; ``Perturbation(noise_variance=…, …)``,
      ``even_confusion(K, …)``.
    - Numbers of the model: ``K`` or ``experts``, ``d`` or ``dim``, ``sigma2`` or
      ``noise_variance`` (of models that have one), ``V`` or ``label_power``, ``null_risk``,
      ``label_noise_variance``.
    - ``n`` or ``samples``, any number of training samples; numbers; ``+ - * / **``, ``min``,
      ``max``, ``sqrt``, ``log``, ``exp``, ``abs``.

    Parameters
    ----------
    text : str

    Returns
    -------
    Claim
        It pickles. Its sides are `Side`.

    Raises
    ------
    ExpressionError
        The line does not parse, has a word or an operation that is not known, compares what is no
        number, or does not compare two sides once.

    Examples
    --------
    >>> from moetheory import BlockModel
    >>> claim = parse_claim("risk(MoE()).excess <= moe_bound()")
    >>> left, right = claim.sides(BlockModel.isotropic(4, 2, noise_variance=1.0))
    >>> left <= right
    True
    >>> parse_claim("risk(Moe()) <= 1")
    Traceback (most recent call last):
    moetheory.claims.expressions.ExpressionError: claim has an unknown word Moe; did you mean MoE?
      risk(Moe()) <= 1
           ^
    """
    line = checked_text("claim", text).strip()
    if len(line) > LONGEST:
        raise ArgumentError("claim", f"must have at most {LONGEST} characters, got {len(line)}")
    return _parsed(line)


@lru_cache(maxsize=64)
def _parsed(line: str) -> Claim:
    try:
        tree = ast.parse(line, mode="eval").body
    except SyntaxError as error:
        column = max((error.offset or 1) - 1, 0)
        lines = line.splitlines() or [""]
        column += sum(len(each) + 1 for each in lines[: (error.lineno or 1) - 1])
        problem = f"does not parse: {_hint(line) or error.msg}"
        raise ExpressionError(problem, line, min(column, len(line))) from None
    except (ValueError, RecursionError, MemoryError):  # null characters, or nested too deeply
        raise ExpressionError("does not parse", line, 0) from None
    reader = _Reader(line)
    if not isinstance(tree, ast.Compare):
        what = reader.what(tree)
        raise reader.error(
            f"must compare two sides, by <=, >= or ==, got {_article(what)} alone", tree
        )
    if len(tree.ops) > 1:
        second = tree.comparators[1]
        raise reader.error("must compare two sides once, got several comparisons", second)
    if type(tree.ops[0]) not in RELATIONS:
        strict = isinstance(tree.ops[0], ast.Lt | ast.Gt)
        why = ": rounding hides whether sides are equal" if strict else ""
        raise reader.error(f"must compare by <=, >= or =={why}", tree.comparators[0])
    parts = tree.left, tree.comparators[0]
    for part in parts:
        reader.require_number(part)
    relation, exchanged = RELATIONS[type(tree.ops[0])]
    left, right = (Side(ast.get_source_segment(line, part) or "") for part in parts)
    if exchanged:
        left, right = right, left
    claim = Claim(
        line,
        relation,
        CONTROLS[relation],
        left,
        right,
        assumptions=tuple(dict.fromkeys(reader.assumptions)),
    )
    claim.pickled_as(parse_claim, line)
    return claim


def _hint(line: str) -> str:
    """What was probably meant by a line that does not parse; empty if nobody knows."""
    for pattern, hint in MEANT.items():
        if re.search(pattern, line):
            return hint
    return ""


def has_free_samples(claim: Claim) -> bool:
    """Whether a claim is about any number of training samples."""
    return any(isinstance(side, Side) and side.is_free for side in (claim.left, claim.right))


class _Reader:
    """What each part of a line is, refused if it must not stand there."""

    def __init__(self, line: str) -> None:
        self.line = line
        self.assumptions: list[Assumption] = []

    def error(self, problem: str, node: ast.expr) -> ExpressionError:
        before = self.line.splitlines()[: node.lineno - 1]
        row = self.line.splitlines()[node.lineno - 1]
        # the parser counts bytes
        column = len(row.encode()[: node.col_offset].decode(errors="replace"))
        column += sum(len(each) + 1 for each in before)
        return ExpressionError(problem, self.line, column)

    def code(self, node: ast.expr) -> str:
        return ast.unparse(node)

    def require_number(self, node: ast.expr) -> None:
        found = self.what(node)
        if found not in ("number", "result"):
            hint = HINTS.get(found, "").format(code=self.code(node))
            raise self.error(f"needs a number, got {_article(found)}{hint}", node)

    def what(self, node: ast.expr) -> What:
        """What a part of the line is."""
        match node:
            case ast.Constant(value=bool()):
                return "flag"
            case ast.Constant(value=int() | float() as value):
                # Python refuses to make floats of very long integers
                if not (abs(value) < 1e300 and math.isfinite(value)):
                    raise self.error("needs numbers below 1e300", node)
                return "number"
            case ast.Name(id=name):
                return self._name(name, node)
            case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
                self.require_number(operand)
                return "number"
            case ast.BinOp(op=ast.BitXor()):
                raise self.error("cannot have ^: a power is written with **", node)
            case ast.BinOp(left=left, op=op, right=right) if isinstance(op, OPERATORS):
                self.require_number(left)
                self.require_number(right)
                return "number"
            case ast.Attribute(value=value, attr=attribute):
                return self._attribute(value, attribute, node)
            case ast.Call(func=ast.Name(id=name)):
                return self._call(name, node)
        raise self.error(f"cannot have {printable(self.code(node), lines=False)[:40]} here", node)

    def _name(self, name: str, node: ast.expr) -> What:
        if name in ATTRIBUTES:
            if assumed := ASSUMED.get(ATTRIBUTES[name]):
                self.assumptions.append(assumed)
            return "number"
        if name in SAMPLES:
            return "number"
        if name in CALLS or name in FUNCTIONS:
            raise self.error(f"needs {name} to be called: {name}(…)", node)
        raise self._unknown(name, NAMES, node)

    def _unknown(self, name: str, known: Any, node: ast.expr) -> ExpressionError:
        if name == "model":
            return self.error("needs no word model: every function is one of the model", node)
        near = difflib.get_close_matches(name, known, 1, 0.5)
        lower = {each.lower(): each for each in known}
        near = near or ([lower[name.lower()]] if name.lower() in lower else [])
        usable = (each for each in known if each not in UNUSABLE)
        hint = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(usable)}"
        return self.error(f"has an unknown word {name}{hint}", node)

    def _attribute(self, value: ast.expr, attribute: str, node: ast.expr) -> What:
        if isinstance(value, ast.Name):
            raise self._unknown(value.id, CALLS, node)
        if not isinstance(value, ast.Call) or self.what(value) != "result":
            raise self.error(f"cannot have an attribute .{attribute} here", node)
        assert isinstance(value.func, ast.Name)
        attributes = CALLS[value.func.id].attributes
        if attribute not in attributes:
            raise self.error(
                f"has an unknown attribute .{attribute}; there are .{', .'.join(attributes)}", node
            )
        return "number"

    def _call(self, name: str, node: ast.Call) -> What:
        if name in FUNCTIONS:
            needed, got = FUNCTIONS[name], len(node.args)
            if node.keywords or (got < 2 if needed == 0 else got != needed):
                raise self.error(
                    f"needs {name} of {'several numbers' if needed == 0 else 'one number'}", node
                )
            for each in node.args:
                self.require_number(each)
            return "number"
        if name in ATTRIBUTES or name in SAMPLES:
            raise self.error(f"needs {name} without brackets", node)
        if name not in CALLS:
            raise self._unknown(name, (*CALLS, *FUNCTIONS), node)
        word = CALLS[name]
        for what, part in self._arguments(name, word, node):
            found = self.what(part)
            if found != what and not (what == "number" and found == "result"):
                raise self.error(
                    f"needs {_article(what)} as an argument of {name}, got {_article(found)}", part
                )
        return word.what

    def _arguments(self, name: str, word: Word, node: ast.Call) -> Iterator[tuple[What, ast.expr]]:
        """What each argument of a call must be, and the argument."""
        places = [*word.arguments, *(word.keywords[each] for each in word.names)]
        for part in node.args:
            if isinstance(part, ast.Name) and part.id == "model":
                raise self._unknown("model", (), part)
        if len(node.args) > len(places):
            raise self.error(f"has too many arguments of {name}", node.args[len(places)])
        if len(node.args) < len(word.arguments):
            raise self.error(f"needs {_article(word.arguments[len(node.args)])} in {name}", node)
        yield from zip(places, node.args, strict=False)
        given = set(word.names[: len(node.args) - len(word.arguments)])
        for keyword in node.keywords:
            if keyword.arg is None:
                raise self.error("cannot have ** in a call", keyword.value)
            if keyword.arg in given:
                raise self.error(f"has {keyword.arg} twice in {name}", keyword.value)
            if keyword.arg not in word.keywords:
                known = ", ".join(word.keywords) or "none"
                near = difflib.get_close_matches(keyword.arg, word.keywords, 1, 0.5)
                hint = f"did you mean {near[0]}?" if near else f"there are {known}"
                place = ast.copy_location(ast.Name(""), keyword)
                raise self.error(f"has an unknown argument {keyword.arg} of {name}; {hint}", place)
            given.add(keyword.arg)
            yield word.keywords[keyword.arg], keyword.value


def _article(what: str) -> str:
    return ARTICLES.get(what, f"a {what}")
