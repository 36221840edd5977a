"""Saved models: each in one file that says what it holds, whatever the file is called.

Models that are arrays are saved as ``.npz``, networks as ``.onnx``, or as ``.keras`` to train on. Each file holds a
description with the model's name, its settings and the numbers that were fitted.
"""

import io
import json
import tokenize
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..paths import write_whole
from ._onnx import Session

__all__ = ["Saved", "read_arrays", "read_saved", "write_archive", "write_arrays"]

ABOUT = "colorlib.json"  # in an archive, beside numpy's or Keras's own files
_ADVICE = "give a file that a model's save wrote"
#: What reading a damaged archive raises: of `zipfile`, `zlib`, `json` and numpy's headers.
_DAMAGE = (OSError, EOFError, KeyError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error, tokenize.TokenError)


@dataclass(frozen=True)
class Saved:
    """A saved model.

    Attributes
    ----------
    path : Path
    about : dict
        Its description.
    session : Session, optional
        The network, of an ``.onnx`` file.
    """

    path: Path
    about: dict[str, Any]
    session: Session | None = None


def read_saved(path: str | Path) -> Saved:
    """Open a saved model.

    Raises
    ------
    ValueError
        If the file does not exist or is not what a model's `save` wrote.
    """
    path = Path(path)
    if not path.exists():
        raise ValueError(f"{path} does not exist: fit the model and save it there first")
    try:
        with open(path, "rb") as file:
            is_archive = file.read(2) == b"PK"
        if is_archive:
            with zipfile.ZipFile(path) as archive:
                session, about = None, json.loads(archive.read(ABOUT))
    except _DAMAGE as error:
        raise ValueError(f"{path} is not a saved model ({error}): {_ADVICE}") from error
    if not is_archive:
        session = Session(path)
        about = session.about
    if not (isinstance(about, dict) and "model" in about and isinstance(about.get("settings"), dict)):
        raise ValueError(f"{path} is not a saved model (it does not say which, or its settings): {_ADVICE}")
    return Saved(path, about, session)


def write_archive(path: str | Path, content: bytes, about: dict[str, Any]) -> None:
    """Write a ZIP archive with a description added to it, whole or not at all."""
    buffer = io.BytesIO(content)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(zipfile.ZipInfo(ABOUT), json.dumps(about))
    write_whole(Path(path), buffer.getvalue())


def write_arrays(path: str | Path, arrays: dict[str, np.ndarray], about: dict[str, Any]) -> None:
    """Write named arrays and a description to one ``.npz`` file, whole or not at all."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]  # numpy's stubs take the names for its own options
    write_archive(path, buffer.getvalue(), about)


def read_arrays(path: str | Path) -> dict[str, np.ndarray]:
    """Read the arrays that `write_arrays` wrote, or raise a ValueError that names the file and what is wrong."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files if name != ABOUT}
    except _DAMAGE as error:
        raise ValueError(f"{path} is damaged ({error}): fit the model and save it again") from error
