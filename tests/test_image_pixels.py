"""What pixels mean, for every kind of file that scanners and programs write: compared with how they were made."""

import io
import struct
import zlib

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from colorlib.color import rgb_to_lab
from colorlib.images import image_size, read_image, read_square

#: A slope that looks different after every turn, 0 to 255, of 48×64 pixels.
SLOPE = np.rint(np.add.outer(np.linspace(0, 100, 48), np.linspace(0, 155, 64))).astype(np.uint8)
UNIT = SLOPE / 255
TURNS = {
    1: lambda image: image,
    2: lambda image: image[:, ::-1],
    3: lambda image: image[::-1, ::-1],
    4: lambda image: image[::-1],
    5: lambda image: image.swapaxes(0, 1),
    6: lambda image: image.swapaxes(0, 1)[::-1],
    7: lambda image: image[::-1, ::-1].swapaxes(0, 1),
    8: lambda image: image.swapaxes(0, 1)[:, ::-1],
}


def lightness(gray: np.ndarray) -> np.ndarray:
    return rgb_to_lab(np.dstack([gray] * 3).astype(np.float32))[..., 0]


def assert_lightness(path, gray: np.ndarray, bits: int, tolerance: float = 0.5, worst: float = 3) -> None:
    """Check that a file reads as a gray image in [0, 1], at its size, everywhere and as the report reads it."""
    image = read_image(path)
    assert image.bits == bits and image.pixels.shape[:2] == gray.shape
    assert image_size(path) == gray.shape[::-1]
    off = np.abs(lightness(image.gray()) - lightness(gray))
    assert off.mean() < tolerance and off.max() < worst
    square = read_square(path, 24) / 255
    expected = np.asarray(Image.fromarray(gray.astype(np.float32)).resize((24, 24), Image.Resampling.LANCZOS))
    assert np.abs(lightness(square[..., 1]) - lightness(expected.clip(0, 1))).mean() < max(1, tolerance)


