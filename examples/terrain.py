"""Real heights that are not modular: no gain is predicted, and none is found.

A digital elevation model that comes with Matplotlib (the Jacksboro fault, USGS) is cut into
patches of 8 x 8 heights; from a patch the height next to it is predicted. All heights of a patch
lean on each other: the audit finds two halves, cut into four it does by force, and either way
experts lose what lies outside their own block, at every noise. Last, the south is held out instead
of stripes: other land has other moments, and what was learned of one says less of the other.

Run it with ``python examples/terrain.py [FIGURE]``; it takes a few seconds.
"""

import sys

import numpy as np

import moetheory as mt

WIDTH = 8
HELD_OUT = 4  # one stripe of two patches' height in so many


def patches() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Patches that do not overlap and the height next to each, from their mean; their rows."""
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
    features, labels, rows = patches()
    stripes = rows // 2 % HELD_OUT == HELD_OUT - 1
    south = rows >= (1.0 - 1.0 / HELD_OUT) * rows.max()
    whole = mt.audit(features, labels, held_out=stripes, rng=0)
    print("stripes held out", whole.verdict, "", sep="\n")
    for where, held_out in (("stripes", stripes), ("the south", south)):
        cut = mt.audit(features, labels, experts=4, held_out=held_out, rng=0)
        print(f"four blocks, {where} held out", cut.verdict, "", sep="\n")
        if figure is not None and where == "stripes":
            from matplotlib import pyplot

            mt.plot(cut)
            pyplot.savefig(figure, dpi=150)
            pyplot.close()


if __name__ == "__main__":
    main(*sys.argv[1:2])
