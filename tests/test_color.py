"""Color conversions against the CIE's definition worked out here in double precision, and against scikit-image."""

import numpy as np
import pytest
from skimage import color as skimage_color

from colorlib.color import (
    gray_to_lightness,
    in_gamut,
    lab_to_rgb,
    lightness_to_gray,
    luma_gray,
    merge_lab,
    rgb_to_lab,
    split_lab,
    to_gray,
)
from colorlib.color.standard import (
    WHITE,
    XYZ_FROM_RGB,
    decode_srgb,
    encode_srgb,
    lab_curve,
    lab_curve_inverse,
    lab_to_srgb,
    lab_to_xyz,
    srgb_to_lab,
    xyz_to_lab,
)

MATRIX = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def lab_by_definition(red: float, green: float, blue: float) -> list[float]:
    """L*, a*, b* of one pixel as IEC 61966-2-1 and CIE 15 define them, step by step."""
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in (red, green, blue)]
    relative = MATRIX @ linear / MATRIX.sum(axis=1)
    x, y, z = [t ** (1 / 3) if t > (6 / 29) ** 3 else t * (29 / 6) ** 2 / 3 + 4 / 29 for t in relative]
    return [116 * y - 16, 500 * (x - y), 200 * (y - z)]


STEPS = np.linspace(0, 1, 48)
#: A dense grid in sRGB's color cube, and colors far outside of it.
CUBE = np.stack(np.meshgrid(STEPS, STEPS, STEPS), axis=-1).reshape(-1, 3)
BEYOND = np.random.default_rng(1).uniform(-0.5, 1.5, (50_000, 3))
IMPOSSIBLE = np.random.default_rng(2).uniform([0, -128, -128], [100, 128, 128], (50_000, 3))
#: Rounding of single precision, of the four numbers or so that a result is made of.
ROUNDING = 4 * np.finfo(np.float32).eps


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    """Every corner of the color cube, near-black colors where the curves are straight, and random pixels."""
    rng = np.random.default_rng(0)
    corners = np.stack(np.meshgrid([0, 1], [0, 1], [0, 1]), axis=-1).reshape(-1, 3)
    pixels = np.concatenate([corners, 0.05 * rng.random((200, 3)), rng.random((192 * 200 - 208, 3))])
    return pixels.reshape(192, 200, 3).astype(np.float32)


def hue(ab: np.ndarray) -> np.ndarray:
    return np.arctan2(ab[..., 1], ab[..., 0])


@pytest.mark.parametrize(
    "rgb, lab",
    [
        ((1, 1, 1), (100, 0, 0)),
        ((0, 0, 0), (0, 0, 0)),
        ((1, 0, 0), (53.24, 80.09, 67.20)),  # as color calculators give them, to the second decimal
        ((0, 1, 0), (87.73, -86.18, 83.18)),
        ((0, 0, 1), (32.30, 79.19, -107.86)),
        ((0.5, 0.5, 0.5), (53.39, 0, 0)),
    ],
)
def test_textbook_colors(rgb, lab):
    assert rgb_to_lab(np.array(rgb, float)) == pytest.approx(lab, abs=0.03)


def test_lab_follows_the_definition(photo):
    pixels = photo.reshape(-1, 3)[::37]
    expected = np.array([lab_by_definition(*pixel) for pixel in pixels.astype(float)])
    assert np.abs(rgb_to_lab(pixels) - expected).max() < 2e-3


def test_lab_agrees_with_scikit_image(photo):
    # scikit-image takes a white point of other digits; the conversions agree to within that
    assert np.abs(rgb_to_lab(photo) - skimage_color.rgb2lab(photo)).max() < 0.03


@pytest.mark.parametrize("rgb", [CUBE, BEYOND], ids=["inside the gamut", "beyond it"])
def test_fast_lab_is_the_readable_formula_but_for_rounding(rgb):
    errors = np.abs(rgb_to_lab(rgb) - srgb_to_lab(rgb)).max(axis=0)
    assert (errors < ROUNDING * np.array([116, 500, 200])).all()  # by which the formula multiplies cube roots


