"""One step of training a network, at a learning rate that rises and falls."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from .backend import EAGER_STEPS, load_keras, uses_xla

if TYPE_CHECKING:
    import keras

__all__ = ["NetworkLearner", "cosine_rate", "cosine_schedule", "make_adam"]


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


def make_adam(
    learning_rate: "float | keras.optimizers.schedules.LearningRateSchedule",
    averaging: float,
    rates: Mapping[str, float] | None = None,
) -> "keras.optimizers.Optimizer":
    """Make an Adam optimizer that averages the weights, and may let some layers learn more slowly than the others.

    Parameters
    ----------
    learning_rate : float or keras.optimizers.schedules.LearningRateSchedule
    averaging : float
        Momentum of the exponential moving average of the weights.
    rates : mapping of str to float, optional
        Name of a layer → factor of its learning rate; 1 for all others.

    References
    ----------
    Howard & Ruder, "Universal language model fine-tuning for text classification", ACL 2018: what was learned before
    is changed at lower rates.
    """
    factors: list[float] = []  # in the order of the variables

    class LayerwiseAdam(load_keras().optimizers.Adam):  # type: ignore[misc]  # a class that is imported late
        def build(self, variables):
            super().build(variables)
            factors[:] = [(rates or {}).get(variable.path.split("/")[-2], 1.0) for variable in variables]

        def update_step(self, gradient, variable, learning_rate):
            super().update_step(gradient, variable, learning_rate * factors[self._get_variable_index(variable)])

    return LayerwiseAdam(learning_rate, global_clipnorm=1.0, use_ema=True, ema_momentum=averaging)


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


def cosine_schedule(highest: float, iterations: int, warm_up: int) -> "keras.optimizers.schedules.LearningRateSchedule":
    """Make the schedule of `cosine_rate`, which is computed along with each step: where several processes learn
    together, a rate that is set from outside would have to be told to all of them each time.
    """
    keras = load_keras()
    ops, schedules, warm_up = keras.ops, keras.optimizers.schedules, min(warm_up, iterations // 10)

    class CosineSchedule(schedules.LearningRateSchedule):  # type: ignore[name-defined]
        def __call__(self, step):
            iteration = ops.cast(step, "float32") + 1  # steps count from 0
            falling = (1 + ops.cos(np.pi * (iteration - warm_up) / (iterations + 1 - warm_up))) / 2
            return highest * ops.where(iteration <= warm_up, iteration / max(1, warm_up), falling)

    return CosineSchedule()
