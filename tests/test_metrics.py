"""Every metric against an independent source: published pairs, scikit-image, scikit-learn, or an example by hand."""

import math

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from sklearn.metrics import r2_score

from colorlib.color import merge_lab, rgb_to_lab, split_lab
from colorlib.photos import load_photos
from colorlib.scores import metrics

#: L, a, b, L, a, b, CIEDE2000: the test data of Sharma, Wu & Dalal 2005, table 1.
SHARMA_PAIRS = """
50.0000 2.6772 -79.7751 50.0000 0.0000 -82.7485 2.0425
50.0000 3.1571 -77.2803 50.0000 0.0000 -82.7485 2.8615
50.0000 2.8361 -74.0200 50.0000 0.0000 -82.7485 3.4412
50.0000 -1.3802 -84.2814 50.0000 0.0000 -82.7485 1.0000
50.0000 -1.1848 -84.8006 50.0000 0.0000 -82.7485 1.0000
50.0000 -0.9009 -85.5211 50.0000 0.0000 -82.7485 1.0000
50.0000 0.0000 0.0000 50.0000 -1.0000 2.0000 2.3669
50.0000 -1.0000 2.0000 50.0000 0.0000 0.0000 2.3669
50.0000 2.4900 -0.0010 50.0000 -2.4900 0.0009 7.1792
50.0000 2.4900 -0.0010 50.0000 -2.4900 0.0010 7.1792
50.0000 2.4900 -0.0010 50.0000 -2.4900 0.0011 7.2195
50.0000 2.4900 -0.0010 50.0000 -2.4900 0.0012 7.2195
50.0000 -0.0010 2.4900 50.0000 0.0009 -2.4900 4.8045
50.0000 -0.0010 2.4900 50.0000 0.0010 -2.4900 4.8045
50.0000 -0.0010 2.4900 50.0000 0.0011 -2.4900 4.7461
50.0000 2.5000 0.0000 50.0000 0.0000 -2.5000 4.3065
50.0000 2.5000 0.0000 73.0000 25.0000 -18.0000 27.1492
50.0000 2.5000 0.0000 61.0000 -5.0000 29.0000 22.8977
50.0000 2.5000 0.0000 56.0000 -27.0000 -3.0000 31.9030
50.0000 2.5000 0.0000 58.0000 24.0000 15.0000 19.4535
50.0000 2.5000 0.0000 50.0000 3.1736 0.5854 1.0000
50.0000 2.5000 0.0000 50.0000 3.2972 0.0000 1.0000
50.0000 2.5000 0.0000 50.0000 1.8634 0.5757 1.0000
50.0000 2.5000 0.0000 50.0000 3.2592 0.3350 1.0000
60.2574 -34.0099 36.2677 60.4626 -34.1751 39.4387 1.2644
63.0109 -31.0961 -5.8663 62.8187 -29.7946 -4.0864 1.2630
61.2901 3.7196 -5.3901 61.4292 2.2480 -4.9620 1.8731
35.0831 -44.1164 3.7933 35.0232 -40.0716 1.5901 1.8645
22.7233 20.0904 -46.6940 23.0331 14.9730 -42.5619 2.0373
36.4612 47.8580 18.3852 36.2715 50.5065 21.2231 1.4146
90.8027 -2.0831 1.4410 91.1528 -1.6435 0.0447 1.4441
90.9257 -0.5406 -0.9208 88.6381 -0.8985 -0.7239 1.5381
6.7747 -0.2908 -2.4247 5.8714 -0.0985 -2.2286 0.6377
2.0776 0.0795 -1.1350 0.9033 -0.0636 -0.5514 0.9082
"""


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return load_photos("bundled", 96)[0]


@pytest.fixture(scope="module")
def colorized(photo) -> np.ndarray:
    """The photo with its colors halved and shifted."""
    lightness, ab = split_lab(photo)
    return merge_lab(lightness, ab / 2 + np.float32(4))[0]


def test_delta_e_of_the_published_pairs_in_both_orders():
    pairs = np.array(SHARMA_PAIRS.split(), np.float64).reshape(34, 7)
    np.testing.assert_allclose(metrics.delta_e(pairs[:, :3], pairs[:, 3:6]), pairs[:, 6], atol=1e-4)
    np.testing.assert_allclose(metrics.delta_e(pairs[:, 3:6], pairs[:, :3]), pairs[:, 6], atol=1e-4)


def test_delta_e_of_the_published_pairs_in_single_precision():
    pairs = np.array(SHARMA_PAIRS.split(), np.float32).reshape(34, 7)
    pairs = np.delete(pairs, 13, axis=0)  # exactly opposite hues, where the formula jumps and rounding picks a side
    np.testing.assert_allclose(metrics.delta_e(pairs[:, :3], pairs[:, 3:6]), pairs[:, 6], atol=1e-4)


