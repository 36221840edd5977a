"""Settings of all tests: the smoke profile, on the bundled photos unless a test says otherwise."""

import os
from pathlib import Path

import pytest

from colorlib.fingerprints import code_cells
from colorlib.results import DEFAULT_COLLECTIONS
from colorlib.runner import keep_notebook

os.environ["COLORLIB_PROFILE"] = "smoke"
os.environ.pop("COLORLIB_PHOTOS", None)
if data_dir := os.environ.get("COLORLIB_DATA_DIR"):  # nbval runs a notebook in its own folder
    os.environ["COLORLIB_DATA_DIR"] = str(Path(data_dir).resolve())

PASSED = pytest.StashKey[int]()  # how many cells of a notebook did so far


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Let the smoke report, which the site's tests make, have the notebooks that nbval has executed already."""
    report = yield
    if report.when == "call" and report.passed and item.path.suffix == ".ipynb":
        item.cell.outputs = item.test_outputs
        notebook = item.parent
        notebook.stash[PASSED] = notebook.stash.get(PASSED, 0) + 1
        if notebook.stash[PASSED] == len(code_cells(notebook.nb)):
            keep_notebook(item.path.stem, notebook.nb, "smoke", DEFAULT_COLLECTIONS["smoke"])
    return report


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Run each file's tests one after the other; likewise all notebooks, which take models from each other, and then,
    since make names the notebooks first, the tests of the site that is built from them.
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.split("::")[0]
            return "report" if file.startswith("notebooks/") or file == "tests/test_site.py" else file

    return ByFile(config, log)
