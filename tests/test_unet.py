"""The U-Net: any size, losses, crops, calibration and files; that its training survives a kill is in `test_weights`."""

import copy
import zipfile

import h5py
import keras
import numpy as np
import onnx
import pytest

from colorlib.color import gray_to_lightness, merge_lab, split_lab, to_gray
from colorlib.models import load_model
from colorlib.models._blocks import build_encoder_decoder, network_targets
from colorlib.models._heads import LOSSES
from colorlib.models._learner import CropMaker, UNetLearner
from colorlib.models.unet import UNet
from colorlib.photos import load_photos
from colorlib.training import resized_crop
from conftest import count_steps

SMALL = {"filters": 4, "stages": ((4, 64),), "batch": 2, "size": 64}  # so few steps that they are not compiled


@pytest.fixture(scope="module")
def photos() -> np.ndarray:
    return load_photos("bundled", 64, "train")


@pytest.fixture(scope="module")
def fitted(photos) -> UNet:
    return UNet(**SMALL).fit(photos, progress=False)


@pytest.fixture(scope="module")
def learned(photos) -> UNet:
    """One that knows a photo, so that its predictions are not nearly gray."""
    return UNet(
        filters=4, stages=((80, 64),), batch=1, size=64, zoom=(1, 1), flip=False, lightness_jitter=0, learning_rate=0.01
    ).fit(photos[:1], progress=False)


def weights_of(model: UNet) -> np.ndarray:
    return np.concatenate([weights.ravel() for weights in model.network_.get_weights()])


# Predictions


@pytest.mark.parametrize("shape", [(64, 64), (1, 1), (3, 200), (65, 31), (301, 233)])
def test_colors_any_size_at_the_lightness_of_the_gray_image(fitted, shape):
    gray = np.random.default_rng(0).random(shape, np.float32)
    rgb = fitted.colorize(gray)
    assert rgb.shape == (*shape, 3) and rgb.dtype == np.float32 and rgb.min() >= 0 and rgb.max() <= 1
    np.testing.assert_allclose(split_lab(rgb)[0], gray_to_lightness(gray), atol=0.1)


@pytest.mark.parametrize("shape", [(64, 64), (32, 96)])
def test_a_mirrored_image_gets_the_mirrored_colors(learned, shape):
    gray = np.random.default_rng(0).random(shape, np.float32)
    ab = learned.predict_ab(gray)
    np.testing.assert_allclose(learned.predict_ab(gray[:, ::-1])[:, ::-1], ab, atol=1e-3)
    assert np.abs(ab[:, ::-1] - ab).mean() > 0.1


def test_contrast_lifts_weak_colors_moves_all_apart_tints_half_as_much_and_is_saved(learned, photos, tmp_path):
    gray = to_gray(photos[0])
    model = copy.copy(learned)
    model.contrast = 2
    model.save(tmp_path / "vivid.onnx")
    vivid = load_model(tmp_path / "vivid.onnx")
    assert vivid.contrast == 2 and learned.contrast == 1
    plain, strong = (each.predict_small_ab(gray)[0] for each in (learned, vivid))
    lifted = plain * ((np.linalg.norm(plain, axis=-1, keepdims=True) + 1) / 15) ** -0.25
    mean = lifted.mean(axis=(0, 1))
    np.testing.assert_allclose(strong, 1.5 * mean + 2 * (lifted - mean), atol=1e-3)
    assert np.abs(plain - plain.mean(axis=(0, 1))).max() > 1


def test_a_and_b_come_at_a_quarter_of_the_side_and_may_be_any_number():
    network = build_encoder_decoder(4, outputs=3, activation=None)
    lightness = np.random.default_rng(0).random((2, 96, 64, 1), np.float32)
    before = keras.ops.convert_to_numpy(network(lightness))
    last = network.get_layer("ab")
    last.set_weights([1000 * values for values in last.get_weights()])
    assert before.shape == (2, 24, 16, 3) and np.abs(before).max() < 1
    np.testing.assert_allclose(keras.ops.convert_to_numpy(network(lightness)), 1000 * before, rtol=1e-3, atol=1e-3)


