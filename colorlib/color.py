"""Color spaces: sRGB, its gray version, and CIELAB under D65; predicted a,b put onto a known lightness.

sRGB and gray are gamma-encoded, in [0, 1]. Lab is CIE L*a*b*: L in [0, 100], a and b in their natural units, about
-86…98 and -108…95 inside sRGB. All arrays are ``float32``.

The conversions are fast enough for photos of many megapixels: they work in bands of pixels (`colorlib.bands`), and look
up the curves, sRGB's two and the cube root of CIELAB, in tables.

References
----------
IEC 61966-2-1:1999 (sRGB); CIE 15:2018, Colorimetry, 4th edition (CIELAB).
"""

import numpy as np

from .bands import in_bands, look_up, look_up_inside, scratch

__all__ = ["rgb_to_lab", "lab_to_rgb", "split_lab", "merge_lab", "to_gray", "luma_gray", "gray_to_lightness",
           "lightness_to_gray", "in_gamut", "encode_srgb", "decode_srgb", "lab_planes", "gray_plane"]

#: Linear sRGB to CIE XYZ, IEC 61966-2-1.
XYZ_FROM_RGB = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]], np.float32)
RGB_FROM_XYZ = np.linalg.inv(XYZ_FROM_RGB.astype(np.float64)).astype(np.float32)
#: XYZ of RGB = (1, 1, 1): D65. Taken from the matrix itself, so that a gray pixel has a = b = 0 exactly.
WHITE = XYZ_FROM_RGB.sum(axis=1)
#: Weights of R', G', B' in luma, ITU-R BT.601: what most programs call "grayscale".
LUMA_WEIGHTS = np.array([0.299, 0.587, 0.114], np.float32)

_DELTA = 6 / 29
_GAMUT_TOLERANCE = 1e-4  # of an encoded channel: far below a step of 8 bits, far above rounding errors
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
    return in_bands(lab_planes, 3, _checked(rgb, "rgb"))


def lab_to_rgb(lab: np.ndarray) -> np.ndarray:
    """Convert CIELAB, (..., 3), to sRGB, unclipped: a color that sRGB doesn't have gets channels below 0 or above 1."""
    return in_bands(lambda lab: look_up(encode_srgb, _lab_to_linear(lab[:1], lab[1:])), 3, _checked(lab, "lab"))


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
    lightness, ab = _checked(lightness, "lightness", None), _checked(ab, "ab", 2)
    if lightness.shape != ab.shape[:-1]:
        raise ValueError(f"lightness of shape {lightness.shape} and ab of shape {ab.shape} don't belong together: "
                         "ab has one axis more, of length 2")
    rgb = in_bands(_merge, 3, lightness[..., None], ab)
    outside = np.isnan(rgb[..., 0])
    if outside.any():
        rgb[outside] = in_bands(_merge_shrunk, 3, lightness[outside][:, None], ab[outside])
    return rgb, int(np.count_nonzero(outside))


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
    return in_bands(gray_plane, 1, _checked(rgb, "rgb"))[..., 0]


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
    return in_bands(lambda band: look_up(_lightness, band), 1, _checked(gray, "gray", None)[..., None])[..., 0]


def lightness_to_gray(lightness: np.ndarray) -> np.ndarray:
    """Convert L* in [0, 100], of any shape, to sRGB-encoded gray in [0, 1]."""
    def gray(band: np.ndarray) -> np.ndarray:
        band += 16
        band /= 116
        return look_up(encode_srgb, _lab_f_inverse(band))

    return in_bands(gray, 1, _checked(lightness, "lightness", None)[..., None])[..., 0]


def in_gamut(lab: np.ndarray) -> np.ndarray:
    """Tell which CIELAB colors, (..., 3), sRGB has, to within 1e-4 of its range: bools of shape (...)."""
    return in_bands(lambda lab: ~_outside(_lab_to_linear(lab[:1], lab[1:]))[None], 1, _checked(lab, "lab"))[..., 0] > 0


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


def _lightness(gray: np.ndarray) -> np.ndarray:
    return 116 * _lab_f(decode_srgb(gray)) - 16


