"""The formulas of `colorlib.color.standard` on bands of pixels, as fast as numpy goes.

All functions take and return planes, ``float32`` of shape (channels, n), and run on one processor. Most of them work in
place or in `scratch` arrays: what they return is overwritten by the same thread's next call.
"""

import numpy as np

from ._bands import look_up, look_up_inside, scratch
from .standard import DELTA, RGB_FROM_XYZ, WHITE, XYZ_FROM_RGB, decode_srgb, encode_srgb, lab_curve

__all__ = [
    "gray_plane",
    "lab_planes",
    "lab_to_rgb_planes",
    "lightness_plane",
    "lightness_to_gray_plane",
    "merge_planes",
    "merge_shrunk_planes",
    "outside_gamut",
]

_GAMUT_TOLERANCE = 1e-4  # of an encoded channel: far below an 8-bit step, far above rounding errors
_BISECTIONS = 10


def gray_plane(rgb: np.ndarray) -> np.ndarray:
    """Convert sRGB planes (3, n) to the gray of the same luminance, (1, n), unchecked and in place."""
    luminance = np.matmul(XYZ_FROM_RGB[1:2], look_up(decode_srgb, rgb), out=scratch("product", (1, rgb.shape[1])))
    look_up_inside(encode_srgb, np.clip(luminance, 0, 1, out=luminance))
    return np.minimum(luminance, 1, out=luminance)


def lab_planes(rgb: np.ndarray) -> np.ndarray:
    """Convert sRGB planes (3, n) to CIELAB, unchecked and in place."""
    xyz = np.matmul(XYZ_FROM_RGB / WHITE[:, None], look_up(decode_srgb, rgb), out=scratch("product", rgb.shape))
    x, y, z = look_up(lab_curve, xyz)
    lightness, a, b = lab = rgb
    np.multiply(y, 116, out=lightness)
    lightness -= 16
    np.subtract(x, y, out=a)
    a *= 500
    np.subtract(y, z, out=b)
    b *= 200
    return lab


def lab_to_rgb_planes(lab: np.ndarray) -> np.ndarray:
    """Convert CIELAB planes (3, n) to sRGB, unclipped."""
    return look_up(encode_srgb, _lab_to_linear(lab[:1], lab[1:]))


def lightness_plane(gray: np.ndarray) -> np.ndarray:
    """Convert sRGB-encoded gray to L*, in place."""
    return look_up(_lightness, gray)


def lightness_to_gray_plane(lightness: np.ndarray) -> np.ndarray:
    """Convert L* to sRGB-encoded gray, in place."""
    lightness += 16
    lightness /= 116
    return look_up(encode_srgb, _lab_curve_inverse(lightness))


def outside_gamut(lightness: np.ndarray, ab: np.ndarray) -> np.ndarray:
    """Tell which colors, L* (1, n) with a,b (2, n), lie outside sRGB's gamut: bool of shape (n,)."""
    return _outside(_lab_to_linear(lightness, ab))


def merge_planes(lightness: np.ndarray, ab: np.ndarray) -> np.ndarray:
    """Convert L* (1, n) with a,b (2, n) to sRGB; colors outside the gamut get NaN as their first channel."""
    linear = _lab_to_linear(lightness, ab)
    outside = _outside(linear)
    rgb = look_up_inside(encode_srgb, np.clip(linear, 0, 1, out=linear))
    rgb[0, outside] = np.nan
    return rgb


def merge_shrunk_planes(lightness: np.ndarray, ab: np.ndarray) -> np.ndarray:
    """Convert to sRGB with the chroma reduced, at constant L* and hue, to the largest inside the gamut."""
    fits, shrunk, step = np.zeros_like(lightness), np.empty_like(ab), np.float32(1)
    for _ in range(_BISECTIONS):
        step /= 2
        linear = _lab_to_linear(lightness, np.multiply(ab, fits + step, out=shrunk))
        fits += step * ((linear.min(axis=0) >= 0) & (linear.max(axis=0) <= 1))
    linear = _lab_to_linear(lightness, np.multiply(ab, fits, out=shrunk))
    return look_up_inside(encode_srgb, np.clip(linear, 0, 1, out=linear))


def _lightness(gray: np.ndarray) -> np.ndarray:
    return 116 * lab_curve(decode_srgb(gray)) - 16


def _lab_curve_inverse(f: np.ndarray) -> np.ndarray:
    """Undo CIELAB's curve, in place."""
    # A cube, continued below delta by its tangent. No branch, which would take four times as long.
    upper = np.maximum(f, np.float32(DELTA), out=scratch("upper", f.shape))
    f -= np.float32(DELTA)
    np.minimum(f, 0, out=f)
    f *= np.float32(3 * DELTA**2)
    cube = np.multiply(upper, upper, out=scratch("cube", f.shape))
    cube *= upper
    f += cube
    return f


def _lab_to_linear(lightness: np.ndarray, ab: np.ndarray) -> np.ndarray:
    x, y, z = f = scratch("f", (3, lightness.shape[1]))
    np.add(lightness[0], 16, out=y)
    y *= np.float32(1 / 116)
    np.multiply(ab[0], np.float32(1 / 500), out=x)
    x += y
    np.multiply(ab[1], np.float32(-1 / 200), out=z)
    z += y
    return np.matmul(RGB_FROM_XYZ * WHITE, _lab_curve_inverse(f), out=scratch("product", f.shape))


def _outside(linear: np.ndarray) -> np.ndarray:
    lowest, highest = decode_srgb(np.array([-_GAMUT_TOLERANCE, 1 + _GAMUT_TOLERANCE], np.float32))
    return (linear.min(axis=0) < lowest) | (linear.max(axis=0) > highest)
