"""Color as a choice: how likely is each of a few hundred colors, instead of which color on average.

References
----------
Zhang, Isola & Efros, "Colorful image colorization", ECCV 2016: the bins, the soft encoding, the rebalancing of rare
colors and the annealed mean.
"""

from collections.abc import Callable
from functools import cache

import numpy as np
from scipy.special import softmax

from ..backend import keras, ops
from ..color import rgb_to_lab, split_lab
from .network import AB_SCALE, build_network
from .unet import UNet

__all__ = ["UNetClasses", "gamut_bins", "rebalancing_weights"]

BIN_SIDE = 10  # units of a,b
NEIGHBOURS, SIGMA = 5, 5.0  # of the soft encoding: so many nearest bins, weighted by a Gaussian of this width
UNIFORM = 0.5  # how far the prior is mixed with a uniform one before rare colors are given more weight
_CUBE_STEPS = 64


class UNetClasses(UNet):
    """A U-Net that predicts, at every pixel, how likely each bin of the a,b plane is.

    Parameters
    ----------
    temperature : float
        Of the annealed mean that turns probabilities into one color: 1 takes their mean, close to 0 the likeliest bin.
    rebalance : bool
        Give rare colors more weight in training, so that they are not outvoted by grays and browns.
    **settings
        As of `UNet`; ``loss`` is not used.
    """

    name = "unet_classes"

    def __init__(self, temperature: float = 0.38, rebalance: bool = True, **settings):
        super().__init__(**settings)
        self.temperature, self.rebalance = temperature, rebalance

    def build(self) -> keras.Model:
        return build_network(self.filters, len(gamut_bins()), None, self.dropout, self.pretrained)

    def _loss(self, photos: np.ndarray) -> Callable:
        bins = gamut_bins()
        weights = rebalancing_weights(photos, bins) if self.rebalance else np.ones(len(bins), np.float32)

        def cross_entropy(true, predicted):
            distances = ops.sum((ops.expand_dims(true * AB_SCALE, -2) - bins) ** 2, axis=-1)
            nearest, indices = ops.top_k(-distances, NEIGHBOURS)
            shares = ops.softmax(nearest / (2 * SIGMA**2))
            logs = ops.take_along_axis(ops.log_softmax(predicted), indices, axis=-1)
            weight = ops.take(weights, indices[..., 0])  # of the pixel's own bin
            return -ops.mean(weight * ops.sum(shares * logs, axis=-1), axis=(1, 2))

        return cross_entropy

    def _to_ab(self, outputs: np.ndarray) -> np.ndarray:
        """Take the annealed mean of the bins' colors."""
        return softmax(outputs / self.temperature, axis=-1) @ (gamut_bins() / np.float32(AB_SCALE))

    def calibrate(self, photos: np.ndarray) -> float:
        return 1.0  # its temperature is what scales chroma


@cache
def gamut_bins() -> np.ndarray:
    """List the bins of side 10 of the a,b plane that sRGB has colors in: their centers, float32 of shape (Q, 2)."""
    steps = np.linspace(0, 1, _CUBE_STEPS, dtype=np.float32)
    ab = rgb_to_lab(np.stack(np.meshgrid(steps, steps, steps), axis=-1))[..., 1:].reshape(-1, 2)
    return BIN_SIDE * np.unique(np.round(ab / BIN_SIDE), axis=0).astype(np.float32)


def rebalancing_weights(photos: np.ndarray, bins: np.ndarray) -> np.ndarray:
    """Weigh each bin by the inverse of its share among the pixels of training photos, mixed with a uniform one.

    Parameters
    ----------
    photos : ndarray of float32, shape (N, H, W, 3)
    bins : ndarray, shape (Q, 2)
        From `gamut_bins`.

    Returns
    -------
    ndarray of float32, shape (Q,)
        With mean 1 over the pixels of the photos.
    """
    index = {tuple(center): i for i, center in enumerate(bins.tolist())}
    counts = np.zeros(len(bins))
    for photo in photos:
        cells, found = np.unique(BIN_SIDE * np.round(split_lab(photo[::4, ::4])[1].reshape(-1, 2) / BIN_SIDE), axis=0,
                                 return_counts=True)
        for cell, count in zip(cells.tolist(), found):
            if tuple(cell) in index:  # a color on the gamut's border may lie in a bin that the cube's steps missed
                counts[index[tuple(cell)]] += count
    prior = counts / counts.sum()
    weights = 1 / ((1 - UNIFORM) * prior + UNIFORM / len(bins))
    return (weights / (weights * prior).sum()).astype(np.float32)
