"""Damaged, truncated, oversized and unreadable image files: one clear line each, and nothing else."""

import io
import os
import struct
import subprocess
import sys
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image
from test_image_formats import bmp_with_opacity, encode, heic, pnm
from test_image_pixels import SLOPE, UNIT, chunk, png_with, write_tiff

from colorlib.images import PhotoError, image_size, read_image, read_square, write_image
from colorlib.images import read as reading
from conftest import ROOT, environment

NOISE = np.random.default_rng(0).integers(0, 256, (120, 160, 3)).astype(np.uint8)
COLOR = Image.fromarray(NOISE)


def tiff(**options) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, NOISE, photometric="rgb", metadata=None, **options)
    return buffer.getvalue()


WHOLE = {
    "a.jpg": lambda: encode(COLOR, "JPEG", quality=90),
    "progressive.jpg": lambda: encode(COLOR, "JPEG", quality=90, progressive=True),
    "restarts.jpg": lambda: encode(COLOR, "JPEG", quality=90, restart_marker_blocks=3),
    "gray.jpg": lambda: encode(COLOR.convert("L"), "JPEG", quality=90),
    "a.png": lambda: encode(COLOR, "PNG"),
    "16.png": lambda: bytes(imagecodecs.png_encode(NOISE.astype(np.uint16) * 257)),
    "a.tif": tiff,
    **{f"{name}.tif": lambda name=name: tiff(compression=name, rowsperstrip=16) for name in ("lzw", "deflate", "zstd")},
    "packbits.tif": lambda: tiff(compression="packbits", rowsperstrip=30),
    "jpeg.tif": lambda: tiff(compression="jpeg", rowsperstrip=16),
    "tiles.tif": lambda: tiff(compression="lzw", tile=(32, 32)),
    "a.webp": lambda: encode(COLOR, "WEBP", quality=90),
    "lossless.webp": lambda: encode(COLOR, "WEBP", lossless=True),
    "a.avif": lambda: encode(COLOR, "AVIF", quality=90),
    "a.heic": lambda: heic(NOISE),
    "a.bmp": lambda: encode(COLOR, "BMP"),
    "opacity.bmp": lambda: bmp_with_opacity(np.dstack([NOISE, NOISE[..., :1]])[:48, :64]),
    "a.gif": lambda: encode(COLOR, "GIF"),
    "a.jp2": lambda: encode(COLOR, "JPEG2000"),
    "16.jp2": lambda: bytes(imagecodecs.jpeg2k_encode(NOISE.astype(np.uint16) * 257, level=0, codecformat="jp2")),
    "a.jxl": lambda: bytes(imagecodecs.jpegxl_encode(NOISE, lossless=True)),
    "a.pgm": lambda: pnm("P5"),
    "16.ppm": lambda: pnm("P6", 65535),
    "plain.ppm": lambda: pnm("P3"),
}


@pytest.mark.parametrize("name", WHOLE)
def test_a_truncated_file_is_one_line_wherever_it_ends(tmp_path, name, capfd):
    content = WHOLE[name]()
    path = tmp_path / name
    path.write_bytes(content)
    read_image(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for share in (0.001, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97):
            path.write_bytes(content[: max(1, int(share * len(content)))])
            with pytest.raises(PhotoError) as error:
                read_image(path)
            said = str(error.value)
            assert said.startswith((f"{path} is damaged (", f"{path} is not an image that can be read"))
            assert "\n" not in said and len(said) < len(str(path)) + 260
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["a.jpg", "progressive.jpg", "restarts.jpg", "gray.jpg"])
def test_a_jpeg_that_lacks_more_than_its_end_is_damaged(tmp_path, name):
    content = WHOLE[name]()
    (tmp_path / name).write_bytes(content)
    whole = read_image(tmp_path / name).pixels
    for missing in (1, 2):
        (tmp_path / name).write_bytes(content[:-missing])
        assert np.array_equal(read_image(tmp_path / name).pixels, whole)
    for missing in (12, 40, 200, 1000):
        for end in (b"", b"\xff"):
            (tmp_path / name).write_bytes(content[:-missing] + end)
            with pytest.raises(PhotoError, match=r"is damaged \(its end is missing\)"):
                read_image(tmp_path / name)


