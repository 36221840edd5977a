"""What a file says about its photo besides the pixels: EXIF, resolution, XMP, IPTC, comments, color profile.

References
----------
Adobe, Photoshop file formats specification, 2019: image resources, of which one is IPTC.
"""

import math
import re
import struct
from collections.abc import Sized
from dataclasses import dataclass

from .exif import ORIENTATION, RESOLUTION
from .source import Source

__all__ = ["IPTC_RESOURCE", "Metadata", "iptc_of", "left_out", "read_metadata"]

IPTC_RESOURCE = 0x0404


@dataclass(frozen=True)
class Metadata:
    """Metadata of a photo, ready to be written with an sRGB version of it.

    Texts are kept byte for byte, in whatever encoding they are.

    Attributes
    ----------
    exif : bytes
        EXIF without the orientation, since the pixels are upright, and without a thumbnail; empty if there is none.
    icc_profile : bytes
        A profile that means sRGB; empty if there is none or the pixels were converted from another space.
    dpi : tuple of float, optional
        Horizontal and vertical resolution in dots per inch.
    xmp : bytes
        XMP packet; empty if there is none.
    iptc : bytes
        IPTC-IIM record; empty if there is none.
    comments : tuple of bytes
        Comments of a JPEG, a GIF or a PNG.
    texts : tuple of bytes
        Other texts of a PNG: its chunks as they stand, each beginning with its type.
    """

    exif: bytes = b""
    icc_profile: bytes = b""
    dpi: tuple[float, float] | None = None
    xmp: bytes = b""
    iptc: bytes = b""
    comments: tuple[bytes, ...] = ()
    texts: tuple[bytes, ...] = ()


def read_metadata(source: Source, profile: bytes) -> Metadata:
    """Collect the metadata of a file that was opened, with the color profile that its pixels have now."""
    numbers = [float(number) for number in source.dpi or ()]
    usable = len(numbers) == 2 and all(math.isfinite(number) and number > 0 for number in numbers)
    dpi = (numbers[0], numbers[1]) if usable else None
    xmp = re.sub(rb"""(tiff:Orientation(?:>|=["']))\d""", rb"\g<1>1", source.xmp)
    exif = source.exif.without((ORIENTATION, *RESOLUTION)).block()
    return Metadata(exif, profile, dpi, xmp, source.iptc, tuple(source.comments), tuple(source.texts))


def left_out(notes: list[str], target: str, **contents: Sized) -> None:
    """Note which contents, by their names, are not empty and have no place in a format."""
    if names := [name for name, content in contents.items() if len(content)]:
        notes.append(f"its {' and '.join(names)} can't be held by {target}, and is left out")


def iptc_of(resources: bytes) -> bytes:
    """Return the IPTC record among Photoshop's image resources; raise `struct.error` or `IndexError` for damage."""
    at, record = 0, b""
    while resources[at : at + 4] == b"8BIM":
        (kind,) = struct.unpack_from(">H", resources, at + 4)
        at += 6 + (resources[at + 6] + 2) // 2 * 2  # a name, padded
        (length,) = struct.unpack_from(">I", resources, at)
        if kind == IPTC_RESOURCE:
            record += resources[at + 4 : at + 4 + length]
        at += 4 + (length + 1) // 2 * 2
    return record
