"""TIFF files, decoded and encoded by tifffile and imagecodecs: any compression, bits, number of channels.

What is stored is turned into gray, RGB or CMYK here: inverted and palette pixels, CIELAB, opacity that the colors were
multiplied by.

References
----------
Adobe, TIFF 6.0, 1992; TIFF Technical Notes 1 (pages in other resolutions), 1995, and 4 (CIELAB), 2002.
"""

import io
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import numpy as np
from PIL import Image

from .exif import CAMERA, GPS, Directory, Exif, directory_bytes, parse_exif, read_exif
from .jpeg import size_of_jpeg
from .metadata import Metadata, left_out
from .profiles import lab_to_srgb
from .source import MAX_PIXELS, Pixels, Source, scaled_to_full, split_alpha, unknown_pixels

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage

__all__ = ["encode_tiff", "open_tiff"]

#: Photometric interpretation → number of color channels.
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK, YCBCR, CIELAB, ICCLAB = 0, 1, 2, 3, 5, 6, 8, 9
COLORS = {WHITE_IS_ZERO: 1, BLACK_IS_ZERO: 1, RGB: 3, PALETTE: 1, CMYK: 4, YCBCR: 3, CIELAB: 3, ICCLAB: 3}
PREMULTIPLIED, OPACITY = 1, 2  # what an extra channel is
#: Tags that say how pixels are stored.
OF_LAYOUT = (256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 317, 320, 322, 323, 324, 325, 338, 339)
XMP_TAG, IPTC_TAG, PROFILE_TAG = 700, 33723, 34675
OLD_JPEG, JPEG = 6, 7
SMALL = 512  # pixels of the longer side of what may be a thumbnail
LARGEST_TILE = 2**22  # pixels, of a photo that is smaller than its tiles
MOST_PAGES = 64  # that are looked at


def open_tiff(path: Path) -> Source:
    """Open a TIFF: the page that holds the photo, and its metadata."""
    import tifffile

    with tifffile.TiffFile(path) as file:
        notes: list[str] = []
        page, others = _choose_page(file, notes)
        if others:
            notes.append(f"it has {others} more page{'s' * (others > 1)}, left out")
        number = page.index

        def decode(side: int) -> Pixels:
            with tifffile.TiffFile(path) as file:
                return _decode(_page(file, number), path, notes)

        source = Source((page.imagewidth, page.imagelength), decode, notes=notes)
        if source.size[0] * source.size[1] * page.samplesperpixel * page.bitspersample > MAX_PIXELS * 64:
            raise unknown_pixels(f"{page.samplesperpixel} channels of {page.bitspersample} bits")
        if page.is_tiled and page.tilewidth * page.tilelength > max(4 * source.size[0] * source.size[1], LARGEST_TILE):
            raise ValueError(f"its tiles claim to be {page.tilewidth}×{page.tilelength} pixels")
        _read_metadata(source, file, page)
    return source


def _page(file: "TiffFile", number: int) -> "TiffPage":
    """Return a page with tags of its own; tifffile may otherwise share those of the first."""
    import tifffile

    page = file.pages[number]
    page = page if isinstance(page, tifffile.TiffPage) else page.aspage()
    numbers = page.imagewidth, page.imagelength, page.samplesperpixel, page.bitspersample, page.subfiletype
    if not all(isinstance(number, int) for number in numbers):
        raise ValueError("its header has texts or lists for numbers")
    handle, layout = file.filehandle, file.tiff
    handle.seek(page.offset)
    (count,) = struct.unpack(layout.tagnoformat, handle.read(layout.tagnosize))
    entries = handle.read(count * layout.tagsize)
    codes = {struct.unpack_from(f"{file.byteorder}H", entries, at)[0] for at in range(0, len(entries), layout.tagsize)}
    for code in sorted(codes.intersection(OF_LAYOUT)):
        if code not in page.tags:  # tifffile passes over what it can't read, and takes the default
            raise ValueError(f"its tag {code} can't be read")
    return page


def _choose_page(file: "TiffFile", notes: list[str]) -> tuple["TiffPage", int]:
    """Return the first page that is neither a smaller copy nor a mask, and how many more there are."""
    count = len(file.pages)
    first = _page(file, 0)
    pages = [first]
    for number in range(1, min(count, MOST_PAGES)):
        try:
            pages.append(_page(file, number))
        except Exception:  # tifffile raises all kinds of errors; the photo is on another page
            notes.append(f"its page {number + 1} can't be read, and is left out")
            count -= 1
    full = [page for page in pages if not _is_copy_or_mask(page)]
    if not full:  # camera raw files keep the photo elsewhere
        notes.append("it says that it holds only a smaller copy of the photo, which is colored")
        full = [first]
    chosen = full[0]
    if max(chosen.imagewidth, chosen.imagelength) <= SMALL:  # a thumbnail need not say that it is one
        chosen = next((page for page in full if _is_enlargement(page, chosen)), chosen)
        full = [page for page in full if page is chosen or not _is_enlargement(chosen, page)]
    return chosen, len(full) - 1 + count - len(pages)


