"""The image files that are read and written, and the error that says why one can't be."""

from pathlib import Path

__all__ = ["SUFFIXES", "WRITTEN", "PhotoError", "image_format", "output_name", "sniff_format"]

#: Ending of a file name → the format.
SUFFIXES = {
    **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif"), "JPEG"),
    ".png": "PNG",
    **dict.fromkeys((".tif", ".tiff"), "TIFF"),
    ".webp": "WebP",
    ".avif": "AVIF",
    **dict.fromkeys((".heic", ".heif", ".hif"), "HEIC"),
    **dict.fromkeys((".bmp", ".dib"), "BMP"),
    ".gif": "GIF",
    **dict.fromkeys((".jp2", ".j2k", ".jpf", ".jpx"), "JPEG 2000"),
    ".jxl": "JPEG XL",
    **dict.fromkeys((".pbm", ".pgm", ".ppm", ".pnm"), "PNM"),
}
#: Formats that are also written. The others hold neither metadata nor, some of them, color: PNG stands in for them.
WRITTEN = ("JPEG", "PNG", "TIFF", "WebP", "AVIF", "HEIC")

_BEGINNINGS = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    **dict.fromkeys((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), "TIFF"),
    b"BM": "BMP",
    **dict.fromkeys((b"GIF87a", b"GIF89a"), "GIF"),
    **dict.fromkeys((b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"), "JPEG 2000"),
    **dict.fromkeys((b"\0\0\0\x0cJXL \r\n\x87\n", b"\xff\x0a"), "JPEG XL"),
    **dict.fromkeys((b"P1", b"P2", b"P3", b"P4", b"P5", b"P6"), "PNM"),
}
_AVIF_BRANDS = (b"avif", b"avis")
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


class PhotoError(ValueError):
    """A photo, folder or collection that can't be used; the message names it and the remedy."""


def image_format(path: Path) -> str:
    """Return the format in which a file of this name is written.

    Raises
    ------
    PhotoError
        If the ending of the name stands for none; the message lists those that do.
    """
    file_format = SUFFIXES.get(path.suffix.lower())
    if file_format not in WRITTEN:
        endings = ", ".join(suffix for suffix, of in SUFFIXES.items() if of in WRITTEN)
        raise PhotoError(f"{path} can't be written: its name must end in one of {endings}")
    return file_format


def output_name(name: str) -> str:
    """Return the name under which the colors of a file are written: its own, or with ``.png`` added to it.

    >>> output_name("a.jpg"), output_name("a.gif")
    ('a.jpg', 'a.gif.png')
    """
    return name if SUFFIXES.get(Path(name).suffix.lower()) in WRITTEN else f"{name}.png"


def sniff_format(beginning: bytes) -> str | None:
    """Tell the format of a file from its first 64 bytes, whatever its name; None if it is none of those known."""
    if beginning[:4] == b"RIFF" and beginning[8:12] == b"WEBP":
        return "WebP"
    if beginning[4:8] == b"ftyp":  # ISO base media: the major brand, then the compatible ones
        end = max(12, min(int.from_bytes(beginning[:4], "big"), 64))
        brands = [beginning[8:12], *(beginning[i : i + 4] for i in range(16, end, 4))]
        if any(brand in _AVIF_BRANDS for brand in brands):
            return "AVIF"
        return "HEIC" if any(brand in _HEIC_BRANDS for brand in brands) else None
    return next((name for start, name in _BEGINNINGS.items() if beginning.startswith(start)), None)
