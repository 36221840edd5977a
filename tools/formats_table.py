"""Writes the README's table of image formats from what the library reads and writes.

``python tools/formats_table.py`` makes small files of every format with other programs' encoders, reads them, writes
each format, reads that again, and puts what came through into README.md; ``--check`` only compares, as a test does.
"""

import io
import struct
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pillow_heif
import tifffile
from PIL import Image

from colorlib.images import SUFFIXES, WRITTEN, Metadata, PhotoError, image_format, output_name, read_image, write_image

README = Path(__file__).resolve().parent.parent / "README.md"
START, END = "<!-- formats: python tools/formats_table.py -->\n", "<!-- end of formats -->\n"
SLOPE = np.add.outer(np.linspace(0, 0.4, 48), np.linspace(0, 0.6, 64))
OPACITY = np.repeat([[0.0] * 32 + [1.0] * 32], 48, axis=0)
#: A profile of linear light, so that pixels come out much brighter where it is applied.
LINEAR = imagecodecs.cms_profile(
    "rgb", whitepoint=[0.3127, 0.3290, 1.0], gamma=1.0, primaries=[0.64, 0.33, 1, 0.3, 0.6, 1, 0.15, 0.06, 1]
)
EXIF = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<HHHII", 1, 271, 2, 5, 26) + bytes(4) + b"K\xc3\xb6l\0\0"
METADATA = Metadata(
    EXIF, b"", (300.0, 300.0), b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>", b"\x1c\x02\x78\0\2ab", (b"hi",)
)
KEPT = {"EXIF": "exif", "resolution": "dpi", "XMP": "xmp", "IPTC": "iptc", "comments": "comments"}


def by_pillow(name: str, **options) -> Callable[[np.ndarray, bytes], bytes]:
    def encode(pixels: np.ndarray, profile: bytes) -> bytes:
        if pixels.dtype != np.uint8 or (name in ("JPEG", "PPM", "BMP") and pixels.shape[-1] == 4):
            raise ValueError("not held")
        buffer = io.BytesIO()
        image = Image.fromarray(pixels)
        image.save(buffer, name, **options, **({"icc_profile": profile} if profile else {}))
        return buffer.getvalue()

    return encode


def png(pixels: np.ndarray, profile: bytes) -> bytes:
    return by_pillow("PNG")(pixels, profile) if profile else bytes(imagecodecs.png_encode(pixels))


def tiff(pixels: np.ndarray, profile: bytes) -> bytes:
    buffer = io.BytesIO()
    extra = ["unassalpha"] if pixels.shape[-1] == 4 else None
    tifffile.imwrite(buffer, pixels, photometric="rgb", extrasamples=extra, iccprofile=profile or None)
    return buffer.getvalue()


def heic(pixels: np.ndarray, profile: bytes) -> bytes:
    mode = "RGB" + "A" * (pixels.shape[-1] == 4) + ";16" * (pixels.dtype == np.uint16)
    image = pillow_heif.from_bytes(mode, pixels.shape[1::-1], pixels.tobytes())
    if profile:
        image[0].info["icc_profile"], image[0].info["icc_profile_type"] = profile, "prof"
    buffer = io.BytesIO()
    image.save(buffer, quality=-1)
    return buffer.getvalue()


def jpeg_2000(pixels: np.ndarray, profile: bytes) -> bytes:
    data = bytes(imagecodecs.jpeg2k_encode(pixels, level=0, codecformat="jp2"))
    if profile:  # no encoder writes one: it takes the place of the box that says sRGB, in the box of the header
        old = data.index(b"colr") - 4
        new = struct.pack(">I4s3B", 11 + len(profile), b"colr", 2, 0, 0) + profile
        (length,) = struct.unpack_from(">I", data, old)
        header = data.index(b"jp2h") - 4
        grown = struct.pack(">I", struct.unpack_from(">I", data, header)[0] + len(new) - length)
        data = data[:header] + grown + data[header + 4 : old] + new + data[old + length :]
    return data


def jpeg_xl(pixels: np.ndarray, profile: bytes) -> bytes:
    if profile:
        raise ValueError("not held")
    return bytes(imagecodecs.jpegxl_encode(pixels, lossless=True))


def pnm(pixels: np.ndarray, profile: bytes) -> bytes:
    if pixels.shape[-1] == 4 or profile:
        raise ValueError("not held")
    most, kind = np.iinfo(pixels.dtype).max, pixels.dtype.newbyteorder(">")
    return f"P6\n64 48\n{most}\n".encode() + pixels.astype(kind).tobytes()


def bmp(pixels: np.ndarray, profile: bytes) -> bytes:
    if pixels.shape[-1] == 3:
        return by_pillow("BMP")(pixels, profile) if not profile else pnm(pixels, profile)
    rows = pixels[::-1, :, [2, 1, 0, 3]].tobytes()  # no encoder writes opacity: a header of version 4 with its mask
    header = struct.pack("<IiiHHIIiiII", 108, 64, 48, 1, 32, 3, len(rows), 0, 0, 0, 0)
    header += struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000) + b"BGRs" + bytes(48)
    return b"BM" + struct.pack("<IHHI", 122 + len(rows), 0, 0, 122) + header + rows


