"""What the commands share: the files that their arguments stand for, and how errors are reported."""

import glob
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from ..images import SUFFIXES, PhotoError

__all__ = ["list_images", "print_error", "print_notes"]


def list_images(inputs: Sequence[str], on_error: Callable[[Exception], None]) -> list[Path]:
    """List the files that inputs stand for: files themselves, and the images in folders or matching glob patterns."""
    files = []
    for name in inputs:
        path = Path(name).expanduser()
        if path.is_dir():
            found = sorted(file for file in path.iterdir() if _is_image(file))
        elif glob.has_magic(name) and not path.exists():
            found = sorted(file for file in map(Path, glob.glob(str(path), recursive=True)) if _is_image(file))
        else:
            found = [path]
        if not found:
            on_error(PhotoError(f"{name} holds no photos ({', '.join(SUFFIXES)}): check the name"))
        files += found
    return list(dict.fromkeys(files))


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and path.is_file()


def print_error(error: Exception) -> None:
    """Print an error as one line on standard error."""
    _print_line(f"error: {error}")


def print_notes(path: Path, notes: Sequence[str]) -> None:
    """Print on standard error what of a photo was left out, as one line."""
    if notes:
        _print_line(f"note: {path}: {'; '.join(notes)}")


def _print_line(text: str) -> None:
    start = "\r\033[K" if sys.stderr.isatty() else ""  # a progress bar may be there
    print(f"{start}{' '.join(text.split())}", file=sys.stderr)