def test_residual_blocks_start_as_doing_nothing():
    lightness = np.random.default_rng(0).random((1, 64, 64, 1), np.float32)
    network = build_encoder_decoder(4)
    blocks = [layer for layer in network.layers if isinstance(layer, keras.layers.Add)][:2]
    before, *after = keras.Model(
        network.input, [network.get_layer("thirtysecond").output, *(block.output for block in blocks)]
    )(lightness)
    assert len(after) == 2 and np.abs(before).max() > 0.01
    for values in after:
        np.testing.assert_array_equal(values, before)


# Learning


def test_learns_one_photo_better_than_leaving_it_gray(learned, photos):
    losses = learned.history_.losses
    assert np.mean(losses[-10:]) < np.mean(losses[:10]) - 0.5
    true = split_lab(photos[0])[1]
    assert np.abs(learned.predict_ab(to_gray(photos[0])) - true).mean() < 0.8 * np.abs(true).mean()


@pytest.mark.parametrize("loss", ["squared", "huber"])
def test_the_loss_is_the_one_asked_for(photos, loss):
    """At first a,b are nearly gray: the loss is about that of gray."""
    model = UNet(**SMALL | {"loss": loss, "stages": ((2, 64),)}).fit(photos, progress=False)
    _, ab = learner_of(model, photos).stream(1)
    gray = keras.ops.convert_to_numpy(LOSSES[loss](ab, np.zeros_like(ab))).mean()
    assert model.history_.losses[0] == pytest.approx(float(gray), rel=0.3)


def test_the_same_seed_gives_the_same_weights_and_another_does_not(fitted, photos):
    again, other = UNet(**SMALL).fit(photos, progress=False), UNet(**SMALL, seed=1).fit(photos, progress=False)
    np.testing.assert_array_equal(weights_of(again), weights_of(fitted))
    assert not np.array_equal(weights_of(other), weights_of(fitted))


def test_looking_at_the_training_shows_the_averaged_weights_and_changes_nothing(fitted, photos):
    gray = to_gray(photos[0])
    model = UNet(**SMALL).fit(
        photos, observe=lambda model, i: {"ab": model.predict_ab(gray)}, observe_at=(1, 2, 4), progress=False
    )
    assert sorted(model.history_.observations) == [1, 2, 4]
    np.testing.assert_array_equal(weights_of(model), weights_of(fitted))
    first, last = (model.history_.observations[iteration]["ab"] for iteration in (1, 4))
    # Since then, weights were rounded; and where the processor multiplies bfloat16, it learned in that.
    np.testing.assert_allclose(last, model.predict_ab(gray), atol=0.15)
    assert np.abs(first - last).max() > 0.1


def test_starts_from_the_weights_of_another_network(fitted, photos):
    model = UNet(**SMALL | {"seed": 5, "learning_rate": 0.0}).fit(photos, start=fitted.network_, progress=False)
    for mine, given in zip(model.network_.trainable_variables, fitted.network_.trainable_variables, strict=True):
        np.testing.assert_allclose(
            keras.ops.convert_to_numpy(mine), keras.ops.convert_to_numpy(given), rtol=1e-5, atol=1e-7
        )


def test_a_kept_training_is_taken_only_if_it_began_from_the_same_weights(fitted, photos, tmp_path, monkeypatch):
    kept = tmp_path / "kept.npz"
    first = UNet(**SMALL).fit(photos, start=fitted.network_, checkpoint=kept, keep=True, progress=False)
    done = count_steps(monkeypatch)
    again = UNet(**SMALL).fit(photos, start=fitted.network_, checkpoint=kept, keep=True, progress=False)
    assert done == []
    np.testing.assert_array_equal(weights_of(again), weights_of(first))
    with pytest.warns(UserWarning, match="starts over"):
        UNet(**SMALL).fit(photos, start=first.network_, checkpoint=kept, keep=True, progress=False)
    assert len(done) == first.iterations


# Crops


def learner_of(model: UNet, photos: np.ndarray) -> UNetLearner:
    model._begin_training(model.build())
    return model.make_learner(photos)


