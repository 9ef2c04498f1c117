"""The 1/K law, for a lecture: theory, simulation and the figure.

Run it with ``python examples/one_over_k.py [FIGURE]``; it takes a few seconds.
"""

import sys

import moetheory as mt

DIM = 16


def world(experts: int) -> mt.BlockModel:
    """A model of 16 coordinates in equal blocks; signal and noise energy are equal."""
    return mt.BlockModel.isotropic(DIM, experts, noise_variance=1.0, signal_energy=DIM)


def main(figure: str = "one_over_k.png") -> None:
    """Print the table, check the theorem, save the figure."""
    experts = [k for k in range(1, DIM + 1) if DIM % k == 0]
    table = mt.sweep(world, "experts", experts, replicates=2000, rng=0)
    print(" K   dense     MoE   1/K bound   MoE simulated")
    for i, k in enumerate(experts):
        print(
            f"{k:2d}  {table['dense'][i]:.4f}  {table['moe'][i]:.4f}      {table['bound'][i]:.4f}"
            f"   {table['moe_simulated'][i]:.4f} ± {table['moe_sem'][i]:.4f}"
        )
    verdict = mt.check("one-over-k", world(4), rng=0)
    print(f"\nthe theorem {verdict.status}; each comparison would have seen {verdict.power:.2%}")
    mt.plot(table, title="Experts follow the 1/K law").get_figure().savefig(figure, dpi=150)
    print(f"figure in {figure}")


if __name__ == "__main__":
    main(*sys.argv[1:])
