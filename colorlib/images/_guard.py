"""Whatever goes wrong with one file becomes one error that names it, and nothing else is said."""

import logging
import stat
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from .formats import PhotoError
from .source import MAX_PIXELS

__all__ = ["explained", "reason_of", "silenced"]

_LONGEST = 160  # letters of what a decoder says
_lock, _quiet, _users = threading.Lock(), warnings.catch_warnings(), 0


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn whatever a decoder raises into a `PhotoError` of one line that names the file and the remedy."""
    try:
        with silenced():
            try:
                status = path.stat()
            except (FileNotFoundError, NotADirectoryError) as error:
                leads_nowhere = "is a link to a file that is not there: check where it leads"
                raise PhotoError(leads_nowhere if path.is_symlink() else "does not exist: check the name") from error
            if not stat.S_ISREG(status.st_mode):
                raise PhotoError("is not a file: give an image file")
            if status.st_size == 0:
                raise PhotoError("is empty (0 bytes): copy or download it again")
            yield
    except PhotoError as error:
        raise PhotoError(f"{path} {error}") from error.__cause__
    except MemoryError as error:
        raise PhotoError(f"{path} needs more memory than is available: make it smaller first") from error
    except Image.DecompressionBombError as error:
        raise PhotoError(
            f"{path} is too large to decode safely (more than {MAX_PIXELS // 10**6} megapixels): make it smaller first"
        ) from error
    except Exception as error:  # decoders raise all kinds of errors on damaged files
        if isinstance(error, OSError) and error.errno is not None:  # the system's, not a decoder's
            raise PhotoError(f"{path} can't be read ({error.strerror}): check its permissions and the disk") from error
        raise PhotoError(f"{path} is damaged ({reason_of(error)}): copy or download it again") from error


def reason_of(error: Exception) -> str:
    """Return what an error says, as one line that is not too long."""
    if isinstance(error, Image.UnidentifiedImageError):
        return "its header can't be read"
    said = " ".join("".join(letter if letter.isprintable() else " " for letter in str(error)).split())
    said = said or type(error).__name__
    return said if len(said) <= _LONGEST else f"{said[:_LONGEST]}…"


@contextmanager
def silenced() -> Iterator[None]:
    """Silence what decoders and encoders warn of, without naming the file; too much of it raises anyway.

    The filters of warnings are the whole process's: of several threads, the first sets them and the last restores them.
    """
    global _quiet, _users
    with _lock:
        if _users == 0:
            for name in ("PIL", "tifffile", "imagecodecs"):  # else Python prints what no handler takes
                if not any(isinstance(handler, logging.NullHandler) for handler in logging.getLogger(name).handlers):
                    logging.getLogger(name).addHandler(logging.NullHandler())
            _quiet = warnings.catch_warnings()
            _quiet.__enter__()
            warnings.simplefilter("ignore")
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                _quiet.__exit__(None, None, None)
