"""A U-Net taught by a second network that learns to tell its colors from true ones.

References
----------
Goodfellow et al., "Generative adversarial nets", NIPS 2014.
Isola et al., "Image-to-image translation with conditional adversarial networks", CVPR 2017: the discriminator that
judges patches, and the content loss beside it.
Mao et al., "Least squares generative adversarial networks", ICCV 2017.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from ..training import PhotoFiles, load_keras
from ._learner import UNetLearner
from .unet import UNet

if TYPE_CHECKING:
    import keras

__all__ = ["UNetGAN", "build_discriminator"]


class UNetGAN(UNet):
    """A U-Net that learns to please a discriminator, and not to stray too far from the true colors.

    Parameters
    ----------
    adversarial : float
        Weight of the adversarial loss relative to the content loss.
    **settings
        Settings of `UNet`. Start from a trained network (``start`` of `fit`): from scratch, the two networks mislead
        each other.
    """

    name = "unet_gan"

    def __init__(self, adversarial: float = 1.0, **settings: Any):
        super().__init__(**settings)
        self.adversarial = adversarial

    def make_learner(self, photos: np.ndarray | PhotoFiles) -> "_AdversarialLearner":
        """Make what `colorlib.training.train` trains: both networks, turn by turn, on these photos."""
        return _AdversarialLearner(self, photos)

    def calibrate(self, photos: np.ndarray) -> None:
        """Do nothing: the gain with the least error would take back what the discriminator asked for."""


def build_discriminator(filters: int = 48) -> "keras.Model":
    """Build a network that judges whether a,b belong to a photo, patch by patch.

    Parameters
    ----------
    filters : int
        Number of filters of the first layer.

    Returns
    -------
    keras.Model
        From L, scaled to ±1, (N, H, W, 1), and a,b / 128, (N, H/4, W/4, 2), to judgments, (N, H/16, W/16, 1): 1 for
        true colors, 0 for predicted ones.
    """
    keras = load_keras()
    layers = keras.layers

    def convolve(x, width, size, stride):
        return layers.LeakyReLU(0.2)(layers.Conv2D(width, size, stride, padding="same")(x))

    lightness = keras.Input((None, None, 1), name="lightness")
    ab = keras.Input((None, None, 2), name="ab")
    x = layers.Concatenate()(
        [layers.AveragePooling2D(4)(lightness), ab * 4]
    )  # chroma is mostly small: brought to L's range
    for width in (filters, 2 * filters):
        x = convolve(x, width, 4, 2)
    x = convolve(x, 4 * filters, 3, 1)
    return keras.Model([lightness, ab], layers.Conv2D(1, 3, padding="same")(x), name="discriminator")


class _AdversarialLearner(UNetLearner):
    """In turns, the discriminator learns to tell true from predicted colors, and the U-Net to pass for true."""

    def __init__(self, model: UNetGAN, photos: np.ndarray | PhotoFiles):
        super().__init__(model.network_, model.make_loss(photos), photos, model.settings)
        self._model = model
        keras = load_keras()
        self._discriminator = build_discriminator()
        network, rate = self._network, model.learning_rate
        self._discriminator.compile(keras.optimizers.Adam(rate, beta_1=0.5), "mse", **self._compiled)
        self._discriminator.optimizer.build(self._discriminator.trainable_variables)
        self._discriminator.trainable = False  # in the model of both, only the U-Net learns
        ab = sum(keras.ops.split(network.output, model.decoders, axis=-1)) / model.decoders
        self._both = keras.Model(network.input, [network.output, self._discriminator([network.input, ab])])
        self._both.compile(
            network.optimizer, [model.make_loss(photos), "mse"], loss_weights=[1.0, model.adversarial], **self._compiled
        )

    def step(self, iteration: int) -> float:
        """Do one iteration of both networks and return the U-Net's loss."""
        lightness, ab = self._begin(iteration)
        outputs = self._network.predict_on_batch(lightness)
        predicted = np.mean(np.split(outputs, self._model.decoders, axis=-1), axis=0)
        pairs = [np.concatenate([lightness, lightness]), np.concatenate([ab, predicted])]
        shape = self._discriminator.compute_output_shape([pairs[0].shape, pairs[1].shape])
        real = np.zeros(shape, np.float32)
        real[: len(ab)] = 1
        self._discriminator.trainable = True
        self._discriminator.train_on_batch(pairs, real)
        self._discriminator.trainable = False
        self._both.reset_metrics()
        return float(self._both.train_on_batch(lightness, [ab, np.ones_like(real[: len(ab)])])[0])

    def _variables(self) -> list:
        return super()._variables() + self._discriminator.variables + self._discriminator.optimizer.variables
