"""Colorized files scored against the true photos, as ``colorlib score`` does it."""

import csv
import io
import os
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from ..color import to_gray
from ..images import SUFFIXES, PhotoError, read_image
from ..paths import write_whole
from ..scores.metrics import score_photo
from ..training.progress import progress_bar
from ._workers import run_all
from .inputs import FileSet, list_images, missing, one_line, print_error

__all__ = ["pair_files", "score", "score_files", "summary"]

Row = dict[str, str | float]
Pair = tuple[Path, Path]
Key = Callable[[Path], str]

#: The columns that `summary` shows.
SHOWN = ["psnr_rgb", "ssim", "delta_e_mean", "colorfulness_gap", "auc"]
LONGEST_LABEL = 40  # letters


def score(
    true: str, predicted: str, table: str | None = None, workers: int | None = None, cluster: str | None = None
) -> int:
    """Score colorized files and print a summary; see `pair_files` and `score_files`.

    Parameters
    ----------
    true, predicted : str
        As in `pair_files`.
    table : str, optional
        Also write every score of every photo to this CSV file.
    workers, cluster : int, str, optional
        As in `score_files`.

    Returns
    -------
    int
        The exit status: 1 where a photo could not be scored.

    Raises
    ------
    ValueError
        If the photos can't be matched, or the table is one of them or can't be written.
    """
    failed = 0

    def report(error: Exception) -> None:
        nonlocal failed
        failed += 1
        print_error(error)

    pairs = pair_files(true, predicted, report)
    photos = FileSet(file for pair in pairs for file in pair)
    if table and (Path(table).suffix.lower() in SUFFIXES or Path(table) in photos):
        raise ValueError(f"{table} can't be the table, since it is a photo: name the table .csv")
    rows: list[Row] = []
    try:
        for row in score_files(pairs, report, workers, cluster):
            rows.append(row)
    finally:  # after Ctrl-C, too: what is scored is not lost
        order = {file.name: number for number, (file, _) in enumerate(pairs)}
        rows.sort(key=lambda row: order[str(row["photo"])])  # since several processes are done in any order
        if rows:
            print(summary(rows))
            if table:
                _write_table(Path(table), rows)
    return 1 if failed else 0


