"""What a file says besides its pixels: kept byte for byte, left out with a word where it can't be read or held."""

import io
import struct
import zlib

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms
from test_image_formats import encode, heic
from test_image_pixels import SLOPE, UNIT, chunk, png_with, write_tiff

from colorlib.images import Metadata, read_image, write_image

RGB = np.dstack([UNIT.astype(np.float32)] * 3)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>K\xc3\xb6ln</x:xmpmeta>"
IPTC = b"\x1c\x02\x78\0\x05K\xc3\xb6ln\x1c\x02\x50\0\x02me"
ALL = [".jpg", ".png", ".tif", ".webp", ".avif", ".heic"]


def exif_block(texts: dict[int, bytes], order: str = "<", camera: bytes = b"", orientation: int = 0) -> bytes:
    """EXIF with texts of any bytes, and a note of the camera's maker, in a byte order."""
    entries = {tag: (2, len(text), text) for tag, text in texts.items()}
    if orientation:
        entries[274] = (3, 1, struct.pack(f"{order}H", orientation))
    if camera:
        entries[0x8769] = (4, 1, b"")
    values, offset = b"", 8 + 2 + 12 * len(entries) + 4
    directory = struct.pack(f"{order}H", len(entries))
    for tag, (kind, count, data) in sorted(entries.items()):
        if tag == 0x8769:
            data = struct.pack(f"{order}I", offset + sum(len(text) for text in texts.values() if len(text) > 4))
        place = data.ljust(4, b"\0")
        if len(data) > 4:
            place = struct.pack(f"{order}I", offset + len(values))
            values += data
        directory += struct.pack(f"{order}HHI", tag, kind, count) + place
    if camera:
        at = offset + len(values) + 2 + 2 * 12 + 4
        values += struct.pack(f"{order}H", 2) + struct.pack(f"{order}HHII", 37500, 7, len(camera), at)
        values += struct.pack(f"{order}HHII", 33434, 5, 1, at + len(camera)) + bytes(4)
        values += camera + struct.pack(f"{order}II", 1, 250)
    start = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}I", 8)
    return b"Exif\0\0" + start + directory + bytes(4) + values


def with_exif(suffix: str, block: bytes) -> bytes:
    """A file that holds EXIF as it stands; encoders that look into it are told nothing."""
    image, bare = Image.fromarray(np.dstack([SLOPE] * 3)), block.removeprefix(b"Exif\0\0")
    if suffix == ".png":
        return png_with(SLOPE, chunk(b"eXIf", bare))
    if suffix == ".heic":
        return heic(np.dstack([SLOPE] * 3), exif=block)
    return encode(image, {".jpg": "JPEG", ".webp": "WEBP", ".avif": "AVIF"}[suffix], exif=block)


def texts_of(path) -> dict[int, bytes]:
    """EXIF texts of a file, by an independent reader that leaves them as bytes."""
    data = path.read_bytes()
    if path.suffix == ".tif":
        with tifffile.TiffFile(path) as file:
            tags = file.pages.first.tags
            return {tag.code: data[tag.valueoffset :][: tag.valuebytecount] for tag in tags if tag.dtype == 2}
    at = max(data.find(b"II*\0"), data.find(b"MM\0*"))
    order = "<" if data[at : at + 2] == b"II" else ">"
    block = data[at:]
    (start,) = struct.unpack_from(f"{order}I", block, 4)
    found = {}
    for i in range(struct.unpack_from(f"{order}H", block, start)[0]):
        tag, kind, count = struct.unpack_from(f"{order}HHI", block, start + 2 + 12 * i)
        place = start + 10 + 12 * i
        if kind == 2:
            found[tag] = block[place if count <= 4 else struct.unpack_from(f"{order}I", block, place)[0] :][:count]
    return found


# EXIF


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("text", ["Köln ©".encode(), "Köln ©".encode("latin-1"), "東京".encode(), b"abc", b"x"])
@pytest.mark.parametrize("source", [".jpg", ".png", ".webp", ".avif", ".heic"])
@pytest.mark.parametrize("bits", [8, 16])
def test_texts_of_exif_stay_byte_for_byte(tmp_path, order, text, source, bits):
    texts = {270: text + b"\0", 315: b"A" + text + b"\0"}
    (tmp_path / f"in{source}").write_bytes(with_exif(source, exif_block(texts, order)))
    image = read_image(tmp_path / f"in{source}")
    assert image.notes == ()
    for suffix in ALL:
        assert all("bits" in note for note in write_image(tmp_path / f"out{suffix}", RGB, None, image.metadata, bits))
        assert texts_of(tmp_path / f"out{suffix}") == texts


