"""One image file in: JPEG, PNG, TIFF or WebP, of 8 or 16 bits per channel, with its opacity, color profile and
metadata.

This is the only decoder: the report, the commands and the training all read photos here. Pillow decodes most files, but
narrows 16 bits to 8 where there is more than one channel; so imagecodecs decodes 16-bit PNGs, and tifffile TIFFs.
"""

import stat
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, TiffImagePlugin

from ..color import on_all_processors, row_bands, to_gray
from .formats import SUFFIXES, PhotoError
from .metadata import Metadata, read_metadata
from .profiles import apply_profile

__all__ = ["MAX_PIXELS", "ImageFile", "image_size", "read_image", "read_square"]

FORMATS = sorted(set(SUFFIXES.values()))
MAX_PIXELS = 2 * (Image.MAX_IMAGE_PIXELS or 0)  # Pillow refuses to decode more
#: How each EXIF orientation is turned upright (EXIF 2.32, tag 0x0112).
UPRIGHT: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    2: np.fliplr,
    3: lambda image: np.rot90(image, 2),
    4: np.flipud,
    5: lambda image: image.swapaxes(0, 1),
    6: lambda image: np.rot90(image, -1),
    7: lambda image: np.rot90(image, 2).swapaxes(0, 1),
    8: np.rot90,
}
#: Photometric interpretation of a TIFF (0 white is zero, 1 black is zero, 2 RGB, 5 CMYK) → number of color channels.
TIFF_COLORS = {0: 1, 1: 1, 2: 3, 5: 4}


@dataclass(frozen=True)
class ImageFile:
    """One decoded image, upright and in sRGB.

    Attributes
    ----------
    pixels : ndarray of uint8 or uint16, shape (H, W) or (H, W, 3)
    alpha : ndarray of the same type, shape (H, W), optional
        Opacity; None where the file has none.
    metadata : Metadata
    """

    pixels: np.ndarray
    alpha: np.ndarray | None
    metadata: Metadata

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
    """Read one image file: its first page or frame.

    A color profile other than sRGB is applied, so that the pixels are sRGB; a profile that can't be applied is ignored.

    Parameters
    ----------
    path : str or Path
        A JPEG, PNG, TIFF or WebP file, gray or color, of 8 or 16 bits per channel.

    Returns
    -------
    ImageFile

    Raises
    ------
    PhotoError
        If the file is missing, empty, damaged, not an image, of an unknown kind, or larger than 178 megapixels.
    """
    path = Path(path)
    with _explained(path), Image.open(path, formats=FORMATS) as image:
        pixels, alpha = _decode(path, image)
        pixels, profile = apply_profile(pixels, _profile_of(image))
        metadata = read_metadata(image, profile)
        turn = _turn_of(image)
    return ImageFile(turn(pixels), None if alpha is None else turn(alpha), metadata)


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
    with _explained(path), Image.open(path, formats=FORMATS) as image:
        image.draft("RGB", (2 * side, 2 * side))
        pixels, _ = _decode(path, image)
        if pixels.dtype == np.uint16:
            pixels = np.round(pixels / 257).astype(np.uint8)
        upright = np.ascontiguousarray(_turn_of(image)(pixels))
        square = np.asarray(
            Image.fromarray(upright, _pillow_mode(upright)).resize((side, side), Image.Resampling.LANCZOS)
        )
        square, _ = apply_profile(square, _profile_of(image))
    return square if square.ndim == 3 else np.repeat(square[..., None], 3, axis=-1)


