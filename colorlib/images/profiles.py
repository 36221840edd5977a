"""ICC color profiles: pixels of other color spaces converted to sRGB."""

from functools import cache

import numpy as np
from PIL import Image, ImageCms

__all__ = ["apply_profile"]


def apply_profile(pixels: np.ndarray, profile: bytes) -> tuple[np.ndarray, bytes]:
    """Convert pixels from the color space of an ICC profile to sRGB.

    Parameters
    ----------
    pixels : ndarray of uint8 or uint16, shape (H, W), (H, W, 3) or, in CMYK, (H, W, 4)
    profile : bytes
        Empty if there is none; a profile that can't be applied to such pixels is ignored.

    Returns
    -------
    pixels : ndarray of the same type, shape (H, W) or (H, W, 3)
        Gray or sRGB.
    profile : bytes
        The profile if it means sRGB, otherwise empty.
    """
    kind = "gray" if pixels.ndim == 2 else {3: "rgb", 4: "cmyk"}[pixels.shape[-1]]
    if profile and _means_srgb(profile):
        return pixels, profile
    converted = _to_srgb(pixels, profile, kind) if profile else None
    if converted is not None:
        return converted, b""
    if kind == "cmyk":  # no profile says what its inks look like
        inks = pixels if pixels.dtype == np.uint8 else (pixels // 257).astype(np.uint8)
        pixels = np.asarray(Image.fromarray(inks, "CMYK").convert("RGB"))
    return pixels, b""


@cache
def _srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def _means_srgb(profile: bytes) -> bool:
    """Tell whether converting from an RGB profile to sRGB changes no color by more than 2 of 255."""
    samples = np.stack(np.meshgrid(*[np.arange(0, 256, 51, dtype=np.uint8)] * 3), axis=-1).reshape(1, -1, 3)
    converted = _to_srgb(samples, profile, "rgb")
    return converted is not None and np.abs(converted.astype(int) - samples).max() <= 2


def _to_srgb(pixels: np.ndarray, profile: bytes, kind: str) -> np.ndarray | None:
    """Convert pixels of kind ``"gray"``, ``"rgb"`` or ``"cmyk"``; return None if the profile is of another kind."""
    import imagecodecs

    try:
        return imagecodecs.cms_transform(
            np.ascontiguousarray(pixels), profile, _srgb_profile(), colorspace=kind, outcolorspace="rgb"
        )
    except (RuntimeError, ValueError):
        return None
