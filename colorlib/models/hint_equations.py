"""The equations whose solution spreads hints, and their solution.

References
----------
Hestenes & Stiefel, "Methods of conjugate gradients for solving linear systems", Journal of Research of the National
Bureau of Standards 49, 1952.
"""

from typing import NamedTuple

import numpy as np

__all__ = ["HINT_WEIGHT", "Equations", "conjugate_gradients"]

HINT_WEIGHT = 1e3  #: Of a hint in the sum: it is met to a small part of an 8-bit step.
_TOLERANCE = 0.004  # bound of the solution's error in a,b, which is about a tenth of that
_MOST_STEPS = 5000


class Equations(NamedTuple):
    """What `colorlib.models.hints.correction` solves: the derivatives of the sum that is minimized, set to zero.

    Places are numbered row by row, in rows that are one place longer than the grid.

    Parameters
    ----------
    links : list of (int, ndarray)
        For each of four directions, the step to the neighbor, and the weights of all places and theirs.
    screen : float
        See `colorlib.models.hints.Spreading`.
    places, shares : ndarray, shape (N, 16)
        Places that each hint's pixel is interpolated from, and their shares.
    wanted : ndarray, shape (N, 2)
        Change of a,b that each hint asks for.
    """

    links: list[tuple[int, np.ndarray]]
    screen: float
    places: np.ndarray
    shares: np.ndarray
    wanted: np.ndarray

    @property
    def diagonal(self) -> np.ndarray:
        """Sum of the weights of each place's links, and the screen: shape (n,)."""
        step, weights = self.links[0]
        diagonal = np.full(step + len(weights), self.screen)
        for step, weights in self.links:
            diagonal[:-step] += weights
            diagonal[step:] += weights
        return diagonal


def conjugate_gradients(equations: Equations) -> np.ndarray:
    """Solve the equations by conjugate gradients, preconditioned with the diagonal."""
    links, screen, places, shares, wanted = equations
    diagonal = equations.diagonal
    n = len(diagonal)

    def collect(values: np.ndarray) -> np.ndarray:
        """Add (2, N) values of the hints up where they are taken from: (2, n)."""
        return np.stack([np.bincount(places.ravel(), (shares * row[:, None]).ravel(), n) for row in values])

    def apply(x: np.ndarray) -> np.ndarray:
        y = diagonal * x
        for step, weights in links:
            y[:, :-step] -= weights * x[:, step:]
            y[:, step:] -= weights * x[:, :-step]
        return y + collect(HINT_WEIGHT * (shares * x[:, places]).sum(axis=-1))

    scale = 1 / (diagonal + HINT_WEIGHT * np.bincount(places.ravel(), (shares**2).ravel(), n))
    solution = np.zeros((2, n))
    rest = collect(HINT_WEIGHT * wanted.T)
    direction = scaled = scale * rest
    size = np.vdot(rest, scaled)
    for _ in range(_MOST_STEPS):
        if np.abs(rest).max() <= _TOLERANCE * screen:
            break
        image = apply(direction)
        step = size / np.vdot(direction, image)
        solution += step * direction
        rest -= step * image
        scaled = scale * rest
        before, size = size, np.vdot(rest, scaled)
        direction = scaled + size / before * direction
    return solution
