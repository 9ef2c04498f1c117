"""The cost of routing: where the 1/K law ends if a gate infers groups from noisy inputs.

Run it with ``python examples/gates.py [NOISE [LAW]]``; it takes a few seconds. These are paths of
two figures: risks over the noise, and how far the law reaches. Without a path it draws nothing.
"""

import sys

import moetheory as mt

DIM, ENERGY = 256, 128
SAMPLES = 1024  # of the experts that are fitted
ESTIMATORS = {
    "dense": mt.Dense(),
    "oracle": mt.MoE(),
    "soft": mt.MoE(gate=mt.Soft()),
    "hard": mt.MoE(gate=mt.Hard()),
}
NOISES = [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0]


def world(experts: int) -> mt.BlockModel:
    """A model of 256 coordinates in equal blocks, with twice as much noise energy as signal."""
    return mt.BlockModel.isotropic(DIM, experts, noise_variance=1.0, signal_energy=ENERGY)


def over(quantity: str, model, values: list) -> tuple[mt.Sweep, dict]:
    """A sweep over ``quantity``, and its risks by the short names of the estimators."""
    swept = mt.sweep(model, quantity, values, list(ESTIMATORS.values()))
    return swept, {name: swept[each.label] for name, each in ESTIMATORS.items()}


def least(values: list[int], risks) -> str:
    """Words for the K of least risk, and for a rise of the risk beyond it."""
    best = int(risks.argmin())
    if best == len(values) - 1:
        return f"falls all the way to K = {values[best]}: {risks[best]:.4f}"
    return f"is least at K = {values[best]}: {risks[best]:.4f}, {risks[-1]:.4f} at K = {values[-1]}"


def by_experts() -> None:
    """Print the risks over the number of experts, and up to which K the 1/K law holds."""
    experts = [k for k in range(1, DIM + 1) if DIM % k == 0]
    _, risks = over("experts", world, experts)
    gates = [name for name in risks if name != "dense"]
    print("excess risk" + 32 * " " + "K · excess risk")
    print("  K" + "".join(f"{name:>9}" for name in risks) + "  |" + ("{:>8}" * 3).format(*gates))
    for i, k in enumerate(experts):
        row = "".join(f"{risk[i]:9.4f}" for risk in risks.values())
        print(f"{k:3d}{row}  |" + "".join(f"{k * risks[name][i]:8.3f}" for name in gates))
    print()
    for name in ("soft", "hard"):
        close = risks[name] <= 1.1 * risks["oracle"]
        within = experts[-1] if close.all() else experts[int(close.argmin()) - 1]
        print(f"{name} routing is within 10 % of the oracle up to K = {within}")
        print(f"{name} routing {least(experts, risks[name])}")
    above = [k for k, bad in zip(experts, risks["hard"] > risks["dense"], strict=True) if bad]
    print(f"hard routing is above dense at {f'K = {above}' if above else 'no K'}")


def by_noise(model: mt.BlockModel) -> mt.Sweep:
    """Print the risks over the noise variance, and where dense becomes better than hard routing."""
    swept, risks = over("noise_variance", model, NOISES)
    print(f"\nexcess risk with {model.experts} experts\nnoise" + "".join(f"{n:>9}" for n in risks))
    for i, noise in enumerate(NOISES):
        print(f"{noise:5g}" + "".join(f"{risk[i]:9.4f}" for risk in risks.values()))
    end = mt.crossover(ESTIMATORS["dense"], ESTIMATORS["hard"], model, over="noise_variance")
    print(f"\nhard routing stops being better than dense at noise variance {end:.4g}")
    worst = (risks["soft"] / risks["dense"]).max()
    print(f"soft routing is the best of all predictors: here at most {worst:.4f} of dense's risk")
    return swept


def law_ends() -> list[mt.LawEnds]:
    """Print up to which K each gate follows the law, with optimal and with fitted experts."""
    found = [
        mt.law_ends(DIM, 1.0, signal_energy=ENERGY, gate=gate, samples=samples)
        for samples in (None, SAMPLES)
        for gate in (mt.Soft(), mt.Hard())
    ]
    print("\nwithin twice the oracle's excess risk up to")
    for ends in found:
        experts = "optimal" if ends.samples is None else f"n = {ends.samples}"
        proved = f"K = {ends.guaranteed} by the bound"
        print(f"  {ends.gate.label}, {experts:>8}: K = {ends.experts:3d}, {proved}")
    return found


def main(noise: str = "", law: str = "") -> None:
    """Print all tables, save the figures whose paths are given."""
    by_experts()
    swept, laws = by_noise(world(64)), law_ends()
    drawn = {
        noise: (swept, "Hard routing loses its lead in loud noise"),
        law: (laws, "The 1/K law ends where gates err"),
    }
    for path, (result, title) in drawn.items():
        if path:
            from matplotlib.figure import Figure

            fig = Figure(figsize=(6.4, 4.4), layout="constrained")
            mt.plot(result, fig.subplots(), title=title)
            fig.savefig(path, dpi=150)
            print(f"figure in {path}")


if __name__ == "__main__":
    main(*sys.argv[1:])
