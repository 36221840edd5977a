"""The formula of structural similarity.

References
----------
Wang, Bovik, Sheikh & Simoncelli, "Image quality assessment: from error visibility to structural similarity", IEEE
Transactions on Image Processing 13(4), 2004.
"""

import numpy as np

__all__ = ["mean_ssim"]


def mean_ssim(x: np.ndarray, y: np.ndarray) -> float:
    """Average SSIM over the pixels of two images, (H, W), in [0, 1], whose window lies inside the image."""
    mean_x, mean_y = _gaussian_mean(x), _gaussian_mean(y)
    mean_xx, mean_yy, mean_xy = mean_x * mean_x, mean_y * mean_y, mean_x * mean_y
    variances = _gaussian_mean(x * x + y * y) - mean_xx - mean_yy
    covariance = _gaussian_mean(x * y) - mean_xy
    c1, c2 = np.float32(0.01**2), np.float32(0.03**2)
    similarity = (2 * mean_xy + c1) * (2 * covariance + c2) / ((mean_xx + mean_yy + c1) * (variances + c2))
    return float(similarity.mean(dtype=np.float64))


def _gaussian_mean(image: np.ndarray) -> np.ndarray:
    """Average over Gaussian 11×11 windows of σ = 1.5 that lie inside the image."""
    window = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    for axis in (0, 1):
        length = image.shape[axis] - 10
        shifted = [image[i : i + length] if axis == 0 else image[:, i : i + length] for i in range(11)]
        mean = shifted[5] * image.dtype.type(window[5] / window.sum())
        for i in range(5):  # the window is symmetric
            mean += (shifted[i] + shifted[10 - i]) * image.dtype.type(window[i] / window.sum())
        image = mean
    return image
