"""Damaged files handed to workers, and what came of them counted."""

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from colorlib.models import model_class
from colorlib.photos import load_photos

__all__ = ["FINE", "color_damaged", "count_outcomes"]

FINE = ("colored", "refused")
HANG_SECONDS = 10
WORKER = ("-m", "fuzz.worker")
START_SECONDS = 120  # to import everything, on a busy machine


def color_damaged(seeds: range, processes: int, told: Callable[[dict], None] = lambda answer: None) -> list[dict]:
    """Color the damaged files of some seeds, in several processes.

    Parameters
    ----------
    seeds : range
    processes : int
    told : callable
        Called with each answer as it comes.

    Returns
    -------
    list of dict
        In the order of the seeds: ``seed``, ``outcome``, and from a worker that survived, ``file``, ``format``,
        ``ways`` (what was done to the file), ``why`` (what the command said), ``seconds`` and ``mb``.
    """
    answers: queue.SimpleQueue[dict | None] = queue.SimpleQueue()

    def collect(part: range) -> None:
        try:
            for answer in _answers(part):
                answers.put(answer)
        finally:
            answers.put(None)

    parts = [seeds[i::processes] for i in range(processes)]
    for part in parts:
        threading.Thread(target=collect, args=(part,), daemon=True).start()
    got, running = [], len(parts)
    while running:
        if (answer := answers.get()) is None:
            running -= 1
        else:
            got.append(answer)
            told(answer)
    assert len(got) == len(seeds), "a worker was lost"
    return sorted(got, key=lambda answer: answer["seed"])


def _answers(seeds: range) -> Iterator[dict]:
    """Yield what came of each seed, from as many workers, one after the other, as it takes."""
    left = seeds
    with tempfile.TemporaryDirectory(prefix="colorlib-fuzz-") as folder:
        model_class("linear")().fit(load_photos("bundled", 32, "train")).save(Path(folder) / "model.npz")
        while len(left):
            worker = _Worker(Path(folder), left)
            for seed in left:
                answer = worker.next(HANG_SECONDS)
                left = left[1:]
                yield answer if isinstance(answer, dict) else {"seed": seed, "outcome": answer}
                if not isinstance(answer, dict):
                    break
            worker.end()


class _Worker:
    def __init__(self, folder: Path, seeds: range):
        command = [sys.executable, *WORKER, folder, seeds.start, seeds.stop, seeds.step]
        here = Path(__file__).resolve().parents[1]
        search = os.pathsep.join(map(str, (here, here.parent)))
        variables = os.environ | {"PYTHONPATH": search, "TQDM_DISABLE": "1", "MALLOC_ARENA_MAX": "2"}
        self._process = subprocess.Popen(list(map(str, command)), env=variables, stdout=subprocess.PIPE, text=True)
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()
        if self.next(START_SECONDS) != "ready":
            raise RuntimeError("a worker did not start")

    def _read(self):
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put("")

    def next(self, seconds: float) -> dict | str:
        """Return the next answer, ``"hung"`` if none comes in time, or ``"crashed (signal)"``."""
        try:
            line = self._lines.get(timeout=seconds)
        except queue.Empty:
            return "hung"
        return json.loads(line) if line else f"crashed ({-self._process.wait()})"

    def end(self):
        self._process.kill()
        self._process.wait()


def count_outcomes(answers: list[dict]) -> dict:
    """Count the outcomes, by the format of the file; of a worker that died the format is not known here."""
    by_format: dict[str, Counter] = {}
    for answer in answers:
        by_format.setdefault(answer.get("format", "unknown"), Counter())[answer["outcome"]] += 1
    return {kind: dict(sorted(counts.items())) for kind, counts in sorted(by_format.items())}
