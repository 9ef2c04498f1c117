"""How far the 1/K law reaches when nobody knows the groups, from raw data.

Run it with ``python examples/routed_law.py``; it takes about ten seconds.

A router without parameters sends each input to the block with the largest energy. Experts are
fitted by least squares, on samples of their own group ("known"), and on the samples that the router
itself has sent to them ("sorted"). Test inputs are routed, predicted, and their errors squared. The
oracle has the known experts and knows the groups of the test inputs too.

Groups are drawn, so an expert may have as many samples as coordinates, and the mean over training
sets is infinite. Therefore medians are printed, and what sorting costs is the median of the
differences on the same data, with a 95 % interval that holds for any distribution. Beside them
stands theory, with n/K samples of each group: mean risks, which are finite here.
"""

import numpy as np

import moetheory as mt

DIM, SAMPLES, SETS, INPUTS = 64, 512, 101, 3_000
MEDIAN = 40, 60  # of 101 values in order: between these two the median lies with 95 %
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


def excess(
    coefficients: np.ndarray, features: np.ndarray, labels: np.ndarray, chosen: np.ndarray
) -> float:
    """The mean squared error of the experts that are chosen for the inputs."""
    experts = len(coefficients)
    seen = features.reshape(-1, experts, DIM // experts)[np.arange(len(labels)), chosen]
    return float(np.mean((np.sum(seen * coefficients[chosen], axis=1) - labels) ** 2))


def risks_at(experts: int) -> np.ndarray:
    """Risks on training sets, (SETS, 3): of the oracle, of known groups, of sorted samples."""
    model = mt.BlockModel.isotropic(DIM, experts, 1.0, signal_energy=ENERGY)
    rng = np.random.default_rng(experts)
    risks = np.empty((SETS, 3))
    for row in risks:
        train, test = model.sample(SAMPLES, rng), model.sample(INPUTS, rng)
        known = fitted(train.features, train.labels, train.groups, experts)
        sorted_ = fitted(train.features, train.labels, loudest(train.features, experts), experts)
        routed = loudest(test.features, experts)
        for way, (coefficients, chosen) in enumerate(
            ((known, test.groups), (known, routed), (sorted_, routed))
        ):
            row[way] = excess(coefficients, test.features, test.labels, chosen)
    return risks


def main() -> None:
    """Print the risks at every K, and where the law ends."""
    ends = mt.law_ends(DIM, 1.0, signal_energy=ENERGY, samples=SAMPLES)
    print(f"d = {DIM}, S = {ENERGY:g}, noise 1, n = {SAMPLES}; excess risks")
    print("    theory, n/K samples each    medians over training sets   what sorting  sorted/")
    print(" K  oracle    hard   bound     oracle   known  sorted        costs, %      oracle")
    reach, follows = 1, True
    for row in range(1, len(ends)):
        experts = int(ends["experts"][row])
        risks = risks_at(experts)
        oracle, known, sorted_ = np.median(risks, axis=0)
        costs = np.sort(100.0 * (risks[:, 2] - risks[:, 1]) / known)
        low, high = costs[list(MEDIAN)]
        follows = follows and sorted_ <= ends.factor * oracle
        reach = experts if follows else reach
        theory = "  ".join(f"{ends[name][row]:.4f}" for name in ("oracle", "gate", "bound"))
        print(
            f"{experts:2d}  {theory}     {oracle:.4f}  {known:.4f}  {sorted_:.4f}"
            f"  {np.median(costs):5.2f} ({low:.2f} to {high:.2f})  {sorted_ / oracle:.2f}"
        )
    print(
        f"within {ends.factor:g} times the oracle up to K = {ends.experts} with known groups, "
        f"up to K = {reach} sorted by the router"
    )


if __name__ == "__main__":
    main()
