"""Photos colored file by file: what a file holds stays, what is wrong with one is said in one line."""

import shutil
import struct
import subprocess
import sys
import zlib

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

import colorlib
from colorlib import paths
from colorlib.cli import main
from colorlib.color import rgb_to_lab, to_gray
from colorlib.commands._sheet import SHEET_GAP, SHEET_TITLE
from colorlib.images import Metadata, PhotoError, read_image, write_image
from colorlib.models import find_model, saved_models
from colorlib.models.baselines import MeanColor
from conftest import ROOT, colorize, environment

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
#: A profile whose gray is much darker than sRGB's at the same value.
DARK_GRAY = imagecodecs.cms_profile("gray", whitepoint=[0.3127, 0.3290, 1.0], gamma=4.0)


@pytest.fixture
def nothing_fitted(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "BUILD", tmp_path / "build")
    monkeypatch.setattr(paths, "WEIGHTS", tmp_path / "weights")


def as_bytes(photo: np.ndarray) -> np.ndarray:
    return np.rint(photo * 255).astype(np.uint8)


def as_words(photo: np.ndarray) -> np.ndarray:
    return np.rint(photo * 65535).astype(np.uint16)


# What a file holds


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
def test_every_format_is_colored_at_its_own_size_and_lightness(photo, model, tmp_path, suffix):
    Image.fromarray(as_bytes(to_gray(photo))).save(tmp_path / f"in{suffix}", quality=98)
    colorize(model, tmp_path / f"in{suffix}", "-o", tmp_path / f"out{suffix}")
    gray, colored = read_image(tmp_path / f"in{suffix}").gray(), read_image(tmp_path / f"out{suffix}")
    assert colored.bits == 8 and colored.pixels.shape == photo.shape and colored.has_color()
    tolerance = 1 if suffix in (".png", ".tif") else 12  # L*; JPEG and WebP are lossy
    assert np.abs(rgb_to_lab(colored.rgb())[..., 0] - rgb_to_lab(np.dstack([gray] * 3))[..., 0]).max() < tolerance


def test_only_the_lightness_of_a_color_photo_counts(photo, model, tmp_path):
    write_image(tmp_path / "color.png", photo, bits=16)
    write_image(tmp_path / "gray.png", np.dstack([to_gray(photo)] * 3), bits=16)
    colorize(model, tmp_path / "color.png", tmp_path / "gray.png", "-o", tmp_path / "out")
    of_color, of_gray = (read_image(tmp_path / "out" / f"{name}.png").rgb() for name in ("color", "gray"))
    assert np.abs(of_color - of_gray).max() < 1e-3
    assert np.abs(of_color - photo).max() > 0.1


@pytest.mark.parametrize(
    "suffix, channels", [(".png", 1), (".png", 2), (".png", 3), (".png", 4), (".tif", 1), (".tif", 3), (".tif", 4)]
)
def test_sixteen_bits_stay_sixteen(photo, model, tmp_path, suffix, channels):
    gray = as_words(to_gray(photo))
    alpha = np.arange(gray.size, dtype=np.uint16).reshape(gray.shape)
    planes = np.dstack([gray] * (1 if channels < 3 else 3) + [alpha] * (channels % 2 == 0))
    planes = planes[..., 0] if channels == 1 else planes
    if suffix == ".png":
        (tmp_path / "in.png").write_bytes(imagecodecs.png_encode(planes))
    else:
        tifffile.imwrite(
            tmp_path / "in.tif",
            planes,
            photometric="minisblack" if channels == 1 else "rgb",
            extrasamples=["unassalpha"] * (channels == 4),
            compression="lzw",
        )
    colorize(model, tmp_path / f"in{suffix}", "-o", tmp_path / f"out{suffix}")
    colored = read_image(tmp_path / f"out{suffix}")
    assert colored.bits == 16 and colored.has_color()
    assert np.abs(to_gray(colored.rgb()) * 65535 - gray).max() < 24  # 8 bits would be 128 off
    if channels % 2 == 0:
        assert np.array_equal(colored.alpha, alpha)
    else:
        assert colored.alpha is None


