"""Execution of the report's notebooks: in order, those that changed, each whole or not at all."""

import json
import logging
import os
import re
import shutil
import sys
import threading
import time
from pathlib import Path
from typing import Any

from tqdm import tqdm

from .. import paths
from .costs import Meter, write_cost
from .fingerprints import fingerprint_notebooks
from .ledger import read_ledger
from .notebooks import code_cells, is_injected, read_notebook, read_notebooks, with_outputs, write_notebook

__all__ = ["NotebookError", "outdated_notebooks", "run_notebooks", "write_record"]

CELL_SECONDS = 3600  # a cell that takes longer is stuck


class NotebookError(RuntimeError):
    """A notebook that did not run to its end; the message names notebook, cell and error."""


def run_notebooks(profile: str, collection: str, names: list[str] | None = None) -> list[str]:
    """Execute the notebooks whose results are missing or out of date.

    Executed notebooks go to ``notebooks/`` in the run's folder, with their current prose: if only that changed, nothing
    is executed. A notebook that fails is kept there as ``NAME.failed.ipynb``.

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
        At the first notebook that fails.
    ValueError
        If a name is not one of a notebook.
    """
    notebooks = read_notebooks()
    for name in names or []:
        if name not in notebooks:
            raise ValueError(f"unknown notebook {name!r}: use one of {', '.join(notebooks)}")
    folder = paths.run_folder(collection, profile)
    fingerprints = fingerprint_notebooks(notebooks, profile, collection)
    executed = []
    for name in names or notebooks:
        target = folder / "notebooks" / f"{name}.ipynb"
        record = _read_record(target)
        if _is_current(name, record, fingerprints, folder):
            write_notebook(target, with_outputs(notebooks[name], read_notebook(target)))
            print(f"{name}  up to date")
        else:
            meter = _execute(name, target, profile, collection, record.get("cell_seconds", []))
            write_record(name, target, fingerprints[name], meter.cell_seconds)
            write_cost(name, folder / "figures", meter.cost())
            executed.append(name)
    return executed


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


def _execute(name: str, target: Path, profile: str, collection: str, previous: list[float]) -> Meter:
    """Execute one notebook into `target`; return what it took."""
    import papermill

    notebook = read_notebook(paths.NOTEBOOKS / f"{name}.ipynb")
    part, failed = target.with_suffix(".part.ipynb"), target.with_suffix(".failed.ipynb")
    target.parent.mkdir(parents=True, exist_ok=True)
    for stale in (_record_file(target), target, failed):
        stale.unlink(missing_ok=True)
    status = _Status(name, len(code_cells(notebook)), previous)
    # Their messages only repeat what the exception says, or tell of a kernel that an interrupt ended.
    for logger in ("papermill", "asyncio"):
        logging.getLogger(logger).setLevel(logging.CRITICAL + 1)
    try:
        with status, _Environment():
            papermill.execute_notebook(
                paths.NOTEBOOKS / f"{name}.ipynb",
                part,
                {"profile": profile, "collection": collection},
                cwd=paths.NOTEBOOKS,
                kernel_name="python3",
                kernel_manager_class=_kernel_manager_class(status.meter),
                progress_bar=False,
                execution_timeout=CELL_SECONDS,
                on_cell_execute=status.cell_starts,
                on_cell_executed=status.cell_ends,
            )
        write_notebook(target, with_outputs(notebook, read_notebook(part)))
    except Exception as error:
        if part.exists():
            part.replace(failed)
        raise NotebookError(_describe(error, name, status, failed)) from error
    finally:  # also when interrupted
        part.unlink(missing_ok=True)
    return status.meter


def _describe(error: Exception, name: str, status: "_Status", failed: Path) -> str:
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


def _kernel_manager_class(meter: Meter) -> Any:
    """Return a kernel manager that starts this very Python, whatever kernels are registered, and tells its number."""
    from ipykernel.kernelspec import RESOURCES, get_kernel_dict
    from jupyter_client import AsyncKernelManager
    from jupyter_client.kernelspec import KernelSpec

    class ThisPython(AsyncKernelManager):
        kernel_spec = KernelSpec(resource_dir=RESOURCES, **get_kernel_dict(["--log-level=CRITICAL"]))

        async def start_kernel(self, **options: Any) -> None:  # type: ignore[override]  # it is one, wrapped
            """Let the kernel inherit the claim on the folder, so that another report waits for it in any case."""
            await super().start_kernel(close_fds=False, **options)
            meter.kernel = getattr(self.provisioner, "pid", None)

    return ThisPython


class _Environment:
    """Environment of the kernels: they find `colorlib` and what relative paths mean here, and show no progress bars."""

    def __enter__(self):
        self._saved = dict(os.environ)
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(paths.ROOT), os.environ.get("PYTHONPATH")]))
        os.environ["TQDM_DISABLE"] = "1"
        if data_dir := os.environ.get("COLORLIB_DATA_DIR"):
            os.environ["COLORLIB_DATA_DIR"] = str(Path(data_dir).expanduser().resolve())

    def __exit__(self, *_):
        os.environ.clear()
        os.environ.update(self._saved)


class _Status:
    """Status line on the terminal: notebook, cell, time elapsed and time left."""

    def __init__(self, name: str, cells: int, previous: list[float]):
        self.name, self.cells, self.cell = name, cells, 0
        self.meter = Meter()
        self._previous = previous if len(previous) == cells else []
        self._live = sys.stdout.isatty()
        self._done = threading.Event()
        self._ticker = threading.Thread(target=self._tick, daemon=True)

    def __enter__(self):
        self._start = self._cell_start = time.monotonic()
        if self._live:
            self._ticker.start()
        return self

    def __exit__(self, error_type, *_):
        self._done.set()
        if self._live:
            self._ticker.join()
            print("\r\033[K", end="")
        result = "done" if error_type is None else "stopped"
        print(f"{self.name}  {result} in {tqdm.format_interval(time.monotonic() - self._start)}", flush=True)

    def cell_starts(self, cell: dict, **_: Any) -> None:
        """Note that a cell starts."""
        self.cell += not is_injected(cell)
        self._cell_start = time.monotonic()
        self.meter.start_cell()

    def cell_ends(self, cell: dict, **_: Any) -> None:
        """Note how long a cell took."""
        if not is_injected(cell):
            self.meter.end_cell()

    def _tick(self):
        while not self._done.wait(0.5):
            elapsed = time.monotonic() - self._start
            line = (
                f"{self.name}  cell {self.cell}/{self.cells}  {tqdm.format_interval(elapsed)}{self._time_left(elapsed)}"
            )
            print(f"\r\033[K{line[: shutil.get_terminal_size().columns - 1]}", end="", flush=True)

    def _time_left(self, elapsed: float) -> str:
        finished = len(self.meter.cell_seconds)
        if self._previous:
            here = min(time.monotonic() - self._cell_start, self._previous[min(finished, self.cells - 1)])
            left = sum(self._previous[finished:]) - here
        elif finished:
            left = elapsed / finished * (self.cells - finished)
        else:
            return ""
        return f", about {tqdm.format_interval(max(left, 0))} left"


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
