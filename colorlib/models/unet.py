"""A residual U-Net that colors photos that it was not trained on: one that learns from many, each seen in many ways.

References
----------
Ronneberger, Fischer & Brox, "U-Net: convolutional networks for biomedical image segmentation", MICCAI 2015.
Kingma & Ba, "Adam: a method for stochastic optimization", ICLR 2015.
Izmailov et al., "Averaging weights leads to wider optima and better generalization", UAI 2018.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from ..backend import keras, ops
from ..color import split_lab, to_gray
from ..training import History, iteration_rng, shuffled_batch, train
from .base import check_photos
from .encoder import set_imagenet_weights
from .learner import NetworkLearner, augment, network_targets
from .network import AB_SCALE, AB_STRIDE, STRIDE, NetworkColorizer, build_network

__all__ = ["UNet", "UNetLearner", "LOSSES"]

WARM_UP = 100
_TOLERANCE = 40.0  # a squared error of a,b below which `relative_error` hardly asks for less
_HUBER = 10.0  # units of a,b
# Shares of the contrast, chosen on photos kept aside: of what the mean over the photo gets (0, 0.3, 0.7 and 1 were tried
# too), and of how much weak colors are lifted above strong ones (0, 0.4 and 0.5 were).
_TINT_SHARE, _WEAK_SHARE = 0.5, 0.25
_USUAL_CHROMA = 15.0  # whatever has about as much keeps it; weaker colors are lifted, stronger ones lowered
_GAINS = np.linspace(0.3, 1.5, 61)


class UNet(NetworkColorizer):
    """Residual U-Net from L to a,b.

    Parameters
    ----------
    filters : int
        Of the first layer; deeper layers have two and four times as many.
    dropout : float
        Share of the feature maps that are left out in training; see `colorlib.models.network.build_network`.
    stages : tuple of (iterations, side)
        How many batches it learns from, and the side in pixels, a multiple of 32, of the crops in them; small ones
        first take a fraction of the time.
    batch : int
        Crops a batch, each from another photo.
    zoom : tuple of float
        A crop shows at least and at most this share of the photo's height and width, resized to the crop's side.
    flip : bool
        Mirror half of them left to right.
    lightness_jitter : float
        Raise L/100 of each to a random power, log-normal with this standard deviation.
    learning_rate : float
        Adam's at its highest, after a short linear rise; then it falls to 0 along a cosine.
    averaging : float
        The weights in the end are an exponential moving average of those of the iterations, with this momentum.
    loss : str
        One of `LOSSES`.
    contrast : float
        By how much more its a,b differ from their mean over the photo than the network has them. Above 1 makes colors
        more vivid; the mean itself, the tint of the whole photo, grows by half as much, and weak
        colors grow more than strong ones, as with photo editors' "vibrance".
    size : int
        Working size: larger images are shrunk to so many pixels squared before a,b are predicted.
    pretrained : bool
        Let its lower half be one that learned to name what is in a photo, and stays as it is; see
        `colorlib.models.encoder`.
    seed : int
        Of the initial weights, the order of photos and the augmentation.

    Attributes
    ----------
    network_, size_
        As in `NetworkColorizer`.
    gain_ : float
        What the network's last layer was scaled by, to fit the validation photos; 1 without any. Not saved by itself.
    history_ : History
        Of the last `fit`; not saved.
    """

    name = "unet"

    def __init__(self, filters: int = 32, dropout: float = 0.15,
                 stages: tuple[tuple[int, int], ...] = ((1500, 96),), batch: int = 12,
                 zoom: tuple[float, float] = (0.5, 1.0), flip: bool = True, lightness_jitter: float = 0.2,
                 learning_rate: float = 6e-4, averaging: float = 0.998, loss: str = "relative",
                 contrast: float = 1.0, size: int = 256, pretrained: bool = False, seed: int = 0):
        self.filters, self.dropout = filters, dropout
        self.stages = tuple(tuple(stage) for stage in stages)
        self.batch, self.zoom, self.flip = batch, tuple(zoom), flip
        self.lightness_jitter, self.learning_rate, self.averaging = lightness_jitter, learning_rate, averaging
        self.loss, self.contrast, self.size = loss, contrast, size
        self.pretrained, self.seed = pretrained, seed

    @property
    def iterations(self) -> int:
        """How many batches it learns from, over all stages."""
        return sum(iterations for iterations, _ in self.stages)

    def build(self) -> keras.Model:
        return build_network(self.filters, 2, None, self.dropout, self.pretrained)

    def fit(self, photos: np.ndarray, validation: np.ndarray | None = None,
            observe: Callable[["UNet", int], dict] | None = None, observe_at: Collection[int] = (),
            checkpoint: str | Path | None = None, progress: bool = True, start: keras.Model | None = None) -> "UNet":
        """Learn from training photos; Ctrl-C ends it early and keeps what was learned.

        Parameters
        ----------
        photos : ndarray of float32, shape (N, H, W, 3)
            sRGB in [0, 1]; sides are multiples of 32.
        validation : ndarray, likewise, optional
            Photos that it does not learn from: the predicted a,b are scaled by the gain that is best on them.
        observe : callable, optional
            Called as ``observe(model, iteration)``, the weights averaged, after the iterations ``observe_at``; what
            it returns, numbers and arrays by name, is found in ``history_.observations``.
        observe_at : collection of int
        checkpoint : str or Path, optional
            Keep the unfinished training in this file, and go on from there when `fit` is called again.
        progress : bool
            Show how far it is, on a terminal or in a notebook.
        start : keras.Model, optional
            Take the first weights from this network instead of drawing them; those of a layer that has another shape
            there are drawn.

        Returns
        -------
        UNet
            Itself.

        Raises
        ------
        ValueError
            If the photos are not what they should be, or a setting doesn't fit them.
        ModuleNotFoundError
            If it is to be pretrained, and the package with the weights is not installed.
        """
        photos = check_photos(photos)
        self._check_settings(photos)
        keras.utils.set_random_seed(self.seed)
        self.size_ = self.size
        self.network_ = self.build()
        if self.pretrained:
            set_imagenet_weights(self.network_)
        if start is not None:
            for layer, trained in zip(self.network_.layers, start.layers):
                if [w.shape for w in layer.weights] == [w.shape for w in trained.weights]:
                    layer.set_weights(trained.get_weights())
        learner = self._learner(photos)
        observer = None
        if observe is not None:
            def observer(iteration):
                with learner.averaged():
                    return observe(self, iteration)
        self.history_: History = train(learner, self.iterations, observer, observe_at, checkpoint,
                                       self._identity(photos), progress)
        learner.finish()
        self.gain_ = 1.0 if validation is None else self.calibrate(check_photos(validation))
        return self

    def _run(self, lightness: np.ndarray) -> np.ndarray:
        """Predict for the image and for its mirror image, and take the mean: the network has no left and right."""
        ab = self._to_ab(super()._run(np.concatenate([lightness, lightness[:, :, ::-1]])))
        ab = (ab[:1] + ab[1:, :, ::-1]) / 2
        more = self.contrast - 1
        chroma = np.hypot(ab[..., :1], ab[..., 1:]) * AB_SCALE
        ab = ab * ((chroma + 1) / _USUAL_CHROMA) ** (-_WEAK_SHARE * more)
        mean = ab.mean(axis=(1, 2), keepdims=True)
        return (1 + _TINT_SHARE * more) * mean + self.contrast * (ab - mean)

    def _to_ab(self, outputs: np.ndarray) -> np.ndarray:
        """Turn what the network puts out into a,b over 128."""
        return outputs

    def _loss(self, photos: np.ndarray) -> Callable:
        return LOSSES[self.loss]

    def _learner(self, photos: np.ndarray) -> "UNetLearner":
        return UNetLearner(self, photos)

    def scale_chroma(self, gain: float) -> "UNet":
        """Scale all a,b that it will predict, by scaling the network's last layer."""
        last = self.network_.get_layer("ab")
        last.set_weights([gain * values for values in last.get_weights()])
        return self

    def calibrate(self, photos: np.ndarray) -> float:
        """Scale the last layer by the gain with the least relative error on photos.

        Parameters
        ----------
        photos : ndarray of float32, shape (N, H, W, 3)
            sRGB in [0, 1]; photos that it did not learn from.

        Returns
        -------
        float
            The gain.
        """
        errors = np.zeros(len(_GAINS))
        for photo in photos:
            true, predicted = split_lab(photo)[1], self.predict_ab(to_gray(photo))
            # A mean squared error is quadratic in the gain, so that three sums serve all gains.
            square, product, rest = (np.mean(a * b) for a, b in ((predicted,) * 2, (predicted, true), (true,) * 2))
            errors += np.log(2 * (_GAINS**2 * square - 2 * _GAINS * product + rest) + _TOLERANCE)
        gain = float(_GAINS[errors.argmin()])
        self.scale_chroma(gain)
        return gain

    def _check_settings(self, photos: np.ndarray) -> None:
        self._check_sides(photos)
        if self.loss not in LOSSES:
            raise ValueError(f"unknown loss {self.loss!r}: use one of {', '.join(LOSSES)}")
        if not self.stages:
            raise ValueError("stages is empty: give at least one, as (iterations, side)")
        for iterations, side in self.stages:
            if iterations < 1 or side < STRIDE or side % STRIDE:
                raise ValueError(f"a stage of {iterations} iterations with crops of side {side}: give at least 1, and a "
                                 f"multiple of {STRIDE}")
        if not 0 < self.zoom[0] <= self.zoom[1] <= 1:
            raise ValueError(f"zoom is {self.zoom}: give the smallest and the largest share of a photo's side, above 0 "
                             "and at most 1")
        if min(photos.shape[1:3]) * self.zoom[0] < AB_STRIDE:
            raise ValueError(f"photos of {photos.shape[1]}×{photos.shape[2]} pixels are too small for zoom {self.zoom}")