@pytest.mark.parametrize("name", ["in.png", "in.webp", "in.tif"])
def test_opacity_is_kept_and_resized_with_the_photo(photo, model, tmp_path, name):
    alpha = np.zeros(photo.shape[:2], np.uint8)
    alpha[:, :48] = 255
    Image.fromarray(np.dstack([as_bytes(photo), alpha])).save(tmp_path / name)
    colorize(model, tmp_path / name, "-o", tmp_path / "out")
    assert np.array_equal(read_image(tmp_path / "out" / name).alpha, alpha)
    colorize(model, tmp_path / name, "-o", tmp_path / "out", "--overwrite", "--size", 48)
    half = read_image(tmp_path / "out" / name)
    assert half.pixels.shape == (32, 48, 3)
    assert half.alpha[:, :20].min() > 250 and half.alpha[:, 28:].max() < 5


def test_palette_bilevel_and_cmyk_files(photo, model, tmp_path):
    image = Image.fromarray(as_bytes(photo))
    image.quantize(64).save(tmp_path / "palette.png", transparency=0)
    image.convert("1").save(tmp_path / "bilevel.tif")
    image.convert("CMYK").save(tmp_path / "cmyk.jpg", quality=95)
    files = [tmp_path / name for name in ("palette.png", "bilevel.tif", "cmyk.jpg")]
    colorize(model, *files, "-o", tmp_path / "out")
    palette, bilevel, cmyk = (read_image(tmp_path / "out" / file.name) for file in files)
    assert {0, 255} == set(np.unique(palette.alpha))
    assert cmyk.pixels.shape == bilevel.pixels.shape == photo.shape
    assert np.abs(to_gray(cmyk.rgb()) - to_gray(photo)).mean() < 0.02


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix, bits", [(".jpg", 8), (".png", 8), (".png", 16), (".tif", 8), (".tif", 16)])
def test_the_photo_comes_out_upright(photo, tmp_path, suffix, bits, orientation):
    stored = {
        1: photo,
        2: photo[:, ::-1],
        3: photo[::-1, ::-1],
        4: photo[::-1],
        5: photo.swapaxes(0, 1),
        6: photo.swapaxes(0, 1)[::-1],
        7: photo[::-1, ::-1].swapaxes(0, 1),
        8: photo.swapaxes(0, 1)[:, ::-1],
    }
    exif = Image.Exif()
    exif[274] = orientation
    path = tmp_path / f"in{suffix}"
    if (suffix, bits) == (".tif", 16):
        tifffile.imwrite(
            path, as_words(stored[orientation]), photometric="rgb", extratags=[(274, "H", 1, orientation, True)]
        )
    else:
        write_image(path, stored[orientation], metadata=Metadata(exif.tobytes()), bits=bits)
    upright = read_image(path)
    assert upright.bits == bits and upright.pixels.shape == photo.shape
    assert np.abs(upright.rgb() - photo).mean() < 0.02
    kept = Image.Exif()
    kept.load(upright.metadata.exif)
    assert 274 not in kept


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
@pytest.mark.parametrize("bits", [8, 16])
def test_metadata_is_kept(photo, model, tmp_path, suffix, bits):
    exif = Image.Exif()
    exif.update({274: 6, 315: "A photographer", 0x8769: {33434: 0.5, 40962: 96}, 0x8825: {1: "N", 2: (1.0, 2.0, 3.0)}})
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a tiff:Orientation="6">Title</a></x:xmpmeta>'
    write_image(tmp_path / f"in{suffix}", photo, None, Metadata(exif.tobytes(), SRGB, (300, 300), xmp), bits)
    colorize(model, tmp_path / f"in{suffix}", "-o", tmp_path / f"out{suffix}")
    with Image.open(tmp_path / f"out{suffix}") as image:
        assert image.size == (64, 96)  # turned, once
        kept = image.getexif()
        assert 274 not in kept or kept[274] == 1
        assert kept[315] == "A photographer"
        if (suffix, bits) != (".tif", 16):
            assert dict(kept.get_ifd(0x8769)) == {33434: 0.5}  # the size in pixels no longer holds
            assert kept.get_ifd(0x8825)[2] == (1.0, 2.0, 3.0)
        assert image.info["icc_profile"] == SRGB
        found = image.info.get("xmp") or image.info["XML:com.adobe.xmp"].encode()
        assert b">Title<" in found and b'Orientation="6"' not in found
        if suffix != ".webp":
            assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)


