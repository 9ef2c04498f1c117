"""The figures of a spiked spectrum: points are spikes, lines the law that they follow."""

import numpy as np
import pytest
from matplotlib.figure import Figure

import moetheory as mt
from moetheory.figures.series import SERIES


@pytest.fixture
def drawn(every):
    spectra, _ = every["spectra"]
    return spectra[0], mt.plot(spectra[0])


def points(ax):
    found = [line.get_xydata() for line in ax.get_lines() if line.get_linestyle() == "None"]
    return np.concatenate(found)


def is_on(point, line):
    x, y = line.get_data()
    return np.interp(point[0], x, y) == pytest.approx(point[1], rel=1e-3, abs=1e-3)


def test_spikes_are_points_on_the_line_of_their_law(drawn):
    spectrum, axes = drawn
    assert list(axes) == ["values", "overlaps"]
    for ax, columns in (
        (axes["values"], (spectrum.values,)),
        (axes["overlaps"], (spectrum.left, spectrum.right)),
    ):
        wanted = {
            (x, y) for column in columns for x, y in zip(spectrum.signal, column, strict=True)
        }
        assert set(map(tuple, points(ax))) == wanted
        lines = [line for line in ax.get_lines() if line.get_gid() == SERIES]
        assert len(lines) == len(columns)
        for point in wanted:
            assert any(is_on(point, line) for line in lines)


def test_what_is_below_the_threshold_is_shaded_and_open(drawn):
    spectrum, axes = drawn
    for ax in axes.values():
        (shade,) = ax.patches
        assert shade.get_x() + shade.get_width() == pytest.approx(spectrum.threshold[0])
        hollow = [line for line in ax.get_lines() if line.get_markerfacecolor() == "white"]
        hidden = np.concatenate([line.get_xdata() for line in hollow if line.get_gid() is None])
        assert {*spectrum.signal[~spectrum.detectable]} <= {*hidden}
    (diagonal,) = [line for line in axes["values"].get_lines() if line.get_label() == "no noise"]
    np.testing.assert_array_equal(diagonal.get_xdata(), diagonal.get_ydata())


def test_axes_may_be_given_by_name_or_alone(every):
    spectra, keywords = every["spectra"]
    ax, other = Figure().subplots(1, 2)
    assert mt.plot(spectra[0], ax) is ax
    assert ax.get_ylabel() == "observed in noise"
    assert mt.plot(spectra, {"overlaps": other}, **keywords) == {"overlaps": other}
    assert other.get_ylabel() == "squared overlap"
    with pytest.raises(ValueError, match=r"^ax must name panels among 'values', 'overlaps', got"):
        mt.plot(spectra[0], {"both": ax})


def test_experts_of_several_thresholds_have_several_lines():
    model = mt.BlockModel(
        [0.7, 0.3], [0] * 20 + [1] * 30, np.geomspace(9.0, 0.1, 50), [1.0] * 50, noise_variance=1.0
    )
    spectrum = mt.spiked_spectrum(mt.MoE(), model, 600)
    assert len(set(spectrum.threshold)) == 2
    ax = mt.plot(spectrum)["values"]
    assert len([line for line in ax.get_lines() if line.get_gid() == SERIES]) == 2
    assert len(ax.patches) == 2
