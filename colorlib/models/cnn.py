"""A convolutional network that predicts a,b from L: the whole photo is its input, not a 3×3 neighborhood.

It is an encoder-decoder with skip connections (Ronneberger et al. 2015). Most of its arithmetic happens where the
picture is small: the first layer has a stride of 4, and a,b come out at a quarter of the picture's side, since the L
that they are merged with supplies the detail.

References
----------
Ronneberger, Fischer & Brox, "U-Net: convolutional networks for biomedical image segmentation", MICCAI 2015.
Kingma & Ba, "Adam: a method for stochastic optimization", ICLR 2015.
Loshchilov & Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017 (the cosine schedule).
"""

from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from ..training import (
    History,
    NetworkLearner,
    augment,
    built_in,
    iteration_rng,
    learning_policy,
    load_keras,
    random_crop,
    set_seed,
    shuffled_batch,
    train,
)
from ._base import check_photos
from ._blocks import STRIDE, build_encoder_decoder, network_targets
from ._network import NetworkColorizer

if TYPE_CHECKING:
    import keras

__all__ = ["CNN"]

WARM_UP_ITERATIONS = 50
VALIDATE_EVERY, PATIENCE = 25, 8


class CNN(NetworkColorizer):
    """Encoder-decoder network from L to a,b.

    Parameters
    ----------
    filters : int
        Number of filters of the first layer; deeper layers have two and four times as many.
    iterations : int
        Number of batches to learn from.
    batch : int
        Photos per batch.
    crop : int, optional
        Side of the random square of each photo to learn from, a multiple of 32; the whole photo by default.
    flip : bool
        Mirror half of the examples left to right.
    lightness_jitter : float
        Raise L/100 of each example to a random power, log-normal with this standard deviation.
    learning_rate : float
        Adam's peak learning rate, after a short linear warm-up and before a fall to 0 along a cosine.
    weight_decay : float
        Weight decay, decoupled from the gradient as in AdamW.
    validation_photos : int
        Number of photos to set aside for early stopping: the training stops when the error on them has not fallen for
        200 iterations, and takes the weights of the lowest error.
    loss : {"mae", "mse"}
        Mean absolute or mean squared error of a,b.
    seed : int
        Seed of the initial weights, the order of photos and the augmentation.

    Attributes
    ----------
    network_, size_
        As in `NetworkColorizer`; `size_` is the side of the training photos.
    history_ : History
        Record of the last training; not saved.
    """

    name = "cnn"

    def __init__(
        self,
        filters: int = 40,
        iterations: int = 2500,
        batch: int = 4,
        crop: int | None = None,
        flip: bool = False,
        lightness_jitter: float = 0.0,
        learning_rate: float = 7e-4,
        weight_decay: float = 0.0,
        validation_photos: int = 0,
        loss: str = "mae",
        seed: int = 0,
    ):
        self.filters, self.iterations, self.batch, self.crop = filters, iterations, batch, crop
        self.flip, self.lightness_jitter, self.loss = flip, lightness_jitter, loss
        self.learning_rate, self.weight_decay = learning_rate, weight_decay
        self.validation_photos, self.seed = validation_photos, seed

    def fit(
        self,
        photos: np.ndarray,
        *,
        observe: Callable[["CNN", int], dict] | None = None,
        observe_at: Collection[int] = (),
        checkpoint: str | Path | None = None,
        keep: bool = False,
        progress: bool = True,
    ) -> Self:
        """Learn from training photos; Ctrl-C ends it early and keeps what was learned.

        Parameters
        ----------
        photos : ndarray of float32, shape (N, H, W, 3)
            sRGB in [0, 1]; sides are multiples of 32.
        observe : callable, optional
            Called as ``observe(model, iteration)`` after the iterations in `observe_at`; what it returns, numbers and
            arrays by name, is kept in ``history_.observations``.
        observe_at : collection of int
        checkpoint : str or Path, optional
            File that holds the unfinished training, which `fit` resumes when it is called again.
        keep : bool
            Keep that file when the training is done: called again, `fit` then takes what was learned from it.
        progress : bool
            Show a progress bar, on a terminal or in a notebook.

        Returns
        -------
        CNN
            Itself.

        Raises
        ------
        ValueError
            If the photos are of another type, shape or range, or a setting doesn't fit them.
        """
        photos = check_photos(photos)
        self._check_settings(photos)
        set_seed(self.seed)
        self.size_ = max(photos.shape[1:3])
        self._begin_training(built_in(learning_policy(), self.build))
        learner = _Learner(self, *network_targets(photos))
        observer = None if observe is None else partial(observe, self)
        self.history_: History = train(
            learner, self.iterations, observer, observe_at, checkpoint, self._identity(photos), progress, keep=keep
        )
        learner.take_best()
        self._finish_training()
        return self

    def build(self) -> "keras.Model":
        """Build the network that the settings ask for, with random weights."""
        return build_encoder_decoder(self.filters)

    @property
    def first_filters(self) -> np.ndarray:
        """Kernels of the first layer, shape (8, 8, filters)."""
        return load_keras().ops.convert_to_numpy(self.network_.get_layer("stem").kernel)[:, :, 0]

    def _check_settings(self, photos: np.ndarray) -> None:
        self._check_sides(photos)
        height, width = photos.shape[1:3]
        if self.crop is not None and (self.crop % STRIDE or not 0 < self.crop <= min(height, width)):
            raise ValueError(
                f"crop is {self.crop} for photos of {height}×{width} pixels: give a multiple of {STRIDE} that fits in"
            )
        if not 0 <= self.validation_photos < len(photos):
            raise ValueError(
                f"validation_photos is {self.validation_photos} of {len(photos)} photos: keep at least "
                "one photo to learn from"
            )


