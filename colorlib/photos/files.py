"""The files of a collection, found on this machine or downloaded and verified: all of them, or an error."""

import importlib.util
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from .. import paths
from ..images import PhotoError, read_square
from .downloads import PhotosUnavailable, download_files, kept_hashes
from .manifests import COLLECTIONS, Photo, file_hash, folder_path, list_photos

__all__ = ["fetch_photos", "missing_photos", "usable_collection", "verify_photos"]

SMALL = 64  # pixels a side, enough to see whether a photo has colors


def missing_photos(collection: str) -> list[Photo]:
    """List the photos of a collection whose files are not on this machine, without using the network."""
    return [photo for photo, path in _find_files(collection).items() if path is None]


def fetch_photos(collection: str) -> dict[Photo, Path]:
    """Find the files of a whole collection and download those that are missing: all of it, or an error.

    Files are looked for in ``$COLORLIB_DATA_DIR``, then in ``data/raw``, where downloads go too, verified by SHA-256.

    Returns
    -------
    dict of Photo to Path
        In the manifest's order.

    Raises
    ------
    PhotosUnavailable
        If a file is missing and its host can't be reached; without a network, within seconds.
    """
    found = _find_files(collection)
    files = {photo: path for photo, path in found.items() if path is not None}
    missing = [photo for photo in found if photo not in files]
    folder = COLLECTIONS[collection][1] if missing else None
    if folder is not None:
        wanted = [(photo.url, photo.sha256, photo.file) for photo in missing]
        shrink = any(photo.small_sha256 for photo in missing)
        files |= dict(zip(missing, download_files(wanted, paths.RAW / folder, collection, shrink), strict=True))
    return {photo: files[photo] for photo in found}


def verify_photos(files: Mapping[Photo, Path]) -> None:
    """Check that files are those that their manifest lists, or small copies of them.

    Parameters
    ----------
    files : mapping of Photo to Path
        Photos of one collection.

    Raises
    ------
    PhotoError
        If a file differs.
    """
    kept: dict[Path, dict[str, str]] = {}  # folder of a collection → hashes of its small copies
    for photo, path in files.items():
        if not photo.sha256:
            continue
        digest = file_hash(path)
        if digest in (photo.sha256, photo.small_sha256):
            continue
        folder = path.parents[len(Path(photo.file).parts) - 1]
        if folder not in kept:
            kept[folder] = kept_hashes(folder)
        if digest != kept[folder].get(photo.file):
            raise PhotoError(
                f"{path} is not the file that the manifest lists (SHA-256 {digest[:12]}…, expected "
                f"{photo.sha256[:12]}…): delete it, so that it is downloaded again"
            )


def usable_collection(collection: str) -> tuple[str, str]:
    """Return the collection if its photos are available, otherwise ``"bundled"``.

    Returns
    -------
    collection : str
        The collection to use; a folder by its whole path, since notebooks run in a folder of their own.
    notice : str
        Empty, or a sentence for the reader that says what is used instead and why.

    Raises
    ------
    PhotoError
        If the collection is unknown, or a folder that can't be used: without two photos, with a damaged one, or gray.
    """
    if collection.startswith("folder:"):
        collection = f"folder:{folder_path(collection)}"
        _require_colors(collection)
    try:
        fetch_photos(collection)
    except PhotosUnavailable as error:
        count = len(list_photos("bundled"))
        return "bundled", f"Built from {count} bundled photos, because {error}."
    return collection, ""


def _require_colors(collection: str) -> None:
    """Raise an error where all photos of a folder to learn from, or all to test on, are gray."""
    for split, purpose in (("train", "learn from"), ("test", "test on")):
        photos = list_photos(collection, split)
        files = (folder_path(collection) / photo.file for photo in photos)
        if not any(np.ptp(read_square(file, SMALL), axis=-1).any() for file in files):
            count = "the photo" if len(photos) == 1 else f"all {len(photos)} photos"
            raise PhotoError(
                f"{count} of {folder_path(collection)} to {purpose} {'is' if len(photos) == 1 else 'are'} gray: give a "
                "folder of color photos, whose colors can be learned and compared"
            )


def _find_files(collection: str) -> dict[Photo, Path | None]:
    """Find the file of every photo of a collection on this machine; None for those that must be downloaded."""
    photos = list_photos(collection)
    if collection.startswith("folder:"):
        return {photo: folder_path(collection) / photo.file for photo in photos}
    folder_name = COLLECTIONS[collection][1]
    if folder_name is None:
        return {photo: _packaged_file(photo) for photo in photos}
    folders = paths.photo_folders(folder_name)
    return {photo: next((f / photo.file for f in folders if (f / photo.file).is_file()), None) for photo in photos}


def _packaged_file(photo: Photo) -> Path:
    subfolder = {"skimage": "data", "sklearn": "datasets/images", "matplotlib": "mpl-data/sample_data"}
    spec = importlib.util.find_spec(photo.package)
    if spec is None or spec.origin is None:
        raise PhotoError(f"{photo.file} comes with the package {photo.package}, which is not installed")
    return Path(spec.origin).parent / subfolder[photo.package] / photo.file
