"""Whether the words of a figure are where they belong, from its artists."""

from itertools import combinations, pairwise

import numpy as np
from matplotlib.collections import LineCollection

from moetheory.figures.captions import CAPTION
from moetheory.figures.end_names import NAME
from moetheory.figures.obstacles import BACKGROUND


def data_of(ax):
    """Points along lines and bars of axes, and corners of bands, in pixels."""
    found = [np.empty((0, 2))]
    for line in ax.get_lines():
        points = line.get_transform().transform(line.get_xydata().astype(float))
        joined = line.get_linestyle() not in ("None", "none")
        found += [points, *(np.linspace(a, b, 200) for a, b in pairwise(points) if joined)]
    for each in ax.collections:
        if each.get_gid() != BACKGROUND:
            paths = [each.get_transform().transform_path(path) for path in each.get_paths()]
            found += [path.vertices for path in paths]
            if isinstance(each, LineCollection):
                found += [np.linspace(*path.vertices[:2], 50) for path in paths]
    for bar in (patch.get_window_extent() for patch in ax.patches if patch.get_gid() is None):
        x, y = np.meshgrid(np.linspace(bar.x0, bar.x1, 30), np.linspace(bar.y0, bar.y1, 200))
        found.append(np.column_stack([x.ravel(), y.ravel()]))
    return np.concatenate(found)


def covers(box, points):
    """Whether a point is inside a box; those of gaps are not."""
    with np.errstate(invalid="ignore"):
        inside = (points > (box.x0, box.y0)) & (points < (box.x1, box.y1))
    return bool(inside.all(axis=1).any())


def apart(boxes):
    """Whether no two boxes overlap."""
    return all(
        a.x1 <= b.x0 or b.x1 <= a.x0 or a.y1 <= b.y0 or b.y1 <= a.y0
        for a, b in combinations(boxes, 2)
    )


def assert_well_placed(figure):
    """No word outside its axes, over data or over another word; ticks that can be read."""
    figure.draw_without_rendering()
    captions, page = [], figure.bbox.padded(1.0)
    for ax in figure.axes:
        names = [each.get_window_extent() for each in ax.texts if each.get_gid() == NAME]
        captions += [each.get_window_extent() for each in ax.texts if each.get_gid() == CAPTION]
        legend = ax.get_legend()
        names += [legend.get_window_extent()] if legend else []
        inside = ax.get_window_extent().padded(2.0)
        data = data_of(ax)
        for box in names:
            assert inside.x0 <= box.x0
            assert box.x1 <= inside.x1
            assert inside.y0 <= box.y0
            assert box.y1 <= inside.y1
            assert not covers(box, data)
        assert apart(names)
        if not ax.axison:
            continue
        for axis in (ax.xaxis, ax.yaxis):
            low, high = sorted(axis.get_view_interval())
            ticks = [t for t in axis.get_major_ticks() if low <= t.get_loc() <= high]
            shown = [t.label1 for t in ticks if t.label1.get_text() and t.label1.get_visible()]
            assert len(ticks) >= 2
            assert apart([each.get_window_extent() for each in shown])
    assert apart(captions)
    for box in captions:
        assert page.x0 <= box.x0
        assert box.x1 <= page.x1
        assert box.y1 <= page.y1
