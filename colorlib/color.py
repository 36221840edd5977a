"""Color spaces: sRGB, its gray version, and CIELAB under D65; predicted a,b put onto a known lightness.

sRGB and gray are gamma-encoded, in [0, 1]. Lab is CIE L*a*b*: L in [0, 100], a and b in their natural units, about
-86…98 and -108…95 inside sRGB. All arrays are ``float32``, and all functions work row band by row band on all
processors, so that a photo of many megapixels needs little memory beside its own.

References
----------
IEC 61966-2-1:1999 (sRGB); CIE 15:2018, Colorimetry, 4th edition (CIELAB).
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

__all__ = ["rgb_to_lab", "lab_to_rgb", "split_lab", "merge_lab", "to_gray", "luma_gray", "gray_to_lightness",
           "lightness_to_gray", "in_gamut", "encode_srgb", "decode_srgb"]

#: Linear sRGB to CIE XYZ, IEC 61966-2-1.
XYZ_FROM_RGB = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]], np.float32)
RGB_FROM_XYZ = np.linalg.inv(XYZ_FROM_RGB.astype(np.float64)).astype(np.float32)
#: XYZ of RGB = (1, 1, 1): D65. Taken from the matrix itself, so that a gray pixel has a = b = 0 exactly.
WHITE = XYZ_FROM_RGB.sum(axis=1)
#: Weights of R', G', B' in luma, ITU-R BT.601: what most programs call "grayscale".
LUMA_WEIGHTS = np.array([0.299, 0.587, 0.114], np.float32)

_DELTA = 6 / 29
_BAND_PIXELS = 1 << 16
_GAMUT_TOLERANCE = np.float32(1e-4)  # far below a step of an 8-bit channel, far above rounding errors
_BISECTIONS = 10


def rgb_to_lab(rgb: np.ndarray) -> np.ndarray:
    """Convert sRGB to CIELAB.

    Parameters
    ----------
    rgb : ndarray, shape (..., 3)
        sRGB in [0, 1].

    Returns
    -------
    ndarray of float32, shape (..., 3)
        L* in [0, 100], a* and b*.

    Raises
    ------
    ValueError
        If the last axis is not 3 long, or the values are integers or not finite.

    Examples
    --------
    >>> rgb_to_lab([1.0, 1.0, 1.0]).round(1).tolist()
    [100.0, 0.0, 0.0]
    """
    return _in_bands(_rgb_to_lab, _checked(rgb, "rgb"), 3)


def lab_to_rgb(lab: np.ndarray) -> np.ndarray:
    """Convert CIELAB to sRGB, unclipped: a color outside sRGB's gamut has channels below 0 or above 1.

    Parameters
    ----------
    lab : ndarray, shape (..., 3)

    Returns
    -------
    ndarray of float32, shape (..., 3)
    """
    return _in_bands(_lab_to_rgb, _checked(lab, "lab"), 3)


def split_lab(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Split a photo into what a gray version keeps and what it loses.

    Parameters
    ----------
    rgb : ndarray, shape (..., 3)
        sRGB in [0, 1].

    Returns
    -------
    lightness : ndarray of float32, shape (...)
        L* in [0, 100].
    ab : ndarray of float32, shape (..., 2)
    """
    lab = rgb_to_lab(rgb)
    return lab[..., 0], lab[..., 1:]