@pytest.mark.parametrize("text", ["Köln ©".encode(), "Köln".encode("latin-1"), b"abc"])
@pytest.mark.parametrize("options", [{}, {"byteorder": ">"}, {"bigtiff": True}])
def test_texts_of_a_tiff_stay_byte_for_byte(tmp_path, text, options):
    tags = [(270, 2, len(text) + 1, text + b"\0", True), (315, 2, len(text) + 1, text + b"\0", True)]
    write_tiff(tmp_path / "in.tif", SLOPE, extratags=tags, software="S", **options)
    for suffix in ALL:
        write_image(tmp_path / f"out{suffix}", RGB, None, read_image(tmp_path / "in.tif").metadata)
        assert texts_of(tmp_path / f"out{suffix}") == {270: text + b"\0", 315: text + b"\0", 305: b"S\0"}


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("suffix", ALL)
@pytest.mark.parametrize("bits", [8, 16])
def test_settings_of_the_camera_are_kept_everywhere(tmp_path, suffix, order, bits):
    maker = b"Maker\0\1\2\3\xff" * 50
    (tmp_path / "in.jpg").write_bytes(with_exif(".jpg", exif_block({271: b"Maker\0"}, order, maker)))
    image = read_image(tmp_path / "in.jpg")
    write_image(tmp_path / f"out{suffix}", RGB, None, image.metadata, bits)
    with (heif_image if suffix == ".heic" else Image.open)(tmp_path / f"out{suffix}") as written:
        settings = written.getexif().get_ifd(0x8769)
    assert settings[37500] == maker and settings[33434] == pytest.approx(1 / 250)
    again = read_image(tmp_path / f"out{suffix}").metadata.exif
    assert maker in again and read_image(tmp_path / f"out{suffix}").notes == ()


def heif_image(path) -> Image.Image:
    import pillow_heif

    return pillow_heif.open_heif(path).to_pillow()


DAMAGE = {
    "no header": b"Exif\0\0" + b"\0\0\x11\0\0\1\4\0",
    "cut in the header": b"Exif\0\0II*\0\x08",
    "leads nowhere": b"Exif\0\0II*\0\xff\xff\xff\x7f",
    "cut in the directory": exif_block({270: b"a long text\0"})[:24],
    "claims a million entries": b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + bytes(30),
    "noise": b"Exif\0\0MM\0*" + bytes(range(256)),
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".avif"])
def test_exif_that_cannot_be_read_is_left_out_with_a_word(tmp_path, suffix, damage):
    good = exif_block({270: b"text" * 60 + b"\0"})
    data = with_exif(suffix, good)
    if suffix in (".png", ".jpg"):
        whole = with_exif(suffix, DAMAGE[damage]) if suffix == ".png" else jpeg_with(0xE1, DAMAGE[damage])
    else:
        bare = good.removeprefix(b"Exif\0\0")
        whole = data.replace(bare, DAMAGE[damage].removeprefix(b"Exif\0\0").ljust(len(bare), b"\xff")[: len(bare)])
        assert whole != data
    (tmp_path / f"in{suffix}").write_bytes(whole)
    image = read_image(tmp_path / f"in{suffix}")
    assert np.abs(image.gray() - UNIT).mean() < 0.01
    assert len(image.notes) == 1 and "EXIF can't be read, and is left out" in image.notes[0]
    assert image.metadata.exif == b""


def test_what_can_be_read_of_damaged_exif_is_kept(tmp_path):
    block = bytearray(exif_block({270: b"a long text\0", 315: b"an author\0"}))
    at = block.index(struct.pack("<HHI", 315, 2, 10)) + 8
    block[at : at + 4] = b"\xff\xff\xff\x7f"
    (tmp_path / "in.jpg").write_bytes(jpeg_with(0xE1, bytes(block)))
    image = read_image(tmp_path / "in.jpg")
    assert b"a long text" in image.metadata.exif and image.notes == ("part of its EXIF can't be read, and is left out",)


def jpeg_with(marker: int, *contents: bytes) -> bytes:
    """A JPEG with more segments after its start."""
    data = encode(Image.fromarray(SLOPE), "JPEG", quality=95)
    segments = b"".join(struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content for content in contents)
    return data[:20] + segments + data[20:]


# Other metadata


def photoshop(*resources: tuple[int, bytes]) -> bytes:
    return b"Photoshop 3.0\0" + b"".join(
        b"8BIM" + struct.pack(">HHI", kind, 0, len(data)) + data + bytes(len(data) % 2) for kind, data in resources
    )


