"""PNG files, decoded and encoded by imagecodecs at 8 and 16 bits per channel.

The decoder sees only the chunks that hold pixels; the others are read here, so that damaged metadata don't keep the
pixels from being decoded, and texts stay as they are.

References
----------
W3C, Portable Network Graphics, 3rd edition, 2025, chapter 11.
"""

import struct
import zlib
from collections.abc import Iterator

import numpy as np

from .exif import parse_exif
from .metadata import Metadata, iptc_of
from .profiles import profile_of_gamma
from .source import MORE_FRAMES, Pixels, Source, inflate, split_alpha

__all__ = ["encode_png", "open_png"]

SIGNATURE = b"\x89PNG\r\n\x1a\n"
OF_PIXELS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT")
XMP_TEXT, COMMENT = b"XML:com.adobe.xmp", b"Comment"
RAW_PROFILE = b"Raw profile type "
INCH = 0.0254  # meters
LONGEST_KEYWORD = 79  # bytes
MOST_COMMENTS = 2**24  # bytes of all of them
Chunk = tuple[bytes, bytes, memoryview]  # its type; its content, but that of pixels; all of its bytes


def open_png(data: bytes) -> Source:
    """Open a PNG: its header and its metadata."""
    chunks = list(_chunks(data))
    if not chunks or chunks[0][0] != b"IHDR" or len(chunks[0][1]) != 13:
        raise ValueError("it has no header")
    width, height, _, kind = struct.unpack(">IIBB", chunks[0][1][:10])

    def decode(side: int) -> Pixels:
        import imagecodecs

        stripped = SIGNATURE + b"".join(whole for name, _, whole in chunks if name in OF_PIXELS) + _chunk(b"IEND", b"")
        pixels = np.atleast_3d(imagecodecs.png_decode(stripped))
        return split_alpha(pixels, 3 if pixels.shape[-1] >= 3 else 1)

    source = Source((width, height), decode)
    _read_metadata(source, chunks, is_gray=kind in (0, 4))
    return source


def _chunks(data: bytes) -> Iterator[Chunk]:
    """Yield each whole chunk."""
    at = len(SIGNATURE)
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        name, end = data[at + 4 : at + 8], at + 12 + length
        if end > len(data):
            return
        yield name, b"" if name == b"IDAT" else data[at + 8 : end - 4], memoryview(data)[at:end]
        if name == b"IEND":
            return
        at = end


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def _read_metadata(source: Source, chunks: list[Chunk], is_gray: bool) -> None:
    found = {name: content for name, content, _ in chunks}
    exif = found.get(b"eXIf", b"")
    for name, content, _ in chunks:
        if name in (b"tEXt", b"zTXt", b"iTXt"):
            keyword = content.partition(b"\0")[0][:40].decode("latin-1")
            with source.attempt(f"text {keyword!r}"):
                exif = _read_text(source, name, content) or exif
    source.set_exif(exif)
    if found.get(b"acTL", b"")[:4] > b"\0\0\0\1":
        source.notes.append(MORE_FRAMES)
    if b"pHYs" in found:
        with source.attempt("resolution"):
            x, y, unit = struct.unpack(">IIB", found[b"pHYs"])
            source.dpi = (x * INCH, y * INCH) if unit == 1 else None
    if b"iCCP" in found:
        with source.attempt("color profile"):
            source.profile = inflate(found[b"iCCP"].split(b"\0", 1)[1][1:])
    elif b"gAMA" in found and b"sRGB" not in found:
        with source.attempt("gamma"):
            (gamma,) = struct.unpack(">I", found[b"gAMA"])
            corners = struct.unpack(">8I", found[b"cHRM"]) if b"cHRM" in found else ()
            source.profile = profile_of_gamma(gamma / 1e5, [corner / 1e5 for corner in corners], is_gray)