def squared_error(true, predicted):
    """Mean squared error of a,b over 128: what makes colors average, and brown."""
    return ops.mean((predicted - true) ** 2, axis=(1, 2, 3))


def absolute_error(true, predicted):
    """Mean absolute error of a,b over 128."""
    return ops.mean(ops.abs(predicted - true), axis=(1, 2, 3))


def huber_error(true, predicted):
    """Huber's loss of a,b over 128: squared up to 10 units of a,b, absolute beyond."""
    error = ops.abs(predicted - true) * AB_SCALE / _HUBER
    return ops.mean(ops.where(error < 1, error**2 / 2, error - 0.5), axis=(1, 2, 3))


def relative_error(true, predicted):
    """Logarithm of each photo's mean squared error, as in decibels: half the error counts the same for every photo.

    A nearly gray photo has a small error when it is left gray, and much to lose by being colored. With a squared
    error it hardly counts beside a colorful one; here it counts as much.
    """
    return ops.log(2 * AB_SCALE**2 * squared_error(true, predicted) + _TOLERANCE)


#: Name of a loss -> function of true and predicted a,b over 128, (N, h, w, 2), that gives one number a photo.
LOSSES = {"relative": relative_error, "squared": squared_error, "absolute": absolute_error, "huber": huber_error}