def image_size(path: str | Path) -> tuple[int, int]:
    """Return the width and height in pixels of the upright image, from the file's header alone.

    Raises
    ------
    PhotoError
        As in `read_image`, except for damage beyond the header.
    """
    path = Path(path)
    with _explained(path), Image.open(path, formats=FORMATS) as image:
        width, height = image.size
        return (height, width) if _orientation(image) >= 5 else (width, height)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn whatever a decoder raises into a `PhotoError` that names the file and the remedy."""
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise PhotoError(f"{path} does not exist: check the name") from error
    except OSError as error:
        raise _unreadable(path, error) from error
    if not stat.S_ISREG(status.st_mode):
        raise PhotoError(f"{path} is not a file: give an image file")
    if status.st_size == 0:
        raise PhotoError(f"{path} is empty (0 bytes): copy or download it again")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's, on size and on damage; too much of either raises
            yield
    except (PhotoError, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        raise PhotoError(
            f"{path} is too large to decode safely (more than {MAX_PIXELS // 10**6} megapixels): make it smaller first"
        ) from error
    except Image.UnidentifiedImageError as error:
        raise PhotoError(f"{path} is not an image that can be read: give a JPEG, PNG, TIFF or WebP file") from error
    except Exception as error:  # decoders raise all kinds of errors on damaged files
        if isinstance(error, OSError) and error.errno is not None:  # the system's, not a decoder's
            raise _unreadable(path, error) from error
        raise PhotoError(f"{path} is damaged ({error}): copy or download it again") from error


def _unreadable(path: Path, error: OSError) -> PhotoError:
    return PhotoError(f"{path} can't be read ({error.strerror}): check its permissions and the disk")


def _profile_of(image: Image.Image) -> bytes:
    return image.info.get("icc_profile") or b""


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 for upright; Pillow removes it from a TIFF that it turned itself."""
    return image.getexif().get(274, 1)


def _turn_of(image: Image.Image) -> Callable[[np.ndarray], np.ndarray]:
    return UPRIGHT.get(_orientation(image), lambda pixels: pixels)


def _pillow_mode(pixels: np.ndarray) -> str:
    return "L" if pixels.ndim == 2 else {3: "RGB", 4: "CMYK"}[pixels.shape[-1]]


def _decode(path: Path, image: Image.Image) -> tuple[np.ndarray, np.ndarray | None]:
    """Return pixels, (H, W), (H, W, 3) or, in CMYK, (H, W, 4), and alpha, as uint8 or uint16."""
    if image.format == "PNG":
        with open(path, "rb") as file:
            depth = file.read(25)[24]  # in the header chunk, which comes first
        if depth == 16:
            return _decode_png_16(path)
    if (
        isinstance(image, TiffImagePlugin.TiffImageFile)
        and image.tag_v2.get(262) in TIFF_COLORS
        and set(image.tag_v2.get(258, (1,))) <= {8, 16}
    ):
        return _decode_tiff(path)
    return _decode_with_pillow(path, image)


def _decode_with_pillow(path: Path, image: Image.Image) -> tuple[np.ndarray, np.ndarray | None]:
    image.load()
    alpha = None
    if image.has_transparency_data:
        image = image.convert("LA" if image.mode in ("1", "L", "LA", "La") else "RGBA")
        alpha = np.asarray(image.getchannel("A"))
    modes = {"1": "L", "L": "L", "LA": "L", "P": "RGB", "RGB": "RGB", "RGBA": "RGB", "YCbCr": "RGB", "CMYK": "CMYK"}
    if image.mode not in modes:
        raise _unknown_pixels(path, image.mode)
    return np.asarray(image.convert(modes[image.mode])), alpha


def _decode_png_16(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    import imagecodecs

    pixels = np.atleast_3d(imagecodecs.png_decode(path.read_bytes()))
    return _split_alpha(pixels, 3 if pixels.shape[-1] >= 3 else 1)


def _decode_tiff(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    import tifffile

    with tifffile.TiffFile(path) as file:
        page = file.pages.first
        pixels, photometric = page.asarray(), int(page.photometric)
        if page.samplesperpixel > 1 and page.planarconfig == tifffile.PLANARCONFIG.SEPARATE:
            pixels = np.moveaxis(pixels, 0, -1)
    if pixels.dtype not in (np.uint8, np.uint16):
        raise _unknown_pixels(path, str(pixels.dtype))
    if photometric == 0:  # white is zero
        pixels = np.iinfo(pixels.dtype).max - pixels
    return _split_alpha(np.atleast_3d(pixels), TIFF_COLORS[photometric])


def _split_alpha(pixels: np.ndarray, colors: int) -> tuple[np.ndarray, np.ndarray | None]:
    alpha = pixels[..., colors] if pixels.shape[-1] > colors else None
    return pixels[..., 0] if colors == 1 else pixels[..., :colors], alpha


def _unknown_pixels(path: Path, kind: str) -> PhotoError:
    return PhotoError(f"{path} has pixels of kind {kind}: save it as gray or RGB with 8 or 16 bits per channel")


def _to_unit(pixels: np.ndarray) -> np.ndarray:
    return pixels / np.float32(np.iinfo(pixels.dtype).max)
