"""The image files that people have: each read as it was made, written in its own container or as PNG."""

import io
import struct
import subprocess
import sys

import imagecodecs
import numpy as np
import pillow_heif
import pytest
import tifffile
from PIL import Image
from test_image_pixels import SLOPE, TURNS, UNIT, as_uint, assert_lightness, half_opaque, lightness, write_tiff

from colorlib.cli import main
from colorlib.images import (
    SUFFIXES,
    WRITTEN,
    PhotoError,
    image_format,
    image_size,
    output_name,
    read_image,
    write_image,
)
from colorlib.images.source import MORE_FRAMES
from conftest import ROOT, environment


def encode(image: Image.Image, name: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, name, **options)
    return buffer.getvalue()


def pnm(kind: str, most: int = 255, comment: str = "") -> bytes:
    levels = np.rint(UNIT * most).astype(int)
    channels = levels if kind in "P2P5" else np.dstack([levels] * 3)
    head = f"{kind}\n{comment}64 48\n{most}\n".encode()
    if kind in ("P2", "P3"):
        return head + " ".join(map(str, channels.ravel())).encode()
    return head + channels.astype(">u2" if most > 255 else "u1").tobytes()


def bmp_with_opacity(rgba: np.ndarray) -> bytes:
    rows = rgba[::-1, :, [2, 1, 0, 3]].tobytes()
    header = struct.pack("<IiiHHIIiiII", 108, 64, 48, 1, 32, 3, len(rows), 11811, 11811, 0, 0)
    header += struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000) + b"BGRs" + bytes(48)
    return b"BM" + struct.pack("<IHHI", 122 + len(rows), 0, 0, 122) + header + rows


JXL_NOTE = "its metadata can't be read here, and are left out"
GRAY, COLOR = Image.fromarray(SLOPE), Image.fromarray(np.dstack([SLOPE] * 3))
FILES = {
    "gray.bmp": (8, lambda: encode(GRAY, "BMP")),
    "color.bmp": (8, lambda: encode(COLOR, "BMP")),
    "palette.dib": (8, lambda: encode(GRAY.convert("P"), "BMP")),
    "gray.gif": (8, lambda: encode(GRAY, "GIF")),
    "frames.gif": (8, lambda: encode(GRAY, "GIF", save_all=True, append_images=[Image.new("L", (64, 48), 7)])),
    "gray.webp": (8, lambda: encode(GRAY, "WEBP", lossless=True)),
    "frames.webp": (
        8,
        lambda: encode(COLOR, "WEBP", lossless=True, save_all=True, append_images=[Image.new("RGB", (64, 48))]),
    ),
    "gray.avif": (8, lambda: encode(GRAY, "AVIF", quality=100)),
    "color.avif": (8, lambda: encode(COLOR, "AVIF", quality=100)),
    "gray.jp2": (8, lambda: bytes(imagecodecs.jpeg2k_encode(SLOPE, level=0, codecformat="jp2"))),
    "color.jp2": (8, lambda: encode(COLOR, "JPEG2000")),
    "lossy.jp2": (8, lambda: encode(COLOR, "JPEG2000", irreversible=True, quality_mode="dB", quality_layers=[50])),
    "stream.j2k": (8, lambda: encode(COLOR, "JPEG2000", no_jp2=True)),
    "gray16.jp2": (16, lambda: bytes(imagecodecs.jpeg2k_encode(as_uint(UNIT, 16), level=0, codecformat="jp2"))),
    "gray12.jp2": (16, lambda: bytes(imagecodecs.jpeg2k_encode(as_uint(UNIT, 12), level=0, bitspersample=12))),
    "color16.jp2": (16, lambda: bytes(imagecodecs.jpeg2k_encode(np.dstack([as_uint(UNIT, 16)] * 3), level=0))),
    "gray.jxl": (8, lambda: bytes(imagecodecs.jpegxl_encode(SLOPE, lossless=True))),
    "color.jxl": (8, lambda: bytes(imagecodecs.jpegxl_encode(np.dstack([SLOPE] * 3)))),
    "color16.jxl": (16, lambda: bytes(imagecodecs.jpegxl_encode(np.dstack([as_uint(UNIT, 16)] * 3), lossless=True))),
    "bare.jxl": (8, lambda: bytes(imagecodecs.jpegxl_encode(SLOPE, lossless=True, usecontainer=False))),
    "plain.pgm": (8, lambda: pnm("P2", comment="# by hand\n")),
    "plain.ppm": (8, lambda: pnm("P3")),
    "gray.pgm": (8, lambda: pnm("P5")),
    "color.ppm": (8, lambda: pnm("P6")),
    "gray10.pgm": (16, lambda: pnm("P5", 1023)),
    "gray16.pgm": (16, lambda: pnm("P5", 65535)),
    "color10.ppm": (16, lambda: pnm("P6", 1023)),
    "color16.pnm": (16, lambda: pnm("P6", 65535)),
    "gray12.jpg": (16, lambda: bytes(imagecodecs.jpeg_encode(as_uint(UNIT, 12), bitspersample=12, level=100))),
    "lossless.jpg": (8, lambda: bytes(imagecodecs.jpeg_encode(SLOPE, lossless=True))),
    "color.jfif": (8, lambda: encode(COLOR, "JPEG", quality=98)),
    "color.jpe": (8, lambda: encode(COLOR, "JPEG", quality=98)),
}


