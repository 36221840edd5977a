"""Files of public bug reports, colored by the command as a user would: the lightness, the opacity, the one line."""

import struct

import numpy as np
import pytest
import tifffile
from PIL import Image
from test_image_metadata import exif_block, jpeg_with
from test_image_pixels import SLOPE, UNIT, as_uint, chunk, half_opaque, lightness, png_with, write_tiff

from colorlib.cli import main
from colorlib.images import read_image

HALF = half_opaque(SLOPE.shape)


def color(tmp_path, capsys, name: str, target: str = "") -> tuple[np.ndarray, str]:
    """Color a file, check its lightness, and return the opacity of the output and what was said on stderr."""
    target = target or name
    assert main(["colorize", str(tmp_path / name), "-o", str(tmp_path / "out" / target)]) == 0
    image = read_image(tmp_path / "out" / target)
    assert image.pixels.shape == (*SLOPE.shape, 3) and image.notes == ()
    tolerance = 1 if target.endswith(".jpg") else 0.5
    assert np.abs(lightness(image.gray()) - lightness(UNIT)).mean() < tolerance
    return image.alpha, capsys.readouterr().err


@pytest.mark.parametrize("infrared", [0, 90, 255])
def test_infrared_is_not_opacity(tmp_path, capsys, infrared):
    pixels = np.dstack([SLOPE] * 3 + [np.full_like(SLOPE, infrared)])
    write_tiff(tmp_path / "in.tif", pixels, "rgb", extrasamples=["unspecified"])
    alpha, said = color(tmp_path, capsys, "in.tif")
    assert alpha is None
    assert said == f"note: {tmp_path / 'in.tif'}: it has 1 more channel, not of color or opacity, left out\n"


def test_colors_that_were_multiplied_by_their_opacity(tmp_path, capsys):
    stored = np.rint(SLOPE * (128 / 255)).astype(np.uint8)
    write_tiff(tmp_path / "in.tif", np.dstack([stored] * 3 + [HALF]), "rgb", extrasamples=["assocalpha"])
    alpha, said = color(tmp_path, capsys, "in.tif")
    assert np.array_equal(alpha, HALF) and said == ""


def test_gray_of_16_bits_with_opacity(tmp_path, capsys):
    pixels = np.dstack([as_uint(UNIT, 16), HALF.astype(np.uint16) * 257])
    write_tiff(tmp_path / "in.tif", pixels, extrasamples=["unassalpha"])
    alpha, said = color(tmp_path, capsys, "in.tif")
    assert alpha.dtype == np.uint16 and np.array_equal(alpha, pixels[..., 1]) and said == ""


def test_a_turned_palette(tmp_path, capsys):
    table = np.tile(np.arange(256, dtype=np.uint16) * 257, (3, 1))
    tags = [(274, "H", 1, 6, True)]
    write_tiff(tmp_path / "in.tif", np.ascontiguousarray(np.rot90(SLOPE)), "palette", colormap=table, extratags=tags)
    assert color(tmp_path, capsys, "in.tif") == (None, "")


def test_metadata_that_cannot_be_read(tmp_path, capsys):
    (tmp_path / "in.png").write_bytes(png_with(SLOPE, chunk(b"eXIf", b"\0\0\x11\0\0\1\4\0")))
    _, said = color(tmp_path, capsys, "in.png")
    assert said == f"note: {tmp_path / 'in.png'}: its EXIF can't be read, and is left out\n"


def test_metadata_that_the_target_cannot_hold(tmp_path, capsys):
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>" + b"x" * 70_000 + b"</x:xmpmeta>"
    write_tiff(tmp_path / "in.tif", SLOPE, extratags=[(700, "B", len(xmp), xmp, True)])
    _, said = color(tmp_path, capsys, "in.tif", "out.jpg")
    assert said == f"note: {tmp_path / 'in.tif'}: its XMP (70,048 bytes) is left out: a JPEG can hold 65,504\n"
    assert color(tmp_path, capsys, "in.tif", "out.png")[1] == ""
    assert read_image(tmp_path / "out" / "out.png").metadata.xmp == xmp


def test_text_that_is_not_ascii_and_a_comment(tmp_path, capsys):
    segments = jpeg_with(0xE1, exif_block({270: "Köln ©".encode() + b"\0"}))
    comment = struct.pack(">BBH", 0xFF, 0xFE, 2 + len("Köln".encode())) + "Köln".encode()
    (tmp_path / "in.jpg").write_bytes(segments[:20] + comment + segments[20:])
    assert color(tmp_path, capsys, "in.jpg")[1] == ""
    data = (tmp_path / "out" / "in.jpg").read_bytes()
    assert "Köln ©".encode() + b"\0" in data and comment in data


def test_nothing_is_said_of_dots_per_inch_where_nothing_was(tmp_path, capsys):
    write_tiff(tmp_path / "in.tif", SLOPE, resolution=None)
    assert color(tmp_path, capsys, "in.tif")[1] == ""
    with tifffile.TiffFile(tmp_path / "out" / "in.tif") as file:
        assert file.pages.first.tags[296].value == 1  # no unit
    with Image.open(tmp_path / "out" / "in.tif") as image:
        assert "dpi" not in image.info
