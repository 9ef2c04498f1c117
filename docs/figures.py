"""All figures of README and docs, by one command: ``python docs/figures.py``.

It takes two minutes. The same versions give the same bytes. The two figures of the language task
are drawn from numbers in ``examples/language``; with ``--all`` these are computed again, which
takes another twenty minutes.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LANGUAGE = "{root}/examples/language"
# commands run in the folder of the figures, which they name
COMMANDS = (
    "moetheory sweep --dim 64 --seed 1 --figure one_over_k.png "
    "--title 'Dense does not gain from structure, experts do'",
    "moetheory sweep --over samples --dim 64 --experts 4 --seed 1 --figure double_descent.png "
    "--title 'Each peaks where samples match coordinates'",
    "moetheory sweep --signal-energy 128 --gate soft,hard --seed 1 --figure gates.png "
    "--title 'Routers that have to look need large blocks'",
    "python {root}/examples/maps.py maps",
    "python {root}/examples/gates.py gates_noise.png gates_law.png",
    "python {root}/examples/structure_or_ridge.py structure_or_ridge.png",
    "python {root}/examples/robustness.py robustness.png",
    "python {root}/examples/convergence.py convergence.png",
    "python {root}/examples/ladder.py ladder.png",
    f"python {LANGUAGE}/cloze.py --redraw {LANGUAGE}/cloze.json --figure language.png",
    f"python {LANGUAGE}/probes.py --redraw {LANGUAGE}/probes.json --figure language_probes.png",
    "moetheory paper --seed 1 --figures paper",
)
NUMBERS = (
    f"python {LANGUAGE}/cloze.py --numbers {LANGUAGE}/cloze.json",
    f"python {LANGUAGE}/probes.py --numbers {LANGUAGE}/probes.json",
)


def words(command: str) -> list[str]:
    """The words of a command, with this Python for its program."""
    program, *arguments = shlex.split(command.format(root=ROOT))
    return [sys.executable, *["-m", "moetheory"][: 2 * (program == "moetheory")], *arguments]


def main() -> None:
    """Make the figures."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "docs" / "figures")
    parser.add_argument("--all", action="store_true", help="compute the language task again")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    # many small factorisations, for which threads are slow
    environment = {"OPENBLAS_NUM_THREADS": "1", **os.environ, "MPLBACKEND": "agg"}
    for command in (*NUMBERS * options.all, *COMMANDS):
        print(command.format(root="."))
        subprocess.run(
            words(command),
            cwd=options.folder,
            env=environment,
            check=True,
            stdout=subprocess.DEVNULL,
        )


if __name__ == "__main__":
    main()
