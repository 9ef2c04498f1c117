"""Mixtures of experts under feature noise: the theory in closed form, proved and simulated."""

TYPE_CHECKING = False  # as in typing, whose import would take longer than all of this file
if TYPE_CHECKING:
    from moetheory.auditing import Audit, Crossovers, audit
    from moetheory.checking import Falsification, Verdict, check, falsify
    from moetheory.claims import (
        Assumption,
        Certificate,
        Claim,
        ModelSpace,
        Symbol,
        Theorem,
        certify,
        claim,
    )
    from moetheory.common import (
        ArgumentError,
        CheckpointWarning,
        ExecutorError,
        HeavyTailWarning,
        NoClosedForm,
        RareGroupWarning,
    )
    from moetheory.common import __version__ as __version__
    from moetheory.figures import plot
    from moetheory.mapping import phase_map
    from moetheory.predictors import optimal_coefficients
    from moetheory.problem import (
        BlockModel,
        Custom,
        Dense,
        Hard,
        Learned,
        MoE,
        Oracle,
        Perturbation,
        Soft,
        TopK,
        even_confusion,
    )
    from moetheory.results import (
        BestAssignment,
        Contraction,
        Descent,
        DescentEstimate,
        Estimate,
        Estimates,
        LawEnds,
        Misclassification,
        PhaseMap,
        Risk,
        RoutingMatrix,
        SimulationPlan,
        Sweep,
    )
    from moetheory.simulation import (
        RoutingEstimate,
        SpectrumEstimate,
        merge_checkpoints,
        replay,
        simulate,
        simulate_descent,
        simulate_routing,
        simulate_spectrum,
        simulation_plan,
    )
    from moetheory.sweeping import sweep, sweep_plan
    from moetheory.theorems import catalogue
    from moetheory.theory import (
        BestExperts,
        CovarianceRisks,
        OptimalRidge,
        RiskDistribution,
        SpikedSpectrum,
        best_assignment,
        best_experts,
        contraction_factor,
        covariance_risks,
        crossover,
        crossovers,
        descent,
        excess_rate,
        gap,
        high_probability_bound,
        law_ends,
        misclassification,
        misrouting_bound,
        mmse,
        moe_bound,
        optimal_ridge,
        risk,
        risk_distribution,
        routing_matrix,
        sharp_snr_condition,
        spiked_spectrum,
        steps_to,
    )

__all__ = [
    "ArgumentError",
    "Assumption",
    "Audit",
    "BestAssignment",
    "BestExperts",
    "BlockModel",
    "Certificate",
    "CheckpointWarning",
    "Claim",
    "Contraction",
    "CovarianceRisks",
    "Crossovers",
    "Custom",
    "Dense",
    "Descent",
    "DescentEstimate",
    "Estimate",
    "Estimates",
    "ExecutorError",
    "Falsification",
    "Hard",
    "HeavyTailWarning",
    "LawEnds",
    "Learned",
    "Misclassification",
    "MoE",
    "ModelSpace",
    "NoClosedForm",
    "OptimalRidge",
    "Oracle",
    "Perturbation",
    "PhaseMap",
    "RareGroupWarning",
    "Risk",
    "RiskDistribution",
    "RoutingEstimate",
    "RoutingMatrix",
    "SimulationPlan",
    "Soft",
    "SpectrumEstimate",
    "SpikedSpectrum",
    "Sweep",
    "Symbol",
    "Theorem",
    "TopK",
    "Verdict",
    "audit",
    "best_assignment",
    "best_experts",
    "catalogue",
    "certify",
    "check",
    "claim",
    "contraction_factor",
    "covariance_risks",
    "crossover",
    "crossovers",
    "descent",
    "even_confusion",
    "excess_rate",
    "falsify",
    "gap",
    "high_probability_bound",
    "law_ends",
    "merge_checkpoints",
    "misclassification",
    "misrouting_bound",
    "mmse",
    "moe_bound",
    "optimal_coefficients",
    "optimal_ridge",
    "phase_map",
    "plot",
    "replay",
    "risk",
    "risk_distribution",
    "routing_matrix",
    "sharp_snr_condition",
    "simulate",
    "simulate_descent",
    "simulate_routing",
    "simulate_spectrum",
    "simulation_plan",
    "spiked_spectrum",
    "steps_to",
    "sweep",
    "sweep_plan",
]

if not TYPE_CHECKING:
    # the folders with public names; each imports those before it alone
    _FOLDERS = (
        *(
            "common",
            "problem",
            "predictors",
            "results",
            "theory",
            "simulation",
            "sweeping",
            "mapping",
        ),
        *("auditing", "claims", "theorems", "checking", "figures", "paper"),
    )

    def __getattr__(name: str) -> object:
        """A public name; all of them are imported when the first is used.

        The command line, which is a part of the package, can so answer signals while they are.
        """
        from importlib import import_module

        if name in _FOLDERS:
            return import_module(f"moetheory.{name}")
        names = (*__all__, "__version__")
        if name not in names:
            raise AttributeError(f"module 'moetheory' has no attribute {name!r}")
        for folder in _FOLDERS:
            module = import_module(f"moetheory.{folder}")
            globals().update({each: vars(module)[each] for each in names if each in vars(module)})
        return globals()[name]

    def __dir__() -> list[str]:
        own = (name for name in globals() if name.startswith("__"))
        return sorted({*own, *__all__, *_FOLDERS, "__version__"})
