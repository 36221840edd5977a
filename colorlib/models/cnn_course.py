"""The convolutional network that the course report described: two layers, and no skip connections."""

from typing import TYPE_CHECKING, Any

from ..training.backend import load_keras, uses_xla
from .cnn import CNN

if TYPE_CHECKING:
    import keras

__all__ = ["CNNCourse"]


class CNNCourse(CNN):
    """Two layers of 3×3 filters, each of which halves the picture, and a,b of what they found.

    The course report had 64 filters, then 128. An a,b depends on 7×7 pixels, which show edges and textures but no
    things.

    Parameters
    ----------
    filters : int
        Number of filters of the first layer; the second one has twice as many.
    **settings
        The other settings of `CNN`.
    """

    name = "cnn_course"

    def __init__(self, filters: int = 64, **settings: Any):
        super().__init__(filters, **settings)

    def build(self) -> "keras.Model":
        """Build the network that the settings ask for, with random weights."""
        keras = load_keras()
        layers = keras.layers
        x = lightness = keras.Input((None, None, 1), name="lightness")
        for number, width in enumerate((self.filters, 2 * self.filters), start=1):
            x = layers.Conv2D(width, 3, 2, padding="same", kernel_initializer="he_normal", name=f"layer_{number}")(x)
            x = layers.Activation("leaky_relu")(x)
        small = keras.initializers.RandomNormal(stddev=0.01)
        output = keras.config.dtype_policy().variable_dtype
        ab = layers.Conv2D(2, 1, activation="tanh", kernel_initializer=small, name="ab", dtype=output)(x)
        network = keras.Model(lightness, ab)
        network.jit_compile = uses_xla()
        return network
