"""Photos in folders of any size, by name: ten million take as many bytes as their names have, and none of their pixels.

What a list of paths would keep in memory for each photo, and read of each file, is not needed to learn from it.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from ..images import SUFFIXES, PhotoError
from .store import Store, is_remote, local_copy, remote_files
from .stream import PhotoFiles

__all__ = ["PhotoList", "find_photos"]

TRIED = 100  # photos in a row, before the training ends since none of them can be read
_NAMES, _ENDS = "photos.names", "photos.ends"
_PIECE = 2**16  # names that are packed at once


class PhotoList(PhotoFiles):
    """Photos by name, each decoded when it is asked for; in place of a damaged one, the next is used.

    Parameters
    ----------
    names : ndarray of uint8
        Paths or addresses, one after the other, each with a NUL at its end.
    ends : ndarray of int64, shape (N,)
        Where each of them ends.
    """

    def __init__(self, names: np.ndarray, ends: np.ndarray):
        self.names, self.ends = names, ends

    @classmethod
    def of(cls, names: Iterable[str]) -> Self:
        """Make a list of names."""
        blob, lengths = bytearray(), []
        piece: list[str] = []

        def pack() -> None:
            encoded = [os.fsencode(name) for name in piece]
            blob.extend(b"\0".join(encoded) + b"\0")
            lengths.append(np.fromiter((len(name) + 1 for name in encoded), np.int64, len(encoded)))
            piece.clear()

        for name in names:
            piece.append(name)
            if len(piece) == _PIECE:
                pack()
        if piece:
            pack()
        ends = np.cumsum(np.concatenate(lengths)) if lengths else np.zeros(0, np.int64)
        return cls(np.frombuffer(blob, np.uint8), ends)

    def __len__(self) -> int:
        return len(self.ends)

    def name(self, index: int) -> str:
        """Return the path or address of a photo."""
        start = int(self.ends[index - 1]) if index else 0
        return os.fsdecode(self.names[start : int(self.ends[index]) - 1].tobytes())

    def __getitem__(self, index: Any) -> Any:
        """Decode one photo: sRGB, uint8 of shape (H, W, 3); another if it is damaged."""
        return self.read(index)[0]

    def read(self, index: int) -> tuple[np.ndarray, int]:
        """Decode one photo, or the next that can be.

        Returns
        -------
        pixels : ndarray of uint8, shape (H, W, 3)
            sRGB.
        damaged : int
            The index if that photo can't be decoded, otherwise -1.

        Raises
        ------
        PhotoError
            If a hundred photos in a row can't be decoded.
        """
        damaged, last = -1, ""
        for other in range(index, index + min(TRIED, len(self))):
            try:
                return self._decode(self.name(other % len(self))), damaged
            except PhotoError as error:
                damaged, last = index, str(error)
        raise PhotoError(f"{min(TRIED, len(self))} photos in a row can't be read; the last: {last}")

    def _decode(self, name: str) -> np.ndarray:
        try:
            with local_copy(name) as path:
                try:
                    return self.decode(path)
                except PhotoError as error:
                    raise PhotoError(str(error).replace(str(path), name)) from error
        except FileNotFoundError as error:  # at an address; that of a path is a PhotoError already
            raise PhotoError(f"{name} does not exist: check the name") from error

    def identity(self) -> str:
        """Return a hash that other names, or another order of them, would change; no file is opened."""
        return hashlib.sha256(self.names.data).hexdigest()

    def save(self, store: Store) -> None:
        """Write the list into a folder that other processes read; nothing if it is there."""
        if not {_NAMES, _ENDS} <= set(store.names()):
            store.write(_NAMES, self.names.data)
            store.write(_ENDS, self.ends.astype(np.int64).data)

    @classmethod
    def load(cls, store: Store) -> Self:
        """Open a list that `save` wrote, without reading it into memory."""
        if is_remote(store.address):  # then once to this machine
            folder = Path(tempfile.mkdtemp(prefix="colorlib-"))
            for name in (_NAMES, _ENDS):
                (folder / name).write_bytes(store.read(name))
            store = Store(str(folder))
        names, ends = (
            np.memmap(store.path(name), dtype, "r") for name, dtype in ((_NAMES, np.uint8), (_ENDS, np.int64))
        )
        return cls(names, ends)


def find_photos(folders: Sequence[str]) -> PhotoList:
    """List the photos in folders and in all folders below them, in an order that depends on their names alone.

    Hidden files and folders are passed over, and links to folders are not followed.

    Parameters
    ----------
    folders : sequence of str
        Paths, or addresses such as ``s3://bucket/photos``.

    Raises
    ------
    ValueError
        If a folder can't be opened or has no photos.
    """
    return PhotoList.of(name for folder in folders for name in _counted(folder))


def _counted(folder: str) -> Iterator[str]:
    count = 0
    try:
        for name in _remote(folder) if is_remote(folder) else _below(os.path.abspath(os.path.expanduser(folder))):
            count += 1
            yield name
    except OSError as error:
        raise ValueError(f"{error.filename or folder} can't be opened ({error.strerror or error})") from error
    if not count:
        raise ValueError(f"{folder} holds no photos ({', '.join(SUFFIXES)}): check the name")


def _below(folder: str) -> Iterator[str]:
    names, folders = [], []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.name)
            elif _is_photo(entry.name):
                names.append(entry.name)
    names.sort()
    start = os.path.join(folder, "")
    for name in names:
        yield start + name
    for name in sorted(folders):
        if not name.startswith("."):
            yield from _below(start + name)


def _remote(address: str) -> Iterator[str]:
    files, folder = remote_files(address)
    if not files.exists(folder):
        raise FileNotFoundError(2, "it does not exist", address)
    for path in sorted(files.find(folder)):
        below = path[len(folder) :].lstrip("/")
        if _is_photo(path.rpartition("/")[2]) and not any(part.startswith(".") for part in below.split("/")):
            yield files.unstrip_protocol(path)


def _is_photo(name: str) -> bool:
    return name[:1] != "." and os.path.splitext(name)[1].lower() in SUFFIXES
