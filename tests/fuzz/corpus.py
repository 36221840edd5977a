"""Valid image files of every format that is read, made in code: what the fuzzer begins with."""

import importlib.util
import io
from collections.abc import Callable

import imagecodecs
import numpy as np
import tifffile
from PIL import Image, ImageCms, PngImagePlugin

from colorlib.images import SUFFIXES

SHAPE = 37, 52
XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF>\xc3\xa9</rdf:RDF></x:xmpmeta>"
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
GRAY_PROFILE = imagecodecs.cms_profile("gray", whitepoint=[0.3127, 0.3290, 1.0], gamma=2.2)


def pixels(channels: int = 1, dtype: type = np.uint8) -> np.ndarray:
    """A smooth picture with some noise, of one or more channels."""
    rng = np.random.default_rng(channels)
    rows, columns = np.mgrid[0 : 1 : SHAPE[0] * 1j, 0 : 1 : SHAPE[1] * 1j]
    planes = [np.cos(4 * rows * (i + 1)) * np.sin(3 * columns + i) / 2 + 0.5 for i in range(channels)]
    picture = np.clip(np.stack(planes, axis=-1) + rng.normal(0, 0.02, (*SHAPE, channels)), 0, 1)
    return np.rint((picture[..., 0] if channels == 1 else picture) * np.iinfo(dtype).max).astype(dtype)


def exif(orientation: int = 1) -> Image.Exif:
    """Metadata as a camera writes them, in all three directories."""
    tags = Image.Exif()
    tags[0x010E], tags[0x0110], tags[0x0112], tags[0x8298] = "A photo", "Camera", orientation, "Somebody"
    tags.get_ifd(0x8769).update({0x829A: 0.01, 0x9003: "2026:01:02 03:04:05", 0x9286: b"ASCII\0\0\0hello"})
    tags.get_ifd(0x8825).update({1: "N", 2: (48.0, 8.0, 5.5)})
    return tags


def pillow(mode: str, kind: str, **options) -> bytes:
    """A picture of a mode of Pillow's in one of its formats."""
    channels = {"RGBA": 4, "RGB": 3, "CMYK": 4, "LA": 2}.get(mode, 1)
    image = Image.fromarray(pixels(3 if mode == "P" else channels), {2: "LA", 4: mode}.get(channels))
    buffer = io.BytesIO()
    image.convert(mode).save(buffer, kind, **options)
    return buffer.getvalue()


def tiff(array: np.ndarray, photometric: str = "minisblack", **options) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, array, photometric=photometric, **{"metadata": None, **options})
    return buffer.getvalue()


def png_text() -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    info.add_text("Title", "A photo", zip=True)
    info.add_itxt("XML:com.adobe.xmp", XMP.decode())
    info.add(b"gAMA", (45455).to_bytes(4, "big"))
    return info


def _pages() -> bytes:
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as file:
        for _ in range(3):
            file.write(pixels(), photometric="minisblack", metadata=None)
    return buffer.getvalue()


