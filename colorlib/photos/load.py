"""Photos as arrays: decoded once, resized, and cached by the hash of their files."""

import io
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np

from .. import paths
from ..images import PhotoError, image_size, read_square
from .files import fetch_photos, verify_photos
from .manifests import Photo, file_hash
from .shrink import SHORT_SIDE, shrink_photo

__all__ = ["first_colored", "load_photos", "small_copies"]

CACHE_VERSION = 4  # change it when decoding or resizing changes, so that stale pixels are not used


def load_photos(collection: str, size: int = 256, split: str | None = None) -> np.ndarray:
    """Load the photos of a collection, each resized to a square of `size` pixels a side.

    The whole photo is kept, its aspect ratio is not, as in the original report. Resized photos are cached in
    ``data/cache`` by the hash of the original, so that only the first call decodes.

    Parameters
    ----------
    collection, split
        As in `list_photos`; the photos come in its order.
    size : int
        Side in pixels, at least 3.

    Returns
    -------
    ndarray of float32, shape (N, size, size, 3)
        sRGB in [0, 1].

    Raises
    ------
    PhotoError
        If a file is not a photo, is truncated, or differs from its manifest.
    PhotosUnavailable
        As in `fetch_photos`.
    """
    if size < 3:
        raise PhotoError(f"size {size} is too small: a 3×3 neighborhood needs at least 3 pixels a side")
    files = {photo: path for photo, path in fetch_photos(collection).items() if split in (None, photo.split)}
    paths.discard_parts(_cache(size))
    once = {photo.sha256 or photo.file: (photo, path) for photo, path in files.items()}  # copies are decoded once
    with ThreadPoolExecutor() as pool:
        decoded = pool.map(lambda item: _cached_square(item[0], item[1], size), once.values())
        squares = dict(zip(once, decoded, strict=True))
    photos = np.empty((len(files), size, size, 3), np.float32)
    for loaded, photo in zip(photos, files, strict=True):
        np.divide(squares[photo.sha256 or photo.file], np.float32(255), out=loaded)
    return photos


def first_colored(photos: Iterable[np.ndarray]) -> int:
    """Find the first photo that has colors, to learn from or to show.

    Parameters
    ----------
    photos : iterable of ndarray, shape (H, W, 3)

    Returns
    -------
    int
        Its index; 0 if all are gray.
    """
    return next((index for index, photo in enumerate(photos) if np.ptp(photo, axis=-1).any()), 0)


def _cache(size: int) -> Path:
    return paths.CACHE / f"v{CACHE_VERSION}-{size}"


def _cached_square(photo: Photo, path: Path, size: int) -> np.ndarray:
    """Return a photo as uint8 of shape (size, size, 3), from the cache or decoded and put into it."""
    cached = None
    if photo.sha256:
        cached = _cache(size) / f"{photo.sha256}.npy"
        with suppress(OSError, ValueError, EOFError):  # it isn't there, or isn't whole: decoded again
            return np.load(cached)
        verify_photos({photo: path})
    square = read_square(path, size)
    if cached is not None:
        content = io.BytesIO()
        np.save(content, square)
        with suppress(OSError):  # a full disk or a read-only folder: it does without
            paths.write_whole(cached, content.getvalue())
    return square


def small_copies(collection: str, split: str | None = None) -> dict[Photo, Path]:
    """Find or make files with small copies of the photos of a collection, in their own proportions.

    Copies are cached in ``data/cache`` by the hash of the original. A file that is small already is used as it is.

    Parameters
    ----------
    collection, split
        As in `list_photos`; the photos come in its order.

    Returns
    -------
    dict of Photo to Path

    Raises
    ------
    PhotoError, PhotosUnavailable
        As in `load_photos`.
    """
    files = {photo: path for photo, path in fetch_photos(collection).items() if split in (None, photo.split)}
    with ThreadPoolExecutor() as pool:
        return dict(zip(files, pool.map(_small_copy, files, files.values()), strict=True))


def _small_copy(photo: Photo, path: Path) -> Path:
    if min(image_size(path)) <= SHORT_SIDE:
        verify_photos({photo: path})
        return path
    copy = paths.CACHE / f"v{CACHE_VERSION}-short-{SHORT_SIDE}" / f"{photo.sha256 or file_hash(path)}.webp"
    if not copy.is_file():
        verify_photos({photo: path})
        paths.write_whole(copy, shrink_photo(path))
    return copy
