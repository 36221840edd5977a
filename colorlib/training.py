"""Training that survives: a loop over iterations that observes, saves itself, resumes, and can be interrupted.

A model brings a `Learner`, which knows how to do iteration number ``i`` and how to give and take its whole state.
Iteration ``i`` must depend on that state and on ``i`` alone, random draws included (take them from
`iteration_rng`): then a training that was killed and resumed ends bit for bit where an uninterrupted one ends.
"""

import io
import json
import signal
import sys
import threading
import time
import warnings
import zipfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from . import paths

__all__ = ["Learner", "History", "Progress", "train", "iteration_rng", "shuffled_batch", "spaced_iterations"]

CHECKPOINT_SECONDS = 20.0
PROGRESS_SECONDS = 1.0


class Learner(Protocol):
    """What `train` trains.

    Attributes
    ----------
    finished : bool
        Whether to stop before the last iteration, as in early stopping.
    """

    finished: bool

    def step(self, iteration: int) -> float:
        """Do iteration number ``iteration``, counted from 1, and return its loss."""

    def get_state(self) -> dict[str, np.ndarray]:
        """Return everything that later iterations depend on: weights, the optimizer's memory, …"""

    def set_state(self, state: dict[str, np.ndarray]) -> None:
        """Take over what `get_state` gave."""


@dataclass
class History:
    """What is known of a training.

    Attributes
    ----------
    losses : list of float
        One an iteration.
    observations : dict of int to dict of str to ndarray
        What ``observe`` returned, by iteration, and the ``seconds`` until then.
    seconds : float
        Time spent on iterations, over all the runs that it took; that of ``observe`` and of checkpoints is not in it.
    interrupted : bool
        Whether the user stopped it before its last iteration.
    """

    losses: list[float] = field(default_factory=list)
    observations: dict[int, dict[str, np.ndarray]] = field(default_factory=dict)
    seconds: float = 0.0
    interrupted: bool = False

    @property
    def iterations(self) -> int:
        """How many iterations were done."""
        return len(self.losses)


def train(learner: Learner, iterations: int, observe: Callable[[int], dict] | None = None,
          observe_at: Collection[int] = (), checkpoint: str | Path | None = None, identity: str = "",
          progress: bool = True, checkpoint_seconds: float | None = None) -> History:
    """Do all iterations of a training, going on from its checkpoint where there is one.

    Ctrl-C, or the stop button of a notebook, ends the training after the iteration under way; the learner keeps
    what it learned. A second Ctrl-C interrupts at once.

    Parameters
    ----------
    learner : Learner
    iterations : int
    observe : callable, optional
        Called with the iteration's number after the iterations ``observe_at``; returns numbers and arrays by name.
        It must not change the learner.
    observe_at : collection of int
    checkpoint : str or Path, optional
        File that keeps the unfinished training, whole at any moment; it is deleted when the training is done.
    identity : str
        Tells one training from another (settings, photos). A checkpoint of another training is not resumed: a
        warning says so, and it is overwritten.
    progress : bool
        Show how far it is, on a terminal or in a notebook.
    checkpoint_seconds : float, optional
        At least so much time lies between two checkpoints; `CHECKPOINT_SECONDS` by default.

    Returns
    -------
    History
    """
    if iterations < 1:
        raise ValueError(f"iterations is {iterations}: train for at least 1")
    history = History()
    if checkpoint is not None:
        checkpoint = Path(checkpoint)
        history = _resume(checkpoint, learner, identity) or history
    pause = CHECKPOINT_SECONDS if checkpoint_seconds is None else checkpoint_seconds
    saved_at = time.monotonic()
    with Progress(iterations, history.iterations, progress) as shown, _stop_requests() as stop_requested:
        while history.iterations < iterations and not learner.finished and not stop_requested():
            iteration = history.iterations + 1
            started = time.perf_counter()
            history.losses.append(float(learner.step(iteration)))
            history.seconds += time.perf_counter() - started
            if observe is not None and iteration in observe_at:
                seen = {"seconds": history.seconds} | observe(iteration)
                history.observations[iteration] = {name: np.asarray(value) for name, value in seen.items()}
            if checkpoint is not None and time.monotonic() - saved_at >= pause:
                _save(checkpoint, learner, history, identity)
                saved_at = time.monotonic()
            shown.update(iteration, f"loss {history.losses[-1]:.4f}")
    history.interrupted = history.iterations < iterations and not learner.finished
    if checkpoint is not None:
        if history.interrupted:
            _save(checkpoint, learner, history, identity)
        else:
            checkpoint.unlink(missing_ok=True)
    return history


def iteration_rng(seed: int, iteration: int) -> np.random.Generator:
    """Return the random numbers of one iteration: the same on every run, whatever was drawn before."""
    return np.random.default_rng([seed, iteration])