#: Ending of a name → its beginning → what makes the content.
FILES: dict[str, dict[str, Callable[[], bytes]]] = {
    ".jpg": {
        "gray": lambda: pillow("L", "JPEG"),
        "color": lambda: pillow(
            "RGB", "JPEG", exif=exif(6), icc_profile=SRGB, xmp=XMP, comment=b"hello", dpi=(300, 300)
        ),
        "progressive": lambda: pillow("RGB", "JPEG", progressive=True, subsampling=2, restart_marker_blocks=2),
        "cmyk": lambda: pillow("CMYK", "JPEG"),
    },
    ".png": {
        "gray": lambda: pillow("L", "PNG", exif=exif(), icc_profile=GRAY_PROFILE, pnginfo=png_text(), dpi=(300, 300)),
        "opacity": lambda: pillow("RGBA", "PNG", icc_profile=SRGB),
        "palette": lambda: pillow("P", "PNG", transparency=3),
        "two": lambda: pillow("1", "PNG"),
        "gray-16": lambda: imagecodecs.png_encode(pixels(1, np.uint16)),
        "opacity-16": lambda: imagecodecs.png_encode(pixels(4, np.uint16)),
    },
    ".tif": {
        "gray": lambda: tiff(pixels(), resolution=(300, 300), iccprofile=GRAY_PROFILE),
        "lzw": lambda: tiff(pixels(3), "rgb", compression="lzw", predictor=True, rowsperstrip=8),
        "tiles-16": lambda: tiff(pixels(3, np.uint16), "rgb", compression="deflate", tile=(16, 16)),
        "planes": lambda: tiff(np.moveaxis(pixels(3), -1, 0), "rgb", planarconfig="separate"),
        "big-16": lambda: tiff(pixels(1, np.uint16), "miniswhite", bigtiff=True, byteorder=">"),
        "premultiplied": lambda: tiff(pixels(4), "rgb", extrasamples=["assocalpha"]),
        "palette": lambda: tiff(pixels(), "palette", colormap=np.arange(768, dtype=np.uint16).reshape(3, 256) * 85),
        "cmyk": lambda: tiff(pixels(4), "separated", compression="packbits"),
        "jpeg": lambda: tiff(pixels(3), "ycbcr", compression="jpeg", iccprofile=SRGB),
        "float": lambda: tiff(pixels().astype(np.float32) / 255),
        "two": lambda: pillow("1", "TIFF", compression="group4"),
        "tags": lambda: pillow("RGB", "TIFF", exif=exif(8), icc_profile=SRGB, dpi=(300, 300)),
        "pages": _pages,
    },
    ".webp": {
        "lossy": lambda: pillow("RGB", "WEBP", exif=exif(3), icc_profile=SRGB, xmp=XMP),
        "opacity": lambda: pillow("RGBA", "WEBP", lossless=True),
    },
    ".bmp": {"gray": lambda: pillow("L", "BMP"), "color": lambda: pillow("RGB", "BMP")},
    ".gif": {
        "palette": lambda: pillow("P", "GIF", transparency=2),
        "frames": lambda: pillow("L", "GIF", save_all=True, append_images=[Image.new("L", (9, 9))], comment=b"hello"),
    },
    ".avif": {
        "color": lambda: pillow("RGB", "AVIF", exif=exif(), icc_profile=SRGB, xmp=XMP),
        "opacity": lambda: pillow("RGBA", "AVIF"),
    },
    ".jp2": {
        "color": lambda: pillow("RGB", "JPEG2000"),
        "gray-16": lambda: imagecodecs.jpeg2k_encode(pixels(1, np.uint16)),
        "color-16": lambda: imagecodecs.jpeg2k_encode(pixels(3, np.uint16), codecformat="j2k"),
    },
    ".ppm": {
        "gray": lambda: pillow("L", "PPM"),
        "color": lambda: pillow("RGB", "PPM"),
        "color-16": lambda: b"P6 52 37 65535\n" + pixels(3, np.uint16).astype(">u2").tobytes(),
    },
    ".jxl": {
        "color": lambda: imagecodecs.jpegxl_encode(pixels(3), distance=2.0),
        "opacity-16": lambda: imagecodecs.jpegxl_encode(pixels(4, np.uint16), lossless=True, usecontainer=True),
        "gray": lambda: imagecodecs.jpegxl_encode(pixels()),
    },
}


if importlib.util.find_spec("pillow_heif"):
    FILES[".heic"] = {"color": lambda: heic("RGB"), "opacity": lambda: heic("RGBA")}


def heic(mode: str) -> bytes:
    import pillow_heif

    pillow_heif.register_heif_opener()
    return pillow(mode, "HEIF", exif=exif(), icc_profile=SRGB)


def make_corpus() -> dict[str, bytes]:
    """Make the files of the formats that the library reads: name → content."""
    return {
        f"{name}{ending}": bytes(make())
        for ending, files in FILES.items()
        if ending in SUFFIXES
        for name, make in files.items()
    }
