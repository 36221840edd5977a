"""Folders for what a training reads and keeps: on this machine, shared by several, or at an object store."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..paths import write_whole

__all__ = ["Store", "is_remote", "local_copy", "remote_files"]


def is_remote(name: str) -> bool:
    """Tell whether a name is an address such as ``s3://bucket/photos``, not a path."""
    return "://" in name


def remote_files(address: str) -> tuple[Any, str]:
    """Open what an address names by fsspec.

    Returns
    -------
    filesystem : fsspec.AbstractFileSystem
    path : str
        The path within it.

    Raises
    ------
    ValueError
        If no installed package knows such addresses.
    """
    import fsspec

    try:
        return fsspec.core.url_to_fs(address)
    except (ImportError, ValueError) as error:
        raise ValueError(f"{address} can't be opened ({error})") from error


@contextmanager
def local_copy(name: str) -> Iterator[Path]:
    """Give a file a path on this machine for as long as the context lasts; one at an address is copied."""
    if not is_remote(name):
        yield Path(name)
        return
    files, path = remote_files(name)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / Path(path).name
        files.get_file(path, str(copy))
        yield copy


class Store:
    """One folder of files that are written whole or not at all.

    Parameters
    ----------
    address : str
        A path, or an address that fsspec knows.
    """

    def __init__(self, address: str):
        self.address = address if is_remote(address) else str(Path(address).expanduser().resolve())

    def names(self) -> list[str]:
        """List the files, in alphabetical order."""
        if not is_remote(self.address):
            folder = Path(self.address)
            return sorted(file.name for file in folder.iterdir() if file.is_file()) if folder.is_dir() else []
        files, path = remote_files(self.address)
        files.invalidate_cache()
        found = files.ls(path, detail=True) if files.exists(path) else []
        return sorted(Path(entry["name"]).name for entry in found if entry["type"] == "file")

    def path(self, name: str) -> str:
        """Return the path or address of a file."""
        return f"{self.address.rstrip('/')}/{name}"

    def read(self, name: str) -> bytes:
        """Return the content of a file."""
        with local_copy(self.path(name)) as path:
            return path.read_bytes()

    def write(self, name: str, content: bytes | memoryview) -> None:
        """Write a file; where it is stored at an address, that is done by a single request."""
        if not is_remote(self.address):
            write_whole(Path(self.path(name)), content)
            return
        files, folder = remote_files(self.address)
        files.makedirs(folder, exist_ok=True)
        files.pipe_file(f"{folder}/{name}", content)

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        if not is_remote(self.address):
            Path(self.path(name)).unlink(missing_ok=True)
            return
        files, folder = remote_files(self.address)
        if files.exists(f"{folder}/{name}"):
            files.rm_file(f"{folder}/{name}")
