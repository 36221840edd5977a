"""What a file says about its photo besides the pixels: EXIF, resolution, XMP, color profile."""

import math
import re
import struct
from dataclasses import dataclass

from PIL import Image

__all__ = ["Metadata", "read_metadata"]

#: EXIF tags of the main directory that describe the photo rather than the file's layout: title, camera, program, date,
#: author, rating, copyright, and Windows' own title, comment, author, keywords, subject.
DESCRIPTIVE_TAGS = (270, 271, 272, 305, 306, 315, 18246, 33432, 40091, 40092, 40093, 40094, 40095)
EXIF_DIRECTORY, GPS_DIRECTORY = 0x8769, 0x8825
#: EXIF tags that don't hold for the output: color space, size, the offset of another directory.
OUTDATED_TAGS = (40961, 40962, 40963, 40965)


@dataclass(frozen=True)
class Metadata:
    """Metadata of a photo, ready to be written with an sRGB version of it.

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
    """

    exif: bytes = b""
    icc_profile: bytes = b""
    dpi: tuple[float, float] | None = None
    xmp: bytes = b""


def read_metadata(image: Image.Image, profile: bytes) -> Metadata:
    """Collect the metadata of an image that Pillow opened, with the color profile that its pixels have now."""
    numbers = [float(number) for number in image.info.get("dpi", ())]
    usable = len(numbers) == 2 and all(math.isfinite(number) and number > 0 for number in numbers)
    dpi = (numbers[0], numbers[1]) if usable else None
    xmp = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
    xmp = re.sub(rb"""(tiff:Orientation(?:>|=["']))\d""", rb"\g<1>1", xmp.encode() if isinstance(xmp, str) else xmp)
    return Metadata(_read_exif(image), profile, dpi, xmp)


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
