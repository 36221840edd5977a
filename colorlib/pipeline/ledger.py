"""The report's ledger: every number, table and figure that the write-up shows, and the notebook that made it.

A notebook starts a `Run`, which knows the profile's settings, the photos and the output folder, and records its results
under names that are unique over the whole report.
"""

import json
import math
import os
import random
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import paths
from ..photos import list_photos, load_photos, usable_collection
from ._figures import Drawing, show_figure
from ._text import Points
from .fingerprints import fingerprint_training
from .profiles import read_settings

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["DEFAULT_COLLECTIONS", "PROFILES", "Run", "read_ledger", "start_run"]

PROFILES = ("full", "smoke")
#: The collection that a profile uses unless told otherwise.
DEFAULT_COLLECTIONS = {"full": "unsplash36", "smoke": "bundled"}
_NAME = re.compile(r"[a-z][a-z0-9_-]*")


class Run:
    """One notebook's part of a run of the report; see `start_run`.

    Attributes
    ----------
    notebook : str
        The notebook's name, such as ``"03_linear_regression"``.
    profile : str
        ``"full"`` or ``"smoke"``.
    collection : str
        The collection in use; ``"bundled"`` if the requested one is not available.
    notice : str
        One sentence on what is used instead of what was requested; otherwise empty.
    settings : SimpleNamespace
        The profile's numbers for this notebook, from ``notebooks/profiles.toml``.
    folder : Path
        Folder for all output of the run.
    seed : int
        Seed of everything random in this notebook.
    """

    def __init__(self, notebook: str, profile: str, collection: str, notice: str = "", seed: int = 0):
        self.notebook, self.profile, self.collection, self.notice, self.seed = (
            notebook,
            profile,
            collection,
            notice,
            seed,
        )
        self.settings = read_settings(notebook, profile)
        self.folder = paths.run_folder(collection, profile)
        self._figures = self.folder / "figures"

    def load_photos(self, size: int, split: str) -> np.ndarray:
        """Load one split of the run's collection; see `colorlib.photos.load_photos`."""
        return load_photos(self.collection, size, split)

    def photo_names(self, split: str) -> list[str]:
        """Return the names of the photos that `load_photos` returns, in the same order."""
        return [photo.name for photo in list_photos(self.collection, split)]

    def record_number(self, name: str, value: Any, spec: str = "") -> Any:
        """Record a number for the write-up.

        Parameters
        ----------
        name : str
            Lowercase letters, digits and ``_``; unique over the report.
        value : float or int or str
            NaN or infinite where the photos hold nothing to measure, such as no blue pixel: the write-up then shows a
            dash. On the report's own photos that is an error, since there everything is found.
        spec : str
            Format specification of the value in the write-up, such as ``".3f"``.

        Returns
        -------
        float or int or str
            The value itself.

        Raises
        ------
        ValueError
            If the name does not fit the write-up or belongs to another notebook, or the value is NaN or infinite on the
            report's own photos.
        """
        if "-" in name:
            raise ValueError(f"{name!r} can't name a number: the write-up would subtract; use '_' instead of '-'")
        value = value.item() if isinstance(value, np.generic) else value
        entry = {"value": value, "text": format(value, spec)}
        if isinstance(value, float) and not math.isfinite(value):
            if self.collection in DEFAULT_COLLECTIONS.values():
                raise ValueError(f"{name!r} is {value}: only finite numbers can be recorded")
            entry = {"value": None, "text": "–"}
        self._enter("numbers", name, entry)
        return value

    def record_table(self, name: str, frame: "pd.DataFrame") -> "pd.DataFrame":
        """Record a table as ``tables/NAME.csv``, and return it for the notebook to show.

        One without rows, since the photos have nothing for it, is recorded with a row of dashes: the write-up shows it.
        """
        import pandas as pd

        self._enter("tables", name, {})
        columns = list(frame.columns) or ["–"]
        shown = frame if len(frame) else pd.DataFrame([["–"] * len(columns)], columns=columns)
        paths.write_whole(self._figures / "tables" / f"{name}.csv", shown.to_csv(index=False).encode())
        return frame

    def record_figure(self, name: str, figure: "Figure", alt: str, exact_colors: bool = False) -> "Drawing":
        """Record a figure and close it: as ``NAME.svg``, or, if it shows pixels, as ``NAME.jpg``.

        Parameters
        ----------
        name : str
        figure : matplotlib.figure.Figure
        alt : str
            What the figure shows, in a sentence, for readers who can't see it.
        exact_colors : bool
            Whether colors in it stand for themselves though none of it is an image. Other drawings are lines and
            letters, which the site inverts where its pages are dark.

        Returns
        -------
        object
            What the notebook displays: the drawing, or the picture at half its size, with its alternative text.
        """
        if not alt.strip():
            raise ValueError(f"figure {name!r} has no alternative text: say in a sentence what it shows")
        self._enter("figures", name, {"alt": alt})
        shown = show_figure(figure, alt, exact_colors)
        for former in self._figures.glob(f"{name}.*"):
            former.unlink()
        paths.write_whole(self._figures / f"{name}{shown.suffix}", shown.content)
        return shown

    def show_points(self, *points: str) -> Points:
        """Return sentences for a notebook to display as a list of text; empty ones are left out."""
        return Points(points)

    def model_path(self, name: str, suffix: str) -> Path:
        """Return the path of a fitted model that later notebooks load."""
        return self.folder / "models" / f"{name}{suffix}"

    def checkpoint_path(self, name: str) -> Path:
        """Return the path of a training's checkpoint, which may be kept when it is done.

        It depends on the versions of all packages and on the code of the models: where that changes, kept checkpoints
        are removed. What else a training depends on, its checkpoint knows itself.
        """
        path = self.model_path(f"{name}-{fingerprint_training()[:12]}", ".checkpoint.npz")
        for other in path.parent.glob(f"{name}-{'?' * 12}.checkpoint.npz"):
            if other != path:
                other.unlink()
        return path

    def begin(self) -> None:
        """Make the run's folders, and drop what an earlier run of this notebook recorded."""
        (self._figures / "tables").mkdir(parents=True, exist_ok=True)
        (self.folder / "models").mkdir(exist_ok=True)
        with paths.locked(self._figures):
            ledger = read_ledger(self._figures)
            for kind, entries in ledger.items():
                for name in [name for name, entry in entries.items() if entry["notebook"] == self.notebook]:
                    del entries[name]
                    if kind == "figures":
                        for file in self._figures.glob(f"{name}.*"):
                            file.unlink()
                    if kind == "tables":
                        (self._figures / "tables" / f"{name}.csv").unlink(missing_ok=True)
            self._write(ledger)

    def _enter(self, kind: str, name: str, entry: dict) -> None:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} can't name a result: use lowercase letters, digits, '_' and '-'")
        with paths.locked(self._figures):  # another notebook may run beside this one
            ledger = read_ledger(self._figures)
            for entries in ledger.values():
                if name in entries and entries[name]["notebook"] != self.notebook:
                    raise ValueError(
                        f"{name!r} is already recorded by {entries[name]['notebook']}: choose another name"
                    )
            ledger[kind][name] = entry | {"notebook": self.notebook}
            self._write(ledger)

    def _write(self, ledger: dict) -> None:
        numbers = ledger["numbers"]
        sources = {kind: dict(sorted(ledger[kind].items())) for kind in ("figures", "tables")}
        for file, content in (("numbers.json", dict(sorted(numbers.items()))), ("sources.json", sources)):
            text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
            paths.write_whole(self._figures / file, text.encode())


