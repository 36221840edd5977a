"""What the commands share: the files that their arguments stand for, and how they report on the terminal."""

import glob
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from ..images import SUFFIXES, PhotoError

__all__ = ["FileSet", "list_images", "missing", "one_line", "print_error", "print_note"]


def list_images(inputs: Sequence[str], on_error: Callable[[Exception], None]) -> list[Path]:
    """List the files that inputs stand for: files themselves, and the images in folders or matching glob patterns.

    Hidden files are passed over, which macOS's ``._photo.jpg`` are too, and so are folders inside of folders. Links to
    nothing are listed, so that they can be reported.

    Parameters
    ----------
    inputs : sequence of str
    on_error : callable
        Called with an error for each input that holds no photos or can't be opened.

    Returns
    -------
    list of Path
        Each file once, however often and under whatever paths it was given.
    """
    files: dict[str, Path] = {}
    folders: dict[Path, str] = {}  # → without links and ``..``; a folder is looked up once
    for name in inputs:
        path = Path(name).expanduser()
        try:
            found = _images_of(path, name)
        except OSError as error:
            on_error(PhotoError(f"{name} can't be opened ({error.strerror}): check its permissions"))
            continue
        if not found:
            on_error(PhotoError(f"{name} holds no photos ({', '.join(SUFFIXES)}): check the name"))
        for file in found:
            folder = folders.get(file.parent) or folders.setdefault(file.parent, os.path.realpath(file.parent))
            files.setdefault(os.path.join(folder, file.name), file)
    return list(files.values())


def _images_of(path: Path, name: str) -> list[Path]:
    if os.path.isdir(path):
        with os.scandir(path) as entries:
            names = sorted(entry.name for entry in entries if _is_image(entry.name) and _may_be_file(entry))
        return [path / entry for entry in names]
    if glob.has_magic(name) and not os.path.lexists(path):
        return sorted(_matching(path))
    return [path]


def _matching(pattern: Path) -> Iterator[Path]:
    """Find the images that match a pattern; unlike the module glob, don't go round in circles where links lead up."""
    parts = pattern.relative_to(pattern.anchor).parts
    named = {part for part in parts if not glob.has_magic(part)}
    wants_hidden = any(part.startswith(".") for part in parts if part not in named)
    for file in Path(pattern.anchor).glob(os.path.join(*parts)):
        hidden = any(part.startswith(".") for part in file.parts if part not in named)
        is_other = os.path.exists(file) and not os.path.isfile(file)
        if _is_image(file.name, wants_hidden) and (wants_hidden or not hidden) and not is_other:
            yield file


def _is_image(name: str, even_hidden: bool = False) -> bool:
    hidden = name.startswith("._" if even_hidden else ".")
    return not hidden and Path(name).suffix.lower() in SUFFIXES


def _may_be_file(entry: os.DirEntry) -> bool:
    return not os.path.isdir(entry.path) if entry.is_symlink() else entry.is_file()


def missing(path: Path) -> str:
    """Say in one line why a file can't be found; return an empty string if it can."""
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        if os.path.islink(path):
            return f"{path} is a link to {os.readlink(path)}, which does not exist: restore that, or remove the link"
        return f"{path} does not exist: check the name"
    except OSError as error:
        return f"{path} can't be read ({error.strerror}): check its name and permissions"
    return ""


class FileSet:
    """Files, recognized whatever path they are given by: through links, ``..`` or, where it doesn't matter, case.

    Parameters
    ----------
    paths : iterable of Path
        Files that need not exist.
    """

    def __init__(self, paths: Iterable[Path] = ()):
        self._marks: set[str | tuple[int, int]] = set()
        self._folders: dict[Path, str] = {}
        for path in paths:
            self.add(path)

    def add(self, path: Path) -> None:
        """Add a file."""
        self._marks |= self._marks_of(path)

    def __contains__(self, path: Path) -> bool:
        return not self._marks.isdisjoint(self._marks_of(path))

    def _marks_of(self, path: Path) -> set[str | tuple[int, int]]:
        """Return the place in its folder, and the file itself, which may have other names elsewhere (hard links)."""
        folder = self._folders.get(path.parent)
        if folder is None:
            folder = self._folders[path.parent] = os.path.realpath(path.parent)
        marks: set[str | tuple[int, int]] = {os.path.join(folder, path.name)}
        try:
            status = os.stat(path)
        except OSError:  # it does not exist, so it has no other name
            return marks
        return marks | {(status.st_dev, status.st_ino)} if status.st_ino else marks


def one_line(text: object) -> str:
    """Lay out text in one line that any terminal and file can take: what is not a character is written as its code."""
    line = re.sub(r"\s*[\r\n]+\s*", " ", str(text).strip())
    return re.sub(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]", lambda found: ascii(found[0])[1:-1], line)


def print_error(error: object) -> None:
    """Print an error as one line on standard error."""
    _print_line(f"error: {error}")


def print_note(text: str) -> None:
    """Print what of a photo was left out, as one line on standard error."""
    _print_line(f"note: {text}")


def _print_line(text: str) -> None:
    start = "\r\033[K" if sys.stderr.isatty() else ""  # a progress bar may be there
    print(f"{start}{one_line(text)}", file=sys.stderr)
