"""People who give hints, simulated: clicks on photos whose true colors are known.

After Zhang et al., "Real-time user-guided image colorization with learned deep priors", SIGGRAPH 2017, who let the true
photo answer for a person. All happens on the small grid that a network puts its colors out on.
"""

from collections.abc import Callable, Iterator

import numpy as np
from scipy.sparse import csc_array, diags_array
from scipy.sparse.linalg import splu

from ..color import merge_lab, split_lab, to_gray
from ..images.resize import enlarge
from ..models import Hint
from ..models.hint_equations import HINT_WEIGHT, Equations
from ..models.hints import Spreading, correction
from ..models.likely import color_bins, color_weights
from ..models.unet import UNet
from .metrics import psnr

__all__ = ["RULES", "Scene", "click"]

#: Where to click: on what is most wrong, where the most different colors are likely, or anywhere.
RULES = ("worst", "uncertain", "random")
_RADIUS = 2  # places of the grid around a click that a person sees as one


class Scene:
    """A photo, what a network predicts of it, and what its hints make of that.

    Parameters
    ----------
    model : UNet
    photo : ndarray of float32, shape (H, W, 3)
        sRGB in [0, 1]; of at most the working size, with sides that are multiples of 32.
    predicts : bool
        False: nothing is predicted, and all colors come from hints.

    Attributes
    ----------
    true, predicted : ndarray of float32, shape (h, w, 2)
        True and predicted a,b on the grid.
    """

    def __init__(self, model: UNet, photo: np.ndarray, predicts: bool = True):
        self.photo, self._gray = photo, to_gray(photo)
        self._lightness, ab = split_lab(photo)
        self.predicted, _ = model.predict_small_ab(self._gray)
        self._small_lightness = model.small_lightness(self._gray)
        height, width = self.predicted.shape[:2]
        self._stride = len(photo) // height
        self.true = ab.reshape(height, self._stride, width, self._stride, 2).mean(axis=(1, 3))
        if not predicts:
            self.predicted = np.zeros_like(self.predicted)

    def hint(self, row: int, column: int) -> Hint:
        """Make the hint of a person who clicks on a place of the grid, and says its true color."""
        middle = self._stride // 2
        a, b = map(float, self.true[row, column])
        return Hint(self._stride * row + middle, self._stride * column + middle, a, b)

    def follow(
        self,
        hints: list[Hint],
        spreading: Spreading | None = None,
        solve: Callable[[Equations], np.ndarray] | None = None,
    ) -> np.ndarray:
        """Return a,b on the grid, (h, w, 2), as they are with hints; see `colorlib.models.hints.correction`."""
        grid = self._small_lightness, self.predicted
        return self.predicted + correction(*grid, self._gray, hints, spreading=spreading, solve=solve)

    def psnr(self, ab: np.ndarray) -> float:
        """Return the PSNR in RGB, in dB, of the photo with colors from the grid."""
        return psnr(self.photo, merge_lab(self._lightness, enlarge(ab, self._gray.shape))[0])

    def uncertainty(self) -> np.ndarray:
        """Return how far apart the likely colors of each place are, in a,b: shape (h, w)."""
        weights = color_weights(self._small_lightness.ravel(), self.predicted.reshape(-1, 2))
        bins = color_bins()
        variance = weights @ (bins**2).sum(axis=1) - ((weights @ bins) ** 2).sum(axis=1)
        return np.sqrt(np.maximum(variance, 0)).reshape(self._small_lightness.shape)


def click(
    scene: Scene, count: int, rule: str = "worst", spreading: Spreading | None = None, seed: int = 0
) -> Iterator[tuple[list[Hint], np.ndarray]]:
    """Click on a scene, look at what becomes of it, and click again.

    Parameters
    ----------
    scene : Scene
    count : int
        Number of clicks.
    rule : str
        One of `RULES`.
    spreading : Spreading, optional
        How far hints reach.
    seed : int
        Of the places of ``"random"``.

    Yields
    ------
    hints : list of Hint
        All so far.
    ab : ndarray of float32, shape (h, w, 2)
        The colors with them.

    Raises
    ------
    ValueError
        If there is no such rule.
    """
    if rule not in RULES:
        raise ValueError(f"unknown rule {rule!r}: use one of {', '.join(RULES)}")
    shape = scene.predicted.shape[:2]
    fixed = np.random.default_rng(seed).random(shape) if rule == "random" else np.zeros(shape)
    if rule == "uncertain":
        fixed = _blurred(scene.uncertainty())
    free, ab, solve = np.ones(shape, bool), scene.predicted, _SharedFactor()
    hints: list[Hint] = []
    while len(hints) < count and free.any():
        wrong = _blurred(np.linalg.norm(scene.true - ab, axis=-1)) if rule == "worst" else fixed
        row, column = divmod(int(np.where(free, wrong, -1).argmax()), shape[1])
        if rule == "worst":
            row, column = _typical(scene.true - ab, free, row, column)
            free[row, column] = False
        else:  # what a hint has told is not asked again
            free[_around(row), _around(column)] = False
        hints = [*hints, scene.hint(row, column)]
        ab = scene.follow(hints, spreading, solve)
        yield hints, ab


class _SharedFactor:
    """Solves equations of the same grid for more and more hints directly, each of which takes one more solution.

    The sparse matrix of the grid is factored once; that of the hints, which adds one rank for each, follows by the
    Sherman–Morrison–Woodbury formula.

    References
    ----------
    Golub & Van Loan, "Matrix Computations", 4th edition, 2013, section 2.1.4.
    """

    _factor = None

    def __init__(self) -> None:
        self._answers: list[np.ndarray] = []  # of the grid to a hint each

    def __call__(self, equations: Equations) -> np.ndarray:
        """Return the change of a and b, (2, n); hints are those of the last call, and more."""
        n, count = len(equations.diagonal), len(equations.places)
        if self._factor is None:
            sides = [(-weights, sign * step) for step, weights in equations.links for sign in (1, -1)]
            diagonals, offsets = zip((equations.diagonal, 0), *sides, strict=True)
            self._factor = splu(diags_array(diagonals, offsets=offsets).tocsc())
        starts = np.arange(0, 16 * count + 1, 16)
        taps = csc_array((equations.shares.ravel(), equations.places.ravel(), starts), shape=(n, count))
        for column in range(len(self._answers), count):
            self._answers.append(self._factor.solve(taps[:, [column]].toarray()[:, 0]))
        answers = np.column_stack(self._answers)
        strengths = np.linalg.solve(np.eye(count) / HINT_WEIGHT + taps.T @ answers, equations.wanted)
        return (answers @ strengths).T


def _around(place: int) -> slice:
    return slice(max(0, place - _RADIUS), place + _RADIUS + 1)


def _typical(error: np.ndarray, free: np.ndarray, row: int, column: int) -> tuple[int, int]:
    """Find the free place around one whose error is most like that of all there: no person clicks on an odd spot."""
    around = _around(row), _around(column)
    odd = np.linalg.norm(error[around] - error[around].mean(axis=(0, 1)), axis=-1)
    odd[~free[around]] = np.inf
    down, across = divmod(int(odd.argmin()), odd.shape[1])
    return _around(row).start + down, _around(column).start + across


def _blurred(values: np.ndarray) -> np.ndarray:
    """Return the mean over a square of places around each."""
    side, (height, width) = 2 * _RADIUS + 1, values.shape
    padded = np.pad(values, _RADIUS, mode="edge")
    return np.mean([padded[i : i + height, j : j + width] for i in range(side) for j in range(side)], axis=0)
