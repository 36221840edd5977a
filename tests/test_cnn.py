"""The convolutional network: any size, the same numbers again, and training that survives a kill."""

import os

import numpy as np
import pytest

from colorlib.color import gray_to_lightness, split_lab, to_gray
from colorlib.models import load_model
from colorlib.models._blocks import build_encoder_decoder, network_targets
from colorlib.models.cnn import CNN
from colorlib.models.cnn_course import CNNCourse
from colorlib.photos import load_photos
from colorlib.training import backend, cosine_rate
from conftest import count_steps, kill_at_checkpoint

SMALL = {"filters": 4, "iterations": 4}  # so few that they are not compiled


@pytest.fixture(scope="module")
def photos() -> np.ndarray:
    return load_photos("bundled", 64, "train")


@pytest.fixture(scope="module")
def fitted(photos) -> CNN:
    return CNN(**SMALL).fit(photos, progress=False)


def weights_of(model: CNN) -> np.ndarray:
    return np.concatenate([weights.ravel() for weights in model.network_.get_weights()])


@pytest.mark.parametrize("shape", [(64, 64), (1, 1), (3, 200), (65, 31), (301, 233), (640, 480)])
def test_colors_any_size_at_the_lightness_of_the_gray_image(fitted, shape):
    gray = np.random.default_rng(0).random(shape, np.float32)
    rgb = fitted.colorize(gray)
    assert rgb.shape == (*shape, 3) and rgb.dtype == np.float32 and rgb.min() >= 0 and rgb.max() <= 1
    np.testing.assert_allclose(split_lab(rgb)[0], gray_to_lightness(gray), atol=0.1)


def test_an_image_and_its_enlargement_get_the_same_colors(fitted, photos):
    gray = to_gray(photos[0])
    enlarged = np.kron(gray, np.ones((5, 5), np.float32))
    middles = fitted.predict_ab(enlarged)[2::5, 2::5]
    assert np.abs(middles - fitted.predict_ab(gray)).mean() < 0.1 * np.abs(middles).mean()


@pytest.mark.slow
def test_memorizes_one_photo(photos):
    photo = photos[:1]
    model = CNN(filters=8, iterations=150, batch=1, learning_rate=3e-3).fit(photo, progress=False)
    true = split_lab(photo[0])[1]
    error = np.abs(model.predict_ab(to_gray(photo[0])) - true).mean()
    assert error < 0.5 * np.abs(true).mean()


def test_weights_are_rounded_to_half_precision(fitted):
    np.testing.assert_array_equal(weights_of(fitted), weights_of(fitted).astype(np.float16))


def test_the_same_seed_gives_the_same_weights_and_another_does_not(fitted, photos):
    again, other = CNN(**SMALL).fit(photos, progress=False), CNN(**SMALL, seed=1).fit(photos, progress=False)
    np.testing.assert_array_equal(weights_of(again), weights_of(fitted))
    assert not np.array_equal(weights_of(other), weights_of(fitted))


@pytest.mark.parametrize("suffix", [".onnx", ".keras"])
def test_saved_and_loaded_it_predicts_the_same(fitted, photos, tmp_path, suffix):
    fitted.save(tmp_path / f"model{suffix}")
    loaded = load_model(tmp_path / f"model{suffix}")
    gray = to_gray(photos[0])
    np.testing.assert_array_equal(loaded.predict_ab(gray), fitted.predict_ab(gray))
    assert loaded.parameters == fitted.parameters == fitted.network_.count_params() > 1000


def test_early_stopping_takes_the_weights_that_were_best_on_photos_kept_aside(photos, monkeypatch):
    """All photos are the same one, so that it does not matter which of them are kept aside."""
    monkeypatch.setattr("colorlib.models.cnn.VALIDATE_EVERY", 5)
    monkeypatch.setattr("colorlib.models.cnn.PATIENCE", 2)
    same = np.repeat(photos[:1], 3, axis=0)
    lightness, ab = network_targets(same[:1])

    def look(model, iteration):
        predicted = model.network_.predict_on_batch(lightness)
        return {"error": np.mean((predicted - ab) ** 2), "weights": weights_of(model)}

    model = CNN(filters=4, iterations=200, batch=2, validation_photos=2, learning_rate=0.03)
    model.fit(same, observe=look, observe_at=range(5, 201, 5), progress=False)
    seen = model.history_.observations
    best, last = min(seen, key=lambda iteration: seen[iteration]["error"]), max(seen)
    assert best == last - 10 and model.history_.iterations == last < 200
    kept, after_the_best = (seen[i]["weights"].astype(np.float16) for i in (best, last))
    np.testing.assert_array_equal(weights_of(model), kept)
    assert np.abs(weights_of(model) - after_the_best).max() > 1e-3


def test_learns_from_flipped_and_jittered_photos_without_changing_them(photos):
    before = photos.copy()
    model = CNN(**SMALL, crop=32, flip=True, lightness_jitter=0.3, weight_decay=0.1).fit(photos, progress=False)
    assert np.isfinite(weights_of(model)).all()
    np.testing.assert_array_equal(photos, before)


