"""Collections of photographs: what their manifests say, and how they are split into training and test photos."""

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path

from .. import paths
from ..images import SUFFIXES, PhotoError, image_size

__all__ = ["COLLECTIONS", "Photo", "file_hash", "folder_path", "list_photos"]

#: Collection → (manifest in ``data/``, folder of the photo files, or None where installed packages hold them).
COLLECTIONS: dict[str, tuple[str, str | None]] = {
    "unsplash36": ("photos.csv", "photos"),
    "bsds500": ("bsds500.csv", "bsds500"),
    "imagenet800": ("imagenet800.csv", "imagenet800"),
    "everyday": ("everyday.csv", "everyday"),
    "bundled": ("bundled.csv", None),
    "unlike": ("unlike.csv", None),
}


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
        Hash of the file; empty for photos that an installed package holds.
    small_sha256 : str
        Hash of a small copy, which will do instead, in collections that are kept shrunk; else empty.
    width, height : int
        Size of the original in pixels; 0 if the manifest doesn't say.
    photographer, source, licence, url : str
        Who took it, where it was published, its license, and the pinned URL that it is downloaded from.
    package : str
        The installed package that holds the file, for the collections ``bundled`` and ``unlike``.
    """

    file: str
    split: str
    sha256: str = ""
    small_sha256: str = ""
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
    """List the photos of a collection in the order of its manifest, without touching the photo files.

    Parameters
    ----------
    collection : str
        One of `COLLECTIONS`, or ``folder:PATH`` for every photo directly in that folder. A folder is split by file
        hash: the fifth of its photos with the smallest hashes (at least one) is held out, so that renaming a file does
        not move it, and copies of a file are never in both splits.
    split : {"train", "test"}, optional
        Only this split; both by default.

    Returns
    -------
    list of Photo

    Raises
    ------
    PhotoError
        If the collection or the split is unknown, or the folder is missing or holds fewer than two different photos.
    """
    if split not in (None, "train", "test"):
        raise PhotoError(f"unknown split {split!r}: use 'train' or 'test'")
    if collection.startswith("folder:"):
        photos = _list_folder(folder_path(collection))
    elif collection in COLLECTIONS:
        with open(paths.DATA / COLLECTIONS[collection][0], newline="", encoding="utf-8") as file:
            photos = [_photo_from_row(row) for row in csv.DictReader(file)]
    else:
        raise PhotoError(f"unknown collection {collection!r}: use one of {', '.join(COLLECTIONS)}, or folder:PATH")
    return [photo for photo in photos if split in (None, photo.split)]


def _photo_from_row(row: dict[str, str]) -> Photo:
    numbers = {name: int(row[name]) for name in ("bytes", "width", "height") if name in row}
    texts = {name: value for name, value in row.items() if name not in numbers}
    return Photo(**texts, **numbers)  # type: ignore[arg-type]  # each has its field's type


def folder_path(collection: str) -> Path:
    """Return the folder that a collection ``folder:PATH`` names."""
    return Path(collection.removeprefix("folder:")).expanduser().resolve()


def _list_folder(folder: Path) -> list[Photo]:
    if not folder.is_dir():
        raise PhotoError(f"{folder} is not a folder: give one that holds photos, as in folder:~/Pictures")
    files = sorted(
        path  # other systems leave "._holiday.jpg" beside a photo
        for path in folder.iterdir()
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
    )
    hashes = {path: file_hash(path) for path in files}
    distinct = sorted(set(hashes.values()))
    if len(distinct) < 2:
        copies = ", copies of one," if len(files) > 1 else ""
        raise PhotoError(
            f"{folder} holds {len(files)} photos{copies} ({', '.join(sorted(SUFFIXES))}): at least 2 are "
            "needed, one to learn from and one to test on"
        )
    held_out = set(distinct[: max(1, len(distinct) // 5)])
    photos = []
    for path in files:
        width, height = image_size(path)
        split = "test" if hashes[path] in held_out else "train"
        size = path.stat().st_size
        photos.append(Photo(path.name, split, hashes[path], bytes=size, width=width, height=height))
    return photos


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
