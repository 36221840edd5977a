"""The baselines and the registry of models."""

import numpy as np
import pytest

from colorlib.color import merge_lab, rgb_to_lab, split_lab, to_gray
from colorlib.models import load_model, model_class
from colorlib.models.baselines import Gray, MeanByLightness, MeanColor, RandomPhoto, Welsh
from colorlib.photos import load_photos

BASELINES = [Gray, MeanColor, MeanByLightness, RandomPhoto, Welsh]


@pytest.fixture(scope="module")
def photos() -> np.ndarray:
    return load_photos("bundled", 64, "train")


@pytest.fixture(scope="module")
def held_out() -> np.ndarray:
    return load_photos("bundled", 64, "test")[0]


@pytest.mark.parametrize("baseline", BASELINES)
def test_colors_any_size_at_the_lightness_of_the_gray_image(baseline, photos, held_out):
    model = baseline().fit(photos)
    gray = to_gray(held_out)[:50, :37]
    rgb = model.colorize(gray)
    assert rgb.shape == (50, 37, 3) and rgb.dtype == np.float32
    assert rgb.min() >= 0 and rgb.max() <= 1
    np.testing.assert_allclose(to_gray(rgb), gray, atol=2e-3)


@pytest.mark.parametrize("baseline", BASELINES)
def test_saved_and_loaded_it_predicts_the_same(baseline, photos, held_out, tmp_path):
    model = baseline().fit(photos)
    model.save(tmp_path / f"{baseline.name}.npz")
    loaded = load_model(tmp_path / f"{baseline.name}.npz")
    gray = to_gray(held_out)
    assert type(loaded) is baseline
    np.testing.assert_array_equal(loaded.predict_ab(gray), model.predict_ab(gray))
    assert loaded.parameters == model.parameters


@pytest.mark.parametrize("baseline", BASELINES)
def test_fitting_changes_neither_the_photos_nor_numpys_random_state(baseline, photos):
    before, state = photos.copy(), np.random.get_state()[1].copy()
    baseline().fit(photos)
    np.testing.assert_array_equal(photos, before)
    np.testing.assert_array_equal(np.random.get_state()[1], state)


def test_gray_leaves_the_photo_gray(held_out):
    rgb = Gray().colorize(to_gray(held_out))
    np.testing.assert_allclose(rgb, to_gray(held_out)[..., None].repeat(3, axis=-1), atol=1e-3)


def test_mean_color_is_the_mean_of_all_training_pixels(photos, held_out):
    model = MeanColor().fit(photos)
    np.testing.assert_allclose(model.ab_, split_lab(photos)[1].reshape(-1, 2).mean(axis=0), atol=1e-3)
    assert np.ptp(model.predict_ab(to_gray(held_out)), axis=(0, 1)).max() == 0


def test_mean_by_lightness_learns_a_color_that_depends_on_lightness(held_out):
    """Dark is bluish and light yellowish in these photos, linearly: the fitted curve has to be that line."""
    lightness = np.linspace(10, 90, 64 * 64, dtype=np.float32).reshape(64, 64)
    ab = np.stack([np.zeros_like(lightness), (lightness - 50) / 4], axis=-1)
    photo, out_of_gamut = merge_lab(lightness, ab)
    assert out_of_gamut == 0
    model = MeanByLightness().fit(photo[None])
    np.testing.assert_allclose(model.predict_ab(to_gray(photo)), ab, atol=0.2)


def test_random_photo_gives_the_colors_of_one_other_training_photo(photos, held_out):
    model = RandomPhoto().fit(photos)
    gray = to_gray(held_out)
    predicted = model.predict_ab(gray)
    distances = [np.abs(predicted - split_lab(photo)[1]).max() for photo in photos]
    assert min(distances) < 0.05
    np.testing.assert_array_equal(model.predict_ab(gray), predicted)
    for photo in photos:
        assert np.abs(model.predict_ab(to_gray(photo)) - split_lab(photo)[1]).mean() > 1
    drawn = {RandomPhoto(seed).fit(photos).predict_ab(gray).tobytes() for seed in range(8)}
    assert len(drawn) > 1
    np.testing.assert_allclose(model.predict_ab(gray * np.float32(1 - 1e-6)), model.predict_ab(gray), atol=1e-3)
    alone = RandomPhoto().fit(photos[:1])
    assert np.abs(alone.predict_ab(to_gray(photos[0]))).max() == 0


def test_nearest_transfer_finds_the_colors_of_two_textures():
    """A smooth half and a noisy half of equal mean lightness, one red and one blue: texture alone tells them apart."""
    rng = np.random.default_rng(0)

    def photo():
        lightness = np.full((64, 64), 50, np.float32)
        lightness[:, 32:] += rng.normal(0, 8, (64, 32))
        ab = np.zeros((64, 64, 2), np.float32)
        ab[:, :32], ab[:, 32:] = (20, 0), (0, -20)
        return merge_lab(lightness, ab)[0]

    model = Welsh().fit(photo()[None])
    other = photo()
    lab = rgb_to_lab(model.colorize(to_gray(other)))
    smooth, noisy = lab[:, 4:28, 1:].mean(axis=(0, 1)), lab[:, 36:60, 1:].mean(axis=(0, 1))
    np.testing.assert_allclose(smooth, [20, 0], atol=1)
    np.testing.assert_allclose(noisy, [0, -20], atol=2)


def test_nearest_transfer_picks_the_source_of_similar_lightness(photos):
    model = Welsh().fit(photos)
    for photo, colors in zip(photos, model.ab_):
        predicted = model.predict_ab(to_gray(photo)).reshape(-1, 2)
        assert np.isin(predicted[::97], colors).all()


def test_an_unknown_model_is_refused_with_the_list_of_names():
    with pytest.raises(ValueError, match="unknown model 'unet9'.*gray.*linear"):
        model_class("unet9")


@pytest.mark.parametrize("baseline", BASELINES[1:])
def test_photos_that_are_no_photos_are_refused(baseline):
    with pytest.raises(ValueError, match="uint8"):
        baseline().fit(np.zeros((1, 16, 16, 3), np.uint8))
    with pytest.raises(ValueError, match="finite"):
        baseline().fit(np.full((1, 16, 16, 3), np.nan, np.float32))
