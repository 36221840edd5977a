"""Image files written: a photo to a JPEG, PNG, TIFF or WebP of 8 or 16 bits a channel, with opacity and metadata.

Pillow encodes 8 bits a channel; imagecodecs (PNG) and tifffile (TIFF) encode 16, which Pillow can't.
"""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

from . import paths
from .imagefiles import SUFFIXES, Metadata, PhotoError

__all__ = ["image_format", "write_image"]

JPEG_QUALITY = 95


def image_format(path: Path) -> str:
    """Return the format that a file's name stands for, or raise a `PhotoError` that lists what there is."""
    if path.suffix.lower() not in SUFFIXES:
        raise PhotoError(f"{path} can't be written: its name must end in one of {', '.join(SUFFIXES)}")
    return SUFFIXES[path.suffix.lower()]


def write_image(path: str | Path, rgb: np.ndarray, alpha: np.ndarray | None = None, metadata: Metadata = Metadata(),
                bits: int = 8) -> None:
    """Write a photo to a file, whole or not at all.

    Parameters
    ----------
    path : str or Path
        Its ending chooses the format: JPEG, PNG, TIFF or WebP.
    rgb : ndarray of float32, shape (H, W, 3)
        sRGB in [0, 1].
    alpha : ndarray of float32, shape (H, W), optional
        Opacity in [0, 1].
    metadata : Metadata
        In a TIFF of 16 bits, the camera's settings and GPS position are left out.
    bits : {8, 16}
        A channel; JPEG and WebP have 8 anyway.

    Raises
    ------
    PhotoError
        If the format is unknown or can't hold the photo's transparency, or the file can't be written.
    """
    path = Path(path)
    file_format = image_format(path)
    if file_format == "JPEG" and alpha is not None:
        if alpha.min() < 1:
            raise PhotoError(f"{path} can't be written: a JPEG can't hold the photo's transparency; name it .png, "
                             ".tif or .webp")
        alpha = None
    channels = rgb if alpha is None else np.dstack([rgb, alpha])
    if bits == 16 and file_format in ("PNG", "TIFF"):
        encode = _encode_png_16 if file_format == "PNG" else _encode_tiff_16
        content = encode(_from_unit(channels, np.uint16), metadata)
    else:
        content = _encode_8_bits(_from_unit(channels, np.uint8), file_format, metadata)
    try:
        paths.write_whole(path, content)
    except OSError as error:
        raise PhotoError(f"{path} can't be written ({error.strerror or error}): choose another place") from error


def _encode_8_bits(pixels: np.ndarray, file_format: str, metadata: Metadata) -> bytes:
    options = {"exif": metadata.exif, "icc_profile": metadata.icc_profile, "dpi": metadata.dpi, "xmp": metadata.xmp}
    if file_format in ("JPEG", "WEBP"):
        options["quality"] = JPEG_QUALITY
    elif file_format == "TIFF":
        tags = options["tiffinfo"] = Image.Exif()
        tags.load(options.pop("exif"))
        if xmp := options.pop("xmp"):
            tags[700] = xmp
        options["compression"] = "raw"  # in its compressed ones, Pillow can't write the camera's settings
    elif xmp := options.pop("xmp"):
        options["pnginfo"] = PngImagePlugin.PngInfo()
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", xmp.decode("utf-8", "replace"))
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, file_format, **{name: value for name, value in options.items() if value})
    return buffer.getvalue()


def _encode_png_16(pixels: np.ndarray, metadata: Metadata) -> bytes:
    """Encode a PNG, then put the metadata's chunks behind its header chunk (PNG specification, 3rd edition, 11.3)."""
    import imagecodecs
    encoded = imagecodecs.png_encode(pixels)
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
    tags = [(tag, "s", 0, value, True) for tag, value in exif.items() if isinstance(value, str)]
    if metadata.xmp:
        tags.append((700, "B", len(metadata.xmp), metadata.xmp, True))
    resolution = {"resolution": metadata.dpi, "resolutionunit": "INCH"} if metadata.dpi else {}
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, pixels, photometric="rgb", compression="deflate", predictor=True, metadata=None,
                     extrasamples=["unassalpha"] if pixels.shape[-1] == 4 else None, extratags=tags, software=False,
                     iccprofile=metadata.icc_profile or None, **resolution)
    return buffer.getvalue()


def _from_unit(channels: np.ndarray, dtype: type) -> np.ndarray:
    scaled = channels * np.float32(np.iinfo(dtype).max)
    return np.rint(scaled, out=scaled).astype(dtype, order="C")
