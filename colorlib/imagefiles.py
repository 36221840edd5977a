"""Image files read: one JPEG, PNG, TIFF or WebP with all that it holds: 8 or 16 bits, opacity, color profile, metadata.

Pillow decodes them, but narrows 16 bits a channel to 8 where there is more than one channel. So imagecodecs decodes
PNGs of 16 bits, and tifffile TIFFs.
"""

import math
import re
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps

from .color import to_gray

__all__ = ["SUFFIXES", "MAX_PIXELS", "ImageFile", "Metadata", "PhotoError", "apply_profile", "open_image",
           "read_image"]

#: Ending of a file's name -> its format, as Pillow calls it.
SUFFIXES = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".tif": "TIFF", ".tiff": "TIFF", ".webp": "WEBP"}
FORMATS = sorted(set(SUFFIXES.values()))
MAX_PIXELS = 2 * Image.MAX_IMAGE_PIXELS  # Pillow refuses to decode more
#: How each EXIF orientation is turned upright (EXIF 2.32, tag 0x0112).
UPRIGHT = {2: np.fliplr, 3: lambda image: np.rot90(image, 2), 4: np.flipud, 5: lambda image: image.swapaxes(0, 1),
           6: lambda image: np.rot90(image, -1), 7: lambda image: np.rot90(image, 2).swapaxes(0, 1), 8: np.rot90}
#: EXIF tags of the main directory that describe the photo rather than the file's layout: title, camera, program, date,
#: author, rating, copyright, and Windows' own title, comment, author, keywords, subject.
DESCRIPTIVE_TAGS = (270, 271, 272, 305, 306, 315, 18246, 33432, 40091, 40092, 40093, 40094, 40095)
EXIF_DIRECTORY, GPS_DIRECTORY = 0x8769, 0x8825
#: EXIF tags that don't hold for the output: its color space, its size, where another directory lies in the file.
OUTDATED_TAGS = (40961, 40962, 40963, 40965)
#: Photometric interpretation of a TIFF (0 white is zero, 1 black is zero, 2 RGB, 5 CMYK) -> how many channels it has.
TIFF_COLORS = {0: 1, 1: 1, 2: 3, 5: 4}
_BAND_ROWS = 256


class PhotoError(ValueError):
    """A photo, a folder or a collection that can't be used; the message names it and the remedy."""


@dataclass(frozen=True)
class Metadata:
    """What a file says about its photo, fit to be written with an sRGB version of it.

    Attributes
    ----------
    exif : bytes
        Without orientation, since the pixels are upright, and without a thumbnail; empty where there is none.
    icc_profile : bytes
        A profile that means sRGB; empty where there is none, or the pixels were converted from another space.
    dpi : tuple of float, optional
        Horizontal and vertical resolution.
    xmp : bytes
        Empty where there is none.
    """

    exif: bytes = b""
    icc_profile: bytes = b""
    dpi: tuple[float, float] | None = None
    xmp: bytes = b""


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
        """Bits a channel: 8 or 16."""
        return 8 * self.pixels.dtype.itemsize

    def rgb(self) -> np.ndarray:
        """Return the photo as float32 of shape (H, W, 3), in [0, 1]."""
        rgb = _to_unit(self.pixels)
        return rgb if rgb.ndim == 3 else np.repeat(rgb[..., None], 3, axis=-1)

    def has_color(self) -> bool:
        """Tell whether any pixel differs from gray by more than 2 % of the range, as rounding does not."""
        return self.pixels.ndim == 3 and np.ptp(self.pixels, axis=-1).max() > 0.02 * np.iinfo(self.pixels.dtype).max

    def opacity(self) -> np.ndarray | None:
        """Return alpha as float32 of shape (H, W), in [0, 1]; None where the file has none."""
        return None if self.alpha is None else _to_unit(self.alpha)

    def gray(self) -> np.ndarray:
        """Return the photo without its colors, L* kept: float32 of shape (H, W), in [0, 1]."""
        if self.pixels.ndim == 2:
            return _to_unit(self.pixels)
        gray = np.empty(self.pixels.shape[:2], np.float32)
        for start in range(0, len(gray), _BAND_ROWS):  # a large photo is never whole in float32
            gray[start:start + _BAND_ROWS] = to_gray(_to_unit(self.pixels[start:start + _BAND_ROWS]))
        return gray


def open_image(path: Path, at_least: int | None = None) -> Image.Image:
    """Open and fully decode an image, upright, or raise a `PhotoError` that names the file and the remedy.

    With ``at_least``, a JPEG may come back smaller than it is, though no side shorter than that: decoding at a
    half, a quarter or an eighth of the size is much faster.
    """
    with _explained(path):
        image = Image.open(path, formats=FORMATS)
        if at_least is not None:
            image.draft("RGB", (at_least, at_least))
        image.load()
        return ImageOps.exif_transpose(image)


def read_image(path: str | Path) -> ImageFile:
    """Read one image file; of several pages or frames, the first.

    A color profile other than sRGB is applied, so that the pixels are sRGB; one that can't be applied is ignored.

    Parameters
    ----------
    path : str or Path
        A JPEG, PNG, TIFF or WebP file, gray or color, of 8 or 16 bits a channel.

    Returns
    -------
    ImageFile

    Raises
    ------
    PhotoError
        If the file is missing, empty, truncated, not an image, of another kind, or larger than 178 megapixels.
    """
    path = Path(path)
    with _explained(path), Image.open(path, formats=FORMATS) as image:
        pixels, alpha = _decode(path, image)
        pixels, profile = apply_profile(pixels, image.info.get("icc_profile") or b"")
        metadata = _read_metadata(image, profile)
        turn = UPRIGHT.get(image.getexif().get(274), lambda image: image)  # gone from a TIFF that Pillow turned itself
    return ImageFile(turn(pixels), None if alpha is None else turn(alpha), metadata)


