"""Photographs: manifests, verified download, resizing, and the split into training and test photos.

Photos are ``float32`` arrays of shape (N, H, W, 3), sRGB in [0, 1].
"""

import csv
import hashlib
import importlib.util
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from . import paths
from .downloads import PhotosUnavailable, download_files
from .imagefiles import SUFFIXES, PhotoError, apply_profile, open_image, read_image

__all__ = ["COLLECTIONS", "Photo", "PhotoError", "PhotosUnavailable", "list_photos", "missing_photos", "fetch_photos",
           "load_photos", "read_photo", "resize_photo", "usable_collection"]

#: Collection -> (manifest in ``data/``, folder of the photo files; None where an installed package holds them).
COLLECTIONS = {
    "unsplash36": ("photos.csv", "photos"),
    "bsds500": ("bsds500.csv", "bsds500"),
    "imagenet800": ("imagenet800.csv", "imagenet800"),
    "bundled": ("bundled.csv", None),
    "unlike": ("unlike.csv", None),
}
CACHE_VERSION = 2  # change it when decoding or resizing changes, so that older cached pixels are not used


@dataclass(frozen=True)
class Photo:
    """One row of a manifest.

    Attributes
    ----------
    file : str
        Name of the file inside the collection's folder, or inside the package that installs it.
    split : str
        ``"train"`` or ``"test"``.
    sha256 : str
        Hash of the file's bytes; empty for photos that an installed package holds.
    width, height : int
        Size of the original in pixels; 0 where the manifest doesn't say.
    photographer, source, licence, url : str
        Whose it is, where it was published, on what terms, and the pinned address it is downloaded from.
    package : str
        The installed package that holds the file, for the collections ``bundled`` and ``unlike``.
    """

    file: str
    split: str
    sha256: str = ""
    bytes: int = 0
    width: int = 0
    height: int = 0
    photographer: str = ""
    source: str = ""
    licence: str = ""
    url: str = ""
    package: str = ""

    @property
    def name(self) -> str:
        """The file's name without folder and ending."""
        return Path(self.file).stem


def list_photos(collection: str, split: str | None = None) -> list[Photo]:
    """List the photos of a collection, in the manifest's order, without touching the photo files.

    Parameters
    ----------
    collection : str
        One of `COLLECTIONS`, or ``folder:PATH`` for every photo directly in that folder. A folder's photos are
        split by the hash of their bytes: the fifth with the smallest hashes (at least one) is held out, so that
        the split stays the same when a file is renamed.
    split : {"train", "test"}, optional
        Only this split; both by default.

    Returns
    -------
    list of Photo

    Raises
    ------
    PhotoError
        If the collection or the split is unknown, or the folder is missing or holds fewer than two photos.
    """
    if split not in (None, "train", "test"):
        raise PhotoError(f"unknown split {split!r}: use 'train' or 'test'")
    if collection.startswith("folder:"):
        photos = _list_folder(_folder_path(collection))
    elif collection in COLLECTIONS:
        with open(paths.DATA / COLLECTIONS[collection][0], newline="", encoding="utf-8") as file:
            photos = [_photo_from_row(row) for row in csv.DictReader(file)]
    else:
        raise PhotoError(f"unknown collection {collection!r}: use one of {', '.join(COLLECTIONS)}, or folder:PATH")
    return [photo for photo in photos if split in (None, photo.split)]


def missing_photos(collection: str) -> list[Photo]:
    """List the photos of a collection whose files are not on this machine, without looking at the network."""
    return [photo for photo, path in _find_files(collection).items() if path is None]


def fetch_photos(collection: str) -> dict[Photo, Path]:
    """Find the files of a whole collection, downloading those that are missing: all of it or an error.

    Files are looked for in ``$COLORLIB_DATA_DIR``, then in ``data/raw``, where downloads go too, each verified
    by its SHA-256.

    Returns
    -------
    dict of Photo to Path
        In the manifest's order.

    Raises
    ------
    PhotosUnavailable
        If a file is missing and its host can't be reached; within seconds where there is no network.
    """
    found = _find_files(collection)
    missing = [photo for photo, path in found.items() if path is None]
    if missing:
        files = [(photo.url, photo.sha256, photo.file) for photo in missing]
        found.update(zip(missing, download_files(files, paths.RAW / COLLECTIONS[collection][1], collection)))
    return found


def usable_collection(collection: str) -> tuple[str, str]:
    """Return the collection if its photos are to be had, ``"bundled"`` otherwise.

    Returns
    -------
    collection : str
        The collection to use.
    notice : str
        Empty, or one sentence that says what was used instead and why, to be shown to the reader.
    """
    try:
        fetch_photos(collection)
    except PhotosUnavailable as error:
        count = len(list_photos("bundled"))
        return "bundled", f"Built from {count} bundled photos, because {error}."
    return collection, ""


