"""Training that survives: a loop over iterations that observes, saves itself, resumes, and can be interrupted.

A model supplies a `Learner`, which does iteration ``i`` and can save and restore its whole state. Iteration ``i`` must
depend on that state and on ``i`` alone, random draws included (take them from `colorlib.training.iteration_rng`). Then
a training that was killed and resumed ends bit for bit where an uninterrupted one ends.
"""

import signal
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from . import _checkpoint
from ._history import History, Learner
from .progress import progress_bar

__all__ = ["stop_requests", "train"]

CHECKPOINT_SECONDS = 20.0


def train(
    learner: Learner,
    iterations: int,
    observe: Callable[[int], dict] | None = None,
    observe_at: Collection[int] = (),
    checkpoint: str | Path | None = None,
    identity: str = "",
    progress: bool = True,
    checkpoint_seconds: float | None = None,
    keep: bool = False,
) -> History:
    """Do all iterations of a training, resuming from its checkpoint if there is one.

    Ctrl-C, or the stop button of a notebook, ends the training after the current iteration; the learner keeps what it
    learned. A second Ctrl-C interrupts at once.

    Parameters
    ----------
    learner : Learner
    iterations : int
    observe : callable, optional
        Called with the iteration after those in `observe_at`; returns numbers and arrays by name. It must not change
        the learner.
    observe_at : collection of int
    checkpoint : str or Path, optional
        File that holds the training, complete at any moment.
    identity : str
        Tells trainings apart (settings, photos). A checkpoint of another training is not resumed: a warning says so,
        and it is overwritten.
    progress : bool
        Show a progress bar, on a terminal or in a notebook.
    checkpoint_seconds : float, optional
        Least time between two checkpoints; `CHECKPOINT_SECONDS` by default.
    keep : bool
        Keep the checkpoint when the training is done, so that the same training, asked for again, is there at once;
        otherwise it is deleted then.

    Returns
    -------
    History
    """
    if iterations < 1:
        raise ValueError(f"iterations is {iterations}: train for at least 1")
    history = History()
    if checkpoint is not None:
        checkpoint = Path(checkpoint)
        history = _checkpoint.resume(checkpoint, learner, identity) or history
    pause = CHECKPOINT_SECONDS if checkpoint_seconds is None else checkpoint_seconds
    saved_at = time.monotonic()
    bar = progress_bar(iterations, history.iterations, "iteration", enabled=progress)
    with bar, stop_requests() as stop_requested:
        while history.iterations < iterations and not learner.finished and not stop_requested():
            iteration = history.iterations + 1
            started = time.perf_counter()
            history.losses.append(float(learner.step(iteration)))
            history.seconds += time.perf_counter() - started
            if observe is not None and iteration in observe_at:
                seen = {"seconds": history.seconds} | observe(iteration)
                history.observations[iteration] = {name: np.asarray(value) for name, value in seen.items()}
            if checkpoint is not None and time.monotonic() - saved_at >= pause:
                _checkpoint.save(checkpoint, learner, history, identity)
                saved_at = time.monotonic()
            bar.set_postfix(loss=f"{history.losses[-1]:.4f}", refresh=False)
            bar.update()
    history.interrupted = history.iterations < iterations and not learner.finished
    if checkpoint is not None:
        if history.interrupted or keep:
            _checkpoint.save(checkpoint, learner, history, identity)
        else:
            checkpoint.unlink(missing_ok=True)
    return history


@contextmanager
def stop_requests() -> Iterator[Callable[[], bool]]:
    """Turn the first Ctrl-C into a request that the loop sees between iterations, so that none is cut short."""
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
