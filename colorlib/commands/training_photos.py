"""The photos that the shipped network learns from, and those of them that are set aside to judge it by."""

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..images import read_square
from ..paths import write_whole
from ..photos import Photo, first_colored, shrink_photo, small_copies
from ..scores.leaderboard import Split
from ..training import PhotoFiles, progress_bar

__all__ = ["SOURCES", "Source", "learned_photos", "pack_photos", "training_photos", "unpack_photos"]

VALIDATION_SIDE = 256
PACKED_QUALITY = 60  # of WebP: all photos take less than 60 MB


@dataclass(frozen=True)
class Source:
    """How the shipped network uses a collection.

    Attributes
    ----------
    times : int
        How often it sees each of its photos while it sees others once.
    set_aside : int
        One training photo in so many is set aside for validation.
    """

    times: int
    set_aside: int


#: Collections whose training photos the shipped network learns from.
SOURCES = {
    "unsplash36": Source(times=4, set_aside=12),
    "bsds500": Source(times=4, set_aside=12),
    "imagenet800": Source(times=2, set_aside=12),
    "everyday": Source(times=1, set_aside=48),
}

Files = dict[str, dict[str, tuple[Path, bool]]]  # collection → photo → its file, and whether it is set aside


def training_photos(sources: Mapping[str, Source] = SOURCES) -> tuple[PhotoFiles, list[Split]]:
    """Find the training photos of several collections, and set some of each aside for validation.

    Test photos are never among them.

    Parameters
    ----------
    sources : mapping of str to Source
        Collections.

    Returns
    -------
    photos : PhotoFiles
        Small copies.
    validation : list of Split
        One per collection, of photos of 256×256 pixels; without photos that are gray themselves.

    Raises
    ------
    PhotosUnavailable
        If the photos of a collection are not available.
    """
    return _split(_find(sources), sources)


def learned_photos(sources: Mapping[str, Source] = SOURCES) -> list[Split]:
    """Choose as many of each collection's photos that are learned from as are set aside, to compare how they come out.

    Parameters and what it raises are those of `training_photos`; it returns photos as that returns those for
    validation.
    """
    learned: list[Split] = []
    for collection, photos in _find(sources).items():
        files = [(name, path) for name, (path, aside) in photos.items() if not aside]
        chosen = np.linspace(0, len(files) - 1, min(len(files), len(photos) - len(files))).astype(int)
        learned += _colored(collection, dict(files[i] for i in chosen))
    return learned


def pack_photos(path: Path, sources: Mapping[str, Source] = SOURCES) -> int:
    """Write the photos that `training_photos` finds into one file, to train where they can't be downloaded.

    Returns
    -------
    int
        Number of photos.
    """
    files, content = _find(sources), io.BytesIO()
    count = sum(len(photos) for photos in files.values())
    with zipfile.ZipFile(content, "w") as archive, progress_bar(count, 0, "photo") as bar:
        index: dict[str, tuple[str, bool]] = {}
        for collection, photos in files.items():
            for name, (file, aside) in photos.items():
                member = f"{collection}/{len(index)}.webp"
                archive.writestr(member, shrink_photo(file, PACKED_QUALITY))
                index[member] = name, aside
                bar.update()
        archive.writestr("index.json", json.dumps(index))
    write_whole(path, content.getvalue())
    return count


def unpack_photos(path: Path, folder: Path, sources: Mapping[str, Source] = SOURCES) -> tuple[PhotoFiles, list[Split]]:
    """Return what `training_photos` returned where the photos were packed.

    Parameters
    ----------
    path : Path
        File that `pack_photos` wrote.
    folder : Path
        Where to put the photos.
    sources : mapping of str to Source

    Raises
    ------
    ValueError
        If the file is not one that `pack_photos` wrote.
    """
    files: Files = {}
    try:
        with zipfile.ZipFile(path) as archive:
            archive.extractall(folder)
            for member, (name, aside) in json.loads(archive.read("index.json")).items():
                files.setdefault(member.split("/")[0], {})[name] = folder / member, aside
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path} does not hold packed photos ({error}): write it with colorlib weights --pack"
        ) from error
    return _split(files, sources)


def _find(sources: Mapping[str, Source]) -> Files:
    files: Files = {}
    for collection, source in sources.items():
        copies: dict[Photo, Path] = small_copies(collection, "train")
        every = min(source.set_aside, len(copies))
        aside = [i % every == every // 2 for i in range(len(copies))]
        looked_at = [read_square(path, 64) for path, is_aside in zip(copies.values(), aside, strict=True) if is_aside]
        if not any(np.ptp(square, axis=-1).any() for square in looked_at):  # gray photos tell nothing of colors
            aside[first_colored(read_square(path, 64) for path in copies.values())] = True
        files[collection] = {
            photo.file: (path, is_aside) for (photo, path), is_aside in zip(copies.items(), aside, strict=True)
        }
    return files


def _split(files: Files, sources: Mapping[str, Source]) -> tuple[PhotoFiles, list[Split]]:
    paths: list[Path] = []
    validation: list[Split] = []
    for collection, photos in files.items():
        aside = {name: path for name, (path, is_aside) in photos.items() if is_aside}
        # Of a single photo, both. A photo that is gray itself tells nothing of colors.
        learned = [path for path, is_aside in photos.values() if not is_aside] or [*aside.values()]
        paths += sources[collection].times * learned
        validation += _colored(collection, aside)
    return PhotoFiles(paths), validation


def _colored(collection: str, files: Mapping[str, Path]) -> list[Split]:
    """Read photos at the size of validation, without those that are gray themselves; nothing if no other is there."""
    squares = {name: read_square(path, VALIDATION_SIDE) / np.float32(255) for name, path in files.items()}
    colored = {name: square for name, square in squares.items() if np.ptp(square, axis=-1).max() > 0}
    return [Split(collection, np.stack(list(colored.values())), tuple(colored))] if colored else []
