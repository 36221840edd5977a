"""The table of neighborhoods: every row belongs to its pixel."""

import numpy as np
import pytest

from colorlib.models import gray_patches, patch_targets
from colorlib.models._patches import patch_planes


@pytest.fixture
def gray():
    return np.arange(5 * 7, dtype=np.float32).reshape(5, 7)


def test_row_holds_the_neighborhood_of_its_pixel(gray):
    patches = gray_patches(gray)
    assert patches.shape == (3 * 5, 9) and patches.dtype == np.float32
    for row in range(3):
        for column in range(5):
            expected = gray[row : row + 3, column : column + 3].ravel()
            np.testing.assert_array_equal(patches[row * 5 + column], expected)


def test_eight_columns_leave_out_the_pixel_itself(gray):
    np.testing.assert_array_equal(gray_patches(gray, center=False), np.delete(gray_patches(gray), 4, axis=1))


def test_targets_are_the_pixels_in_the_middle_of_the_rows(gray):
    photo = np.stack([gray, gray + 100, gray + 200], axis=-1)
    np.testing.assert_array_equal(patch_targets(photo), gray_patches(gray)[:, [4]] + [0, 100, 200])


def test_padding_repeats_the_edge_and_gives_every_pixel_a_row(gray):
    patches = gray_patches(gray, pad=True)
    np.testing.assert_array_equal(patches[:, 4].reshape(gray.shape), gray)
    np.testing.assert_array_equal(patches[0], [0, 0, 1, 0, 0, 1, 7, 7, 8])


def test_planes_are_views_of_the_image(gray):
    planes = patch_planes(gray)
    assert len(planes) == 9 and all(np.shares_memory(plane, gray) for plane in planes)


@pytest.mark.parametrize("shape", [(2, 5), (5, 2), (5, 5, 3), (25,)])
def test_gray_image_of_a_wrong_shape_is_named(shape):
    with pytest.raises(ValueError, match=f"shape \\({shape[0]},"):
        gray_patches(np.zeros(shape))


@pytest.mark.parametrize("shape", [(2, 5, 3), (5, 5)])
def test_photo_of_a_wrong_shape_is_named(shape):
    with pytest.raises(ValueError, match="shape"):
        patch_targets(np.zeros(shape))