def test_a_gray_profile_is_applied_and_not_put_on_a_color_file(model, tmp_path):
    Image.new("L", (32, 32), 128).save(tmp_path / "in.png", icc_profile=DARK_GRAY)
    colorize(model, tmp_path / "in.png", "-o", tmp_path / "out.png")
    linear_light = (128 / 255) ** 4
    assert to_gray(read_image(tmp_path / "out.png").rgb()).mean() == pytest.approx(
        1.055 * linear_light ** (1 / 2.4) - 0.055, abs=0.01
    )
    with Image.open(tmp_path / "out.png") as image:
        assert "icc_profile" not in image.info


def test_colors_of_a_wide_profile_are_converted(tmp_path):
    """Adobe RGB's primaries and curve, as in its specification; its middle red is a redder sRGB red."""
    wide = imagecodecs.cms_profile(
        "rgb",
        whitepoint=[0.3127, 0.3290, 1.0],
        gamma=563 / 256,
        primaries=[0.64, 0.33, 1, 0.21, 0.71, 1, 0.15, 0.06, 1],
    )
    Image.new("RGB", (4, 4), (150, 100, 100)).save(tmp_path / "wide.png", icc_profile=wide)
    image = read_image(tmp_path / "wide.png")
    assert image.pixels[0, 0].tolist() == pytest.approx([167, 100, 100], abs=2)
    assert image.metadata.icc_profile == b""


def test_a_profile_of_another_kind_is_ignored(tmp_path):
    Image.new("RGB", (4, 4), (150, 100, 100)).save(tmp_path / "odd.png", icc_profile=DARK_GRAY)
    image = read_image(tmp_path / "odd.png")
    assert image.pixels[0, 0].tolist() == [150, 100, 100] and image.metadata.icc_profile == b""


@pytest.mark.parametrize("height, width", [(1, 1), (1, 90), (3, 2)])
def test_tiny_photos(model, tmp_path, height, width):
    Image.new("L", (width, height), 90).save(tmp_path / "in.png")
    colorize(model, tmp_path / "in.png", "-o", tmp_path / "out.png", "--compare")
    assert read_image(tmp_path / "out.png").pixels.shape == (height, width, 3)


# The batch


def test_chroma_scales_the_colors(photo, model, tmp_path):
    write_image(tmp_path / "in.png", photo, bits=16)
    mean_chroma = []
    for chroma in (0, 0.5, 1, 1.5):
        colorize(model, tmp_path / "in.png", "-o", tmp_path / f"{chroma}.png", "--chroma", chroma)
        lab = rgb_to_lab(read_image(tmp_path / f"{chroma}.png").rgb())
        mean_chroma.append(np.hypot(lab[..., 1], lab[..., 2]).mean())
    assert mean_chroma[0] < 0.01
    assert mean_chroma[1] == pytest.approx(mean_chroma[2] / 2, rel=0.05)
    assert mean_chroma[3] > mean_chroma[2]


def test_the_vivid_look_is_that_of_the_model_and_of_one_file(photo, model, tmp_path):
    write_image(tmp_path / "in.png", photo, bits=16)
    shipped = paths.WEIGHTS / "unet.onnx"
    for look in ("natural", "vivid"):
        colorize(str(shipped), tmp_path / "in.png", "-o", tmp_path / f"{look}.png", "--look", look)
    gray = read_image(tmp_path / "in.png").gray()
    for look in ("natural", "vivid"):
        expected = colorlib.load(shipped).with_look(look).colorize(gray)
        np.testing.assert_allclose(read_image(tmp_path / f"{look}.png").rgb(), expected, atol=1e-3)
    labs = [rgb_to_lab(read_image(tmp_path / f"{look}.png").rgb()) for look in ("natural", "vivid")]
    chroma = [np.hypot(lab[..., 1], lab[..., 2]).mean() for lab in labs]
    assert chroma[1] > 1.2 * chroma[0]
    with pytest.raises(ValueError, match=r"mean_color has no look 'vivid': use one of natural"):
        MeanColor().with_look("vivid")


