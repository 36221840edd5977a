"""Output heads of a U-Net: what its last layer stands for, and the loss that it learns by.

References
----------
Huber, "Robust estimation of a location parameter", Annals of Mathematical Statistics 35, 1964.
Zhang, Isola & Efros, "Colorful image colorization", ECCV 2016: the bins, the soft encoding, the rebalancing of rare
colors and the annealed mean.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, Protocol

import numpy as np

from ..color import rgb_to_lab, split_lab
from ..training import PhotoFiles, as_floats, load_keras
from ._blocks import AB_SCALE

__all__ = ["LOSSES", "ABHead", "BinsHead", "Head", "gamut_bins", "of_each_decoder", "rebalancing_weights"]

TOLERANCE = 40.0  #: A squared error of a,b below which `relative_error` hardly asks for less.
HUBER_DELTA = 10.0  # units of a,b
BIN_SIDE = 10  # units of a,b
NEIGHBORS, SIGMA = 5, 5.0  # soft encoding: number of nearest bins, and the width of the Gaussian that weights them
COUNTED = 600  #: Photos whose colors are counted to weight them.
UNIFORM = 0.5  # share of a uniform prior that is mixed in before rare colors get more weight
_CUBE_STEPS = 64


class Head(Protocol):
    """What a U-Net's last layer stands for."""

    @property
    def channels(self) -> int:
        """Number of channels of the last layer, which is linear."""

    def loss(self, photos: np.ndarray | PhotoFiles) -> Callable:
        """Make the loss, as `keras.Model.compile` takes it, for training photos."""

    def to_ab(self, outputs: np.ndarray) -> np.ndarray:
        """Turn outputs, (N, h, w, channels), into a,b / 128, (N, h, w, 2)."""


class ABHead:
    """The last layer puts out a,b / 128.

    Parameters
    ----------
    loss : str
        One of `LOSSES`.
    """

    channels = 2

    def __init__(self, loss: str):
        self._loss = loss

    def loss(self, photos: np.ndarray | PhotoFiles) -> Callable:
        """Return the loss, which is the same for all photos."""
        return LOSSES[self._loss]

    def to_ab(self, outputs: np.ndarray) -> np.ndarray:
        """Return the outputs themselves."""
        return outputs


class BinsHead:
    """The last layer puts out logits of the bins of the a,b plane.

    Parameters
    ----------
    temperature : float
        Temperature of the annealed mean that turns probabilities into one color.
    rebalance : bool
        Give rare colors more weight in training.
    """

    def __init__(self, temperature: float, rebalance: bool):
        self._temperature, self._rebalance = temperature, rebalance

    @property
    def channels(self) -> int:
        """Number of bins."""
        return len(gamut_bins())

    def loss(self, photos: np.ndarray | PhotoFiles) -> Callable:
        """Make the cross-entropy between softly encoded true colors and predicted probabilities."""
        ops = load_keras().ops
        bins = gamut_bins()
        weights = rebalancing_weights(photos, bins) if self._rebalance else np.ones(len(bins), np.float32)
        bins_squared = (bins**2).sum(axis=-1)

        def cross_entropy(true, predicted):
            # Squared distances but for the square of the color itself, which is the same for all bins.
            distances = bins_squared - 2 * ops.matmul(true * AB_SCALE, bins.T)
            nearest, indices = ops.top_k(-distances, NEIGHBORS)
            shares = ops.softmax(nearest / (2 * SIGMA**2))
            of_nearest = ops.sum(shares * ops.take_along_axis(predicted, indices, axis=-1), axis=-1)
            weight = ops.take(weights, indices[..., 0])  # that of the pixel's own bin
            return ops.mean(weight * (ops.logsumexp(predicted, axis=-1) - of_nearest), axis=(1, 2))

        return cross_entropy

    def to_ab(self, outputs: np.ndarray) -> np.ndarray:
        """Take the annealed mean of the bins' colors."""
        logits = outputs / np.float32(self._temperature)
        likely = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return likely / likely.sum(axis=-1, keepdims=True) @ (gamut_bins() / np.float32(AB_SCALE))