@pytest.mark.parametrize("name", FILES)
def test_every_kind_of_file_is_read(tmp_path, name):
    bits, make = FILES[name]
    (tmp_path / name).write_bytes(make())
    assert_lightness(tmp_path / name, UNIT, bits, worst=9)
    alpha = read_image(tmp_path / name).alpha
    assert alpha is None or (alpha.min() == 255 and name == "frames.webp")
    (tmp_path / "misnamed.png").write_bytes(make())
    assert np.array_equal(read_image(tmp_path / "misnamed.png").pixels, read_image(tmp_path / name).pixels)


def test_black_on_white(tmp_path):
    dark = SLOPE < 99
    (tmp_path / "in.pbm").write_bytes(b"P4 64 48\n" + np.packbits(dark, axis=1).tobytes())
    assert_lightness(tmp_path / "in.pbm", (~dark).astype(float), 8)


@pytest.mark.parametrize("name", ["in.webp", "in.avif", "in.heic", "in.jp2", "in.jxl", "in.bmp", "in.gif"])
def test_opacity_is_read(tmp_path, name):
    alpha = np.where(np.arange(64) < 32, 0, 255).astype(np.uint8) + 0 * SLOPE
    rgba = np.dstack([SLOPE] * 3 + [alpha])
    image = Image.fromarray(rgba)
    encoded = {
        "in.webp": lambda: encode(image, "WEBP", lossless=True),
        "in.avif": lambda: encode(image, "AVIF", quality=100),
        "in.heic": lambda: heic(rgba),
        "in.jp2": lambda: encode(image, "JPEG2000"),
        "in.jxl": lambda: bytes(imagecodecs.jpegxl_encode(rgba, lossless=True)),
        "in.bmp": lambda: bmp_with_opacity(rgba),
        "in.gif": lambda: encode(image, "GIF"),
    }
    (tmp_path / name).write_bytes(encoded[name]())
    found = read_image(tmp_path / name)
    assert np.abs(found.alpha.astype(int) - alpha).mean() < 1
    seen = alpha > 0
    assert np.abs(lightness(found.gray())[seen] - lightness(UNIT)[seen]).mean() < (2 if name == "in.gif" else 1)


# HEIC, which takes one more package


def heic(pixels: np.ndarray, **info) -> bytes:
    mode = {2: "L", 3: "RGB"}[pixels.ndim] if pixels.shape[2:] != (4,) else "RGBA"
    image = pillow_heif.from_bytes(mode + ";16" * (pixels.dtype == np.uint16), pixels.shape[1::-1], pixels.tobytes())
    image[0].info.update(info)
    buffer = io.BytesIO()
    image.save(buffer, quality=-1)
    return buffer.getvalue()


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("channels", [1, 3])
def test_heic_files(tmp_path, bits, channels):
    pixels = as_uint(UNIT, bits)
    (tmp_path / "in.heic").write_bytes(heic(pixels if channels == 1 else np.dstack([pixels] * 3)))
    assert_lightness(tmp_path / "in.heic", UNIT, bits, worst=5)


def test_heic_without_its_package_is_one_line_that_says_which(tmp_path, monkeypatch):
    (tmp_path / "in.heic").write_bytes(heic(SLOPE))
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(
        PhotoError, match="in.heic is a HEIC file, which needs one more package: pip install pillow-heif"
    ):
        read_image(tmp_path / "in.heic")
    with pytest.raises(PhotoError, match="out.heic can't be written: HEIC needs one more package"):
        write_image(tmp_path / "out.heic", np.zeros((4, 4, 3), np.float32))


@pytest.mark.parametrize("name", ["AVIF", "WEBP", "HEIC"])
@pytest.mark.parametrize("orientation", TURNS)
def test_every_orientation_of_other_files(tmp_path, name, orientation):
    exif = Image.Exif()
    exif[274] = orientation
    stored = np.ascontiguousarray(np.dstack([TURNS[orientation](SLOPE)] * 3))
    path = tmp_path / f"in.{name.lower()}"
    if name == "HEIC":
        path.write_bytes(heic(stored, exif=exif.tobytes()))  # turned by the container, which its readers go by
    else:
        path.write_bytes(encode(Image.fromarray(stored), name, exif=exif.tobytes(), quality=100))
    assert_lightness(path, UNIT, 8, worst=8)