def apply_profile(pixels: np.ndarray, profile: bytes) -> tuple[np.ndarray, bytes]:
    """Convert pixels from the color space of an ICC profile to sRGB.

    Parameters
    ----------
    pixels : ndarray of uint8 or uint16, shape (H, W), (H, W, 3) or, of CMYK, (H, W, 4)
    profile : bytes
        Empty where there is none; one that can't be applied to such pixels is ignored.

    Returns
    -------
    pixels : ndarray of the same type, shape (H, W) or (H, W, 3)
        Gray or sRGB.
    profile : bytes
        The profile where it means sRGB, else empty.
    """
    kind = "gray" if pixels.ndim == 2 else {3: "rgb", 4: "cmyk"}[pixels.shape[-1]]
    if profile and _means_srgb(profile):
        return pixels, profile
    converted = _to_srgb(pixels, profile, kind) if profile else None
    if converted is not None:
        return converted, b""
    if kind == "cmyk":  # no profile says what its inks look like
        inks = pixels if pixels.dtype == np.uint8 else (pixels // 257).astype(np.uint8)
        pixels = np.asarray(Image.fromarray(inks, "CMYK").convert("RGB"))
    return pixels, b""


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn every error of a decoder into a `PhotoError` that names the file and the remedy."""
    if not path.is_file():
        raise PhotoError(f"{path} does not exist: check the name" if not path.exists() else
                         f"{path} is not a file: give an image file")
    if path.stat().st_size == 0:
        raise PhotoError(f"{path} is empty (0 bytes): copy or download it again")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Pillow, on size and on damage; what is too much of either raises
            yield
    except PhotoError:
        raise
    except Image.DecompressionBombError as error:
        raise PhotoError(f"{path} is too large to decode safely (more than {MAX_PIXELS // 10**6} megapixels): make it "
                         "smaller first") from error
    except Image.UnidentifiedImageError as error:
        raise PhotoError(f"{path} is not an image that can be read: give a JPEG, PNG, TIFF or WebP file") from error
    except (OSError, EOFError, SyntaxError, ValueError, RuntimeError, struct.error, zlib.error) as error:
        raise PhotoError(f"{path} is damaged ({error}): copy or download it again") from error


def _decode(path: Path, image: Image.Image) -> tuple[np.ndarray, np.ndarray | None]:
    """Return pixels, (H, W) or (H, W, 3), or (H, W, 4) of CMYK, and alpha, of uint8 or uint16."""
    if image.format == "PNG":
        with open(path, "rb") as file:
            depth = file.read(25)[24]  # in the header chunk, which comes first
        if depth == 16:
            return _decode_png_16(path)
    if image.format == "TIFF" and image.tag_v2.get(262) in TIFF_COLORS and set(image.tag_v2.get(258, (1,))) <= {8, 16}:
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
        page = file.pages[0]
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
    return PhotoError(f"{path} has pixels of kind {kind}: save it as gray or RGB of 8 or 16 bits a channel")


@cache
def _srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def _means_srgb(profile: bytes) -> bool:
    """Tell whether an RGB profile leaves colors as they are, to within 2 of 255, when they are converted to sRGB."""
    samples = np.stack(np.meshgrid(*[np.arange(0, 256, 51, dtype=np.uint8)] * 3), axis=-1).reshape(1, -1, 3)
    converted = _to_srgb(samples, profile, "rgb")
    return converted is not None and np.abs(converted.astype(int) - samples).max() <= 2


def _to_srgb(pixels: np.ndarray, profile: bytes, kind: str) -> np.ndarray | None:
    """Convert pixels of a kind, ``"gray"``, ``"rgb"`` or ``"cmyk"``; None where the profile isn't of that kind."""
    import imagecodecs
    try:
        return imagecodecs.cms_transform(np.ascontiguousarray(pixels), profile, _srgb_profile(), colorspace=kind,
                                         outcolorspace="rgb")
    except (RuntimeError, ValueError):
        return None


def _read_metadata(image: Image.Image, profile: bytes) -> Metadata:
    dpi = tuple(float(number) for number in image.info.get("dpi", ()))
    xmp = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
    xmp = re.sub(rb"""(tiff:Orientation(?:>|=["']))\d""", rb"\g<1>1", xmp.encode() if isinstance(xmp, str) else xmp)
    usable = len(dpi) == 2 and all(math.isfinite(number) and number > 0 for number in dpi)
    return Metadata(_read_exif(image), profile, dpi if usable else None, xmp)


def _read_exif(image: Image.Image) -> bytes:
    found, kept = image.getexif(), Image.Exif()
    kept.update({tag: found[tag] for tag in DESCRIPTIVE_TAGS if tag in found})
    for directory in (EXIF_DIRECTORY, GPS_DIRECTORY):
        if directory in found:
            values = found.get_ifd(directory)
            kept[directory] = {tag: values[tag] for tag in values if tag not in OUTDATED_TAGS}
    try:
        return kept.tobytes() if len(kept) else b""
    except (ValueError, TypeError, OverflowError, struct.error):  # values that their tags can't hold
        return b""


def _to_unit(pixels: np.ndarray) -> np.ndarray:
    return pixels / np.float32(np.iinfo(pixels.dtype).max)
