"""The CIEDE2000 formula.

References
----------
Sharma, Wu & Dalal, "The CIEDE2000 color-difference formula: implementation notes, supplementary test data, and
mathematical observations", Color Research & Application 30(1), 2005.
"""

import math

import numpy as np

from ..color import on_all_processors, row_bands

__all__ = ["ciede2000"]

_BLOCK_PIXELS = 1 << 13  # small enough for two dozen temporaries in the processor's cache


def ciede2000(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Evaluate the formula, with k_L = k_C = k_H = 1, for rows of CIELAB colors, (n, 3); returns shape (n,)."""
    result = np.empty(len(first), np.result_type(first, second))

    def work(band: slice) -> None:
        for start in range(band.start, band.stop, _BLOCK_PIXELS):
            block = slice(start, min(start + _BLOCK_PIXELS, band.stop))
            result[block] = _evaluate(*first[block].T.copy(), *second[block].T.copy())

    bands = row_bands(len(result), 1)
    if len(bands) > 1:
        on_all_processors(work, bands)
    else:
        work(bands[0])
    return result


def _evaluate(
    l1: np.ndarray, a1: np.ndarray, b1: np.ndarray, l2: np.ndarray, a2: np.ndarray, b2: np.ndarray
) -> np.ndarray:
    """Evaluate the formula on flat arrays of pixels, in the notation of Sharma et al., equations 2 to 22."""
    b1_squared, b2_squared = b1 * b1, b2 * b2
    # Roots of sums of squares, and products with a mask: np.hypot, % and np.where take several times as long.
    mean_c7 = ((np.sqrt(a1 * a1 + b1_squared) + np.sqrt(a2 * a2 + b2_squared)) / 2) ** 7
    stretch = 1.5 - 0.5 * np.sqrt(mean_c7 / (mean_c7 + 25.0**7))
    a1, a2 = stretch * a1, stretch * a2
    c1, c2 = np.sqrt(a1 * a1 + b1_squared), np.sqrt(a2 * a2 + b2_squared)
    full_turn = l1.dtype.type(2 * math.pi)
    h1, h2 = np.arctan2(b1, a1), np.arctan2(b2, a2)
    h1, h2 = h1 + full_turn * (h1 < 0), h2 + full_turn * (h2 < 0)

    product = c1 * c2
    turn = h2 - h1
    around = full_turn * (np.abs(turn) > math.pi)  # where the shorter way from one hue to the other crosses 0
    delta_h = 2 * np.sqrt(product) * np.sin((turn - np.copysign(around, turn)) / 2)
    h_sum = h1 + h2
    mean_h = (h_sum + np.copysign(around, full_turn - h_sum)) / 2
    mean_h = np.where(product == 0, h_sum, mean_h)  # a gray color has no hue: the other one's is the mean

    mean_l50, mean_c = ((l1 + l2) / 2 - 50) ** 2, (c1 + c2) / 2
    t = (
        1
        - 0.17 * np.cos(mean_h - math.radians(30))
        + 0.24 * np.cos(2 * mean_h)
        + 0.32 * np.cos(3 * mean_h + math.radians(6))
        - 0.20 * np.cos(4 * mean_h - math.radians(63))
    )
    s_l = 1 + 0.015 * mean_l50 / np.sqrt(20 + mean_l50)
    s_c, s_h = 1 + 0.045 * mean_c, 1 + 0.015 * mean_c * t
    mean_c7 = mean_c**7
    angle = math.radians(60) * np.exp(-(((mean_h * (180 / math.pi) - 275) / 25) ** 2))
    rotation = -2 * np.sqrt(mean_c7 / (mean_c7 + 25.0**7)) * np.sin(angle)
    l_term, c_term, h_term = (l2 - l1) / s_l, (c2 - c1) / s_c, delta_h / s_h
    return np.sqrt(np.maximum(l_term**2 + c_term**2 + h_term**2 + rotation * c_term * h_term, 0))