# What is written


def test_the_table_in_the_readme_is_what_the_library_does():
    done = subprocess.run(
        [sys.executable, "tools/formats_table.py", "--check"],
        cwd=ROOT,
        env=environment(ROOT),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_same_container_is_written_or_png(suffix):
    name = output_name(f"Photo{suffix.upper()}")
    assert name == f"Photo{suffix.upper()}" + (".png" if SUFFIXES[suffix] not in WRITTEN else "")


@pytest.mark.parametrize("suffix", [suffix for suffix, of in SUFFIXES.items() if of in WRITTEN])
@pytest.mark.parametrize("bits", [8, 16])
def test_every_format_that_is_written_is_read_again(tmp_path, suffix, bits):
    path = tmp_path / f"out{suffix}"
    write_image(path, np.dstack([UNIT.astype(np.float32)] * 3), bits=bits)
    assert image_format(path) == SUFFIXES[suffix]
    assert_lightness(path, UNIT, bits if suffix in (".png", ".tif", ".tiff") else 8, worst=9)


@pytest.mark.parametrize("name", ["out.gif", "out.bmp", "out.jxl", "out.xyz", "out"])
def test_a_name_that_stands_for_no_format_that_is_written(tmp_path, name):
    with pytest.raises(PhotoError, match=rf"{name} can't be written: its name must end in one of \.jpg, "):
        write_image(tmp_path / name, np.zeros((4, 4, 3), np.float32))


@pytest.mark.parametrize("suffix, longest", [(".jpg", 65_500), (".webp", 16_383)])
def test_a_photo_that_is_too_long_for_its_format_says_so(tmp_path, suffix, longest):
    rgb = np.zeros((2, longest + 1, 3), np.float32)
    with pytest.raises(PhotoError, match=rf"out{suffix} can't be written: a \w+ has at most {longest:,} pixels a side"):
        write_image(tmp_path / f"out{suffix}", rgb)
    write_image(tmp_path / f"out{suffix}", rgb[:, :longest])
    assert image_size(tmp_path / f"out{suffix}") == (longest, 2)


@pytest.mark.parametrize("name", ["in.gif", "in.bmp", "in.pgm", "in.jp2", "in.jfif"])
def test_files_of_other_formats_are_colored(tmp_path, name):
    make = {
        "in.pgm": lambda: pnm("P5"),
        "in.jp2": lambda: encode(GRAY, "JPEG2000"),
        "in.jfif": lambda: encode(GRAY, "JPEG"),
    }
    (tmp_path / name).write_bytes(make.get(name, lambda: encode(GRAY, name[3:].upper()))())
    assert main(["colorize", str(tmp_path / name), "-o", str(tmp_path / "out")]) == 0
    colored = read_image(tmp_path / "out" / output_name(name))
    assert np.abs(lightness(colored.gray()) - lightness(UNIT)).mean() < 0.5


# Pages of a TIFF


def pages(path, *sizes: tuple[int, int], **options) -> None:
    """A TIFF with pages of these heights and widths; the n-th is a gray of 40·n."""
    with tifffile.TiffWriter(path) as file:
        for number, (height, width) in enumerate(sizes):
            kind = options.get("kinds", [0] * len(sizes))[number]
            gray = np.full((height, width), 40 * (number + 1), np.uint8)
            gray = gray > 0 if kind == 4 else gray
            file.write(gray, photometric="minisblack", metadata=None, subfiletype=kind, contiguous=False)


@pytest.mark.parametrize(
    "sizes, kinds, chosen, note",
    [
        ([(48, 64)], [0], 0, ""),
        ([(48, 64)], [1], 0, "it says that it holds only a smaller copy of the photo, which is colored"),
        ([(48, 64), (48, 64)], [0, 0], 0, "it has 1 more page, left out"),
        ([(48, 64)] * 5, [2] * 5, 0, "it has 4 more pages, left out"),
        ([(12, 16), (48, 64)], [1, 0], 1, ""),  # a thumbnail that says so
        ([(12, 16), (48, 64)], [0, 0], 1, ""),  # one that doesn't
        ([(13, 16), (480, 640)], [0, 0], 1, ""),  # one that was rounded
        ([(12, 16), (48, 64), (48, 64)], [1, 0, 0], 1, "it has 1 more page, left out"),
        ([(48, 64), (24, 32), (12, 16)], [0, 1, 1], 0, ""),  # a pyramid
        ([(48, 64), (48, 64)], [0, 4], 0, ""),  # a mask
        ([(40, 64), (80, 64)], [0, 0], 0, "it has 1 more page, left out"),  # of another shape
        ([(700, 600), (1400, 1200)], [0, 0], 0, "it has 1 more page, left out"),  # too large for a thumbnail
    ],
)
def test_the_page_of_a_tiff_that_is_the_photo(tmp_path, sizes, kinds, chosen, note):
    pages(tmp_path / "in.tif", *sizes, kinds=kinds)
    image = read_image(tmp_path / "in.tif")
    assert image.pixels.shape == sizes[chosen] and set(image.pixels.ravel()) == {40 * (chosen + 1)}
    assert image.notes == ((note,) if note else ()) and image_size(tmp_path / "in.tif") == sizes[chosen][::-1]


@pytest.mark.parametrize(
    "tag, at, content", [(256, 2, b"\2\0"), (258, 8, b"\xff\0"), (273, 2, b"\2\0"), (278, 8, bytes(4))]
)
def test_a_damaged_second_page_does_not_keep_the_first_from_being_read(tmp_path, tag, at, content):
    pages(tmp_path / "in.tif", (48, 64), (48, 64))
    with tifffile.TiffFile(tmp_path / "in.tif") as file:
        offset = file.pages[1].tags[tag].offset + at
    data = bytearray((tmp_path / "in.tif").read_bytes())
    data[offset : offset + len(content)] = content
    (tmp_path / "in.tif").write_bytes(data)
    image = read_image(tmp_path / "in.tif")
    assert set(image.pixels.ravel()) == {40}
    assert image.notes in (("it has 1 more page, left out",), ("its page 2 can't be read, and is left out",))


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "AVIF", "PNG"])
def test_of_an_animation_the_first_frame_is_read_with_a_word(tmp_path, kind):
    for frames, notes in (([], ()), ([Image.new("L", (64, 48), 7)], (MORE_FRAMES,))):
        (tmp_path / "in").write_bytes(encode(GRAY, kind, save_all=True, append_images=frames))
        image = read_image(tmp_path / "in")
        assert image.notes == notes and np.abs(lightness(image.gray()) - lightness(UNIT)).mean() < 1