def gif(pixels: np.ndarray, profile: bytes) -> bytes:
    if profile:
        raise ValueError("not held")
    return by_pillow("GIF")(pixels, b"")


ENCODERS: dict[str, Callable[[np.ndarray, bytes], bytes]] = {
    "JPEG": by_pillow("JPEG", quality=100),
    "PNG": png,
    "TIFF": tiff,
    "WebP": by_pillow("WEBP", lossless=True),
    "AVIF": by_pillow("AVIF", quality=100),
    "HEIC": heic,
    "BMP": bmp,
    "GIF": gif,
    "JPEG 2000": jpeg_2000,
    "JPEG XL": jpeg_xl,
    "PNM": pnm,
}


def sample(file_format: str, folder: Path, bits: int = 8, opacity: bool = False, profile: bytes = b"") -> Path | None:
    """Make a file of a format by another encoder; return None if it can't hold such pixels."""
    planes = [SLOPE] * 3 + [OPACITY] * opacity
    pixels = np.rint(np.dstack(planes) * (2**bits - 1)).astype(f"u{bits // 8}")
    path = folder / f"sample{next(suffix for suffix, of in SUFFIXES.items() if of == file_format)}"
    try:
        path.write_bytes(ENCODERS[file_format](pixels, profile))
    except (ValueError, TypeError, OSError):
        return None
    return path


def is_slope(gray: np.ndarray) -> bool:
    return gray.shape == SLOPE.shape and float(np.abs(gray - SLOPE).mean()) < 0.01


def row(file_format: str, folder: Path) -> list[str]:
    endings = [f"`{suffix}`" for suffix, of in SUFFIXES.items() if of == file_format]
    bits = []
    for number in (8, 16):
        path = sample(file_format, folder, number)
        if path and is_slope((image := read_image(path)).gray()) and image.bits == number:
            bits.append(str(number))
    path = sample(file_format, folder, opacity=True)
    alpha = read_image(path).opacity() if path else None
    path = sample(file_format, folder, profile=LINEAR)
    gray = read_image(path).gray() if path else SLOPE
    read = [
        ", ".join(bits),
        yes(alpha is not None and bool(np.abs(alpha - OPACITY).mean() < 0.01)),
        yes(not is_slope(gray)),
    ]
    return [file_format, " ".join(endings), *read, *written(file_format, folder)]


def written(file_format: str, folder: Path) -> list[str]:
    """Write a photo with all that it may hold, read it again, and tell what is still there."""
    name = output_name(f"out{next(suffix for suffix, of in SUFFIXES.items() if of == file_format)}")
    path = folder / name
    rgb, alpha = np.dstack([SLOPE.astype(np.float32)] * 3), OPACITY.astype(np.float32)
    if file_format not in WRITTEN:
        return [image_format(path), "", "", ""]
    try:
        write_image(path, rgb, alpha, METADATA, 16)
        opacity = True
    except PhotoError:
        write_image(path, rgb, None, METADATA, 16)
        opacity = False
    image = read_image(path)
    seen = OPACITY if opacity else np.ones(OPACITY.shape)  # some formats don't store what can't be seen
    shown = image.opacity() if opacity else seen
    if shown is None or not is_slope(image.gray() * seen + SLOPE * (1 - seen)) or np.abs(shown - seen).mean() > 0.01:
        raise ValueError(f"{file_format} came back as another image")
    kept = [what for what, name in KEPT.items() if matches(getattr(image.metadata, name), getattr(METADATA, name))]
    bits = "8, 16" if image.bits == 16 else "8"
    return [file_format, bits, yes(opacity), "all" if len(kept) == len(KEPT) else ", ".join(kept)]


def matches(found: object, expected: object) -> bool:
    if isinstance(expected, tuple) and isinstance(expected[0], float):
        return isinstance(found, tuple) and bool(np.allclose(found, expected, atol=0.01))
    return found == expected


def yes(value: bool) -> str:
    return "yes" if value else "–"


def table() -> str:
    """Compute the table, as Markdown."""
    head = ["format", "endings", "bits", "opacity", "profile", "written as", "bits", "opacity", "metadata kept"]
    with tempfile.TemporaryDirectory() as folder:
        rows = [row(file_format, Path(folder)) for file_format in ENCODERS]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (head, ["---"] * len(head), *rows))


def main() -> int:
    text = README.read_text("utf-8")
    before, after = text.split(START)[0], text.split(END)[1]
    updated = before + START + "\n" + table() + "\n" + END + after
    if "--check" in sys.argv:
        if updated != text:
            print("The table of formats in README.md is not what the library does: run python tools/formats_table.py")
        return int(updated != text)
    README.write_text(updated, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
