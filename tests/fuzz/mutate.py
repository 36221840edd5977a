"""Damage done to image files at random, but the same for the same seed: to bytes, chunks and tags, by truncation.

Where a format has checks of its own (PNG) they are made again, so that damage is not noticed by them alone.
"""

import random
import struct
import zlib
from collections.abc import Callable, Mapping

__all__ = ["mutate"]

#: Values at the edges of what fields of 1, 2 and 4 bytes hold.
EDGES = {
    1: (0, 1, 0x7F, 0x80, 0xFF),
    2: (0, 1, 0x7FFF, 0x8000, 0xFFFF),
    4: (0, 1, 2, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF),
}
HEADER = 400  # bytes at the start of a file that are damaged as often as all that follows
TIFF_HEADS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def mutate(corpus: Mapping[str, bytes], seed: int) -> tuple[str, bytes, str]:
    """Damage one file of a corpus in one to three ways.

    Parameters
    ----------
    corpus : mapping of str to bytes
    seed : int
        Below 0 stand the files themselves, without damage.

    Returns
    -------
    name : str
        That of the file in the corpus.
    content : bytes
    ways : str
        What was done to it.
    """
    if seed < 0:
        name = sorted(corpus)[seed]
        return name, corpus[name], "nothing"
    rng = random.Random(seed)
    name = rng.choice(sorted(corpus))
    content, done = corpus[name], []
    for _ in range(rng.choice((1, 1, 2, 3))):
        ways = [*BYTES, *(_ways_of_format(content) * 2)]
        way = rng.choice(ways)
        content = way(content, rng) or content
        done.append(way.__name__.strip("_"))
    if rng.random() < 0.05:
        other = corpus[rng.choice(sorted(corpus))]
        cut = _place(content, rng)
        content, done = content[:cut] + other[min(cut, len(other)) :], [*done, "splice"]
    return name, content, "+".join(done)


def _place(content: bytes, rng: random.Random) -> int:
    end = min(HEADER, len(content)) if rng.random() < 0.5 else len(content)
    return rng.randrange(end) if end else 0


def flip(content: bytes, rng: random.Random) -> bytes:
    """Flip bits of up to eight bytes."""
    damaged = bytearray(content)
    for _ in range(rng.randint(1, 8) if damaged else 0):
        damaged[_place(damaged, rng)] ^= 1 << rng.randrange(8)
    return bytes(damaged)


def edge(content: bytes, rng: random.Random) -> bytes:
    """Write a number from the edges of its range somewhere."""
    size = rng.choice((1, 2, 4))
    value = rng.choice(EDGES[size]).to_bytes(size, rng.choice(("big", "little")))
    place = _place(content, rng)
    return content[:place] + value + content[place + size :]


def truncate(content: bytes, rng: random.Random) -> bytes:
    return content[: _place(content, rng)]


def drop(content: bytes, rng: random.Random) -> bytes:
    """Leave out up to 64 bytes."""
    place = _place(content, rng)
    return content[:place] + content[place + rng.randint(1, 64) :]


def repeat(content: bytes, rng: random.Random) -> bytes:
    """Write up to 64 bytes twice."""
    place, size = _place(content, rng), rng.randint(1, 64)
    return content[: place + size] + content[place:]


def noise(content: bytes, rng: random.Random) -> bytes:
    """Overwrite up to 32 bytes by any others."""
    place, size = _place(content, rng), rng.randint(1, 32)
    return content[:place] + rng.randbytes(size) + content[place + size :]


BYTES: tuple[Callable[[bytes, random.Random], bytes], ...] = (flip, edge, truncate, drop, repeat, noise)


def _ways_of_format(content: bytes) -> list[Callable[[bytes, random.Random], bytes | None]]:
    if content.startswith(b"\x89PNG"):
        return [png_chunk]
    if content.startswith(TIFF_HEADS):
        return [tiff_tag]
    if content.startswith(b"RIFF"):
        return [riff_chunk]
    if content.startswith(b"\xff\xd8"):
        return [jpeg_segment]
    return [number]


def png_chunk(content: bytes, rng: random.Random) -> bytes | None:
    """Damage, drop, repeat or move one chunk of a PNG, with its check made again."""
    chunks, place = [], 8
    while place + 12 <= len(content):
        size = int.from_bytes(content[place : place + 4], "big")
        chunks.append(content[place + 4 : place + 8 + size])
        place += 12 + size
    parts = _shuffled(chunks, rng, 4)
    framed = (struct.pack(">I", max(len(part) - 4, 0)) + part + struct.pack(">I", zlib.crc32(part)) for part in parts)
    return content[:8] + b"".join(framed)