def of_each_decoder(loss: Callable, decoders: int) -> Callable:
    """Average a loss over decoders, each of which learns by itself and not to make up for the others."""

    def average(true, predicted):
        parts = load_keras().ops.split(predicted, decoders, axis=-1)
        return sum(loss(true, part) for part in parts) / decoders

    return average if decoders > 1 else loss


def squared_error(true: Any, predicted: Any) -> Any:
    """Mean squared error of a,b / 128: it makes colors average, and brown."""
    ops = load_keras().ops
    return ops.mean((predicted - true) ** 2, axis=(1, 2, 3))


def absolute_error(true: Any, predicted: Any) -> Any:
    """Mean absolute error of a,b / 128."""
    ops = load_keras().ops
    return ops.mean(ops.abs(predicted - true), axis=(1, 2, 3))


def huber_error(true: Any, predicted: Any) -> Any:
    """Huber's loss of a,b / 128: squared up to 10 units of a,b, absolute beyond."""
    ops = load_keras().ops
    error = ops.abs(predicted - true) * AB_SCALE / HUBER_DELTA
    return ops.mean(ops.where(error < 1, error**2 / 2, error - 0.5), axis=(1, 2, 3))


def relative_error(true: Any, predicted: Any) -> Any:
    """Logarithm of each photo's mean squared error, as in decibels: halving the error counts the same for every photo.

    A nearly gray photo has a small error when it is left gray, and much to lose by being colored. With a squared error
    it hardly counts beside a colorful one; here it counts as much.
    """
    ops = load_keras().ops
    return ops.log(2 * AB_SCALE**2 * squared_error(true, predicted) + TOLERANCE)


#: Name of a loss → function of true and predicted a,b / 128, (N, h, w, 2), that returns one number per photo.
LOSSES: dict[str, Callable[[Any, Any], Any]] = {
    "relative": relative_error,
    "squared": squared_error,
    "absolute": absolute_error,
    "huber": huber_error,
}


@cache
def gamut_bins() -> np.ndarray:
    """Return the centers, float32 of shape (Q, 2), of the bins of side 10 of the a,b plane that sRGB reaches."""
    steps = np.linspace(0, 1, _CUBE_STEPS, dtype=np.float32)
    ab = rgb_to_lab(np.stack(np.meshgrid(steps, steps, steps), axis=-1))[..., 1:].reshape(-1, 2)
    return BIN_SIDE * np.unique(np.round(ab / BIN_SIDE), axis=0).astype(np.float32)


def rebalancing_weights(photos: np.ndarray | PhotoFiles, bins: np.ndarray) -> np.ndarray:
    """Weight each bin by the inverse of its share of the pixels of training photos, mixed with a uniform share.

    Parameters
    ----------
    photos : ndarray of float32, shape (N, H, W, 3), or PhotoFiles
        Of more than `COUNTED` photos, so many are counted.
    bins : ndarray, shape (Q, 2)
        From `gamut_bins`.

    Returns
    -------
    ndarray of float32, shape (Q,)
        Weights whose mean over the pixels of the photos is 1.
    """
    index = {tuple(center): i for i, center in enumerate(bins.tolist())}
    counts = np.zeros(len(bins))
    for i in np.unique(np.linspace(0, len(photos) - 1, COUNTED).astype(int)):
        photo = as_floats(photos[i])
        cells, found = np.unique(
            BIN_SIDE * np.round(split_lab(photo[::4, ::4])[1].reshape(-1, 2) / BIN_SIDE), axis=0, return_counts=True
        )
        for cell, count in zip(cells.tolist(), found, strict=True):
            if tuple(cell) in index:  # a color on the gamut's border may lie in a bin that the cube's steps missed
                counts[index[tuple(cell)]] += count
    prior = counts / counts.sum()
    weights = 1 / ((1 - UNIFORM) * prior + UNIFORM / len(bins))
    return (weights / (weights * prior).sum()).astype(np.float32)
