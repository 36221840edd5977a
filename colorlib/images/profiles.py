"""Color profiles: pixels of other color spaces converted to sRGB."""

from collections.abc import Sequence
from functools import cache

import numpy as np
from PIL import ImageCms

from ..color import to_gray

__all__ = ["apply_profile", "lab_to_srgb", "profile_of_gamma"]

SRGB_CORNERS = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)  # x and y of white, red, green, blue


def apply_profile(pixels: np.ndarray, profile: bytes) -> tuple[np.ndarray, bytes, bool]:
    """Convert pixels from the color space of an ICC profile to sRGB.

    Parameters
    ----------
    pixels : ndarray of uint8 or uint16, shape (H, W), (H, W, 3) or, in CMYK, (H, W, 4)
    profile : bytes
        Empty if there is none.

    Returns
    -------
    pixels : ndarray of the same type, shape (H, W) or (H, W, 3)
        Gray or sRGB.
    profile : bytes
        The profile if it means sRGB, otherwise empty.
    usable : bool
        False if the profile is not one of such pixels, and was ignored.
    """
    if profile and pixels.shape[2:] != (4,) and _means_srgb(profile):
        return pixels, profile, True
    if profile:
        converted = _convert_gray(pixels, profile) if pixels.ndim == 2 else _to_srgb(pixels, profile)
        if converted is not None:
            return converted, b"", True
    return _cmyk_to_rgb(pixels) if pixels.shape[2:] == (4,) else pixels, b"", not profile


def lab_to_srgb(lab: np.ndarray) -> np.ndarray:
    """Convert CIELAB under D50 as ICC profiles encode it, uint8 or uint16 of shape (H, W, 3), to sRGB of that type."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    converted = _to_srgb(lab, profile, "lab")
    if converted is None:
        raise ValueError("its CIELAB colors can't be converted")
    return converted


def profile_of_gamma(gamma: float, corners: Sequence[float], is_gray: bool) -> bytes:
    """Return the ICC profile that a PNG's gamma and chromaticities stand for; empty if they mean sRGB.

    Parameters
    ----------
    gamma : float
        Exponent of the encoding: 1/2.2 is near sRGB's curve, and is taken for it as everywhere.
    corners : sequence of float
        x and y of white, red, green and blue; sRGB's if it is empty.
    is_gray : bool

    Raises
    ------
    ValueError
        If there is no such profile.
    """
    import imagecodecs

    if not 0.05 <= gamma <= 5:
        raise ValueError(f"gamma {gamma}")
    corners = corners or SRGB_CORNERS
    usual = abs(gamma - 1 / 2.2) < 0.01
    if usual and (is_gray or np.abs(np.subtract(corners, SRGB_CORNERS)).max() < 0.005):
        return b""
    try:
        if is_gray:
            return imagecodecs.cms_profile("gray", whitepoint=[*SRGB_CORNERS[:2], 1.0], gamma=1 / gamma)
        primaries = [number for i in (2, 4, 6) for number in (*corners[i : i + 2], 1.0)]
        return imagecodecs.cms_profile("rgb", whitepoint=[*corners[:2], 1.0], gamma=1 / gamma, primaries=primaries)
    except RuntimeError as error:
        raise ValueError(str(error)) from error


@cache
def _srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def _means_srgb(profile: bytes) -> bool:
    """Tell whether converting from an RGB profile to sRGB changes no color by more than 2 of 255."""
    samples = np.stack(np.meshgrid(*[np.arange(0, 256, 51, dtype=np.uint8)] * 3), axis=-1).reshape(1, -1, 3)
    converted = _to_srgb(samples, profile)
    return converted is not None and np.abs(converted.astype(int) - samples).max() <= 2


def _convert_gray(pixels: np.ndarray, profile: bytes) -> np.ndarray | None:
    """Convert gray by the profile of a gray or an RGB space, level by level."""
    levels = np.arange(np.iinfo(pixels.dtype).max + 1, dtype=pixels.dtype)[None]
    converted = _to_srgb(levels, profile)
    if converted is None:
        converted = _to_srgb(np.repeat(levels[..., None], 3, axis=-1), profile)
    if converted is None:
        return None
    most = np.float32(np.iinfo(pixels.dtype).max)
    return np.rint(to_gray(converted[0] / most) * most).astype(pixels.dtype)[pixels]


def _to_srgb(pixels: np.ndarray, profile: bytes, kind: str = "") -> np.ndarray | None:
    """Convert pixels, by default gray, RGB or CMYK by their number of channels; None if the profile is of another kind.

    The color engine simplifies the curves of gray profiles, which costs up to 5 L* in the darks: they are few levels,
    so it need not.
    """
    import imagecodecs

    kind = kind or ("gray" if pixels.ndim == 2 else {3: "rgb", 4: "cmyk"}[pixels.shape[-1]])
    flags = imagecodecs.CMS.FLAGS.NOOPTIMIZE if kind in ("gray", "lab") else None
    try:
        return imagecodecs.cms_transform(
            np.ascontiguousarray(pixels), profile, _srgb_profile(), colorspace=kind, outcolorspace="rgb", flags=flags
        )
    except (RuntimeError, ValueError):
        return None


def _cmyk_to_rgb(inks: np.ndarray) -> np.ndarray:
    """Mix inks as if each were ideal, for want of a profile that says what they look like."""
    most = np.iinfo(inks.dtype).max
    rgb = np.empty((*inks.shape[:2], 3), inks.dtype)
    for channel in range(3):
        paper = np.multiply(most - inks[..., channel], most - inks[..., 3], dtype=np.uint32)
        rgb[..., channel] = (paper + most // 2) // most
    return rgb
