"""A U-Net that colors photos that it was not trained on: it learns from many, and sees each of them in many ways.

References
----------
Ronneberger, Fischer & Brox, "U-Net: convolutional networks for biomedical image segmentation", MICCAI 2015.
Kingma & Ba, "Adam: a method for stochastic optimization", ICLR 2015.
Izmailov et al., "Averaging weights leads to wider optima and better generalization", UAI 2018.
"""

import copy
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from ..color import split_lab, to_gray
from ..training import History, PhotoFiles, built_in, learning_policy, set_seed, train
from ._base import check_photos
from ._blocks import AB_SCALE, AB_STRIDE, STRIDE, build_encoder_decoder
from ._encoder import ENCODERS, set_imagenet_weights
from ._heads import LOSSES, TOLERANCE, ABHead, Head, of_each_decoder
from ._learner import UNetLearner
from ._network import NetworkColorizer, hash_arrays

if TYPE_CHECKING:
    import keras

__all__ = ["UNet"]

# Both chosen on validation photos: the share of the contrast that the mean over the photo gets (0, 0.3, 0.7 and 1 were
# tried too), and how much weak colors are lifted above strong ones (0, 0.4 and 0.5 were).
_TINT_SHARE, _WEAK_SHARE = 0.5, 0.25
_USUAL_CHROMA = 15.0  # colors of about this chroma keep it; weaker ones are lifted, stronger ones lowered
_GAINS = np.linspace(0.3, 1.5, 61)


