"""Linear regression: exact, in one pass, in the memory of one photo, and sound on odd photos."""

import tracemalloc

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, Ridge

from colorlib.color import _bands, row_bands, split_lab, to_gray
from colorlib.models import gray_patches, load_model, patch_targets
from colorlib.models.linear import Linear, Moments, patch_moments
from colorlib.photos import load_photos
from colorlib.scores.metrics import r2


@pytest.fixture(scope="module")
def photos():
    return load_photos("bundled", 64, "train")


def table_of(photos, center=True):
    patches = np.concatenate([gray_patches(to_gray(photo), center) for photo in photos])
    return patches.astype(np.float64), np.concatenate([patch_targets(photo) for photo in photos]).astype(np.float64)


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("ridge", [0.0, 5.0])
def test_coefficients_are_those_of_scikit_learn(photos, center, ridge):
    peer = (Ridge(alpha=ridge) if ridge else LinearRegression()).fit(*table_of(photos, center))
    model = Linear(center, ridge).fit(photos)
    np.testing.assert_allclose(model.coefficients_, peer.coef_, atol=1e-6)
    np.testing.assert_allclose(model.intercept_, peer.intercept_, atol=1e-6)


def test_bands_change_nothing(photos, monkeypatch):
    before, gray = Linear().fit(photos), photos[0, ..., 0]
    whole = before.predict(gray)
    monkeypatch.setattr(_bands, "BAND_PIXELS", 200)
    assert len(row_bands(64, 64)) > 1
    after = Linear().fit(photos)
    np.testing.assert_allclose(after.coefficients_, before.coefficients_, atol=1e-9)
    np.testing.assert_allclose(after.predict(gray), whole, atol=1e-5)


def test_moments_add_up():
    table = np.random.default_rng(0).normal(1e4, 1, (4, 5000))
    parts = Moments.of(table[:, :1234]) + Moments.of(table[:, 1234:])
    np.testing.assert_allclose(parts.mean, table.mean(axis=1))
    np.testing.assert_allclose(parts.comoments, np.cov(table, ddof=0) * 5000, rtol=1e-8, atol=1e-3)


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("target", ["rgb", "ab"])
@pytest.mark.parametrize("shape", [(3, 3), (3, 20), (20, 3), (4, 5), (64, 64)])
def test_moments_of_patches_are_those_of_their_table(photos, shape, target, center):
    photo = photos[0, 20 : 20 + shape[0], -shape[1] :]
    gray, colors = to_gray(photo), photo if target == "rgb" else split_lab(photo)[1]
    expected = Moments.of(np.hstack([gray_patches(gray, center), patch_targets(colors)]).T.astype(np.float64))
    moments = patch_moments([photo], center, target)
    assert moments.rows == expected.rows
    np.testing.assert_allclose(moments.mean, expected.mean, atol=1e-5)
    np.testing.assert_allclose(moments.comoments, expected.comoments, atol=1e-5 * max(1, expected.comoments.max()))


def test_r2_from_moments_is_r2_of_the_predictions(photos):
    model = Linear().fit(photos[:2])
    patches, colors = table_of(photos[2:])
    predicted = patches @ model.coefficients_.T + model.intercept_
    np.testing.assert_allclose(model.r2(patch_moments(photos[2:])), r2(colors, predicted), atol=1e-6)


def test_prediction_is_the_weighted_sum_at_every_inner_pixel(photos):
    model, gray = Linear().fit(photos), to_gray(photos[0])
    expected = gray_patches(gray) @ model.coefficients_.T + model.intercept_
    np.testing.assert_allclose(model.predict(gray)[1:-1, 1:-1].reshape(-1, 3), expected, atol=1e-5)
    predicted_ab = split_lab(np.clip(model.predict(gray), 0, 1))[1]
    np.testing.assert_allclose(model.predict_ab(gray), predicted_ab, atol=1e-3)


def test_ab_target_predicts_ab_itself(photos):
    model, gray = Linear(target="ab").fit(photos), to_gray(photos[0])
    assert model.predict(gray).shape == (*gray.shape, 2) and model.parameters == 20
    np.testing.assert_array_equal(model.predict(gray), model.predict_ab(gray))


def test_a_generator_of_many_photos_takes_no_more_memory_than_one_of_few():
    rng = np.random.default_rng(0)
    base = rng.random((96, 96, 3), dtype=np.float32)

    def peak(count):
        tracemalloc.start()
        Linear().fit(base * np.float32(0.5 + 0.5 * i / count) for i in range(count))
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    peak(2)
    assert peak(400) < 1.2 * peak(250)  # small photos are taken a megapixel at a time


def test_photos_of_different_sizes_stream(photos):
    whole, part = photos[0], photos[1, :40, :30]
    moments = patch_moments([whole, part])
    assert moments.rows == 62 * 62 + 38 * 28


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (3, 3), (2, 20000)])
def test_any_gray_image_is_colored(photos, shape):
    gray = np.full(shape, 0.5, np.float32)
    assert Linear().fit(photos).colorize(gray).shape == (*shape, 3)


def test_a_photo_of_one_color_is_learned_exactly():
    photo = np.broadcast_to(np.float32([0.2, 0.5, 0.7]), (8, 8, 3))
    model = Linear().fit([photo])
    np.testing.assert_allclose(model.predict(to_gray(photo)), photo, atol=1e-6)
    assert np.isnan(model.r2(patch_moments([photo]))).all()


def test_saved_and_loaded_it_is_the_same(photos, tmp_path):
    model = Linear(center=False, ridge=2.0, target="ab").fit(photos)
    model.save(tmp_path / "linear.npz")
    loaded = load_model(tmp_path / "linear.npz")
    assert (loaded.center, loaded.ridge, loaded.target) == (False, 2.0, "ab")
    np.testing.assert_array_equal(loaded.coefficients_, model.coefficients_)
    np.testing.assert_array_equal(loaded.predict(photos[0, ..., 0]), model.predict(photos[0, ..., 0]))


@pytest.mark.parametrize(
    "photos, message",
    [
        ([], "at least one"),
        ([np.zeros((2, 9, 3), np.float32)], "3×3"),
        ([np.zeros((9, 9, 3), np.uint8)], "uint8"),
        ([np.zeros((9, 9, 4), np.float32)], "shape"),
        ([np.full((9, 9, 3), np.nan, np.float32)], "finite"),
        ([np.full((9, 9, 3), 1.5, np.float32)], r"\[0, 1\]"),
    ],
)
def test_photos_that_cannot_be_learned_from_are_named(photos, message):
    with pytest.raises(ValueError, match=message):
        Linear().fit(photos)


@pytest.mark.parametrize(
    "options, message", [({"target": "hsv"}, "hsv"), ({"ridge": -1.0}, "-1"), ({"ridge": float("nan")}, "nan")]
)
def test_wrong_settings_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        Linear(**options)
