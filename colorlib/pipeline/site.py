"""The HTML site, built from the write-up, the executed notebooks and what they recorded; nothing is executed here."""

import errno
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from .. import paths
from .color_page import write_color_page
from .costs import read_costs, times_table
from .ledger import read_ledger
from .notebooks import read_notebook, read_notebooks, with_outputs, write_notebook
from .packages import package_versions
from .printed import write_printed

__all__ = ["build_site"]


def build_site(notebooks: Path, figures: Path, folder: Path) -> Path:
    """Build the site, whole or not at all; do nothing where it is up to date.

    Parameters
    ----------
    notebooks : Path
        Folder of the executed notebooks.
    figures : Path
        Folder with the ledger, the figures and the tables.
    folder : Path
        Folder for the site, ``site/``, and for all that it is built from, ``site-src/``.

    Returns
    -------
    Path
        The site's first page.

    Raises
    ------
    RuntimeError
        If notebooks or results are missing, or Sphinx warns of anything.
    OSError
        If the disk is full.
    """
    source, site, trees, state = folder / "site-src", folder / "site", folder / "doctrees", folder / "site.sha256"
    before = folder / "site-src.part"
    shutil.rmtree(before, ignore_errors=True)
    if source.is_dir():
        source.rename(before)
    _stage(notebooks, figures, source)
    _keep_times(before, source)
    shutil.rmtree(before, ignore_errors=True)
    files = sorted(path for path in source.rglob("*") if path.is_file())
    prose = [path for path in files if path.suffix in (".md", ".ipynb")]
    names = [str(path.relative_to(source)) for path in files]
    code = [*(paths.ROOT / "colorlib").rglob("*.py"), *(path for path in files if path not in prose)]
    outline = [_OUTLINE.findall(path.read_text("utf-8")) for path in prose]
    kind = _hash_files(code, json.dumps([package_versions(), names, outline]))
    fingerprint = _hash_files(prose, kind)
    index = site / "index.html"
    built = state.read_text("utf-8").split() if state.is_file() and index.is_file() else []
    if built[:1] == [fingerprint]:
        return index
    new_site, new_trees = folder / "site.part", folder / "doctrees.part"
    for new, old in ((new_site, site), (new_trees, trees)):
        shutil.rmtree(new, ignore_errors=True)
        if built[1:] == [kind]:  # nothing but prose changed: Sphinx then writes only pages whose text did
            shutil.copytree(old, new)
    _run_sphinx(source, new_site, new_trees)
    if (page := source / "page").is_dir():  # replaces color-your-photo.md, which Sphinx needs to link to the page
        shutil.copytree(page, new_site, dirs_exist_ok=True)
    write_printed(new_site)
    state.unlink(missing_ok=True)
    for new, old in ((new_trees, trees), (new_site, site)):
        shutil.rmtree(old, ignore_errors=True)
        new.rename(old)
    paths.write_whole(state, f"{fingerprint} {kind}".encode())
    return index


def _run_sphinx(source: Path, site: Path, trees: Path) -> None:
    """Write pages into a folder; remove it if any can't be written as they should be."""
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-W", "--keep-going", "-q"]
    command += ["-d", str(trees), str(source), str(site)]
    environment = os.environ | {"PYTHONPATH": str(paths.ROOT)}
    # It inherits the claim on the folder, so that another report waits for it even if this process is killed.
    done = subprocess.run(command, env=environment, capture_output=True, text=True, close_fds=False)
    if done.returncode:
        for part in (site, trees):
            shutil.rmtree(part, ignore_errors=True)
        if (full := os.strerror(errno.ENOSPC)) in done.stderr:  # many warnings, and no fault of the pages
            raise OSError(errno.ENOSPC, full, str(site.parent))
        print(done.stderr, file=sys.stderr)
        raise RuntimeError(
            f"the site was not built: fix what Sphinx reports above, in {paths.REPORT.name}/ or in the notebooks"
        )


def _keep_times(before: Path, source: Path) -> None:
    """Give files that did not change the times that they had before, by which Sphinx knows them."""
    for path in source.rglob("*"):
        old = before / path.relative_to(source)
        if path.is_file() and old.is_file() and old.read_bytes() == path.read_bytes():
            shutil.copystat(old, path)


