"""Hints: a person says what color one place has, and the places that look like it follow.

The prediction p of a model is corrected by planes d that are as large as a hint asks where it was given, change little
between neighbors that look alike, and fade to nothing elsewhere. On the small grid that a network puts out, d minimizes

    Σ w_ij (d_i − d_j)² + screen · Σ d_i² + weight · Σ (value at the hint of p + d − hint)²

over all pairs of the eight neighbors i, j; w_ij is near 1 where both have about the same L* and predicted a,b, and near
0 across an edge. Conjugate gradients solve it; the page "Color your photo" does the same in JavaScript.

References
----------
Levin, Lischinski & Weiss, "Colorization using optimization", SIGGRAPH 2004: the same on the photo alone, without a
prediction.
Zhang et al., "Real-time user-guided image colorization with learned deep priors", SIGGRAPH 2017: hints given to a
network.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Self

import numpy as np

from ..color import gray_to_lightness, in_gamut, merge_lab, rgb_to_lab
from .hint_equations import Equations, conjugate_gradients

__all__ = ["Hint", "Spreading", "check_hints", "correction", "possible_hints"]


class Hint(NamedTuple):
    """The color of one pixel, as a person knows it.

    Attributes
    ----------
    row, column : int
        The pixel, counted from 0 at the top and at the left.
    a, b : float
        CIELAB a* and b*; L* is the photo's own. Both 0 say that there is no color.
    """

    row: int
    column: int
    a: float
    b: float

    @classmethod
    def no_color(cls, row: int, column: int) -> Self:
        """Say that a place is gray."""
        return cls(row, column, 0.0, 0.0)


class Spreading(NamedTuple):
    """How far hints reach; the defaults were chosen on validation photos, by simulated clicks (notebook 10).

    Parameters
    ----------
    lightness : float
        Difference of L* between neighbors that counts as an edge.
    ab : float
        The same for predicted a,b.
    leak : float
        Weight that even neighbors on both sides of an edge have.
    screen : float
        How strongly the correction is held back; smaller, and a hint reaches farther.
    """

    lightness: float = 2.5
    ab: float = 6.0
    leak: float = 1e-4
    screen: float = 1.5e-3


_OVERSHOOT = 2  # of the correction over what hints ask for: between two that are near, interpolation would do far more
_EDGE = 1.02  # a color of this much more chroma is out of gamut: the color lies on the gamut's edge


def check_hints(hints: Sequence[Hint], shape: tuple[int, int]) -> list[Hint]:
    """Return hints that fit an image, one for each pixel, the last one where there are several.

    Parameters
    ----------
    hints : sequence of Hint
        Or of tuples (row, column, a, b).
    shape : (H, W)

    Raises
    ------
    ValueError
        If a hint is not four numbers, or its pixel lies outside the image.
    """
    height, width = shape
    checked: dict[tuple[int, int], Hint] = {}
    for given in hints:
        try:
            hint = Hint(*given)
            row, column, a, b = int(hint.row), int(hint.column), float(hint.a), float(hint.b)
        except (TypeError, ValueError, OverflowError) as error:
            raise ValueError(f"the hint {given!r} is not (row, column, a, b) in numbers") from error
        if (row, column) != (hint.row, hint.column):
            raise ValueError(f"the hint {given!r} lies between pixels: row and column are whole numbers")
        if not (0 <= row < height and 0 <= column < width):
            raise ValueError(
                f"the hint at row {row}, column {column} lies outside the photo of {height} rows and {width} columns: "
                "both count from 0"
            )
        if not np.isfinite([a, b]).all():
            raise ValueError(f"the hint {given!r} has no color: a and b are finite numbers")
        checked.pop((row, column), None)
        checked[row, column] = Hint(row, column, a, b)
    return list(checked.values())


def possible_hints(hints: Sequence[Hint], gray: np.ndarray) -> list[Hint]:
    """Move colors that sRGB doesn't have at the pixel's L* toward gray, at constant hue, until it has them.

    Parameters
    ----------
    hints : sequence of Hint
        See `check_hints`.
    gray : ndarray of float32, shape (H, W)
        The image.

    Returns
    -------
    list of Hint
        Those that are possible are returned as they are.
    """
    lightness, ab = _lightness_of(hints, gray), _colors(hints).astype(np.float32)
    inside = in_gamut(np.column_stack([lightness, ab]))
    moved = rgb_to_lab(merge_lab(lightness, ab)[0])[:, 1:]
    return [
        hint if fits else hint._replace(a=float(a), b=float(b))
        for hint, fits, (a, b) in zip(hints, inside, moved, strict=True)
    ]


def correction(
    lightness: np.ndarray,
    ab: np.ndarray,
    gray: np.ndarray,
    hints: Sequence[Hint],
    covered: tuple[float, float] | None = None,
    predicted: np.ndarray | None = None,
    spreading: Spreading | None = None,
    solve: Callable[[Equations], np.ndarray] | None = None,
) -> np.ndarray:
    """Spread hints over a grid, as planes to add to the predicted a,b.

    Parameters
    ----------
    lightness : ndarray, shape (h, w)
        L* on the grid, in [0, 100].
    ab : ndarray, shape (h, w, 2)
        Predicted a* and b* on the grid.
    gray : ndarray of float32, shape (H, W)
        The image, to whose size the planes are enlarged by bicubic interpolation afterwards.
    hints : sequence of Hint
        In pixels of the image; see `check_hints`.
    covered : (rows, columns), optional
        How much of the grid the image covers, from the top left; all of it by default.
    predicted : ndarray, shape (N, 2), optional
        Predicted a,b of the hints' pixels; by default those of the grid, enlarged.
    spreading : Spreading, optional
    solve : callable, optional
        Called with `Equations`; returns the change of a and b at each place, (2, n). Conjugate gradients by default.

    Returns
    -------
    ndarray of float32, shape (h, w, 2)
    """
    height, width = ab.shape[:2]
    places, shares = _taps(hints, (height, width), gray.shape, covered or (height, width))
    if predicted is None:
        predicted = np.einsum("nt,ntc->nc", shares, ab.reshape(-1, 2)[places])
    wanted = _wanted(possible_hints(hints, gray), _lightness_of(hints, gray), predicted) - predicted
    spreading, padded = spreading or Spreading(), width + 1
    links = _links(lightness, ab, spreading)
    equations = Equations(links, spreading.screen, places + places // width, shares, wanted)
    solution = (solve or conjugate_gradients)(equations)
    planes = np.moveaxis(solution.reshape(2, height, padded)[:, :, :width], 0, -1)
    largest = _OVERSHOOT * np.abs(wanted).max()
    return np.clip(planes, -largest, largest).astype(np.float32)


def _lightness_of(hints: Sequence[Hint], gray: np.ndarray) -> np.ndarray:
    return gray_to_lightness(np.array([gray[hint.row, hint.column] for hint in hints]))


def _colors(hints: Sequence[Hint]) -> np.ndarray:
    return np.array([(hint.a, hint.b) for hint in hints], float).reshape(-1, 2)


def _wanted(hints: Sequence[Hint], lightness: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return the a,b that give each hint's color and are nearest to the predicted ones.

    Those of a color on the gamut's edge are also all of the same hue and more chroma, since they are moved to the edge
    when they are laid onto L*. So a hint that repeats what is seen changes nothing.
    """
    colors = _colors(hints)
    beyond = ~in_gamut(np.column_stack([lightness, _EDGE * colors]).astype(np.float32))
    square = np.maximum((colors**2).sum(axis=1), 1e-9)
    factor = np.where(beyond, np.maximum(1, (predicted * colors).sum(axis=1) / square), 1)
    return factor[:, None] * colors