def test_a_damaged_second_frame_does_not_keep_the_first_from_being_read(tmp_path):
    whole = encode(GRAY, "GIF", save_all=True, append_images=[Image.new("L", (64, 48), 7)])
    second = whole.rindex(b"\x2c\0\0\0\0") + 3  # in the middle of where it says how large it is
    (tmp_path / "in.gif").write_bytes(whole[:second])
    assert np.abs(lightness(read_image(tmp_path / "in.gif").gray()) - lightness(UNIT)).mean() < 1


def test_metadata_of_a_jpeg_xl_are_noted(tmp_path):
    bare = bytes(imagecodecs.jpegxl_encode(SLOPE, lossless=True, usecontainer=True))
    for box, notes in ((b"", ()), (struct.pack(">I4sI", 20, b"Exif", 0) + b"II*\0\0\0\0\0", (JXL_NOTE,))):
        (tmp_path / "in.jxl").write_bytes(bare + box)
        image = read_image(tmp_path / "in.jxl")
        assert image.notes == notes and np.array_equal(image.pixels, SLOPE)


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".avif", ".heic"])
def test_fewer_bits_than_the_photo_had_are_noted(tmp_path, suffix):
    rgb = np.dstack([UNIT.astype(np.float32)] * 3)
    (note,) = write_image(tmp_path / f"out{suffix}", rgb, bits=16)
    assert "more than 8 bits per channel" in note
    assert write_image(tmp_path / f"out{suffix}", rgb, bits=8) == []


@pytest.mark.parametrize("bits", [8, 16])
def test_half_opaque_photos_stay_so_in_every_format_that_holds_it(tmp_path, bits):
    alpha = half_opaque(SLOPE.shape) / np.float32(255)
    for suffix in (".png", ".tif", ".webp", ".avif", ".heic"):
        write_image(tmp_path / f"out{suffix}", np.dstack([UNIT.astype(np.float32)] * 3), alpha, bits=bits)
        image = read_image(tmp_path / f"out{suffix}")
        assert np.abs(image.opacity() - alpha).max() < 0.03
        assert np.abs(lightness(image.gray()) - lightness(UNIT)).mean() < 1


def test_numbers_that_are_no_pixels_are_refused(tmp_path):
    for pixels, kind in (
        (SLOPE.astype(np.int16), "int16"),
        (UNIT.astype(np.float32) * np.nan, "float32 beyond 0 to 1"),
    ):
        write_tiff(tmp_path / "in.tif", pixels)
        with pytest.raises(PhotoError, match=f"in.tif has pixels of kind {kind}: save it as"):
            read_image(tmp_path / "in.tif")
