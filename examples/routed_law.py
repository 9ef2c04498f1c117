"""How far the 1/K law reaches when nobody knows the groups, from raw data.

Run it with ``python examples/routed_law.py``; it takes about ten seconds.

A router without parameters sends each input to the block with the largest energy. Experts are
fitted by least squares, on samples of their own group ("known"), and on the samples that the router
itself has sent to them ("sorted"). Test inputs are routed, predicted, and their errors squared. The
oracle knows the group of every sample, in training and in the test; "hard" and "bound" are theory,
with n/K samples of each group, where in the raw data the groups are drawn.
"""

import numpy as np

import moetheory as mt

DIM, SAMPLES, SETS, INPUTS = 64, 512, 25, 6_000
ENERGY = 64.0


def loudest(features: np.ndarray, experts: int) -> np.ndarray:
    """The block with the largest energy, for each row."""
    return np.argmax(np.sum(features.reshape(-1, experts, DIM // experts) ** 2, axis=2), axis=1)


def fitted(features: np.ndarray, labels: np.ndarray, expert_of: np.ndarray, experts: int):
    """The least-squares fit of each expert on its own block and samples, (K, s)."""
    blocks = features.reshape(-1, experts, DIM // experts)
    result = np.zeros(blocks.shape[1:])
    for j in range(experts):
        own = expert_of == j
        if own.any():
            result[j] = np.linalg.lstsq(blocks[own, j], labels[own], rcond=None)[0]
    return result


def excess(coefficients: np.ndarray, features: np.ndarray, labels: np.ndarray) -> float:
    """The mean squared error of experts on inputs that go to the loudest block."""
    experts = len(coefficients)
    chosen = loudest(features, experts)
    seen = features.reshape(-1, experts, DIM // experts)[np.arange(len(labels)), chosen]
    return float(np.mean((np.sum(seen * coefficients[chosen], axis=1) - labels) ** 2))


def risks_at(experts: int) -> np.ndarray:
    """Risks over training sets, (SETS, 2): groups known, and sorted by the router."""
    model = mt.BlockModel.isotropic(DIM, experts, 1.0, signal_energy=ENERGY)
    rng = np.random.default_rng(experts)
    risks = np.empty((SETS, 2))
    for row in risks:
        train, test = model.sample(SAMPLES, rng), model.sample(INPUTS, rng)
        for way, expert_of in enumerate((train.groups, loudest(train.features, experts))):
            coefficients = fitted(train.features, train.labels, expert_of, experts)
            row[way] = excess(coefficients, test.features, test.labels)
    return risks


def main() -> None:
    """Print the risks at every K, and where the law ends."""
    ends = mt.law_ends(DIM, 1.0, signal_energy=ENERGY, samples=SAMPLES)
    print(f"d = {DIM}, S = {ENERGY:g}, noise 1, n = {SAMPLES}; excess risks")
    print(" K  oracle   hard   bound    known            sorted           sorted/oracle")
    reach, follows = 1, True
    for row in range(1, len(ends)):
        experts, oracle = int(ends["experts"][row]), ends["oracle"][row]
        risks = risks_at(experts)
        mean, sem = risks.mean(axis=0), risks.std(axis=0, ddof=1) / np.sqrt(SETS)
        follows = follows and mean[1] <= ends.factor * oracle
        reach = experts if follows else reach
        print(
            f"{experts:2d}  {oracle:.4f}  {ends['gate'][row]:.4f}  {ends['bound'][row]:.4f}  "
            + "  ".join(f"{m:.4f} ± {s:.4f}" for m, s in zip(mean, sem, strict=True))
            + f"  {mean[1] / oracle:.2f}"
        )
    print(
        f"within {ends.factor:g} times the oracle up to K = {ends.experts} with known groups, "
        f"up to K = {reach} sorted by the router"
    )


if __name__ == "__main__":
    main()
