"""The other image files: WebP and AVIF, which are also written; BMP, GIF, JPEG 2000 and PNM, decoded by Pillow as well;
HEIC, if pillow-heif is installed; JPEG XL, by imagecodecs.

References
----------
ISO/IEC 15444-1 (JPEG 2000), 2019, annexes A and I; ISO/IEC 18181-1 (JPEG XL), 2022, annex D.
"""

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image, ImageFile

from .exif import parse_exif
from .formats import PhotoError
from .metadata import Metadata, left_out
from .source import MORE_FRAMES, Pixels, Source, scaled_to_full, split_alpha, unknown_pixels

__all__ = ["encode_other", "open_heic", "open_jpeg_xl", "open_with_pillow"]

QUALITY = {"WebP": 95, "AVIF": 90, "HEIC": 90}
LONGEST_SIDE = {"WebP": 16_383, "AVIF": 65_536, "HEIC": 16_384}  # pixels
MOST_OF_GIF = 2731  # pixels that a byte can stand for: a code of 12 bits is at most 4096
PILLOW_NAMES = {"WebP": "WEBP", "JPEG 2000": "JPEG2000", "PNM": "PPM"}
MODES = {"1": "L", "L": "L", "LA": "L", "P": "RGB", "RGB": "RGB", "RGBA": "RGB", "YCbCr": "RGB", "CMYK": "CMYK"}


def open_with_pillow(data: bytes, file_format: str) -> Source:
    """Open a file of one of the formats that Pillow decodes: its first frame."""
    image, broken_exif = _open_image(data, file_format)
    info = image.info
    if file_format == "GIF" and image.width * image.height > max(MOST_OF_GIF * len(data), 2**24):
        raise ValueError(f"it claims to be {image.width}×{image.height} pixels")

    def decode(side: int) -> Pixels:
        if file_format == "JPEG 2000" and (bits := _bits_of_jpeg_2000(data)) > 8:
            import imagecodecs

            pixels = np.atleast_3d(imagecodecs.jpeg2k_decode(data))
            return split_alpha(scaled_to_full(pixels, bits), 3 if pixels.shape[-1] >= 3 else 1)
        if file_format == "PNM" and (wide := _wide_ppm(image, data)) is not None:
            return wide, None
        pixels_and_alpha = _decode(image)
        with source.attempt("second frame"):
            if getattr(image, "is_animated", False):
                source.notes.append(MORE_FRAMES)
        return pixels_and_alpha

    source = Source(image.size, decode, info.get("icc_profile") or b"")
    if file_format == "JPEG 2000":
        source.profile = _profile_of_jpeg_2000(data)
    elif file_format in ("WebP", "AVIF"):
        source.set_exif(info.get("exif") or b"")
        if broken_exif:
            source.leave_out("EXIF")
        source.xmp = info.get("xmp") or b""
    source.dpi = source.exif.dpi() or (info.get("dpi") if file_format == "BMP" else None)
    if file_format == "GIF" and info.get("comment"):
        source.comments.append(info["comment"])
    return source


def _open_image(data: bytes, file_format: str) -> tuple[ImageFile.ImageFile, bool]:
    """Open a file with Pillow, and tell whether it had EXIF that had to be hidden first."""
    formats = [PILLOW_NAMES.get(file_format, file_format)]
    try:
        return Image.open(io.BytesIO(data), formats=formats), False
    except Exception:
        if file_format != "AVIF" or b"Exif" not in data:
            raise
    # The decoder refuses files for EXIF that it can't read; items of an unknown type it passes over.
    return Image.open(io.BytesIO(data.replace(b"Exif", b"free", 1)), formats=formats), True


def _decode(image: Image.Image) -> Pixels:
    image.load()
    alpha = None
    if image.has_transparency_data:
        image = image.convert("LA" if image.mode in ("1", "L", "LA", "La") else "RGBA")
        alpha = np.asarray(image.getchannel("A"))
    if image.mode in ("I", "I;16"):  # 16 bits, of a PGM or JPEG 2000
        return np.asarray(image).astype(np.uint16), alpha
    if image.mode not in MODES:
        raise unknown_pixels(image.mode)
    return np.asarray(image.convert(MODES[image.mode])), alpha


