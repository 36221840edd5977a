"""JPEG files, decoded and encoded by Pillow.

Metadata stand in segments before the pixels. They are taken out first and read here, so that the decoder sees none
of them: damaged ones don't keep the pixels from being decoded, and none is changed on its way.

References
----------
ITU-T T.81, 1992, annex B; T.871 (JFIF), 2011.
"""

import io
import struct

import numpy as np
from PIL import Image

from .exif import Exif, parse_exif
from .metadata import IPTC_RESOURCE, Metadata, iptc_of, left_out
from .source import Pixels, Source, scaled_to_full

__all__ = ["encode_jpeg", "open_jpeg", "size_of_jpeg"]

QUALITY = 95
LONGEST_SIDE = 65_500  # pixels; of the encoder, where the format would allow 65,535
LONGEST_SEGMENT = 65_533  # bytes
END = b"\xff\xd9"
SOI, SOS, APP0, APP1, APP2, APP13, APP14, COM = 0xD8, 0xDA, 0xE0, 0xE1, 0xE2, 0xED, 0xEE, 0xFE
FRAMES, LOSSLESS = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}, 0xC3
EXIF, XMP, ICC, JFIF = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"ICC_PROFILE\0", b"JFIF\0"
EXTENDED_XMP, PHOTOSHOP = b"http://ns.adobe.com/xmp/extension/\0", b"Photoshop 3.0\0"


def open_jpeg(data: bytes) -> Source:
    """Open a JPEG: its frame and its metadata."""
    kept, metadata, scans = _take_apart(data)
    kind, frame = next(((marker, content) for marker, content in kept if marker in FRAMES), (0, b""))
    bits, height, width = struct.unpack_from(">BHH", frame)
    stripped = b"\xff\xd8" + b"".join(_segment(marker, content) for marker, content in kept) + scans

    def decode(side: int) -> Pixels:
        if bits != 8 or kind == LOSSLESS:  # of medical and scientific cameras; not for Pillow
            import imagecodecs

            return scaled_to_full(imagecodecs.jpeg_decode(stripped), bits), None
        if END in scans:
            return _decode(stripped, side), None
        content = stripped.rstrip(b"\xff")
        pixels = _decode(content + END, side)
        # If no more is missing than the end marker, then it makes no difference which bits stand before it.
        others = (_decode(content + bits * 2048 + END, side) for bits in (b"\x55", b"\xaa"))
        if not _covers_all(kept, scans) or not all(np.array_equal(pixels, other) for other in others):
            raise ValueError("its end is missing")
        return pixels, None

    source = Source((width, height), decode)
    _read_metadata(source, metadata, next((content for _, content in kept if content.startswith(JFIF)), b""))
    return source


def size_of_jpeg(data: bytes) -> tuple[int, int]:
    """Return the width and height that a JPEG says it has."""
    for marker, content in _take_apart(data)[0]:
        if marker in FRAMES:
            height, width = struct.unpack_from(">HH", content, 1)
            return width, height
    raise ValueError("it has no frame")


def _take_apart(data: bytes) -> tuple[list[tuple[int, bytes]], list[tuple[int, bytes]], bytes]:
    """Return the segments that say how to decode, those that don't, and all from the first scan on."""
    kept: list[tuple[int, bytes]] = []
    metadata: list[tuple[int, bytes]] = []
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:  # decoders pass over what stands between segments
            at = data.find(b"\xff", at)
            if at < 0:
                break
            continue
        marker = data[at + 1]
        if marker == SOS:
            return kept, metadata, data[at:]
        if marker in (0x00, 0x01, 0xFF, *range(0xD0, 0xD9)):  # without content, or fill
            at += 1 if marker == 0xFF else 2
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        content = data[at + 4 : at + 2 + length]
        of_pixels = not (APP0 <= marker <= 0xEF or marker == COM) or content.startswith((JFIF, b"Adobe"))
        (kept if of_pixels else metadata).append((marker, content))
        at += 2 + max(length, 2)
    raise ValueError("it ends before its pixels")


def _segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def _decode(data: bytes, side: int) -> np.ndarray:
    with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
        if side:
            image.draft("RGB", (side, side))
        return np.asarray(image if image.mode in ("L", "CMYK") else image.convert("RGB"))


