"""Linear regression from a gray 3×3 neighborhood to the color of the pixel at its center."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Self

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ..color import gray_plane, lab_planes, on_all_processors, row_bands, scratch
from ._base import ArrayColorizer, check_photos
from ._patches import patch_planes, predict_pixels

__all__ = ["Linear", "Moments", "patch_moments"]

TARGETS = {"rgb": 3, "ab": 2}
_GROUP_PIXELS = 1 << 20


@dataclass
class Moments:
    """All that least squares needs to know of a table, however long: the number of rows, means and co-moments.

    The moments of two tables add up to those of both together, without the loss of digits of plain sums of products
    (Chan, Golub and LeVeque 1983).

    Attributes
    ----------
    rows : int
    mean : ndarray of float64, shape (columns,)
    comoments : ndarray of float64, shape (columns, columns)
        Sums over rows of the products of two columns, each minus its mean.
    """

    rows: int
    mean: np.ndarray
    comoments: np.ndarray

    @classmethod
    def of(cls, table: np.ndarray) -> "Moments":
        """Compute the moments of a table of float64, shape (columns, rows)."""
        mean = table.mean(axis=1)
        centered = table - mean[:, None]
        return cls(table.shape[1], mean, centered @ centered.T)

    def without(self, column: int) -> "Moments":
        """Return the moments of the table without one of its columns."""
        comoments = np.delete(np.delete(self.comoments, column, axis=0), column, axis=1)
        return Moments(self.rows, np.delete(self.mean, column), comoments)

    def __add__(self, other: "Moments") -> "Moments":
        rows = self.rows + other.rows
        shift = other.mean - self.mean
        mean = self.mean + shift * (other.rows / rows)
        between = np.outer(shift, shift) * (self.rows * other.rows / rows)
        return Moments(rows, mean, self.comoments + other.comoments + between)


def patch_moments(photos: Iterable[np.ndarray], center: bool = True, target: str = "rgb") -> Moments:
    """Compute the moments of all gray neighborhoods of photos and the colors at their centers.

    Memory does not grow with the number of photos, which may come one at a time from a generator.

    Parameters
    ----------
    photos : iterable of ndarray of float32, shape (H, W, 3)
        sRGB in [0, 1], each at least 3×3 pixels; an array of shape (N, H, W, 3) will do.
    center : bool
        As in `colorlib.models.gray_patches`.
    target : {"rgb", "ab"}

    Returns
    -------
    Moments
        Columns: the 9 (or 8) grays, then R, G, B or a*, b*.

    Raises
    ------
    ValueError
        If there is no photo, or one is too small, not sRGB in [0, 1], or not finite.
    """
    total = None
    for group in _groups(photos):
        bands = [(photo, rows) for photo in group for rows in row_bands(photo.shape[0] - 2, photo.shape[1])]
        for moments in on_all_processors(lambda band: _band_moments(*band, center, target), bands):
            total = moments if total is None else total + moments
    if total is None:
        raise ValueError("there are no photos to learn from: give at least one")
    return total


def _groups(photos: Iterable[np.ndarray]) -> Iterator[list[np.ndarray]]:
    """Group small photos, since the processors wait for each other at the end of every call."""
    group = []
    for photo in photos:
        photo = check_photos(np.asarray(photo)[None], values=False)[0]  # values are checked band by band
        if min(photo.shape[:2]) < 3:
            raise ValueError(f"a photo has shape {photo.shape}: it must be at least 3×3 pixels")
        group.append(photo)
        if sum(photo.size for photo in group) >= 3 * _GROUP_PIXELS:
            yield group
            group = []
    yield group


def _band_moments(photo: np.ndarray, rows: slice, center: bool, target: str) -> Moments:
    """Compute the moments of the neighborhoods whose top rows are these rows of a photo.

    Their table of 9 grays is never built. Its columns are the same gray image, shifted, so the product of two columns
    depends only on the shift between them. Each row of pixels is multiplied with itself and the two below it, which
    takes 3×9 products instead of 9×9; these are then summed over the rows that the upper of the two columns covers.
    """
    band = np.moveaxis(photo[rows.start : rows.stop + 2], -1, 0)
    height, width = rows.stop - rows.start, band.shape[2] - 2

    def copied() -> np.ndarray:  # as planes, since conversions overwrite them
        planes = scratch("band", band.shape)
        np.copyto(planes, band)
        return planes.reshape(3, -1)

    planes = copied()
    check_photos(np.moveaxis(planes.reshape(band.shape), 0, -1)[None])
    colors = (planes if target == "rgb" else lab_planes(planes)[1:]).reshape(-1, *band.shape[1:])
    outputs = len(colors)
    others = scratch("others", (height, 1 + outputs, width), np.float64)
    others[:, 0] = 1  # for the sums
    np.copyto(others[:, 1:], colors[:, 1:-1, 1:-1].transpose(1, 0, 2))

    gray = gray_plane(planes if target == "rgb" else copied()).reshape(band.shape[1:])
    # Each row of pixels, starting at its first, second and third; two rows of zeros for the products of the last ones.
    grays = scratch("grays", (height + 4, 3, width), np.float64)
    np.copyto(grays[:-2], as_strided(gray, (height + 2, 3, width), (*gray.strides, gray.itemsize)))
    # Minus the first value, grays lose no digits to a large mean, and a photo of one color has moments of exactly 0.
    grays[:-2] -= (first := grays[0, 0, 0])
    grays[-2:] = 0
    # For each row of pixels, the neighborhoods that it is the top of.
    table = as_strided(grays, (height + 2, width, 9), (grays.strides[0], *grays.strides[:0:-1]))

    comoments = np.empty((9 + outputs, 9 + outputs))
    of_rows = (grays[:-2] @ table).reshape(height + 2, -1)
    for row, below in zip((0, 3, 6), (_runs(height) @ of_rows).reshape(3, 3, 9), strict=True):
        comoments[row : row + 3, row:9] = below[:, : 9 - row]
        comoments[row:9, row : row + 3] = below[:, : 9 - row].T
    with_grays = (others @ table[:height]).sum(axis=0)
    with_colors = (others @ others[:, 1:].transpose(0, 2, 1)).sum(axis=0)
    comoments[9:, :9], comoments[:9, 9:], comoments[9:, 9:] = with_grays[1:], with_grays[1:].T, with_colors[1:]

    sums = np.append(with_grays[0], with_colors[0])
    mean = sums / (height * width)
    comoments -= np.outer(mean, sums)
    mean[:9] += first
    moments = Moments(height * width, mean, comoments)
    return moments if center else moments.without(4)


@cache
def _runs(height: int) -> np.ndarray:
    """Mark with 1 which of height + 2 rows of pixels are the upper, middle and lower ones of neighborhoods."""
    return np.tri(3, height + 2, height - 1) - np.tri(3, height + 2, -1)


class Linear(ArrayColorizer):
    """Least squares on all 3×3 neighborhoods of the training photos, exact and in one pass.

    Parameters
    ----------
    center : bool
        Use the pixel itself (9 inputs), or only its 8 neighbors.
    ridge : float
        Weight of the penalty on squared coefficients, the ``alpha`` of scikit-learn's ``Ridge``; 0 for none.
    target : {"rgb", "ab"}
        Predict sRGB, as the original report did, or CIELAB's a* and b*.

    Attributes
    ----------
    coefficients_ : ndarray of float64, shape (3 or 2, 9 or 8)
    intercept_ : ndarray of float64, shape (3 or 2,)
    """

    name = "linear"
    fitted = ("coefficients_", "intercept_")

    def __init__(self, center: bool = True, ridge: float = 0.0, target: str = "rgb"):
        if target not in TARGETS:
            raise ValueError(f"unknown target {target!r}: use one of {', '.join(TARGETS)}")
        if not 0 <= ridge < np.inf:
            raise ValueError(f"ridge is {ridge}: it must be a number from 0 up")
        self.center, self.ridge, self.target = center, ridge, target

    def fit(self, photos: Iterable[np.ndarray]) -> Self:
        """Learn from photos, an array (N, H, W, 3) or an iterable of (H, W, 3); see `patch_moments`."""
        return self.fit_moments(patch_moments(photos, self.center, self.target))

    def fit_moments(self, moments: Moments) -> Self:
        """Learn from the moments of a table, as `patch_moments` returns them for this model's columns."""
        inputs = self._inputs
        squares = moments.comoments[:inputs, :inputs] + self.ridge * np.eye(inputs)
        products = moments.comoments[:inputs, inputs:]
        # Least squares rather than a plain solve: where columns are equal (a photo of one color, stripes), it returns
        # the smallest coefficients instead of failing.
        self.coefficients_ = np.linalg.lstsq(squares, products, rcond=1e-12)[0].T
        self.intercept_ = moments.mean[inputs:] - self.coefficients_ @ moments.mean[:inputs]
        return self

    def r2(self, moments: Moments) -> np.ndarray:
        """Compute R² of each output on a table given by its moments.

        Parameters
        ----------
        moments : Moments
            As `patch_moments` returns them, for training photos or others.

        Returns
        -------
        ndarray of float64, shape (3,) or (2,)
            At most 1; negative if the table's mean would do better; NaN if the output does not vary.
        """
        # The residual's variance and squared mean, from the co-moments of inputs and outputs alone.
        residual = np.hstack([-self.coefficients_, np.eye(len(self.coefficients_))])
        bias = residual @ moments.mean - self.intercept_
        squares = np.einsum("ij,jk,ik->i", residual, moments.comoments, residual) + moments.rows * bias**2
        total = np.diag(moments.comoments)[self._inputs :]
        varies = total > 1e-14 * moments.rows * moments.mean[self._inputs :] ** 2  # by more than rounding errors
        return 1 - np.divide(squares, total, out=np.full_like(total, np.nan), where=varies)

    def predict(self, gray: np.ndarray) -> np.ndarray:
        """Predict the target itself at every pixel, unclipped; edge pixels are repeated outward.

        Parameters
        ----------
        gray : ndarray of float32, shape (H, W)

        Returns
        -------
        ndarray of float32, shape (H, W, 3) or (H, W, 2)
            sRGB, or a* and b*.
        """
        return self._predict_planes(gray, TARGETS[self.target], lambda planes: planes)

    def predict_ab(self, gray: np.ndarray) -> np.ndarray:
        """Predict a* and b*; see `Colorizer.predict_ab`."""
        if self.target == "ab":
            return self.predict(gray)
        return self._predict_planes(gray, 2, lambda planes: lab_planes(np.clip(planes, 0, 1))[1:])

    def _predict_planes(
        self, gray: np.ndarray, channels: int, finish: Callable[[np.ndarray], np.ndarray]
    ) -> np.ndarray:
        """Predict, and let `finish` turn planes of predictions, (3 or 2, n), into (channels, n)."""
        coefficients, intercept = self.coefficients_.astype(np.float32), self.intercept_.astype(np.float32)[:, None]

        def predict(band: np.ndarray) -> np.ndarray:
            planes = np.stack(patch_planes(band, self.center))
            predicted = finish(coefficients @ planes.reshape(len(planes), -1) + intercept)
            return np.moveaxis(predicted.reshape(channels, *planes.shape[1:]), 0, -1)

        return predict_pixels(gray, channels, predict)

    @property
    def _inputs(self) -> int:
        return 9 if self.center else 8
