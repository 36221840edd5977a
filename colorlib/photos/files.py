"""The files of a collection, found on this machine or downloaded and verified: all of them, or an error."""

import importlib.util
from pathlib import Path

from .. import paths
from ..images import PhotoError
from .downloads import PhotosUnavailable, download_files
from .manifests import COLLECTIONS, Photo, folder_path, list_photos

__all__ = ["fetch_photos", "missing_photos", "usable_collection"]


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
        files |= dict(zip(missing, download_files(wanted, paths.RAW / folder, collection), strict=True))
    return {photo: files[photo] for photo in found}


def usable_collection(collection: str) -> tuple[str, str]:
    """Return the collection if its photos are available, otherwise ``"bundled"``.

    Returns
    -------
    collection : str
        The collection to use.
    notice : str
        Empty, or a sentence for the reader that says what is used instead and why.
    """
    try:
        fetch_photos(collection)
    except PhotosUnavailable as error:
        count = len(list_photos("bundled"))
        return "bundled", f"Built from {count} bundled photos, because {error}."
    return collection, ""


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