def merge_lab(lightness: np.ndarray, ab: np.ndarray) -> tuple[np.ndarray, int]:
    """Put colors onto a lightness: sRGB inside the gamut, with exactly that L*.

    A color that sRGB does not have at its lightness moves towards gray, at constant L* and hue, until sRGB has it.
    (Clipping the channels instead would change both.)

    Parameters
    ----------
    lightness : ndarray, shape (...)
        L* in [0, 100].
    ab : ndarray, shape (..., 2)

    Returns
    -------
    rgb : ndarray of float32, shape (..., 3)
        sRGB in [0, 1].
    out_of_gamut : int
        How many pixels had to move.

    Raises
    ------
    ValueError
        If the shapes don't belong together, or the values are integers or not finite.
    """
    lightness = _checked(lightness, "lightness", channels=None)
    ab = _checked(ab, "ab", channels=2)
    if lightness.shape != ab.shape[:-1]:
        raise ValueError(f"lightness of shape {lightness.shape} and ab of shape {ab.shape} don't belong together: "
                         "ab has one axis more, of length 2")
    merged = _in_bands(_merge, np.concatenate([lightness[..., None], ab], axis=-1), 4)
    return merged[..., :3], int(np.count_nonzero(merged[..., 3]))


def to_gray(rgb: np.ndarray) -> np.ndarray:
    """Make the gray version of a photo that keeps its L* exactly.

    Parameters
    ----------
    rgb : ndarray, shape (..., 3)
        sRGB in [0, 1].

    Returns
    -------
    ndarray of float32, shape (...)
        sRGB-encoded gray in [0, 1].
    """
    def gray(band):
        return np.clip(encode_srgb(decode_srgb(band) @ XYZ_FROM_RGB[1]), 0, 1)[:, None]
    return _in_bands(gray, _checked(rgb, "rgb"), 1)[..., 0]


def luma_gray(rgb: np.ndarray) -> np.ndarray:
    """Make the gray version of a photo that most programs make: BT.601 luma, which keeps L* only of grays.

    Parameters
    ----------
    rgb : ndarray, shape (..., 3)
        sRGB in [0, 1].

    Returns
    -------
    ndarray of float32, shape (...)
        Gray in [0, 1].
    """
    return _checked(rgb, "rgb") @ LUMA_WEIGHTS


def gray_to_lightness(gray: np.ndarray) -> np.ndarray:
    """Convert sRGB-encoded gray in [0, 1], of any shape, to L* in [0, 100]."""
    def lightness(band):
        return 116 * _lab_f(decode_srgb(band)) - 16
    return _in_bands(lightness, _checked(gray, "gray", channels=None)[..., None], 1)[..., 0]


def lightness_to_gray(lightness: np.ndarray) -> np.ndarray:
    """Convert L* in [0, 100], of any shape, to sRGB-encoded gray in [0, 1]."""
    def gray(band):
        return encode_srgb(_lab_f_inverse((band + 16) / 116))
    return _in_bands(gray, _checked(lightness, "lightness", channels=None)[..., None], 1)[..., 0]


def in_gamut(lab: np.ndarray) -> np.ndarray:
    """Tell which colors sRGB has, to within 1e-4 of its range.

    Parameters
    ----------
    lab : ndarray, shape (..., 3)

    Returns
    -------
    ndarray of bool, shape (...)
    """
    return _fits(lab_to_rgb(lab))


def decode_srgb(encoded: np.ndarray) -> np.ndarray:
    """Convert gamma-encoded sRGB channels to linear light (IEC 61966-2-1)."""
    curved = ((np.maximum(encoded, 0) + np.float32(0.055)) / np.float32(1.055)) ** np.float32(2.4)
    return np.where(encoded <= 0.04045, encoded / np.float32(12.92), curved)


def encode_srgb(linear: np.ndarray) -> np.ndarray:
    """Convert linear light to gamma-encoded sRGB channels (IEC 61966-2-1)."""
    curved = np.float32(1.055) * np.maximum(linear, 0) ** np.float32(1 / 2.4) - np.float32(0.055)
    return np.where(linear <= 0.0031308, linear * np.float32(12.92), curved)


def _lab_f(t: np.ndarray) -> np.ndarray:
    return np.where(t > _DELTA**3, np.cbrt(t), t / np.float32(3 * _DELTA**2) + np.float32(4 / 29))


