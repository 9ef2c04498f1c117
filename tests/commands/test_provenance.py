"""What a file says of the command that made it."""

import argparse
import importlib.metadata

import numpy as np

import moetheory as mt
from moetheory.commands import provenance


def options(*arguments, seed=None):
    return argparse.Namespace(arguments=arguments, seed=seed)


def test_a_command_is_one_that_can_be_typed_again():
    typed = options("sweep", "--csv", "a b.csv")
    assert provenance.command_line(typed, None) == "moetheory sweep --csv 'a b.csv'"
    assert provenance.command_line(typed, 7).endswith("'a b.csv' --seed 7")
    assert provenance.command_line(options("sweep", "--seed", "7", seed=7), 7) == (
        "moetheory sweep --seed 7"
    )


def test_a_command_is_one_line_whatever_its_files_are_called():
    odd = provenance.command_line(options("sweep", "--csv", "a\nb\x1b[31m\udcff.csv"), None)
    assert odd == r"moetheory sweep --csv 'a\nb\x1b[31m\udcff.csv'"
    assert provenance.comment(odd).count("\n") == 1
    odd.encode()


def test_versions_are_those_of_what_is_installed(monkeypatch):
    found = provenance.versions()
    assert (found["moetheory"], found["numpy"]) == (mt.__version__, np.__version__)
    assert set(found) == {"moetheory", "python", *provenance.LIBRARIES}

    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(provenance, "version", missing)
    assert provenance.versions()["scipy"] == "unknown"