class UNetLearner(NetworkLearner):
    """What `train` trains: on crops at random zooms, with averaged weights."""

    def __init__(self, model: UNet, photos: np.ndarray):
        self._model = model
        prepared = [network_targets(photo[None]) for photo in photos]  # one by one: all at once would take twice as much
        self._lightness, self._ab = (np.concatenate([np.float16(part) for part in parts]) for parts in zip(*prepared))
        averaging = min(model.averaging, max(0.0, 1 - 20 / model.iterations))  # a short training forgets its start too
        optimizer = keras.optimizers.Adam(model.learning_rate, global_clipnorm=1.0, use_ema=True,
                                          ema_momentum=averaging)
        super().__init__(model.network_, optimizer, model._loss(photos), self._batch, model.iterations, WARM_UP)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Give the network its averaged weights for a while."""
        weights = self._network.get_weights()
        self.finish()
        try:
            yield
        finally:
            self._network.set_weights(weights)

    def finish(self) -> None:
        """Give the network its averaged weights."""
        self._network.optimizer.finalize_variable_values(self._network.trainable_variables)

    def _batch(self, iteration: int) -> tuple[np.ndarray, np.ndarray]:
        model, rng = self._model, iteration_rng(self._model.seed, iteration)
        ends = np.cumsum([iterations for iterations, _ in model.stages])
        side = model.stages[int(np.searchsorted(ends, iteration))][1]
        crops = []
        for i in shuffled_batch(len(self._ab), model.batch, model.seed, iteration):
            height, width = self._lightness.shape[1:3]
            zoom = rng.uniform(*model.zoom)
            top, left = (1 - zoom) * rng.random(2) * (height, width)
            crops.append(_crop(self._lightness[i], self._ab[i],
                               (left, top, left + zoom * width, top + zoom * height), side))
        lightness, ab = (np.stack(parts) for parts in zip(*crops))
        return augment(lightness, ab, model.flip, model.lightness_jitter, rng)


def _crop(lightness: np.ndarray, ab: np.ndarray, box: tuple[float, ...], side: int) -> tuple[np.ndarray, np.ndarray]:
    """Resize a part of one photo, given in pixels of L as left, top, right, bottom, to a square."""
    small_box = tuple(edge / AB_STRIDE for edge in box)
    planes = [(lightness[..., 0], side, box)] + [(ab[..., i], side // AB_STRIDE, small_box) for i in range(2)]
    resized = [np.asarray(Image.fromarray(plane.astype(np.float32)).resize((to, to), Image.BILINEAR, part))
               for plane, to, part in planes]
    return resized[0][..., None], np.stack(resized[1:], axis=-1)