def _is_copy_or_mask(page: "TiffPage") -> bool:
    old = page.tags.get(255)
    return bool(page.subfiletype & 5) or (old is not None and old.value == 2)


def _is_enlargement(page: "TiffPage", small: "TiffPage") -> bool:
    """Tell whether a page is at least twice as large as another, of the same shape but for rounding."""
    scale_x, scale_y = page.imagewidth / max(1, small.imagewidth), page.imagelength / max(1, small.imagelength)
    shorter = max(1, min(small.imagewidth, small.imagelength))
    return min(scale_x, scale_y) >= 2 and abs(scale_x / scale_y - 1) < 0.02 + 1 / shorter


def _read_metadata(source: Source, file: "TiffFile", page: "TiffPage") -> None:
    handle, order = file.filehandle, file.byteorder
    source.exif = read_exif(cast(BinaryIO, handle), page.offset, order, file.is_bigtiff)
    if page.index and not (source.exif.camera or source.exif.gps):  # the photo's, but on the page of its thumbnail
        first = read_exif(cast(BinaryIO, handle), _page(file, 0).offset, order, file.is_bigtiff)
        main = {**first.main, **source.exif.main}
        source.exif = Exif(order, main, first.camera, first.gps, first.complete and source.exif.complete)
    if not source.exif.complete:
        source.leave_out("part of its EXIF")
    source.dpi = source.exif.dpi()
    for tag, name in ((XMP_TAG, "xmp"), (IPTC_TAG, "iptc"), (PROFILE_TAG, "profile")):
        if entry := page.tags.get(tag):
            handle.seek(entry.valueoffset)
            size = entry.valuebytecount
            content = handle.read(size)
            if len(content) < size:
                source.leave_out({"profile": "color profile"}.get(name, name.upper()))
            else:
                setattr(source, name, content)


def _decode(page: "TiffPage", path: Path, notes: list[str]) -> Pixels:
    photometric = int(page.photometric)
    if 262 not in page.tags:  # as libtiff takes it
        photometric = RGB if page.samplesperpixel >= 3 else BLACK_IS_ZERO
    if photometric not in COLORS:
        raise unknown_pixels(str(getattr(page.photometric, "name", photometric)))
    if photometric == YCBCR and page.compression != JPEG and (page.is_subsampled or page.compression == OLD_JPEG):
        return _decode_with_libtiff(page, path), None
    pixels, colors = _samples(page, path), COLORS[photometric]
    if pixels.shape[-1] < colors:
        raise ValueError(f"{pixels.shape[-1]} of {colors} channels")
    if photometric in (CIELAB, ICCLAB) and pixels.dtype.itemsize != page.bitspersample / 8:
        raise unknown_pixels(f"CIELAB of {page.bitspersample} bits")
    kinds = [int(kind) for kind in page.extrasamples][: pixels.shape[-1] - colors]
    opacity = next((i for i, kind in enumerate(kinds) if kind in (PREMULTIPLIED, OPACITY)), None)
    if others := pixels.shape[-1] - colors - (opacity is not None):
        notes.append(f"it has {others} more channel{'s' * (others > 1)}, not of color or opacity, left out")
    pixels, alpha = split_alpha(pixels, colors, pixels.shape[-1] if opacity is None else colors + opacity)
    of_color = photometric in (WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, CMYK)
    if alpha is not None and opacity is not None and kinds[opacity] == PREMULTIPLIED and of_color:
        pixels = _divided(pixels, alpha)
    return _interpret(pixels, photometric, page), alpha


def _samples(page: "TiffPage", path: Path) -> np.ndarray:
    """Return what is stored, (H, W, C), as uint8 or uint16 of full range; palette indices as they are."""
    if not page.is_contiguous:
        segments, size = list(zip(page.dataoffsets, page.databytecounts, strict=False)), path.stat().st_size
        if len(segments) < np.prod(page.chunked) or any(
            not count or offset + count > size for offset, count in segments
        ):
            raise ValueError("part of its pixels is missing")
        if page.compression == JPEG:  # whose decoder would fill with gray what is missing
            length, width = (page.tilelength, page.tilewidth) if page.is_tiled else (page.rowsperstrip, page.imagewidth)
            with open(path, "rb") as file:
                file.seek(segments[0][0])
                has_width, has_length = size_of_jpeg(file.read(segments[0][1]))
            if has_width < min(width, page.imagewidth) or has_length < min(length, page.imagelength):
                raise ValueError("part of its pixels is missing")
    stored = page.asarray(squeeze=False)  # separate channels, depth, height, width, channels
    if stored.shape[1] != 1:
        raise unknown_pixels("voxel")
    samples = np.moveaxis(stored[:, 0], 0, -1).reshape(*stored.shape[2:4], -1)
    if samples.dtype == bool:
        samples = samples.astype(np.uint8)
    if samples.dtype.kind == "f":
        if not (samples.min() >= 0 and samples.max() <= 1):
            raise unknown_pixels(f"{samples.dtype} beyond 0 to 1")
        return np.rint(samples * np.float64(65535)).astype(np.uint16)
    if samples.dtype.kind != "u":
        raise unknown_pixels(str(samples.dtype))
    return samples if int(page.photometric) == PALETTE else scaled_to_full(samples, page.bitspersample)