@pytest.mark.parametrize("lab", [srgb_to_lab(CUBE), IMPOSSIBLE], ids=["inside the gamut", "beyond it"])
def test_fast_rgb_is_the_readable_formula_but_for_rounding(lab):
    expected = lab_to_srgb(lab)
    largest = np.maximum(1, np.abs(expected).max(axis=1))  # each channel is a difference of such numbers
    assert (np.abs(lab_to_rgb(lab) - expected).max(axis=1) < 12.92 * ROUNDING * largest).all()
    colors, outside = lab[:, 1:], ((expected < -1e-4) | (expected > 1 + 1e-4)).any(axis=1)
    merged, moved = merge_lab(lab[:, 0], colors)
    assert moved == np.count_nonzero(~in_gamut(lab)) and abs(moved - np.count_nonzero(outside)) < 1e-3 * len(lab)
    np.testing.assert_allclose(merged[~outside], np.clip(expected, 0, 1)[~outside], atol=1e-3)


def test_fast_conversions_of_gray_are_the_readable_formulas_but_for_rounding():
    lightness, gray = np.linspace(0, 100, 5001), np.linspace(0, 1, 5001)
    no_color = np.zeros_like(gray)
    expected = srgb_to_lab(np.stack([gray] * 3, axis=-1))[:, 0]
    np.testing.assert_allclose(gray_to_lightness(gray), expected, atol=116 * ROUNDING)
    expected = lab_to_srgb(np.stack([lightness, no_color, no_color], axis=-1))[:, 1]
    np.testing.assert_allclose(lightness_to_gray(lightness), expected, atol=12.92 * ROUNDING)
    expected = encode_srgb(decode_srgb(CUBE) @ XYZ_FROM_RGB[1])
    np.testing.assert_allclose(to_gray(CUBE), expected, atol=12.92 * ROUNDING)


def test_the_readable_formulas_undo_each_other():
    for rgb in (CUBE, BEYOND):
        np.testing.assert_allclose(lab_to_srgb(srgb_to_lab(rgb)), rgb, atol=1e-5)
    np.testing.assert_allclose(lab_curve_inverse(lab_curve(STEPS)), STEPS, atol=1e-6)


def test_the_readable_formulas_agree_with_scikit_image():
    assert np.abs(decode_srgb(CUBE) @ XYZ_FROM_RGB.T - skimage_color.rgb2xyz(CUBE)).max() < 5e-4
    assert np.abs(srgb_to_lab(CUBE) - skimage_color.rgb2lab(CUBE)).max() < 0.03
    # scikit-image takes a matrix and a white point of other digits: without the white point's, only rounding is left
    xyz = np.random.default_rng(3).random((10_000, 3))
    its_white = np.array(skimage_color.xyz_tristimulus_values(illuminant="D65", observer="2"))
    lab = skimage_color.xyz2lab(xyz * its_white)
    np.testing.assert_allclose(xyz_to_lab(xyz * WHITE), lab, atol=2e-4)
    np.testing.assert_allclose(lab_to_xyz(lab), xyz * WHITE, atol=1e-5)


def test_the_readable_formulas_follow_the_definition():
    pixels = np.random.default_rng(4).random((300, 3)) ** 3
    expected = np.array([lab_by_definition(*pixel) for pixel in pixels])
    np.testing.assert_allclose(srgb_to_lab(pixels), expected, atol=5e-4)


def test_round_trip(photo):
    assert np.abs(lab_to_rgb(rgb_to_lab(photo)) - photo).max() < 5e-5
    lightness, ab = split_lab(photo)
    merged, moved = merge_lab(lightness, ab)
    assert np.abs(merged - photo).max() < 2e-4 and moved == 0


def test_round_trip_of_all_gray_levels():
    levels = np.arange(256) / 255
    assert np.array_equal(np.rint(255 * lightness_to_gray(gray_to_lightness(levels))), np.arange(256))
    assert np.array_equal(np.rint(255 * encode_srgb(decode_srgb(levels))), np.arange(256))
    assert gray_to_lightness(np.array([0.0, 1.0])) == pytest.approx([0, 100], abs=1e-3)


def test_gray_pixels_have_no_color():
    gray = np.linspace(0, 1, 256, dtype=np.float32)
    lab = rgb_to_lab(np.repeat(gray[:, None], 3, axis=1))
    assert np.abs(lab[:, 1:]).max() < 1e-3
    merged, moved = merge_lab(lab[:, 0], np.zeros((256, 2), np.float32))
    assert np.ptp(merged, axis=1).max() < 1e-5 and moved == 0


def test_gray_version_keeps_lightness(photo):
    gray = to_gray(photo)
    assert gray.shape == photo.shape[:2] and gray.min() >= 0 and gray.max() <= 1
    assert np.abs(gray_to_lightness(gray) - split_lab(photo)[0]).max() < 5e-3


