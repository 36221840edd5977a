"""A U-Net that learns from folders of any size, on one machine or on many; see `colorlib.training.fit_stream`."""

from typing import TYPE_CHECKING

from ..training import PhotoFiles, Store, cosine_schedule, restore
from ._learner import WARM_UP_ITERATIONS, crop_maker, unet_optimizer
from .unet import UNet

if TYPE_CHECKING:
    import keras

__all__ = ["StreamedUNet"]


class StreamedUNet:
    """What `fit_stream` trains: a U-Net of some settings, from its initial weights.

    Parameters
    ----------
    model : UNet
        It need not be fitted.

    Raises
    ------
    ValueError
        If its settings don't fit each other.
    """

    def __init__(self, model: UNet):
        model._check_settings()
        self.model = model
        self.iterations, self.batch, self.seed = model.iterations, model.batch, model.seed
        self.make_example = crop_maker(model.settings)

    def compile(self) -> "keras.Model":
        """Build the network, with its loss and an optimizer that knows the learning rate of every iteration."""
        settings, network = self.model.settings, self.model.initial_network()
        rate = cosine_schedule(settings["learning_rate"], self.iterations, WARM_UP_ITERATIONS)
        optimizer = unet_optimizer(network, settings, rate, self.iterations)
        network.compile(optimizer, self.model.make_loss(PhotoFiles([])), jit_compile=True)
        optimizer.build(network.trainable_variables)
        return network

    def finish(self, store: Store) -> UNet:
        """Return the model with the averaged weights of its last checkpoint."""
        self.model.finish(restore(self, store))
        return self.model
