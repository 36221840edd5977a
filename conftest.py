"""Settings of all tests: the smoke profile, on the bundled photos unless a test says otherwise."""

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from colorlib import paths
from colorlib.pipeline.fingerprints import fingerprint_notebooks
from colorlib.pipeline.ledger import DEFAULT_COLLECTIONS
from colorlib.pipeline.notebooks import code_cells, read_notebooks, with_outputs, write_notebook
from colorlib.pipeline.runner import write_record
from colorlib.processors import LIBRARIES

os.environ["COLORLIB_PROFILE"] = "smoke"
os.environ["TQDM_DISABLE"] = "1"  # progress bars would count as output of a cell
os.environ.pop("COLORLIB_PHOTOS", None)
if "PYTEST_XDIST_WORKER" in os.environ:  # one process a processor runs tests: more threads would only take turns
    os.environ |= dict.fromkeys(LIBRARIES, "1")
if data_dir := os.environ.get("COLORLIB_DATA_DIR"):  # nbval runs a notebook in its own folder
    os.environ["COLORLIB_DATA_DIR"] = str(Path(data_dir).resolve())

collect_ignore = ["tests/audit"]  # which other programs import, as they start

#: Fixtures that start a browser, a cluster, or an environment of Python into which the library is installed.
STARTED = {"browser", "session", "reader", "cluster", "start_machines", "installed"}

PASSED = pytest.StashKey[list[bool]]()  # for each cell of a notebook that was executed, whether it passed
LOGS = pytest.StashKey[tempfile.TemporaryDirectory]()  # what each notebook opened, in a file of its name
EXECUTED = pytest.StashKey[list[str]]()  # names of the notebooks all of whose cells were executed


def pytest_configure(config):
    # Keras's own, of what it does with numpy.
    config.addinivalue_line("filterwarnings", "ignore:__array__ implementation doesn't accept:DeprecationWarning")
    config.stash[LOGS] = tempfile.TemporaryDirectory(prefix="colorlib-opened-")
    config.stash[EXECUTED] = []


def pytest_unconfigure(config):
    config.stash[LOGS].cleanup()


def audited_environment(log: Path, root: Path = paths.ROOT) -> dict[str, str]:
    """Variables for a program that is to note in a file which files below a folder it opens."""
    folders = [str(paths.ROOT / "tests" / "audit"), str(paths.ROOT), os.environ.get("PYTHONPATH")]
    variables = {"COLORLIB_AUDIT_LOG": str(log), "COLORLIB_AUDIT_ROOT": str(root)}
    return os.environ | variables | {"PYTHONPATH": os.pathsep.join(filter(None, folders))}


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item):
    """Let a notebook's kernel, which nbval starts with its first cell, note which files the notebook opens."""
    if item.path.suffix != ".ipynb":
        return (yield)
    log = Path(item.config.stash[LOGS].name) / f"{item.path.stem}.jsonl"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in audited_environment(log).items():
            patch.setenv(name, value)
        return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:
        starts = STARTED.intersection(getattr(item, "fixturenames", ()))
        if starts or item.path.parent == paths.NOTEBOOKS / "solutions":
            item.add_marker(pytest.mark.long)


@pytest.fixture
def audited() -> Callable[..., dict[str, str]]:
    """`audited_environment`, for the tests."""
    return audited_environment


@pytest.fixture(scope="session")
def opened_by_notebooks(pytestconfig) -> dict[str, list[tuple[str, str]]]:
    """What each notebook that nbval executed in this session read and wrote, by its name; see ``tests/audit``."""
    folder = Path(pytestconfig.stash[LOGS].name)
    logs = {name: (folder / f"{name}.jsonl").read_text("utf-8") for name in pytestconfig.stash[EXECUTED]}
    return {name: [tuple(json.loads(line)) for line in log.splitlines()] for name, log in logs.items()}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Let the smoke report, which the site's tests make, have the notebooks that nbval has executed already."""
    report = yield
    if report.when == "call" and item.path.suffix == ".ipynb" and item.path.parent == paths.NOTEBOOKS:  # no solutions
        notebook = item.parent
        passed = notebook.stash.setdefault(PASSED, [])
        passed.append(report.passed)
        if report.passed:
            item.cell.outputs = item.test_outputs
        if len(passed) == len(code_cells(notebook.nb)):
            item.config.stash[EXECUTED].append(item.path.stem)
            if all(passed):
                keep_notebook(item.path.stem, notebook.nb)
    return report


def keep_notebook(name: str, executed: dict) -> None:
    """Keep a notebook that nbval executed as one of the smoke report, as `run_notebooks` would."""
    profile, collection, notebooks = "smoke", DEFAULT_COLLECTIONS["smoke"], read_notebooks()
    target = paths.run_folder(collection, profile) / "notebooks" / f"{name}.ipynb"
    write_notebook(target, with_outputs(notebooks[name], executed))
    write_record(name, target, fingerprint_notebooks(notebooks, profile, collection)[name], [])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Run each file's tests one after the other; likewise all notebooks but those of solutions, since they take models
    from each other, and then, as make names the notebooks first, the tests of what they opened and of the site that is
    built from them.
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.split("::")[0]
            of_report = file.startswith("notebooks/") and not file.startswith("notebooks/solutions/")
            of_report = of_report or file in ("tests/test_declarations.py", "tests/test_site.py")
            return "report" if of_report else file

    return ByFile(config, log)
