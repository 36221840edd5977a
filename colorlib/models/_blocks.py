"""The encoder-decoder that the convolutional models share, and how its inputs and targets are scaled.

It takes L at a working size and puts out a,b at a quarter of it, since the L that they are laid onto supplies the
detail. It is written in Keras 3 alone, so that it runs on TensorFlow, JAX and PyTorch.
"""

from typing import TYPE_CHECKING

import numpy as np

from ..color import split_lab
from ..training.backend import load_keras, uses_xla
from ._encoder import build_encoder

if TYPE_CHECKING:
    import keras

__all__ = ["AB_SCALE", "AB_STRIDE", "STRIDE", "build_encoder_decoder", "network_targets", "scale_lightness"]

AB_STRIDE = 4  #: a,b are predicted at a quarter of the input's side, …
STRIDE = 32  #: … and the smallest feature maps have a 32nd of it, so that sides must be multiples of 32.
AB_SCALE = 128.0  #: The network's ±1 stands for a,b of ±128.


def build_encoder_decoder(
    filters: int,
    outputs: int = 2,
    activation: str | None = "tanh",
    dropout: float = 0.0,
    encoder: str | None = None,
    tuned: bool = False,
    decoders: int = 1,
) -> "keras.Model":
    """Build an encoder-decoder network with skip connections and random weights.

    It trains without normalization layers, since every residual block starts as the identity.

    Parameters
    ----------
    filters : int
        Number of filters of the first layer; deeper layers have two and four times as many.
    outputs : int
        Number of output channels: 2 for a and b.
    activation : str, optional
        Activation of the outputs; None leaves them linear.
    dropout : float
        Share of whole feature maps that are dropped at random in training, except where the picture is largest.
    encoder : str, optional
        Use an encoder of `colorlib.models._encoder.ENCODERS`; its weights, too, are random until they are set. A
        summary of the whole picture is then added to what is known of each of its parts.
    tuned : bool
        Let the upper half of that encoder learn further; see `colorlib.models._encoder.build_encoder`.
    decoders : int
        With an encoder: number of decoders beside each other, whose outputs are stacked.

    Returns
    -------
    keras.Model
        From (N, H, W, 1) to (N, H/4, W/4, decoders·outputs), for any H and W that are multiples of 32.

    References
    ----------
    Ronneberger, Fischer & Brox, "U-Net: convolutional networks for biomedical image segmentation", MICCAI 2015.
    He et al., "Identity mappings in deep residual networks", ECCV 2016.
    Tompson et al., "Efficient object localization using convolutional networks", CVPR 2015 (dropping whole feature
    maps). Zhang, Dauphin & Ma, "Fixup initialization: residual learning without normalization", ICLR 2019.
    """
    keras = load_keras()
    layers = keras.layers
    # Where layers compute in a shorter type than they keep, the outputs are not rounded to it.
    output = keras.config.dtype_policy().variable_dtype

    def convolve(x, width, size=3, stride=1, **options):
        options = {"kernel_initializer": "he_normal"} | options
        return layers.Conv2D(width, size, stride, padding="same", **options)(x)

    def activate(x, name=None):
        return layers.Activation("leaky_relu", name=name)(x)

    def drop(x):
        return layers.SpatialDropout2D(dropout)(x) if dropout else x

    def decode(maps, x, name="ab"):
        for stride, width in ((16, 4 * filters), (8, 2 * filters), (AB_STRIDE, filters)):
            x = layers.UpSampling2D()(convolve(x, width, size=1))
            x = activate(layers.Add()([x, convolve(maps[stride], width, size=1) if encoder else maps[stride]]))
            x = activate(convolve(x, width))
            x = x if stride == AB_STRIDE else drop(x)
        # Small initial weights, so that training starts from nearly gray.
        small = keras.initializers.RandomNormal(stddev=0.01)
        return layers.Conv2D(outputs, 1, activation=activation, kernel_initializer=small, name=name, dtype=output)(x)

    def know_things(maps):
        x = drop(activate(convolve(drop(maps[32]), 4 * filters, size=1)))
        scene = activate(convolve(layers.GlobalAveragePooling2D(keepdims=True)(maps[32]), 4 * filters, size=1))
        return layers.Add()([x, convolve(scene, 4 * filters, size=1, kernel_initializer="zeros")])

    lightness = keras.Input((None, None, 1), name="lightness")
    if encoder:
        maps = build_encoder(lightness, encoder, tuned)
        names = [f"ab_{i}" if i else "ab" for i in range(decoders)]
        decoded = [decode(maps, know_things(maps), name) for name in names]
        ab = layers.Concatenate(dtype=output)(decoded) if decoders > 1 else decoded[0]
    else:
        maps = {4: activate(convolve(lightness, filters, 8, AB_STRIDE, name="stem"), "quarter")}
        maps[8] = drop(activate(convolve(maps[4], 2 * filters, stride=2), "eighth"))
        maps[16] = drop(activate(convolve(maps[8], 4 * filters, stride=2), "sixteenth"))
        x = activate(convolve(maps[16], 4 * filters, stride=2), "thirtysecond")
        for _ in range(2):  # residual blocks
            change = convolve(activate(convolve(x, 4 * filters)), 4 * filters, kernel_initializer="zeros")
            x = layers.Add()([x, change])
        ab = decode(maps, drop(x))
    network = keras.Model(lightness, ab)
    network.jit_compile = uses_xla()
    return network


def network_targets(photos: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs and targets of photos: scaled L, (N, H, W, 1), and a,b / 128, (N, H/4, W/4, 2)."""
    count, height, width = photos.shape[:3]
    small = height // AB_STRIDE, width // AB_STRIDE
    inputs = np.empty((count, height, width, 1), np.float32)
    targets = np.empty((count, *small, 2), np.float32)
    for i, photo in enumerate(photos):  # one by one, since what it takes on the way to a,b is several times the photos
        lightness, ab = split_lab(photo)
        inputs[i, ..., 0] = scale_lightness(lightness)
        targets[i] = ab.reshape(small[0], AB_STRIDE, small[1], AB_STRIDE, 2).mean(axis=(1, 3)) / np.float32(AB_SCALE)
    return inputs, targets


def scale_lightness(lightness: np.ndarray) -> np.ndarray:
    """Scale L from [0, 100] to ±1."""
    return lightness / np.float32(50) - 1
