"""What notebooks read is what ``notebooks/profiles.toml`` says, or the report would not run them again when it changes.

While nbval executes a notebook, its kernel notes which files it opens: see ``conftest.py`` and ``audit/``.
"""

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping

import pytest

from colorlib import paths
from colorlib.photos import COLLECTIONS
from colorlib.pipeline.fingerprints import READABLE
from colorlib.pipeline.notebooks import read_notebooks
from colorlib.pipeline.profiles import read_settings
from conftest import ROOT

Accesses = Iterable[tuple[str, str]]  #: ``("read", path)`` or ``("write", path)``, in the order of the first of each.

OWN = "bundled"  # the collection of the smoke profile
RUN = "build/bundled-smoke/"
MANIFESTS = {f"data/{file}": name for name, (file, _) in COLLECTIONS.items()}
CHECKPOINT = ".checkpoint.npz"  # it is taken only if all that the training depends on is as it was
FIGURES = f"{RUN}figures"  # locked while a notebook enters a result
LEDGER = {FIGURES, *(f"{FIGURES}/{name}" for name in ("numbers.json", "sources.json"))}  # all read and write it


def source_of(path: str, notebook: str, writers: Mapping[str, str]) -> str | None:
    """What a notebook has to declare that reads a file; None where that is nothing."""
    if path in MANIFESTS:
        return MANIFESTS[path] if MANIFESTS[path] != OWN else None
    if path.startswith("weights/"):
        return "weights"
    if path.startswith("data/realfake/"):
        return "answers"
    if not path.startswith("build/") or path in LEDGER or path.endswith((".part", CHECKPOINT)):
        return None
    writer = writers.get(path, f"{path}, which no notebook wrote")
    return writer if writer != notebook else None


def observed(opened: Mapping[str, Accesses]) -> dict[str, set[str]]:
    """For each notebook, in the order in which they run, the collections, files and notebooks that it depends on."""
    writers, found = {}, {}
    for notebook, accesses in opened.items():
        found[notebook] = set()
        for kind, path in accesses:
            if kind == "write":
                writers[path] = notebook
            else:
                found[notebook].add(source_of(path, notebook, writers))
        found[notebook].discard(None)
    return found


def undeclared(opened: Mapping[str, Accesses], declared: Mapping[str, set[str]]) -> list[str]:
    return [
        f"{notebook} depends on {source}"
        for notebook, sources in observed(opened).items()
        for source in sorted(sources - declared[notebook])
    ]


def declarations() -> dict[str, set[str]]:
    """What ``profiles.toml`` declares of each notebook: what it reads, and the notebooks that it needs."""
    declared: dict[str, set[str]] = {}
    for name in read_notebooks():
        settings = vars(read_settings(name, "smoke"))
        declared[name] = {*settings.get("reads", []), *settings.get("needs", declared)}
    return declared


def test_notebooks_read_what_they_declare_and_nothing_else(opened_by_notebooks):
    notebooks = read_notebooks()
    if missing := [name for name in notebooks if name not in opened_by_notebooks]:
        pytest.skip(
            f"{len(missing)} of {len(notebooks)} notebooks were not executed here: run pytest on notebooks, too"
        )
    opened = {name: opened_by_notebooks[name] for name in notebooks}
    assert undeclared(opened, declarations()) == []
    assert observed(opened)["06_evaluation"] >= {"weights", "03_linear_regression", "04_mlp", "05_cnn"}


MADE_UP = {
    "01_first": [
        ("read", "data/bundled.csv"),
        ("read", "data/cache/v3-64/abc.npy"),
        ("write", f"{RUN}models/linear.npz.77.part"),
        ("write", f"{RUN}models/linear.npz"),
        ("read", f"{RUN}models/linear.npz"),
        ("read", f"{RUN}figures/numbers.json"),
        ("write", f"{RUN}figures/numbers.json"),
    ],
    "02_second": [("write", f"{RUN}figures/tables/board.csv"), ("write", f"{RUN}models/mlp.onnx")],
    "03_third": [
        ("read", "data/photos.csv"),
        ("read", "data/unlike.csv"),
        ("read", "weights/unet.onnx"),
        ("read", "data/realfake/somebody.csv"),
        ("read", f"{RUN}figures/numbers.json"),
        ("read", f"{RUN}models/linear.npz"),
        ("read", f"{RUN}figures/tables/board.csv"),
        ("write", f"{RUN}figures/tables/board.csv"),
    ],
    "04_fourth": [("read", f"{RUN}figures/tables/board.csv")],
}
MADE_UP_DECLARED = {
    "01_first": set(),
    "02_second": set(),
    "03_third": {"unsplash36", "unlike", "weights", "answers", "01_first", "02_second"},
    "04_fourth": {"03_third", "bsds500"},  # it may declare more than it reads
}


def test_made_up_notebooks_that_declare_all_that_they_read_are_in_order():
    assert undeclared(MADE_UP, MADE_UP_DECLARED) == []


@pytest.mark.parametrize("source", sorted(MADE_UP_DECLARED["03_third"]))
def test_a_declaration_that_is_dropped_is_missed(source):
    declared = MADE_UP_DECLARED | {"03_third": MADE_UP_DECLARED["03_third"] - {source}}
    assert undeclared(MADE_UP, declared) == [f"03_third depends on {source}"]


def test_a_table_that_several_notebooks_write_is_that_of_the_last_of_them():
    declared = MADE_UP_DECLARED | {"04_fourth": {"02_second"}}
    assert undeclared(MADE_UP, declared) == ["04_fourth depends on 03_third"]


@pytest.mark.parametrize("path", [f"{RUN}models/stale.npz", "build/unsplash36-full/models/cnn.onnx"])
def test_what_no_notebook_wrote_is_missed_too(path):
    opened = MADE_UP | {"04_fourth": [("read", path)]}
    assert undeclared(opened, MADE_UP_DECLARED) == [f"04_fourth depends on {path}, which no notebook wrote"]


def test_all_that_can_be_declared_is_told_apart():
    assert set(MANIFESTS.values()) == set(COLLECTIONS) and set(READABLE) == {"weights", "answers"}
    assert paths.run_folder(OWN, "smoke") == ROOT / RUN and paths.ANSWERS == ROOT / "data" / "realfake"
    assert declarations()["06_evaluation"] > {"weights", "answers", "05_cnn"}


OPENS = """
import os, pathlib
import numpy as np
from colorlib.paths import write_whole
open("data/photos.csv").close()
pathlib.Path("data/photos.csv").read_bytes()
os.close(os.open(b"data/unlike.csv", os.O_RDONLY))
write_whole(pathlib.Path("build/table.csv"), b"1,2")
np.savez("build/model.npz", x=1)
np.load("build/model.npz")["x"]
open("build/model.npz", "r+b").close()
"""


def test_files_that_a_program_opens_are_noted(tmp_path, audited):
    for name in ("photos", "unlike"):
        (tmp_path / "data").mkdir(exist_ok=True)
        (tmp_path / "data" / f"{name}.csv").write_text("file,split\n")
    variables = audited(tmp_path / "log.jsonl", tmp_path)
    subprocess.run([sys.executable, "-c", OPENS], cwd=tmp_path, env=variables, check=True)
    noted = [tuple(json.loads(line)) for line in (tmp_path / "log.jsonl").read_text("utf-8").splitlines()]
    assert [access for access in noted if not access[1].endswith(".part")] == [
        ("read", "data/photos.csv"),
        ("read", "data/unlike.csv"),
        ("write", "build/table.csv"),
        ("write", "build/model.npz"),
        ("read", "build/model.npz"),
    ]
