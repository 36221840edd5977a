"""Conversions between color spaces, fast enough for photos of many megapixels.

sRGB and gray are gamma-encoded, in [0, 1]. Lab is CIE L*a*b* under D65: L in [0, 100], a and b in their natural units,
about -86…98 and -108…95 inside sRGB. Results are ``float32``.
"""

import numpy as np

from ._bands import in_bands
from ._planes import (
    gray_plane,
    lab_planes,
    lab_to_rgb_planes,
    lightness_plane,
    lightness_to_gray_plane,
    merge_planes,
    merge_shrunk_planes,
    outside_gamut,
)
from .standard import LUMA_WEIGHTS

__all__ = [
    "gray_to_lightness",
    "in_gamut",
    "lab_to_rgb",
    "lightness_to_gray",
    "luma_gray",
    "merge_lab",
    "rgb_to_lab",
    "split_lab",
    "to_gray",
]


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
    return in_bands(lab_planes, 3, _checked(rgb, "rgb"))


def lab_to_rgb(lab: np.ndarray) -> np.ndarray:
    """Convert CIELAB, (..., 3), to sRGB, unclipped: colors outside the gamut get channels below 0 or above 1."""
    return in_bands(lab_to_rgb_planes, 3, _checked(lab, "lab"))


def split_lab(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Split a photo into L*, which its gray version keeps, and a*, b*, which it loses.

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
    """Merge a lightness with colors into sRGB that has exactly that L*.

    A color outside the gamut moves toward gray, at constant L* and hue, until it is inside. (Clipping the channels
    would change both.)

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
        Number of pixels that had to move.

    Raises
    ------
    ValueError
        If the shapes don't belong together, or the values are integers or not finite.
    """
    lightness, ab = _checked(lightness, "lightness", None), _checked(ab, "ab", 2)
    if lightness.shape != ab.shape[:-1]:
        raise ValueError(
            f"lightness of shape {lightness.shape} and ab of shape {ab.shape} don't belong together: "
            "ab has one axis more, of length 2"
        )
    rgb = in_bands(merge_planes, 3, lightness[..., None], ab)
    outside = np.isnan(rgb[..., 0])
    if outside.any():
        rgb[outside] = in_bands(merge_shrunk_planes, 3, lightness[outside][:, None], ab[outside])
    return rgb, int(np.count_nonzero(outside))


def to_gray(rgb: np.ndarray) -> np.ndarray:
    """Convert a photo to the gray of exactly the same L*.

    Parameters
    ----------
    rgb : ndarray, shape (..., 3)
        sRGB in [0, 1].

    Returns
    -------
    ndarray of float32, shape (...)
        sRGB-encoded gray in [0, 1].
    """
    return in_bands(gray_plane, 1, _checked(rgb, "rgb"))[..., 0]


def luma_gray(rgb: np.ndarray) -> np.ndarray:
    """Convert a photo to BT.601 luma, the gray that most programs make, which keeps L* only where the photo is gray.

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
    return in_bands(lightness_plane, 1, _checked(gray, "gray", None)[..., None])[..., 0]


def lightness_to_gray(lightness: np.ndarray) -> np.ndarray:
    """Convert L* in [0, 100], of any shape, to sRGB-encoded gray in [0, 1]."""
    return in_bands(lightness_to_gray_plane, 1, _checked(lightness, "lightness", None)[..., None])[..., 0]


def in_gamut(lab: np.ndarray) -> np.ndarray:
    """Tell which CIELAB colors, (..., 3), lie inside sRGB's gamut, to within 1e-4 of its range: bool of shape (...)."""
    outside = in_bands(lambda lab: outside_gamut(lab[:1], lab[1:])[None], 1, _checked(lab, "lab"))
    return outside[..., 0] == 0


def _checked(array: np.ndarray, name: str, channels: int | None = 3) -> np.ndarray:
    """Return an array as float32, or raise a ValueError that says what is wrong and what would be right."""
    array = np.asarray(array)
    if array.dtype.kind in "iub":
        raise ValueError(f"{name} is of type {array.dtype}: convert 8-bit values with astype('float32') / 255 first")
    if channels is not None and (array.ndim == 0 or array.shape[-1] != channels):
        raise ValueError(f"{name} has shape {array.shape}: its last axis must be {channels} long")
    if array.size and not (np.isfinite(array.min()) and np.isfinite(array.max())):
        raise ValueError(f"{name} holds NaN or infinite values: every value must be a number")
    return array.astype(np.float32, copy=False)
