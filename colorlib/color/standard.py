"""sRGB and CIELAB as the standards write them: short, readable, and the reference that the fast conversions are tested
against.

Colors are arrays of shape (..., 3): sRGB gamma-encoded or linear, in [0, 1] inside the gamut; XYZ relative to the white
of luminance 1; Lab in its natural units, L* in [0, 100]. Results have the precision of the argument.

References
----------
IEC 61966-2-1:1999 (sRGB); CIE 15:2018, Colorimetry, 4th edition (CIELAB); ITU-R BT.601-7 (luma).
"""

import numpy as np

__all__ = [
    "LUMA_WEIGHTS",
    "RGB_FROM_XYZ",
    "WHITE",
    "XYZ_FROM_RGB",
    "decode_srgb",
    "encode_srgb",
    "lab_curve",
    "lab_curve_inverse",
    "lab_to_srgb",
    "lab_to_xyz",
    "srgb_to_lab",
    "xyz_to_lab",
]

#: Linear sRGB to CIE XYZ, IEC 61966-2-1.
XYZ_FROM_RGB = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]], np.float32)
RGB_FROM_XYZ = np.linalg.inv(XYZ_FROM_RGB.astype(np.float64)).astype(np.float32)
#: White, D65, as the XYZ of RGB = (1, 1, 1). Taken from the matrix itself, so that a gray pixel has a = b = 0 exactly.
WHITE = XYZ_FROM_RGB.sum(axis=1)
#: Weights of R', G', B' in the luma of ITU-R BT.601, which most programs call "grayscale".
LUMA_WEIGHTS = np.array([0.299, 0.587, 0.114], np.float32)
#: CIELAB's cube root continues as a straight line below the cube of this.
DELTA = 6 / 29


def srgb_to_lab(rgb: np.ndarray) -> np.ndarray:
    """Convert gamma-encoded sRGB to CIELAB under D65."""
    return xyz_to_lab(decode_srgb(rgb) @ XYZ_FROM_RGB.T)


def lab_to_srgb(lab: np.ndarray) -> np.ndarray:
    """Convert CIELAB under D65 to gamma-encoded sRGB, unclipped."""
    return encode_srgb(lab_to_xyz(lab) @ RGB_FROM_XYZ.T)


def decode_srgb(encoded: np.ndarray) -> np.ndarray:
    """Convert gamma-encoded sRGB channels to linear light (IEC 61966-2-1, 5.2)."""
    curved = ((np.maximum(encoded, 0) + np.float32(0.055)) / np.float32(1.055)) ** np.float32(2.4)
    return np.where(encoded <= 0.04045, encoded / np.float32(12.92), curved)


def encode_srgb(linear: np.ndarray) -> np.ndarray:
    """Convert linear light to gamma-encoded sRGB channels (IEC 61966-2-1, 5.2)."""
    curved = np.float32(1.055) * np.maximum(linear, 0) ** np.float32(1 / 2.4) - np.float32(0.055)
    return np.where(linear <= 0.0031308, linear * np.float32(12.92), curved)


def xyz_to_lab(xyz: np.ndarray) -> np.ndarray:
    """Convert XYZ to CIELAB under D65 (CIE 15:2018, 8.2.1)."""
    x, y, z = np.moveaxis(lab_curve(xyz / WHITE), -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def lab_to_xyz(lab: np.ndarray) -> np.ndarray:
    """Convert CIELAB under D65 to XYZ (CIE 15:2018, annex C)."""
    lightness, a, b = np.moveaxis(np.asarray(lab), -1, 0)
    y = (lightness + 16) / 116
    return WHITE * lab_curve_inverse(np.stack([y + a / 500, y, y - b / 200], axis=-1))


def lab_curve(t: np.ndarray) -> np.ndarray:
    """Evaluate CIELAB's f: a cube root, with a straight line near zero."""
    return np.where(t > DELTA**3, np.cbrt(t), t / np.float32(3 * DELTA**2) + np.float32(4 / 29))


def lab_curve_inverse(f: np.ndarray) -> np.ndarray:
    """Evaluate the inverse of `lab_curve`."""
    return np.where(f > DELTA, f**3, 3 * DELTA**2 * (f - 4 / 29))
