"""EXIF taken apart and put together again, byte for byte.

A library that decodes the values and encodes them again loses text that is not ASCII, types, and whole blocks for a
single value that it can't read. Here values stay the bytes that they are.

References
----------
CIPA DC-008 (EXIF 3.0), 2023, section 4.6; Adobe, TIFF 6.0, 1992, section 2; Adobe, BigTIFF, 2007.
"""

import io
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import BinaryIO

import numpy as np

__all__ = ["Directory", "Entry", "Exif", "parse_exif", "read_exif"]

#: Main-directory tags that describe the photo rather than the file's layout: name, title, camera, program, date,
#: author, computer, rating, copyright, and Windows' own title, comment, author, keywords, subject.
DESCRIPTIVE_TAGS = (269, 270, 271, 272, 305, 306, 315, 316, 18246, 18249, 33432, 40091, 40092, 40093, 40094, 40095)
#: Tags of the camera settings that don't hold for the output: color space, size, the offset of another directory.
OUTDATED_TAGS = (40961, 40962, 40963, 40965)
ORIENTATION, RESOLUTION, CAMERA, GPS = 274, (282, 283, 296), 0x8769, 0x8825
#: Type of a value → bytes of each item, and of the numbers in it, which the byte order applies to.
TYPES = {
    **dict.fromkeys((1, 2, 6, 7, 129), (1, 1)),
    **dict.fromkeys((3, 8), (2, 2)),
    **dict.fromkeys((4, 9, 11, 13), (4, 4)),
    **dict.fromkeys((5, 10), (8, 4)),
    **dict.fromkeys((12, 16, 17, 18), (8, 8)),
}
LARGEST = 2**26  # bytes of all values; more is damage
MOST_ENTRIES = 2**12


@dataclass(frozen=True)
class Entry:
    """One value: its type, and its bytes in the byte order of the block."""

    kind: int
    data: bytes

    @property
    def count(self) -> int:
        """Number of items in the value."""
        return len(self.data) // TYPES[self.kind][0]

    def numbers(self, order: str) -> list[float]:
        """Return the value as numbers; NaN for a fraction of nothing."""
        letter = {1: "B", 3: "H", 4: "I", 5: "I", 6: "b", 8: "h", 9: "i", 10: "i", 11: "f", 12: "d", 13: "I"}[self.kind]
        values = struct.unpack(f"{order}{len(self.data) // struct.calcsize(letter)}{letter}", self.data)
        if self.kind in (5, 10):
            return [a / b if b else float("nan") for a, b in zip(values[::2], values[1::2], strict=True)]
        return list(values)

    def swapped(self) -> "Entry":
        """Return the same value in the other byte order."""
        return Entry(self.kind, np.frombuffer(self.data, f"u{TYPES[self.kind][1]}").byteswap().tobytes())


Directory = dict[int, Entry]


@dataclass
class Exif:
    """What is kept of a block of EXIF: the main directory, the camera's settings, the position.

    Attributes
    ----------
    order : {"<", ">"}
        Byte order, as in `struct`.
    main, camera, gps : dict of int to Entry
        Values by tag; `main` has what describes the photo, its orientation and its resolution.
    complete : bool
        Whether everything could be read.
    """

    order: str = "<"
    main: Directory = field(default_factory=dict)
    camera: Directory = field(default_factory=dict)
    gps: Directory = field(default_factory=dict)
    complete: bool = True

    def number(self, tag: int) -> float | None:
        """Return the first number of a value of the main directory, if there is one."""
        try:
            return self.main[tag].numbers(self.order)[0]
        except (KeyError, IndexError, struct.error, ValueError):
            return None

    def orientation(self) -> int:
        """Return the orientation, 1 (upright) to 8."""
        number = self.number(ORIENTATION) or 1
        return int(number) if number in range(1, 9) else 1

    def dpi(self) -> tuple[float, float] | None:
        """Return the resolution in dots per inch, horizontal and vertical, if it is told in a unit of length."""
        x, y, unit = (self.number(tag) for tag in RESOLUTION)
        factor = {2: 1, 3: 2.54}.get(2 if unit is None else int(unit))
        return None if factor is None or x is None or y is None else (x * factor, y * factor)

    def set_dpi(self, dpi: tuple[float, float]) -> None:
        """Note a resolution in dots per inch."""
        for tag, number in zip(RESOLUTION[:2], dpi, strict=True):
            fraction = Fraction(number).limit_denominator(10_000 if number < 400_000 else 1)
            pair = min(fraction.numerator, 2**32 - 1), fraction.denominator
            self.main[tag] = Entry(5, struct.pack(f"{self.order}II", *pair))
        self.main[RESOLUTION[2]] = Entry(3, struct.pack(f"{self.order}H", 2))

    def without(self, tags: Iterable[int]) -> "Exif":
        """Return a copy without some tags of the main directory."""
        main = {tag: entry for tag, entry in self.main.items() if tag not in tags}
        return Exif(self.order, main, dict(self.camera), dict(self.gps), self.complete)

    def in_order(self, order: str) -> "Exif":
        """Return the same in a byte order."""
        if order == self.order:
            return self
        main, camera, gps = (
            {tag: entry.swapped() for tag, entry in part.items()} for part in (self.main, self.camera, self.gps)
        )
        return Exif(order, main, camera, gps, self.complete)

    def largest(self) -> tuple[Directory, int] | None:
        """Return the directory and the tag of the value that takes the most bytes."""
        sizes = [
            (len(entry.data), part, tag) for part in (self.main, self.camera, self.gps) for tag, entry in part.items()
        ]
        return max(sizes, key=lambda item: item[0])[1:] if sizes else None

    def block(self) -> bytes:
        """Return it as files hold it, from the word Exif on; empty if there is nothing in it."""
        main = dict(self.main)
        parts = {tag: part for tag, part in ((CAMERA, self.camera), (GPS, self.gps)) if part}
        if not main and not parts:
            return b""
        for tag in parts:
            main[tag] = Entry(4, bytes(4))
        offset = 8 + len(directory_bytes(main, self.order, 0))
        pieces = []
        for tag, part in parts.items():
            main[tag] = Entry(4, struct.pack(f"{self.order}I", offset))
            pieces.append(directory_bytes(part, self.order, offset))
            offset += len(pieces[-1])
        start = {"<": b"II*\0", ">": b"MM\0*"}[self.order] + struct.pack(f"{self.order}I", 8)
        return b"Exif\0\0" + start + directory_bytes(main, self.order, 8) + b"".join(pieces)


