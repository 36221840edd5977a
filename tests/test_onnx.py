"""Networks in ONNX Runtime predict what they do in Keras, for images of any number and size, without it."""

import copy
import functools
import subprocess
import sys

import keras
import numpy as np
import pytest

from colorlib import paths
from colorlib.color import gray_to_lightness, to_gray
from colorlib.models import gray_patches, load_model
from colorlib.models._blocks import AB_SCALE, scale_lightness
from colorlib.models._encoder import imagenet_weights
from colorlib.models._network import NetworkColorizer
from colorlib.models._onnx import Session, dense_to_onnx, network_to_onnx, with_about
from colorlib.models.cnn import CNN
from colorlib.models.cnn_course import CNNCourse
from colorlib.models.mlp import MLP
from colorlib.models.unet import UNet
from colorlib.models.unet_classes import UNetClasses
from colorlib.models.unet_gan import UNetGAN
from colorlib.photos import load_photos
from conftest import ROOT, environment

TOLERANCE = 1e-3  # of a,b
SMALL = {"filters": 4, "stages": ((2, 64),), "batch": 2, "size": 64, "learning_rate": 0.05}
UNFITTED = {
    "cnn": CNN(filters=4, iterations=2, learning_rate=0.05),
    "cnn_course": CNNCourse(filters=4, iterations=2, learning_rate=0.05),
    "unet": UNet(**SMALL),
    "unet, encoder": UNet(**SMALL, encoder="lite0"),
    "unet, decoders": UNet(**SMALL, encoder="lite2", decoders=2),
    "unet_classes": UNetClasses(**SMALL),
    "unet_gan": UNetGAN(**SMALL),
}


def has_encoder() -> bool:
    try:
        return bool(imagenet_weights())
    except ModuleNotFoundError:
        return False


@pytest.fixture(scope="module")
def photos() -> np.ndarray:
    return load_photos("bundled", 64, "train")


@pytest.fixture(scope="module")
def models(photos) -> dict[str, NetworkColorizer]:
    names = [name for name in UNFITTED if "coder" not in name or has_encoder()]
    return {name: UNFITTED[name].fit(photos, progress=False) for name in names}


@pytest.fixture(params=UNFITTED)
def fitted(request, models) -> NetworkColorizer:
    if request.param not in models:
        pytest.skip("the packages with the encoders are not installed")
    return models[request.param]


