"""A multi-layer perceptron from a gray 3×3 neighborhood to the color of the pixel at its center.

It is trained in Keras and predicts in ONNX Runtime.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import numpy as np

from ..color import on_all_processors, split_lab
from ._dense import build_dense, train_dense
from ._graph import GraphColorizer
from ._onnx import dense_to_onnx
from ._patches import Table, gray_patches, patch_table, predict_pixels

if TYPE_CHECKING:
    import keras

__all__ = ["LOSSES", "MLP", "WIDTHS"]

#: Hidden layers of the report's network, which is 9-16-32-64-128-256-128-64-32-16-3.
WIDTHS = (16, 32, 64, 128, 256, 128, 64, 32, 16)
LOSSES = ("mse", "mae", "huber", "lab")
ACTIVATIONS = ("relu", "sigmoid", "tanh")
OPTIMIZERS = ("adam", "rmsprop", "adagrad", "sgd")
#: This many rows tell the loss on held-out photos to about a percent; all of them would take a quarter of the training.
WATCHED_ROWS = 1 << 16
FLAT = 1e-6  # inputs that vary less are one gray with rounding errors, which must not be scaled up
PREDICTED_ROWS = 1 << 14  # at a time


class MLP(GraphColorizer):
    """Multi-layer perceptron on the 3×3 neighborhoods of the training photos.

    Large batches keep all processors busy, and a learning rate that rises and then falls along a cosine needs few
    epochs: on one photo it reaches in minutes the error that batches of 32 at a constant rate reach in hours.

    Parameters
    ----------
    widths : sequence of int
        Numbers of units of the hidden layers.
    activation : {"relu", "sigmoid", "tanh"}
        Activation of the hidden layers; the output layer is linear.
    center : bool
        Use the pixel itself (9 inputs), or only its 8 neighbors.
    loss : {"mse", "mae", "huber", "lab"}
        Error to minimize: of sRGB or, for ``"lab"``, the mean squared error of CIELAB's L*, a* and b*.
    optimizer : {"adam", "rmsprop", "adagrad", "sgd"}
    learning_rate : float
        Peak learning rate.
    batch : int
        Rows per step.
    epochs : int
        Number of passes over the rows.
    alpha : float
        Weight decay as in scikit-learn's ``MLPRegressor``: ``alpha / batch`` times the squared weights is added to the
        loss.
    rows : int, optional
        Number of rows to learn from, drawn at random, evenly over the photos; all by default.
    seed : int
        Seed of the initial weights, the rows drawn and their order.

    Attributes
    ----------
    weights_ : list of ndarray of float32
        For each layer the kernel, (inputs, outputs), and the bias, (outputs,); not in a loaded model.
    history_ : dict of str to list of float
        One value per epoch: ``"loss"``, ``"seconds"`` since the start and, if `fit` had such photos, ``"held_out"``.
    """

    name = "mlp"
    fitted = ("offset_", "scale_")
    threads = 1  # bands of the image are run on all processors

    def __init__(
        self,
        widths: Sequence[int] = WIDTHS,
        activation: str = "relu",
        center: bool = True,
        loss: str = "mse",
        optimizer: str = "adam",
        learning_rate: float = 4e-3,
        batch: int = 1024,
        epochs: int = 40,
        alpha: float = 0.0,
        rows: int | None = None,
        seed: int = 0,
    ):
        for choice, allowed in ((loss, LOSSES), (optimizer, OPTIMIZERS), (activation, ACTIVATIONS)):
            if choice not in allowed:
                raise ValueError(f"unknown choice {choice!r}: use one of {', '.join(allowed)}")
        for number in (*widths, batch, epochs, 1 if rows is None else rows):
            if number < 1:
                raise ValueError(f"widths, batch, epochs and rows must be at least 1, not {number}")
        self.widths, self.activation, self.center, self.loss, self.optimizer, self.learning_rate = (
            tuple(widths),
            activation,
            center,
            loss,
            optimizer,
            learning_rate,
        )
        self.batch, self.epochs, self.alpha, self.rows, self.seed = batch, epochs, alpha, rows, seed

    def build(self) -> "keras.Model":
        """Build the network that the settings ask for, with random weights."""
        return build_dense(9 if self.center else 8, self.widths, self.activation, self.alpha / self.batch)

    def fit(self, photos: np.ndarray, *, held_out: np.ndarray | None = None) -> Self:
        """Learn from photos.

        Parameters
        ----------
        photos : ndarray of float32, shape (N, H, W, 3)
            sRGB in [0, 1], at least 3×3 pixels.
        held_out : ndarray of float32, shape (M, H, W, 3), optional
            Photos whose loss is only observed, after every epoch, on at most `WATCHED_ROWS` rows drawn evenly from
            them.
        """
        table = patch_table(photos, self.center, self.rows, self.seed)
        if held_out is None:
            return self.fit_table(table)
        watched = WATCHED_ROWS if self.rows is None else min(self.rows, WATCHED_ROWS)
        return self.fit_table(table, patch_table(held_out, self.center, watched, self.seed))

    def fit_table(self, table: Table, held_out: Table | None = None) -> Self:
        """Learn from rows instead of photos: patches and colors, as `colorlib.models.patch_table` returns them."""
        spread = float(table[0].std())
        self.offset_, self.scale_ = float(table[0].mean()), spread if spread > FLAT else 1.0
        self.weights_, self.history_ = train_dense(
            self._scaled(table),
            held_out and self._scaled(held_out),
            widths=self.widths,
            activation=self.activation,
            loss=self.loss,
            optimizer=self.optimizer,
            learning_rate=self.learning_rate,
            batch=self.batch,
            epochs=self.epochs,
            alpha=self.alpha,
            seed=self.seed,
        )
        self._set_graph(dense_to_onnx(self.weights_, self.activation), sum(values.size for values in self.weights_))
        return self

    def _scaled(self, table: Table) -> Table:
        return self.scale(table[0]), table[1]

    def scale(self, patches: np.ndarray) -> np.ndarray:
        """Standardize gray values as in training, to mean 0 and variance 1, for the network."""
        return (patches - np.float32(self.offset_)) / np.float32(self.scale_)

    def predict(self, gray: np.ndarray) -> np.ndarray:
        """Predict sRGB at every pixel, unclipped; edge pixels are repeated outward.

        Parameters
        ----------
        gray : ndarray of float32, shape (H, W)

        Returns
        -------
        ndarray of float32, shape (H, W, 3)
        """
        return predict_pixels(gray, 3, self._predict_band, PREDICTED_ROWS)

    def predict_table(self, patches: np.ndarray) -> np.ndarray:
        """Predict sRGB, shape (rows, 3), for rows of patches, shape (rows, 9) or (rows, 8)."""
        parts = np.array_split(patches, -(-len(patches) // PREDICTED_ROWS))
        return np.concatenate(on_all_processors(lambda part: self.run(self.scale(part)), parts))

    def predict_ab(self, gray: np.ndarray) -> np.ndarray:
        """Predict a* and b*; see `Colorizer.predict_ab`."""

        def predict(band: np.ndarray) -> np.ndarray:
            return split_lab(np.clip(self._predict_band(band), 0, 1))[1]

        return predict_pixels(gray, 2, predict, PREDICTED_ROWS)

    def _predict_band(self, band: np.ndarray) -> np.ndarray:
        patches = self.scale(gray_patches(band, self.center))
        return self.run(patches).reshape(band.shape[0] - 2, band.shape[1] - 2, 3)