def load_photos(collection: str, size: int = 256, split: str | None = None) -> np.ndarray:
    """Load the photos of a collection, each resized to a square of ``size`` pixels a side.

    The whole photo is kept and its aspect ratio is not, as in the original report. A color profile other than sRGB is
    applied. Resized photos are cached in
    ``data/cache`` by the hash of the original, so that only the first call decodes.

    Parameters
    ----------
    collection, split
        As in `list_photos`, whose order the photos have.
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
        raise PhotoError(f"size {size} is too small: a 3×3 neighbourhood needs at least 3 pixels a side")
    files = {photo: path for photo, path in fetch_photos(collection).items() if split in (None, photo.split)}
    with ThreadPoolExecutor() as pool:
        pixels = list(pool.map(lambda item: _cached_square(*item, size), files.items()))
    if not pixels:
        return np.empty((0, size, size, 3), np.float32)
    photos = np.empty((len(pixels), size, size, 3), np.float32)
    for photo, square in zip(photos, pixels):
        np.divide(square, np.float32(255), out=photo)
    return photos


def read_photo(path: str | Path) -> np.ndarray:
    """Read one photo file at its full size.

    EXIF orientation is honoured, an alpha channel is dropped, a gray file comes back with three equal channels.

    Parameters
    ----------
    path : str or Path
        A JPEG, PNG, TIFF or WebP file.

    Returns
    -------
    ndarray of float32, shape (H, W, 3)
        sRGB in [0, 1].

    Raises
    ------
    PhotoError
        If the file is missing, empty, truncated, not an image, or larger than 178 megapixels.
    """
    return read_image(path).rgb()


def resize_photo(photo: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize one photo or gray image with an antialiasing Lanczos filter.

    Parameters
    ----------
    photo : ndarray of float32, shape (H, W) or (H, W, 3)
        In [0, 1].
    height, width : int
        The new size in pixels.

    Returns
    -------
    ndarray of float32, shape (height, width) or (height, width, 3)
        In [0, 1].
    """
    channels = np.atleast_3d(photo).astype(np.float32, copy=False)
    resized = [Image.fromarray(np.ascontiguousarray(channels[..., i])).resize((width, height), Image.LANCZOS)
               for i in range(channels.shape[-1])]
    return np.clip(np.stack(resized, axis=-1), 0, 1).reshape((height, width) + photo.shape[2:])


def _photo_from_row(row: dict[str, str]) -> Photo:
    numbers = {name: int(row[name]) for name in ("bytes", "width", "height") if name in row}
    return Photo(**(row | numbers))


def _folder_path(collection: str) -> Path:
    return Path(collection.removeprefix("folder:")).expanduser().resolve()


def _list_folder(folder: Path) -> list[Photo]:
    if not folder.is_dir():
        raise PhotoError(f"{folder} is not a folder: give one that holds photos, as in folder:~/Pictures")
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if len(files) < 2:
        raise PhotoError(f"{folder} holds {len(files)} photos ({', '.join(sorted(SUFFIXES))}): at least 2 are "
                         "needed, one to learn from and one to test on")
    hashes = {path: _sha256(path) for path in files}
    held_out = sorted(files, key=hashes.get)[:max(1, len(files) // 5)]
    photos = []
    for path in files:
        with open_image(path) as image:
            width, height = image.size
        photos.append(Photo(path.name, "test" if path in held_out else "train", hashes[path],
                            path.stat().st_size, width, height))
    return photos


def _find_files(collection: str) -> dict[Photo, Path | None]:
    """Find the file of every photo of a collection on this machine; None for one that would have to be downloaded."""
    photos = list_photos(collection)
    if collection.startswith("folder:"):
        return {photo: _folder_path(collection) / photo.file for photo in photos}
    folder_name = COLLECTIONS[collection][1]
    if folder_name is None:
        return {photo: _packaged_file(photo) for photo in photos}
    folders = paths.photo_folders(folder_name)
    return {photo: next((f / photo.file for f in folders if (f / photo.file).is_file()), None) for photo in photos}


def _packaged_file(photo: Photo) -> Path:
    subfolder = {"skimage": "data", "sklearn": "datasets/images", "matplotlib": "mpl-data/sample_data"}
    spec = importlib.util.find_spec(photo.package)
    if spec is None:
        raise PhotoError(f"{photo.file} comes with the package {photo.package}, which is not installed")
    return Path(spec.origin).parent / subfolder[photo.package] / photo.file


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _cached_square(photo: Photo, path: Path, size: int) -> np.ndarray:
    """Return a photo as uint8 of shape (size, size, 3), from the cache or decoded and put there."""
    cached = None
    if photo.sha256:
        cached = paths.CACHE / f"v{CACHE_VERSION}-{size}" / f"{photo.sha256}.npy"
        if cached.is_file():
            return np.load(cached)
        if (digest := _sha256(path)) != photo.sha256:
            raise PhotoError(f"{path} is not the file that the manifest lists (SHA-256 {digest[:12]}…, expected "
                             f"{photo.sha256[:12]}…): delete it, so that it is downloaded again")
    square = _decode_square(path, size)
    if cached is not None:
        cached.parent.mkdir(parents=True, exist_ok=True)
        part = cached.with_suffix(f".{os.getpid()}-{threading.get_ident()}.part")
        with open(part, "wb") as file:
            np.save(file, square)
        part.replace(cached)
    return square


def _decode_square(path: Path, size: int) -> np.ndarray:
    with open_image(path, at_least=2 * size) as image:
        profile = image.info.get("icc_profile") or b""
        if image.mode.startswith("I"):  # 16-bit gray, which convert("RGB") would clip instead of scale
            image = Image.fromarray((np.asarray(image) // 257).astype(np.uint8))
        square = np.asarray(image.convert("RGB").resize((size, size), Image.LANCZOS))
    return apply_profile(square, profile)[0]