#: What other pages show of a page, too: the order of pages, terms, headings, labels and directives.
_OUTLINE = re.compile(
    r"(?s:^```\{(?:toctree|glossary)\}.*?^```)|^[^\w\n]*#+ .*|^[^\w\n]*[`:]{3}\{.*|^ *:name:.*|^\(.*\)=", re.MULTILINE
)
_COSTS = "What each notebook took when these pages were made, and its cells that took over a second."


def _stage(notebooks: Path, figures: Path, source: Path) -> None:
    """Collect all that the site is built from in one folder."""
    ledger = read_ledger(figures)
    if not ledger["figures"]:
        raise RuntimeError(f"{figures} holds no results: run `make report` first")
    shutil.copytree(paths.REPORT, source, ignore=shutil.ignore_patterns("__pycache__", "colorize"))
    for chapter in ("recipe", "beyond", "survived", "speed"):  # by `make bench`, `make fuzz` and recipe.py
        written = paths.BENCHMARKS.parent / f"{'README' if chapter == 'speed' else chapter}.md"
        if written.is_file():
            shutil.copy(written, source / f"{chapter}.md")
    shutil.copytree(figures, source / "figures")
    (source / "extra" / "figures").mkdir(parents=True)
    for page in figures.glob("*.html"):  # such as the real-or-fake test: Sphinx copies it as it is
        shutil.copy(page, source / "extra" / "figures")
    write_color_page(source / "page")
    costs = read_costs(figures)
    if costs and (source / "speed.md").is_file():
        about = json.loads((figures / "run.json").read_text("utf-8"))
        with open(source / "speed.md", "a", encoding="utf-8") as chapter_file:
            chapter_file.write(f"\n## The report itself\n\n{_COSTS}\n\n{times_table(costs, about)}")
    for name, notebook in read_notebooks().items():
        file = notebooks / f"{name}.ipynb"
        if not file.is_file():
            raise RuntimeError(f"notebook {name} has not been executed: run `make report` first")
        merged = with_outputs(notebook, read_notebook(file))
        write_notebook(source / "downloads" / file.name, merged)
        solutions = paths.NOTEBOOKS / "solutions" / f"{name}_solutions.ipynb"
        if solutions.is_file():
            solved = read_notebook(solutions)
            write_notebook(source / "downloads" / solutions.name, solved)
            folded = _as_page(solved, solutions.stem, "../../downloads")
            write_notebook(source / "notebooks" / "solutions" / solutions.name, folded)
        end = [f"[Solutions to these exercises](solutions/{solutions.name})."] if solutions.is_file() else []
        shown = _as_page(merged, name, "../downloads", _told(costs.get(name)), end)
        write_notebook(source / "notebooks" / file.name, shown)


def _as_page(notebook: dict, name: str, downloads: str, told: str = "", end: Sequence[str] = ()) -> dict:
    """Return a notebook as the site shows it: pictures with alternative texts; what it took, and where to get it."""
    cells = []
    for cell in notebook["cells"]:
        shown = [output.get("metadata", {}) for output in cell.get("outputs", [])]
        alts = [about.get(kind, {}).get("alt") for about in shown for kind in ("image/jpeg", "image/svg+xml")]
        if any(alts):
            cell = cell | {"metadata": cell["metadata"] | {"mystnb": {"image": {"alt": next(filter(None, alts))}}}}
        cells.append(cell)
    link = f"[Download this notebook](path:{downloads}/{name}.ipynb) to run and change it.{told}"
    cells.insert(1, {"cell_type": "markdown", "id": "download", "metadata": {}, "source": link})
    cells += [{"cell_type": "markdown", "id": "end", "metadata": {}, "source": text} for text in end]
    return notebook | {"cells": cells}


def _told(cost: dict | None) -> str:
    """Say what a notebook took in the last run; nothing where that isn't known."""
    if not cost:
        return ""
    minutes, seconds = divmod(cost["seconds"], 60)
    time = f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
    memory = f" and up to {cost['megabytes'] / 1000:.1f} GB of memory" if cost["megabytes"] else ""
    return f" When these pages were made, running it took {time}{memory}."


def _hash_files(files: Sequence[Path], before: str) -> str:
    """Hash the names and contents of files, and what stands before them."""
    digest = hashlib.sha256(before.encode())
    for file in sorted(path for path in files if path.is_file()):
        digest.update(f"{file.name}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()