def test_observes_and_shows_what_its_layers_put_out(photos):
    gray = to_gray(photos[0])
    model = CNN(**SMALL).fit(
        photos, observe=lambda model, i: {"ab": model.predict_ab(gray)}, observe_at=(1, 4), progress=False
    )
    first, last = (model.history_.observations[iteration]["ab"] for iteration in (1, 4))
    assert len(model.history_.observations) == 2 and np.abs(first - last).max() > 0.1
    # Since then, weights were rounded; and where the processor multiplies bfloat16, it learned in that.
    np.testing.assert_allclose(last, model.predict_ab(gray), atol=0.15)
    maps = model.feature_maps(gray, ["quarter", "thirtysecond"])
    assert maps["quarter"].shape == (16, 16, 4) and maps["thirtysecond"].shape == (2, 2, 16)
    assert model.first_filters.shape == (8, 8, 4)


@pytest.mark.parametrize(
    "settings, size, message",
    [
        ({"crop": 48}, 64, "crop is 48"),
        ({"crop": 96}, 64, "crop is 96"),
        ({}, 50, "multiples of 32"),
        ({"validation_photos": 9}, 64, "validation_photos is 9"),
    ],
)
def test_says_what_is_wrong_with_settings(settings, size, message):
    with pytest.raises(ValueError, match=message):
        CNN(**settings).fit(load_photos("bundled", size, "train"))


@pytest.mark.long
def test_a_killed_training_ends_with_the_weights_of_an_uninterrupted_one(photos, tmp_path, monkeypatch):
    settings = SMALL | {"iterations": 30, "validation_photos": 1, "flip": True}
    program = f"""
from colorlib.training import loop
loop.CHECKPOINT_SECONDS = 0.0
from colorlib.models.cnn import CNN
from colorlib.models.cnn_course import CNNCourse
from colorlib.photos import load_photos
CNN(**{settings}).fit(load_photos("bundled", 64, "train"), checkpoint="checkpoint.npz", progress=False)
"""
    checkpoint = tmp_path / "checkpoint.npz"
    kill_at_checkpoint(program, tmp_path, checkpoint)
    whole = CNN(**settings).fit(photos, progress=False)
    done = count_steps(monkeypatch)
    resumed = CNN(**settings).fit(photos, checkpoint=checkpoint, progress=False)
    assert 1 < done[0] <= done[-1] == 30 and os.listdir(tmp_path) == []
    np.testing.assert_array_equal(weights_of(resumed), weights_of(whole))


def test_a_and_b_come_at_a_quarter_of_the_side():
    assert build_encoder_decoder(4).compute_output_shape((2, 96, 64, 1)) == (2, 24, 16, 2)


def test_the_learning_rate_rises_along_a_line_and_falls_along_a_cosine():
    rates = [cosine_rate(2.0, 100, 10, iteration) for iteration in range(1, 101)]
    assert rates[4] == pytest.approx(1) and rates[9] == pytest.approx(2) == max(rates)
    assert (rates[54] + rates[55]) / 2 == pytest.approx(1) and 0 < rates[-1] < 0.002
    assert np.all(np.diff(rates[:10]) > 0) and np.all(np.diff(rates[9:]) < 0)
    assert cosine_rate(2.0, 3, 10, 1) < 2  # so short a training has no warm-up


@pytest.mark.parametrize(("flags", "policy"), [("fpu amx_bf16 sse", "mixed_bfloat16"), ("fpu sse", "float32")])
def test_it_learns_in_mixed_precision_where_the_processor_is_made_for_it_and_predicts_in_single(
    photos, monkeypatch, tmp_path, flags, policy
):
    (tmp_path / "cpuinfo").write_text(f"flags : {flags}\n")
    monkeypatch.setattr(backend, "_CPUINFO", tmp_path / "cpuinfo")
    seen = {}

    def look(model, iteration):
        network = model.network_
        seen.update(
            policy=network.dtype_policy.name, kept={v.dtype for v in network.variables}, out=network.output.dtype
        )
        return {}

    model = CNN(**SMALL).fit(photos, observe=look, observe_at=(1,), progress=False)
    assert seen == {"policy": policy, "kept": {"float32"}, "out": "float32"}
    assert model.network_.dtype_policy.name == "float32"
    assert np.isfinite(model.history_.losses).all()


def test_the_network_of_two_layers_depends_on_7x7_pixels(photos):
    model = CNNCourse(filters=4, iterations=2, learning_rate=0.05).fit(photos, progress=False)
    lightness = np.zeros((1, 64, 64), np.float32)
    changed = lightness.copy()
    changed[0, 30, 33] = 1
    different = np.abs(model._run(changed) - model._run(lightness)).max(axis=-1)[0] > 0
    rows, columns = np.nonzero(different)
    assert 1 <= len(rows) <= 4 and np.ptp(rows) <= 1 and np.ptp(columns) <= 1
    assert [layer.kernel.shape[-1] for layer in model.network_.layers if hasattr(layer, "kernel")] == [4, 8, 2]