def _taps(
    hints: Sequence[Hint], grid: tuple[int, int], shape: tuple[int, ...], covered: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """List the 16 places of the grid that each hint's pixel is interpolated from, and their shares: both (N, 16)."""
    pixels = np.array([hint[:2] for hint in hints]).reshape(-1, 2)
    lines = []
    for axis in range(2):
        center = (pixels[:, axis] + 0.5) * covered[axis] / shape[axis]
        places = np.floor(center - 1.5)[:, None].astype(int) + np.arange(4)
        x = np.abs(places + 0.5 - center[:, None])
        shares = np.where(x < 1, (1.5 * x - 2.5) * x**2 + 1, np.where(x < 2, ((-0.5 * x + 2.5) * x - 4) * x + 2, 0))
        shares[(places < 0) | (places >= grid[axis])] = 0  # as Pillow does it at the edges
        shares /= shares.sum(axis=1, keepdims=True)
        lines.append((places.clip(0, grid[axis] - 1), shares))
    (rows, down), (columns, across) = lines
    places = rows[:, :, None] * grid[1] + columns[:, None, :]
    return places.reshape(-1, 16), (down[:, :, None] * across[:, None, :]).reshape(-1, 16)


def _links(lightness: np.ndarray, ab: np.ndarray, spreading: Spreading) -> list[tuple[int, np.ndarray]]:
    """Weigh how alike neighbors are: for each of four directions the step to the neighbor, and all weights.

    Rows are one place longer than the grid, and nothing is linked with those places: so no row runs into the next one.
    """
    height, width = lightness.shape
    padded = width + 1
    features = np.full((height, padded, 3), np.inf)
    features[:, :width, 0] = lightness / spreading.lightness
    features[:, :width, 1:] = ab / spreading.ab
    flat, real = features.reshape(-1, 3), np.isfinite(features[..., 0]).ravel()
    links = []
    for step, distance in ((1, 1.0), (padded, 1.0), (padded + 1, 2**0.5), (padded - 1, 2**0.5)):
        linked = real[:-step] & real[step:]
        weights = np.zeros(linked.shape)
        apart = ((flat[:-step][linked] - flat[step:][linked]) ** 2).sum(axis=1)
        weights[linked] = np.exp(-apart / 2) / distance + spreading.leak
        links.append((step, weights))
    return links
