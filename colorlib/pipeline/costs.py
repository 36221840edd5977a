"""What a run costs: the seconds, processor seconds and memory of every notebook, and of its cells over a second."""

import json
import re
import time
from contextlib import suppress
from pathlib import Path

import numpy as np

from .. import paths

__all__ = ["Meter", "matrix_gflops", "read_costs", "times_table", "wall_seconds", "write_cost"]

LONG = 1.0  # seconds; a shorter cell is not listed
_SIDE = 3000  # of the matrices whose product tells how fast a machine is


class Meter:
    """Measures the cells that a kernel executes.

    Attributes
    ----------
    kernel : int or None
        Process number of the kernel, once it is known.
    cell_seconds : list of float
        Wall seconds of each cell so far.
    """

    def __init__(self) -> None:
        self.kernel: int | None = None
        self._began = time.time()
        self.cell_seconds: list[float] = []
        self._processor_seconds: list[float | None] = []
        self._megabytes: float | None = None
        self.start_cell()

    def start_cell(self) -> None:
        """Note that a cell starts."""
        self._started = time.monotonic()
        self._used = _processor_seconds(self.kernel)

    def end_cell(self) -> None:
        """Note what the cell took."""
        self.cell_seconds.append(round(time.monotonic() - self._started, 2))
        used = _processor_seconds(self.kernel)
        known = used is not None and self._used is not None
        self._processor_seconds.append(round((used or 0) - (self._used or 0), 2) if known else None)
        self._megabytes = _most_memory(self.kernel) or self._megabytes

    def end_kernel(self) -> None:
        """End the kernel, whatever it is at."""
        import psutil

        if self.kernel is not None:
            with suppress(psutil.Error):  # it has ended
                psutil.Process(self.kernel).kill()

    def cost(self) -> dict:
        """Return what the notebook took so far.

        Returns
        -------
        dict
            ``began``, counted from 1970; ``seconds``, ``processor_seconds`` and ``megabytes`` at the most, the last two
            None where the system doesn't tell; ``cells``, the number, seconds and processor seconds of the cells over a
            second.
        """
        known = [seconds for seconds in self._processor_seconds if seconds is not None]
        cells = enumerate(zip(self.cell_seconds, self._processor_seconds, strict=True), 1)
        return {
            "began": round(self._began),
            "seconds": round(sum(self.cell_seconds)),
            "processor_seconds": round(sum(known)) if known else None,
            "megabytes": self._megabytes and round(self._megabytes),
            "cells": [[number, *measured] for number, measured in cells if measured[0] > LONG],
        }


def write_cost(name: str, figures: Path, cost: dict) -> None:
    """Note in ``times.json`` what a notebook took."""
    costs = read_costs(figures) | {name: cost}
    paths.write_whole(figures / "times.json", (json.dumps(dict(sorted(costs.items()))) + "\n").encode())


def read_costs(figures: Path) -> dict[str, dict]:
    """Return what each notebook of a run took, by name; see `Meter.cost`."""
    file = figures / "times.json"
    return json.loads(file.read_text("utf-8")) if file.is_file() else {}


def wall_seconds(costs: dict[str, dict]) -> int:
    """Return how long notebooks ran in all: the time in which two of them ran counts once.

    Parameters
    ----------
    costs : dict
        From `read_costs`.
    """
    total, end = 0.0, 0.0
    for began, ended in sorted((cost["began"], cost["began"] + cost["seconds"]) for cost in costs.values()):
        total += max(0.0, ended - max(began, end))
        end = max(end, ended)
    return round(total)


def matrix_gflops() -> float:
    """Measure how fast this machine multiplies float32 matrices, in GFLOP/s: the best of three products."""
    matrix = np.random.default_rng(0).random((_SIDE, _SIDE), dtype=np.float32)
    seconds = []
    for _ in range(3):
        started = time.perf_counter()
        matrix @ matrix
        seconds.append(time.perf_counter() - started)
    return 2 * _SIDE**3 / min(seconds) / 1e9


def times_table(costs: dict[str, dict], about: dict) -> str:
    """Return a Markdown table of what notebooks and cells took.

    Parameters
    ----------
    costs : dict
        From `read_costs`.
    about : dict
        Content of ``run.json``.
    """
    rows = [("notebook, cell", "seconds", "processor seconds", "memory at most")]
    for name, cost in costs.items():
        memory = f"{cost['megabytes']:,} MB" if cost["megabytes"] else "–"
        rows.append((name, str(cost["seconds"]), _number(cost["processor_seconds"]), memory))
        rows += [(f"cell {number}", f"{wall:.1f}", _number(used, ".1f"), "") for number, wall, used in cost["cells"]]
    known = [cost["processor_seconds"] for cost in costs.values() if cost["processor_seconds"] is not None]
    processor = _number(sum(known) if known else None)
    rows.append(("**all, some side by side**", f"**{wall_seconds(costs)}**", f"**{processor}**", ""))
    lines = [f"| {' | '.join(row)} |" for row in rows]
    lines.insert(1, "|---|--:|--:|--:|")
    if "gflops" in about:
        lines += [
            "",
            f"On this machine, a product of two {_SIDE}×{_SIDE} `float32` matrices runs at "
            f"{about['gflops']:,} GFLOP/s.",
        ]
    return "\n".join(lines) + "\n"


def _number(value: float | None, form: str = ".0f") -> str:
    return "–" if value is None else format(value, form)


def _processor_seconds(process: int | None) -> float | None:
    """Return the processor time of a process and those that it started; None where the system doesn't tell."""
    import psutil

    if process is None:
        return None
    try:
        return float(sum(psutil.Process(process).cpu_times()[:4]))
    except psutil.Error:
        return None


def _most_memory(process: int | None) -> float | None:
    """Return the most memory that a process has had so far, in megabytes; None where the system doesn't tell."""
    status = Path(f"/proc/{process}/status")
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.is_file() else None
    return int(found[1]) * 1024 / 1e6 if found else None
