"""Terrain heights are not modular: experts on blocks gain nothing, and a router finds no group.

A digital elevation model that comes with Matplotlib (the Jacksboro fault, USGS) is cut into
patches of 8 x 8 heights; a patch predicts the height next to it. All heights of a patch are
correlated. The audit finds one block; then it is asked for four. Experts restricted to their block
lose the signal outside it, at every noise level. Experts that see all heights gain from noise
variance 400 on, if they are told groups that were computed without noise; a router that sees the
noise loses this gain. Last, the south is held out instead of stripes: other terrain has other
moments, so predictions are less accurate.

Run it with ``python examples/terrain.py [FIGURE]``; it takes a few seconds.
"""

import sys

import numpy as np

import moetheory as mt

WIDTH = 8
HELD_OUT = 4  # one stripe in four is held out; a stripe is two patches high


def patches() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Disjoint patches and the height next to each, less the patch mean; the row of each patch."""
    from matplotlib import cbook

    with cbook.get_sample_data("jacksboro_fault_dem.npz") as file:
        heights = file["elevation"].astype(float)
    windows = np.lib.stride_tricks.sliding_window_view(heights, (WIDTH, WIDTH + 1))
    windows = windows[::WIDTH, ::WIDTH]
    features = windows[..., :WIDTH].reshape(-1, WIDTH * WIDTH)
    mean = features.mean(axis=1, keepdims=True)
    labels = windows[..., WIDTH // 2, WIDTH].ravel() - mean[:, 0]
    rows, columns = windows.shape[:2]
    return features - mean, labels, np.repeat(np.arange(rows), columns)


def main(figure: str | None = None) -> None:
    """Print the verdicts for both ways to hold out; save the figure if a path is given."""
    features, labels, rows = patches()
    stripes = rows // 2 % HELD_OUT == HELD_OUT - 1
    south = rows >= (1.0 - 1.0 / HELD_OUT) * rows.max()
    whole = mt.audit(features, labels, held_out=stripes, rng=0)
    print("stripes held out", whole.verdict, "", sep="\n")
    for where, held_out in (("stripes", stripes), ("the south", south)):
        cut = mt.audit(features, labels, experts=4, held_out=held_out, rng=0)
        print(f"four blocks, {where} held out", cut.verdict, "", sep="\n")
        if figure is not None and where == "stripes":
            from matplotlib.figure import Figure

            drawn = Figure(figsize=(6.4, 4.4), layout="constrained")
            mt.plot(cut, drawn.add_subplot())
            drawn.savefig(figure, dpi=150)


if __name__ == "__main__":
    main(*sys.argv[1:2])