def _covers_all(kept: list[tuple[int, bytes]], scans: bytes) -> bool:
    """Tell whether the scans give all coefficients of all components to their last bit (T.81, B.2.3)."""
    frame = next(content for marker, content in kept if marker in FRAMES)
    missing = {component: set(range(64)) for component in frame[6::3]}
    at = 0
    while (at := scans.find(bytes([0xFF, SOS]), at)) >= 0:
        number = scans[at + 4]
        first, last, bits = scans[at + 5 + 2 * number : at + 8 + 2 * number]
        if bits & 15 == 0:
            for component in scans[at + 5 : at + 5 + 2 * number : 2]:
                missing.get(component, set()).difference_update(range(first, last + 1))
        at += 2
    return not any(missing.values())


def _read_metadata(source: Source, segments: list[tuple[int, bytes]], jfif: bytes) -> None:
    def contents(marker: int, name: bytes = b"") -> list[bytes]:
        return [content[len(name) :] for of, content in segments if of == marker and content.startswith(name)]

    source.set_exif(b"".join(contents(APP1, EXIF)))
    source.xmp = next(iter(contents(APP1, XMP)), b"")
    if contents(APP1, EXTENDED_XMP):
        source.notes.append("its XMP goes on in more segments, which are left out")
    source.profile = b"".join(part[2:] for part in sorted(contents(APP2, ICC), key=lambda part: part[:1]))
    source.comments = contents(COM)
    with source.attempt("IPTC"):
        source.iptc = iptc_of(b"".join(contents(APP13, PHOTOSHOP)))
    unit, x, y = struct.unpack_from(">BHH", jfif, 7) if len(jfif) >= 12 else (0, 0, 0)
    source.dpi = (x * 2.54, y * 2.54) if unit == 2 else (x, y) if unit == 1 else source.exif.dpi()


def encode_jpeg(pixels: np.ndarray, metadata: Metadata, notes: list[str]) -> bytes:
    """Encode a photo of uint8, shape (H, W, 3); append to `notes` what a JPEG can't hold."""

    def fits(what: str, content: bytes, most: int) -> bool:
        if len(content) > most:
            notes.append(f"its {what} ({len(content):,} bytes) is left out: a JPEG can hold {most:,}")
        return 0 < len(content) <= most

    extra = b"".join(_segment(COM, text) for text in metadata.comments if fits("comment", text, LONGEST_SEGMENT))
    padded = metadata.iptc + bytes(len(metadata.iptc) % 2)
    if fits("IPTC", padded, LONGEST_SEGMENT - len(PHOTOSHOP) - 12):
        resource = b"8BIM" + struct.pack(">HHI", IPTC_RESOURCE, 0, len(metadata.iptc)) + padded
        extra += _segment(APP13, PHOTOSHOP + resource)
    if fits("XMP", metadata.xmp, LONGEST_SEGMENT - len(XMP)):
        extra += _segment(APP1, XMP + metadata.xmp)
    left_out(notes, "a JPEG", text=metadata.texts)
    exif = parse_exif(metadata.exif)
    dpi = metadata.dpi
    whole = dpi is not None and all(0.5 <= number < 65_535.5 and abs(number - round(number)) < 0.01 for number in dpi)
    if dpi is not None and not whole:  # JFIF has whole numbers of 16 bits only
        exif.set_dpi(dpi)
    profile = metadata.icc_profile if fits("color profile", metadata.icc_profile, 255 * (LONGEST_SEGMENT - 14)) else b""
    options = {
        "icc_profile": profile,
        "exif": _shortened(exif, notes),
        "extra": extra,
        "dpi": tuple(round(number) for number in dpi) if dpi is not None and whole else None,
    }
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(
        buffer, "JPEG", quality=QUALITY, **{name: value for name, value in options.items() if value}
    )
    return buffer.getvalue()


def _shortened(exif: Exif, notes: list[str]) -> bytes:
    """Return EXIF that fits into one segment, without the longest values if need be."""
    block, tags = exif.block(), []
    while len(block) > LONGEST_SEGMENT and (largest := exif.largest()):
        part, tag = largest
        tags.append(str(tag))
        del part[tag]
        block = exif.block()
    if tags:
        notes.append(f"part of its EXIF (tag {', '.join(tags)}) is left out: a JPEG can hold {LONGEST_SEGMENT:,} bytes")
    return block
