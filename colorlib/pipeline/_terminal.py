"""What the terminal shows while notebooks run, and what ends them when the user interrupts."""

import shutil
import sys
import threading
import time
from typing import Any

from tqdm import tqdm

from .costs import Meter
from .notebooks import is_injected

__all__ = ["Status", "Terminal"]


class Terminal:
    """Status line on the terminal: the notebooks that run, their cells, time elapsed and time left."""

    def __init__(self):
        self.lock = threading.RLock()
        self._running: list[Status] = []
        self._live = sys.stdout.isatty()
        self._stopped, self._done = threading.Event(), threading.Event()
        self._ticker = threading.Thread(target=self._tick, daemon=True)

    def __enter__(self):
        if self._live:
            self._ticker.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        if self._live:
            self._ticker.join()

    def stop(self) -> None:
        """End all kernels, because the user interrupts."""
        self._stopped.set()
        with self.lock:
            for status in self._running:
                status.meter.end_kernel()

    def check(self) -> None:
        """Raise an error after `stop`: no other cell is to start, and what ended is no failure of its notebook."""
        if self._stopped.is_set():
            raise InterruptedError("interrupted")

    def show(self, status: "Status") -> None:
        """Show that a notebook runs."""
        with self.lock:
            self._running.append(status)

    def end(self, status: "Status", result: str) -> None:
        """Show that a notebook runs no longer."""
        with self.lock:
            self._running.remove(status)
            print("\r\033[K" * self._live + result, flush=True)

    def _tick(self):
        while not self._done.wait(0.5):
            with self.lock:
                line = "  |  ".join(status.line() for status in self._running)
                print(f"\r\033[K{line[: shutil.get_terminal_size().columns - 1]}", end="", flush=True)


class Status:
    """How far a notebook is."""

    def __init__(self, name: str, cells: int, previous: list[float], terminal: Terminal):
        self.name, self.cells, self.cell = name, cells, 0
        self.meter = Meter()
        self._previous = previous if len(previous) == cells else []
        self._terminal = terminal

    def __enter__(self):
        self._start = self._cell_start = time.monotonic()
        self._terminal.show(self)
        return self

    def __exit__(self, error_type, *_):
        result = "done" if error_type is None else "stopped"
        took = tqdm.format_interval(time.monotonic() - self._start)
        self._terminal.end(self, f"{self.name}  {result} in {took}")

    def cell_starts(self, cell: dict, **_: Any) -> None:
        """Note that a cell starts."""
        self._terminal.check()
        self.cell += not is_injected(cell)
        self._cell_start = time.monotonic()
        self.meter.start_cell()

    def cell_ends(self, cell: dict, **_: Any) -> None:
        """Note how long a cell took."""
        if not is_injected(cell):
            self.meter.end_cell()

    def line(self) -> str:
        """Say how far it is."""
        elapsed = time.monotonic() - self._start
        return f"{self.name}  cell {self.cell}/{self.cells}  {tqdm.format_interval(elapsed)}{self._time_left(elapsed)}"

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
