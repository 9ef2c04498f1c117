"""Whether the words in a figure stand where they can be read, found from what is drawn."""

import itertools

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg

from moetheory.figures.captions import CAPTION
from moetheory.figures.obstacles import BACKGROUND

PALE = 0.3  # an alpha up to which words may stand on an area


def assert_well_placed(figure):
    """No words outside, none upon data, none upon others."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    words = {ax: _words(ax) for ax in figure.axes}
    extents = {}
    for ax, own in words.items():
        frame = ax.get_window_extent()
        for artist in own:
            box = artist.get_window_extent()
            extents[artist] = box
            assert _within(box, frame), f"outside its axes: {_said(artist)}"
        for artist in _captions(ax):
            box = extents[artist] = artist.get_window_extent()
            assert box.y0 >= frame.y1 - 1.0, f"not above its axes: {_said(artist)}"
        for artist in (*_tick_labels(ax), ax.xaxis.label, ax.yaxis.label):
            if artist.get_text() and artist.get_visible():
                extents[artist] = artist.get_window_extent()
    for artist, box in extents.items():
        assert _within(box, figure.bbox), f"outside the figure: {_said(artist)}"
    for (one, first), (other, second) in itertools.combinations(extents.items(), 2):
        assert not _overlap(first, second), f"{_said(one)} upon {_said(other)}"
    ink = _data(figure, canvas, list(extents))
    for own in words.values():
        for artist in own:
            assert not ink(extents[artist]), f"upon data: {_said(artist)}"


def captions(ax):
    """All that is written on axes, with common spaces."""
    return " ".join(text.get_text() for text in ax.texts).replace("\N{NO-BREAK SPACE}", " ")


def _words(ax):
    """Names, legends and other words inside axes."""
    legend = ax.get_legend()
    texts = [text for text in ax.texts if text.get_gid() != CAPTION and text.get_text()]
    return texts + [legend] * (legend is not None)


def _captions(ax):
    titles = (ax.title, *(text for text in ax.texts if text.get_gid() == CAPTION))
    return [text for text in titles if text.get_text()]


def _tick_labels(ax):
    """The labels of ticks that are in view."""
    for axis in (ax.xaxis, ax.yaxis):
        low, high = sorted(axis.get_view_interval())
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
            if low <= tick.get_loc() <= high and tick.label1.get_text():
                yield tick.label1


def _within(box, frame):
    return (
        box.x0 >= frame.x0 - 1.0
        and box.x1 <= frame.x1 + 1.0
        and box.y0 >= frame.y0 - 1.0
        and box.y1 <= frame.y1 + 1.0
    )


def _overlap(one, other):
    wide = min(one.x1, other.x1) - max(one.x0, other.x0)
    high = min(one.y1, other.y1) - max(one.y0, other.y0)
    return wide > 1.0 and high > 1.5


def _said(artist):
    return repr(artist.get_text() if hasattr(artist, "get_text") else artist)


def _data(figure, canvas, words):
    """Which boxes have data in them: the figure without words, axes, grids and backgrounds."""
    hidden = list(words)
    for ax in figure.axes:
        hidden += [ax.xaxis, ax.yaxis, *ax.spines.values(), *ax.images, *ax.texts]
        areas = (*ax.collections, *ax.patches)
        hidden += [each for each in areas if (each.get_alpha() or 1.0) <= PALE]
        hidden += [each for each in ax.get_children() if each.get_gid() == BACKGROUND]
    shown = [each for each in dict.fromkeys(hidden) if each.get_visible()]
    engine = figure.get_layout_engine()
    figure.set_layout_engine("none")
    for each in shown:
        each.set_visible(False)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3].min(axis=2) < 200
    for each in shown:
        each.set_visible(True)
    figure.set_layout_engine(engine)
    height = len(pixels)

    def ink(box):
        rows = slice(max(int(height - box.y1), 0), int(height - box.y0) + 1)
        return bool(pixels[rows, max(int(box.x0), 0) : int(box.x1) + 1].any())

    return ink