def test_files_folders_and_patterns(photo, model, tmp_path):
    for name in ("a/one.png", "a/two.JPG", "b/three.tif", "b/four.png", "alone.webp"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(as_bytes(photo)).save(tmp_path / name)
    (tmp_path / "a" / "notes.txt").write_text("no photo")
    colorize(model, tmp_path / "a", tmp_path / "b" / "*.tif", tmp_path / "alone.webp", "-o", tmp_path / "out" / "deep")
    assert sorted(file.name for file in (tmp_path / "out" / "deep").iterdir()) == [
        "alone.webp",
        "one.png",
        "three.tif",
        "two.JPG",
    ]


def test_compare_writes_a_sheet_with_the_true_photo_where_there_is_one(photo, model, tmp_path):
    write_image(tmp_path / "color.png", photo)
    Image.fromarray(as_bytes(to_gray(photo))).save(tmp_path / "gray.png")
    colorize(model, tmp_path / "color.png", tmp_path / "gray.png", "-o", tmp_path / "out", "--compare")
    colored = read_image(tmp_path / "out" / "color.png").rgb()
    expected = [np.dstack([to_gray(photo)] * 3), colored, photo]
    for name, panels in (("color", 3), ("gray", 2)):
        sheet = read_image(tmp_path / "out" / f"{name}-compare.jpg").rgb()
        assert sheet.shape[0] == SHEET_TITLE + 64 + SHEET_GAP and sheet[:SHEET_TITLE].min() < 0.3, "it has titles"
        step = (sheet.shape[1] - SHEET_GAP) // panels
        for i, shown in enumerate(expected[:panels]):
            left = SHEET_GAP + i * step + (step - SHEET_GAP - 96) // 2
            panel = sheet[SHEET_TITLE : SHEET_TITLE + 64, left : left + 96]
            assert np.abs(panel - shown).mean() < 0.03, f"panel {i} of {name}"


def test_one_bad_file_does_not_stop_the_rest(photo, refused, tmp_path):
    write_image(tmp_path / "in" / "a.png", photo)
    (tmp_path / "in" / "b.png").write_bytes((tmp_path / "in" / "a.png").read_bytes()[:2000])
    write_image(tmp_path / "in" / "c.png", photo)
    (line,) = refused(tmp_path / "in", "-o", tmp_path / "out")
    assert f"{tmp_path / 'in' / 'b.png'} is damaged" in line
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["a.png", "c.png"]


# Bad input


def bomb(side: int, bits: int) -> bytes:
    """A PNG of a thousand bytes that claims to be a square of ``side`` pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", side, side, bits, 2, 0, 0, 0)
    chunks = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(bytes(900))), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize(
    "name, content, said",
    [
        ("zero.jpg", b"", "is empty (0 bytes)"),
        ("text.jpg", b"not an image", "is not an image that can be read: give a JPEG, PNG, TIFF, WebP, "),
        ("bomb.png", bomb(30_000, 8), "is too large to decode safely"),
        ("bomb16.png", bomb(30_000, 16), "is too large to decode safely"),
        ("claims.png", bomb(2_000, 16), "is damaged"),
    ],
)
def test_a_bad_file_is_one_line(refused, tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    (line,) = refused(tmp_path / name, "-o", tmp_path / "out.png")
    assert f"{tmp_path / name} {said}" in line
    assert not (tmp_path / "out.png").exists()


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
@pytest.mark.parametrize("bits", [8, 16])
def test_a_truncated_file_is_damaged_wherever_it_ends(photo, tmp_path, suffix, bits):
    write_image(tmp_path / f"whole{suffix}", photo, bits=bits)
    content = (tmp_path / f"whole{suffix}").read_bytes()
    for share in (0.3, 0.6, 0.9):
        (tmp_path / f"cut{suffix}").write_bytes(content[: int(share * len(content))])
        with pytest.raises(PhotoError, match=f"cut{suffix} is (damaged|not an image)"):
            read_image(tmp_path / f"cut{suffix}")


def test_floating_point_pixels_of_an_unknown_range_are_refused(refused, tmp_path):
    tifffile.imwrite(tmp_path / "float.tif", np.full((8, 8), 300, np.float32))
    (line,) = refused(tmp_path / "float.tif", "-o", tmp_path / "out.tif")
    assert "float.tif has pixels of kind float32 beyond 0 to 1: save it as gray or RGB" in line


def test_a_folder_or_pattern_without_photos_and_a_missing_file(refused, tmp_path):
    for name in (".", "*.gif"):
        (line,) = refused(tmp_path / name, "-o", tmp_path / "out")
        assert "holds no photos (.jpg, " in line
    (line,) = refused(tmp_path / "gone.jpg", "-o", tmp_path / "out")
    assert f"{tmp_path / 'gone.jpg'} does not exist" in line
    assert list(tmp_path.iterdir()) == []


def test_an_output_that_cannot_be_written(photo, refused, tmp_path):
    write_image(tmp_path / "in.png", photo)
    (tmp_path / "file").write_text("no folder")
    (line,) = refused(tmp_path / "in.png", "-o", tmp_path / "file" / "out.png")
    assert f"{tmp_path / 'file'} can't be made" in line
    (line,) = refused(tmp_path / "in.png", "-o", tmp_path / "out.bmp")
    assert "its name must end in one of .jpg, " in line
    (tmp_path / "taken.png").mkdir()
    with pytest.raises(PhotoError, match="taken.png can't be written"):
        write_image(tmp_path / "taken.png", photo)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["file", "in.png", "taken.png"]


def test_a_jpeg_cannot_hold_transparency(photo, model, refused, tmp_path):
    Image.fromarray(np.dstack([as_bytes(photo), np.full(photo.shape[:2], 255, np.uint8)])).save(tmp_path / "opaque.png")
    colorize(model, tmp_path / "opaque.png", "-o", tmp_path / "opaque.jpg")
    Image.fromarray(np.dstack([as_bytes(photo), np.zeros(photo.shape[:2], np.uint8)])).save(tmp_path / "clear.png")
    (line,) = refused(tmp_path / "clear.png", "-o", tmp_path / "clear.jpg")
    assert "a JPEG can't hold the photo's transparency" in line and not (tmp_path / "clear.jpg").exists()


@pytest.mark.parametrize(
    "option, value, said",
    [
        ("--chroma", 1.6, "chroma 1.6 is out of range: use 0 (gray) to 1.5"),
        ("--chroma", "nan", "chroma nan"),
        ("--size", 3, "size 3 is out of range: use 16 to "),
        ("--size", 99_999, "size 99999"),
    ],
)
def test_options_out_of_range(refused, tmp_path, option, value, said):
    (line,) = refused(tmp_path, "-o", tmp_path / "out", option, value)
    assert said in line


# Models


def test_models_are_found_by_name_shipped_weights_first(nothing_fitted, model, photo):
    run_models, weights = paths.run_folder("unsplash36", "full") / "models", paths.WEIGHTS
    for folder, name in (
        (run_models, "linear.npz"),
        (run_models, "cnn_early.npz"),
        (run_models, "cnn.checkpoint.npz"),
        (weights, "linear.npz"),
        (weights, "linear.keras"),
    ):
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(model, folder / name)
    assert saved_models() == {"linear": weights / "linear.npz", "cnn_early": run_models / "cnn_early.npz"}
    assert find_model() == run_models / "cnn_early.npz"
    assert find_model("linear") == weights / "linear.npz"
    assert find_model(model) == type(weights)(model)
    colored = colorlib.load("linear").colorize(to_gray(photo))
    assert np.array_equal(colored, colorlib.load(model).colorize(to_gray(photo)))
    with pytest.raises(ValueError, match="unknown model 'unett': use one of cnn_early, linear, or give the path"):
        find_model("unett")


def test_without_a_model_make_report_is_the_remedy(nothing_fitted, photo, tmp_path, capsys):
    write_image(tmp_path / "in.png", photo)
    for options in ([], ["--model", "unett"]):
        assert main(["colorize", str(tmp_path / "in.png"), "-o", str(tmp_path / "out.png"), *options]) == 1
        assert "run `make report`" in capsys.readouterr().err


def test_a_file_that_is_no_model_is_one_line(photo, tmp_path, capfd):
    write_image(tmp_path / "in.png", photo)
    (tmp_path / "mine.onnx").write_bytes(b"no model")
    options = [str(tmp_path / "in.png"), "-o", str(tmp_path / "out.png"), "--model", str(tmp_path / "mine.onnx")]
    assert main(["colorize", *options]) == 1
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith(f"error: {tmp_path / 'mine.onnx'} is not a saved model")
    assert not (tmp_path / "out.png").exists()


def test_the_commands_as_a_user_runs_them(photo, model, tmp_path):
    write_image(tmp_path / "in.jpg", photo)
    command = [sys.executable, "-m", "colorlib", "colorize", "in.jpg", "gone.jpg", "-o", "out", "--model", model]
    done = subprocess.run(command, cwd=tmp_path, env=environment(ROOT), capture_output=True, text=True, timeout=120)
    assert done.returncode == 1 and done.stdout == "1 colorized, 0 skipped, 1 failed, in out\n"
    assert done.stderr == "error: gone.jpg does not exist: check the name\n"
