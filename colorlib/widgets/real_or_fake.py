"""The real-or-fake test inside a notebook, with ipywidgets; it saves the same answers as the page."""

import asyncio
import csv
import io
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ipywidgets import HTML, Button, HBox, Image, Layout, VBox

from ..paths import write_whole
from ..scores.real_or_fake import COLUMNS, SHOWN_MS, Pair, jpeg

__all__ = ["RealFakeTest"]


class RealFakeTest:
    """One person's test.

    Parameters
    ----------
    pairs : sequence of Pair
        From `colorlib.scores.real_or_fake.make_pairs`.
    answers_folder : str or Path
        Folder that ``realfake-PERSON.csv`` is written to after the last pair.
    seed : int, optional
        Seed of the order and the sides; different each time by default.

    Attributes
    ----------
    widget : ipywidgets.VBox
        Widget to display.
    """

    def __init__(self, pairs: Sequence[Pair], answers_folder: str | Path, seed: int | None = None):
        rng = np.random.default_rng(seed)
        practice = [i for i, pair in enumerate(pairs) if pair.kind == "practice"]
        counted = [i for i, pair in enumerate(pairs) if pair.kind != "practice"]
        self._pairs, self._folder = pairs, Path(answers_folder)
        self._order = [*rng.permutation(practice), *rng.permutation(counted)]
        self._sides = rng.choice(["left", "right"], len(pairs))
        self._person, self._shown_at = uuid.uuid4().hex[:12], 0.0
        self._rows: list[list] = []
        layout = Layout(width="256px", height="256px")
        self._images = [Image(format="jpeg", layout=layout) for _ in range(2)]
        self._buttons = [Button(description=f"{side} is real", layout=layout) for side in ("left", "right")]
        for button, side in zip(self._buttons, ("left", "right"), strict=True):
            button.on_click(lambda _, side=side: self._answer(side))
        start = Button(description="Start")
        start.on_click(lambda _: self._next(""))
        self._status = HTML("Each pair is seen for one second; then say which one is the true photo.")
        self._row = HBox([start])
        self.widget = VBox([self._status, self._row])

    def _next(self, feedback: str) -> None:
        number = len(self._rows)
        if number == len(self._order):
            self._finish()
            return
        pair = self._pairs[self._order[number]]
        shown = (pair.real, pair.fake) if self._sides[number] == "left" else (pair.fake, pair.real)
        for image, photo in zip(self._images, shown, strict=True):
            image.value = jpeg(photo, 85)
        practice = ", for practice" if pair.kind == "practice" else ""
        self._status.value = f"{feedback} {number + 1} of {len(self._order)}{practice}"
        self._row.children = self._images
        self._shown_at = time.monotonic()
        asyncio.get_running_loop().call_later(SHOWN_MS / 1000, self._ask)

    def _ask(self) -> None:
        self._row.children = self._buttons

    def _answer(self, side: str) -> None:
        if self._row.children != tuple(self._buttons):
            return
        number = len(self._rows)
        place, real_side = int(self._order[number]), str(self._sides[number])
        kind = self._pairs[place].kind
        milliseconds = int(np.ceil((time.monotonic() - self._shown_at) * 1000))
        self._rows.append([self._person, "notebook", number + 1, place, kind, real_side, side, milliseconds])
        feedback = (
            "" if kind != "practice" else "Right." if side == real_side else f"Wrong: it was the {real_side} one."
        )
        self._next(feedback)

    def _finish(self) -> None:
        buffer = io.StringIO()
        csv.writer(buffer).writerows([COLUMNS, *self._rows])
        path = self._folder / f"realfake-{self._person}.csv"
        write_whole(path, buffer.getvalue().encode())
        self._row.children = ()
        self._status.value = f"Thank you. The answers are in {path.name}."
