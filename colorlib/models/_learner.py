"""How a U-Net learns: from parts of photos at random zooms, mirrored and made lighter or darker; with averaged weights.

References
----------
Izmailov et al., "Averaging weights leads to wider optima and better generalization", UAI 2018.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from ..training import (
    BatchStream,
    History,
    NetworkLearner,
    PhotoFiles,
    accelerator,
    augment,
    iteration_rng,
    make_adam,
    resized_crop,
)
from ._blocks import network_targets
from ._encoder import is_encoder_layer

if TYPE_CHECKING:
    import keras

__all__ = ["WARM_UP_ITERATIONS", "CropMaker", "UNetLearner", "crop_maker", "unet_optimizer"]

WARM_UP_ITERATIONS = 100


class CropMaker:
    """Cuts one example out of one photo; the same position in a training gets the same draws.

    Parameters
    ----------
    stages : sequence of (iterations, side)
    batch : int
    zoom : tuple of float
    flip : bool
    lightness_jitter : float
    seed : int
        As in `UNet`.
    """

    def __init__(
        self,
        stages: Sequence[tuple[int, int]],
        batch: int,
        zoom: tuple[float, float],
        flip: bool,
        lightness_jitter: float,
        seed: int,
    ):
        self._ends = np.cumsum([iterations for iterations, _ in stages])
        self._sides = [side for _, side in stages]
        self._batch, self._zoom, self._seed = batch, zoom, seed
        self._flip, self._jitter = flip, lightness_jitter

    def __call__(self, position: int, photo: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return scaled L, (side, side, 1), and a,b / 128, (side/4, side/4, 2), of a part of a photo."""
        rng = iteration_rng(self._seed, position)
        stage = int(np.searchsorted(self._ends, position // self._batch + 1))
        side = self._sides[min(stage, len(self._sides) - 1)]
        height, width = photo.shape[:2]
        # Between a square of the photo and a part of its own proportions, squeezed into one: photos come in both ways.
        share = rng.uniform(*self._zoom) * (min(height, width) / np.array([height, width])) ** rng.random()
        top, left = (1 - share) * rng.random(2) * (height, width)
        box = left, top, left + share[1] * width, top + share[0] * height
        lightness, ab = network_targets(resized_crop(photo, box, side)[None])
        lightness, ab = augment(lightness, ab, self._flip, self._jitter, rng)
        return lightness[0], ab[0]


class UNetLearner(NetworkLearner):
    """Learner on crops at random zooms, with averaged weights.

    Parameters
    ----------
    network : keras.Model
    loss : callable
        As `keras.Model.compile` takes it.
    photos : ndarray of float32, shape (N, H, W, 3), or PhotoFiles
    settings : mapping
        Settings of `UNet` by name.
    """

    def __init__(
        self, network: "keras.Model", loss: Callable, photos: np.ndarray | PhotoFiles, settings: Mapping[str, Any]
    ):
        make_crop, iterations = crop_maker(settings), sum(count for count, _ in settings["stages"])
        self.stream = BatchStream(photos, make_crop, settings["batch"], settings["seed"], processes=bool(accelerator()))
        optimizer = unet_optimizer(network, settings, settings["learning_rate"], iterations)
        super().__init__(network, optimizer, loss, self.stream, iterations, WARM_UP_ITERATIONS)

    def waiting_share(self, history: History) -> float:
        """Return the share of the training's time, since it last started, that was spent waiting for photos."""
        seconds = history.seconds * self.stream.batches / max(1, history.iterations)
        return self.stream.seconds_waited / seconds if seconds else 0.0

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Give the network its averaged weights temporarily."""
        weights = self._network.get_weights()
        self.finish()
        try:
            yield
        finally:
            self._network.set_weights(weights)

    def finish(self) -> None:
        """Give the network its averaged weights."""
        self._network.optimizer.finalize_variable_values(self._network.trainable_variables)


def crop_maker(settings: Mapping[str, Any]) -> CropMaker:
    """Make what cuts the examples of a U-Net with these settings."""
    names = ("stages", "batch", "zoom", "flip", "lightness_jitter", "seed")
    return CropMaker(**{name: settings[name] for name in names})


def unet_optimizer(network: "keras.Model", settings: Mapping[str, Any], rate: Any, iterations: int) -> Any:
    """Make the optimizer of a U-Net with these settings, at a learning rate or on a schedule of it."""
    averaging = min(settings["averaging"], max(0.0, 1 - 20 / iterations))  # so that a short training forgets its start
    rates = {layer.name: settings["encoder_rate"] for layer in network.layers if is_encoder_layer(layer.name)}
    return make_adam(rate, averaging, rates)