def test_a_progressive_jpeg_that_lacks_whole_scans_is_damaged(tmp_path):
    content = WHOLE["progressive.jpg"]()
    starts = [i for i in range(len(content) - 1) if content[i : i + 2] == b"\xff\xda"]
    assert len(starts) > 4
    for start in starts[1:]:
        for end in (start, start - 1):
            (tmp_path / "in.jpg").write_bytes(content[:end])
            with pytest.raises(PhotoError, match=r"in.jpg is damaged \("):
                read_image(tmp_path / "in.jpg")


def tag_offset(path, tag: int) -> int:
    with tifffile.TiffFile(path) as file:
        return file.pages.first.tags[tag].offset


#: What is damaged in a TIFF: the tag, the offset in its entry, the content there.
DAMAGES = {
    "no rows per strip": (278, 8, bytes(4)),
    "offsets that are text": (273, 2, b"\2\0"),
    "a width that is text": (256, 2, b"\2\0"),
    "a width of two values": (256, 4, b"\2\0\0\0"),
    "a width of 0": (256, 8, bytes(4)),
    "a height of 0": (257, 8, bytes(4)),
    "a negative height": (257, 2, b"\x09\0\1\0\0\0\xff\xff\xff\xff"),
    "offsets beyond the file": (273, 8, b"\xff\xff\xff\x7f"),
    "no bytes": (279, 8, bytes(4)),
    "an unknown compression": (259, 8, b"\x39\x30"),
    "an unknown interpretation": (262, 8, b"\x39\x30"),
    "a predictor of nothing": (258, 8, b"\x11\0"),
    "no channels": (277, 8, b"\0\0"),
    "too many channels": (277, 8, b"\xff\xff"),
    "an unknown type": (262, 2, b"\x99\0"),
    "a count of a million": (258, 4, b"\x40\x42\x0f\0"),
}


def error_of(read, path) -> str:
    try:
        read(path)
    except PhotoError as error:
        return str(error)
    return ""


def is_slope(path) -> bool:
    return np.array_equal(read_image(path).pixels, SLOPE)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("compression", [None, "lzw"])
def test_a_damaged_header_of_a_tiff_is_one_line(tmp_path, damage, compression, capfd):
    tag, at, content = DAMAGES[damage]
    path = tmp_path / "in.tif"
    write_tiff(path, SLOPE, compression=compression)
    data = bytearray(path.read_bytes())
    place = tag_offset(path, tag) + at
    data[place : place + len(content)] = content
    path.write_bytes(data)
    for read in (read_image, image_size, lambda path: read_square(path, 16)):
        error = error_of(read, path)
        assert error.startswith(f"{path} ") or (error == "" and (read is not read_image or is_slope(path)))
        assert "\n" not in error
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "error, said",
    [
        (MemoryError(), "needs more memory than is available: make it smaller first"),
        (RecursionError("maximum recursion depth exceeded"), "is damaged (maximum recursion depth exceeded): copy"),
        (struct.error("unpack requires a buffer"), "is damaged (unpack requires a buffer): copy"),
        (KeyError(), "is damaged (KeyError): copy"),
        (SystemError("a\n\x1b[31mb"), "is damaged (a [31mb): copy"),
        (AssertionError("x" * 999), f"is damaged ({'x' * 160}…): copy"),
        (OSError("broken data stream"), "is damaged (broken data stream): copy"),
        (OSError(5, "Input/output error"), "can't be read (Input/output error): check its permissions and the disk"),
        (
            Image.DecompressionBombError("x"),
            "is too large to decode safely (more than 178 megapixels): make it smaller",
        ),
        (UserWarning("x"), "is damaged (x): copy"),
    ],
)
def test_whatever_a_decoder_raises_is_one_line(tmp_path, monkeypatch, error, said):
    def fail(data):
        raise error

    (tmp_path / "in.png").write_bytes(png_with(SLOPE))
    monkeypatch.setattr(reading, "open_png", fail)
    for read in (read_image, image_size):
        with pytest.raises(PhotoError) as raised:
            read(tmp_path / "in.png")
        assert str(raised.value).startswith(f"{tmp_path / 'in.png'} {said}")


def test_a_file_that_may_not_be_read_is_not_called_damaged(tmp_path):
    (tmp_path / "in.png").write_bytes(png_with(SLOPE))
    os.chmod(tmp_path / "in.png", 0)
    if os.access(tmp_path / "in.png", os.R_OK):
        pytest.skip("whoever runs this may read everything")
    with pytest.raises(PhotoError, match=r"in.png can't be read \(Permission denied\): check its permissions"):
        read_image(tmp_path / "in.png")