def shuffled_batch(count: int, batch: int, seed: int, iteration: int) -> np.ndarray:
    """Choose the examples of one iteration: every example once, in random order, before any of them again.

    Parameters
    ----------
    count : int
        How many examples there are.
    batch : int
        How many to choose; the last ones may belong to the next shuffle already.
    seed, iteration : int
        Iterations count from 1.

    Returns
    -------
    ndarray of int, shape (batch,)

    Examples
    --------
    >>> both = np.concatenate([shuffled_batch(6, 3, seed=0, iteration=i) for i in (1, 2)])
    >>> sorted(both.tolist())
    [0, 1, 2, 3, 4, 5]
    """
    positions = np.arange((iteration - 1) * batch, iteration * batch)
    shuffles = {epoch: np.random.default_rng([seed, count, epoch]).permutation(count)
                for epoch in np.unique(positions // count)}
    return np.array([shuffles[position // count][position % count] for position in positions])


def spaced_iterations(iterations: int, points: int) -> list[int]:
    """Choose iterations at which to look at a training: dense at first, when most changes, 1 and the last included.

    Examples
    --------
    >>> spaced_iterations(1000, 4)
    [1, 10, 100, 1000]
    """
    return sorted({int(round(i)) for i in np.geomspace(1, iterations, points)})


class Progress:
    """One line on a terminal or in a notebook that says how far a long job is and how long it will take; silent
    where nobody looks, as when the output goes to a file.

    Parameters
    ----------
    total, done : int
        How many steps the job has, and how many of them are done already.
    enabled : bool
    unit : str
        What a step is called.
    """

    def __init__(self, total: int, done: int = 0, enabled: bool = True, unit: str = "iteration"):
        self._total, self._first, self._done, self._unit = total, done, done, unit
        self._started = time.monotonic()
        self._shown_at = 0.0
        self._display = None
        self._kind = _where_shown() if enabled else ""

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *error) -> None:
        if self._kind and self._done > self._first:
            took = _clock(time.monotonic() - self._started)
            self._show(f"{self._done - self._first:,} {self._unit}s in {took}")
        if self._kind == "terminal":
            print(file=sys.stderr)

    def update(self, done: int, note: str = "") -> None:
        """Tell that ``done`` steps are done by now; the line is renewed at most once a second."""
        self._done = done
        now = time.monotonic()
        if self._kind and now - self._shown_at >= PROGRESS_SECONDS:
            self._shown_at = now
            left = (now - self._started) / (done - self._first) * (self._total - done)
            self._show(f"{self._unit} {done:,} of {self._total:,}, {_clock(left)} left, {note}")

    def _show(self, line: str) -> None:
        if self._kind == "terminal":
            print(f"\r{line:<76}", end="", file=sys.stderr, flush=True)
            return
        from IPython.display import Pretty, display
        if self._display is None:
            self._display = display(Pretty(line), display_id=True)
        else:
            self._display.update(Pretty(line))


def _where_shown() -> str:
    get_ipython = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)
    if getattr(get_ipython(), "kernel", None) is not None:
        return "notebook"
    return "terminal" if sys.stderr is not None and sys.stderr.isatty() else ""


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes}:{seconds:02}"


@contextmanager
def _stop_requests() -> Iterator[Callable[[], bool]]:
    """Turn the first Ctrl-C into a request that the loop sees between iterations, so that none is cut in two."""
    requested = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield requested.is_set
        return

    def request(signum, frame):
        requested.set()
        signal.signal(signal.SIGINT, previous)

    previous = signal.signal(signal.SIGINT, request)
    try:
        yield requested.is_set
    finally:
        signal.signal(signal.SIGINT, previous)


def _save(path: Path, learner: Learner, history: History, identity: str) -> None:
    """Write the learner's state and the history so far into one file."""
    arrays = {f"state/{name}": value for name, value in learner.get_state().items()}
    for iteration, values in history.observations.items():
        arrays |= {f"observation/{iteration}/{name}": value for name, value in values.items()}
    about = json.dumps({"identity": identity, "seconds": history.seconds})
    content = io.BytesIO()
    np.savez(content, about=np.array(about), losses=np.array(history.losses), **arrays)
    paths.write_whole(path, content.getvalue())


def _resume(path: Path, learner: Learner, identity: str) -> History | None:
    """Bring the learner back to where the checkpoint left it, and return the history up to there."""
    for leftover in path.parent.glob(f"{path.name}.*.part"):  # of a writer that was killed
        leftover.unlink()
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        about = json.loads(str(arrays.pop("about")))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        warnings.warn(f"{path} is not a checkpoint that can be read ({error}): training starts anew", stacklevel=3)
        return None
    if about["identity"] != identity:
        warnings.warn(f"{path} is of a training with other settings or photos: training starts anew", stacklevel=3)
        return None
    history = History(losses=arrays.pop("losses").tolist(), seconds=about["seconds"])
    state = {}
    for name, value in arrays.items():
        kind, _, rest = name.partition("/")
        if kind == "state":
            state[rest] = value
        else:
            iteration, _, label = rest.partition("/")
            history.observations.setdefault(int(iteration), {})[label] = value
    learner.set_state(state)
    return history
