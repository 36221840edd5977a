"""Colorized files scored against the true photos, as ``colorlib score`` does it."""

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ..color import to_gray
from ..images import PhotoError, read_image
from ..paths import write_whole
from ..scores.metrics import score_photo
from .inputs import list_images, print_error

__all__ = ["score", "score_files", "summary"]

Row = dict[str, str | float]

#: The columns that `summary` shows.
SHOWN = ["psnr_rgb", "ssim", "delta_e_mean", "colorfulness_gap", "auc"]


def score(true: str, predicted: str, table: str | None = None) -> int:
    """Score colorized files and print a summary; see `score_files`.

    Parameters
    ----------
    true, predicted : str
        As in `score_files`.
    table : str, optional
        Also write every score of every photo to this CSV file.

    Returns
    -------
    int
        The exit status: 1 where a photo could not be scored.
    """
    errors = []

    def report(error: Exception) -> None:
        errors.append(error)
        print_error(error)

    rows = score_files(true, predicted, report)
    print(summary(rows))
    if table:
        content = io.StringIO()
        writer = csv.DictWriter(content, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_whole(Path(table), content.getvalue().encode())
    return 1 if errors else 0


def score_files(true: str | Path, predicted: str | Path, on_error: Callable[[Exception], None]) -> list[Row]:
    """Score colorized photos, and the same photos left gray, with every metric of the leaderboard.

    Parameters
    ----------
    true, predicted : str or Path
        Two image files, or two folders whose photos are matched by name, whatever the ending.
    on_error : callable
        Called with each error that concerns a single photo.

    Returns
    -------
    list of dict
        Two rows per photo: ``photo``; ``version``, which is ``"predicted"`` or ``"gray"``; and the scores of
        `colorlib.scores.metrics.score_photo` that files can be scored with.

    Raises
    ------
    ValueError
        If only one is a folder, or no photo can be scored.
    """
    rows: list[Row] = []
    for true_file, predicted_file in _pairs(Path(true).expanduser(), Path(predicted).expanduser(), on_error):
        try:
            rows += _score_pair(true_file, predicted_file)
        except PhotoError as error:
            on_error(error)
        except ValueError as error:
            on_error(PhotoError(f"{predicted_file} can't be scored against {true_file} ({error})"))
    if not rows:
        raise ValueError(f"nothing was scored: no photo of {predicted} belongs to one of {true}")
    return rows


def summary(rows: Sequence[Row]) -> str:
    """Lay out the scores of photos, their mean, and what leaving the photos gray would score, as a small table."""
    predicted = [row for row in rows if row["version"] == "predicted"]
    lines = [(str(row["photo"]), [float(row[name]) for name in SHOWN]) for row in predicted]
    if len(predicted) > 1:
        lines.append(("mean", _means(predicted)))
    lines.append(("mean, left gray", _means([row for row in rows if row["version"] == "gray"])))
    first = max(len(label) for label, _ in lines)
    widths = [max(len(name), 8) for name in SHOWN]
    table = [" " * first + "".join(f"  {name:>{width}}" for name, width in zip(SHOWN, widths, strict=True))]
    for label, values in lines:
        table.append(f"{label:{first}}" + "".join(f"  {v:{width}.3f}" for v, width in zip(values, widths, strict=True)))
    return "\n".join(table)


def _means(rows: Sequence[Row]) -> list[float]:
    return [float(np.mean([row[name] for row in rows])) for name in SHOWN]


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


def _score_pair(true_file: Path, predicted_file: Path) -> list[Row]:
    true, predicted = read_image(true_file).rgb(), read_image(predicted_file).rgb()
    gray = np.repeat(to_gray(true)[..., None], 3, axis=-1)
    return [
        {"photo": true_file.name, "version": version} | _of_files(score_photo(true, photo))
        for version, photo in (("predicted", predicted), ("gray", gray))
    ]


def _of_files(scores: dict[str, float]) -> dict[str, float]:
    """Leave out what a file does not tell: the number of pixels that were out of gamut."""
    return {name: value for name, value in scores.items() if name != "out_of_gamut_pct"}
