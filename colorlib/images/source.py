"""What a file holds, as it stands there: how its pixels are decoded, and what it says about them."""

import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from .exif import Exif, parse_exif
from .formats import PhotoError

__all__ = [
    "MAX_PIXELS",
    "MORE_FRAMES",
    "Pixels",
    "Source",
    "inflate",
    "scaled_to_full",
    "split_alpha",
    "unknown_pixels",
]

MAX_PIXELS = 2 * (Image.MAX_IMAGE_PIXELS or 0)  # Pillow refuses to decode more
#: Color and opacity: (H, W), (H, W, 3) or, in CMYK, (H, W, 4), and (H, W) or None; uint8 or uint16.
Pixels = tuple[np.ndarray, np.ndarray | None]
MORE_FRAMES = "it is animated, and the frames after the first are left out"
MOST_NOTES = 8  # of one file
_LARGEST_TEXT = 2**26  # bytes of what is stored compressed


@dataclass
class Source:
    """An image file that was opened, with its pixels still to be decoded.

    Attributes
    ----------
    size : (width, height)
        In pixels, as stored.
    decode : callable
        Decodes the pixels. Its argument is the side, in pixels, that at least is needed: 0 is all; JPEGs are decoded at
        a fraction of their size, much faster.
    profile : bytes
        ICC profile; empty if there is none.
    exif : Exif
    dpi : tuple of float, optional
    xmp, iptc : bytes
    comments : list of bytes
    texts : list of bytes
        Chunks of text of a PNG, of which each begins with its type.
    notes : list of str
        What could not be kept, and why.
    """

    size: tuple[int, int]
    decode: Callable[[int], Pixels]
    profile: bytes = b""
    exif: Exif = field(default_factory=Exif)
    dpi: tuple[float, float] | None = None
    xmp: bytes = b""
    iptc: bytes = b""
    comments: list[bytes] = field(default_factory=list)
    texts: list[bytes] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        width, height = self.size
        if width < 1 or height < 1:
            raise ValueError(f"it claims to be {width}×{height} pixels")
        if width * height > MAX_PIXELS:
            raise PhotoError(
                f"is too large to decode safely ({width:,}×{height:,} pixels, more than "
                f"{MAX_PIXELS // 10**6} megapixels): make it smaller first"
            )

    def set_exif(self, block: bytes) -> None:
        """Take the EXIF of a block of bytes, as far as it can be read."""
        self.exif = parse_exif(block)
        if not self.exif.complete:
            self.leave_out("EXIF" if not (self.exif.main or self.exif.camera) else "part of its EXIF")

    def leave_out(self, what: str) -> None:
        """Note that something could not be read."""
        if len(self.notes) < MOST_NOTES:
            self.notes.append(f"{what if what.startswith('part') else f'its {what}'} can't be read, and is left out")

    @contextmanager
    def attempt(self, what: str) -> Iterator[None]:
        """Read something in this context; if it is damaged, leave it out."""
        try:
            yield
        except (zlib.error, struct.error, ValueError, IndexError, EOFError, OSError):
            self.leave_out(what)


def inflate(data: bytes) -> bytes:
    """Decompress what a chunk stores compressed; raise `zlib.error` if that is damaged or takes more than 64 MiB."""
    decoder = zlib.decompressobj()
    content = decoder.decompress(data, _LARGEST_TEXT)
    if not decoder.eof:
        raise zlib.error("cut short, or too long")
    return content


def split_alpha(pixels: np.ndarray, colors: int, alpha: int | None = None) -> Pixels:
    """Separate the color channels, which come first, from the channel that is opacity, by default the one after."""
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    index = colors if alpha is None else alpha
    opacity = pixels[..., index] if pixels.shape[-1] > index else None
    return pixels[..., 0] if colors == 1 else pixels[..., :colors], opacity


def scaled_to_full(pixels: np.ndarray, bits: int) -> np.ndarray:
    """Scale whole numbers of some bits to the range of uint8, or of uint16 if they have more than 8 bits."""
    if bits in (8, 16):
        return pixels if pixels.dtype.itemsize * 8 == bits else pixels.astype(f"u{bits // 8}")
    if bits < 8:
        return pixels.astype(np.uint8) * np.uint8(255 // (2**bits - 1)) if 8 % bits == 0 else _scaled(pixels, bits, 255)
    if bits > 16:
        return (pixels >> (bits - 16)).astype(np.uint16)
    return _scaled(pixels, bits, 65535)


def _scaled(pixels: np.ndarray, bits: int, most: int) -> np.ndarray:
    levels = np.rint(np.arange(2**bits) * (most / (2**bits - 1)))
    return levels.astype(np.uint8 if most == 255 else np.uint16)[pixels]


def unknown_pixels(kind: str) -> PhotoError:
    """Return the error that says which kind of pixels a file has, and which would do."""
    return PhotoError(f"has pixels of kind {kind}: save it as gray or RGB with 8 or 16 bits per channel")
