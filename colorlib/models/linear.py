"""Linear regression from a gray 3×3 neighbourhood to the color of the pixel at its center."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..bands import row_bands, scratch
from ..color import gray_plane, lab_planes
from ..parallel import on_all_processors
from ..patches import patch_planes, predict_pixels
from .base import Colorizer, check_photos, read_arrays, write_arrays

__all__ = ["LinearPatches", "Moments", "patch_moments"]

TARGETS = {"rgb": 3, "ab": 2}
_BLOCK_ROWS = 1 << 10  # so many rows of all columns stay in a processor's own cache
# Larger bands than elsewhere, and several photos at once: the processors wait for Python's lock between numpy's calls.
_BAND_PIXELS, _GROUP_PIXELS = 1 << 16, 1 << 20


@dataclass
class Moments:
    """Everything that least squares needs to know of a table, however long: its count, means and co-moments.

    Two of them add up to the moments of both tables together, without the loss of digits that plain sums of
    products have (Chan, Golub and LeVeque 1983).

    Attributes
    ----------
    rows : int
    mean : ndarray of float64, shape (columns,)
    comoments : ndarray of float64, shape (columns, columns)
        Sums over rows of products of two columns, each less its mean.
    """

    rows: int
    mean: np.ndarray
    comoments: np.ndarray

    @classmethod
    def of(cls, *stacks: np.ndarray) -> "Moments":
        """Take the moments of a table given as stacks of its columns.

        Parameters
        ----------
        *stacks : ndarray, shape (columns, ...)
            The axes after the first are the table's rows, as many in each stack.
        """
        # A column of ones gives the sums of the others; less their first values, these lose no digits to large means.
        rows = stacks[0][0].size
        table = scratch("table", (1 + sum(map(len, stacks)), rows), np.float64)
        table[0], filled = 1, 1
        for stack in stacks:
            np.copyto(table[filled:filled + len(stack)].reshape(stack.shape), stack)
            filled += len(stack)
        first = table[1:, :1].copy()
        table[1:] -= first
        whole = rows // _BLOCK_ROWS * _BLOCK_ROWS
        blocks, rest = table[:, :whole].reshape(len(table), -1, _BLOCK_ROWS).transpose(1, 0, 2), table[:, whole:]
        # Without the ones on the right: numpy takes a slower routine for a matrix times its own transpose.
        products = (blocks @ blocks[:, 1:].transpose(0, 2, 1)).sum(axis=0) + rest @ rest[1:].T
        mean = products[0] / rows
        return cls(rows, first[:, 0] + mean, products[1:] - np.outer(mean, products[0]))

    def __add__(self, other: "Moments") -> "Moments":
        rows = self.rows + other.rows
        shift = other.mean - self.mean
        mean = self.mean + shift * (other.rows / rows)
        between = np.outer(shift, shift) * (self.rows * other.rows / rows)
        return Moments(rows, mean, self.comoments + other.comoments + between)


def patch_moments(photos: Iterable[np.ndarray], center: bool = True, target: str = "rgb") -> Moments:
    """Take the moments of all gray neighbourhoods of many photos and of the colors at their centers.

    Memory does not grow with the number of photos: they may come one at a time from a generator.

    Parameters
    ----------
    photos : iterable of ndarray of float32, shape (H, W, 3)
        sRGB in [0, 1], each at least 3×3 pixels; an array (N, H, W, 3) is one too.
    center : bool
        As in `colorlib.patches.gray_patches`.
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
        bands = [(photo, rows) for photo in group for rows in row_bands(photo.shape[0] - 2, photo.shape[1], _BAND_PIXELS)]
        for moments in on_all_processors(lambda band: _band_moments(*band, center, target), bands):
            total = moments if total is None else total + moments
    if total is None:
        raise ValueError("there are no photos to learn from: give at least one")
    return total


def _groups(photos: Iterable[np.ndarray]) -> Iterator[list[np.ndarray]]:
    """Check photos and put small ones together, for on each call the processors wait for each other."""
    group = []
    for photo in photos:
        photo = check_photos(np.asarray(photo)[None])[0]
        if min(photo.shape[:2]) < 3:
            raise ValueError(f"a photo has shape {photo.shape}: it must be at least 3×3 pixels")
        group.append(photo)
        if sum(photo.size for photo in group) >= 3 * _GROUP_PIXELS:
            yield group
            group = []
    yield group


