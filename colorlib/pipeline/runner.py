"""Execution of the report's notebooks: those that changed, side by side where they may, each whole or not at all."""

import json
import logging
import os
import re
import sys
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import chdir
from pathlib import Path
from typing import Any

from .. import paths
from ..processors import processors, share_of_processors
from ._terminal import Status, Terminal
from .costs import Meter, read_costs, write_cost
from .fingerprints import fingerprint_notebooks, needed_notebooks
from .ledger import read_ledger
from .notebooks import code_cells, read_notebook, read_notebooks, with_outputs, write_notebook

__all__ = ["NotebookError", "outdated_notebooks", "run_notebooks", "write_record"]

#: The C library of Linux keeps freed memory for what comes next: arrays from new memory take a third longer to score.
_MEMORY = {"MALLOC_TRIM_THRESHOLD_": str(2**28), "MALLOC_MMAP_THRESHOLD_": str(2**25)}
CELL_SECONDS = 3600  # a cell that takes longer is stuck
#: Notebooks at a time: few of them keep two processors busy. On Windows, results can't be locked against each other.
SIDE_BY_SIDE = 2 if processors() > 1 and sys.platform != "win32" else 1


class NotebookError(RuntimeError):
    """A notebook that did not run to its end; the message names notebook, cell and error."""