@pytest.mark.skipif(sys.platform == "win32", reason="it has neither pipes nor links for everybody")
def test_names_that_are_no_files(tmp_path):
    (tmp_path / "album.jpg").mkdir()
    (tmp_path / "gone.jpg").symlink_to("nowhere.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    for name, said in {
        "album.jpg": "is not a file: give an image file",
        "pipe.jpg": "is not a file: give an image file",
        "gone.jpg": "is a link to a file that is not there",
        "never.jpg": "does not exist: check the name",
        "x" * 300: "can't be read (File name too long)",
    }.items():
        with pytest.raises(PhotoError) as error:
            read_image(tmp_path / name)
        assert str(error.value).startswith(f"{tmp_path / name} {said}")


# Files that claim to be huge


def webp_bomb() -> bytes:
    data = bytearray(encode(Image.fromarray(np.dstack([SLOPE] * 4)), "WEBP", exif=b"Exif\0\0II*\0\x08\0\0\0\0\0"))
    at = data.index(b"VP8X") + 12
    data[at : at + 6] = b"\xfe\x3f\0\xfe\x3f\0"
    return bytes(data)


def patched(data: bytes, after: bytes, at: int, content: bytes) -> bytes:
    place = data.index(after) + at
    return data[:place] + content + data[place + len(content) :]


def huge_tiff(**options) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, SLOPE, photometric="minisblack", metadata=None, **options)
    data = bytearray(buffer.getvalue())
    with tifffile.TiffFile(io.BytesIO(buffer.getvalue())) as file:
        tags = file.pages.first.tags
        for tag in (256, 257):
            struct.pack_into("<HII", data, tags[tag].offset + 2, 4, 1, 60_000)
    return bytes(data)


def huge_tiles(side: int) -> bytes:
    """A small TIFF whose compressed tiles claim to be much larger than the photo."""
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, SLOPE, photometric="minisblack", metadata=None, compression="deflate", tile=(64, 64))
    data = bytearray(buffer.getvalue())
    with tifffile.TiffFile(io.BytesIO(buffer.getvalue())) as file:
        for tag in (322, 323):
            struct.pack_into("<HII", data, file.pages.first.tags[tag].offset + 2, 4, 1, side)
    return bytes(data)


HUGE = {
    "a.png": lambda: (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(bytes(900)))
        + chunk(b"IEND", b"")
    ),
    "a.jpg": lambda: patched(encode(COLOR, "JPEG"), b"\xff\xc0", 5, b"\xff\xdc\xff\xdc"),
    "a.tif": huge_tiff,
    "lzw.tif": lambda: huge_tiff(compression="lzw"),
    "a.webp": webp_bomb,
    "a.avif": lambda: patched(encode(COLOR, "AVIF"), b"ispe", 8, struct.pack(">II", 60_000, 60_000)),
    "a.heic": lambda: patched(heic(NOISE), b"ispe", 8, struct.pack(">II", 60_000, 60_000)),
    "a.bmp": lambda: patched(encode(COLOR, "BMP"), b"BM", 18, struct.pack("<ii", 60_000, 60_000)),
    "a.gif": lambda: patched(encode(COLOR, "GIF"), b"GIF8", 6, b"\xff\xff\xff\xff"),
    "canvas.gif": lambda: patched(encode(COLOR, "GIF"), b"GIF8", 6, struct.pack("<HH", 13_312, 9_472)),
    "tiles.tif": lambda: huge_tiles(2**31),
    "tiles2.tif": lambda: huge_tiles(2**14),
    "a.jp2": lambda: patched(encode(COLOR, "JPEG2000"), b"ihdr", 4, struct.pack(">II", 60_000, 60_000)),
    "stream.j2k": lambda: patched(
        encode(COLOR, "JPEG2000", no_jp2=True), b"\xff\x51", 6, struct.pack(">II", 60_000, 60_000)
    ),
    "a.jxl": lambda: b"\xff\x0a" + (0b11 << 1 | 59_999 << 3 | 1 << 33).to_bytes(8, "little") + bytes(40),
    "a.ppm": lambda: b"P6 60000 60000 255\n" + bytes(100),
    "wide.ppm": lambda: b"P6 2000000000 2000000000 65535\n" + bytes(100),
}


