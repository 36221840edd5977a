"""A multi-layer perceptron from a gray 3×3 neighbourhood to the color of the pixel at its center.

It is trained in Keras, by `colorlib.models.perceptron`, and predicts in OpenVINO, by `colorlib.models.inference`.
"""

import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ..color import split_lab, to_gray
from ..parallel import on_all_processors
from ..patches import gray_patches, patch_targets, predict_pixels
from .base import Colorizer, check_photos, read_arrays, write_arrays

__all__ = ["WIDTHS", "LOSSES", "PerceptronPatches", "patch_table"]

#: Hidden layers of the report's network, which is 9-16-32-64-128-256-128-64-32-16-3.
WIDTHS = (16, 32, 64, 128, 256, 128, 64, 32, 16)
LOSSES = ("mse", "mae", "huber", "lab")
ACTIVATIONS = ("relu", "sigmoid", "tanh")
OPTIMIZERS = ("adam", "rmsprop", "adagrad", "sgd")
Table = tuple[np.ndarray, np.ndarray]
#: So many rows tell the loss on held-out photos to about a percent; all would take a quarter of the training's time.
WATCHED_ROWS = 1 << 16
FLAT = 1e-6  # inputs that vary less are of one gray but for rounding errors, which must not be scaled up
_ROWS = 1 << 14  # that are predicted at a time
_compiling = threading.Lock()


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
    weights_ : list of ndarray of float32
        Of each layer the kernel, (inputs, outputs), and the bias, (outputs,).
    history_ : dict of str to list of float
        One value an epoch: ``"loss"``, ``"seconds"`` since the start, and ``"held_out"`` where `fit` had photos for it.
    """

    name = "mlp"

    def __init__(self, widths: Sequence[int] = WIDTHS, activation: str = "relu", center: bool = True,
                 loss: str = "mse", optimizer: str = "adam", learning_rate: float = 4e-3, batch: int = 1024,
                 epochs: int = 40, alpha: float = 0.0, rows: int | None = None, seed: int = 0):
        for value, allowed in ((loss, LOSSES), (optimizer, OPTIMIZERS), (activation, ACTIVATIONS)):
            if value not in allowed:
                raise ValueError(f"unknown choice {value!r}: use one of {', '.join(allowed)}")
        for value in (*widths, batch, epochs, 1 if rows is None else rows):
            if value < 1:
                raise ValueError(f"widths, batch, epochs and rows must be at least 1, not {value}")
        self.widths, self.activation, self.center, self.loss, self.optimizer, self.learning_rate = (
            tuple(widths), activation, center, loss, optimizer, learning_rate)
        self.batch, self.epochs, self.alpha, self.rows, self.seed = batch, epochs, alpha, rows, seed
        self._compiled = {}

    def fit(self, photos: np.ndarray, held_out: np.ndarray | None = None) -> "PerceptronPatches":
        """Learn from photos.

        Parameters
        ----------
        photos : ndarray of float32, shape (N, H, W, 3)
            sRGB in [0, 1], at least 3×3 pixels.
        held_out : ndarray of float32, shape (M, H, W, 3), optional
            Photos whose loss is only observed, after every epoch, on at most `WATCHED_ROWS` rows drawn evenly from them.
        """
        table = patch_table(photos, self.center, self.rows, self.seed)
        if held_out is None:
            return self.fit_table(table)
        watched = WATCHED_ROWS if self.rows is None else min(self.rows, WATCHED_ROWS)
        return self.fit_table(table, patch_table(held_out, self.center, watched, self.seed))

    def fit_table(self, table: Table, held_out: Table | None = None) -> "PerceptronPatches":
        """Learn from rows instead of photos: pairs of patches and colors, as `patch_table` gives them."""
        from .perceptron import train_network  # in Keras, which prediction does without: it takes seconds to import
        self._compiled = {}

        spread = float(table[0].std())
        self.offset_, self.scale_ = float(table[0].mean()), spread if spread > FLAT else 1.0
        self.weights_, self.history_ = train_network(self, table, held_out)
        return self

    def scale(self, patches: np.ndarray) -> np.ndarray:
        """Bring gray values to mean 0 and variance 1, as they were in training: what the network takes."""
        return (patches - np.float32(self.offset_)) / np.float32(self.scale_)

    def predict(self, gray: np.ndarray) -> np.ndarray:
        """Predict sRGB at every pixel, edge pixels repeated outwards, without clipping.

        Parameters
        ----------
        gray : ndarray of float32, shape (H, W)

        Returns
        -------
        ndarray of float32, shape (H, W, 3)
        """
        return predict_pixels(gray, 3, self._predict_band, _ROWS)

    def predict_table(self, patches: np.ndarray) -> np.ndarray:
        """Predict sRGB, shape (rows, 3), for rows of patches, shape (rows, 9) or (rows, 8)."""
        parts = np.array_split(patches, -(-len(patches) // _ROWS))
        network = self._network(exact=True)
        return np.concatenate(on_all_processors(lambda part: network(self.scale(part)), parts))

    def predict_ab(self, gray: np.ndarray) -> np.ndarray:
        """Predict a* and b*; see `Colorizer.predict_ab`.

        Where the processor multiplies ``bfloat16``, that is what the network computes in: twice as fast, and sRGB differs
        from that of `predict` by less than 1/255 on average.
        """
        def predict(band: np.ndarray) -> np.ndarray:
            return split_lab(np.clip(self._predict_band(band, exact=False), 0, 1))[1]

        return predict_pixels(gray, 2, predict, _ROWS)

    def _predict_band(self, band: np.ndarray, exact: bool = True) -> np.ndarray:
        patches = self.scale(gray_patches(band, self.center))
        return self._network(exact)(patches).reshape(band.shape[0] - 2, band.shape[1] - 2, 3)

    def _network(self, exact: bool) -> Callable[[np.ndarray], np.ndarray]:
        with _compiling:  # once, whatever thread comes first
            if exact not in self._compiled:
                from .inference import compile_network  # in OpenVINO: `import colorlib` does without
                self._compiled[exact] = compile_network(self.weights_, self.activation, exact)
        return self._compiled[exact]

    @property
    def parameters(self) -> int:
        """How many numbers were fitted."""
        return sum(values.size for values in self.weights_)

    def save(self, path: str | Path) -> None:
        """Write the fitted model to one file, whole or not at all."""
        weights = {f"weight_{i:03}": value for i, value in enumerate(self.weights_)}
        settings = {name: value for name, value in vars(self).items() if name not in ("weights_", "history_", "_compiled")}
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
        model.weights_ = [arrays[name] for name in sorted(arrays)]
        return model


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
