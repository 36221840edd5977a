"""The formula of structural similarity.

References
----------
Wang, Bovik, Sheikh & Simoncelli, "Image quality assessment: from error visibility to structural similarity", IEEE
Transactions on Image Processing 13(4), 2004.
"""

from functools import cache

import numpy as np

__all__ = ["mean_ssim"]

_WINDOW, _SIGMA = 11, 1.5
_PIECE = 64  # averages computed in one product


def mean_ssim(x: np.ndarray, y: np.ndarray) -> float:
    """Average SSIM over the pixels of two images, (H, W), in [0, 1], whose window lies inside the image."""
    mean_x, mean_y, mean_squares, mean_xy = _gaussian_mean(np.stack([x, y, x * x + y * y, x * y]))
    product, squares = mean_x * mean_y, mean_x * mean_x + mean_y * mean_y
    c1, c2 = np.float32(0.01**2), np.float32(0.03**2)
    similarity = (2 * product + c1) * (2 * (mean_xy - product) + c2)
    similarity /= (squares + c1) * (mean_squares - squares + c2)
    return float(similarity.mean(dtype=np.float64))


def _gaussian_mean(images: np.ndarray) -> np.ndarray:
    """Average images, (n, H, W), over Gaussian 11×11 windows of σ = 1.5 that lie inside them.

    They are multiplied by a matrix that has the window in each column, once along the rows and once along the columns;
    piece by piece, since most of the whole matrix would be zeros. Processors multiply matrices far faster than they add
    shifted images.
    """
    count, height, width = images.shape
    window = _window(images.dtype)
    rows = np.empty((count, height, width - _WINDOW + 1), images.dtype)
    for start in range(0, rows.shape[-1], _PIECE):
        piece = images[..., start : start + len(window)]
        part = rows[..., start : start + _PIECE]
        np.matmul(piece, window[: piece.shape[-1], : part.shape[-1]], out=part)
    mean = np.empty((count, height - _WINDOW + 1, rows.shape[-1]), images.dtype)
    for start in range(0, mean.shape[-2], _PIECE):
        piece = rows[..., start : start + len(window), :]
        part = mean[..., start : start + _PIECE, :]
        np.matmul(window[: piece.shape[-2], : part.shape[-2]].T, piece, out=part)
    return mean


@cache
def _window(dtype: np.dtype) -> np.ndarray:
    """Return the matrix, (`_PIECE` + 10, `_PIECE`), whose columns hold the Gaussian window, each one row lower."""
    weights = np.exp(-0.5 * ((np.arange(_WINDOW) - _WINDOW // 2) / _SIGMA) ** 2)
    matrix = np.zeros((_PIECE + _WINDOW - 1, _PIECE), dtype)
    for column in range(_PIECE):
        matrix[column : column + _WINDOW, column] = weights / weights.sum()
    return matrix
