"""Fixtures that tests of several commands share."""

import pytest

import moetheory as mt


@pytest.fixture(scope="module")
def small():
    return mt.BlockModel.isotropic(6, 3, 1.0, signal_energy=6.0)


@pytest.fixture(scope="session")
def cells_of():
    """``cells_of(printed)``: the rows of the first table that was printed, as lists of cells."""

    def of(table: str) -> list[list[str]]:
        return [
            [cell.strip() for cell in line.split("  ") if cell]
            for line in table.partition("\n\n")[0].splitlines()
        ]

    return of
