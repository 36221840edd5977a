"""The perceptron: learns, observes without learning, predicts without seams, and is saved whole."""

import itertools
import subprocess
import sys

import keras
import numpy as np
import pytest

from colorlib.color import rgb_to_lab, row_bands, split_lab, to_gray
from colorlib.models import gray_patches, load_model, mlp, patch_table
from colorlib.models._dense import build_dense, lab_loss
from colorlib.models.linear import Linear
from colorlib.models.mlp import MLP, WIDTHS
from colorlib.photos import load_photos

SMALL = {"widths": (16, 16), "batch": 64, "epochs": 3}
TINY = {"widths": (16, 16), "batch": 128, "epochs": 3, "rows": 300}  # so few steps that they are not compiled


@pytest.fixture(scope="module")
def photos():
    return load_photos("bundled", 32, "train")


def keras_answer(model, table):
    """What Keras makes of the model's weights."""
    network = model.build()
    network.set_weights(model.weights_)
    return network.predict_on_batch(model.scale(table))


@pytest.fixture(scope="module")
def fitted(photos):
    return MLP(**SMALL).fit(photos[:2], held_out=photos[2:3])


def test_the_network_of_the_report_has_its_parameters():
    sizes = [9, *WIDTHS, 3]
    assert build_dense(9, WIDTHS).count_params() == sum(a * b + b for a, b in itertools.pairwise(sizes)) == 87971


@pytest.mark.slow
def test_without_hidden_layers_it_finds_the_least_squares_fit(photos):
    network = MLP(widths=(), batch=128, epochs=60, learning_rate=0.05).fit(photos[:1])
    gray = to_gray(photos[0])
    exact = Linear().fit(photos[:1]).predict(gray)
    errors = [np.square(photos[0] - predicted).mean() for predicted in (network.predict(gray), exact)]
    assert errors[0] < 1.2 * errors[1]


def test_training_lowers_the_loss_and_is_repeatable(photos, fitted):
    assert fitted.history_["loss"][-1] < 0.7 * fitted.history_["loss"][0]
    assert [len(values) for values in fitted.history_.values()] == [3, 3, 3]
    again = MLP(**SMALL).fit(photos[:2], held_out=photos[2:3])
    np.testing.assert_allclose(again.history_["loss"], fitted.history_["loss"], rtol=1e-4)


def test_watching_held_out_photos_changes_nothing(photos, fitted):
    unwatched = MLP(**SMALL).fit(photos[:2])
    np.testing.assert_allclose(unwatched.history_["loss"], fitted.history_["loss"], rtol=1e-4)
    assert "held_out" not in unwatched.history_


@pytest.mark.parametrize("shape", [(50, 37), (1, 1), (3, 3), (1, 700)])
def test_bands_leave_no_seams(fitted, monkeypatch, shape):
    gray = np.random.default_rng(0).random(shape, np.float32)
    whole = fitted.predict(gray)
    monkeypatch.setattr(mlp, "PREDICTED_ROWS", 200)
    assert len(row_bands(50, 37, mlp.PREDICTED_ROWS)) > 1
    np.testing.assert_allclose(fitted.predict(gray), whole, atol=1e-5)
    assert fitted.colorize(gray).shape == (*shape, 3)


def test_prediction_is_the_networks_answer_to_the_neighborhood(fitted, photos):
    gray = to_gray(photos[0])
    answer = keras_answer(fitted, gray_patches(gray)).reshape(30, 30, 3)
    np.testing.assert_allclose(fitted.predict(gray)[1:-1, 1:-1], answer, atol=1e-5)


def test_coloring_takes_a_and_b_of_the_predicted_color(fitted, photos):
    gray = to_gray(photos[0])
    exact = split_lab(np.clip(fitted.predict(gray), 0, 1))[1]
    np.testing.assert_allclose(fitted.predict_ab(gray), exact, atol=1e-3)
    assert np.abs(exact).mean() > 2


