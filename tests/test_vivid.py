"""Vivid colors: the bins of the a,b plane, the choice among them, and the adversary."""

import copy

import numpy as np
import pytest

from colorlib.color import split_lab, to_gray
from colorlib.models import load_model
from colorlib.models._blocks import AB_SCALE
from colorlib.models._heads import BinsHead
from colorlib.models._learner import UNetLearner
from colorlib.models.unet import UNet
from colorlib.models.unet_classes import UNetClasses, gamut_bins, rebalancing_weights
from colorlib.models.unet_gan import UNetGAN, build_discriminator
from colorlib.photos import load_photos

SMALL = {"filters": 4, "stages": ((3, 32),), "batch": 2, "size": 64}


@pytest.fixture(scope="module")
def photos() -> np.ndarray:
    return load_photos("bundled", 64, "train")


@pytest.fixture(scope="module")
def plain(photos) -> UNet:
    return UNet(**SMALL).fit(photos, progress=False)


@pytest.fixture(scope="module")
def classes(photos, plain) -> UNetClasses:
    return UNetClasses(**SMALL).fit(photos, progress=False, start=plain.network_)


@pytest.fixture(scope="module")
def adversarial(photos, plain) -> UNetGAN:
    return UNetGAN(**SMALL | {"learning_rate": 0.01}).fit(photos, progress=False, start=plain.network_)


def logits_for(ab: np.ndarray, sharpness: float = 50.0) -> np.ndarray:
    """Outputs that are sure of the bin nearest to each color."""
    nearest = np.linalg.norm(ab[..., None, :] - gamut_bins(), axis=-1).argmin(axis=-1)
    return sharpness * np.eye(len(gamut_bins()), dtype=np.float32)[nearest]


def test_the_bins_hold_every_color_that_srgb_has():
    bins = gamut_bins()
    assert bins.shape == (261, 2) and len(np.unique(bins, axis=0)) == len(bins)
    colors = split_lab(np.random.default_rng(0).random((20_000, 3), np.float32))[1]
    assert np.abs(colors[:, None] - bins).max(axis=-1).min(axis=1).max() <= 5.001


def test_rare_colors_weigh_more_and_the_mean_is_one(photos):
    bins = gamut_bins()
    weights = rebalancing_weights(photos, bins)
    ab = split_lab(photos[:, ::4, ::4])[1].reshape(-1, 2)
    indices = np.linalg.norm(ab[:, None] - bins, axis=-1, ord=np.inf).argmin(axis=1)
    counts = np.bincount(indices, minlength=len(bins))
    assert weights[indices].mean() == pytest.approx(1, abs=1e-3)
    assert weights.argmin() == counts.argmax() and weights[counts == 0].max() == weights.max()


def test_weights_of_one_gray_photo_are_those_worked_out_by_hand():
    bins = gamut_bins()
    weights = rebalancing_weights(np.full((1, 8, 8, 3), 0.5, np.float32), bins)
    gray = (bins == 0).all(axis=1)
    assert weights[gray] == pytest.approx(1) and weights[~gray] == pytest.approx((0.5 + 0.5 / 261) / (0.5 / 261))


def test_the_annealed_mean_goes_from_the_mean_to_the_likeliest():
    bins = gamut_bins()
    two = np.full((1, 1, 1, len(bins)), -100, np.float32)
    two[..., [10, 200]] = np.log(0.6), np.log(0.4)
    for temperature, share in ((1.0, 0.6), (0.5, 0.36 / 0.52), (0.02, 1.0)):
        ab = BinsHead(temperature, rebalance=True).to_ab(two)[0, 0, 0] * AB_SCALE
        np.testing.assert_allclose(ab, share * bins[10] + (1 - share) * bins[200], atol=0.01)


def test_the_loss_is_least_for_the_right_color(photos):
    loss = UNetClasses(rebalance=False).head.loss(photos)
    true = np.zeros((1, 4, 4, 2), np.float32) + np.float32([40, 20])
    errors = [
        float(loss(true / AB_SCALE, logits_for(np.zeros_like(true) + color, 3))[0])
        for color in ([40, 20], [40, 30], [0, 0])
    ]
    assert errors[0] < errors[1] < errors[2]


