"""One image file out: JPEG, PNG, TIFF or WebP, of 8 or 16 bits per channel, with opacity and metadata.

Pillow encodes 8 bits per channel; imagecodecs (PNG) and tifffile (TIFF) encode 16, which Pillow can't.
"""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin

from ..color import on_all_processors, row_bands
from ..paths import write_whole
from .formats import PhotoError, image_format
from .metadata import Metadata

__all__ = ["write_image"]

JPEG_QUALITY = 95
_XMP_TAG = 700  # of a TIFF


def write_image(
    path: str | Path, rgb: np.ndarray, alpha: np.ndarray | None = None, metadata: Metadata | None = None, bits: int = 8
) -> None:
    """Write a photo to a file, whole or not at all.

    Parameters
    ----------
    path : str or Path
        The ending of its name chooses the format: JPEG, PNG, TIFF or WebP.
    rgb : ndarray of float32, shape (H, W, 3)
        sRGB in [0, 1].
    alpha : ndarray of float32, shape (H, W), optional
        Opacity in [0, 1].
    metadata : Metadata, optional
        A 16-bit TIFF leaves out the camera settings and the GPS position.
    bits : {8, 16}
        Bits per channel; JPEG and WebP always have 8.

    Raises
    ------
    PhotoError
        If the format is unknown or can't hold the photo's transparency, or the file can't be written.
    """
    path, metadata = Path(path), metadata or Metadata()
    file_format = image_format(path)
    if file_format == "JPEG" and alpha is not None:
        if alpha.min() < 1:
            raise PhotoError(
                f"{path} can't be written: a JPEG can't hold the photo's transparency; name it .png, .tif or .webp"
            )
        alpha = None
    if bits == 16 and file_format in ("PNG", "TIFF"):
        encode = _encode_png_16 if file_format == "PNG" else _encode_tiff_16
        content = encode(_from_unit(rgb, alpha, np.uint16), metadata)
    else:
        content = _encode_8_bits(_from_unit(rgb, alpha, np.uint8), file_format, metadata)
    try:
        write_whole(path, content)
    except OSError as error:
        raise PhotoError(f"{path} can't be written ({error.strerror or error}): choose another place") from error


def _encode_8_bits(pixels: np.ndarray, file_format: str, metadata: Metadata) -> bytes:
    options: dict[str, Any] = {"icc_profile": metadata.icc_profile, "dpi": metadata.dpi}
    if file_format == "TIFF":
        tags = options["tiffinfo"] = Image.Exif()
        tags.load(metadata.exif)
        if metadata.xmp:
            tags[_XMP_TAG] = metadata.xmp
        options["compression"] = "raw"  # Pillow can't write the camera settings into a compressed TIFF
    elif file_format == "PNG":
        options["exif"] = metadata.exif
        if metadata.xmp:
            chunks = options["pnginfo"] = PngImagePlugin.PngInfo()
            chunks.add_itxt("XML:com.adobe.xmp", metadata.xmp.decode("utf-8", "replace"))
    else:
        options |= {"exif": metadata.exif, "xmp": metadata.xmp, "quality": JPEG_QUALITY}
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, file_format, **{name: value for name, value in options.items() if value})
    return buffer.getvalue()


def _encode_png_16(pixels: np.ndarray, metadata: Metadata) -> bytes:
    """Encode a PNG, then insert the metadata chunks after its header (PNG specification, 3rd edition, 11.3)."""
    import imagecodecs

    encoded = bytes(imagecodecs.png_encode(pixels))
    chunks = []
    if metadata.icc_profile:
        chunks.append(b"iCCPsRGB\0\0" + zlib.compress(metadata.icc_profile))
    if metadata.dpi:
        chunks.append(b"pHYs" + struct.pack(">IIB", *(round(number / 0.0254) for number in metadata.dpi), 1))
    if metadata.exif:
        chunks.append(b"eXIf" + metadata.exif.removeprefix(b"Exif\0\0"))
    if metadata.xmp:
        chunks.append(b"iTXtXML:com.adobe.xmp\0\0\0\0\0" + metadata.xmp)
    framed = [struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in chunks]
    return encoded[:33] + b"".join(framed) + encoded[33:]


def _encode_tiff_16(pixels: np.ndarray, metadata: Metadata) -> bytes:
    import tifffile

    exif = Image.Exif()
    exif.load(metadata.exif)
    tags: list[tuple[int, str, int, Any, bool]]
    tags = [(tag, "s", 0, value, True) for tag, value in exif.items() if isinstance(value, str)]
    if metadata.xmp:
        tags.append((_XMP_TAG, "B", len(metadata.xmp), metadata.xmp, True))
    options: dict[str, Any] = {"resolution": metadata.dpi, "resolutionunit": "INCH"} if metadata.dpi else {}
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer,
        pixels,
        photometric="rgb",
        compression="deflate",
        predictor=True,
        metadata=None,
        extrasamples=["unassalpha"] if pixels.shape[-1] == 4 else None,
        extratags=tags,
        software=False,
        iccprofile=metadata.icc_profile or None,
        **options,
    )
    return buffer.getvalue()


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
