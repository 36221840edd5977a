"""Where things are, and how a file is written; no other module builds a path of the project."""

import hashlib
import os
import re
from pathlib import Path

__all__ = [
    "ANSWERS",
    "BENCHMARKS",
    "BUILD",
    "CACHE",
    "DATA",
    "FIGURES",
    "IS_CLONE",
    "NOTEBOOKS",
    "PACKAGE",
    "PROFILES",
    "RAW",
    "REPORT",
    "ROOT",
    "WEIGHTS",
    "photo_folders",
    "run_folder",
    "write_whole",
]

PACKAGE = Path(__file__).resolve().parent
ROOT = PACKAGE.parent
#: Whether this is a clone of the repository; an installed package holds the manifests and the weights itself.
IS_CLONE = (ROOT / "pyproject.toml").is_file() and (ROOT / "notebooks").is_dir()
DATA = (ROOT if IS_CLONE else PACKAGE) / "data"
_DOWNLOADS = DATA if IS_CLONE else Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "colorlib"
RAW = _DOWNLOADS / "raw"
CACHE = _DOWNLOADS / "cache"
NOTEBOOKS = ROOT / "notebooks"
PROFILES = NOTEBOOKS / "profiles.toml"
FIGURES = ROOT / "figures"
REPORT = ROOT / "report"
BUILD = ROOT / "build"
WEIGHTS = (ROOT if IS_CLONE else PACKAGE) / "weights"
ANSWERS = DATA / "realfake"
BENCHMARKS = ROOT / "benchmarks" / "results"


def photo_folders(name: str) -> list[Path]:
    """Return the folders that may hold the photo files of one collection, in the order in which they are searched.

    Parameters
    ----------
    name : str
        Name of the collection's folder, such as ``"photos"`` or ``"bsds500"``.

    Returns
    -------
    list of Path
        ``$COLORLIB_DATA_DIR/name`` if that variable is set, then ``data/raw/name``.
    """
    folders = [RAW / name]
    if data_dir := os.environ.get("COLORLIB_DATA_DIR"):
        folders.insert(0, Path(data_dir).expanduser().resolve() / name)
    return folders


def run_folder(collection: str, profile: str) -> Path:
    """Return the folder for all output of a run of one collection in one profile, ``build/COLLECTION-PROFILE``.

    A folder of the user's own photos goes by its last part and a hash of its whole path, so that two folders of the
    same name do not share their output.
    """
    if collection.startswith("folder:"):
        folder = Path(collection.removeprefix("folder:")).expanduser().resolve()
        digest = hashlib.sha256(str(folder).encode()).hexdigest()[:6]
        collection = f"folder-{re.sub(r'[^A-Za-z0-9]+', '-', folder.name).strip('-')}-{digest}"
    return BUILD / f"{collection}-{profile}"


def write_whole(path: Path, content: bytes) -> None:
    """Write a file whole or not at all: next to it first, then renamed over it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
