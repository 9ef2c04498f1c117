"""The recipes of docs/scaling.md are run as they stand there, and give what one process gives."""

import re
import runpy
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from moetheory import cli
from moetheory.simulation.runs.chunks import Run

DOCUMENT = (Path(__file__).parent.parent / "docs" / "scaling.md").read_text(encoding="utf-8")
BLOCKS = {
    name: code for code, name in re.findall(r"```python\n(# (\w+\.py).*?)```", DOCUMENT, re.DOTALL)
}

Script = Callable[..., dict[str, Any]]


@pytest.fixture
def script(tmp_path, monkeypatch) -> Iterator[Script]:
    """Run a file of the document in this process: ``script(name, *arguments)``, its globals."""
    for name, code in BLOCKS.items():
        (tmp_path / name).write_text(code, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)

    def run(name: str, *arguments: object) -> dict[str, Any]:
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        monkeypatch.delitem(sys.modules, "study", raising=False)
        return runpy.run_path(name, run_name="__main__")

    yield run
    sys.modules.pop("study", None)


@pytest.fixture(scope="module")
def expected() -> str:
    """What a process without any help would print, of more chunks than one."""
    study: dict[str, Any] = {}
    exec(BLOCKS["study.py"], study)
    seen = []
    estimates = study["study"](progress=lambda *done: seen.append(done))
    assert len(seen) >= 4
    return "".join(f"{estimate.mean} {estimate.sem}\n" for estimate in estimates)


@pytest.fixture
def computed(monkeypatch) -> list[int]:
    """The chunks that were computed, in this process."""
    indices = []
    compute = Run.__call__

    def noted(run: Run, index: int) -> object:
        indices.append(index)
        return compute(run, index)

    monkeypatch.setattr(Run, "__call__", noted)
    return indices


def in_a_process(*command: str) -> str:
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.usefixtures("script")
def test_processes(expected):
    assert in_a_process("processes.py") == expected


@pytest.mark.usefixtures("script")
def test_dask(expected):
    pytest.importorskip("distributed")
    assert in_a_process("with_dask.py") == expected


def test_a_plan(script, capsys):
    plan = script("plan.py")["plan"]
    assert capsys.readouterr().out.split()[0] == str(plan.chunks)
    assert plan.chunks > plan.useful_workers > 1
    assert plan.seconds > plan.seconds_with(2) > 0.0


def test_a_job_array(script, expected, computed, capsys):
    script("part.py", 0, 3)
    computed.clear()
    script("part.py", 1, 3)
    of_part_1 = computed.copy()
    script("part.py", 2, 3)
    computed.clear()
    script("whole.py")
    assert capsys.readouterr().out == expected
    assert computed == []

    Path("part-1.npz").unlink()
    Path("whole.npz").unlink()
    script("whole.py")
    assert capsys.readouterr().out == expected
    assert computed == of_part_1 != []


def test_a_job_array_on_the_command_line(script, expected, computed, capsys):
    found = re.search(r'```sh\nquestion="(.*)"\n(.*--part.*)\n(.*--merge.*)\n```', DOCUMENT)
    assert found is not None
    question, part, merge = found.groups()

    def run(line: str) -> None:
        assert cli.main(shlex.split(line.replace("$question", question))[1:]) == 0

    for i in range(3):
        run(part.replace("$i", str(i)))
    run(merge.replace("part-*.npz", "part-0.npz part-1.npz part-2.npz"))
    assert len(computed) == len(set(computed))
    capsys.readouterr()
    computed.clear()
    script("whole.py")
    assert capsys.readouterr().out == expected
    assert computed == []


def test_going_on(script, expected, computed, capsys):
    namespace = script("study.py")
    study, show = namespace["study"], namespace["show"]

    def stop(done: int, of: int) -> None:
        if 2 * done > of:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        study(checkpoint="study.npz", progress=stop)
    before = len(computed)
    show(study(checkpoint="study.npz"))
    assert capsys.readouterr().out == expected
    assert 0 < before < len(computed) == len(set(computed))