def _wide_ppm(image: ImageFile.ImageFile, data: bytes) -> np.ndarray | None:
    """Decode a PPM of more than 8 bits, which Pillow would narrow; return None for another."""
    name, _, offset, arguments = image.tile[0]
    most = arguments[1] if name == "ppm" and isinstance(arguments, tuple) else 0
    if image.mode != "RGB" or most < 256:
        return None
    pixels = np.frombuffer(data, ">u2", 3 * image.width * image.height, offset)
    return np.rint(np.minimum(pixels, most) * (65535 / most)).astype(np.uint16).reshape(image.height, image.width, 3)


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield types and contents of the boxes of a JPEG 2000 or JPEG XL."""
    at = 0
    while at + 8 <= len(data):
        length, start = int.from_bytes(data[at : at + 4], "big"), at + 8
        if length == 1:
            length, start = int.from_bytes(data[at + 8 : at + 16], "big"), at + 16
        end = at + length if length else len(data)
        if end < start:
            return
        yield data[at + 4 : at + 8], data[start:end]
        at = end


def _profile_of_jpeg_2000(data: bytes) -> bytes:
    header = next((content for name, content in _boxes(data) if name == b"jp2h"), b"")
    colors = (content for name, content in _boxes(header) if name == b"colr")
    return next((content[3:] for content in colors if content[:1] in (b"\2", b"\3")), b"")


def _bits_of_jpeg_2000(data: bytes) -> int:
    size = data.find(b"\xff\x4f\xff\x51")  # start of the code stream, and the segment of its size
    return (data[size + 42] & 0x7F) + 1


def open_heic(data: bytes) -> Source:
    """Open a HEIC file, which pillow-heif turns upright itself."""
    try:
        import pillow_heif
    except ImportError as error:
        raise PhotoError("is a HEIC file, which needs one more package: pip install pillow-heif") from error
    image = pillow_heif.open_heif(data, convert_hdr_to_8bit=False)

    def decode(side: int) -> Pixels:
        pixels = np.atleast_3d(np.asarray(image))
        return split_alpha(pixels, 3 if pixels.shape[-1] >= 3 else 1)

    source = Source(image.size, decode, image.info.get("icc_profile") or b"")
    source.set_exif(image.info.get("exif") or b"")
    source.exif = source.exif.without((274,))
    source.xmp = (image.info.get("xmp") or b"").rstrip(b"\0")
    source.dpi = source.exif.dpi()
    return source


def open_jpeg_xl(data: bytes) -> Source:
    """Open a JPEG XL, which its decoder turns upright itself; its metadata and color profile are not read."""

    def decode(side: int) -> Pixels:
        import imagecodecs

        pixels = np.atleast_3d(imagecodecs.jpegxl_decode(data, index=0))
        if pixels.dtype not in (np.uint8, np.uint16):
            raise unknown_pixels(str(pixels.dtype))
        return split_alpha(pixels, 3 if pixels.shape[-1] >= 3 else 1)

    source = Source(_size_of_jpeg_xl(data), decode)
    if data[4:8] == b"JXL " and any(name in (b"Exif", b"xml ", b"brob") for name, _ in _boxes(data)):
        source.notes.append("its metadata can't be read here, and are left out")
    return source


def _size_of_jpeg_xl(data: bytes) -> tuple[int, int]:
    """Read the size from the first bits of the code stream (D.2)."""
    if data[:2] == b"\xff\x0a":
        start = 2
    elif (box := data.find(b"jxlc")) >= 0:
        start = box + 6
    elif (box := data.find(b"jxlp")) >= 0:
        start = box + 10
    else:
        raise ValueError("it has no code stream")
    bits = int.from_bytes(data[start : start + 16], "little")

    def take(number: int) -> int:
        nonlocal bits
        value, bits = bits & (2**number - 1), bits >> number
        return value

    def side() -> int:
        return 8 * (1 + take(5)) if small else 1 + take((9, 13, 18, 30)[take(2)])

    small = take(1)
    height = side()
    ratio = take(3)
    if not ratio:
        return side(), height
    across, down = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))[ratio - 1]
    return height * across // down, height


def encode_other(pixels: np.ndarray, metadata: Metadata, notes: list[str], file_format: str) -> bytes:
    """Encode a photo of uint8, shape (H, W, 3) or (H, W, 4), as WebP, AVIF or HEIC."""
    exif = parse_exif(metadata.exif)
    if metadata.dpi:
        exif.set_dpi(metadata.dpi)
    left_out(notes, f"a {file_format}", IPTC=metadata.iptc, comment=metadata.comments, text=metadata.texts)
    options = {"exif": exif.block(), "icc_profile": metadata.icc_profile, "xmp": metadata.xmp}
    options = {name: value for name, value in options.items() if value}
    buffer = io.BytesIO()
    if file_format != "HEIC":
        name = PILLOW_NAMES.get(file_format, file_format)
        Image.fromarray(pixels).save(buffer, name, quality=QUALITY[file_format], **options)
        return buffer.getvalue()
    try:
        import pillow_heif
    except ImportError as error:
        raise PhotoError("can't be written: HEIC needs one more package, pip install pillow-heif") from error
    mode = "RGBA" if pixels.shape[-1] == 4 else "RGB"
    image = pillow_heif.from_bytes(mode, pixels.shape[1::-1], pixels.tobytes())
    info: dict[str, Any] = image[0].info
    info.update(options, icc_profile_type="prof")
    image.save(buffer, quality=QUALITY[file_format])
    return buffer.getvalue()
