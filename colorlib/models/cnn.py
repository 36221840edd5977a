"""A convolutional network that predicts a,b from L: the whole photo is its input, not a 3×3 neighbourhood.

It is an encoder-decoder with skip connections (Ronneberger et al. 2015) in Keras 3 alone, so that it runs on
TensorFlow, JAX and PyTorch. Most of its arithmetic is done where the picture is small: the first layer already takes
every fourth pixel, and a,b come out at a quarter of the picture's side, since the L that they are laid onto supplies
the detail.

References
----------
Ronneberger, Fischer & Brox, "U-Net: convolutional networks for biomedical image segmentation", MICCAI 2015.
Kingma & Ba, "Adam: a method for stochastic optimization", ICLR 2015.
Loshchilov & Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017 (the cosine schedule).
"""

from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np

from ..backend import keras
from ..training import History, iteration_rng, shuffled_batch, train
from .base import check_photos
from .learner import NetworkLearner, augment, network_targets, random_crop
from .network import STRIDE, NetworkColorizer, build_network

__all__ = ["ConvNet"]

WARM_UP = 50
VALIDATE_EVERY, PATIENCE = 25, 8


class ConvNet(NetworkColorizer):
    """Encoder-decoder network from L to a,b.

    Parameters
    ----------
    filters : int
        Of the first layer; deeper layers have two and four times as many.
    iterations : int
        How many batches it learns from.
    batch : int
        Photos a batch.
    crop : int, optional
        Learn from a random square of this side, a multiple of 32, of each; from the whole photo by default.
    flip : bool
        Mirror half of them left to right.
    lightness_jitter : float
        Raise L/100 of each to a random power, log-normal with this standard deviation.
    learning_rate : float
        Adam's at its highest, after a short linear rise; then it falls to 0 along a cosine.
    weight_decay : float
        Decoupled from the gradient, as in AdamW.
    validation_photos : int
        Early stopping: keep so many of the photos aside, stop when the error on them has not fallen for
        200 iterations, and take the weights that had the lowest.
    loss : {"mae", "mse"}
        Mean absolute or mean squared error of a,b.
    seed : int
        Of the initial weights, the order of photos and the augmentation.

    Attributes
    ----------
    network_, size_
        As in `NetworkColorizer`; `size_` is the side of the training photos.
    history_ : History
        Of the last `fit`; not saved.
    """

    name = "cnn"

    def __init__(self, filters: int = 40, iterations: int = 2500, batch: int = 4, crop: int | None = None,
                 flip: bool = False, lightness_jitter: float = 0.0, learning_rate: float = 7e-4,
                 weight_decay: float = 0.0, validation_photos: int = 0, loss: str = "mae", seed: int = 0):
        self.filters, self.iterations, self.batch, self.crop = filters, iterations, batch, crop
        self.flip, self.lightness_jitter, self.loss = flip, lightness_jitter, loss
        self.learning_rate, self.weight_decay = learning_rate, weight_decay
        self.validation_photos, self.seed = validation_photos, seed

    def fit(self, photos: np.ndarray, observe: Callable[["ConvNet", int], dict] | None = None,
            observe_at: Collection[int] = (), checkpoint: str | Path | None = None,
            progress: bool = True) -> "ConvNet":
        """Learn from training photos; Ctrl-C ends it early and keeps what was learned.

        Parameters
        ----------
        photos : ndarray of float32, shape (N, H, W, 3)
            sRGB in [0, 1]; sides are multiples of 32.
        observe : callable, optional
            Called as ``observe(model, iteration)`` after the iterations ``observe_at``; what it returns, numbers
            and arrays by name, is found in ``history_.observations``.
        observe_at : collection of int
        checkpoint : str or Path, optional
            Keep the unfinished training in this file, and go on from there when `fit` is called again.
        progress : bool
            Show how far it is, on a terminal or in a notebook.

        Returns
        -------
        ConvNet
            Itself.

        Raises
        ------
        ValueError
            If the photos are not what they should be, or a setting doesn't fit them.
        """
        photos = check_photos(photos)
        self._check_settings(photos)
        keras.utils.set_random_seed(self.seed)
        self.size_ = max(photos.shape[1:3])
        self.network_ = self.build()
        learner = _Learner(self, *network_targets(photos))
        observer = None if observe is None else (lambda iteration: observe(self, iteration))
        self.history_: History = train(learner, self.iterations, observer, observe_at, checkpoint,
                                       self._identity(photos), progress)
        learner.take_best()
        return self

    def build(self) -> keras.Model:
        return build_network(self.filters)

    @property
    def first_filters(self) -> np.ndarray:
        """The kernels of the first layer, shape (8, 8, filters)."""
        return keras.ops.convert_to_numpy(self.network_.get_layer("stem").kernel)[:, :, 0]

    def _check_settings(self, photos: np.ndarray) -> None:
        self._check_sides(photos)
        height, width = photos.shape[1:3]
        if self.crop is not None and (self.crop % STRIDE or not 0 < self.crop <= min(height, width)):
            raise ValueError(f"crop is {self.crop} for photos of {height}×{width} pixels: give a multiple of {STRIDE} "
                             "that fits in")
        if not 0 <= self.validation_photos < len(photos):
            raise ValueError(f"validation_photos is {self.validation_photos} of {len(photos)} photos: keep at least "
                             "one photo to learn from")