def half_opaque(shape: tuple[int, ...], most: int = 255) -> np.ndarray:
    return np.full(shape, most // 2 + 1, np.uint8 if most == 255 else np.uint16)


def write_tiff(path, pixels: np.ndarray, photometric: str = "minisblack", **options) -> None:
    options = {"planarconfig": "contig"} | options if pixels.ndim == 3 else options
    tifffile.imwrite(path, pixels, photometric=photometric, metadata=None, **options)


def as_lab(gray: np.ndarray, photometric: str, bits: int) -> np.ndarray:
    """Gray as the CIELAB of a TIFF (TIFF 6.0, section 23, and Technical Note 4)."""
    white = {("cielab", 16): 65535, ("icclab", 16): 65280}.get((photometric, bits), 255)
    middle = 0 if photometric == "cielab" else 2 ** (bits - 1)
    channels = [np.rint(lightness(gray) / 100 * white)] + 2 * [np.full(gray.shape, middle)]
    return np.dstack(channels).astype(f"u{bits // 8}")


#: Kind → bits per channel that are kept, and what writes a slope of that kind and with more tags.
KINDS = {
    "8-bit gray": (8, lambda gray: dict(pixels=as_uint(gray, 8))),
    "16-bit gray": (16, lambda gray: dict(pixels=as_uint(gray, 16))),
    "12-bit gray": (16, lambda gray: dict(pixels=as_uint(gray, 12), bitspersample=12)),
    "14-bit gray": (16, lambda gray: dict(pixels=as_uint(gray, 14), bitspersample=14)),
    "6-bit gray": (8, lambda gray: dict(pixels=as_uint(gray, 6), bitspersample=6)),
    "4-bit gray": (8, lambda gray: dict(pixels=as_uint(gray, 4), bitspersample=4)),
    "2-bit gray": (8, lambda gray: dict(pixels=as_uint(gray, 2), bitspersample=2)),
    "bilevel": (8, lambda gray: dict(pixels=as_uint(gray, 1).astype(bool))),
    "32-bit gray": (16, lambda gray: dict(pixels=np.rint(gray * (2**32 - 1)).astype(np.uint32))),
    "float gray": (16, lambda gray: dict(pixels=gray.astype(np.float32))),
    "half gray": (16, lambda gray: dict(pixels=gray.astype(np.float16))),
    "white is zero": (8, lambda gray: dict(pixels=255 - as_uint(gray, 8), photometric="miniswhite")),
    "16-bit white is zero": (16, lambda gray: dict(pixels=65535 - as_uint(gray, 16), photometric="miniswhite")),
    "4-bit white is zero": (
        8,
        lambda gray: dict(pixels=15 - as_uint(gray, 4), bitspersample=4, photometric="miniswhite"),
    ),
    "palette": (
        8,
        lambda gray: dict(
            pixels=255 - as_uint(gray, 8),
            photometric="palette",
            colormap=np.tile(np.arange(255, -1, -1, dtype=np.uint16) * 257, (3, 1)),
        ),
    ),
    "8-bit RGB": (8, lambda gray: dict(pixels=np.dstack([as_uint(gray, 8)] * 3), photometric="rgb")),
    "16-bit RGB": (16, lambda gray: dict(pixels=np.dstack([as_uint(gray, 16)] * 3), photometric="rgb")),
    "12-bit RGB": (
        16,
        lambda gray: dict(pixels=np.dstack([as_uint(gray, 12)] * 3), bitspersample=12, photometric="rgb"),
    ),
    "planes of RGB": (
        8,
        lambda gray: dict(pixels=np.stack([as_uint(gray, 8)] * 3), photometric="rgb", planarconfig="separate"),
    ),
    "8-bit CMYK": (8, lambda gray: dict(pixels=as_inks(gray, 8), photometric="separated")),
    "16-bit CMYK": (16, lambda gray: dict(pixels=as_inks(gray, 16), photometric="separated")),
    "YCbCr": (
        8,
        lambda gray: dict(
            pixels=np.dstack([as_uint(gray, 8), *[np.full(gray.shape, 128, np.uint8)] * 2]), photometric="ycbcr"
        ),
    ),
    "8-bit CIELAB": (8, lambda gray: dict(pixels=as_lab(gray, "cielab", 8), photometric="cielab")),
    "16-bit CIELAB": (16, lambda gray: dict(pixels=as_lab(gray, "cielab", 16), photometric="cielab")),
    "8-bit ICC CIELAB": (8, lambda gray: dict(pixels=as_lab(gray, "icclab", 8), photometric="icclab")),
    "16-bit ICC CIELAB": (16, lambda gray: dict(pixels=as_lab(gray, "icclab", 16), photometric="icclab")),
}


def as_uint(gray: np.ndarray, bits: int) -> np.ndarray:
    return np.rint(gray * (2**bits - 1)).astype(np.uint8 if bits <= 8 else np.uint16)


def as_inks(gray: np.ndarray, bits: int) -> np.ndarray:
    """Gray mixed of half its black ink and of all others."""
    most = 2**bits - 1
    black = 1 - np.sqrt(gray)
    return np.rint(np.dstack([black] * 4) * most).astype(f"u{bits // 8}")


def rounded(gray: np.ndarray, kind: str) -> np.ndarray:
    """What is left of a slope at the bits of a kind."""
    bits = 1 if kind == "bilevel" else int(kind.split("-")[0]) if kind[0].isdigit() else 8
    return np.rint(gray * (2**bits - 1)) / (2**bits - 1)


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_tiff_in_every_orientation(tmp_path, kind, orientation):
    bits, make = KINDS[kind]
    options = make(np.ascontiguousarray(TURNS[orientation](UNIT)))
    write_tiff(tmp_path / "in.tif", extratags=[(274, "H", 1, orientation, True)], **options)
    assert_lightness(tmp_path / "in.tif", rounded(UNIT, kind), bits)


@pytest.mark.parametrize(
    "compression", ["lzw", "deflate", "packbits", "zstd", "lzma", "jpeg", "webp", "jpeg2000", "png"]
)
@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("layout", [{}, {"tile": (16, 32)}, {"rowsperstrip": 7}, {"bigtiff": True}, {"byteorder": ">"}])
def test_every_compression_of_a_tiff(tmp_path, compression, layout, orientation):
    pixels = np.dstack([TURNS[orientation](SLOPE)] * 3)
    if compression == "jpeg" and layout == {"rowsperstrip": 7}:
        layout = {"rowsperstrip": 16}  # whole blocks
    write_tiff(
        tmp_path / "in.tif",
        pixels,
        "rgb",
        compression=compression,
        extratags=[(274, "H", 1, orientation, True)],
        **layout,
    )
    assert_lightness(tmp_path / "in.tif", UNIT, 8, worst=6)


@pytest.mark.parametrize("compression", ["group3", "group4", "tiff_ccitt"])
@pytest.mark.parametrize("orientation", [1, 5, 8])
def test_every_compression_of_a_fax(tmp_path, compression, orientation):
    black = TURNS[orientation](SLOPE > 99)
    Image.fromarray(np.ascontiguousarray(black)).save(
        tmp_path / "in.tif", compression=compression, tiffinfo={274: orientation}
    )
    assert_lightness(tmp_path / "in.tif", (SLOPE > 99).astype(float), 8)


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("subsampling", [(2, 1), (2, 2)])
@pytest.mark.parametrize("compression", [None, "jpeg"])
def test_colors_at_fewer_pixels_than_lightness(tmp_path, subsampling, compression, orientation):
    stored = np.ascontiguousarray(TURNS[orientation](SLOPE))
    tags = [(274, "H", 1, orientation, True)]
    if compression:
        write_tiff(
            tmp_path / "in.tif",
            np.dstack([stored] * 3),
            "rgb",
            compression="jpeg",
            subsampling=subsampling,
            extratags=tags,
        )
    else:
        write_subsampled(tmp_path / "in.tif", stored, subsampling, tags)
    assert_lightness(tmp_path / "in.tif", UNIT, 8, worst=6)


def write_subsampled(path, luma: np.ndarray, subsampling: tuple[int, int], tags: list) -> None:
    """An uncompressed YCbCr TIFF: blocks of Y, each followed by its Cb and Cr (TIFF 6.0, section 21)."""
    across, down = subsampling
    height, width = luma.shape
    blocks = luma.reshape(height // down, down, width // across, across).transpose(0, 2, 1, 3)
    data = np.concatenate([blocks.reshape(-1, across * down), np.full((blocks.shape[0] * blocks.shape[1], 2), 128)], 1)
    entries = {
        256: (3, width), 257: (3, height), 259: (3, 1), 262: (3, 6), 277: (3, 3), 278: (3, height),
        279: (4, data.size), 274: (3, tags[0][3]), 530: (3, across | down << 16),
    }  # fmt: skip
    at = 8 + 2 + 12 * (len(entries) + 2) + 4
    entries |= {258: (3, at), 273: (4, at + 6)}
    counts = {258: 3, 530: 2}
    body = struct.pack("<H", len(entries))
    for tag, (kind, value) in sorted(entries.items()):
        body += struct.pack("<HHII", tag, kind, counts.get(tag, 1), value)
    path.write_bytes(
        b"II*\0\x08\0\0\0" + body + bytes(4) + struct.pack("<3H", 8, 8, 8) + data.astype(np.uint8).tobytes()
    )


# Opacity


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("extra", ["unassalpha", "assocalpha"])
@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite", "rgb", "separated"])
@pytest.mark.parametrize("planes", ["contig", "separate"])
def test_opacity_in_a_tiff(tmp_path, bits, extra, photometric, planes):
    most = 2**bits - 1
    colors = {"minisblack": as_uint(UNIT, bits), "miniswhite": most - as_uint(UNIT, bits)}
    colors |= {"rgb": np.dstack([as_uint(UNIT, bits)] * 3), "separated": as_inks(UNIT, bits)}
    stored, alpha = colors[photometric], half_opaque(SLOPE.shape, most)
    if extra == "assocalpha":
        stored = np.rint(stored * (int(alpha[0, 0]) / most)).astype(alpha.dtype)
    pixels = np.dstack([stored, alpha])
    pixels = np.ascontiguousarray(np.moveaxis(pixels, -1, 0)) if planes == "separate" else pixels
    write_tiff(tmp_path / "in.tif", pixels, photometric, extrasamples=[extra], planarconfig=planes)
    assert_lightness(tmp_path / "in.tif", UNIT, bits)
    assert np.array_equal(read_image(tmp_path / "in.tif").alpha, alpha)


def test_what_shows_nothing_is_no_division_by_zero(tmp_path):
    pixels = np.dstack([SLOPE] * 3 + [0 * SLOPE])
    write_tiff(tmp_path / "in.tif", pixels, "rgb", extrasamples=["assocalpha"])
    assert read_image(tmp_path / "in.tif").alpha.max() == 0


@pytest.mark.parametrize("extras", [1, 2, 3])
@pytest.mark.parametrize("value", [0, 90, 255])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("photometric", ["minisblack", "rgb", "separated"])
def test_channels_that_are_not_opacity_are_left_out(tmp_path, extras, value, bits, photometric):
    colors = {
        "minisblack": as_uint(UNIT, bits),
        "rgb": np.dstack([as_uint(UNIT, bits)] * 3),
        "separated": as_inks(UNIT, bits),
    }
    infrared = [np.full(SLOPE.shape, value * (257 if bits == 16 else 1), f"u{bits // 8}")] * extras
    pixels = np.dstack([colors[photometric], *infrared])
    write_tiff(tmp_path / "in.tif", pixels, photometric, extrasamples=["unspecified"] * extras)
    image = read_image(tmp_path / "in.tif")
    assert image.alpha is None and f"it has {extras} more channel" in image.notes[0]
    assert_lightness(tmp_path / "in.tif", UNIT, bits)


@pytest.mark.parametrize("kinds", [["unspecified", "unassalpha"], ["unassalpha", "unspecified"]])
def test_opacity_among_other_channels_is_found(tmp_path, kinds):
    alpha = half_opaque(SLOPE.shape)
    extras = [alpha if kind == "unassalpha" else 0 * SLOPE for kind in kinds]
    write_tiff(tmp_path / "in.tif", np.dstack([SLOPE] * 3 + extras), "rgb", extrasamples=kinds)
    assert np.array_equal(read_image(tmp_path / "in.tif").alpha, alpha)
    assert_lightness(tmp_path / "in.tif", UNIT, 8)


# PNG, and what others wrote into it


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png_with(pixels: np.ndarray, *chunks: bytes) -> bytes:
    """A PNG with more chunks after its header."""
    data = bytes(imagecodecs.png_encode(pixels))
    return data[:33] + b"".join(chunks) + data[33:]


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("orientation", TURNS)
def test_every_kind_of_png_in_every_orientation(tmp_path, bits, channels, orientation):
    planes = [as_uint(np.ascontiguousarray(TURNS[orientation](UNIT)), bits)] * (1 if channels < 3 else 3)
    alpha = np.array(TURNS[orientation](half_opaque(SLOPE.shape, 2**bits - 1)))
    pixels = np.dstack(planes + [alpha] * (channels % 2 == 0))
    exif = b"MM\0*\0\0\0\x08\0\x01" + struct.pack(">HHIHH", 274, 3, 1, orientation, 0) + bytes(4)
    (tmp_path / "in.png").write_bytes(png_with(pixels[..., 0] if channels == 1 else pixels, chunk(b"eXIf", exif)))
    assert_lightness(tmp_path / "in.png", UNIT, bits)
    assert (read_image(tmp_path / "in.png").alpha is not None) == (channels % 2 == 0)


@pytest.mark.parametrize("mode, bits", [("1", 1), ("P", 1), ("P", 2), ("P", 4), ("P", 8)])
def test_pngs_of_few_bits(tmp_path, mode, bits):
    levels = np.rint(UNIT * (2**bits - 1)).astype(np.uint8)
    if mode == "1":
        Image.fromarray(levels.astype(bool)).save(tmp_path / "in.png")
    else:
        image = Image.fromarray(levels)
        image.putpalette(list(np.repeat(np.rint(np.linspace(0, 255, 2**bits)), 3).astype(int)))
        image.save(tmp_path / "in.png", bits=bits)
    assert_lightness(tmp_path / "in.png", np.rint(UNIT * (2**bits - 1)) / (2**bits - 1), 8)


@pytest.mark.parametrize("bits", [8, 16])
def test_one_transparent_color_of_a_png(tmp_path, bits):
    pixels = as_uint(UNIT, bits)
    (tmp_path / "in.png").write_bytes(png_with(pixels, chunk(b"tRNS", struct.pack(">H", int(pixels[0, 0])))))
    assert np.array_equal(read_image(tmp_path / "in.png").alpha == 0, pixels == pixels[0, 0])


def of_linear(light: np.ndarray) -> np.ndarray:
    """Linear light in sRGB's encoding (IEC 61966-2-1)."""
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


GAMMAS = [1.0, 0.5, 1 / 1.8, 0.3]
SRGB_CORNERS = [31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000]


@pytest.mark.parametrize("gamma", GAMMAS)
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("corners", [False, True])
def test_the_gamma_of_a_png(tmp_path, gamma, bits, channels, corners):
    chunks = [chunk(b"gAMA", struct.pack(">I", round(gamma * 1e5)))]
    chunks += [chunk(b"cHRM", struct.pack(">8I", *SRGB_CORNERS))] * corners
    pixels = as_uint(UNIT, bits)
    stored = pixels if channels == 1 else np.dstack([pixels] * 3)
    (tmp_path / "in.png").write_bytes(png_with(stored, *chunks))
    expected = of_linear((pixels / (2**bits - 1)) ** (1 / gamma))
    off = np.abs(lightness(read_image(tmp_path / "in.png").gray()) - lightness(expected))
    assert off.mean() < 0.2 and off.max() < (0.7 if bits == 8 else 0.1)


@pytest.mark.parametrize("told", [{b"gAMA": 45455}, {b"gAMA": 100000, b"sRGB": None}, {b"gAMA": 0}, {}])
def test_the_usual_gamma_of_a_png_is_that_of_srgb(tmp_path, told):
    chunks = [chunk(name, b"\0" if value is None else struct.pack(">I", value)) for name, value in told.items()]
    (tmp_path / "in.png").write_bytes(png_with(SLOPE, *chunks))
    image = read_image(tmp_path / "in.png")
    assert np.array_equal(image.pixels, SLOPE)
    assert image.notes == (("its gamma can't be read, and is left out",) if told.get(b"gAMA") == 0 else ())


def test_the_primaries_of_a_png(tmp_path):
    """Adobe RGB, told by numbers: its middle red is a redder sRGB red."""
    adobe = [31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000]
    chunks = chunk(b"gAMA", struct.pack(">I", 45471)), chunk(b"cHRM", struct.pack(">8I", *adobe))
    pixels = np.full((4, 4, 3), (150, 100, 100), np.uint8)
    (tmp_path / "in.png").write_bytes(png_with(pixels, *chunks))
    assert read_image(tmp_path / "in.png").pixels[0, 0].tolist() == pytest.approx([167, 100, 100], abs=2)


# Color profiles


def rgb_profile(gamma: float, primaries=(0.64, 0.33, 0.30, 0.60, 0.15, 0.06)) -> bytes:
    corners = [number for i in (0, 2, 4) for number in (*primaries[i : i + 2], 1)]
    return imagecodecs.cms_profile("rgb", whitepoint=[0.3127, 0.3290, 1.0], gamma=gamma, primaries=corners)


@pytest.mark.parametrize("gamma", [1.0, 1.8, 2.2, 3.0])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("of", ["gray", "rgb"])
@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg"])
def test_the_profile_of_gray(tmp_path, gamma, bits, of, suffix):
    """Of the gray files' own kind, and of RGB, which some programs put on gray files."""
    profile = rgb_profile(gamma)
    if of == "gray":
        profile = imagecodecs.cms_profile("gray", whitepoint=[0.3127, 0.3290, 1.0], gamma=gamma)
    stored = as_uint(UNIT, bits)
    if suffix == ".png":
        (tmp_path / "in.png").write_bytes(png_with(stored, chunk(b"iCCP", b"x\0\0" + zlib.compress(profile))))
    elif suffix == ".tif":
        write_tiff(tmp_path / "in.tif", stored, iccprofile=profile)
    else:
        bits = 8
        Image.fromarray(SLOPE).save(tmp_path / "in.jpg", icc_profile=profile, quality=100)
        stored = SLOPE
    image = read_image(tmp_path / f"in{suffix}")
    expected = of_linear((stored / (2**bits - 1)) ** gamma)
    off = np.abs(lightness(image.gray()) - lightness(expected))
    assert image.notes == () and off.mean() < 0.2 and off.max() < (8 if suffix == ".jpg" else 0.7 if bits == 8 else 0.1)


def test_a_profile_that_means_srgb_is_kept(tmp_path):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for pixels in (SLOPE, np.dstack([SLOPE] * 3)):
        write_tiff(tmp_path / "in.tif", pixels, "minisblack" if pixels.ndim == 2 else "rgb", iccprofile=profile)
        image = read_image(tmp_path / "in.tif")
        assert image.metadata.icc_profile == profile and np.array_equal(image.pixels, pixels)


# Other files


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("progressive", [False, True])
def test_every_kind_of_jpeg_in_every_orientation(tmp_path, mode, progressive, orientation):
    exif = Image.Exif()
    exif[274] = orientation
    stored = np.ascontiguousarray(TURNS[orientation](SLOPE))
    image = (
        Image.fromarray(as_inks(stored / 255, 8), "CMYK") if mode == "CMYK" else Image.fromarray(stored).convert(mode)
    )
    image.save(tmp_path / "in.jpg", quality=100, exif=exif, progressive=progressive)
    assert_lightness(tmp_path / "in.jpg", UNIT, 8, worst=8)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("restart", [0, 4])
@pytest.mark.parametrize("cut", [1, 2])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_jpeg_that_lacks_only_its_end_is_decoded(tmp_path, mode, progressive, restart, cut):
    buffer = io.BytesIO()
    options = {"restart_marker_blocks": restart} if restart else {}
    Image.fromarray(SLOPE).convert(mode).save(buffer, "JPEG", quality=98, progressive=progressive, **options)
    (tmp_path / "in.jpg").write_bytes(buffer.getvalue()[:-cut])
    assert_lightness(tmp_path / "in.jpg", UNIT, 8, worst=8)