def test_luma_keeps_lightness_of_grays_only(photo):
    gray = np.repeat(photo[..., :1], 3, axis=-1)
    assert np.allclose(luma_gray(gray), to_gray(gray), atol=1e-4)
    assert luma_gray(np.array([0.0, 0.0, 1.0])) == pytest.approx(0.114)
    assert to_gray(np.array([0.0, 0.0, 1.0])) == pytest.approx(0.2974, abs=1e-3)


def test_merge_keeps_lightness_and_hue_of_impossible_colors(photo):
    lightness, ab = split_lab(photo)
    asked = 2.5 * ab
    merged, moved = merge_lab(lightness, asked)
    assert merged.min() >= 0 and merged.max() <= 1
    outside = ~in_gamut(np.concatenate([lightness[..., None], asked], axis=-1))
    assert moved == np.count_nonzero(outside) > merged[..., 0].size / 4
    new_lightness, new_ab = split_lab(merged)
    assert np.abs(new_lightness - lightness).max() < 0.1
    colored = np.linalg.norm(new_ab, axis=-1) > 5
    turn = np.angle(np.exp(1j * (hue(new_ab) - hue(asked))))
    assert np.abs(np.degrees(turn[colored])).max() < 0.5


def test_merge_moves_no_further_than_needed(photo):
    lightness, ab = split_lab(photo)
    merged, _ = merge_lab(lightness, 2.5 * ab)
    new_lightness, new_ab = split_lab(merged)
    outside = ~in_gamut(np.concatenate([lightness[..., None], 2.5 * ab], axis=-1))
    a_bit_stronger = np.concatenate([new_lightness[..., None], 1.02 * new_ab], axis=-1)
    assert not in_gamut(a_bit_stronger)[outside & (np.linalg.norm(new_ab, axis=-1) > 5)].any()
    inside = ~outside
    assert np.abs(new_ab - 2.5 * ab)[inside].max() < 0.1


def test_merge_at_the_ends_of_lightness():
    ab = np.full((2, 2), 60, np.float32)
    merged, moved = merge_lab(np.array([0.0, 100.0]), ab)
    assert np.allclose(merged, [[0, 0, 0], [1, 1, 1]], atol=2e-3) and moved == 2


@pytest.mark.parametrize("shape", [(3,), (0, 3), (1, 1, 3), (2, 3, 5, 3)])
def test_any_shape(shape):
    rgb = np.full(shape, 0.25, np.float32)
    assert rgb_to_lab(rgb).shape == lab_to_rgb(rgb).shape == shape
    assert to_gray(rgb).shape == in_gamut(rgb).shape == shape[:-1]
    assert merge_lab(*split_lab(rgb))[0].shape == shape


def test_arguments_are_left_alone_and_results_are_single_precision(photo):
    for rgb in (photo, photo.astype(np.float64)):
        before = rgb.copy()
        lightness, ab = split_lab(rgb)
        ab_before = 3 * ab
        asked = ab_before.copy()
        merged, _ = merge_lab(lightness, asked)
        results = (lightness, ab, merged, to_gray(rgb), luma_gray(rgb), lab_to_rgb(rgb_to_lab(rgb)))
        assert np.array_equal(rgb, before) and np.array_equal(asked, ab_before)
        assert {result.dtype for result in results} == {np.dtype(np.float32)}


@pytest.mark.parametrize("function", [rgb_to_lab, lab_to_rgb, to_gray, luma_gray, split_lab])
@pytest.mark.parametrize(
    "bad, complaint",
    [
        (np.zeros((4, 4, 3), np.uint8), r"type uint8: .*/ 255"),
        (np.zeros((4, 4)), r"shape \(4, 4\): its last axis must be 3 long"),
        (np.zeros((4, 4, 4)), r"shape \(4, 4, 4\)"),
        (np.full((4, 4, 3), np.nan), "NaN or infinite"),
    ],
)
def test_bad_pixels(function, bad, complaint):
    with pytest.raises(ValueError, match=complaint):
        function(bad)


def test_merge_refuses_shapes_that_do_not_belong_together():
    with pytest.raises(ValueError, match=r"\(4, 5\) and ab of shape \(5, 4, 2\)"):
        merge_lab(np.zeros((4, 5)), np.zeros((5, 4, 2)))
    with pytest.raises(ValueError, match="ab has shape"):
        merge_lab(np.zeros((4, 5)), np.zeros((4, 5, 3)))