def test_delta_e_of_random_colors_equals_scikit_image():
    rng = np.random.default_rng(0)
    first, second = rng.uniform([0, -110, -110], [100, 110, 110], (2, 20_000, 3))
    expected = deltaE_ciede2000(first, second)
    np.testing.assert_allclose(metrics.delta_e(first, second), expected, atol=1e-9)
    in_float32 = metrics.delta_e(first.astype(np.float32), second.astype(np.float32))
    assert in_float32.dtype == np.float32
    np.testing.assert_allclose(in_float32, expected, atol=2e-3)


def test_delta_e_of_black_and_white_is_100_and_of_equal_colors_0(photo):
    assert metrics.delta_e(np.array([100.0, 0, 0]), np.array([0.0, 0, 0])) == pytest.approx(100)
    lab = rgb_to_lab(photo)
    assert metrics.delta_e(lab, lab).max() == 0


def test_delta_e_does_not_change_its_arguments_and_refuses_other_shapes(photo):
    lab = rgb_to_lab(photo)
    before = lab.copy()
    metrics.delta_e(lab, lab[::-1])
    np.testing.assert_array_equal(lab, before)
    with pytest.raises(ValueError, match=r"\(96, 96, 3\).*\(96, 96, 2\)"):
        metrics.delta_e(lab, lab[..., :2])
    with pytest.raises(ValueError, match="last axis must be 3"):
        metrics.delta_e(lab[..., :2], lab[..., :2])


def test_r2_equals_scikit_learn(photo, colorized):
    expected = r2_score(photo.reshape(-1, 3), colorized.reshape(-1, 3), multioutput="raw_values")
    np.testing.assert_allclose(metrics.r2(photo, colorized), expected, rtol=1e-5)


def test_r2_by_hand():
    true = np.array([[1.0, 5.0, 5.0], [2.0, 5.0, 5.0], [3.0, 5.0, 5.0]])
    predicted = np.array([[2.0, 5.0, 5.0], [2.0, 5.0, 5.0], [2.0, 5.0, 6.0]])  # the mean; a constant hit and missed
    assert metrics.r2(true, predicted).tolist() == [0.0, 1.0, 0.0]


def test_rmse_and_psnr_by_hand_and_equal_to_scikit_image(photo, colorized):
    assert metrics.rmse(np.zeros(4), np.array([3.0, 4.0, 0.0, 0.0])) == pytest.approx(2.5)
    assert metrics.psnr(np.zeros(4), np.full(4, 0.1)) == pytest.approx(20.0)
    assert metrics.psnr(np.zeros(4), np.full(4, 22.0), peak=metrics.AB_PEAK) == pytest.approx(20.0)
    assert metrics.psnr(photo, photo) == math.inf
    expected = peak_signal_noise_ratio(photo, colorized, data_range=1)
    assert metrics.psnr(photo, colorized) == pytest.approx(expected, abs=1e-4)


