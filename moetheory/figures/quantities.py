"""Names and symbols of quantities in figures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from moetheory.figures.labels import literal
from moetheory.figures.numbers import plain

SYMBOLS = {
    "dim": "$d$",
    "experts": "$K$",
    "noise_variance": r"$\sigma^2$",
    "label_noise_variance": r"$\omega^2$",
    "leakage_variances": r"$\nu$",
    "interference_variances": r"$\kappa$",
    "signal_energy": "$S$",
    "signal_variances": r"$\lambda$",
    "group_probabilities": "$p$",
    "test_interference_variances": r"test $\kappa$",
    "samples": "$n$",
    "steps": "$t$",
    "test_noise_variance": r"$\sigma_o^2$",
    "misrouting": r"$\varepsilon$",
    "leakage": r"$\alpha$",
    "interference": r"$\alpha$",
    "overlap": r"$\alpha$",
    "smallest_probability": r"$p_{\min}$",
    "signal_to_noise": r"$\lambda/\sigma^2$",
    "erasure": r"$\tau$",
    "radius": "radius",
    "drag": r"drag $\eta$",
}
RATES = ("misrouting", "erasure")  # from 0 to 1
_OF = {"group_probabilities": "group", "misrouting": "group"}
_AXES = {
    "dim": "coordinates $d$",
    "experts": "number of experts $K$",
    "noise_variance": r"noise variance $\sigma^2$",
    "label_noise_variance": r"label noise variance $\omega^2$",
    "leakage_variances": r"leakage variance $\nu$",
    "interference_variances": r"interference variance $\kappa$",
    "samples": "training samples $n$",
    "steps": "steps $t$ of gradient descent",
    "test_noise_variance": r"test noise variance $\sigma_o^2$",
    "misrouting": r"misrouting rate $\varepsilon$",
    "leakage": r"leakage $\alpha$ ($\nu = \alpha^2\lambda$)",
    "interference": r"interference $\alpha$ ($\kappa = \alpha^2\lambda$)",
    "overlap": r"overlap $\alpha$ (noise $+\,\alpha^2\lambda$)",
    "smallest_probability": r"smallest group probability $p_{\min}$",
    "signal_to_noise": r"signal-to-noise ratio $\lambda/\sigma^2$",
    "erasure": r"erasure probability $\tau$",
    "radius": "radius of the worst-case shift",
}


def axis_label(quantity: str) -> str:
    """The label of an axis.

    >>> axis_label("samples"), axis_label("my_own")
    ('training samples $n$', 'my own')
    """
    return _AXES.get(quantity, literal(quantity.replace("_", " ")))


def symbol(quantity: str) -> str:
    """The symbol of a quantity, or its name.

    >>> symbol("experts"), symbol("my_own")
    ('$K$', 'my own')
    """
    return SYMBOLS.get(quantity, literal(quantity.replace("_", " ")))


def facts(setting: Mapping[str, float]) -> list[str]:
    r"""What a figure holds for, in symbols.

    >>> facts({"dim": 64, "samples": math.inf})
    ['$d$ = 64', '$n$ = $\\infty$']
    """
    return [
        f"{symbol(name)} by {_OF.get(name, 'coordinate')}"
        if math.isnan(value)
        else f"{symbol(name)} = {plain(value)}"
        for name, value in setting.items()
    ]


def differences(settings: Sequence[Mapping[str, float]]) -> list[str]:
    r"""What tells several settings apart, in symbols; empty texts if nothing does.

    >>> differences([{"dim": 64, "samples": 80.0}, {"dim": 64, "samples": math.inf}])
    ['$n$ = 80', '$n$ = $\\infty$']
    """
    shared = [name for name in settings[0] if all(name in each for each in settings)]
    apart = [name for name in shared if len({plain(each[name]) for each in settings}) > 1]
    return [", ".join(facts({name: each[name] for name in apart})) for each in settings]