def _lab_f_inverse(f: np.ndarray) -> np.ndarray:
    return np.where(f > _DELTA, f * f * f, np.float32(3 * _DELTA**2) * (f - np.float32(4 / 29)))


def _rgb_to_lab(rgb: np.ndarray) -> np.ndarray:
    f = _lab_f(decode_srgb(rgb) @ (XYZ_FROM_RGB / WHITE[:, None]).T)
    lab = np.empty_like(rgb)
    lab[:, 0] = 116 * f[:, 1] - 16
    lab[:, 1] = 500 * (f[:, 0] - f[:, 1])
    lab[:, 2] = 200 * (f[:, 1] - f[:, 2])
    return lab


def _lab_to_linear(lab: np.ndarray) -> np.ndarray:
    fy = (lab[:, 0] + 16) / 116
    f = np.stack([fy + lab[:, 1] / 500, fy, fy - lab[:, 2] / 200], axis=1)
    return _lab_f_inverse(f) @ (RGB_FROM_XYZ * WHITE).T


def _lab_to_rgb(lab: np.ndarray) -> np.ndarray:
    return encode_srgb(_lab_to_linear(lab))


def _fits(rgb: np.ndarray) -> np.ndarray:
    return ((rgb >= -_GAMUT_TOLERANCE) & (rgb <= 1 + _GAMUT_TOLERANCE)).all(axis=-1)


def _merge(lab: np.ndarray) -> np.ndarray:
    """Convert pixels (n, 3) to in-gamut sRGB, with a fourth column that tells which were outside."""
    merged = np.empty((len(lab), 4), np.float32)
    rgb = _lab_to_rgb(lab)
    outside = np.flatnonzero(~_fits(rgb))
    merged[:, 3] = 0
    merged[outside, 3] = 1
    if outside.size:
        rgb[outside] = _lab_to_rgb(_shrink_chroma(lab[outside]))
    merged[:, :3] = np.clip(rgb, 0, 1)
    return merged


def _shrink_chroma(lab: np.ndarray) -> np.ndarray:
    """Move colors towards the gray of their L* by bisection, to the largest chroma that sRGB has."""
    low, high = np.zeros(len(lab), np.float32), np.ones(len(lab), np.float32)
    tried = lab.copy()
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        tried[:, 1:] = lab[:, 1:] * middle[:, None]
        linear = _lab_to_linear(tried)
        fits = ((linear >= 0) & (linear <= 1)).all(axis=1)
        low, high = np.where(fits, middle, low), np.where(fits, high, middle)
    tried[:, 1:] = lab[:, 1:] * low[:, None]
    return tried


def _in_bands(convert: Callable[[np.ndarray], np.ndarray], pixels: np.ndarray, channels: int) -> np.ndarray:
    """Apply a function of pixels (n, c) to an array (..., c), band by band on all processors."""
    flat = pixels.reshape(-1, pixels.shape[-1])
    result = np.empty((len(flat), channels), np.float32)

    def work(start: int) -> None:
        band = slice(start, start + _BAND_PIXELS)
        result[band] = convert(flat[band])

    starts = range(0, len(flat), _BAND_PIXELS)
    if len(starts) > 1:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(work, starts))
    elif len(flat):
        work(0)
    return result.reshape(pixels.shape[:-1] + (channels,))


def _checked(array: np.ndarray, name: str, channels: int | None = 3) -> np.ndarray:
    """Return an array as float32, or raise a ValueError that says what is wrong with it and what would be right."""
    array = np.asarray(array)
    if array.dtype.kind in "iub":
        raise ValueError(f"{name} is of type {array.dtype}: convert 8-bit values with astype('float32') / 255 first")
    if channels is not None and (array.ndim == 0 or array.shape[-1] != channels):
        raise ValueError(f"{name} has shape {array.shape}: its last axis must be {channels} long")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} holds NaN or infinite values: every value must be a number")
    return array.astype(np.float32, copy=False)