def riff_chunk(content: bytes, rng: random.Random) -> bytes | None:
    """The same with a WebP."""
    chunks, place = [], 12
    while place + 8 <= len(content):
        size = int.from_bytes(content[place + 4 : place + 8], "little")
        chunks.append(content[place : place + 4] + content[place + 8 : place + 8 + size])
        place += 8 + size + size % 2
    body = b"".join(
        part[:4] + struct.pack("<I", len(part) - 4) + part[4:] + b"\0" * (len(part) % 2)
        for part in _shuffled(chunks, rng, 4)
        if len(part) >= 4
    )
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def jpeg_segment(content: bytes, rng: random.Random) -> bytes | None:
    """The same with a segment of a JPEG, up to where the pixels begin."""
    segments, place = [], 2
    while content[place : place + 1] == b"\xff" and content[place + 1 : place + 2] not in (b"\xda", b""):
        size = int.from_bytes(content[place + 2 : place + 4], "big")
        segments.append(content[place + 1 : place + 2] + content[place + 4 : place + 2 + size])
        place += 2 + max(size, 2)
    parts = _shuffled(segments, rng, 1)
    framed = (b"\xff" + part[:1] + struct.pack(">H", min(len(part) + 1, 0xFFFF)) + part[1:] for part in parts)
    return content[:2] + b"".join(framed) + content[place:]


def tiff_tag(content: bytes, rng: random.Random) -> bytes | None:
    """Change number, type, count or value of one tag of a TIFF, or copy another over it."""
    order = "<" if content.startswith(b"I") else ">"
    big = content[2:4] in (b"+\0", b"\0+")
    head, size, counts = ("Q", 20, "QQ") if big else ("I", 12, "II")  # of a directory's place, of a tag, of its numbers
    try:
        (start,) = struct.unpack_from(f"{order}{head}", content, 8 if big else 4)
        (entries,) = struct.unpack_from(f"{order}{'Q' if big else 'H'}", content, start)
    except struct.error:  # damaged already
        return None
    start += 8 if big else 2
    tags = [place for place in range(start, start + size * min(entries, 99), size) if place + size <= len(content)]
    if not tags:
        return None
    place = rng.choice(tags)
    number, kind, count, value = struct.unpack_from(f"{order}HH{counts}", content, place)
    edges = (*EDGES[2], *EDGES[4], rng.randrange(len(content)))
    match rng.randrange(5):
        case 0:
            number = rng.choice((*range(254, 340), 700, 33432, 34665, 34675, 34853))
        case 1:
            kind = rng.randrange(20)
        case 2:
            count = rng.choice(edges)
        case 3:
            value = rng.choice(edges)
        case 4:
            other = rng.choice(tags)
            return content[:place] + content[other : other + size] + content[place + size :]
    return content[:place] + struct.pack(f"{order}HH{counts}", number, kind, count, value) + content[place + size :]


def number(content: bytes, rng: random.Random) -> bytes | None:
    """Change a number of the header of any other format by a little or a lot."""
    place, size = rng.randrange(max(1, min(80, len(content)))), rng.choice((1, 2, 4))
    value = int.from_bytes(content[place : place + size], "little")
    value = rng.choice((value + 1, value - 1, value * 2, value * 256, value // 2)) % 256**size
    return content[:place] + value.to_bytes(size, "little") + content[place + size :]


def _shuffled(parts: list[bytes], rng: random.Random, fixed: int) -> list[bytes]:
    """Damage, drop, repeat or move one part; its first ``fixed`` bytes, its name, change rarely."""
    if not parts:
        return parts
    parts = list(parts)
    chosen = rng.randrange(len(parts))
    match rng.randrange(6):
        case 0:
            del parts[chosen]
        case 1:
            parts.insert(rng.randrange(len(parts)), parts[chosen])
        case 2:
            parts.insert(rng.randrange(len(parts)), parts.pop(chosen))
        case _:
            head, body = (b"", parts[chosen]) if rng.random() < 0.1 else (parts[chosen][:fixed], parts[chosen][fixed:])
            parts[chosen] = head + rng.choice(BYTES)(body, rng)
    return parts
