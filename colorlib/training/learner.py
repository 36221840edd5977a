"""One step of training a network, at a learning rate that rises and falls."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from .backend import EAGER_STEPS, load_keras, uses_xla

if TYPE_CHECKING:
    import keras

__all__ = ["NetworkLearner", "cosine_rate"]


class NetworkLearner:
    """Learner for `colorlib.training.train`: a network and its optimizer, on batches that a function draws.

    Parameters
    ----------
    network : keras.Model
    optimizer : keras.Optimizer
    loss : str or callable
        As `keras.Model.compile` takes it.
    draw : callable
        Called with the iteration; returns its inputs and targets.
    iterations : int
        Number of iterations in all.
    warm_up : int
        Number of iterations over which the learning rate rises to the optimizer's; then it falls to 0 along a cosine.
    """

    def __init__(
        self,
        network: "keras.Model",
        optimizer: "keras.optimizers.Optimizer",
        loss: str | Callable,
        draw: Callable[[int], tuple[np.ndarray, np.ndarray]],
        iterations: int,
        warm_up: int,
    ):
        self.finished = False
        self._network, self._draw = network, draw
        self._rate = partial(cosine_rate, float(optimizer.learning_rate), iterations, warm_up)
        self._compiled = {"run_eagerly": True} if iterations <= EAGER_STEPS else {"jit_compile": uses_xla()}
        network.compile(optimizer, loss, **self._compiled)
        optimizer.build(network.trainable_variables)

    def step(self, iteration: int) -> float:
        """Do one iteration and return its loss."""
        inputs, targets = self._begin(iteration)
        self._network.reset_metrics()
        return float(self._network.train_on_batch(inputs, targets))

    def _begin(self, iteration: int) -> tuple[np.ndarray, np.ndarray]:
        """Set the learning rate of an iteration, and draw its inputs and targets."""
        # Set here, since a Keras schedule would be evaluated for every weight.
        self._network.optimizer.learning_rate = self._rate(iteration)
        return self._draw(iteration)

    def get_state(self) -> dict[str, np.ndarray]:
        """Return the weights and the optimizer's state."""
        keras = load_keras()
        return {f"variable_{i:03}": keras.ops.convert_to_numpy(v) for i, v in enumerate(self._variables())}

    def set_state(self, state: dict[str, np.ndarray]) -> None:
        """Restore what `get_state` returned."""
        for i, variable in enumerate(self._variables()):
            variable.assign(state[f"variable_{i:03}"])

    def _variables(self) -> list:
        return self._network.variables + self._network.optimizer.variables


def cosine_rate(highest: float, iterations: int, warm_up: int, iteration: int) -> float:
    """Return the learning rate of an iteration: a short linear warm-up, then a fall to 0 along a cosine.

    References
    ----------
    Loshchilov & Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017.
    """
    warm_up = min(warm_up, iterations // 10)
    if iteration <= warm_up:
        return highest * iteration / warm_up
    return highest * (1 + np.cos(np.pi * (iteration - warm_up) / (iterations + 1 - warm_up))) / 2
