"""Scores of a colorization against the true photo: arrays in, numbers out.

Photos are sRGB in [0, 1]; Lab is CIE L*a*b* under D65 in natural units. No score alone tells whether a colorization
is good: PSNR and ΔE reward leaving the photo dull, colorfulness alone rewards noise, plain AuC hides desaturation. So
`score_photo` gives them all. They need numpy alone; `benchmarks/scores.py` times them against scikit-image's.
"""

import numpy as np

from ..color import rgb_to_lab
from ._ciede2000 import ciede2000
from ._ssim import mean_ssim

__all__ = [
    "AB_PEAK",
    "HIGHEST_PSNR",
    "MIN_CHROMA",
    "ab_error",
    "auc",
    "colorfulness",
    "delta_e",
    "hue_error",
    "inverse_prior",
    "psnr",
    "r2",
    "rmse",
    "score_photo",
    "ssim",
]

AB_PEAK = 220.0  #: Peak for PSNR in a,b, the width of [-110, 110], which contains a* and b* of every sRGB color.
MIN_CHROMA = 5.0  #: A color has a hue from this chroma, C* = √(a² + b²), on; below, it looks gray.
#: `score_photo` returns this for a higher or infinite PSNR; the rounding error of an 8-bit file is at 59 dB.
HIGHEST_PSNR = 60.0
BIN_SIZE = 10  #: Side of the a,b bins whose prior rebalances AuC, as in Zhang et al. 2016.

_BINS = 26  # per axis, from -130 to 130
_AUC_THRESHOLDS = 151  # 0, 1, …, 150


