"""Where things are, and how a file is written; no other module builds a path of the project."""

import hashlib
import os
import platform
import re
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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
    "discard_parts",
    "locked",
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


def write_whole(path: Path, content: bytes | memoryview) -> None:
    """Write a file whole or not at all: next to it first, then renamed over it.

    A link that has the file's name is replaced, not followed. On disk the content is complete before it has the name,
    so that even a power cut leaves no half of it there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = _part_of(path)
    try:
        part.unlink(missing_ok=True)
        with open(part, "xb") as file:  # "x" doesn't follow a link that somebody put there
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        if error.filename is None:  # a full disk is not told with the file's name
            error.filename = str(path)
        raise
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Wait until no other process has locked a folder, and lock it; Windows, which has no such locks, is trusted."""
    if sys.platform == "win32":
        yield
        return
    import fcntl

    opened = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield
    finally:
        os.close(opened)


def discard_parts(folder: Path) -> None:
    """Remove what calls of `write_whole` left in a folder when their process was killed on this machine."""
    pattern = re.compile(rf".+\.colorlib-{_machine()}-(\d+)\.part", re.DOTALL)
    with suppress(OSError), os.scandir(folder) as entries:  # leftovers do no harm
        for entry in list(entries):
            if (match := pattern.fullmatch(entry.name)) and not _is_running(int(match[1])):
                Path(entry.path).unlink(missing_ok=True)


def _part_of(path: Path) -> Path:
    """Name the file that is written first: after the file itself, unless a name so long would not be allowed."""
    ending = f".colorlib-{_machine()}-{os.getpid()}.part"
    fits = len(os.fsencode(path.name + ending)) <= 255
    start = path.name if fits else hashlib.sha256(os.fsencode(path.name)).hexdigest()
    return path.with_name(start + ending)


def _machine() -> str:
    """Tell apart machines that write to one network folder, where a process number says little."""
    return f"{zlib.crc32(platform.node().encode()):08x}"


def _is_running(process: int) -> bool:
    if os.name == "nt":  # where os.kill would end it, and a file that is being written can't be removed anyway
        return False
    try:
        os.kill(process, 0)  # sends nothing
    except ProcessLookupError:
        return False
    except OSError:  # it is somebody else's
        return True
    with suppress(OSError):  # on Linux, one that has ended may wait long for its parent to take note
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return True
