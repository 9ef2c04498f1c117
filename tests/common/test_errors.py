"""Errors: the argument, the message in parts, and what they are beside a ValueError."""

import pickle
from typing import get_args

import numpy as np
import pytest

import moetheory as mt
from moetheory.common.errors import (
    ArgumentError,
    ArgumentIndexError,
    ArgumentKeyError,
    ArgumentTypeError,
    Call,
    Column,
    Mention,
    NoClosedForm,
    OutOfRangeError,
    as_text,
)
from moetheory.common.seeding import RNG, entropy_of

PARTS = ("needs ", Mention("samples"), ", got ", Mention("counts", "fixed"), " in ", Column(2))


def test_the_message_names_the_argument_and_the_others():
    error = ArgumentError("method", *PARTS)
    assert str(error) == 'method needs samples, got counts="fixed" in column 2'
    assert error.argument == "method"


def test_an_index_and_a_value_belong_to_the_argument():
    indexed = ArgumentError("samples[1]", "must be at least 0, got -1")
    assert (indexed.argument, str(indexed)) == ("samples", "samples[1] must be at least 0, got -1")
    with_value = ArgumentError(Mention("ridge", 0.5), "is too much")
    assert (with_value.argument, str(with_value)) == ("ridge", "ridge=0.5 is too much")


def test_parts_are_spelled_by_whoever_shows_them():
    def spell(part):
        return f"--{part.argument}" if isinstance(part, Mention) else as_text(part)

    error = ArgumentError("samples[1]", "needs ", Mention("counts"), ", or ", Call("risk(m)"))
    assert error.spelled(spell) == "--samples[1] needs --counts, or call risk(m)"
    error.place = "at experts=2: "
    assert error.spelled(spell).startswith("at experts=2: --samples[1]")
    assert str(NoClosedForm("none for ", mt.Dense())) == "none for Dense(ridge=0.0)"


@pytest.mark.parametrize(
    ("kind", "also"),
    [
        (ArgumentError, ValueError),
        (ArgumentTypeError, TypeError),
        (ArgumentKeyError, KeyError),
        (ArgumentIndexError, IndexError),
        (OutOfRangeError, ValueError),
    ],
)
def test_each_kind_is_what_python_would_have_raised_and_survives_a_pickle(kind, also):
    error = kind("samples", *PARTS)
    error.place = "at x=1: "
    assert isinstance(error, also)
    assert isinstance(error, ValueError)
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.argument) == (kind, str(error), "samples")


def test_integers_of_numpy_are_seeds_and_their_type_says_so():
    assert entropy_of(np.int64(3)) == entropy_of(3)
    assert np.integer[object] in get_args(RNG) or any(
        getattr(each, "__origin__", each) is np.integer for each in get_args(RNG)
    )
    with pytest.raises(ArgumentTypeError, match="rng must be None, a non-negative integer"):
        entropy_of(np.timedelta64(3, "D"))


def test_a_message_fits_a_line_and_commands_no_terminal():
    error = ArgumentError("name", "must be another, got ", "x" * 10**6, "\x1b[31m\n")
    assert len(str(error)) < 1100
    assert str(error).startswith("name must be another, got xxx")
    assert str(error).endswith(r"xxx\x1b[31m\n")