class _Learner(NetworkLearner):
    """Learner with early stopping: keeps the weights that were best on the photos set aside."""

    def __init__(self, model: CNN, lightness: np.ndarray, ab: np.ndarray):
        self._model = model
        apart = np.arange(len(ab)) < model.validation_photos
        apart = np.random.default_rng(model.seed).permutation(apart)
        self._lightness, self._ab = lightness[~apart], ab[~apart]
        self._validation = (lightness[apart], ab[apart])
        self._best_error, self._best_iteration = np.inf, 0
        self._best_weights: list[np.ndarray] = []
        optimizer = load_keras().optimizers.Adam(model.learning_rate, weight_decay=model.weight_decay or None)
        super().__init__(model.network_, optimizer, model.loss, self.draw_batch, model.iterations, WARM_UP_ITERATIONS)

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
        """Give the network the weights with the lowest validation error, if there were validation photos."""
        if self._best_weights:
            self._network.set_weights(self._best_weights)

    def _validate(self, iteration: int) -> None:
        lightness, ab = self._validation
        predicted = self._network.predict_on_batch(lightness)
        error = float(np.mean((predicted - ab) ** 2))
        if error < self._best_error:
            self._best_error, self._best_iteration = error, iteration
            self._best_weights = self._network.get_weights()
        self.finished = iteration - self._best_iteration >= PATIENCE * VALIDATE_EVERY

    def draw_batch(self, iteration: int) -> tuple[np.ndarray, np.ndarray]:
        """Draw photos, crop, flip and jitter them."""
        model, rng = self._model, iteration_rng(self._model.seed, iteration)
        chosen = shuffled_batch(len(self._ab), model.batch, model.seed, iteration)
        lightness, ab = self._lightness[chosen], self._ab[chosen]
        if model.crop:
            # Corners lie on the grid of the deepest layer, so that a crop is sampled as it is in the whole photo.
            crops = [random_crop(*photo, model.crop, STRIDE, rng) for photo in zip(lightness, ab, strict=True)]
            lightness, ab = (np.stack(parts) for parts in zip(*crops, strict=True))
        return augment(lightness, ab, model.flip, model.lightness_jitter, rng)
