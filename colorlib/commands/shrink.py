"""Small copies of all photos in a folder, to train on, as ``colorlib shrink`` makes them."""

import os
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from ..images import MAX_PIXELS, PhotoError
from ..paths import write_whole
from ..photos import shrink_to_train
from ..training import find_photos, progress_bar
from ._workers import run_all
from .inputs import one_line, print_error

__all__ = ["shrink", "shrink_folder"]

SMALLEST_SIDE = 32


def shrink(folder: str, output: str, side: int = 320, workers: int | None = None, cluster: str | None = None) -> int:
    """Shrink the photos of a folder and report on the terminal; see `shrink_folder`.

    Returns
    -------
    int
        The exit status: 1 where a photo could not be shrunk.
    """
    counts: Counter[str] = Counter()
    try:
        for status, text in shrink_folder(folder, output, side, workers, cluster):
            counts[status] += 1
            if status == "failed":
                print_error(text)
    finally:  # after Ctrl-C, too
        made, kept, failed = (counts[name] for name in ("shrunk", "skipped", "failed"))
        print(f"{made} shrunk, {kept} skipped, {failed} failed, in {one_line(output)}")
    return 1 if counts["failed"] else 0


def shrink_folder(
    folder: str, output: str, side: int, workers: int | None = None, cluster: str | None = None
) -> Iterator[tuple[str, str]]:
    """Write small copies of the photos in a folder, and in those below it, as JPEG files; those that exist are kept.

    Each copy has its photo's name, with ``.jpg`` added, and its place below the folder.

    Parameters
    ----------
    folder, output : str
        Paths of folders.
    side : int
        Pixels of a copy's shorter side; smaller photos keep their size.
    workers, cluster
        As in `colorlib.commands._workers.run_all`.

    Yields
    ------
    status : {"shrunk", "skipped", "failed"}
    text : str
        The photo's path; where it failed, why.

    Raises
    ------
    ValueError
        If the folder has no photos, the output lies within it, or an option can't be used.
    """
    if not SMALLEST_SIDE <= side <= MAX_PIXELS**0.5:
        raise ValueError(f"side {side} is out of range: use {SMALLEST_SIDE} to {int(MAX_PIXELS**0.5)} pixels")
    source, target = (Path(name).expanduser().resolve() for name in (folder, output))
    if target.is_relative_to(source):
        raise ValueError(f"{output} lies within {folder}, whose photos are shrunk: choose another output")
    photos, waiting = find_photos([str(source)]), []
    for index in range(len(photos)):
        photo = photos.name(index)
        if os.path.exists(_copy_of(photo, source, target)):
            yield "skipped", photo
        else:
            waiting.append(photo)
    make_work = partial(_make_shrinker, source, target, side)
    with progress_bar(len(waiting), unit="photo") as bar:
        for index, error in run_all(make_work, waiting, workers, cluster):
            if error is None:
                error = f"{waiting[index]} ended the process that shrank it: it is left out"
            yield ("failed", error) if error else ("shrunk", waiting[index])
            bar.update()


def _copy_of(photo: str, source: Path, target: Path) -> str:
    return os.path.join(target, os.path.relpath(photo, source) + ".jpg")


def _make_shrinker(source: Path, target: Path, side: int) -> "partial[str]":
    return partial(_shrink, source=source, target=target, side=side)


def _shrink(photo: str, source: Path, target: Path, side: int) -> str:
    """Shrink a photo; return what was wrong with it, if anything."""
    copy = Path(_copy_of(photo, source, target))
    try:
        write_whole(copy, shrink_to_train(Path(photo), side))
    except PhotoError as error:
        return str(error)
    except OSError as error:
        return f"{copy} can't be written ({error.strerror})"
    except Exception as error:  # whatever is wrong with one photo, the others are shrunk
        return f"{photo} can't be shrunk ({error or type(error).__name__})"
    return ""
