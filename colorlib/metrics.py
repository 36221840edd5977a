"""Scores of a colorization against the true photo: numpy in, numbers out.

Photos are sRGB in [0, 1]; Lab is CIE L*a*b* under D65 in natural units. No score alone tells whether a colorization
is good: PSNR and ΔE reward leaving the photo dull, colorfulness alone rewards noise, plain AuC hides desaturation. So
`score_photo` gives them all.
"""

import math

import numpy as np
from scipy.ndimage import correlate1d

from .color import rgb_to_lab

__all__ = ["AB_PEAK", "MIN_CHROMA", "HIGHEST_PSNR", "r2", "rmse", "psnr", "ssim", "delta_e", "ab_error", "auc",
           "inverse_prior", "colorfulness", "hue_error", "score_photo"]

#: Peak for PSNR in a,b: the width of [-110, 110], which holds the a* and b* of every sRGB color.
AB_PEAK = 220.0
#: From this chroma C* = √(a² + b²) on, a color counts as having a hue; below it looks gray.
MIN_CHROMA = 5.0
#: What `score_photo` gives where it is higher or infinite: the rounding error of an 8-bit file is at 59 dB.
HIGHEST_PSNR = 60.0
#: Side of the a,b bins whose prior rebalances AuC, as in Zhang et al. 2016.
BIN_SIZE = 10

_BINS = 26  # a side, from -130 to 130
_AUC_THRESHOLDS = 151  # 0, 1, …, 150
_BLOCK_PIXELS = 1 << 13  # the two dozen temporaries of CIEDE2000 then stay in the processor's cache


