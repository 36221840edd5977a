"""The formula of structural similarity.

References
----------
Wang, Bovik, Sheikh & Simoncelli, "Image quality assessment: from error visibility to structural similarity", IEEE
Transactions on Image Processing 13(4), 2004.
"""

from functools import cache

import numpy as np

from ..color import on_all_processors, row_bands

__all__ = ["mean_ssim"]

_WINDOW, _SIGMA = 11, 1.5
_PIECE = 32  # rows, or columns, that one product averages: larger ones multiply more zeros, smaller ones are slower


def mean_ssim(x: np.ndarray, y: np.ndarray) -> float:
    """Average SSIM over the channels and pixels of two photos, (H, W, C), in [0, 1], whose window lies inside them."""
    height, width, channels = x.shape
    rows, columns = height - _WINDOW + 1, width - _WINDOW + 1
    pieces = range(0, rows, _PIECE)

    def work(start: int) -> float:
        piece = slice(start, min(start + _PIECE, rows) + _WINDOW - 1)
        return _sum_of_ssim(np.moveaxis(x[piece], -1, 1), np.moveaxis(y[piece], -1, 1))

    large = len(row_bands(height, width)) > 1  # small photos are scored side by side instead
    sums = on_all_processors(work, pieces) if large else map(work, pieces)
    return sum(sums) / (rows * columns * channels)


def _sum_of_ssim(x: np.ndarray, y: np.ndarray) -> float:
    """Add up SSIM over all places of the window in some rows, (n, C, W)."""
    moments = np.empty((len(x), 4, *x.shape[1:]), np.result_type(x, y))
    moments[:, 0], moments[:, 1] = x, y
    x, y = moments[:, 0], moments[:, 1]
    np.multiply(x, x, out=moments[:, 2])
    moments[:, 2] += y * y
    np.multiply(x, y, out=moments[:, 3])
    mean_x, mean_y, mean_squares, mean_xy = np.moveaxis(_gaussian_mean(moments), 1, 0)
    product, squares = mean_x * mean_y, mean_x * mean_x + mean_y * mean_y
    c1, c2 = np.float32(0.01**2), np.float32(0.03**2)
    similarity = (2 * product + c1) * (2 * (mean_xy - product) + c2)
    similarity /= (squares + c1) * (mean_squares - squares + c2)
    return float(similarity.sum(dtype=np.float64))


def _gaussian_mean(rows: np.ndarray) -> np.ndarray:
    """Average rows, (n, ..., W), over Gaussian 11×11 windows of σ = 1.5 that lie inside them.

    They are multiplied by a matrix that has the window in each column, once from the left and, piece by piece, once
    from the right. Processors multiply matrices far faster than they add shifted images.
    """
    count, width = len(rows) - _WINDOW + 1, rows.shape[-1]
    window = _window(rows.dtype)
    averaged = (window[: len(rows), :count].T @ rows.reshape(len(rows), -1)).reshape(-1, width)
    mean = np.empty((len(averaged), width - _WINDOW + 1), rows.dtype)
    for start in range(0, mean.shape[-1], _PIECE):
        piece, part = averaged[:, start : start + len(window)], mean[:, start : start + _PIECE]
        np.matmul(piece, window[: piece.shape[-1], : part.shape[-1]], out=part)
    return mean.reshape(count, *rows.shape[1:-1], -1)


@cache
def _window(dtype: np.dtype) -> np.ndarray:
    """Return the matrix, (`_PIECE` + 10, `_PIECE`), whose columns hold the Gaussian window, each one row lower."""
    weights = np.exp(-0.5 * ((np.arange(_WINDOW) - _WINDOW // 2) / _SIGMA) ** 2)
    matrix = np.zeros((_PIECE + _WINDOW - 1, _PIECE), dtype)
    for column in range(_PIECE):
        matrix[column : column + _WINDOW, column] = weights / weights.sum()
    return matrix