def _write_table(path: Path, rows: Sequence[Row]) -> None:
    content = io.StringIO()
    writer = csv.DictWriter(content, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    try:
        write_whole(path, content.getvalue().encode(errors="backslashreplace"))  # names need not be UTF-8
    except OSError as error:
        raise ValueError(f"{path} can't be written ({error.strerror}): choose another file") from error


def pair_files(true: str | Path, predicted: str | Path, on_error: Callable[[Exception], None]) -> list[Pair]:
    """Find the true photo of each colorized one.

    Photos of the same name belong together; of the rest, ``a.gif`` and ``a.gif.png``; of the rest, those that are alone
    with their name without its ending, whose case doesn't matter.

    Parameters
    ----------
    true, predicted : str or Path
        Two image files, whatever they are called, or two folders.
    on_error : callable
        Called with an error for each true photo that is left out.

    Returns
    -------
    list of tuple of Path
        True and colorized photo, in the order of the true ones.

    Raises
    ------
    ValueError
        If only one is a folder, or no photo belongs to another.
    """
    true, predicted = Path(true).expanduser(), Path(predicted).expanduser()
    if not os.path.isdir(true) and not os.path.isdir(predicted):
        return [(true, predicted)]
    if not (os.path.isdir(true) and os.path.isdir(predicted)):
        raise ValueError(f"{true} and {predicted} can't be matched: give two files or two folders that exist")
    true_files, candidates = list_images([str(true)], on_error), list_images([str(predicted)], on_error)
    pairs: dict[Path, Path] = {}
    unclear: dict[Path, list[Path]] = {}
    for true_key, predicted_key in _KEYS:
        unclear = {}
        left_true = [file for file in true_files if file not in pairs]
        left_candidates = set(candidates) - set(pairs.values())
        for alike, found in _groups(left_true, true_key, left_candidates, predicted_key):
            if len(alike) == len(found) == 1:
                pairs[alike[0]] = found[0]
            elif found:
                unclear |= dict.fromkeys(alike, found)
    if true_files and candidates and not pairs and not unclear:
        raise ValueError(f"nothing was scored: no photo of {predicted} has the name of one of {true}")
    for file in true_files:
        if file in unclear:
            names = ", ".join(sorted(other.name for other in unclear[file]))
            on_error(
                PhotoError(f"{file} is left out: {names} in {predicted} can be this photo or another; name it alike")
            )
        elif file not in pairs:
            on_error(PhotoError(f"{file} has no photo of its name in {predicted}: it is left out"))
    return [(file, pairs[file]) for file in true_files if file in pairs]


def _bare_name(file: Path) -> str:
    """Return a name without its ending, the same for two ways of writing its letters."""
    return unicodedata.normalize("NFC", file.stem).casefold()


#: What must be equal in a true and in a colorized photo's name; the first rules count before the others.
_KEYS: tuple[tuple[Key, Key], ...] = (
    (lambda file: file.name, lambda file: file.name),
    (lambda file: file.name, lambda file: file.stem),
    (_bare_name, _bare_name),
)


def _groups(
    true: Iterable[Path], true_key: Key, predicted: Iterable[Path], predicted_key: Key
) -> list[tuple[list[Path], list[Path]]]:
    """Group true photos that have the same key, each group with the colorized photos of that key."""
    groups: defaultdict[str, tuple[list[Path], list[Path]]] = defaultdict(lambda: ([], []))
    for file in true:
        groups[true_key(file)][0].append(file)
    for file in predicted:
        groups[predicted_key(file)][1].append(file)
    return list(groups.values())


def score_files(
    pairs: Sequence[Pair], on_error: Callable[[Exception], None], workers: int | None = None, cluster: str | None = None
) -> Iterator[Row]:
    """Score colorized photos, and the same photos left gray, with every metric of the leaderboard.

    A photo with opacity is scored as it looks on white, its colorized version with the same opacity, so that pixels
    that nobody sees don't count as mistakes.

    Parameters
    ----------
    pairs : sequence of tuple of Path
        True and colorized photos, as `pair_files` finds them.
    on_error : callable
        Called with an error for each pair that can't be scored.
    workers, cluster : int, str, optional
        Score with as many processes, on this machine or on a cluster of Ray; see `colorlib.commands._workers.run_all`.

    Yields
    ------
    dict
        Two rows per photo: ``photo``; ``version``, which is ``"predicted"`` or ``"gray"``; and the scores of
        `colorlib.scores.metrics.score_photo` that files can be scored with.
    """
    with progress_bar(len(pairs), unit="photo", enabled=len(pairs) > 1) as bar:
        for index, result in run_all(_make_scorer, pairs, workers, cluster):
            if result is None:
                result = PhotoError(f"{pairs[index][1]} ended the process that scored it: it is left out")
            if isinstance(result, PhotoError):
                on_error(result)
            else:
                yield from result
            bar.update()


def _make_scorer() -> Callable[[Pair], list[Row] | PhotoError]:
    return _try_pair


def _try_pair(pair: Pair) -> list[Row] | PhotoError:
    try:
        return _score_pair(*pair)
    except PhotoError as error:
        return error
    except Exception as error:  # whatever is wrong with one photo, the others are scored
        reason = str(error) or type(error).__name__
        return PhotoError(f"{pair[1]} can't be scored against {pair[0]} ({reason})")


def summary(rows: Sequence[Row]) -> str:
    """Lay out the scores of photos, their mean, and what leaving the photos gray would score, as a small table."""
    predicted = [row for row in rows if row["version"] == "predicted"]
    lines = [(_short(str(row["photo"])), [float(row[name]) for name in SHOWN]) for row in predicted]
    if len(predicted) > 1:
        lines.append(("mean", _means(predicted)))
    lines.append(("mean, left gray", _means([row for row in rows if row["version"] == "gray"])))
    first = max(len(label) for label, _ in lines)
    widths = [max(len(name), 8) for name in SHOWN]
    table = [" " * first + "".join(f"  {name:>{width}}" for name, width in zip(SHOWN, widths, strict=True))]
    for label, values in lines:
        table.append(f"{label:{first}}" + "".join(f"  {v:{width}.3f}" for v, width in zip(values, widths, strict=True)))
    return "\n".join(table)


def _short(name: str) -> str:
    """Cut a name that would make the table wider than a terminal; the CSV file has it whole."""
    line = one_line(name)
    return line if len(line) <= LONGEST_LABEL else f"{line[: LONGEST_LABEL - 1]}…"


def _means(rows: Sequence[Row]) -> list[float]:
    return [float(np.mean([row[name] for row in rows])) for name in SHOWN]


def _score_pair(true_file: Path, predicted_file: Path) -> list[Row]:
    for file in (true_file, predicted_file):
        if reason := missing(file):
            raise PhotoError(reason)
    true_image, predicted_image = read_image(true_file), read_image(predicted_file)
    opacity = true_image.opacity()
    shapes = [image.pixels.shape[:2] for image in (true_image, predicted_image)]
    if shapes[0] != shapes[1]:
        (height, width), (other_height, other_width) = shapes
        raise PhotoError(
            f"{predicted_file} can't be scored against {true_file} ({other_width}×{other_height} and {width}×{height} "
            "pixels): resize one to the other's size"
        )
    true, predicted = (_on_white(image.rgb(), opacity) for image in (true_image, predicted_image))
    gray = np.repeat(to_gray(true)[..., None], 3, axis=-1)
    return [
        {"photo": true_file.name, "version": version} | _of_files(score_photo(true, photo))
        for version, photo in (("predicted", predicted), ("gray", gray))
    ]


def _on_white(rgb: np.ndarray, opacity: np.ndarray | None) -> np.ndarray:
    return rgb if opacity is None else rgb * opacity[..., None] + (1 - opacity[..., None])


def _of_files(scores: dict[str, float]) -> dict[str, float]:
    """Leave out what a file does not tell: the number of pixels that were out of gamut."""
    return {name: value for name, value in scores.items() if name != "out_of_gamut_pct"}