def r2(true: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Coefficient of determination of each channel: the share of its variance that the prediction explains.

    Parameters
    ----------
    true, predicted : ndarray, shape (..., C)

    Returns
    -------
    ndarray of float64, shape (C,)
        At most 1; 0 is what predicting the mean scores; negative is worse than that. A constant channel scores 1
        where it is predicted exactly and 0 otherwise.

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
    """Root of the mean squared error over all values, in their unit; 0 is perfect."""
    true, predicted = _checked_pair(true, predicted)
    return float(np.sqrt(np.square(true - predicted).mean(dtype=np.float64)))


def psnr(true: np.ndarray, predicted: np.ndarray, peak: float = 1.0) -> float:
    """Peak signal-to-noise ratio, 20·log10(peak / RMSE).

    Parameters
    ----------
    true, predicted : ndarray
        Of the same shape.
    peak : float
        The largest possible difference: 1 for sRGB in [0, 1], `AB_PEAK` for a,b.

    Returns
    -------
    float
        In dB, higher is better; infinite for equal arrays.
    """
    error = rmse(true, predicted)
    return float(20 * np.log10(peak / error)) if error > 0 else float("inf")


def ssim(rgb_true: np.ndarray, rgb_predicted: np.ndarray) -> float:
    """Structural similarity: the mean over pixels and channels, Gaussian 11×11 window of σ = 1.5, data range 1.

    Parameters
    ----------
    rgb_true, rgb_predicted : ndarray, shape (H, W, C)
        sRGB in [0, 1], at least 11×11 pixels.

    Returns
    -------
    float
        In [-1, 1]; 1 for equal photos. Only pixels whose whole window lies inside the photo count.

    Raises
    ------
    ValueError
        If the shapes differ, or a photo is too small.

    References
    ----------
    Wang, Bovik, Sheikh & Simoncelli, "Image quality assessment: from error visibility to structural similarity",
    IEEE Transactions on Image Processing 13(4), 2004.
    """
    true, predicted = _checked_pair(rgb_true, rgb_predicted)
    if true.ndim != 3 or min(true.shape[:2]) < 11:
        raise ValueError(f"photos of shape {true.shape} have no SSIM: it needs (H, W, channels), at least 11×11")
    window = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    window /= window.sum()

    def smooth(image):
        image = np.ascontiguousarray(image)
        return correlate1d(correlate1d(image, window, axis=0)[5:-5], window, axis=1)[:, 5:-5]

    total = 0.0
    for i in range(true.shape[-1]):
        x, y = true[..., i], predicted[..., i]
        mean_x, mean_y = smooth(x), smooth(y)
        mean_xx, mean_yy, mean_xy = mean_x * mean_x, mean_y * mean_y, mean_x * mean_y
        variances = smooth(x * x + y * y) - mean_xx - mean_yy
        covariance = smooth(x * y) - mean_xy
        c1, c2 = np.float32(0.01**2), np.float32(0.03**2)
        similarity = (2 * mean_xy + c1) * (2 * covariance + c2) / ((mean_xx + mean_yy + c1) * (variances + c2))
        total += float(similarity.mean(dtype=np.float64))
    return total / true.shape[-1]


def delta_e(lab_true: np.ndarray, lab_predicted: np.ndarray) -> np.ndarray:
    """CIEDE2000 color difference of each pixel, with k_L = k_C = k_H = 1.

    Parameters
    ----------
    lab_true, lab_predicted : ndarray, shape (..., 3)
        CIELAB; computed in ``float32`` where both are, in ``float64`` otherwise.

    Returns
    -------
    ndarray, shape (...)
        0 for equal colors; about 1 is just noticeable; black against white is 100.

    Raises
    ------
    ValueError
        If the shapes differ or the last axis is not 3 long.

    References
    ----------
    Sharma, Wu & Dalal, "The CIEDE2000 color-difference formula: implementation notes, supplementary test data, and
    mathematical observations", Color Research & Application 30(1), 2005.
    """
    true, predicted = _checked_pair(lab_true, lab_predicted)
    if true.shape[-1] != 3:
        raise ValueError(f"lab has shape {true.shape}: its last axis must be 3 long")
    true_rows, predicted_rows = true.reshape(-1, 3), predicted.reshape(-1, 3)
    result = np.empty(len(true_rows), np.result_type(true, predicted))
    for start in range(0, len(result), _BLOCK_PIXELS):
        block = slice(start, start + _BLOCK_PIXELS)
        result[block] = _ciede2000(*true_rows[block].T.copy(), *predicted_rows[block].T.copy())
    return result.reshape(true.shape[:-1])


def ab_error(ab_true: np.ndarray, ab_predicted: np.ndarray) -> np.ndarray:
    """Euclidean distance in the a,b plane of each pixel, shape (...) for arrays of shape (..., 2)."""
    true, predicted = _checked_pair(ab_true, ab_predicted)
    return np.hypot(*np.moveaxis(true - predicted, -1, 0))


def auc(ab_true: np.ndarray, ab_predicted: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Area under the curve of the share of pixels whose a,b error is at most τ, averaged over τ = 0, 1, …, 150.

    Parameters
    ----------
    ab_true, ab_predicted : ndarray, shape (..., 2)
    weights : ndarray, shape (...), optional
        How much each pixel counts, from `inverse_prior` for the class-rebalanced score; all the same by default.

    Returns
    -------
    float
        In [0, 1]; 1 where every error is 0.

    References
    ----------
    Zhang, Isola & Efros, "Colorful image colorization", ECCV 2016, section 3.1; Deshpande, Rock & Forsyth,
    "Learning large-scale automatic image colorization", ICCV 2015.
    """
    reached = np.clip(_AUC_THRESHOLDS - np.ceil(ab_error(ab_true, ab_predicted)), 0, None)  # how many thresholds
    if weights is not None and np.shape(weights) != reached.shape:
        raise ValueError(f"weights of shape {np.shape(weights)} don't fit: one a pixel is needed, {reached.shape}")
    return float(np.average(reached.astype(np.float64), weights=weights)) / _AUC_THRESHOLDS


def inverse_prior(ab: np.ndarray) -> np.ndarray:
    """Weights that make every color class count the same: the inverse share of each pixel's a,b bin of side 10.

    Parameters
    ----------
    ab : ndarray, shape (..., 2)
        The true colors of all the photos that are scored together.

    Returns
    -------
    ndarray of float32, shape (...)
        Positive, with mean 1.
    """
    cells = np.clip(np.floor(np.asarray(ab) / BIN_SIZE).astype(np.int32) + _BINS // 2, 0, _BINS - 1)
    bins = cells[..., 0] * _BINS + cells[..., 1]
    counts = np.bincount(bins.ravel(), minlength=_BINS**2)
    share_of_equal = bins.size / np.maximum(counts, 1) / np.count_nonzero(counts)
    return share_of_equal.astype(np.float32)[bins]


def colorfulness(rgb: np.ndarray) -> float:
    """Colorfulness of a photo, from the signed opponent channels R - G and (R + G)/2 - B on the 8-bit scale.

    Parameters
    ----------
    rgb : ndarray, shape (..., 3)
        sRGB in [0, 1].

    Returns
    -------
    float
        0 for a gray photo; about 15 is slightly, 33 moderately, 59 quite, 109 extremely colorful.

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
    """Mean absolute hue difference over the pixels that have a hue both in truth and in the prediction.

    Parameters
    ----------
    ab_true, ab_predicted : ndarray, shape (..., 2)
    min_chroma : float
        Chroma from which on a color has a hue.

    Returns
    -------
    float
        In degrees, 0…180; 90 is what random hues score; NaN where no pixel has a hue in both.
    """
    (a, b), (a_predicted, b_predicted) = (np.moveaxis(ab, -1, 0) for ab in _checked_pair(ab_true, ab_predicted))
    chromatic = np.minimum(a * a + b * b, a_predicted**2 + b_predicted**2) >= min_chroma**2
    if not chromatic.any():
        return float("nan")
    turn = np.arctan2(a * b_predicted - b * a_predicted, a * a_predicted + b * b_predicted)
    return float(np.degrees(np.abs(turn).mean(where=chromatic, dtype=np.float64)))


def score_photo(true_rgb: np.ndarray, predicted_rgb: np.ndarray, out_of_gamut: int = 0,
                weights: np.ndarray | None = None) -> dict[str, float]:
    """Score one colorized photo against the true one with every metric of the leaderboard.

    Parameters
    ----------
    true_rgb, predicted_rgb : ndarray, shape (H, W, 3)
        sRGB in [0, 1], at least 11×11 pixels.
    out_of_gamut : int
        How many predicted pixels were outside sRGB's gamut before correction, as `colorlib.color.merge_lab` counts.
    weights : ndarray, shape (H, W), optional
        This photo's part of `inverse_prior` of all the photos that are scored together; of itself by default.

    Returns
    -------
    dict of str to float
        Keys are the leaderboard's columns. PSNR is at most `HIGHEST_PSNR`, so that a photo that is gray itself does
        not swamp a mean.
    """
    true_lab, predicted_lab = rgb_to_lab(true_rgb), rgb_to_lab(predicted_rgb)
    true_ab, predicted_ab = true_lab[..., 1:], predicted_lab[..., 1:]
    differences = delta_e(true_lab, predicted_lab)
    true_colorfulness, predicted_colorfulness = colorfulness(true_rgb), colorfulness(predicted_rgb)
    return {
        "psnr_rgb": min(psnr(true_rgb, predicted_rgb), HIGHEST_PSNR),
        "psnr_ab": min(psnr(true_ab, predicted_ab, AB_PEAK), HIGHEST_PSNR),
        "ssim": ssim(true_rgb, predicted_rgb),
        "delta_e_mean": float(differences.mean(dtype=np.float64)),
        "delta_e_median": float(np.median(differences)),
        "delta_e_p95": float(np.percentile(differences, 95)),
        "colorfulness": predicted_colorfulness,
        "colorfulness_gap": predicted_colorfulness - true_colorfulness,
        "auc": auc(true_ab, predicted_ab),
        "auc_rebalanced": auc(true_ab, predicted_ab, inverse_prior(true_ab) if weights is None else weights),
        "hue_error": hue_error(true_ab, predicted_ab),
        "out_of_gamut_pct": 100 * out_of_gamut / differences.size,
    }


def _ciede2000(l1, a1, b1, l2, a2, b2):
    """Evaluate the formula on flat arrays of pixels, in the notation of Sharma et al., equations 2 to 22."""
    mean_c7 = ((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2) ** 7
    stretch = 1.5 - 0.5 * np.sqrt(mean_c7 / (mean_c7 + 25.0**7))
    a1, a2 = stretch * a1, stretch * a2
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    h1, h2 = np.arctan2(b1, a1) % (2 * math.pi), np.arctan2(b2, a2) % (2 * math.pi)

    product = c1 * c2
    turn = h2 - h1
    around = np.abs(turn) > math.pi  # the shorter way from one hue to the other crosses 0
    turn = np.where(around, turn - np.copysign(2 * math.pi, turn), turn)
    delta_h = 2 * np.sqrt(product) * np.sin(turn / 2)
    h_sum = h1 + h2
    mean_h = np.where(around, h_sum + np.copysign(2 * math.pi, 2 * math.pi - h_sum), h_sum) / 2
    mean_h = np.where(product == 0, h_sum, mean_h)  # a gray color has no hue: the other one's is the mean

    mean_l50, mean_c = ((l1 + l2) / 2 - 50) ** 2, (c1 + c2) / 2
    t = (1 - 0.17 * np.cos(mean_h - math.radians(30)) + 0.24 * np.cos(2 * mean_h)
         + 0.32 * np.cos(3 * mean_h + math.radians(6)) - 0.20 * np.cos(4 * mean_h - math.radians(63)))
    s_l = 1 + 0.015 * mean_l50 / np.sqrt(20 + mean_l50)
    s_c, s_h = 1 + 0.045 * mean_c, 1 + 0.015 * mean_c * t
    mean_c7 = mean_c**7
    angle = math.radians(60) * np.exp(-(((mean_h * (180 / math.pi) - 275) / 25) ** 2))
    rotation = -2 * np.sqrt(mean_c7 / (mean_c7 + 25.0**7)) * np.sin(angle)
    l_term, c_term, h_term = (l2 - l1) / s_l, (c2 - c1) / s_c, delta_h / s_h
    return np.sqrt(np.maximum(l_term**2 + c_term**2 + h_term**2 + rotation * c_term * h_term, 0))


def _checked_pair(true: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return both as floating-point arrays of one shape, or raise a ValueError that says what is wrong."""
    true, predicted = np.asarray(true), np.asarray(predicted)
    if true.shape != predicted.shape or true.size == 0:
        raise ValueError(f"true of shape {true.shape} and predicted of shape {predicted.shape} can't be compared: "
                         "they must have the same shape and at least one value")
    return tuple(array if array.dtype in (np.float32, np.float64) else array.astype(np.float64)
                 for array in (true, predicted))