@pytest.mark.parametrize(
    "options, tags, value",
    [
        ({}, (256,), 700),
        ({}, (257, 278), 700),
        ({}, (257, 278), 500_000),
        ({"tile": (16, 16)}, (322,), 1024),
        ({"tile": (16, 16)}, (323,), 1024),
    ],
)
def test_a_tiff_that_claims_more_pixels_than_its_jpegs_hold(tmp_path, options, tags, value):
    path, pixels = tmp_path / "in.tif", np.dstack([SLOPE] * 3)
    tifffile.imwrite(path, pixels, photometric="ycbcr", compression="jpeg", metadata=None, **options)
    assert read_image(path).pixels.shape == pixels.shape
    data = bytearray(path.read_bytes())
    for tag in tags:
        struct.pack_into("<HII", data, tag_offset(path, tag) + 2, 4, 1, value)
    path.write_bytes(data)
    with pytest.raises(PhotoError, match=r"is damaged \(part of its pixels is missing\)"):
        read_image(path)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured as Linux does")
def test_files_that_claim_to_be_huge_take_neither_time_nor_memory(tmp_path):
    """Each in a process that may take a gigabyte of memory besides what the libraries map, and ten seconds."""
    for name, make in HUGE.items():
        (tmp_path / name).write_bytes(make())
    program = """
import resource, sys
from pathlib import Path
import numpy, imagecodecs, tifffile, pillow_heif
from colorlib.images import PhotoError, read_image, read_square
from PIL import Image
Image.init()
mapped = int(Path("/proc/self/statm").read_text().split()[0]) * 4096
resource.setrlimit(resource.RLIMIT_AS, (mapped + 2**30, mapped + 2**30))
resource.setrlimit(resource.RLIMIT_CPU, (30, 30))
for path in sorted(Path(sys.argv[1]).iterdir()):
    for read in (read_image, lambda path: read_square(path, 64)):
        try:
            read(path)
            print(path.name, "was read")
        except PhotoError as error:
            print(str(error).removeprefix(sys.argv[1] + "/"))
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(int(status["VmHWM"].split()[0]) // 1024)  # what resource tells includes the process that started this one
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        env=environment(ROOT),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0 and done.stderr == "", done.stderr
    *lines, peak = done.stdout.splitlines()
    assert len(lines) == 2 * len(HUGE) and not any("was read" in line for line in lines)
    large = {line.split()[0] for line in lines if "is too large to decode safely" in line}
    damaged = {"a.heic", "a.avif", "a.jp2", "canvas.gif", "tiles.tif", "tiles2.tif"}
    assert large >= set(HUGE) - damaged and not any("more memory" in line for line in lines), lines
    assert int(peak) < 400, lines


def test_a_line_that_tells_the_size(tmp_path):
    (tmp_path / "a.png").write_bytes(HUGE["a.png"]())
    with pytest.raises(
        PhotoError, match=r"a.png is too large to decode safely \(30,000×30,000 pixels, more than 178 mega"
    ):
        read_image(tmp_path / "a.png")


# Nothing else is said


@pytest.mark.filterwarnings("error")
def test_decoders_warn_of_nothing_in_several_threads(tmp_path, capfd):
    """TIFFs with tags of the wrong type, which tifffile logs, and large images, which Pillow warns of."""
    paths = []
    for i in range(12):
        paths.append(tmp_path / f"{i}.tif")
        write_tiff(paths[-1], SLOPE, software="x", datetime="2020:01:01 00:00:00")
        data = bytearray(paths[-1].read_bytes())
        place = tag_offset(paths[-1], 306) + 2
        data[place : place + 2] = b"\x77\0"
        paths[-1].write_bytes(data)
        paths.append(tmp_path / f"{i}.bmp")
        paths[-1].write_bytes(patched(encode(COLOR, "BMP"), b"BM", 18, struct.pack("<ii", 10_000, 10_000)))
    before = list(warnings.filters)

    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(lambda path: error_of(read_image, path), paths))
    assert said[::2] == [""] * 12 and all("is damaged" in text for text in said[1::2])
    assert warnings.filters == before
    assert capfd.readouterr() == ("", "")


def test_an_encoder_that_fails_is_one_line_and_leaves_nothing(tmp_path, monkeypatch):
    from colorlib.images import write

    def fail(*_):
        raise RuntimeError("no encoder\nat all")

    monkeypatch.setitem(write.WITH_16_BITS, "PNG", fail)
    with pytest.raises(PhotoError, match=r"out.png can't be written \(no encoder at all\): choose another format"):
        write_image(tmp_path / "out.png", np.dstack([UNIT.astype(np.float32)] * 3))
    assert list(tmp_path.iterdir()) == []
