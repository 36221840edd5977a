"""The image files that are read and written, and the error that says why one can't be."""

from pathlib import Path

__all__ = ["SUFFIXES", "PhotoError", "image_format"]

#: Ending of a file name → the format as Pillow calls it.
SUFFIXES = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".tif": "TIFF", ".tiff": "TIFF", ".webp": "WEBP"}


class PhotoError(ValueError):
    """A photo, folder or collection that can't be used; the message names it and the remedy."""


def image_format(path: Path) -> str:
    """Return the format that a file name stands for, or raise a `PhotoError` that lists the known endings."""
    if path.suffix.lower() not in SUFFIXES:
        raise PhotoError(f"{path} can't be written: its name must end in one of {', '.join(SUFFIXES)}")
    return SUFFIXES[path.suffix.lower()]
