"""How the multi-layer perceptron of `colorlib.models.mlp` learns, in Keras 3.

References
----------
Kingma & Ba, "Adam: a method for stochastic optimization", ICLR 2015.
Loshchilov & Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017 (the cosine schedule).
He et al., "Delving deep into rectifiers", ICCV 2015 (the initial weights of ReLU layers).
"""

import time
from collections.abc import Sequence

import numpy as np

from ..backend import EAGER_STEPS, keras, layers, ops
from ..color import WHITE, XYZ_FROM_RGB, rgb_to_lab
from .mlp import PerceptronPatches, Table

__all__ = ["build_network", "lab_loss", "train_network"]

HUBER_DELTA = 0.05  # errors of sRGB channels above this count linearly
WARM_UP = 0.1  # share of the training during which the learning rate rises
_VALIDATED_ROWS = 1 << 14  # at a time


def train_network(model: PerceptronPatches, table: Table,
                  held_out: Table | None = None) -> tuple[list[np.ndarray], dict[str, list[float]]]:
    """Train the network that a model's settings ask for.

    Parameters
    ----------
    model : PerceptronPatches
    table, held_out : tuple of ndarray
        Patches and colors, as `colorlib.models.mlp.patch_table` gives them; the loss of the second is only observed.

    Returns
    -------
    weights : list of ndarray
    history : dict of str to list of float
        As `PerceptronPatches` keeps them.
    """
    keras.utils.set_random_seed(model.seed)
    network = build_network(table[0].shape[1], model.widths, model.activation, model.alpha / model.batch)
    network.layers[-1].bias.assign(table[1].mean(axis=0))
    steps = -(-len(table[0]) // model.batch)
    loss = {"lab": lab_loss, "huber": keras.losses.Huber(HUBER_DELTA)}.get(model.loss, model.loss)
    eager = steps * model.epochs <= EAGER_STEPS
    network.compile(_optimizer(model, steps * model.epochs), loss, jit_compile=False, run_eagerly=eager,
                    steps_per_execution=1 if eager else min(steps, 256))

    def prepared(patches: np.ndarray, colors: np.ndarray) -> Table:
        return model.scale(patches), rgb_to_lab(colors) / 100 if model.loss == "lab" else colors

    clock = _Clock()
    record = network.fit(*prepared(*table), batch_size=model.batch, epochs=model.epochs,
                         validation_data=prepared(*held_out) if held_out else None,
                         validation_batch_size=_VALIDATED_ROWS, verbose=0, callbacks=[clock]).history
    history = {"loss": record["loss"], "seconds": clock.seconds}
    if held_out:
        history["held_out"] = record["val_loss"]
    return network.get_weights(), history


def build_network(inputs: int, widths: Sequence[int], activation: str = "relu", decay: float = 0.0) -> keras.Model:
    """Build the fully connected network, its output layer linear, with random weights.

    Parameters
    ----------
    inputs : int
    widths : sequence of int
        Units of the hidden layers.
    activation : str
    decay : float
        How much the sum of the squared weights adds to the loss.
    """
    start = "he_uniform" if activation == "relu" else "glorot_uniform"
    penalty = keras.regularizers.L2(decay) if decay else None
    hidden = [layers.Dense(width, activation, kernel_initializer=start, kernel_regularizer=penalty) for width in widths]
    network = keras.Sequential([keras.Input((inputs,)), *hidden, layers.Dense(3, kernel_regularizer=penalty)])
    network.compile(jit_compile=False)  # Keras's default takes seconds to compile and is no faster on matrix products
    return network


def lab_loss(lab: np.ndarray, rgb: np.ndarray):
    """Compute the mean squared CIELAB error of predicted sRGB, in units of 100: the loss ``"lab"``, for Keras.

    Parameters
    ----------
    lab : tensor, shape (n, 3)
        True L*, a* and b*, divided by 100.
    rgb : tensor, shape (n, 3)
        Predicted sRGB; outside [0, 1], the curves go on along straight lines.
    """
    linear = ops.where(rgb > 0.04045, ((ops.maximum(rgb, 0.04045) + 0.055) / 1.055) ** 2.4, rgb / 12.92)
    t = ops.matmul(linear, ops.convert_to_tensor((XYZ_FROM_RGB / WHITE[:, None]).T))
    delta = 6 / 29
    f = ops.where(t > delta**3, ops.maximum(t, delta**3) ** (1 / 3), t / (3 * delta**2) + 4 / 29)
    x, y, z = f[:, 0], f[:, 1], f[:, 2]
    predicted = ops.stack([1.16 * y - 0.16, 5 * (x - y), 2 * (y - z)], axis=-1)
    return ops.mean(ops.square(predicted - lab), axis=-1)


def _optimizer(model: PerceptronPatches, steps: int) -> keras.optimizers.Optimizer:
    warm_up = max(1, int(WARM_UP * steps))
    schedule = keras.optimizers.schedules.CosineDecay(
        model.learning_rate / 10, max(1, steps - warm_up), warmup_target=model.learning_rate, warmup_steps=warm_up)
    return keras.optimizers.get({"class_name": model.optimizer, "config": {"learning_rate": schedule}})


class _Clock(keras.callbacks.Callback):
    """Notes the seconds since the start of training after every epoch."""

    def on_train_begin(self, logs=None):
        self.start, self.seconds = time.perf_counter(), []

    def on_epoch_end(self, epoch, logs=None):
        self.seconds.append(time.perf_counter() - self.start)
