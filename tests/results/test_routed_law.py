"""Where the 1/K law ends: what a result shows."""

import io
import pickle

import numpy as np
import pytest

import moetheory as mt


@pytest.fixture(scope="module")
def ends():
    return mt.law_ends(48, 1.0, signal_energy=48.0, samples=400)


def test_a_result_is_a_table_that_fits_a_terminal(ends):
    lines = str(ends).splitlines()
    assert str(ends) == ends.table() == ends.table(80)
    assert max(map(len, lines)) <= 80
    assert len(lines) == len(ends) + 1 == 11
    marked = {
        word: int(line.split()[0])
        for line in lines[1:]
        for word in ("risk", "bound", "rule")
        if word in line
    }
    assert marked == {"risk": ends.experts, "bound": ends.guaranteed, "rule": ends.rule}
    assert "up to K=" in repr(ends)
    assert (ends.noise_variance, ends.signal_energy) == (1.0, 48.0)


def test_a_row_says_that_the_oracle_is_infinite():
    ends = mt.law_ends(12, 1.0, signal_energy=48.0, samples=30, factor=10.0)
    lines = str(ends).splitlines()[1:]
    infinite = np.isinf(ends["oracle"])
    assert 0 < infinite.sum() < len(lines)
    for line, is_so in zip(lines, infinite, strict=True):
        assert line.endswith("  oracle infinite") == is_so
        assert "nan" not in line


def test_columns_by_name_and_as_csv(ends):
    assert ends["experts"].tolist() == [1, 2, 3, 4, 6, 8, 12, 16, 24, 48]
    assert ends["ratio"] == pytest.approx(ends["gate"] / ends["oracle"], rel=1e-15)
    with pytest.raises(KeyError, match="name must be one of experts, oracle, gate, error, bound"):
        ends["risk"]
    file = io.StringIO()
    ends.write_csv(file)
    header, first, *_ = file.getvalue().splitlines()
    assert header == "experts,oracle,gate,error,bound,ratio"
    assert first.startswith("1,0.5")


def test_a_copy_is_equal_and_read_only(ends):
    copied = pickle.loads(pickle.dumps(ends))
    assert repr(copied) == repr(ends)
    assert np.array_equal(copied["bound"], ends["bound"])
    assert not copied["bound"].flags.writeable