def _read_text(source: Source, name: bytes, content: bytes) -> bytes:
    """Take what a chunk of text holds; return EXIF, if it is that."""
    keyword, _, rest = content.partition(b"\0")
    if keyword == XMP_TEXT and name == b"iTXt":
        source.xmp = _text(name, rest)
    elif keyword.startswith(RAW_PROFILE):
        what, raw = keyword.removeprefix(RAW_PROFILE), _raw_profile(_text(name, rest))
        if what in (b"exif", b"APP1") and raw.startswith((b"Exif", b"II", b"MM")):
            return raw
        if what == b"xmp":
            source.xmp = raw
        elif what in (b"iptc", b"8bim"):
            source.iptc = iptc_of(raw) if raw.startswith(b"8BIM") else raw
    elif keyword == COMMENT:
        comments = [*source.comments, _text(name, rest)]
        if sum(map(len, comments)) > MOST_COMMENTS:
            raise ValueError("too long")
        source.comments = comments
    else:
        if not 1 <= len(keyword) <= LONGEST_KEYWORD:
            raise ValueError("not a keyword")
        _text(name, rest)  # a damaged one would keep other programs from reading the output
        source.texts.append(name + content)
    return b""


def _text(name: bytes, rest: bytes) -> bytes:
    """Return the text of a chunk, of which this is all after its keyword."""
    if name == b"tEXt":
        return rest
    if name == b"zTXt":
        if rest[:1] != b"\0":
            raise ValueError("not a way of compression")
        return inflate(rest[1:])
    parts = rest[2:].split(b"\0", 2)  # language, keyword in that language, text
    if len(parts) < 3 or (rest[0] and rest[:2] != b"\1\0"):
        raise ValueError("not a text")
    return inflate(parts[2]) if rest[:1] == b"\1" else parts[2]


def _raw_profile(text: bytes) -> bytes:
    """Decode ImageMagick's form of a profile: a name and a length in lines of their own, then hexadecimal digits."""
    return bytes.fromhex(b"".join(text.strip().split(b"\n")[2:]).decode("ascii"))


def encode_png(pixels: np.ndarray, metadata: Metadata, notes: list[str]) -> bytes:
    """Encode a photo of uint8 or uint16, shape (H, W, 3) or (H, W, 4), and insert its metadata after the header."""
    import imagecodecs

    chunks = []
    if metadata.icc_profile:
        chunks.append(_chunk(b"iCCP", b"sRGB\0\0" + zlib.compress(metadata.icc_profile)))
    if metadata.dpi:
        numbers = [round(number / INCH) for number in metadata.dpi]
        if max(numbers) < 2**31:
            chunks.append(_chunk(b"pHYs", struct.pack(">IIB", *numbers, 1)))
        else:
            notes.append("its resolution is left out: it is more than a PNG can hold")
    if metadata.exif:
        chunks.append(_chunk(b"eXIf", parse_exif(metadata.exif).block().removeprefix(b"Exif\0\0")))
    if metadata.xmp:
        chunks.append(_chunk(b"iTXt", XMP_TEXT + b"\0\0\0\0\0" + metadata.xmp))
    if metadata.iptc:  # there is no chunk for it; this is what ImageMagick and ExifTool write
        digits = metadata.iptc.hex().encode()
        lines = b"\n".join(digits[i : i + 72] for i in range(0, len(digits), 72))
        text = b"\niptc\n%8d\n" % len(metadata.iptc) + lines + b"\n"
        chunks.append(_chunk(b"zTXt", RAW_PROFILE + b"iptc\0\0" + zlib.compress(text)))
    chunks += [_comment(text) for text in metadata.comments]
    chunks += [_chunk(text[:4], text[4:]) for text in metadata.texts]
    encoded = bytes(imagecodecs.png_encode(pixels))
    return encoded[:33] + b"".join(chunks) + encoded[33:]


def _comment(text: bytes) -> bytes:
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return _chunk(b"tEXt", COMMENT + b"\0" + text.replace(b"\0", b""))  # Latin-1
    is_ascii = text.isascii() and b"\0" not in text
    return _chunk(b"tEXt", COMMENT + b"\0" + text) if is_ascii else _chunk(b"iTXt", COMMENT + b"\0\0\0\0\0" + text)
