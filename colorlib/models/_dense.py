"""Fully connected networks, built and trained in Keras.

References
----------
Kingma & Ba, "Adam: a method for stochastic optimization", ICLR 2015.
Loshchilov & Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017 (the cosine schedule).
He et al., "Delving deep into rectifiers", ICCV 2015 (the initial weights of ReLU layers).
"""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..color import rgb_to_lab
from ..color.standard import WHITE, XYZ_FROM_RGB
from ..training.backend import EAGER_STEPS, load_keras, set_seed
from ._patches import Table

if TYPE_CHECKING:
    import keras

__all__ = ["build_dense", "lab_loss", "train_dense"]

HUBER_DELTA = 0.05  # errors of sRGB channels above this count linearly
WARM_UP_SHARE = 0.1  # of the training, during which the learning rate rises
_VALIDATED_ROWS = 1 << 14  # at a time


def train_dense(
    table: Table,
    held_out: Table | None = None,
    *,
    widths: Sequence[int],
    activation: str,
    loss: str,
    optimizer: str,
    learning_rate: float,
    batch: int,
    epochs: int,
    alpha: float,
    seed: int,
) -> tuple[list[np.ndarray], dict[str, list[float]]]:
    """Train a fully connected network.

    Parameters
    ----------
    table, held_out : tuple of ndarray
        Standardized patches, (rows, 9) or (rows, 8), and colors, (rows, 3); the loss on the second table is only
        observed.
    widths, activation, loss, optimizer, learning_rate, batch, epochs, alpha, seed
        As in `colorlib.models.mlp.MLP`.

    Returns
    -------
    weights : list of ndarray
    history : dict of str to list of float
        As in `colorlib.models.mlp.MLP`.
    """
    keras = load_keras()
    set_seed(seed)
    network = build_dense(table[0].shape[1], widths, activation, alpha / batch)
    network.layers[-1].bias.assign(table[1].mean(axis=0))
    steps = -(-len(table[0]) // batch)
    functions = {"lab": lab_loss, "huber": keras.losses.Huber(HUBER_DELTA)}
    eager = steps * epochs <= EAGER_STEPS
    network.compile(
        _optimizer(optimizer, learning_rate, steps * epochs),
        functions.get(loss, loss),
        jit_compile=False,
        run_eagerly=eager,
        steps_per_execution=1 if eager else min(steps, 256),
    )

    def prepared(patches: np.ndarray, colors: np.ndarray) -> Table:
        return patches, rgb_to_lab(colors) / 100 if loss == "lab" else colors

    seconds: list[float] = []
    start = time.perf_counter()
    clock = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: seconds.append(time.perf_counter() - start))
    record = network.fit(
        *prepared(*table),
        batch_size=batch,
        epochs=epochs,
        validation_data=prepared(*held_out) if held_out else None,
        validation_batch_size=_VALIDATED_ROWS,
        verbose=0,
        callbacks=[clock],
    ).history
    history = {"loss": record["loss"], "seconds": seconds}
    if held_out:
        history["held_out"] = record["val_loss"]
    return network.get_weights(), history


def build_dense(inputs: int, widths: Sequence[int], activation: str = "relu", decay: float = 0.0) -> "keras.Model":
    """Build a fully connected network with random weights and a linear output layer.

    Parameters
    ----------
    inputs : int
        Number of inputs.
    widths : sequence of int
        Numbers of units of the hidden layers.
    activation : str
        Activation of the hidden layers.
    decay : float
        Weight of the sum of the squared weights in the loss.
    """
    keras = load_keras()
    layers = keras.layers
    start = "he_uniform" if activation == "relu" else "glorot_uniform"
    penalty = keras.regularizers.L2(decay) if decay else None
    hidden = [layers.Dense(width, activation, kernel_initializer=start, kernel_regularizer=penalty) for width in widths]
    network = keras.Sequential([keras.Input((inputs,)), *hidden, layers.Dense(3, kernel_regularizer=penalty)])
    network.compile(jit_compile=False)  # Keras's default takes seconds to compile and is no faster on matrix products
    return network


def lab_loss(lab: Any, rgb: Any) -> Any:
    """Compute the mean squared CIELAB error of predicted sRGB, in units of 100: the loss ``"lab"``.

    Parameters
    ----------
    lab : tensor, shape (n, 3)
        True L*, a* and b*, divided by 100.
    rgb : tensor, shape (n, 3)
        Predicted sRGB; below 0, the curves continue along straight lines.
    """
    ops = load_keras().ops
    linear = ops.where(rgb > 0.04045, ((ops.maximum(rgb, 0.04045) + 0.055) / 1.055) ** 2.4, rgb / 12.92)
    t = ops.matmul(linear, ops.convert_to_tensor((XYZ_FROM_RGB / WHITE[:, None]).T))
    delta = 6 / 29
    f = ops.where(t > delta**3, ops.maximum(t, delta**3) ** (1 / 3), t / (3 * delta**2) + 4 / 29)
    x, y, z = f[:, 0], f[:, 1], f[:, 2]
    predicted = ops.stack([1.16 * y - 0.16, 5 * (x - y), 2 * (y - z)], axis=-1)
    return ops.mean(ops.square(predicted - lab), axis=-1)


def _optimizer(name: str, learning_rate: float, steps: int) -> "keras.optimizers.Optimizer":
    keras = load_keras()
    warm_up = max(1, int(WARM_UP_SHARE * steps))
    schedule = keras.optimizers.schedules.CosineDecay(
        learning_rate / 10, max(1, steps - warm_up), warmup_target=learning_rate, warmup_steps=warm_up
    )
    return keras.optimizers.get({"class_name": name, "config": {"learning_rate": schedule}})