def test_iptc_comments_and_xmp_go_from_format_to_format(tmp_path):
    thumbnail = (0x040C, b"a thumbnail of the gray photo")
    data = jpeg_with(0xED, photoshop(thumbnail, (0x0404, IPTC), (0x03ED, bytes(16))))
    comments = b"a comment", "Köln".encode(), "Köln".encode("latin-1")
    data = data[:20] + b"".join(struct.pack(">BBH", 0xFF, 0xFE, len(text) + 2) + text for text in comments) + data[20:]
    xmp = b"http://ns.adobe.com/xap/1.0/\0" + XMP
    data = data[:20] + struct.pack(">BBH", 0xFF, 0xE1, len(xmp) + 2) + xmp + data[20:]
    (tmp_path / "in.jpg").write_bytes(data)
    metadata = read_image(tmp_path / "in.jpg").metadata
    assert (metadata.iptc, metadata.comments, metadata.xmp) == (IPTC, comments, XMP)
    held = {".jpg": "all", ".png": "all", ".tif": "iptc", ".webp": "", ".avif": "", ".heic": ""}
    for suffix, what in held.items():
        notes = write_image(tmp_path / f"out{suffix}", RGB, None, metadata)
        again = read_image(tmp_path / f"out{suffix}").metadata
        assert again.xmp == XMP
        assert again.iptc == (IPTC if what else b"") and again.comments == (comments if what == "all" else ())
        assert ("comment" in " ".join(notes)) == (what != "all") and ("IPTC" in " ".join(notes)) == (not what)
    assert b"thumbnail" not in (tmp_path / "out.jpg").read_bytes()
    with Image.open(tmp_path / "out.jpg") as image:
        assert image.info["photoshop"][0x0404] == IPTC  # an independent reader finds it


def test_iptc_of_a_tiff(tmp_path):
    write_tiff(tmp_path / "in.tif", SLOPE, extratags=[(33723, 7, len(IPTC), IPTC, True), (700, 1, len(XMP), XMP, True)])
    metadata = read_image(tmp_path / "in.tif").metadata
    assert metadata.iptc == IPTC and metadata.xmp == XMP
    for suffix in (".jpg", ".png", ".tif"):
        write_image(tmp_path / f"out{suffix}", RGB, None, metadata, 16)
        assert read_image(tmp_path / f"out{suffix}").metadata.iptc == IPTC


def test_texts_of_a_png_stay_as_they_are(tmp_path):
    texts = [
        b"tEXtTitle\0K\xf6ln",
        b"zTXtDescription\0\0" + zlib.compress(b"a description" * 9),
        b"iTXtAuthor\0\0\0de\0Autor\0" + "Jürgen".encode(),
    ]
    (tmp_path / "in.png").write_bytes(png_with(SLOPE, *(chunk(text[:4], text[4:]) for text in texts)))
    metadata = read_image(tmp_path / "in.png").metadata
    for bits in (8, 16):
        assert write_image(tmp_path / "out.png", RGB, None, metadata, bits) == []
        assert all(chunk(text[:4], text[4:]) in (tmp_path / "out.png").read_bytes() for text in texts)
    with Image.open(tmp_path / "out.png") as image:
        assert (image.text["Title"], image.text["Author"]) == ("Köln", "Jürgen")
    assert "text can't be held by a JPEG" in write_image(tmp_path / "out.jpg", RGB, None, metadata)[0]


def test_exif_and_iptc_as_imagemagick_writes_them_into_a_png(tmp_path):
    def raw(name: str, content: bytes) -> bytes:
        text = f"\n{name}\n{len(content):8d}\n{content.hex()}\n".encode()
        return chunk(b"zTXt", b"Raw profile type " + name.encode() + b"\0\0" + zlib.compress(text))

    block = exif_block({270: "Köln".encode() + b"\0"}, orientation=3)
    iptc = photoshop((0x0404, IPTC)).removeprefix(b"Photoshop 3.0\0")
    (tmp_path / "in.png").write_bytes(png_with(SLOPE, raw("exif", block), raw("iptc", iptc)))
    image = read_image(tmp_path / "in.png")
    assert np.array_equal(image.pixels, SLOPE[::-1, ::-1]) and "Köln".encode() in image.metadata.exif
    assert image.metadata.iptc == IPTC and image.metadata.texts == ()