class _Learner(NetworkLearner):
    """With early stopping: keeps the weights that were best on the photos set aside."""

    def __init__(self, model: ConvNet, lightness: np.ndarray, ab: np.ndarray):
        self._model = model
        apart = np.arange(len(ab)) < model.validation_photos
        apart = np.random.default_rng(model.seed).permutation(apart)
        self._lightness, self._ab = lightness[~apart], ab[~apart]
        self._validation = (lightness[apart], ab[apart])
        self._best_error, self._best_iteration, self._best_weights = np.inf, 0, []
        optimizer = keras.optimizers.Adam(model.learning_rate, weight_decay=model.weight_decay or None)
        super().__init__(model.network_, optimizer, model.loss, self._batch, model.iterations, WARM_UP)

    def step(self, iteration: int) -> float:
        loss = super().step(iteration)
        if self._model.validation_photos and iteration % VALIDATE_EVERY == 0:
            self._validate(iteration)
        return loss

    def get_state(self) -> dict[str, np.ndarray]:
        state = super().get_state() | {f"best_{i:03}": value for i, value in enumerate(self._best_weights)}
        return state | {"validation": np.array([self._best_error, self._best_iteration, self.finished])}

    def set_state(self, state: dict[str, np.ndarray]) -> None:
        super().set_state(state)
        self._best_weights = [state[name] for name in sorted(state) if name.startswith("best_")]
        self._best_error, self._best_iteration, finished = state["validation"].tolist()
        self.finished = bool(finished)

    def take_best(self) -> None:
        """Give the network the weights with the lowest validation error, where there is one."""
        if self._best_weights:
            self._network.set_weights(self._best_weights)

    def _validate(self, iteration: int) -> None:
        lightness, ab = self._validation
        predicted = keras.ops.convert_to_numpy(self._network(lightness, training=False))
        error = float(np.mean((predicted - ab) ** 2))
        if error < self._best_error:
            self._best_error, self._best_iteration = error, iteration
            self._best_weights = self._network.get_weights()
        self.finished = iteration - self._best_iteration >= PATIENCE * VALIDATE_EVERY

    def _batch(self, iteration: int) -> tuple[np.ndarray, np.ndarray]:
        """Draw photos, crop, flip and jitter them."""
        model, rng = self._model, iteration_rng(self._model.seed, iteration)
        chosen = shuffled_batch(len(self._ab), model.batch, model.seed, iteration)
        lightness, ab = self._lightness[chosen], self._ab[chosen]
        if model.crop:
            # Corners on the grid of the deepest layer, so that a crop is sampled as it is in the whole photo.
            crops = [random_crop(*photo, model.crop, STRIDE, rng) for photo in zip(lightness, ab)]
            lightness, ab = (np.stack(parts) for parts in zip(*crops))
        return augment(lightness, ab, model.flip, model.lightness_jitter, rng)
