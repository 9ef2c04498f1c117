"""For a reviewer: a claim holds, then fails when its assumption is removed.

Experts see only their own block. With leakage, the coordinates of a block carry signal while
another group is active, alpha^2 times the variance they have while their own is. Experts do not see
this signal and dense does: the order of the risks reverses.
"""

import moetheory as mt


def main() -> None:
    """Check the order of the risks with strict blocks, then increase leakage."""
    strict = mt.BlockModel.isotropic(12, 3, noise_variance=1.0, signal_energy=12.0)
    print(f"strict blocks: {mt.check('generalization', strict, rng=0).status}")
    print("  alpha   dense     MoE   who wins")
    for alpha in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0):
        model = strict.replace(leakage_variances=alpha**2 * strict.signal_variances)
        dense, moe = mt.risk(mt.Dense(), model), mt.risk(mt.MoE(), model)
        winner = "experts" if mt.gap(model) > 0 else "dense"
        print(f"{alpha:7.1f}  {dense.value:.4f}  {moe.value:.4f}   {winner}")
    verdict = mt.check("generalization", model, rng=0)
    print(f"at alpha 1: {verdict.outcome}")


if __name__ == "__main__":
    main()