@pytest.mark.parametrize(
    "name, content, what",
    [
        (b"iCCP", b"x\0\0" + zlib.compress(bytes(3_000_000)), "color profile is damaged"),
        (b"iCCP", b"x\0\0" + zlib.compress(bytes(200_000_000)), "color profile can't be read"),
        (b"iCCP", b"x\0\0not compressed", "color profile can't be read"),
        (b"iCCP", b"x", "color profile can't be read"),
        (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(bytes(200_000_000)), "text 'XML:com.adobe.xmp' can't"),
        (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0noise", "text 'XML:com.adobe.xmp' can't be read"),
        (b"zTXt", b"Comment\0\0noise", "text 'Comment' can't be read"),
        (b"zTXt", b"Title\0\0" + zlib.compress(bytes(200_000_000)), "text 'Title' can't be read"),
        (b"zTXt", b"Title\0\0noise", "text 'Title' can't be read"),
        (b"zTXt", b"Title\0\1" + zlib.compress(b"text"), "text 'Title' can't be read"),
        (b"iTXt", b"Title\0\1\0\0\0noise", "text 'Title' can't be read"),
        (b"iTXt", b"Title\0\1\1\0\0" + zlib.compress(b"text"), "text 'Title' can't be read"),
        (b"tEXt", bytes(9), "text '' can't be read"),
        (b"tEXt", b"k" * 80 + b"\0text", "can't be read"),
        (b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(b"\nexif\n 9\nnot hexadecimal"), "can't be read"),
        (b"pHYs", b"\0\0", "resolution can't be read"),
        (b"gAMA", b"\0\0", "gamma can't be read"),
        (b"tRNS", b"", ""),
        (b"eXIf", b"", ""),
        (b"noNE", bytes(100), ""),
    ],
)
@pytest.mark.parametrize("bits", [8, 16])
def test_other_chunks_of_a_png_that_cannot_be_read(tmp_path, name, content, what, bits):
    pixels = np.rint(UNIT * (2**bits - 1)).astype(f"u{bits // 8}")
    (tmp_path / "in.png").write_bytes(png_with(pixels, chunk(name, content)))
    image = read_image(tmp_path / "in.png")
    assert np.array_equal(image.pixels, pixels)
    assert len(image.notes) == bool(what) and what in " ".join(image.notes)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp", ".avif", ".heic"])
def test_a_profile_that_cannot_be_used_is_left_out_with_a_word(tmp_path, suffix):
    gray = imagecodecs.cms_profile("gray", whitepoint=[0.3127, 0.3290, 1.0], gamma=4.0)
    for profile in (bytes(3000), gray, SRGB[:200]):  # of nothing, of gray on RGB pixels, cut short
        write_image(tmp_path / f"in{suffix}", RGB, None, Metadata(icc_profile=profile))
        image = read_image(tmp_path / f"in{suffix}")
        assert np.abs(image.gray() - UNIT).mean() < 0.01
        assert image.notes == ("its color profile is damaged or not one of such pixels, and is left out",)


# Resolution


@pytest.mark.parametrize("dpi", [(300, 300), (72, 72), (1, 1), (299.9994, 300.25), (600, 1200), (100_000, 100_000)])
@pytest.mark.parametrize("suffix", ALL)
@pytest.mark.parametrize("bits", [8, 16])
def test_resolution_is_kept(tmp_path, suffix, dpi, bits):
    assert all("bits" in note for note in write_image(tmp_path / f"out{suffix}", RGB, None, Metadata(dpi=dpi), bits))
    assert read_image(tmp_path / f"out{suffix}").metadata.dpi == pytest.approx(dpi, rel=1e-4, abs=0.02)
    if suffix == ".tif" or (suffix == ".jpg" and all(number in range(65_536) for number in dpi)):
        with Image.open(tmp_path / f"out{suffix}") as image:
            assert image.info["dpi"] == pytest.approx(dpi, abs=0.01)


@pytest.mark.parametrize("bits", [8, 16])
def test_no_resolution_stays_none(tmp_path, bits):
    write_tiff(tmp_path / "none.tif", SLOPE, resolution=None)
    write_tiff(tmp_path / "shape.tif", SLOPE, resolution=(2, 1), resolutionunit="NONE")
    (tmp_path / "exif.jpg").write_bytes(with_exif(".jpg", exif_block({270: b"no density\0"})))
    (tmp_path / "shape.png").write_bytes(png_with(SLOPE, chunk(b"pHYs", struct.pack(">IIB", 2, 1, 0))))
    Image.fromarray(SLOPE).save(tmp_path / "none.bmp", dpi=(0, 0))
    for path in list(tmp_path.iterdir()):
        metadata = read_image(path).metadata
        assert metadata.dpi is None
        for suffix in ALL:
            write_image(tmp_path / "out" / f"out{suffix}", RGB, None, metadata, bits)
            if suffix == ".jpg":  # Pillow says 72 of a JPEG that has EXIF and says nothing
                assert (tmp_path / "out" / "out.jpg").read_bytes()[6:14] == b"JFIF\0\1\1\0"
            else:
                with (heif_image if suffix == ".heic" else Image.open)(tmp_path / "out" / f"out{suffix}") as image:
                    assert "dpi" not in image.info
            assert read_image(tmp_path / "out" / f"out{suffix}").metadata.dpi is None


def test_resolution_in_centimeters(tmp_path):
    write_tiff(tmp_path / "in.tif", SLOPE, resolution=(118.11, 118.11), resolutionunit="CENTIMETER")
    data = bytearray(encode(Image.fromarray(SLOPE), "JPEG"))
    data[13:18] = b"\2" + struct.pack(">HH", 118, 118)
    (tmp_path / "in.jpg").write_bytes(data)
    for name in ("in.tif", "in.jpg"):
        assert read_image(tmp_path / name).metadata.dpi == pytest.approx((300, 300), abs=0.5)


# What a format can't hold


def test_long_metadata_are_left_out_of_a_jpeg_with_a_word(tmp_path):
    metadata = Metadata(xmp=XMP + bytes(70_000), iptc=IPTC * 9000, comments=(b"x" * 70_000, b"short"))
    notes = write_image(tmp_path / "out.jpg", RGB, None, metadata)
    assert [note.split(" (")[0] for note in notes] == ["its comment", "its IPTC", "its XMP"]
    assert all("is left out: a JPEG can hold 65," in note for note in notes)
    image = read_image(tmp_path / "out.jpg")
    assert image.metadata.comments == (b"short",) and np.abs(image.gray() - UNIT).mean() < 0.01
    write_image(tmp_path / "out.png", RGB, None, metadata)
    assert read_image(tmp_path / "out.png").metadata == metadata


def test_of_exif_that_is_too_long_for_a_jpeg_the_longest_is_left_out(tmp_path):
    block = exif_block({270: b"Title\0", 315: b"Author\0"}, "<", b"m" * 80_000)
    (tmp_path / "in.png").write_bytes(with_exif(".png", block))
    metadata = read_image(tmp_path / "in.png").metadata
    notes = write_image(tmp_path / "out.jpg", RGB, None, metadata)
    assert notes == ["part of its EXIF (tag 37500) is left out: a JPEG can hold 65,533 bytes"]
    assert texts_of(tmp_path / "out.jpg") == {270: b"Title\0", 315: b"Author\0"}
    for suffix in (".png", ".tif", ".webp"):
        assert write_image(tmp_path / f"out{suffix}", RGB, None, metadata) == []
        assert b"m" * 80_000 in read_image(tmp_path / f"out{suffix}").metadata.exif


def test_values_that_overlap_do_not_fill_the_memory(tmp_path):
    """A thousand entries that each claim the same megabyte."""
    entries = b"".join(struct.pack("<HHII", 50_000 + i, 7, 2**20, 16) for i in range(1000))
    camera = struct.pack("<H", 1000) + entries + bytes(4)
    block = b"II*\0\x08\0\0\0" + struct.pack("<HHHII", 1, 0x8769, 4, 1, 26) + bytes(4) + camera + bytes(2**20)
    (tmp_path / "in.png").write_bytes(png_with(SLOPE, chunk(b"eXIf", block)))
    image = read_image(tmp_path / "in.png")
    assert image.notes == ("part of its EXIF can't be read, and is left out",) or len(image.metadata.exif) < 2**27
    assert len(image.metadata.exif) < 2**27


def test_many_compressed_comments_do_not_fill_the_memory(tmp_path):
    comment = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(2**23)))
    (tmp_path / "in.png").write_bytes(png_with(SLOPE, *[comment] * 40))
    image = read_image(tmp_path / "in.png")
    assert sum(map(len, image.metadata.comments)) == 2**24 and 0 < len(image.notes) < 10


def test_extended_xmp_of_a_jpeg_is_noted(tmp_path):
    (tmp_path / "in.jpg").write_bytes(jpeg_with(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + bytes(40)))
    assert read_image(tmp_path / "in.jpg").notes == ("its XMP goes on in more segments, which are left out",)


def test_a_comment_of_a_gif_is_kept(tmp_path):
    buffer = io.BytesIO()
    Image.fromarray(SLOPE).save(buffer, "GIF", comment=b"a comment")
    (tmp_path / "in.gif").write_bytes(buffer.getvalue())
    write_image(tmp_path / "out.png", RGB, None, read_image(tmp_path / "in.gif").metadata)
    with Image.open(tmp_path / "out.png") as image:
        assert image.text["Comment"] == "a comment"