def directory_bytes(entries: Directory, order: str, offset: int) -> bytes:
    """Return a directory, followed by its long values, as it stands at an offset of a file."""
    fixed, values = struct.pack(f"{order}H", len(entries)), b""
    start = offset + 2 + 12 * len(entries) + 4
    for tag, entry in sorted(entries.items()):
        place = entry.data.ljust(4, b"\0")
        if len(entry.data) > 4:
            place = struct.pack(f"{order}I", start + len(values))
            values += entry.data + bytes(len(entry.data) % 2)  # values begin at even offsets
        fixed += struct.pack(f"{order}HHI", tag, entry.kind, entry.count) + place
    return fixed + bytes(4) + values


def parse_exif(block: bytes) -> Exif:
    """Take apart a block of EXIF, with or without the word Exif before it; what can't be read is left out."""
    block = block.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    if order is None or len(block) < 8:
        return Exif(complete=not block)
    return read_exif(io.BytesIO(block), struct.unpack(f"{order}I", block[4:8])[0], order)


def read_exif(file: BinaryIO, offset: int, order: str, big: bool = False) -> Exif:
    """Read what is kept of the directory at an offset of a file, and of those it points to.

    Parameters
    ----------
    file : binary file
        A TIFF, or a block of EXIF.
    offset : int
    order : {"<", ">"}
    big : bool
        Whether the file is a BigTIFF.

    Returns
    -------
    Exif
    """
    wanted = (*DESCRIPTIVE_TAGS, ORIENTATION, *RESOLUTION, CAMERA, GPS)
    found, complete = _read_directory(file, offset, order, big, wanted)
    parts: list[Directory] = []
    for tag in (CAMERA, GPS):
        part: Directory = {}
        if entry := found.pop(tag, None):
            start = int.from_bytes(entry.data, "little" if order == "<" else "big")
            part, whole = _read_directory(file, start, order, big, None)
            complete = complete and whole
        parts.append({tag: entry for tag, entry in part.items() if tag not in OUTDATED_TAGS})
    return Exif(order, found, parts[0], parts[1], complete)


def _read_directory(
    file: BinaryIO, offset: int, order: str, big: bool, wanted: tuple[int, ...] | None
) -> tuple[Directory, bool]:
    """Read the entries of a directory, all or those wanted, and tell whether all of them could be read."""
    head, length, count_at = ("Q", 20, "Q") if big else ("H", 12, "I")
    room = struct.calcsize(f"={count_at}")
    entries: Directory = {}
    complete, left = True, LARGEST
    try:
        file.seek(offset)
        (number,) = struct.unpack(order + head, file.read(struct.calcsize(f"={head}")))
        raw = file.read(length * min(number, MOST_ENTRIES))
        complete = len(raw) == length * number
        for start in range(0, len(raw) - length + 1, length):
            tag, kind, count = struct.unpack_from(f"{order}HH{count_at}", raw, start)
            if wanted is not None and tag not in wanted:
                continue
            size = count * TYPES.get(kind, (LARGEST + 1,))[0]
            data = raw[start + length - room : start + length][:size]
            if room < size <= left:
                file.seek(struct.unpack(f"{order}{count_at}", data)[0])
                data = file.read(size)
                left -= len(data)
            if len(data) == size and size:
                entries[tag] = Entry(kind, data)
            else:
                complete = complete and not count
    except (struct.error, OSError, OverflowError, ValueError):  # of offsets that lead nowhere
        return entries, False
    return entries, complete
