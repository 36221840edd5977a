"""A multi-layer perceptron from a gray 3×3 neighbourhood to the color of the pixel at its center, in Keras 3.

References
----------
Kingma & Ba, "Adam: a method for stochastic optimization", ICLR 2015.
Loshchilov & Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017 (the cosine schedule).
He et al., "Delving deep into rectifiers", ICCV 2015 (the initial weights of ReLU layers).
"""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from scipy.special import expit

from ..backend import keras, layers, ops
from ..color import WHITE, XYZ_FROM_RGB, rgb_to_lab, split_lab, to_gray
from ..parallel import on_all_processors
from ..patches import gray_patches, patch_targets
from .base import Colorizer, check_photos, read_arrays, write_arrays

__all__ = ["WIDTHS", "LOSSES", "PerceptronPatches", "build_network", "patch_table"]

#: Hidden layers of the report's network, which is 9-16-32-64-128-256-128-64-32-16-3.
WIDTHS = (16, 32, 64, 128, 256, 128, 64, 32, 16)
LOSSES = ("mse", "mae", "huber", "lab")
OPTIMIZERS = ("adam", "rmsprop", "adagrad", "sgd")
Table = tuple[np.ndarray, np.ndarray]
HUBER_DELTA = 0.05  # errors of sRGB channels above this count linearly
FLAT = 1e-6  # inputs that vary less are of one gray but for rounding errors, which must not be scaled up
WARM_UP = 0.1  # share of the training during which the learning rate rises
_VALIDATED_ROWS = 1 << 14  # at a time
_BAND_PIXELS = 1 << 14
_CACHED_ROWS = 1 << 11  # what the layers put out for so many rows stays in a processor's cache


#: Name of an activation -> the same in place, for prediction.
_ACTIVATIONS = {"relu": lambda values: np.maximum(values, 0, out=values),
                "sigmoid": lambda values: expit(values, out=values),
                "tanh": lambda values: np.tanh(values, out=values)}