def in_keras(model: NetworkColorizer) -> NetworkColorizer:
    """The same model, predicting in Keras, as it does during a training."""
    twin = copy.copy(model)
    twin._session = None
    return twin


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(64, 64), (65, 31), (300, 200), (1, 1)])
def test_colors_are_those_of_keras(fitted, tmp_path, shape):
    gray = np.random.default_rng(0).random(shape, np.float32)
    fitted.save(tmp_path / "model.onnx")
    model, twin = load_model(tmp_path / "model.onnx"), in_keras(fitted)
    np.testing.assert_allclose(model.predict_ab(gray), twin.predict_ab(gray), atol=TOLERANCE)
    assert np.abs(model.predict_ab(gray)).max() > 0.1


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(1, 32, 32), (3, 64, 96), (2, 160, 32)])
def test_a_batch_of_any_number_height_and_width_is_taken(fitted, shape):
    lightness = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
    expected = fitted.network_.predict_on_batch(lightness[..., None])
    outputs = np.moveaxis(fitted.run(lightness[:, None]), 1, -1)
    assert outputs.shape == expected.shape == (shape[0], shape[1] // 4, shape[2] // 4, expected.shape[-1])
    np.testing.assert_allclose(outputs, expected, atol=TOLERANCE / AB_SCALE * max(1, np.abs(expected).max()))


@pytest.mark.parametrize("name", UNFITTED)
def test_every_layer_computes_what_it_does_in_keras(name):
    """With weights that make all layers matter: fresh from `build`, some do nothing and the last hardly anything."""
    network, rng = UNFITTED[name].build(), np.random.default_rng(0)
    for layer in network.layers:
        weights = [
            rng.normal(0, 1 / np.sqrt(max(1, values[..., 0].size)), values.shape) for values in layer.get_weights()
        ]
        layer.set_weights([values.astype(np.float16) for values in weights])
    lightness = scale_lightness(gray_to_lightness(to_gray(load_photos("bundled", 96)[:2, :, :64])))
    expected = network.predict_on_batch(lightness[..., None])
    outputs = np.moveaxis(Session(network_to_onnx(network))(lightness[:, None]), 1, -1)
    assert expected.std() > 0.01
    np.testing.assert_allclose(outputs, expected, atol=1e-5 * np.abs(expected).max())


def test_the_shipped_network_colors_as_in_keras():
    shipped = load_model(paths.WEIGHTS / "unet.onnx")
    twin = in_keras(shipped)
    assert shipped.parameters == twin.network_.count_params()
    for photo, side in ((0, 256), (1, 200)):
        gray = to_gray(load_photos("bundled", side, "test")[photo])
        ab = shipped.predict_ab(gray)
        np.testing.assert_allclose(ab, twin.predict_ab(gray), atol=TOLERANCE)
        assert np.abs(ab).max() > 10


@pytest.mark.parametrize("activation, center", [("relu", True), ("sigmoid", True), ("tanh", False)])
def test_a_perceptron_predicts_as_in_keras(photos, activation, center):
    model = MLP(widths=(16, 8), activation=activation, center=center, rows=500, epochs=2, batch=128).fit(photos)
    network = model.build()
    network.set_weights(model.weights_)
    patches = gray_patches(to_gray(photos[0]), center)[:1000]
    expected = network.predict_on_batch(model.scale(patches))
    np.testing.assert_allclose(model.predict_table(patches), expected, atol=1e-5)
    assert np.ptp(expected, axis=0).max() > 0.01


def test_a_perceptron_without_hidden_layers_is_one_matrix_product():
    kernel, bias, rows = (np.random.default_rng(i).normal(size=shape).astype(np.float32) for i, shape in SHAPES)
    np.testing.assert_allclose(Session(dense_to_onnx([kernel, bias], "relu"))(rows), rows @ kernel + bias, atol=1e-5)


SHAPES = [(0, (9, 3)), (1, (3,)), (2, (50, 9))]


def of_layers(*layers: keras.layers.Layer) -> keras.Model:
    lightness = keras.Input((None, None, 1))
    return keras.Model(lightness, functools.reduce(lambda x, layer: layer(x), layers, lightness))


@pytest.mark.parametrize(
    "layer, said",
    [
        (keras.layers.MaxPooling2D(name="odd"), "layer odd is a MaxPooling2D"),
        (keras.layers.BatchNormalization(name="odd"), "layer odd is a BatchNormalization"),
        (keras.layers.Conv2D(2, 3, name="odd"), "layer odd has the padding valid"),
        (keras.layers.Conv2D(2, 3, padding="same", dilation_rate=2, name="odd"), "layer odd has another dilation_rate"),
        (keras.layers.DepthwiseConv2D(3, padding="same", use_bias=False, name="odd"), "layer odd has another use_bias"),
        (keras.layers.UpSampling2D(3, name="odd"), "layer odd has another size"),
        (keras.layers.UpSampling2D(interpolation="bilinear", name="odd"), "layer odd has another interpolation"),
        (keras.layers.Conv2D(2, 3, padding="same", activation="gelu", name="odd"), "layer odd has the activation gelu"),
        (keras.layers.Activation("swish", name="odd"), "layer odd has the activation"),
        (keras.layers.ReLU(4, name="odd"), "layer odd is not a ReLU6"),
        (keras.layers.ReLU(name="odd"), "layer odd is not a ReLU6"),
    ],
)
def test_a_layer_that_can_not_be_written_is_named(layer, said):
    network = of_layers(keras.layers.Conv2D(2, 1, padding="same"), layer)
    with pytest.raises(TypeError, match=said):
        network_to_onnx(network)


def test_the_description_survives_and_leaves_the_network_alone():
    content = network_to_onnx(of_layers(keras.layers.Conv2D(2, 3, padding="same")))
    about = {"model": "unet", "settings": {"stages": [[5, 32]], "name": "Ü ☀"}, "gain": 0.1 + 0.2, "size": 256}
    session = Session(with_about(content, about))
    assert session.about == about and Session(content).about == {}
    values = np.random.default_rng(0).random((1, 1, 8, 8), np.float32)
    np.testing.assert_array_equal(session(values), Session(content)(values))


@pytest.mark.parametrize("threads", [1, None])
def test_several_threads_may_run_one_network(threads):
    from concurrent.futures import ThreadPoolExecutor

    network = of_layers(keras.layers.Conv2D(4, 3, padding="same"), keras.layers.Conv2D(2, 3, padding="same"))
    session = Session(network_to_onnx(network), threads)
    batches = [np.random.default_rng(i).random((1, 1, 64, 64), np.float32) for i in range(8)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(session, batches))
    for values, batch in zip(together, batches):
        np.testing.assert_array_equal(values, session(batch))


LOADS = """
import sys, numpy as np
from colorlib import load
for path in sys.argv[1:]:
    load(path).colorize(np.full((40, 50), 0.5, np.float32))
print(*sorted({"keras", "tensorflow", "scipy", "skimage", "pandas", "onnx", "urllib.request"} & set(sys.modules)))
"""


@pytest.mark.slow
def test_coloring_with_saved_networks_imports_no_keras(models, tmp_path):
    for name, model in models.items():
        model.save(tmp_path / name)
    command = [sys.executable, "-c", LOADS, *tmp_path.iterdir()]
    done = subprocess.run(command, env=environment(ROOT), capture_output=True, text=True, check=True)
    assert done.stdout == "\n"
