"""One image file in, with its opacity, color profile and metadata.

This is the only decoder: the report, the commands and the training all read photos here. A module for each of the
larger formats takes a file apart; here it is turned upright and into sRGB.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from ..color import on_all_processors, row_bands, to_gray
from ._guard import explained
from .formats import SUFFIXES, PhotoError, sniff_format
from .jpeg import open_jpeg
from .metadata import Metadata, read_metadata
from .others import open_heic, open_jpeg_xl, open_with_pillow
from .png import open_png
from .profiles import apply_profile
from .source import MAX_PIXELS, Source
from .tiff import open_tiff

__all__ = ["MAX_PIXELS", "ImageFile", "image_size", "read_image", "read_square"]

#: How each EXIF orientation is turned upright (EXIF 2.32, tag 0x0112).
UPRIGHT: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda image: image,
    2: np.fliplr,
    3: lambda image: np.rot90(image, 2),
    4: np.flipud,
    5: lambda image: image.swapaxes(0, 1),
    6: lambda image: np.rot90(image, -1),
    7: lambda image: np.rot90(image, 2).swapaxes(0, 1),
    8: np.rot90,
}


@dataclass(frozen=True)
class ImageFile:
    """One decoded image, upright and in sRGB.

    Attributes
    ----------
    pixels : ndarray of uint8 or uint16, shape (H, W) or (H, W, 3)
    alpha : ndarray of the same type, shape (H, W), optional
        Opacity; None where the file has none.
    metadata : Metadata
    notes : tuple of str
        What of the file could not be kept, and why; each reads on from its name.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None
    metadata: Metadata
    notes: tuple[str, ...] = ()

    @property
    def bits(self) -> int:
        """Bits per channel: 8 or 16."""
        return 8 * self.pixels.dtype.itemsize

    def rgb(self) -> np.ndarray:
        """Return the photo as float32 of shape (H, W, 3), in [0, 1]."""
        rgb = _to_unit(self.pixels)
        return rgb if rgb.ndim == 3 else np.repeat(rgb[..., None], 3, axis=-1)

    def has_color(self) -> bool:
        """Tell whether any pixel differs from gray by more than 2 % of the range, more than rounding explains."""
        if self.pixels.ndim == 2:
            return False
        return bool(np.ptp(self.pixels, axis=-1).max() > 0.02 * np.iinfo(self.pixels.dtype).max)

    def opacity(self) -> np.ndarray | None:
        """Return alpha as float32 of shape (H, W), in [0, 1]; None where the file has none."""
        return None if self.alpha is None else _to_unit(self.alpha)

    def gray(self) -> np.ndarray:
        """Return the photo as gray of the same L*: float32 of shape (H, W), in [0, 1]."""
        if self.pixels.ndim == 2:
            return _to_unit(self.pixels)
        height, width = self.pixels.shape[:2]
        gray = np.empty((height, width), np.float32)

        def convert(rows: slice) -> None:  # in bands, since a photo in float32 takes four times the memory
            gray[rows] = to_gray(_to_unit(self.pixels[rows]))

        on_all_processors(convert, row_bands(height, width))
        return gray


def read_image(path: str | Path) -> ImageFile:
    """Read one image file: of several pages or frames the first, but for a TIFF's thumbnail.

    A color profile other than sRGB is applied, so that the pixels are sRGB. What can't be read besides the pixels is
    left out, and `ImageFile.notes` says so.

    Parameters
    ----------
    path : str or Path
        Gray or color; its content tells the format, whatever its name. README.md lists the formats.

    Returns
    -------
    ImageFile

    Raises
    ------
    PhotoError
        If the file is missing, unreadable, empty, damaged, not an image, of an unknown kind, or larger than
        178 megapixels.
    """
    path = Path(path)
    with explained(path):
        source = _open(path)
        pixels, alpha = source.decode(0)
        pixels, profile, usable = apply_profile(pixels, source.profile)
        if not usable:
            source.notes.append("its color profile is damaged or not one of such pixels, and is left out")
        metadata, turn = read_metadata(source, profile), _turn_of(source)
    return ImageFile(turn(pixels), None if alpha is None else turn(alpha), metadata, tuple(source.notes))


def read_square(path: str | Path, side: int) -> np.ndarray:
    """Read one image file resized to a square, much faster than at its full size.

    The whole photo is kept, its aspect ratio is not. JPEGs are decoded at a half, a quarter or an eighth of their size,
    as long as that is at least twice the requested side.

    Parameters
    ----------
    path : str or Path
        As in `read_image`.
    side : int
        In pixels.

    Returns
    -------
    ndarray of uint8, shape (side, side, 3)
        sRGB; opacity is dropped.

    Raises
    ------
    PhotoError
        As in `read_image`.
    """
    path = Path(path)
    with explained(path):
        source = _open(path)
        pixels, _ = source.decode(2 * side)
        if pixels.dtype == np.uint16:
            pixels = np.round(pixels / 257).astype(np.uint8)
        upright = np.ascontiguousarray(_turn_of(source)(pixels))
        mode = "CMYK" if upright.shape[2:] == (4,) else None
        square = np.asarray(Image.fromarray(upright, mode).resize((side, side), Image.Resampling.LANCZOS))
        square, *_ = apply_profile(square, source.profile)
    return square if square.ndim == 3 else np.repeat(square[..., None], 3, axis=-1)


def image_size(path: str | Path) -> tuple[int, int]:
    """Return the width and height in pixels of the upright image, from the file's header alone.

    Raises
    ------
    PhotoError
        As in `read_image`, except for damage beyond the header.
    """
    path = Path(path)
    with explained(path):
        source = _open(path)
        width, height = source.size
        return (height, width) if source.exif.orientation() >= 5 else (width, height)


def _open(path: Path) -> Source:
    with open(path, "rb") as file:
        file_format = sniff_format(file.read(64))
        if file_format is None:
            names = list(dict.fromkeys(SUFFIXES.values()))
            raise PhotoError(f"is not an image that can be read: give a {', '.join(names[:-1])} or {names[-1]} file")
        if file_format == "TIFF":  # may be large, and need not be read whole
            return open_tiff(path)
        file.seek(0)
        data = file.read()
    openers = {"JPEG": open_jpeg, "PNG": open_png, "HEIC": open_heic, "JPEG XL": open_jpeg_xl}
    return openers[file_format](data) if file_format in openers else open_with_pillow(data, file_format)


def _turn_of(source: Source) -> Callable[[np.ndarray], np.ndarray]:
    return UPRIGHT[source.exif.orientation()]


def _to_unit(pixels: np.ndarray) -> np.ndarray:
    return pixels / np.float32(np.iinfo(pixels.dtype).max)