def start_run(notebook: str, profile: str | None = None, collection: str | None = None, seed: int = 0) -> Run:
    """Start a notebook: choose the profile and the photos, set the seed and the style of figures.

    Parameters
    ----------
    notebook : str
        The notebook's name, such as ``"03_linear_regression"``.
    profile : {"full", "smoke"}, optional
        ``$COLORLIB_PROFILE`` by default, or ``"full"`` if that is not set.
    collection : str, optional
        As in `colorlib.photos.list_photos`; ``$COLORLIB_PHOTOS`` by default, or if that is not
        set, ``"unsplash36"`` in the full profile and ``"bundled"`` in the smoke profile.
    seed : int

    Returns
    -------
    Run

    Raises
    ------
    ValueError
        If the profile or the collection is unknown, or the collection has no training photos.
    """
    profile = profile or os.environ.get("COLORLIB_PROFILE") or "full"
    if profile not in PROFILES:
        raise ValueError(f"unknown profile {profile!r}: use one of {', '.join(PROFILES)}")
    collection = collection or os.environ.get("COLORLIB_PHOTOS") or DEFAULT_COLLECTIONS[profile]
    collection, notice = usable_collection(collection)
    if not list_photos(collection, "train"):
        raise ValueError(f"the collection {collection!r} has no training photos: models are only tested on it")
    random.seed(seed)
    np.random.seed(seed)
    from ..plots import use_style

    use_style()
    run = Run(notebook, profile, collection, notice, seed)
    run.begin()
    return run


def read_ledger(figures: Path) -> dict[str, dict]:
    """Read what a run recorded: ``{"numbers": …, "figures": …, "tables": …}``, each by name."""
    ledger: dict[str, dict] = {"numbers": {}, "figures": {}, "tables": {}}
    numbers, sources = figures / "numbers.json", figures / "sources.json"
    if numbers.is_file():
        ledger["numbers"] = json.loads(numbers.read_text("utf-8"))
    if sources.is_file():  # it isn't where a full disk or a kill came between the two
        ledger |= json.loads(sources.read_text("utf-8"))
    return ledger
