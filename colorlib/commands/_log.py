"""What became of each photo, line by line in a file."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import IO, Self

from ..images import SUFFIXES, PhotoError
from .inputs import FileSet, one_line, print_error

__all__ = ["Log"]


class Log:
    """A text file to which lines are added: the time, a word for what happened, and the text, with tabs between them.

    Parameters
    ----------
    path : str, optional
        Without it, nothing is written.
    inputs : iterable of Path
        Files that the log must not be.

    Raises
    ------
    PhotoError
        If the file can't be written, is one of the inputs or is named like a photo.
    """

    def __init__(self, path: str | None, inputs: Iterable[Path]):
        self._file: IO[bytes] | None = None
        if path is None:
            return
        self._path = Path(path).expanduser()
        if self._path.suffix.lower() in SUFFIXES or self._path in FileSet(inputs):
            raise PhotoError(f"{path} can't be the log, since it is a photo or the model: name the log .txt")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(self._path, "ab", buffering=0)  # noqa: SIM115  # closed in __exit__
        except OSError as error:
            raise PhotoError(f"{path} can't be written ({error.strerror}): choose another file for the log") from error

    def add(self, event: str, text: str) -> None:
        """Add one line; where that fails, say so, once, and go on without a log."""
        if self._file is None:
            return
        line = f"{datetime.now().isoformat(' ', 'seconds')}\t{event}\t{one_line(text)}\n"
        try:
            self._file.write(line.encode())
        except OSError as error:
            print_error(f"{self._path} can't be written ({error.strerror}): the log ends here")
            self._file.close()
            self._file = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()
