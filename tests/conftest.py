"""What several tests share: the command line run as a user runs it, and a copy of the project to change."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from colorlib.cli import main
from colorlib.models import model_class
from colorlib.photos import load_photos

ROOT = Path(__file__).resolve().parent.parent
PARAMETERS = "profile = None\ncollection = None"
FIRST = """from matplotlib.figure import Figure
from colorlib.pipeline import start_run
run = start_run("01_first", profile, collection)
run.record_number("doubled", 21 * run.settings.factor)
figure = Figure(figsize=(2, 1))
figure.subplots().plot([1, 2])
run.record_figure("fig-line", figure, alt="A line that rises")"""
SECOND = """from colorlib.scores.metrics import psnr
from colorlib.pipeline import start_run
run = start_run("02_second", profile, collection)
run.record_number("n_photos", len(run.photo_names("train")))"""
INDEX = """# A report

Built from {{ built_from }}: {{ doubled }} and {{ n_photos }}, in $a^2$.

```{figure} figures/fig-line.png
:alt: A line

The line.
```

```{toctree}
:glob:
notebooks/*
```
"""


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return load_photos("bundled", 96, "test")[0, :64]  # 64×96, so that sides can't be mistaken


@pytest.fixture(scope="session")
def model(tmp_path_factory) -> str:
    """A fitted model that colors in no time."""
    path = tmp_path_factory.mktemp("model") / "linear.npz"
    model_class("linear")().fit(load_photos("bundled", 64, "train")).save(path)
    return str(path)


@pytest.fixture
def refused(model, capsys):
    """Color what must be refused; return the lines on stderr."""

    def run(*arguments: object) -> list[str]:
        assert main(["colorize", "--model", model, *map(str, arguments)]) == 1
        lines = capsys.readouterr().err.splitlines()
        assert lines and all(line.startswith("error: ") for line in lines)
        return lines

    return run


def colorize(model: str, *arguments: object) -> None:
    assert main(["colorize", "--model", model, *map(str, arguments)]) == 0


def contents(folder: Path) -> dict[str, bytes]:
    """What the files of a folder hold, by their names."""
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir()) if file.is_file()}


def run_colorlib(*arguments: str, root: Path = ROOT, **variables: str) -> subprocess.CompletedProcess:
    """Run ``python -m colorlib`` of the project in ``root`` to its end."""
    return subprocess.run(
        command(*arguments), cwd=root, env=environment(root) | variables, capture_output=True, text=True, timeout=1200
    )


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "colorlib", *arguments]


def environment(root: Path) -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if key != "COLORLIB_PROFILE"} | {"PYTHONPATH": str(root)}


def kill_at_checkpoint(program: str, folder: Path, checkpoint: Path, **options) -> None:
    """Run a Python program in a folder, and kill it soon after it has written a checkpoint."""
    process = subprocess.Popen([sys.executable, "-c", program], cwd=folder, **options)
    while process.poll() is None and not checkpoint.exists():
        time.sleep(0.005)
    process.kill()
    assert process.wait() == -signal.SIGKILL, "it ended before it was killed"


def count_steps(monkeypatch) -> list[int]:
    """Note in a list the iterations that networks learn in from now on."""
    from colorlib.training import NetworkLearner

    done, step = [], NetworkLearner.step
    monkeypatch.setattr(
        NetworkLearner, "step", lambda self, iteration: (done.append(iteration), step(self, iteration))[1]
    )
    return done


def write_notebook(file: Path, *code: str, prose: str = "A title") -> None:
    cells = [{"cell_type": "markdown", "id": "title", "metadata": {}, "source": [f"# {prose}"]}]
    for number, source in enumerate((PARAMETERS, *code)):
        cells.append(
            {
                "cell_type": "code",
                "id": f"cell-{number}",
                "outputs": [],
                "execution_count": None,
                "metadata": {"tags": ["parameters"]} if number == 0 else {},
                "source": [source],
            }
        )
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    file.write_text(
        json.dumps(
            {
                "cells": cells,
                "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
                "nbformat": 4,
                "nbformat_minor": 5,
            }
        )
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A copy of the project with two short notebooks, the second of which needs nothing of the first."""
    root = tmp_path_factory.mktemp("project")
    for folder in ("colorlib", "data", "report"):
        shutil.copytree(
            ROOT / folder, root / folder, ignore=shutil.ignore_patterns("raw", "cache", "__pycache__", "*.md")
        )
    shutil.copy(ROOT / "pyproject.toml", root)
    for manifest in (root / "data").glob("*.csv"):  # a host that is never there
        manifest.write_text(manifest.read_text("utf-8").replace("raw.githubusercontent.com", "photos.invalid"), "utf-8")
    (root / "notebooks").mkdir()
    (root / "notebooks" / "profiles.toml").write_text(
        "[01_first]\nfactor = {full = 3, smoke = 2}\n\n[02_second]\nneeds = []\n"
    )
    write_notebook(root / "notebooks" / "01_first.ipynb", FIRST)
    write_notebook(root / "notebooks" / "02_second.ipynb", SECOND)
    (root / "report" / "index.md").write_text(INDEX, "utf-8")
    return root
