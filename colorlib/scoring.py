"""Colorized files scored against the true photos, as ``python -m colorlib score`` does it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from .color import to_gray
from .colorize import list_images
from .imagefiles import PhotoError, read_image
from .metrics import score_photo

__all__ = ["score_files", "summary"]

#: The columns that `summary` shows.
SHOWN = ["psnr_rgb", "ssim", "delta_e_mean", "colorfulness_gap", "auc"]


def score_files(true: str | Path, predicted: str | Path, on_error: Callable[[Exception], None]) -> pd.DataFrame:
    """Score colorized photos, and the same photos left gray, with every metric of the leaderboard.

    Parameters
    ----------
    true, predicted : str or Path
        Two image files, or two folders, whose photos are matched by name; the ending may differ.
    on_error : callable
        Called with each error that concerns one photo only.

    Returns
    -------
    DataFrame
        Two rows a photo: ``photo``; ``version``, which is ``"predicted"`` or ``"gray"``; and the scores of
        `colorlib.metrics.score_photo` that files can be scored with.

    Raises
    ------
    ValueError
        If one is a folder and the other is not, or no photo of theirs can be scored.
    """
    rows = []
    for true_file, predicted_file in _pairs(Path(true).expanduser(), Path(predicted).expanduser(), on_error):
        try:
            rows += _score_pair(true_file, predicted_file)
        except PhotoError as error:
            on_error(error)
        except ValueError as error:
            on_error(PhotoError(f"{predicted_file} can't be scored against {true_file} ({error})"))
    if not rows:
        raise ValueError(f"nothing was scored: no photo of {predicted} belongs to one of {true}")
    return pd.DataFrame(rows)


def summary(scores: pd.DataFrame) -> str:
    """Lay out the scores of photos, their mean, and what leaving the photos gray would score, as a small table."""
    predicted = scores[scores["version"] == "predicted"].set_index("photo")
    gray = scores[scores["version"] == "gray"]
    table = predicted[SHOWN]
    means = pd.DataFrame([predicted[SHOWN].mean(), gray[SHOWN].mean()], index=["mean", "mean, left gray"])
    table = pd.concat([table, means]) if len(table) > 1 else pd.concat([table, means.tail(1)])
    return table.rename_axis(None).to_string(float_format="{:.3f}".format)


def _pairs(true: Path, predicted: Path, on_error: Callable[[Exception], None]) -> list[tuple[Path, Path]]:
    if not true.is_dir() and not predicted.is_dir():
        return [(true, predicted)]
    if not (true.is_dir() and predicted.is_dir()):
        raise ValueError(f"{true} and {predicted} can't be matched: give two files or two folders that exist")
    candidates = {file.stem: file for file in list_images([str(predicted)], on_error)}
    pairs = []
    for file in list_images([str(true)], on_error):
        if file.stem in candidates:
            pairs.append((file, candidates[file.stem]))
        else:
            on_error(PhotoError(f"{file} has no photo of its name in {predicted}: it is left out"))
    return pairs


def _score_pair(true_file: Path, predicted_file: Path) -> list[dict]:
    true, predicted = read_image(true_file).rgb(), read_image(predicted_file).rgb()
    gray = np.repeat(to_gray(true)[..., None], 3, axis=-1)
    return [{"photo": true_file.name, "version": version} | _of_files(score_photo(true, photo))
            for version, photo in (("predicted", predicted), ("gray", gray))]


def _of_files(scores: dict[str, float]) -> dict[str, float]:
    """Leave out what a file doesn't tell: how many pixels were out of gamut when it was made."""
    return {name: value for name, value in scores.items() if name != "out_of_gamut_pct"}