class UNet(NetworkColorizer):
    """U-Net from L to a,b.

    Parameters
    ----------
    filters : int
        Number of filters of the first layer; deeper layers have two and four times as many.
    dropout : float
        Share of the feature maps dropped in training; see `colorlib.models._blocks.build_encoder_decoder`.
    stages : tuple of (iterations, side)
        Number of batches, and the side of their crops in pixels, a multiple of 32. Starting with small crops takes a
        fraction of the time.
    batch : int
        Crops per batch, each from another photo.
    zoom : tuple of float
        Smallest and largest share of the photo's sides that a crop shows, resized to the crop's side.
    flip : bool
        Mirror half of the examples left to right.
    lightness_jitter : float
        Raise L/100 of each example to a random power, log-normal with this standard deviation.
    learning_rate : float
        Adam's peak learning rate, after a short linear warm-up and before a fall to 0 along a cosine.
    averaging : float
        Momentum of the exponential moving average of the weights, which the training ends with.
    loss : str
        ``"relative"``, ``"squared"``, ``"absolute"`` or ``"huber"``; see `colorlib.models._heads`.
    contrast : float
        Factor of the predicted a,b's differences from their mean over the photo: above 1, colors are more vivid. The
        mean itself, the photo's tint, grows by half as much, and weak colors grow more than strong ones, like
        "vibrance" in photo editors.
    size : int
        Working size: larger images are shrunk to about this many pixels squared before a,b are predicted.
    encoder : str, optional
        ``"lite0"`` or ``"lite2"``: use an encoder that was trained to name what is in a photo; see
        `colorlib.models._encoder`.
    encoder_rate : float
        Learning rate of the 1×1 convolutions in the encoder's upper half, relative to that of the rest; 0 freezes them.
    decoders : int
        With an encoder: number of decoders that learn beside each other and whose predictions are averaged, which
        takes out part of what each got wrong by chance.
    seed : int
        Seed of the initial weights, the order of photos and the augmentation.

    Attributes
    ----------
    network_, size_, gain_
        As in `NetworkColorizer`.
    vivid_contrast_ : float
        Contrast of the look "vivid", as fitted to validation photos; 1 without them.
    history_, waiting_share_ : History, float
        Record of the last training, and the share of its time that it waited for photos; not saved.
    """

    name = "unet"
    looks = ("natural", "vivid")
    fitted = (*NetworkColorizer.fitted, "vivid_contrast_")
    vivid_contrast_ = 1.0

    def __init__(
        self,
        filters: int = 32,
        dropout: float = 0.15,
        stages: tuple[tuple[int, int], ...] = ((1500, 96),),
        batch: int = 12,
        zoom: tuple[float, float] = (0.5, 1.0),
        flip: bool = True,
        lightness_jitter: float = 0.2,
        learning_rate: float = 6e-4,
        averaging: float = 0.998,
        loss: str = "relative",
        contrast: float = 1.0,
        size: int = 256,
        encoder: str | None = None,
        encoder_rate: float = 0.0,
        decoders: int = 1,
        seed: int = 0,
    ):
        self.filters, self.dropout = filters, dropout
        self.stages = tuple((iterations, side) for iterations, side in stages)
        self.batch, self.zoom, self.flip = batch, (zoom[0], zoom[1]), flip
        self.lightness_jitter, self.learning_rate, self.averaging = lightness_jitter, learning_rate, averaging
        self.loss, self.contrast, self.size = loss, contrast, size
        self.encoder, self.encoder_rate, self.decoders = encoder, encoder_rate, decoders
        self.seed = seed

    @property
    def iterations(self) -> int:
        """Number of batches over all stages."""
        return sum(iterations for iterations, _ in self.stages)

    @property
    def head(self) -> Head:
        """Output head: what the last layer stands for, and the loss that it learns by."""
        return ABHead(self.loss)

    def build(self) -> "keras.Model":
        """Build the network that the settings ask for, with random weights."""
        return build_encoder_decoder(
            self.filters, self.head.channels, None, self.dropout, self.encoder, self.encoder_rate > 0, self.decoders
        )

    def initial_network(self, start: "keras.Model | None" = None) -> "keras.Model":
        """Build the network with the weights that a training begins with; `start` is as in `fit`."""
        set_seed(self.seed)
        network = built_in(learning_policy(), self.build)
        if start is not None:
            for layer, trained in zip(network.layers, start.layers, strict=False):
                if [w.shape for w in layer.weights] == [w.shape for w in trained.weights]:
                    layer.set_weights(trained.get_weights())
        elif self.encoder:
            set_imagenet_weights(network, self.encoder)
        return network

    def fit(
        self,
        photos: np.ndarray | PhotoFiles,
        *,
        validation: np.ndarray | None = None,
        observe: Callable[["UNet", int], dict] | None = None,
        observe_at: Collection[int] = (),
        checkpoint: str | Path | None = None,
        keep: bool = False,
        progress: bool = True,
        start: "keras.Model | None" = None,
    ) -> Self:
        """Learn from training photos; Ctrl-C ends it early and keeps what was learned.

        Parameters
        ----------
        photos : ndarray of float32, shape (N, H, W, 3), or PhotoFiles
            sRGB in [0, 1]; or files, which are read while the network learns, however many they are.
        validation : ndarray, likewise, optional
            Photos that are not learned from, but that the gain is calibrated on.
        observe : callable, optional
            Called as ``observe(model, iteration)``, with averaged weights, after the iterations in `observe_at`; what
            it returns, numbers and arrays by name, is kept in ``history_.observations``.
        observe_at : collection of int
        checkpoint : str or Path, optional
            File that holds the unfinished training, which `fit` resumes when it is called again.
        keep : bool
            Keep that file when the training is done: called again, `fit` then takes what was learned from it.
        progress : bool
            Show a progress bar, on a terminal or in a notebook.
        start : keras.Model, optional
            Network of the same kind to take the initial weights from. Layers whose shapes differ start from random
            ones.

        Returns
        -------
        UNet
            Itself.

        Raises
        ------
        ValueError
            If the photos are of another type, shape or range, or a setting doesn't fit them.
        ModuleNotFoundError
            If the encoder is to be pretrained, but the package with its weights is not installed.
        """
        self._check_settings()
        if not isinstance(photos, PhotoFiles):
            photos = check_photos(photos)
            self._check_zoom(photos)
        self.size_, self.gain_ = self.size, 1.0
        network = self.initial_network(start)
        self._begin_training(network)
        learner = self.make_learner(photos)
        identity = self._identity(photos) + (hash_arrays(start.get_weights()) if start is not None else "")

        def observer(iteration: int) -> dict:
            with learner.averaged():
                return observe(self, iteration) if observe else {}

        self.history_: History = train(
            learner,
            self.iterations,
            observer if observe else None,
            observe_at,
            checkpoint,
            identity,
            progress,
            keep=keep,
        )
        self.waiting_share_ = learner.waiting_share(self.history_)
        learner.finish()
        self._finish_training()
        if validation is not None:
            self.calibrate(check_photos(validation))
        return self

    def finish(self, network: "keras.Model") -> None:
        """Take a network of these settings that was trained elsewhere as this model's own."""
        self.size_, self.gain_ = self.size, 1.0
        self._begin_training(network)
        self._finish_training()

    def with_look(self, look: str) -> Self:
        """Return this model with the contrast of a look; see `Colorizer.with_look`."""
        model = copy.copy(super().with_look(look))
        if look == "vivid":
            model.contrast = self.vivid_contrast_
        return model

    def _run(self, lightness: np.ndarray) -> np.ndarray:
        """Average the predictions for the image and its mirror image, since colors have no left and right."""
        outputs = super()._run(np.concatenate([lightness, lightness[:, :, ::-1]]))
        decoded = [self.head.to_ab(part) for part in np.split(outputs, self.decoders, axis=-1)]
        ab = self.gain_ * np.mean(decoded, axis=0)
        ab = (ab[:1] + ab[1:, :, ::-1]) / 2
        more = self.contrast - 1
        chroma = np.hypot(ab[..., :1], ab[..., 1:]) * AB_SCALE
        ab = ab * ((chroma + 1) / _USUAL_CHROMA) ** (-_WEAK_SHARE * more)
        mean = ab.mean(axis=(1, 2), keepdims=True)
        return (1 + _TINT_SHARE * more) * mean + self.contrast * (ab - mean)

    def make_loss(self, photos: np.ndarray | PhotoFiles) -> Callable:
        """Make the loss of the network's outputs."""
        return of_each_decoder(self.head.loss(photos), self.decoders)

    def make_learner(self, photos: np.ndarray | PhotoFiles) -> "UNetLearner":
        """Make what `colorlib.training.train` trains: this model's network, on these photos."""
        return UNetLearner(self.network_, self.make_loss(photos), photos, self.settings)

    def calibrate(self, photos: np.ndarray) -> None:
        """Set `gain_` to the factor of the predicted a,b with the least relative error on photos.

        Parameters
        ----------
        photos : ndarray of float32, shape (N, H, W, 3)
            sRGB in [0, 1]; photos that were not learned from.
        """
        self.gain_ = 1.0
        errors = np.zeros(len(_GAINS))
        for photo in photos:
            true, predicted = split_lab(photo)[1], self.predict_ab(to_gray(photo))
            # The mean squared error is quadratic in the gain, so three sums serve all gains.
            square, product, rest = (np.mean(a * b) for a, b in ((predicted,) * 2, (predicted, true), (true,) * 2))
            errors += np.log(2 * (_GAINS**2 * square - 2 * _GAINS * product + rest) + TOLERANCE)
        self.gain_ = float(_GAINS[errors.argmin()])

    def _check_settings(self) -> None:
        if self.loss not in LOSSES:
            raise ValueError(f"unknown loss {self.loss!r}: use one of {', '.join(LOSSES)}")
        if self.encoder not in (None, *ENCODERS):
            raise ValueError(f"unknown encoder {self.encoder!r}: use one of {', '.join(ENCODERS)}, or None")
        if self.decoders < 1 or (self.decoders > 1 and not self.encoder):
            raise ValueError(f"decoders is {self.decoders}: give at least 1, and 1 without an encoder")
        if not self.stages:
            raise ValueError("stages is empty: give at least one, as (iterations, side)")
        for iterations, side in self.stages:
            if iterations < 1 or side < STRIDE or side % STRIDE:
                raise ValueError(
                    f"a stage of {iterations} iterations with crops of side {side}: give at least 1, and a "
                    f"multiple of {STRIDE}"
                )
        if not 0 < self.zoom[0] <= self.zoom[1] <= 1:
            raise ValueError(
                f"zoom is {self.zoom}: give the smallest and the largest share of a photo's side, above 0 and at most 1"
            )

    def _check_zoom(self, photos: np.ndarray) -> None:
        if min(photos.shape[1:3]) * self.zoom[0] < AB_STRIDE:
            raise ValueError(f"photos of {photos.shape[1]}×{photos.shape[2]} pixels are too small for zoom {self.zoom}")
