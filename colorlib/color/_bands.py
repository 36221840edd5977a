"""Pixelwise work on large images: in bands that fit into a processor's cache, on all processors, with curves from
tables.

Each thread reuses the same scratch arrays. The tables are fine enough that linear interpolation between their entries
is as accurate as ``float32``.
"""

import math
import threading
from collections.abc import Callable
from functools import cache

import numpy as np

from ._parallel import on_all_processors

__all__ = ["BAND_PIXELS", "in_bands", "look_up", "look_up_inside", "row_bands", "scratch"]

#: Smaller bands would fit into smaller caches, but threads wait for Python's lock between numpy calls: few long calls
#: win.
BAND_PIXELS = 1 << 17
_CURVE_STEPS = 1 << 15
#: The float32 values in [0, 1] are those whose bits, read as an unsigned integer, are at most those of 1: negative
#: values
#: have the highest bit set, larger values and NaN have larger exponents.
_BITS_OF_1 = np.float32(1).view(np.uint32)


def row_bands(height: int, width: int, pixels: int | None = None) -> list[slice]:
    """Split rows into bands of at most `pixels` pixels (`BAND_PIXELS` by default), at least one row each."""
    rows = max(1, (pixels or BAND_PIXELS) // width)
    return [slice(start, min(start + rows, height)) for start in range(0, height, rows)]


def in_bands(convert: Callable[..., np.ndarray], channels: int, *pixels: np.ndarray) -> np.ndarray:
    """Apply a function of planes to arrays of pixels, band by band on all processors.

    Parameters
    ----------
    convert : callable
        Called with planes, float32 of shape (c, n), one argument per array, which it may overwrite; returns planes of
        shape (channels, n).
    channels : int
        Number of channels of the result.
    *pixels : ndarray, shape (..., c)
        Arrays of the same shape but for the last axis.

    Returns
    -------
    ndarray of float32, shape (..., channels)
    """
    flat = [array.reshape(-1, array.shape[-1]) for array in pixels]
    result = np.empty((len(flat[0]), channels), np.float32)

    def work(start: int) -> None:
        band = slice(start, start + BAND_PIXELS)
        planes = [scratch(f"planes {i}", array[band].T.shape) for i, array in enumerate(flat)]
        for copy, array in zip(planes, flat, strict=True):
            np.copyto(copy, array[band].T)
        for channel, plane in enumerate(convert(*planes)):
            result[band, channel] = plane

    starts = range(0, len(result), BAND_PIXELS)
    if len(starts) > 1:
        on_all_processors(work, starts)
    elif len(result):
        work(0)
    return result.reshape((*pixels[0].shape[:-1], channels))


class _Scratch(threading.local):
    """Arrays by name that each thread reuses: allocating new ones would take longer than the work done in them."""

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray] = {}

    def __call__(self, name: str, shape: tuple[int, ...], dtype: type = np.float32) -> np.ndarray:
        size = math.prod(shape)
        if name not in self.arrays or self.arrays[name].size < size:
            self.arrays[name] = np.empty(size, dtype)
        return self.arrays[name][:size].reshape(shape)


scratch = _Scratch()


def look_up(curve: Callable[[np.ndarray], np.ndarray], points: np.ndarray) -> np.ndarray:
    """Evaluate a curve in place: on [0, 1] by linear interpolation in its table, elsewhere by the curve itself."""
    if points.view(np.uint32).max(initial=0) <= _BITS_OF_1:
        return look_up_inside(curve, points)
    elsewhere = (points < 0) | (points > 1)
    values = curve(points[elsewhere])
    look_up_inside(curve, np.clip(points, 0, 1, out=points))
    points[elsewhere] = values
    return points


def look_up_inside(curve: Callable[[np.ndarray], np.ndarray], points: np.ndarray) -> np.ndarray:
    """Evaluate a curve in place, at points in [0, 1]."""
    offsets, slopes = _table(curve)
    index, values = scratch("index", points.shape, np.intp), scratch("values", points.shape)
    np.multiply(points, np.float32(_CURVE_STEPS), out=index, casting="unsafe")
    points *= slopes.take(index, out=values, mode="clip")
    points += offsets.take(index, out=values, mode="clip")
    return points


@cache
def _table(curve: Callable[[np.ndarray], np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Tabulate a curve on [0, 1] as `_CURVE_STEPS` straight lines: their values at 0 and slopes, the last one twice."""
    points = np.linspace(0, 1, _CURVE_STEPS + 1)
    values = curve(points)
    slopes = np.diff(values) * _CURVE_STEPS
    slopes = np.append(slopes, slopes[-1])
    return (values - slopes * points).astype(np.float32), slopes.astype(np.float32)