def test_ssim_equals_scikit_image(photo, colorized):
    shifted = np.roll(photo, 3, axis=1)
    for other in (colorized, shifted, 1 - photo):
        expected = structural_similarity(
            photo, other, channel_axis=2, data_range=1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
        assert metrics.ssim(photo, other) == pytest.approx(expected, abs=1e-4)
    assert metrics.ssim(photo, photo) == pytest.approx(1.0, abs=1e-6)
    with pytest.raises(ValueError, match="11×11"):
        metrics.ssim(photo[:10], photo[:10])


@pytest.mark.parametrize("shape", [(43, 52, 3), (300, 410, 1), (11, 96, 2)])
def test_ssim_of_photos_of_other_shapes_equals_scikit_image(shape):
    first, second = np.random.default_rng(0).random((2, *shape))
    expected = structural_similarity(
        first, second, channel_axis=2, data_range=1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    assert metrics.ssim(first, second) == pytest.approx(expected, abs=1e-9)


def test_auc_by_hand():
    true = np.zeros((4, 2))
    errors = np.array([[0.0, 0.0], [30.0, 40.0], [0.0, -150.0], [200.0, 0.0]])  # distances 0, 50, 150, 200
    # 151 thresholds: all reach distance 0, those from 50 to 150 reach 50, only the last reaches 150, none 200
    assert metrics.auc(true, errors) == pytest.approx((151 + 101 + 1 + 0) / 151 / 4)
    assert metrics.auc(true, errors, np.array([0.0, 1.0, 0.0, 1.0])) == pytest.approx(101 / 151 / 2)
    with pytest.raises(ValueError, match="one a pixel"):
        metrics.auc(true, errors, np.ones(3))


def test_auc_is_the_mean_of_the_curve_it_is_named_after(photo, colorized):
    true, predicted = split_lab(photo)[1], split_lab(colorized)[1]
    distance = np.sqrt(((true - predicted) ** 2).sum(axis=-1))
    curve = [(distance <= threshold).mean() for threshold in range(151)]
    assert metrics.auc(true, predicted) == pytest.approx(np.mean(curve), abs=1e-9)


def test_inverse_prior_makes_every_class_count_the_same():
    ab = np.array([[1.0, 1.0]] * 6 + [[55.0, -33.0]] * 2 + [[9.9, 9.9]])  # bins of 7 and of 2 pixels
    weights = metrics.inverse_prior(ab)
    assert weights.mean() == pytest.approx(1.0)
    assert weights[[0, 8]].tolist() == pytest.approx([9 / 7 / 2, 9 / 7 / 2])
    assert weights[6] == pytest.approx(9 / 2 / 2)
    wrong_in_the_rare_class = ab + np.where(ab[:, :1] > 50, 500.0, 0.0)
    assert metrics.auc(ab, wrong_in_the_rare_class) == pytest.approx(7 / 9)
    assert metrics.auc(ab, wrong_in_the_rare_class, weights) == pytest.approx(1 / 2)


def test_colorfulness_by_hand():
    assert metrics.colorfulness(np.full((4, 4, 3), 0.4, np.float32)) == pytest.approx(0.0, abs=1e-5)
    red = np.zeros((2, 2, 3), np.float32)
    red[..., 0] = 1  # no spread; R - G = 255, (R + G)/2 - B = 127.5
    assert metrics.colorfulness(red) == pytest.approx(0.3 * math.hypot(255, 127.5), rel=1e-6)
    half = red.copy()
    half[0] = 0  # half the pixels black: standard deviation and mean are both half of the values above
    assert metrics.colorfulness(half) == pytest.approx(1.3 * math.hypot(127.5, 63.75), rel=1e-6)


def test_colorfulness_keeps_the_signs_of_the_opponent_channels():
    red_and_green = np.array([[[1.0, 0, 0], [0, 1.0, 0]]], np.float32)  # R - G = ±255: mean 0, deviation 255
    assert metrics.colorfulness(red_and_green) == pytest.approx(255 + 0.3 * 127.5, rel=1e-6)


def test_hue_error_by_hand():
    true = np.array([[20.0, 0.0], [20.0, 0.0], [0.0, 20.0], [1.0, 0.0], [20.0, 0.0]])
    predicted = np.array([[30.0, 0.0], [0.0, 9.0], [0.0, -9.0], [-9.0, 0.0], [0.1, 0.1]])  # 0°, 90°, 180°; two gray
    assert metrics.hue_error(true, predicted) == pytest.approx(90.0)
    across_zero = metrics.hue_error(np.array([[20.0, 0.5]]), np.array([[20.0, -0.5]]))
    assert across_zero == pytest.approx(2 * math.degrees(math.atan(0.025)), rel=1e-6)
    assert math.isnan(metrics.hue_error(true, np.zeros_like(true)))


def test_score_photo_holds_every_score_of_the_photo(photo, colorized):
    scores = metrics.score_photo(photo, colorized, out_of_gamut=96)
    assert scores["out_of_gamut_pct"] == pytest.approx(100 / 96)
    lab, colorized_lab = rgb_to_lab(photo), rgb_to_lab(colorized)
    differences = deltaE_ciede2000(lab, colorized_lab)
    assert scores["delta_e_mean"] == pytest.approx(differences.mean(), abs=1e-3)
    assert scores["delta_e_median"] == pytest.approx(np.median(differences), abs=1e-3)
    assert scores["delta_e_p95"] == pytest.approx(np.percentile(differences, 95), abs=1e-3)
    assert scores["psnr_rgb"] == pytest.approx(peak_signal_noise_ratio(photo, colorized, data_range=1), abs=1e-3)
    expected = peak_signal_noise_ratio(lab[..., 1:], colorized_lab[..., 1:], data_range=220)
    assert scores["psnr_ab"] == pytest.approx(expected, abs=1e-3)
    assert scores["colorfulness_gap"] < 0


def test_score_of_the_photo_itself_is_perfect_and_finite(photo):
    scores = metrics.score_photo(photo, photo)
    assert scores["psnr_rgb"] == scores["psnr_ab"] == 60
    assert scores["delta_e_mean"] == scores["colorfulness_gap"] == scores["hue_error"] == 0
    assert scores["auc"] == scores["auc_rebalanced"] == 1