def _divided(pixels: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Undo the multiplication of colors by their opacity; where nothing shows, they stay 0."""
    most = np.iinfo(pixels.dtype).max
    divided = np.empty_like(pixels)
    opacity = np.maximum(alpha, 1).astype(np.uint32)
    for index in np.ndindex(pixels.shape[2:]):  # by channel, for the memory
        channel = (..., *index)
        divided[channel] = np.minimum((pixels[channel] * np.uint32(most) + opacity // 2) // opacity, most)
    return divided


def _interpret(pixels: np.ndarray, photometric: int, page: "TiffPage") -> np.ndarray:
    """Turn pixels of one interpretation into gray, RGB or CMYK."""
    if photometric == WHITE_IS_ZERO:
        return np.iinfo(pixels.dtype).max - pixels
    if photometric == PALETTE:
        table = np.asarray(page.colormap).T.astype(np.uint16)  # of 16 bits, but for some programs' 8
        table = table.astype(np.uint8) if table.max() < 256 else np.rint(table / 257).astype(np.uint8)
        return table[pixels]
    if photometric == YCBCR and page.compression != JPEG:
        if pixels.dtype != np.uint8:
            raise unknown_pixels("YCbCr of 16 bits")
        return np.asarray(Image.fromarray(np.ascontiguousarray(pixels), "YCbCr").convert("RGB"))
    if photometric in (CIELAB, ICCLAB):
        lab = pixels.copy()
        if photometric == CIELAB:  # a and b are signed
            lab[..., 1:] ^= 0x80 if lab.dtype == np.uint8 else 0x8000
        if lab.dtype == np.uint16:  # 256 steps to the unit, where ICC profiles have 257
            scaled = slice(None) if photometric == ICCLAB else slice(1, None)
            lab[..., scaled] = np.minimum(lab[..., scaled] * np.uint32(257) // 256, 65535)
        return lab_to_srgb(lab)
    return pixels


def _decode_with_libtiff(page: "TiffPage", path: Path) -> np.ndarray:
    """Decode what tifffile doesn't: JPEG of the kind before 1995, and colors at fewer pixels than lightness."""
    import imagecodecs

    content = bytearray(path.read_bytes())
    if orientation := page.tags.get(274):  # libtiff would turn some of the images
        struct.pack_into(f"{page.parent.byteorder}H", content, orientation.valueoffset, 1)
    return imagecodecs.tiff_decode(bytes(content), index=page.index, asrgb=True)[..., :3]


def encode_tiff(pixels: np.ndarray, metadata: Metadata, notes: list[str]) -> bytes:
    """Encode a photo of uint8 or uint16, shape (H, W, 3) or (H, W, 4); append to `notes` what a TIFF can't hold."""
    import tifffile

    exif = parse_exif(metadata.exif).in_order("<")
    tags: list[tuple[int, int, int, Any, bool]]
    tags = [(tag, entry.kind, entry.count, entry.data, True) for tag, entry in exif.main.items()]
    for tag, kind, content in ((XMP_TAG, 1, metadata.xmp), (IPTC_TAG, 7, metadata.iptc)):
        if content:
            tags.append((tag, kind, len(content), content, True))
    pointed = {tag: part for tag, part in ((CAMERA, exif.camera), (GPS, exif.gps)) if part}
    tags += [(tag - 1, 4, 1, bytes(4), True) for tag in pointed]  # tifffile refuses their own tags
    options: dict[str, Any] = {"resolution": metadata.dpi, "resolutionunit": "INCH"} if metadata.dpi else {}
    if pixels.dtype == np.uint16:
        options |= {"compression": "deflate", "predictor": True}
    left_out(notes, "a TIFF", comment=metadata.comments, text=metadata.texts)
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer,
        pixels,
        byteorder="<",
        photometric="rgb",
        metadata=None,
        extrasamples=["unassalpha"] if pixels.shape[-1] == 4 else None,
        extratags=tags,
        software=False,
        iccprofile=metadata.icc_profile or None,
        **options,
    )
    if pointed:
        _append_directories(buffer, pointed)
    return buffer.getvalue()


def _append_directories(buffer: io.BytesIO, parts: dict[int, Directory]) -> None:
    """Put directories of camera settings and position at the end of a TIFF, and note where they are.

    In their places stand values of the tags one below, which mean nothing in a TIFF and are sorted as they are.
    """
    import tifffile

    buffer.seek(0)
    with tifffile.TiffFile(buffer) as file:
        places = {tag: file.pages.first.tags[tag - 1].offset for tag in parts}
    for tag, part in parts.items():
        offset = buffer.seek(0, io.SEEK_END)
        offset += buffer.write(bytes(offset % 2))
        buffer.write(directory_bytes(part, "<", offset))
        buffer.seek(places[tag])
        buffer.write(struct.pack("<HHII", tag, 4, 1, offset))
