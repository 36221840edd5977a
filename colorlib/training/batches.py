"""What one iteration learns from: random numbers that depend on the iteration alone, batches, augmentation."""

import numpy as np
from PIL import Image

__all__ = [
    "as_floats",
    "augment",
    "iteration_rng",
    "random_crop",
    "resized_crop",
    "shuffled_batch",
    "spaced_iterations",
]


def iteration_rng(seed: int, iteration: int) -> np.random.Generator:
    """Return the random generator of one iteration: the same in every run, whatever was drawn before."""
    return np.random.default_rng([seed, iteration])


def shuffled_batch(count: int, batch: int, seed: int, iteration: int) -> np.ndarray:
    """Choose the examples of one iteration: each example once, in random order, before any of them again.

    Parameters
    ----------
    count : int
        Number of examples.
    batch : int
        Number of examples to choose; the last ones may already belong to the next shuffle.
    seed, iteration : int
        Iterations count from 1.

    Returns
    -------
    ndarray of int, shape (batch,)

    Examples
    --------
    >>> both = np.concatenate([shuffled_batch(6, 3, seed=0, iteration=i) for i in (1, 2)])
    >>> sorted(both.tolist())
    [0, 1, 2, 3, 4, 5]
    """
    positions = np.arange((iteration - 1) * batch, iteration * batch)
    shuffles = {
        epoch: np.random.default_rng([seed, count, epoch]).permutation(count) for epoch in np.unique(positions // count)
    }
    return np.array([shuffles[position // count][position % count] for position in positions])


def spaced_iterations(iterations: int, points: int) -> list[int]:
    """Choose iterations at which to look at a training: dense at first, when most changes, from 1 to the last.

    Examples
    --------
    >>> spaced_iterations(1000, 4)
    [1, 10, 100, 1000]
    """
    return sorted({round(i) for i in np.geomspace(1, iterations, points)})


def random_crop(
    lightness: np.ndarray, ab: np.ndarray, side: int, grid: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Cut one random square out of one photo's L and a,b, which may be smaller than L by a whole factor.

    Parameters
    ----------
    lightness : ndarray, shape (H, W, 1)
    ab : ndarray, shape (H/k, W/k, 2)
    side : int
        Side of the square in pixels of L, a multiple of k.
    grid : int
        The corner's row and column are multiples of this, itself a multiple of k.
    rng : numpy.random.Generator

    Returns
    -------
    lightness : ndarray, shape (side, side, 1)
    ab : ndarray, shape (side/k, side/k, 2)
    """
    stride = lightness.shape[0] // ab.shape[0]
    cells = (np.array(lightness.shape[:2]) - side) // grid + 1
    i, j = grid * rng.integers(0, cells)
    rows, columns = slice(i, i + side), slice(j, j + side)
    small = [slice(axis.start // stride, axis.stop // stride) for axis in (rows, columns)]
    return lightness[rows, columns], ab[small[0], small[1]]


def as_floats(photo: np.ndarray) -> np.ndarray:
    """Return a photo of uint8, or of floats in [0, 1], as float32 in [0, 1]."""
    return photo / np.float32(255) if photo.dtype == np.uint8 else photo


def resized_crop(photo: np.ndarray, box: tuple[float, float, float, float], side: int) -> np.ndarray:
    """Resize part of a photo to a square.

    Parameters
    ----------
    photo : ndarray of uint8 or float32, shape (H, W, 3)
        sRGB, as floats in [0, 1].
    box : tuple of float
        Left, top, right, bottom of the part, in pixels.
    side : int
        Side of the square in pixels.

    Returns
    -------
    ndarray of float32, shape (side, side, 3)
        sRGB in [0, 1], rounded to 8 bits.
    """
    if photo.dtype != np.uint8:
        photo = np.round(255 * photo).astype(np.uint8)
    resized = Image.fromarray(photo).resize((side, side), Image.Resampling.BILINEAR, box)
    return as_floats(np.asarray(resized))


def augment(
    lightness: np.ndarray, ab: np.ndarray, flip: bool, lightness_jitter: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Vary a batch as photographs vary, but never their hues.

    Parameters
    ----------
    lightness : ndarray of float32, shape (N, H, W, 1)
        Scaled to ±1.
    ab : ndarray of float32, shape (N, H/4, W/4, 2)
    flip : bool
        Mirror half of the examples left to right.
    lightness_jitter : float
        Raise L/100 of each example to a random power, log-normal with this standard deviation.
    rng : numpy.random.Generator

    Returns
    -------
    lightness, ab : ndarray
    """
    if flip:
        flipped = rng.random(len(ab)) < 0.5
        lightness = np.where(flipped[:, None, None, None], lightness[:, :, ::-1], lightness)
        ab = np.where(flipped[:, None, None, None], ab[:, :, ::-1], ab)
    if lightness_jitter:
        powers = np.exp(lightness_jitter * rng.standard_normal((len(ab), 1, 1, 1)))
        lightness = 2 * ((lightness + 1) / 2) ** powers.astype(np.float32) - 1
    return lightness, ab