def test_trained_again_it_predicts_anew(photos):
    model, gray = MLP(**TINY).fit(photos[:1]), to_gray(photos[1])
    before = model.predict(gray)
    assert np.abs(model.fit(1 - photos[:1]).predict(gray) - before).max() > 0.01


@pytest.mark.parametrize(
    "options",
    [
        {"loss": "lab"},
        {"loss": "huber", "optimizer": "rmsprop"},
        {"center": False},
        {"activation": "tanh", "alpha": 0.1, "optimizer": "sgd", "loss": "mae"},
    ],
)
def test_every_choice_trains(photos, options):
    model = MLP(**TINY | options).fit(photos[:2])
    assert np.isfinite(model.history_["loss"]).all()
    assert model.history_["loss"][-1] < model.history_["loss"][0]


def test_lab_loss_is_the_squared_error_in_lab():
    rng = np.random.default_rng(0)
    true, predicted = rng.random((2, 500, 3), np.float32)
    expected = np.square((rgb_to_lab(true) - rgb_to_lab(predicted)) / 100).mean(axis=-1)
    result = keras.ops.convert_to_numpy(lab_loss(rgb_to_lab(true) / 100, predicted))
    np.testing.assert_allclose(result, expected, rtol=1e-3, atol=1e-6)


def test_rows_are_drawn_evenly_and_belong_together(photos):
    table, colors = patch_table(photos[:3], rows=100, seed=1)
    assert table.shape == (100, 9) and colors.shape == (100, 3)
    np.testing.assert_allclose(to_gray(colors), table[:, 4], atol=1e-5)
    assert len(patch_table(photos[:3])[0]) == 3 * 30 * 30


def test_a_photo_of_one_color_is_no_obstacle():
    photo = np.broadcast_to(np.float32([0.2, 0.5, 0.7]), (1, 12, 12, 3))
    model = MLP(**SMALL).fit(photo)
    np.testing.assert_allclose(model.predict(to_gray(photo[0])), photo[0], atol=0.05)


def test_saved_and_loaded_it_is_the_same(fitted, photos, tmp_path):
    fitted.save(tmp_path / "mlp.onnx")
    loaded = load_model(tmp_path / "mlp.onnx")
    np.testing.assert_array_equal(loaded.predict(photos[0, ..., 0]), fitted.predict(photos[0, ..., 0]))
    assert loaded.widths == fitted.widths and loaded.parameters == fitted.parameters


def test_coloring_needs_no_keras(fitted, tmp_path):
    fitted.save(tmp_path / "mlp.onnx")
    code = (
        "import sys, numpy as np; from colorlib.models import load_model; "
        f"load_model({str(tmp_path / 'mlp.onnx')!r}).colorize(np.ones((9, 9), np.float32) / 2); "
        "print(sorted({'keras', 'tensorflow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_another_models_file_is_refused(photos, tmp_path):
    Linear().fit(photos).save(tmp_path / "mlp.onnx")
    with pytest.raises(ValueError, match="mlp.onnx"):
        MLP.load(tmp_path / "mlp.onnx")


@pytest.mark.parametrize(
    "options, message",
    [
        ({"loss": "l3"}, "l3"),
        ({"optimizer": "lbfgs"}, "lbfgs"),
        ({"activation": "gelu"}, "gelu"),
        ({"batch": 0}, "0"),
        ({"widths": (16, 0)}, "0"),
        ({"epochs": 0}, "0"),
        ({"rows": 0}, "0"),
    ],
)
def test_wrong_settings_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        MLP(**options)


@pytest.mark.parametrize(
    "photos, message",
    [
        (np.zeros((1, 2, 9, 3), np.float32), "3×3"),
        (np.zeros((1, 9, 9, 3), np.uint8), "uint8"),
        (np.zeros((9, 9, 3), np.float32), "shape"),
        (np.full((1, 9, 9, 3), np.nan, np.float32), "finite"),
    ],
)
def test_photos_that_cannot_be_learned_from_are_named(photos, message):
    with pytest.raises(ValueError, match=message):
        MLP(**SMALL).fit(photos)
