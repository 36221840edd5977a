"""How the convolutional models learn: batches of crops, the learning rate, and one step of the training."""

from collections.abc import Callable
from functools import partial

import numpy as np

from ..backend import EAGER_STEPS, keras
from ..color import split_lab
from .network import AB_SCALE, AB_STRIDE, JIT, scale_lightness

__all__ = ["NetworkLearner", "augment", "cosine_rate", "network_targets", "random_crop"]


class NetworkLearner:
    """What `colorlib.training.train` trains: a network and its optimizer, on batches that a function draws.

    Parameters
    ----------
    network : keras.Model
    optimizer : keras.Optimizer
    loss : str or callable
        As `keras.Model.compile` takes it.
    draw : callable
        Called with an iteration's number; gives its inputs and targets.
    iterations : int
        How many there will be.
    warm_up : int
        Over how many the learning rate, the optimizer's at its highest, rises; then it falls to 0 along a cosine.
    """

    def __init__(self, network: keras.Model, optimizer: keras.Optimizer, loss: str | Callable,
                 draw: Callable[[int], tuple[np.ndarray, np.ndarray]], iterations: int, warm_up: int):
        self.finished = False
        self._network, self._draw = network, draw
        self._rate = partial(cosine_rate, float(optimizer.learning_rate), iterations, warm_up)
        self._compiled = {"run_eagerly": True} if iterations <= EAGER_STEPS else {"jit_compile": JIT}
        network.compile(optimizer, loss, **self._compiled)
        optimizer.build(network.trainable_variables)

    def step(self, iteration: int) -> float:
        inputs, targets = self._begin(iteration)
        self._network.reset_metrics()
        return float(self._network.train_on_batch(inputs, targets))

    def _begin(self, iteration: int) -> tuple[np.ndarray, np.ndarray]:
        """Set an iteration's learning rate, and draw its inputs and targets."""
        # Set from here: as one of Keras's schedules it would be worked out anew for every weight.
        self._network.optimizer.learning_rate = self._rate(iteration)
        return self._draw(iteration)

    def get_state(self) -> dict[str, np.ndarray]:
        return {f"variable_{i:03}": keras.ops.convert_to_numpy(v) for i, v in enumerate(self._variables())}

    def set_state(self, state: dict[str, np.ndarray]) -> None:
        for i, variable in enumerate(self._variables()):
            variable.assign(state[f"variable_{i:03}"])

    def _variables(self) -> list:
        return self._network.variables + self._network.optimizer.variables


def cosine_rate(highest: float, iterations: int, warm_up: int, iteration: int) -> float:
    """Return the learning rate of an iteration: it rises in a short linear warm-up, then falls to 0 along a cosine.

    References
    ----------
    Loshchilov & Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017.
    """
    warm_up = min(warm_up, iterations // 10)
    if iteration <= warm_up:
        return highest * iteration / warm_up
    return highest * (1 + np.cos(np.pi * (iteration - warm_up) / (iterations + 1 - warm_up))) / 2


def network_targets(photos: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what a network learns from: scaled L, (N, H, W, 1), and a,b over 128, (N, H/4, W/4, 2)."""
    lightness, ab = split_lab(photos)
    count, height, width = lightness.shape
    blocks = ab.reshape(count, height // AB_STRIDE, AB_STRIDE, width // AB_STRIDE, AB_STRIDE, 2)
    return scale_lightness(lightness)[..., None], blocks.mean(axis=(2, 4)) / np.float32(AB_SCALE)


def random_crop(lightness: np.ndarray, ab: np.ndarray, side: int, grid: int,
                rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Cut one random square out of one photo's scaled L, (H, W, 1), and its a,b, (H/4, W/4, 2).

    Parameters
    ----------
    lightness, ab : ndarray
    side : int
        Of the square in pixels of L, a multiple of 4.
    grid : int
        The corner's row and column are multiples of this, a multiple of 4.
    rng : numpy.random.Generator

    Returns
    -------
    lightness : ndarray, shape (side, side, 1)
    ab : ndarray, shape (side/4, side/4, 2)
    """
    cells = (np.array(lightness.shape[:2]) - side) // grid + 1
    i, j = grid * rng.integers(0, cells)
    rows, columns = slice(i, i + side), slice(j, j + side)
    small = [slice(axis.start // AB_STRIDE, axis.stop // AB_STRIDE) for axis in (rows, columns)]
    return lightness[rows, columns], ab[small[0], small[1]]


def augment(lightness: np.ndarray, ab: np.ndarray, flip: bool, lightness_jitter: float,
            rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Vary a batch as photographs vary, their hues never.

    Parameters
    ----------
    lightness : ndarray of float32, shape (N, H, W, 1)
        Scaled to ±1.
    ab : ndarray of float32, shape (N, H/4, W/4, 2)
    flip : bool
        Mirror half of them left to right.
    lightness_jitter : float
        Raise L/100 of each to a random power, log-normal with this standard deviation.
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
