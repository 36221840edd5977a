"""Upsampling: small a,b planes enlarged plainly, and along the edges of the lightness."""

import numpy as np
import pytest
from PIL import Image

from colorlib.images import enlarge, enlarge_guided

BOX = (0, 0, 10.75, 15.25)  # what an image of 61×43 pixels covers of planes of 16×24 pixels, at a quarter of its side
SHAPE = (61, 43)


def constant(height: int, width: int) -> np.ndarray:
    return np.broadcast_to(np.float32([12, -30]), (height, width, 2)).copy()


def shrink(image: np.ndarray, times: int = 4) -> np.ndarray:
    """Mean over blocks."""
    height, width = image.shape[:2]
    return image.reshape(height // times, times, width // times, times, *image.shape[2:]).mean(axis=(1, 3))


def noisy_lightness(shape: tuple[int, int]) -> np.ndarray:
    return 100 * np.random.default_rng(0).random(shape, np.float32)


@pytest.mark.parametrize("shape, box", [((64, 96), None), (SHAPE, BOX), ((1, 7), None), ((5, 5), (3, 2, 9, 8))])
@pytest.mark.parametrize("guided", [False, True])
def test_a_constant_stays_what_it_is_at_any_size(shape, box, guided):
    planes = constant(16, 24)
    large = enlarge_guided(planes, noisy_lightness(shape), box) if guided else enlarge(planes, shape, box)
    assert large.shape == (*shape, 2) and large.dtype == np.float32
    np.testing.assert_allclose(large, constant(*shape), atol=0.01)


@pytest.mark.parametrize("resampling", [Image.BILINEAR, Image.BICUBIC])
def test_nothing_beyond_the_box_is_seen(resampling):
    planes = np.random.default_rng(1).random((16, 24, 2), np.float32)
    spoilt = planes.copy()
    spoilt[:2], spoilt[9:], spoilt[:, :3], spoilt[:, 20:] = 1000, 1000, 1000, 1000
    box = (3, 2, 20, 9)
    large = enlarge(planes, (28, 68), box, resampling)
    np.testing.assert_array_equal(enlarge(spoilt, (28, 68), box, resampling), large)
    np.testing.assert_array_equal(enlarge(planes[2:9, 3:20], (28, 68), None, resampling), large)


def test_nothing_beyond_the_pixels_that_a_box_cuts_is_seen():
    planes = constant(16, 24)
    planes[16:], planes[:, 11:] = 1000, 1000
    np.testing.assert_allclose(enlarge(planes, SHAPE, BOX), constant(*SHAPE), atol=0.01)


def test_a_ramp_stays_where_it_is():
    ramp = np.broadcast_to(np.arange(96, dtype=np.float32)[None, :, None], (64, 96, 1))
    large = enlarge(shrink(ramp), (64, 96))
    assert np.abs(large - ramp)[:, 8:-8].max() < 0.01
    part = enlarge(shrink(ramp), (64, 40), (6, 0, 16, 16))
    assert np.abs(part - ramp[:, 24:64])[:, 8:-8].max() < 0.01


def edge_in_lightness() -> tuple[np.ndarray, np.ndarray]:
    """L with an edge that no pixel of the small planes has at its border, and a,b that are a linear function of L."""
    rows, columns = np.mgrid[:128, :160]
    lightness = np.where(columns + rows // 3 < 87, np.float32(25), np.float32(75))
    return lightness, np.stack([0.8 * lightness - 30, 25 - 0.5 * lightness], axis=-1).astype(np.float32)


def test_a_sharp_edge_of_the_lightness_is_one_of_the_colors():
    lightness, ab = edge_in_lightness()
    plain = np.abs(enlarge(shrink(ab), lightness.shape) - ab)
    guided = np.abs(enlarge_guided(shrink(ab), lightness) - ab)
    assert guided.mean() < 0.3 * plain.mean() and guided.max() < 0.3 * plain.max()


@pytest.mark.parametrize("corner", [(0, 0), (4, 9)])
def test_the_edge_is_where_it_should_be_with_a_box(corner):
    lightness, ab = edge_in_lightness()
    top, left = corner
    small = np.pad(shrink(ab), [(top, 3), (left, 5), (0, 0)], mode="edge")
    box = (left, top, left + 40, top + 32)
    plain = np.abs(enlarge(small, lightness.shape, box) - ab)
    guided = np.abs(enlarge_guided(small, lightness, box) - ab)
    assert guided.mean() < 0.3 * plain.mean()


def test_where_the_lightness_is_even_colors_are_smoothed_not_sharpened():
    rng = np.random.default_rng(2)
    small = rng.standard_normal((16, 24, 2)).astype(np.float32)
    even = np.full((64, 96), 50, np.float32)
    large = enlarge_guided(small, even)
    assert large.std() < 0.5 * small.std()
    wider = enlarge_guided(small, even, radius=4)
    assert wider.std() < large.std()


def test_a_higher_tolerance_takes_more_for_even():
    lightness, ab = edge_in_lightness()
    errors = [np.abs(enlarge_guided(shrink(ab), lightness, tolerance=t) - ab).mean() for t in (1, 20, 200)]
    assert errors == sorted(errors) and errors[2] > 3 * errors[0]


def test_inputs_are_left_as_they_are():
    lightness, ab = edge_in_lightness()
    small, before = shrink(ab), lightness.copy()
    copy = small.copy()
    enlarge_guided(small, lightness)
    np.testing.assert_array_equal(small, copy)
    np.testing.assert_array_equal(lightness, before)