def r2(true: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Compute R² of each channel: the share of its variance that the prediction explains.

    Parameters
    ----------
    true, predicted : ndarray, shape (..., C)

    Returns
    -------
    ndarray of float64, shape (C,)
        At most 1; 0 for predicting the mean. A constant channel scores 1 if it is predicted exactly, otherwise 0.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    true, predicted = _checked_pair(true, predicted)
    true, predicted = (array.reshape(-1, array.shape[-1]) for array in (true, predicted))
    residual = np.square(true - predicted).sum(axis=0, dtype=np.float64)
    total = np.square(true - true.mean(axis=0, dtype=np.float64)).sum(axis=0)
    constant = (residual == 0).astype(np.float64)
    return np.where(total > 0, 1 - residual / np.where(total > 0, total, 1), constant)


def rmse(true: np.ndarray, predicted: np.ndarray) -> float:
    """Compute the root mean squared error over all values, in their unit; 0 is perfect."""
    true, predicted = _checked_pair(true, predicted)
    return float(np.sqrt(np.square(true - predicted).mean(dtype=np.float64)))


def psnr(true: np.ndarray, predicted: np.ndarray, peak: float = 1.0) -> float:
    """Compute the peak signal-to-noise ratio, 20·log10(peak / RMSE).

    Parameters
    ----------
    true, predicted : ndarray, of the same shape
    peak : float
        The largest possible difference: 1 for sRGB in [0, 1], `AB_PEAK` for a,b.

    Returns
    -------
    float, in dB; infinite for equal arrays
    """
    error = rmse(true, predicted)
    return float(20 * np.log10(peak / error)) if error > 0 else float("inf")


def ssim(rgb_true: np.ndarray, rgb_predicted: np.ndarray) -> float:
    """Compute the structural similarity (Wang et al. 2004), averaged over pixels and channels.

    Parameters
    ----------
    rgb_true, rgb_predicted : ndarray, shape (H, W, C)
        sRGB in [0, 1], at least 11×11 pixels.

    Returns
    -------
    float
        In [-1, 1]; 1 for equal photos. The window is Gaussian, of 11×11 pixels, σ = 1.5, and inside the photo.

    Raises
    ------
    ValueError
        If the shapes differ, or a photo is too small.
    """
    true, predicted = _checked_pair(rgb_true, rgb_predicted)
    if true.ndim != 3 or min(true.shape[:2]) < 11:
        raise ValueError(f"photos of shape {true.shape} have no SSIM: it needs (H, W, channels), at least 11×11")
    return mean_ssim(true, predicted)


def delta_e(lab_true: np.ndarray, lab_predicted: np.ndarray) -> np.ndarray:
    """Compute the CIEDE2000 color difference of each pixel, with k_L = k_C = k_H = 1 (Sharma, Wu & Dalal 2005).

    Parameters
    ----------
    lab_true, lab_predicted : ndarray, shape (..., 3)
        CIELAB; computed in ``float32`` if both are, otherwise in ``float64``.

    Returns
    -------
    ndarray, shape (...)
        0 for equal colors; about 1 is just noticeable; 100 for black and white.

    Raises
    ------
    ValueError
        If the shapes differ or the last axis is not 3 long.
    """
    true, predicted = _checked_pair(lab_true, lab_predicted)
    if true.shape[-1] != 3:
        raise ValueError(f"lab has shape {true.shape}: its last axis must be 3 long")
    return ciede2000(true.reshape(-1, 3), predicted.reshape(-1, 3)).reshape(true.shape[:-1])


def ab_error(ab_true: np.ndarray, ab_predicted: np.ndarray) -> np.ndarray:
    """Compute the distance in the a,b plane of each pixel, shape (...), for arrays of shape (..., 2)."""
    true, predicted = _checked_pair(ab_true, ab_predicted)
    a, b = np.moveaxis(true - predicted, -1, 0)
    return np.sqrt(a * a + b * b)


def auc(ab_true: np.ndarray, ab_predicted: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Compute AuC: the share of pixels whose a,b error is at most τ, averaged over τ = 0, 1, …, 150.

    Parameters
    ----------
    ab_true, ab_predicted : ndarray, shape (..., 2)
    weights : ndarray, shape (...), optional
        Weight of each pixel, from `inverse_prior` for the class-rebalanced score; equal by default.

    Returns
    -------
    float, in [0, 1]; 1 if every error is 0

    References
    ----------
    Zhang, Isola & Efros, "Colorful image colorization", ECCV 2016, section 3.1, after Deshpande et al., ICCV 2015.
    """
    reached = _thresholds_reached(ab_error(ab_true, ab_predicted))
    if weights is not None and np.shape(weights) != reached.shape:
        raise ValueError(f"weights of shape {np.shape(weights)} don't fit: one a pixel is needed, {reached.shape}")
    return float(np.average(reached, weights=weights)) / _AUC_THRESHOLDS


def _thresholds_reached(error: np.ndarray) -> np.ndarray:
    """Count the thresholds of AuC that are at least each pixel's a,b error."""
    return np.maximum(_AUC_THRESHOLDS - np.ceil(error), 0).astype(np.float64)


def inverse_prior(ab: np.ndarray) -> np.ndarray:
    """Compute weights that make every color class count the same: the inverse share of each pixel's a,b bin of side 10.

    Parameters
    ----------
    ab : ndarray, shape (..., 2)
        True colors of all photos that are scored together.

    Returns
    -------
    ndarray of float32, shape (...), positive, with mean 1
    """
    cells = np.clip(np.floor(np.asarray(ab) / BIN_SIZE).astype(np.int32) + _BINS // 2, 0, _BINS - 1)
    bins = cells[..., 0] * _BINS + cells[..., 1]
    counts = np.bincount(bins.ravel(), minlength=_BINS**2)
    share_of_equal = bins.size / np.maximum(counts, 1) / np.count_nonzero(counts)
    return share_of_equal.astype(np.float32)[bins]


def colorfulness(rgb: np.ndarray) -> float:
    """Compute the colorfulness of a photo from the signed opponent channels R - G and (R + G)/2 - B on the 8-bit scale.

    Parameters
    ----------
    rgb : ndarray, shape (..., 3)
        sRGB in [0, 1].

    Returns
    -------
    float; 0 for a gray photo; about 15 is slightly, 33 moderately, 59 quite, 109 extremely colorful

    References
    ----------
    Hasler & Süsstrunk, "Measuring colourfulness in natural images", Proc. SPIE 5007, 2003.
    """
    red, green, blue = np.moveaxis(np.asarray(rgb, np.float32) * 255, -1, 0)
    red_green, yellow_blue = red - green, (red + green) / 2 - blue
    spread = np.hypot(red_green.std(dtype=np.float64), yellow_blue.std(dtype=np.float64))
    shift = np.hypot(red_green.mean(dtype=np.float64), yellow_blue.mean(dtype=np.float64))
    return float(spread + 0.3 * shift)


def hue_error(ab_true: np.ndarray, ab_predicted: np.ndarray, min_chroma: float = MIN_CHROMA) -> float:
    """Compute the mean absolute hue difference over the pixels that have a hue in both photos.

    Parameters
    ----------
    ab_true, ab_predicted : ndarray, shape (..., 2)
    min_chroma : float
        Least chroma of a color that has a hue.

    Returns
    -------
    float, in degrees, 0 to 180; random hues score 90; NaN if no pixel has a hue in both
    """
    (a, b), (a_predicted, b_predicted) = (np.moveaxis(ab, -1, 0) for ab in _checked_pair(ab_true, ab_predicted))
    chromatic = np.minimum(a * a + b * b, a_predicted**2 + b_predicted**2) >= min_chroma**2
    if not chromatic.any():
        return float("nan")
    turn = np.arctan2(a * b_predicted - b * a_predicted, a * a_predicted + b * b_predicted)
    return float(np.degrees(np.abs(turn).mean(where=chromatic, dtype=np.float64)))


def score_photo(
    true_rgb: np.ndarray,
    predicted_rgb: np.ndarray,
    out_of_gamut: int = 0,
    weights: np.ndarray | None = None,
    true_lab: np.ndarray | None = None,
) -> dict[str, float]:
    """Score one colorized photo against the true one with every metric of the leaderboard.

    Parameters
    ----------
    true_rgb, predicted_rgb : ndarray, shape (H, W, 3)
        sRGB in [0, 1], at least 11×11 pixels.
    out_of_gamut : int
        Number of predicted pixels outside sRGB's gamut, as `colorlib.color.merge_lab` counts them.
    weights : ndarray, shape (H, W), optional
        This photo's part of `inverse_prior` of all photos that are scored together; its own by default.
    true_lab : ndarray, shape (H, W, 3), optional
        CIELAB of `true_rgb`, where it is known already.

    Returns
    -------
    dict of str to float
        By the leaderboard's columns; PSNR is at most `HIGHEST_PSNR`, so that a gray photo does not swamp a mean.
    """
    true_lab = rgb_to_lab(true_rgb) if true_lab is None else true_lab
    predicted_lab = rgb_to_lab(predicted_rgb)
    true_ab, predicted_ab = true_lab[..., 1:], predicted_lab[..., 1:]
    weights = inverse_prior(true_ab) if weights is None else weights
    reached = _thresholds_reached(ab_error(true_ab, predicted_ab))
    differences = delta_e(true_lab, predicted_lab)
    delta_e_median, delta_e_p95 = np.quantile(differences, (0.5, 0.95)).tolist()
    true_colorfulness, predicted_colorfulness = colorfulness(true_rgb), colorfulness(predicted_rgb)
    return {
        "psnr_rgb": min(psnr(true_rgb, predicted_rgb), HIGHEST_PSNR),
        "psnr_ab": min(psnr(true_ab, predicted_ab, AB_PEAK), HIGHEST_PSNR),
        "ssim": ssim(true_rgb, predicted_rgb),
        "delta_e_mean": float(differences.mean(dtype=np.float64)),
        "delta_e_median": delta_e_median,
        "delta_e_p95": delta_e_p95,
        "colorfulness": predicted_colorfulness,
        "colorfulness_gap": predicted_colorfulness - true_colorfulness,
        "auc": float(reached.mean()) / _AUC_THRESHOLDS,
        "auc_rebalanced": float(np.average(reached, weights=weights)) / _AUC_THRESHOLDS,
        "hue_error": hue_error(true_ab, predicted_ab),
        "out_of_gamut_pct": 100 * out_of_gamut / differences.size,
    }


def _checked_pair(true: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return both as floating-point arrays of one shape, or raise a ValueError that says what is wrong."""
    true, predicted = np.asarray(true), np.asarray(predicted)
    if true.shape != predicted.shape or true.size == 0:
        raise ValueError(
            f"true of shape {true.shape} and predicted of shape {predicted.shape} can't be compared: "
            "they must have the same shape and at least one value"
        )
    first, second = (
        array if array.dtype in (np.float32, np.float64) else array.astype(np.float64) for array in (true, predicted)
    )
    return first, second
