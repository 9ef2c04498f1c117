"""Rounded activations of a language model: one linear probe, or an expert for each kind of text?

Run it with ``python examples/activations.py FILE.npz [FIGURE]``; it takes seconds for some
thousand samples. The file holds ``features``, the activations (samples, units), and ``labels``,
what a probe predicts (numbers or classes). It may hold ``groups``, the kind of text of each
sample (its language, its source, or the expert that a router chose); without them, groups are
found. PyTorch and transformers can write such a file:

    tokenizer = AutoTokenizer.from_pretrained(NAME)
    model = AutoModel.from_pretrained(NAME, output_hidden_states=True).eval()
    features, labels, groups = [], [], []
    with torch.no_grad():
        for text, label, source in texts:
            states = model(**tokenizer(text, return_tensors="pt")).hidden_states[LAYER]
            features.append(states[0, -1].float().numpy())  # of the last token
            labels.append(label)
            groups.append(source)
    np.savez("activations.npz", features=features, labels=labels, groups=groups)

The noise comes from rounding to few bits, with one step size for all activations. If the step is
small compared with the standard deviation of a feature, rounding acts like noise of variance
step²/12, and the risk is predicted from this variance. Then held-out activations are really
rounded: the table shows down to how many bits the prediction holds.
"""

import argparse

import numpy as np

import moetheory as mt

BITS = (8, 6, 5, 4, 3, 2, 1)
SHOWN = {
    "dense": "dense",
    "moe(block)": "own block",
    "moe(block, router)": "own block, routed",
    "moe(all)": "all units",
    "moe(all, router)": "all units, routed",
}


def read(path: str) -> dict:
    """The arrays of the file, under the names of the arguments of `mt.audit`."""
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in ("features", "labels", "groups") if name in archive}


def rounded(features: np.ndarray, bits: int) -> tuple[np.ndarray, float]:
    """Features rounded to ``bits`` bits, and the variance of the rounding noise."""
    low, high = float(features.min()), float(features.max())
    step = (high - low) / (2**bits - 1)
    return low + step * np.rint((features - low) / step), step**2 / 12


def targets(labels: np.ndarray, classes: tuple | None) -> np.ndarray:
    """What probes predict, (n, m): numbers, 1 for the second of two names, or one for each name."""
    if labels.dtype.kind not in "bUS" or classes is None:
        return labels[:, np.newaxis]
    indicators = labels[:, np.newaxis] == np.array(classes)
    return indicators[:, 1:] if len(classes) == 2 else indicators


def main() -> None:
    """Print predicted risks, risks after rounding, and the verdict."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", help=".npz with features, labels and perhaps groups")
    parser.add_argument("figure", nargs="?")
    parser.add_argument("--experts", type=int, help="how many kinds of text to find")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    data = read(options.file)
    data["features"] = data["features"].astype(np.float64)
    versions = [rounded(data["features"], bits) for bits in BITS]
    # rectified units are zero at rest; other units are measured from their means
    center = bool(data["features"].min() < 0.0)
    found = mt.audit(
        **data,
        experts=options.experts,
        noise_variances=[0.0, *(noise for _, noise in versions)],
        center=center,
        rng=options.seed,
    )
    held_out = found.held_out
    truth = targets(data["labels"][held_out], found.classes)

    print(f"risk on {held_out.sum()} held-out samples: foreseen / activations really rounded")
    print("dense, and experts that see their own block of units or all, told the groups or routed")
    print("bits  noise variance" + "".join(f"{name:>20}" for name in SHOWN.values()))
    for level, (bits, (features, noise)) in enumerate(zip(BITS, versions, strict=True), start=1):
        line = f"{bits:4d}{noise:16.3g}"
        for name in SHOWN:
            said = found.predict(name, features[held_out], found.groups[held_out])[level]
            risk = np.square(said.reshape(truth.shape) - truth).sum(axis=1).mean()
            line += f"{found[f'{name}_predicted'][level]:11.4f} / {risk:.4f}"
        print(line)
    print(f"\nwith noise of these variances{', features centred' if center else ''}:")
    print(found.verdict)
    print(f"seed {found.entropy}")
    if options.figure:
        mt.plot(found).figure.savefig(options.figure, dpi=150)
        print(f"figure in {options.figure}")


if __name__ == "__main__":
    main()