class PerceptronPatches(Colorizer):
    """Multi-layer perceptron on the 3×3 neighbourhoods of the training photos.

    Large batches keep both processors busy, and a learning rate that rises and then falls along a cosine makes few
    epochs enough: on one photo it reaches in minutes the error that batches of 32 at a constant rate reach in hours.

    Parameters
    ----------
    widths : sequence of int
        Units of the hidden layers.
    activation : {"relu", "sigmoid", "tanh"}
        Of the hidden layers; the output layer is linear.
    center : bool
        Use the pixel itself (9 inputs), or only its 8 neighbours.
    loss : {"mse", "mae", "huber", "lab"}
        Error that is made small: of sRGB, or, with ``"lab"``, the mean square of CIELAB's L*, a* and b*.
    optimizer : {"adam", "rmsprop", "adagrad", "sgd"}
    learning_rate : float
        Its highest value.
    batch : int
        Rows a step.
    epochs : int
        Passes over the rows.
    alpha : float
        Weight decay as in scikit-learn's ``MLPRegressor``: ``alpha / batch`` times the squared weights join the loss.
    rows : int, optional
        Learn from this many rows, drawn at random, evenly over the photos; from all by default.
    seed : int
        For the initial weights, the rows drawn and their order.

    Attributes
    ----------
    network_ : keras.Model
    history_ : dict of str to list of float
        One value an epoch: ``"loss"``, ``"seconds"`` since the start, and ``"held_out"`` where `fit` had photos for it.
    """

    name = "mlp"

    def __init__(self, widths: Sequence[int] = WIDTHS, activation: str = "relu", center: bool = True,
                 loss: str = "mse", optimizer: str = "adam", learning_rate: float = 4e-3, batch: int = 1024,
                 epochs: int = 40, alpha: float = 0.0, rows: int | None = None, seed: int = 0):
        for value, allowed in ((loss, LOSSES), (optimizer, OPTIMIZERS), (activation, tuple(_ACTIVATIONS))):
            if value not in allowed:
                raise ValueError(f"unknown choice {value!r}: use one of {', '.join(allowed)}")
        for value in (*widths, batch, epochs, 1 if rows is None else rows):
            if value < 1:
                raise ValueError(f"widths, batch, epochs and rows must be at least 1, not {value}")
        self.widths, self.activation, self.center, self.loss, self.optimizer, self.learning_rate = (
            tuple(widths), activation, center, loss, optimizer, learning_rate)
        self.batch, self.epochs, self.alpha, self.rows, self.seed = batch, epochs, alpha, rows, seed

    def fit(self, photos: np.ndarray, held_out: np.ndarray | None = None) -> "PerceptronPatches":
        """Learn from photos.

        Parameters
        ----------
        photos : ndarray of float32, shape (N, H, W, 3)
            sRGB in [0, 1], at least 3×3 pixels.
        held_out : ndarray of float32, shape (M, H, W, 3), optional
            Photos whose loss is only observed, after every epoch.
        """
        splits = [split for split in (photos, held_out) if split is not None]
        return self.fit_table(*(patch_table(split, self.center, self.rows, self.seed) for split in splits))

    def fit_table(self, table: Table, held_out: Table | None = None) -> "PerceptronPatches":
        """Learn from rows instead of photos: pairs of patches and colors, as `patch_table` gives them."""
        keras.utils.set_random_seed(self.seed)
        inputs, colors = table
        spread = float(inputs.std())
        self.offset_, self.scale_ = float(inputs.mean()), spread if spread > FLAT else 1.0
        self.network_ = build_network(inputs.shape[1], self.widths, self.activation, self.alpha / self.batch)
        self.network_.layers[-1].bias.assign(colors.mean(axis=0))
        steps = -(-len(inputs) // self.batch)
        self.network_.compile(self._optimizer(steps * self.epochs), self._loss(), jit_compile=False,
                              steps_per_execution=min(steps, 256))
        validation = (self._scaled(held_out[0]), self._targets(held_out[1])) if held_out else None
        clock = _Clock()
        record = self.network_.fit(self._scaled(inputs), self._targets(colors), batch_size=self.batch,
                                   epochs=self.epochs, validation_data=validation, validation_batch_size=_VALIDATED_ROWS,
                                   verbose=0, callbacks=[clock]).history
        self.history_ = {"loss": record["loss"], "seconds": clock.seconds}
        if validation:
            self.history_["held_out"] = record["val_loss"]
        return self

    def predict(self, gray: np.ndarray) -> np.ndarray:
        """Predict sRGB at every pixel, edge pixels repeated outwards, without clipping.

        Parameters
        ----------
        gray : ndarray of float32, shape (H, W)

        Returns
        -------
        ndarray of float32, shape (H, W, 3)
        """
        return self._in_bands(gray, 3, lambda rgb: rgb)

    def predict_table(self, patches: np.ndarray) -> np.ndarray:
        """Predict sRGB, shape (rows, 3), for rows of patches, shape (rows, 9) or (rows, 8)."""
        bands = np.array_split(patches, -(-len(patches) // _BAND_PIXELS))
        return np.concatenate(list(on_all_processors(self._layers(), bands)))

    def predict_ab(self, gray: np.ndarray) -> np.ndarray:
        """Predict a* and b*; see `Colorizer.predict_ab`."""
        return self._in_bands(gray, 2, lambda rgb: split_lab(np.clip(rgb, 0, 1))[1])

    def _in_bands(self, gray: np.ndarray, channels: int, finish: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        # Each pixel depends on its neighbourhood alone, and a band brings the rows around it along: no seams.
        height, width = gray.shape
        padded = np.pad(np.asarray(gray, np.float32), 1, mode="edge")
        rows = max(1, _BAND_PIXELS // width)
        result, network = np.empty((height, width, channels), np.float32), self._layers()

        def work(start: int) -> None:
            rgb = network(gray_patches(padded[start:start + rows + 2], self.center))
            result[start:start + rows] = finish(rgb).reshape(-1, width, channels)

        list(on_all_processors(work, range(0, height, rows)))
        return result

    def _layers(self) -> Callable[[np.ndarray], np.ndarray]:
        """Make the network a function that computes on one processor, some rows at a time.

        Keras would send what each layer puts out to memory and back, for all processors to work on, which takes longer.
        """
        weights = self.network_.get_weights()
        *hidden, (last, last_bias) = zip(weights[::2], weights[1::2])

        def predict(patches: np.ndarray) -> np.ndarray:
            colors = np.empty((len(patches), len(last_bias)), np.float32)
            for start in range(0, len(patches), _CACHED_ROWS):
                values = self._scaled(patches[start:start + _CACHED_ROWS])
                for kernel, bias in hidden:
                    values = values @ kernel
                    values += bias
                    _ACTIVATIONS[self.activation](values)
                np.add(values @ last, last_bias, out=colors[start:start + _CACHED_ROWS])
            return colors

        return predict

    def _scaled(self, patches: np.ndarray) -> np.ndarray:
        return (patches - np.float32(self.offset_)) / np.float32(self.scale_)

    def _targets(self, colors: np.ndarray) -> np.ndarray:
        return rgb_to_lab(colors) / 100 if self.loss == "lab" else colors

    def _loss(self):
        return {"lab": lab_loss, "huber": keras.losses.Huber(HUBER_DELTA)}.get(self.loss, self.loss)

    def _optimizer(self, steps: int) -> keras.optimizers.Optimizer:
        warm_up = max(1, int(WARM_UP * steps))
        schedule = keras.optimizers.schedules.CosineDecay(
            self.learning_rate / 10, max(1, steps - warm_up), warmup_target=self.learning_rate, warmup_steps=warm_up)
        return keras.optimizers.get({"class_name": self.optimizer, "config": {"learning_rate": schedule}})

    @property
    def parameters(self) -> int:
        """How many numbers were fitted."""
        return self.network_.count_params()

    def save(self, path: str | Path) -> None:
        """Write the fitted model to one file, whole or not at all."""
        weights = {f"weight_{i:03}": value for i, value in enumerate(self.network_.get_weights())}
        settings = {name: value for name, value in vars(self).items() if name not in ("network_", "history_")}
        write_arrays(path, {"settings": np.array(json.dumps(settings)), **weights})

    @classmethod
    def load(cls, path: str | Path) -> "PerceptronPatches":
        """Read a model that `save` wrote."""
        arrays = read_arrays(path)
        if "settings" not in arrays:
            raise ValueError(f"{path} is not a saved PerceptronPatches: give a file that PerceptronPatches.save wrote")
        settings = json.loads(str(arrays.pop("settings")))
        fitted = {name: settings.pop(name) for name in ("offset_", "scale_")}
        model = cls(**settings)
        vars(model).update(fitted)
        model.network_ = build_network(9 if model.center else 8, model.widths, model.activation)
        model.network_.set_weights([arrays[name] for name in sorted(arrays)])
        return model


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


def patch_table(photos: np.ndarray, center: bool = True, rows: int | None = None, seed: int = 0) -> Table:
    """Make the table that the network learns from.

    Parameters
    ----------
    photos : ndarray of float32, shape (N, H, W, 3)
    center : bool
        As in `colorlib.patches.gray_patches`.
    rows : int, optional
        Draw this many rows at random, evenly over the photos; all by default, and where there are not more.
    seed : int

    Returns
    -------
    patches : ndarray of float32, shape (rows, 9) or (rows, 8)
    colors : ndarray of float32, shape (rows, 3)
        sRGB of the pixel at the center.
    """
    rng = np.random.default_rng(seed)
    pairs = []
    for i, photo in enumerate(check_photos(photos)):
        patches, colors = gray_patches(to_gray(photo), center), patch_targets(photo)
        if rows is not None:
            share = rows * (i + 1) // len(photos) - rows * i // len(photos)
            chosen = rng.permutation(len(patches))[:share]
            patches, colors = patches[chosen], colors[chosen]
        pairs.append((patches, colors))
    return tuple(np.concatenate(column) for column in zip(*pairs))


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


class _Clock(keras.callbacks.Callback):
    """Notes the seconds since the start of training after every epoch."""

    def on_train_begin(self, logs=None):
        self.start, self.seconds = time.perf_counter(), []

    def on_epoch_end(self, epoch, logs=None):
        self.seconds.append(time.perf_counter() - self.start)
