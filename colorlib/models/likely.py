"""Which colors a place may have: how often photos have each at its L*, and how near each is to what was predicted.

`tools/color_counts.py` counts them in the training photos and writes ``weights/colors.json``, which the page "Color
your photo" reads, too.
"""

import json
from functools import cache

import numpy as np

from .. import paths
from ..color import in_gamut

__all__ = ["BIN", "LIGHTNESS_BIN", "color_bins", "color_weights", "likely_colors"]

BIN = 10  #: Side of a bin of the a,b plane.
LIGHTNESS_BIN = 10  #: Width of a bin of L*.
_REACH = 100  # of the bins' centers
# Chosen on photos kept aside from training, so that the true color of the worst places is near one of the eight.
_POWER = 0.5  # of the frequencies: below 1, rare colors have a chance beside the many grays
_NEAR = 40.0  # distance in a,b from the prediction within which colors are about as likely
_APART = 25.0  # distance of colors that are worth offering beside each other


def color_bins() -> np.ndarray:
    """List the centers of the bins of the a,b plane, (441, 2)."""
    axis = np.arange(-_REACH, _REACH + 1, BIN)
    return np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2).astype(np.float32)


def color_weights(lightness: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Weigh how likely each bin of the a,b plane is.

    Parameters
    ----------
    lightness : ndarray, shape (N,)
        L* in [0, 100].
    predicted : ndarray, shape (N, 2)
        Predicted a,b.

    Returns
    -------
    ndarray, shape (N, 441)
        Sums to 1 for each place.
    """
    shares = _shares()
    rows = np.clip(np.asarray(lightness) // LIGHTNESS_BIN, 0, len(shares) - 1).astype(int)
    square = ((np.asarray(predicted)[:, None] - color_bins()) ** 2).sum(axis=-1)
    weights = shares[rows] / (1 + square / _NEAR**2) ** 2
    return weights / weights.sum(axis=1, keepdims=True)


def likely_colors(lightness: float, predicted: np.ndarray, count: int = 8) -> np.ndarray:
    """List colors that a place may well have, the likeliest first, each unlike those before it.

    Parameters
    ----------
    lightness : float
        L* of the place.
    predicted : ndarray, shape (2,)
        Predicted a,b.
    count : int

    Returns
    -------
    ndarray of float32, shape (at most count, 2)
        a* and b*, which sRGB has at that L*.
    """
    bins = color_bins()
    weights = color_weights(np.array([lightness]), np.asarray(predicted)[None])[0]
    weights[~in_gamut(np.column_stack([np.full(len(bins), lightness, np.float32), bins]))] = 0
    chosen: list[np.ndarray] = []
    for _ in range(min(count, int(np.count_nonzero(weights)))):
        color = bins[weights.argmax()]
        chosen.append(color)
        weights *= 1 - np.exp(-((bins - color) ** 2).sum(axis=-1) / (2 * _APART**2))
    return np.array(chosen, np.float32).reshape(-1, 2)


@cache
def _shares() -> np.ndarray:
    """Read how often photos have each color at each L*, to the power that is used: (10, 441)."""
    counts = np.array(json.loads((paths.WEIGHTS / "colors.json").read_text("utf-8"))["counts"], float)
    return (counts / counts.sum(axis=1, keepdims=True)) ** _POWER