def test_classes_are_saved_with_their_temperature_and_keep_the_lightness(classes, photos, tmp_path):
    gray = to_gray(photos[0])[:40, :50]
    sharper = copy.copy(classes)
    sharper.temperature = 0.2
    sharper.save(tmp_path / "model.onnx")
    loaded = load_model(tmp_path / "model.onnx")
    assert isinstance(loaded, UNetClasses) and loaded.temperature == 0.2
    np.testing.assert_array_equal(loaded.predict_ab(gray), sharper.predict_ab(gray))
    assert np.abs(loaded.predict_ab(gray) - classes.predict_ab(gray)).max() > 0.1
    np.testing.assert_allclose(to_gray(loaded.colorize(gray)), gray, atol=2e-3)


def test_fine_tuning_starts_from_the_given_network(photos, plain):
    still = UNetClasses(**SMALL | {"learning_rate": 1e-12}).fit(photos, progress=False, start=plain.network_)
    for layer, started in zip(still.network_.layers, plain.network_.layers):
        if layer.name.startswith("conv2d"):
            np.testing.assert_allclose(layer.get_weights()[0], started.get_weights()[0], atol=1e-6)
    assert still.network_.get_layer("ab").kernel.shape[-1] == len(gamut_bins())


def test_a_gain_scales_the_predicted_colors(photos, plain):
    gray = to_gray(photos[0])
    stronger = copy.copy(plain)
    stronger.gain_ = 2.0
    np.testing.assert_allclose(stronger.predict_ab(gray), 2 * plain.predict_ab(gray), atol=1e-3)
    assert np.abs(plain.predict_ab(gray)).max() > 0.1


def test_a_model_that_remembers_runs_its_network_once_for_each_photo(photos, plain):
    model = copy.copy(plain).remember()
    calls, session = [], model._session
    model._session = lambda values: calls.append(values) or session(values)
    stronger = copy.copy(model)  # as the report's notebook 9 makes them
    stronger.gain_ = 2 * plain.gain_
    for photo in (photos[0], photos[1], photos[0]):
        gray = to_gray(photo)
        np.testing.assert_array_equal(model.predict_ab(gray), plain.predict_ab(gray))
        np.testing.assert_allclose(stronger.predict_ab(gray), 2 * plain.predict_ab(gray), atol=1e-4)
    assert len(calls) == 2 and plain._remembered is None
    model._set_graph(model._graph, model.parameters)
    assert model._remembered == {}, "another network must not get the former one's outputs"


def test_photos_kept_aside_do_not_scale_what_the_temperature_or_the_adversary_decides(classes, adversarial, photos):
    for model in (classes, adversarial):
        model.calibrate(photos[:2])
        assert model.gain_ == 1


def test_the_discriminator_judges_patches():
    judge = build_discriminator(4)
    assert judge.compute_output_shape([(2, 64, 96, 1), (2, 16, 24, 2)]) == (2, 4, 6, 1)


def learner_of(model: UNet, photos: np.ndarray) -> UNetLearner:
    model._begin_training(model.build())
    return model.make_learner(photos)


def test_both_networks_learn_and_their_state_can_be_taken_over(photos):
    first, second = (learner_of(UNetGAN(**SMALL), photos) for _ in range(2))
    colors = len(learner_of(UNet(**SMALL), photos).get_state())  # the first so many variables are those of the U-Net
    before = first.get_state()
    first.step(1)
    after = first.get_state()
    changed = [not np.array_equal(before[name], after[name]) for name in sorted(before)]
    assert len(changed) > colors, "the state lacks the discriminator"
    assert any(changed[colors:]) and any(changed[:20]), "one of the networks learned nothing"
    second.set_state(after)
    taken = second.get_state()
    assert all(np.array_equal(taken[name], after[name]) for name in after)


def test_the_adversarys_model_colors_and_loads(adversarial, photos, tmp_path):
    gray = to_gray(photos[0])
    for suffix in (".onnx", ".keras"):
        adversarial.save(tmp_path / f"model{suffix}")
        loaded = load_model(tmp_path / f"model{suffix}")
        assert isinstance(loaded, UNetGAN)
        np.testing.assert_array_equal(loaded.predict_ab(gray), adversarial.predict_ab(gray))