def _band_moments(photo: np.ndarray, rows: slice, center: bool, target: str) -> Moments:
    """Take the moments of the neighbourhoods whose top rows are these rows of a photo."""
    band = np.moveaxis(photo[rows.start:rows.stop + 2], -1, 0)

    def converted(convert: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        planes = scratch("converted", band.shape)
        np.copyto(planes, band)
        return convert(planes.reshape(3, -1)).reshape(-1, *band.shape[1:])

    colors = band if target == "rgb" else converted(lab_planes)[1:].copy()
    above, middle, below = sliding_window_view(converted(gray_plane)[0], (band.shape[1] - 2, band.shape[2] - 2))
    return Moments.of(above, middle if center else middle[::2], below, colors[:, 1:-1, 1:-1])


class LinearPatches(Colorizer):
    """Least squares on all 3×3 neighbourhoods of all training photos, exact and in one pass.

    Parameters
    ----------
    center : bool
        Use the pixel itself (9 inputs), or only its 8 neighbours.
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

    def __init__(self, center: bool = True, ridge: float = 0.0, target: str = "rgb"):
        if target not in TARGETS:
            raise ValueError(f"unknown target {target!r}: use one of {', '.join(TARGETS)}")
        if not 0 <= ridge < np.inf:
            raise ValueError(f"ridge is {ridge}: it must be a number from 0 up")
        self.center, self.ridge, self.target = center, ridge, target

    def fit(self, photos: Iterable[np.ndarray]) -> "LinearPatches":
        """Learn from photos, an array (N, H, W, 3) or any iterable of (H, W, 3); see `patch_moments`."""
        return self.fit_moments(patch_moments(photos, self.center, self.target))

    def fit_moments(self, moments: Moments) -> "LinearPatches":
        """Learn from the moments of a table, as `patch_moments` gives them for this model's columns."""
        inputs = self._inputs
        squares = moments.comoments[:inputs, :inputs] + self.ridge * np.eye(inputs)
        products = moments.comoments[:inputs, inputs:]
        # Least squares rather than a plain solution: where columns are equal (a photo of one color, stripes), it
        # gives the smallest coefficients instead of failing.
        self.coefficients_ = np.linalg.lstsq(squares, products, rcond=1e-12)[0].T
        self.intercept_ = moments.mean[inputs:] - self.coefficients_ @ moments.mean[:inputs]
        return self

    def r2(self, moments: Moments) -> np.ndarray:
        """Compute the share of each output's variance that the model explains on a table given by its moments.

        Parameters
        ----------
        moments : Moments
            As `patch_moments` gives them, of training photos or others.

        Returns
        -------
        ndarray of float64, shape (3,) or (2,)
            At most 1; negative where the table's mean would do better; NaN where the output does not vary.
        """
        # The residual's variance and squared mean, from the co-moments of (inputs, outputs) alone.
        residual = np.hstack([-self.coefficients_, np.eye(len(self.coefficients_))])
        bias = residual @ moments.mean - self.intercept_
        squares = np.einsum("ij,jk,ik->i", residual, moments.comoments, residual) + moments.rows * bias**2
        total = np.diag(moments.comoments)[self._inputs:]
        return 1 - np.divide(squares, total, out=np.full_like(total, np.nan), where=total > 0)

    def predict(self, gray: np.ndarray) -> np.ndarray:
        """Predict the target itself at every pixel, edge pixels repeated outwards, without clipping.

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

    def _predict_planes(self, gray: np.ndarray, channels: int,
                        finish: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """Predict, and let ``finish`` turn the planes of some pixels, (3 or 2, n), into (channels, n)."""
        coefficients, intercept = self.coefficients_.astype(np.float32), self.intercept_.astype(np.float32)[:, None]

        def predict(band: np.ndarray) -> np.ndarray:
            planes = np.stack(patch_planes(band, self.center))
            predicted = finish(coefficients @ planes.reshape(len(planes), -1) + intercept)
            return np.moveaxis(predicted.reshape(channels, *planes.shape[1:]), 0, -1)

        return predict_pixels(gray, channels, predict)

    @property
    def _inputs(self) -> int:
        return 9 if self.center else 8

    @property
    def parameters(self) -> int:
        """How many numbers were fitted."""
        return TARGETS[self.target] * (self._inputs + 1)

    def save(self, path: str | Path) -> None:
        """Write the fitted model to one file, whole or not at all."""
        write_arrays(path, {"coefficients": self.coefficients_, "intercept": self.intercept_, "center": self.center,
                            "ridge": self.ridge, "target": self.target})

    @classmethod
    def load(cls, path: str | Path) -> "LinearPatches":
        """Read a model that `save` wrote."""
        stored = read_arrays(path)
        if "coefficients" not in stored:
            raise ValueError(f"{path} is not a saved LinearPatches: give a file that LinearPatches.save wrote")
        model = cls(bool(stored["center"]), float(stored["ridge"]), str(stored["target"]))
        model.coefficients_, model.intercept_ = stored["coefficients"], stored["intercept"]
        return model