def test_the_crops_of_a_stage_have_its_side(photos):
    model = UNet(**SMALL | {"stages": ((2, 32), (1, 96), (3, 64)), "batch": 3})
    learner, sides = learner_of(model, photos), []
    for iteration in range(1, 7):
        lightness, ab = learner.stream(iteration)
        assert ab.shape == (3, lightness.shape[1] // 4, lightness.shape[2] // 4, 2)
        assert lightness.shape[1:] == (lightness.shape[1], lightness.shape[1], 1)
        sides.append(lightness.shape[1])
    assert sides == [32, 32, 96, 64, 64, 64] and model.iterations == 6


def test_a_crop_of_a_whole_photo_is_the_photo(photos):
    model = UNet(**SMALL | {"stages": ((9, 64),), "zoom": (1, 1), "flip": False, "lightness_jitter": 0, "batch": 3})
    lightness, ab = learner_of(model, photos).stream(2)
    expected_lightness, expected_ab = network_targets(photos)
    for cut, colors in zip(lightness, ab):
        (which,) = [i for i, whole in enumerate(expected_lightness) if np.allclose(cut, whole, atol=1e-3)]
        np.testing.assert_allclose(colors, expected_ab[which], atol=1e-3)


def test_crops_of_a_wide_photo_are_squares_of_it_or_its_whole_height_squeezed():
    """Columns tell the place in a photo four times as wide as high: crops show between 1/4 and all of its width."""
    columns = np.linspace(0, 255, 256).astype(np.uint8)
    photo = np.broadcast_to(columns[None, :, None], (64, 256, 3))
    make_crop = CropMaker(((1000, 64),), 1, (1, 1), False, 0, 0)
    spans = []
    for position in range(200):
        lightness, _ = make_crop(position, photo)
        spans.append(np.ptp(lightness))
    whole = np.ptp(network_targets(resized_crop(photo, (0, 0, 256, 64), 64)[None])[0])
    assert 0.12 * whole < min(spans) < 0.4 * whole and 0.9 * whole < max(spans) <= whole + 1e-5


@pytest.mark.parametrize("box", [(8, 4, 40, 36), (9.3, 13.7, 50.1, 54.5), (20, 16, 36, 60)])
@pytest.mark.parametrize("side", [32, 64])
@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_a_crop_shows_its_box(box, side, dtype):
    rows, columns = np.mgrid[:64, :64].astype(np.float32) / 64
    photo = np.stack([columns, rows, 0 * rows], axis=-1)
    cut = resized_crop(photo if dtype == np.float32 else np.round(255 * photo).astype(np.uint8), box, side)
    left, top, right, bottom = box
    middles = (np.arange(side) + 0.5) / side
    assert cut.shape == (side, side, 3) and cut.dtype == np.float32
    np.testing.assert_allclose(cut[side // 2, 2:-2, 0], (left + (right - left) * middles - 0.5)[2:-2] / 64, atol=0.01)
    np.testing.assert_allclose(cut[2:-2, side // 2, 1], (top + (bottom - top) * middles - 0.5)[2:-2] / 64, atol=0.01)


# Losses: of one photo of 1×2 pixels, errors of 3 and 4 and of 0 and 24 units of a,b

TRUE = np.array([[[[10, 20], [-5, 8]]]]) / 128
PREDICTED = np.array([[[[13, 16], [-5, 32]]]]) / 128


@pytest.mark.parametrize(
    "loss, value",
    [
        ("squared", (9 + 16 + 0 + 576) / 4 / 128**2),
        ("absolute", (3 + 4 + 0 + 24) / 4 / 128),
        ("huber", (0.045 + 0.08 + 0 + 1.9) / 4),
        ("relative", np.log(2 * (9 + 16 + 0 + 576) / 4 + 40)),
    ],
)
def test_a_loss_is_what_it_is_by_hand(loss, value):
    both = LOSSES[loss](np.repeat(TRUE, 2, axis=0), np.concatenate([PREDICTED, TRUE]))
    nothing = np.log(40) if loss == "relative" else 0
    np.testing.assert_allclose(keras.ops.convert_to_numpy(both), [value, nothing], rtol=1e-4, atol=1e-6)


def test_half_the_relative_error_counts_the_same_for_a_nearly_gray_and_a_colorful_photo():
    pattern = np.random.default_rng(0).standard_normal((1, 8, 8, 2)) / 128
    true = np.concatenate([40 * pattern, 90 * pattern])

    def falls(loss):
        """By how much the loss of each falls from gray to colors that are half as strong as the true ones."""
        return keras.ops.convert_to_numpy(LOSSES[loss](true, 0 * true) - LOSSES[loss](true, true / 2))

    np.testing.assert_allclose(falls("relative"), np.log(4), rtol=0.05)
    weak, strong = falls("squared")
    assert strong > 5 * weak


def test_below_the_tolerance_the_relative_error_hardly_asks_for_less():
    error = np.full((1, 4, 4, 2), 1 / 128)
    fall = LOSSES["relative"](error, 0 * error) - LOSSES["relative"](error, error)
    assert 0 < keras.ops.convert_to_numpy(fall)[0] < 0.1


# Calibration


@pytest.mark.parametrize("gain", [0.4, 1.2])
def test_finds_by_how_much_the_colors_are_too_strong_or_too_weak(learned, photos, gain):
    """Validation photos whose true a,b are so many times those that it predicts."""
    gray = 0.5 + 0.2 * to_gray(photos[0])  # where sRGB has the most colors
    true, outside = merge_lab(gray_to_lightness(gray), gain * learned.predict_ab(gray))
    assert outside == 0
    model = copy.copy(learned)
    model.calibrate(true[None])
    assert model.gain_ == pytest.approx(gain, abs=0.021)
    np.testing.assert_allclose(model.predict_ab(gray), model.gain_ * learned.predict_ab(gray), atol=1e-3)


def test_no_other_gain_has_a_smaller_error_on_the_photos_kept_aside(fitted, photos):
    validation = load_photos("bundled", 64, "test")
    before = photos.copy(), validation.copy()
    model = UNet(**SMALL).fit(photos, validation=validation, progress=False)
    for now, then in zip((photos, validation), before):
        np.testing.assert_array_equal(now, then)
    true = split_lab(validation)[1] / 128
    predicted = np.stack([fitted.predict_ab(to_gray(photo)) for photo in validation]) / 128
    errors = {
        gain: float(np.mean(keras.ops.convert_to_numpy(LOSSES["relative"](true, np.float32(gain) * predicted))))
        for gain in (0.3, 0.5, 0.8, 1.0, 1.2, 1.5, model.gain_)
    }
    assert errors[model.gain_] <= min(errors.values()) + 1e-5 and model.gain_ != 1


def test_without_photos_kept_aside_nothing_is_scaled(fitted):
    assert fitted.gain_ == 1


# Files


@pytest.mark.parametrize("suffix", [".onnx", ".keras"])
def test_saved_and_loaded_it_predicts_the_same(learned, photos, tmp_path, suffix):
    learned.save(tmp_path / f"model{suffix}")
    loaded = load_model(tmp_path / f"model{suffix}")
    gray = to_gray(photos[0])
    np.testing.assert_array_equal(loaded.predict_ab(gray), learned.predict_ab(gray))
    assert type(loaded) is UNet and loaded.settings == learned.settings and loaded.size_ == learned.size_
    assert loaded.parameters == learned.parameters == learned.network_.count_params() > 1000


def test_a_file_ends_in_onnx_unless_it_is_to_train_on(learned, tmp_path):
    assert learned.suffix == ".onnx"
    for name in ("model.onnx", "model", "model.h5"):
        learned.save(tmp_path / name)
        onnx.checker.check_model(onnx.load(tmp_path / name, format="protobuf"))
    learned.save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        assert "model.weights.h5" in archive.namelist()


def test_files_keep_weights_in_half_precision_and_lose_nothing_by_it(learned, tmp_path):
    """Training ends by rounding the weights: what is saved is exactly what was fitted."""
    for suffix in (".onnx", ".keras"):
        learned.save(tmp_path / f"model{suffix}")
    model = onnx.load(tmp_path / "model.onnx")
    halves = [array for array in model.graph.initializer if array.name.endswith(".half")]
    assert {array.data_type for array in halves} == {onnx.TensorProto.FLOAT16}
    assert sum(onnx.numpy_helper.to_array(array).size for array in halves) == learned.parameters
    assert (tmp_path / "model.onnx").stat().st_size < 3 * learned.parameters
    with zipfile.ZipFile(tmp_path / "model.keras") as archive, archive.open("model.weights.h5") as file:
        types = []
        h5py.File(file).visititems(
            lambda name, item: types.append(str(item.dtype)) if isinstance(item, h5py.Dataset) else None
        )
    assert len(types) == len(learned.network_.get_weights()) and set(types) == {"float16"}
    for suffix in (".onnx", ".keras"):
        loaded = load_model(tmp_path / f"model{suffix}")
        np.testing.assert_array_equal(weights_of(loaded), weights_of(learned))
    assert keras.config.dtype_policy().name == "float32"


def test_keras_reads_the_file_to_train_on_which_holds_no_memory_of_the_optimizer(learned, tmp_path):
    learned.save(tmp_path / "model.keras")
    network = keras.saving.load_model(tmp_path / "model.keras")
    assert getattr(network, "optimizer", None) is None and network.count_params() == learned.parameters
    for read, kept in zip(network.get_weights(), learned.network_.get_weights(), strict=True):
        np.testing.assert_array_equal(read.astype(np.float32), kept)
    with zipfile.ZipFile(tmp_path / "model.keras") as archive, archive.open("model.weights.h5") as file:
        assert "layers" in (groups := set(h5py.File(file))) and "optimizer" not in groups


@pytest.mark.parametrize("suffix", [".onnx", ".keras"])
def test_training_goes_on_from_a_file(learned, photos, tmp_path, suffix):
    learned.save(tmp_path / f"model{suffix}")
    start = load_model(tmp_path / f"model{suffix}").network_
    model = UNet(**learned.settings | {"stages": ((2, 64),), "learning_rate": 1e-9})
    model.fit(photos[:1], start=start, progress=False)
    np.testing.assert_array_equal(weights_of(model), weights_of(learned))


# Settings


@pytest.mark.parametrize(
    "settings, size, message",
    [
        ({"loss": "cubed"}, 64, "unknown loss 'cubed': use one of relative, squared, absolute, huber"),
        ({"stages": ((5, 32), (5, 48))}, 64, "crops of side 48: .* multiple of 32"),
        ({"stages": ((5, 0),)}, 64, "crops of side 0"),
        ({"stages": ((0, 32),)}, 64, "a stage of 0 iterations"),
        ({"stages": ()}, 64, "stages is empty: give at least one"),
        ({"zoom": (0, 1)}, 64, r"zoom is \(0, 1\): .* above 0 and at most 1"),
        ({"zoom": (0.5, 1.1)}, 64, r"zoom is \(0.5, 1.1\)"),
        ({"zoom": (0.9, 0.5)}, 64, r"zoom is \(0.9, 0.5\)"),
        ({"zoom": (0.1, 1)}, 32, "photos of 32×32 pixels are too small for zoom"),
        ({"encoder": "lite9"}, 64, "unknown encoder 'lite9': use one of lite0, lite2, or None"),
        ({"decoders": 2}, 64, "decoders is 2: give at least 1, and 1 without an encoder"),
    ],
)
def test_says_what_is_wrong_with_settings(settings, size, message):
    with pytest.raises(ValueError, match=message):
        UNet(**SMALL | settings).fit(load_photos("bundled", size, "train"), progress=False)


def test_says_what_is_wrong_with_photos(photos):
    with pytest.raises(ValueError, match="photos are of type uint8"):
        UNet(**SMALL).fit((255 * photos).astype(np.uint8))
    with pytest.raises(ValueError, match="finite values"):
        UNet(**SMALL).fit(photos * 2)
