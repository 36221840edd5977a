"""One image file out: JPEG, PNG, TIFF, WebP, AVIF or HEIC, of 8 or 16 bits per channel, with opacity and metadata."""

from pathlib import Path

import numpy as np

from ..color import on_all_processors, row_bands
from ..paths import write_whole
from ._guard import reason_of, silenced
from .formats import PhotoError, image_format
from .jpeg import LONGEST_SIDE as LONGEST_OF_JPEG
from .jpeg import encode_jpeg
from .metadata import Metadata
from .others import LONGEST_SIDE, encode_other
from .png import encode_png
from .tiff import encode_tiff

__all__ = ["write_image"]

LONGEST = {"JPEG": LONGEST_OF_JPEG, **LONGEST_SIDE}
WITH_16_BITS = {"PNG": encode_png, "TIFF": encode_tiff}


def write_image(
    path: str | Path, rgb: np.ndarray, alpha: np.ndarray | None = None, metadata: Metadata | None = None, bits: int = 8
) -> list[str]:
    """Write a photo to a file, whole or not at all.

    Parameters
    ----------
    path : str or Path
        The ending of its name chooses the format: JPEG, PNG, TIFF, WebP, AVIF or HEIC.
    rgb : ndarray of float32, shape (H, W, 3)
        sRGB in [0, 1].
    alpha : ndarray of float32, shape (H, W), optional
        Opacity in [0, 1].
    metadata : Metadata, optional
        What the format can't hold of it is left out.
    bits : {8, 16}
        Bits per channel; only PNG and TIFF have 16.

    Returns
    -------
    list of str
        What was left out, and why; each reads on from the name of the file.

    Raises
    ------
    PhotoError
        If the format is unknown or can't hold the photo's transparency or size, or the file can't be written.
    """
    path, metadata = Path(path), metadata or Metadata()
    file_format = image_format(path)
    height, width = rgb.shape[:2]
    if max(height, width) > (longest := LONGEST.get(file_format, 2**31)):
        raise PhotoError(
            f"{path} can't be written: a {file_format} has at most {longest:,} pixels a side, the photo has "
            f"{width:,}×{height:,}; name it .png or .tif"
        )
    if file_format == "JPEG" and alpha is not None:
        if alpha.min() < 1:
            raise PhotoError(
                f"{path} can't be written: a JPEG can't hold the photo's transparency; name it .png, .tif or .webp"
            )
        alpha = None
    pixels = _from_unit(rgb, alpha, np.uint16 if bits == 16 and file_format in WITH_16_BITS else np.uint8)
    notes: list[str] = []
    if bits == 16 and pixels.dtype == np.uint8:
        notes.append(f"it has more than 8 bits per channel, of which a {file_format} holds 8")
    try:
        with silenced():
            if file_format in WITH_16_BITS:
                content = WITH_16_BITS[file_format](pixels, metadata, notes)
            elif file_format == "JPEG":
                content = encode_jpeg(pixels, metadata, notes)
            else:
                content = encode_other(pixels, metadata, notes, file_format)
    except PhotoError as error:
        raise PhotoError(f"{path} {error}") from error
    except MemoryError:
        raise
    except Exception as error:  # encoders raise all kinds of errors
        raise PhotoError(f"{path} can't be written ({reason_of(error)}): choose another format") from error
    try:
        write_whole(path, content)
    except OSError as error:
        raise PhotoError(f"{path} can't be written ({error.strerror or error}): choose another place") from error
    return notes


def _from_unit(rgb: np.ndarray, alpha: np.ndarray | None, dtype: type) -> np.ndarray:
    """Round a photo in [0, 1] to whole numbers of a type, with its opacity as the last channel."""
    height, width = rgb.shape[:2]
    planes = [rgb] if alpha is None else [rgb, alpha[..., None]]
    pixels = np.empty((height, width, sum(plane.shape[-1] for plane in planes)), dtype)

    def convert(rows: slice) -> None:  # in bands, since another copy in float32 would double the memory
        channels = np.concatenate([plane[rows] for plane in planes], axis=-1, dtype=np.float32)
        channels *= np.float32(np.iinfo(dtype).max)
        pixels[rows] = np.rint(channels, out=channels)

    on_all_processors(convert, row_bands(height, width))
    return pixels