def run_notebooks(profile: str, collection: str, names: list[str] | None = None) -> list[str]:
    """Execute the notebooks whose results are missing or out of date, `SIDE_BY_SIDE` at a time.

    Executed notebooks go to ``notebooks/`` in the run's folder, with their current prose: if only that changed, nothing
    is executed. A notebook that fails is kept there as ``NAME.failed.ipynb``; no other starts then, but those that run
    end.

    Parameters
    ----------
    profile : {"full", "smoke"}
    collection : str
        A collection whose photos are available; see `colorlib.photos.usable_collection`.
    names : list of str, optional
        Only these; all by default.

    Returns
    -------
    list of str
        Names of the notebooks that were executed.

    Raises
    ------
    NotebookError
        If a notebook fails.
    """
    notebooks = read_notebooks()
    folder = paths.run_folder(collection, profile)
    fingerprints = fingerprint_notebooks(notebooks, profile, collection)
    needs = needed_notebooks(notebooks, profile)
    outdated: list[str] = []
    for name in names or notebooks:
        target = folder / "notebooks" / f"{name}.ipynb"
        if not _is_current(name, _read_record(target), fingerprints, folder) or not needs[name].isdisjoint(outdated):
            outdated.append(name)
        else:
            write_notebook(target, with_outputs(notebooks[name], read_notebook(target)))
            print(f"{name}  up to date")
    if not outdated:
        return []
    terminal = Terminal()
    # One thread each computes more than two that take turns on the same processors.
    share = max(1, processors() // min(SIDE_BY_SIDE, len(outdated)))

    def execute(name: str) -> None:
        target = folder / "notebooks" / f"{name}.ipynb"
        meter = _execute(name, target, profile, collection, terminal, share)
        with terminal.lock:  # one at a time changes the file of costs
            write_record(name, target, fingerprints[name], meter.cell_seconds)
            write_cost(name, folder / "figures", meter.cost())

    with terminal, _Environment():
        _run_side_by_side(execute, _longest_first(outdated, needs), needs, terminal.stop)
    return outdated


def _longest_first(names: list[str], needs: dict[str, set[str]]) -> list[str]:
    """Sort notebooks: first those that others wait for, then those with the most left to do.

    What is left counts those that wait for a notebook as well, so that the longest chain begins first.
    What each takes is known from the committed run; one that is new counts nothing.
    """
    costs = read_costs(paths.FIGURES)
    left: dict[str, float] = {}
    for name in reversed(names):  # those that need a notebook come after it
        waiting = [left[later] for later in left if name in needs[later]]
        left[name] = costs.get(name, {}).get("seconds", 0) + max(waiting, default=0)
    awaited = {needed for name in names for needed in needs[name]}
    return sorted(names, key=lambda name: (name not in awaited, -left[name]))


def _run_side_by_side(
    execute: Callable[[str], None], names: list[str], needs: dict[str, set[str]], stop: Callable[[], None]
) -> None:
    """Execute notebooks in threads: the first of those that need none that is still to come, whenever one ends."""
    waiting, errors = list(names), list[BaseException]()
    running: dict[Future, str] = {}
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        try:
            while running or (waiting and not errors):
                to_come = {*waiting, *running.values()}
                ready = [name for name in waiting if needs[name].isdisjoint(to_come)]
                for name in ready[: 0 if errors else SIDE_BY_SIDE - len(running)]:
                    waiting.remove(name)
                    running[pool.submit(execute, name)] = name
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    del running[future]
                    if error := future.exception():
                        errors.append(error)
        except KeyboardInterrupt:
            stop()
            raise
    if errors:
        raise errors[0]


def outdated_notebooks(profile: str, collection: str) -> list[str]:
    """List the notebooks whose results are missing or out of date; see `run_notebooks`."""
    notebooks = read_notebooks()
    folder = paths.run_folder(collection, profile)
    fingerprints = fingerprint_notebooks(notebooks, profile, collection)
    return [
        name
        for name in notebooks
        if not _is_current(name, _read_record(folder / "notebooks" / f"{name}.ipynb"), fingerprints, folder)
    ]


def _is_current(name: str, record: dict, fingerprints: dict[str, str], folder: Path) -> bool:
    return record.get("fingerprint") == fingerprints[name] and record["made"] == _made_by(name, folder)


def _execute(name: str, target: Path, profile: str, collection: str, terminal: Terminal, share: int) -> Meter:
    """Execute one notebook into `target` on a share of the processors; return what it took."""
    import papermill

    notebook = read_notebook(paths.NOTEBOOKS / f"{name}.ipynb")
    previous = _read_record(target).get("cell_seconds", [])
    part, failed = target.with_suffix(".part.ipynb"), target.with_suffix(".failed.ipynb")
    target.parent.mkdir(parents=True, exist_ok=True)
    for stale in (_record_file(target), target, failed):
        stale.unlink(missing_ok=True)
    status = Status(name, len(code_cells(notebook)), previous, terminal)
    try:
        with status:
            papermill.execute_notebook(
                paths.NOTEBOOKS / f"{name}.ipynb",
                part,
                {"profile": profile, "collection": collection},
                kernel_name="python3",
                kernel_manager_class=_kernel_manager_class(status.meter, share),
                progress_bar=False,
                execution_timeout=CELL_SECONDS,
                on_cell_execute=status.cell_starts,
                on_cell_executed=status.cell_ends,
            )
        write_notebook(target, with_outputs(notebook, read_notebook(part)))
    except Exception as error:
        terminal.check()
        if part.exists():
            part.replace(failed)
        raise NotebookError(_describe(error, name, status, failed)) from error
    finally:  # also when interrupted
        part.unlink(missing_ok=True)
    return status.meter


def _describe(error: Exception, name: str, status: Status, failed: Path) -> str:
    from nbclient.exceptions import CellTimeoutError
    from papermill.exceptions import PapermillExecutionError

    if isinstance(error, PapermillExecutionError):
        what = f"{error.ename}: {error.evalue}"
    elif isinstance(error, CellTimeoutError):
        what = f"the cell took longer than {CELL_SECONDS} s"
    else:
        what = f"{type(error).__name__}: {error}"
    what = re.sub(r"\s+", " ", what)
    return f"notebook {name} failed in code cell {status.cell} of {status.cells}: {what} (see {_shown(failed)})"


def _shown(path: Path) -> Path:
    return path.relative_to(paths.ROOT) if path.is_relative_to(paths.ROOT) else path


def _kernel_manager_class(meter: Meter, share: int) -> Any:
    """Return a kernel manager that starts this very Python, whatever kernels are registered, on so many processors, and
    tells its number.
    """
    from ipykernel.kernelspec import RESOURCES, get_kernel_dict
    from jupyter_client import AsyncKernelManager
    from jupyter_client.kernelspec import KernelSpec

    class ThisPython(AsyncKernelManager):
        kernel_spec = KernelSpec(resource_dir=RESOURCES, **get_kernel_dict(["--log-level=CRITICAL"]))

        async def start_kernel(self, **options: Any) -> None:  # type: ignore[override]  # it is one, wrapped
            """Let the kernel inherit the claim on the folder, so that another report waits for it in any case."""
            environment = share_of_processors(share) | _MEMORY | os.environ
            await super().start_kernel(close_fds=False, **options | {"env": environment})
            meter.kernel = getattr(self.provisioner, "pid", None)

    return ThisPython


class _Environment:
    """What the kernels start in: they find `colorlib` and what relative paths mean here, and show no progress bars."""

    def __enter__(self):
        self._saved = dict(os.environ)
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(paths.ROOT), os.environ.get("PYTHONPATH")]))
        os.environ["TQDM_DISABLE"] = "1"
        if data_dir := os.environ.get("COLORLIB_DATA_DIR"):
            os.environ["COLORLIB_DATA_DIR"] = str(Path(data_dir).expanduser().resolve())
        # Their messages only repeat what the exception says, or tell of a kernel that an interrupt ended.
        for logger in ("papermill", "asyncio"):
            logging.getLogger(logger).setLevel(logging.CRITICAL + 1)
        self._folder = chdir(paths.NOTEBOOKS)  # once: the folder is the whole process's, and notebooks run in threads
        self._folder.__enter__()

    def __exit__(self, *_):
        self._folder.__exit__(None, None, None)
        os.environ.clear()
        os.environ.update(self._saved)


def _record_file(target: Path) -> Path:
    return target.with_suffix(".json")


def _read_record(target: Path) -> dict:
    file = _record_file(target)
    return json.loads(file.read_text("utf-8")) if file.is_file() and target.is_file() else {}


def write_record(name: str, target: Path, fingerprint: str, cell_seconds: list[float]) -> None:
    """Write beside an executed notebook what its results depend on, what it recorded and how long its cells took."""
    record = {"fingerprint": fingerprint, "made": _made_by(name, target.parent.parent), "cell_seconds": cell_seconds}
    paths.write_whole(_record_file(target), json.dumps(record).encode())


def _made_by(name: str, folder: Path) -> dict[str, list[str]]:
    """Return the names that a notebook recorded in a run's ledger."""
    return {
        kind: sorted(key for key, entry in entries.items() if entry["notebook"] == name)
        for kind, entries in read_ledger(folder / "figures").items()
    }