# The functions below work on bands of pixels as planes, float32 of shape (channels, n), on one processor. Most of them
# work in place, in `scratch` arrays: what they return is overwritten by the same thread's next call.

def gray_plane(rgb: np.ndarray) -> np.ndarray:
    """Do what `to_gray` does, unchecked and in place, for planes (3, n); returns (1, n)."""
    luminance = np.matmul(XYZ_FROM_RGB[1:2], look_up(decode_srgb, rgb), out=scratch("product", (1, rgb.shape[1])))
    look_up_inside(encode_srgb, np.clip(luminance, 0, 1, out=luminance))
    return np.minimum(luminance, 1, out=luminance)


def lab_planes(rgb: np.ndarray) -> np.ndarray:
    """Do what `rgb_to_lab` does, unchecked and in place, for planes (3, n)."""
    xyz = np.matmul(XYZ_FROM_RGB / WHITE[:, None], look_up(decode_srgb, rgb), out=scratch("product", rgb.shape))
    x, y, z = look_up(_lab_f, xyz)
    lightness, a, b = lab = rgb
    np.multiply(y, 116, out=lightness)
    lightness -= 16
    np.subtract(x, y, out=a)
    a *= 500
    np.subtract(y, z, out=b)
    b *= 200
    return lab


def _lab_f_inverse(f: np.ndarray) -> np.ndarray:
    """Undo the curve of CIELAB, in place."""
    # A cube, continued below delta by its tangent; without a branch, which would take four times as long.
    upper = np.maximum(f, np.float32(_DELTA), out=scratch("upper", f.shape))
    f -= np.float32(_DELTA)
    np.minimum(f, 0, out=f)
    f *= np.float32(3 * _DELTA**2)
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
    return np.matmul(RGB_FROM_XYZ * WHITE, _lab_f_inverse(f), out=scratch("product", f.shape))


def _outside(linear: np.ndarray) -> np.ndarray:
    lowest, highest = decode_srgb(np.array([-_GAMUT_TOLERANCE, 1 + _GAMUT_TOLERANCE], np.float32))
    return (linear.min(axis=0) < lowest) | (linear.max(axis=0) > highest)


def _merge(lightness: np.ndarray, ab: np.ndarray) -> np.ndarray:
    """Convert to sRGB; a color that sRGB doesn't have gets NaN for its first channel."""
    linear = _lab_to_linear(lightness, ab)
    outside = _outside(linear)
    rgb = look_up_inside(encode_srgb, np.clip(linear, 0, 1, out=linear))
    rgb[0, outside] = np.nan
    return rgb


def _merge_shrunk(lightness: np.ndarray, ab: np.ndarray) -> np.ndarray:
    """Convert to sRGB after moving colors towards the gray of their L*, to the largest chroma that sRGB has there."""
    fits, shrunk, step = np.zeros_like(lightness), np.empty_like(ab), np.float32(1)
    for _ in range(_BISECTIONS):
        step /= 2
        linear = _lab_to_linear(lightness, np.multiply(ab, fits + step, out=shrunk))
        fits += step * ((linear.min(axis=0) >= 0) & (linear.max(axis=0) <= 1))
    linear = _lab_to_linear(lightness, np.multiply(ab, fits, out=shrunk))
    return look_up_inside(encode_srgb, np.clip(linear, 0, 1, out=linear))


def _checked(array: np.ndarray, name: str, channels: int | None = 3) -> np.ndarray:
    """Return an array as float32, or raise a ValueError that says what is wrong with it and what would be right."""
    array = np.asarray(array)
    if array.dtype.kind in "iub":
        raise ValueError(f"{name} is of type {array.dtype}: convert 8-bit values with astype('float32') / 255 first")
    if channels is not None and (array.ndim == 0 or array.shape[-1] != channels):
        raise ValueError(f"{name} has shape {array.shape}: its last axis must be {channels} long")
    if array.size and not (np.isfinite(array.min()) and np.isfinite(array.max())):
        raise ValueError(f"{name} holds NaN or infinite values: every value must be a number")
    return array.astype(np.float32, copy=False)
