"""A convolutional network that predicts a,b from L: the whole photo is its input, not a 3×3 neighbourhood.

It is an encoder-decoder with skip connections (Ronneberger et al. 2015) in Keras 3 alone, so that it runs on
TensorFlow, JAX and PyTorch. Most of its arithmetic is done where the picture is small: the first layer already takes
every fourth pixel, and a,b come out at a quarter of the picture's side, since the L that they are laid onto supplies
the detail.

References
----------
Ronneberger, Fischer & Brox, "U-Net: convolutional networks for biomedical image segmentation", MICCAI 2015.
Kingma & Ba, "Adam: a method for stochastic optimization", ICLR 2015.
Loshchilov & Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017 (the cosine schedule).
"""

import hashlib
import json
from collections.abc import Callable, Collection
from pathlib import Path

import keras
import numpy as np
from keras import layers
from PIL import Image

from ..color import gray_to_lightness, split_lab
from ..photos import resize_photo
from ..training import History, iteration_rng, shuffled_batch, train
from .base import Colorizer, check_gray, check_photos, read_arrays, write_arrays

__all__ = ["ConvNet", "build_network"]

AB_STRIDE = 4  # a,b are predicted at a quarter of the input's side …
STRIDE = 32  # … and the smallest feature maps have a 32nd of it, so that sides must be multiples of 32
AB_SCALE = 128.0  # tanh's ±1 stands for a,b of ±128
WARM_UP = 50
VALIDATE_EVERY, PATIENCE = 25, 8


class ConvNet(Colorizer):
    """Encoder-decoder network from L to a,b.

    Parameters
    ----------
    filters : int
        Of the first layer; deeper layers have two and four times as many.
    iterations : int
        How many batches it learns from.
    batch : int
        Photos a batch.
    crop : int, optional
        Learn from a random square of this side, a multiple of 32, of each; from the whole photo by default.
    flip : bool
        Mirror half of them left to right.
    lightness_jitter : float
        Raise L/100 of each to a random power, log-normal with this standard deviation.
    learning_rate : float
        Adam's at its highest, after a short linear rise; then it falls to 0 along a cosine.
    weight_decay : float
        Decoupled from the gradient, as in AdamW.
    validation_photos : int
        Early stopping: keep so many of the photos aside, stop when the error on them has not fallen for
        200 iterations, and take the weights that had the lowest.
    loss : {"mae", "mse"}
        Mean absolute or mean squared error of a,b.
    seed : int
        Of the initial weights, the order of photos and the augmentation.

    Attributes
    ----------
    network_ : keras.Model
        L, scaled to ±1, shape (N, H, W, 1), to a,b over 128, shape (N, H/4, W/4, 2); sides are multiples of 32.
    size_ : int
        Larger images than this squared are shrunk to so many pixels before a,b are predicted.
    history_ : History
        Of the last `fit`; not saved.
    """

    name = "cnn"

    def __init__(self, filters: int = 40, iterations: int = 2500, batch: int = 4, crop: int | None = None,
                 flip: bool = False, lightness_jitter: float = 0.0, learning_rate: float = 7e-4,
                 weight_decay: float = 0.0, validation_photos: int = 0, loss: str = "mae", seed: int = 0):
        self.filters, self.iterations, self.batch, self.crop = filters, iterations, batch, crop
        self.flip, self.lightness_jitter, self.loss = flip, lightness_jitter, loss
        self.learning_rate, self.weight_decay = learning_rate, weight_decay
        self.validation_photos, self.seed = validation_photos, seed

    def fit(self, photos: np.ndarray, observe: Callable[["ConvNet", int], dict] | None = None,
            observe_at: Collection[int] = (), checkpoint: str | Path | None = None,
            progress: bool = True) -> "ConvNet":
        """Learn from training photos; Ctrl-C ends it early and keeps what was learned.

        Parameters
        ----------
        photos : ndarray of float32, shape (N, H, W, 3)
            sRGB in [0, 1]; sides are multiples of 32.
        observe : callable, optional
            Called as ``observe(model, iteration)`` after the iterations ``observe_at``; what it returns, numbers
            and arrays by name, is found in ``history_.observations``.
        observe_at : collection of int
        checkpoint : str or Path, optional
            Keep the unfinished training in this file, and go on from there when `fit` is called again.
        progress : bool
            Show how far it is, on a terminal or in a notebook.

        Returns
        -------
        ConvNet
            Itself.

        Raises
        ------
        ValueError
            If the photos are not what they should be, or a setting doesn't fit them.
        """
        photos = check_photos(photos)
        self._check_settings(photos)
        keras.utils.set_random_seed(self.seed)
        self.size_ = max(photos.shape[1:3])
        self.network_ = build_network(self.filters)
        learner = _Learner(self, *_prepare(photos))
        observer = None if observe is None else (lambda iteration: observe(self, iteration))
        self.history_: History = train(learner, self.iterations, observer, observe_at, checkpoint,
                                       self._identity(photos), progress)
        learner.take_best()
        return self

    def predict_ab(self, gray: np.ndarray) -> np.ndarray:
        gray = check_gray(gray)
        lightness, height, width = self._network_input(gray)
        ab = keras.ops.convert_to_numpy(self.network_(lightness, training=False))[0] * AB_SCALE
        box = (0, 0, width / AB_STRIDE, height / AB_STRIDE)
        resized = np.empty(gray.shape + (2,), np.float32)
        for channel in range(2):
            plane = Image.fromarray(np.ascontiguousarray(ab[..., channel]))
            resized[..., channel] = plane.resize(gray.shape[::-1], Image.BICUBIC, box)
        return resized

    def feature_maps(self, gray: np.ndarray, layer_names: Collection[str]) -> dict[str, np.ndarray]:
        """Return what layers of the network put out for one gray image, each of shape (height, width, filters)."""
        outputs = {name: self.network_.get_layer(name).output for name in layer_names}
        lightness, _, _ = self._network_input(check_gray(gray))
        maps = keras.Model(self.network_.input, outputs)(lightness, training=False)
        return {name: keras.ops.convert_to_numpy(values)[0] for name, values in maps.items()}

    @property
    def first_filters(self) -> np.ndarray:
        """The kernels of the first layer, shape (8, 8, filters)."""
        return keras.ops.convert_to_numpy(self.network_.get_layer("stem").kernel)[:, :, 0]

    @property
    def parameters(self) -> int:
        return self.network_.count_params()

    def save(self, path: str | Path) -> None:
        weights = {f"weight_{i:03}": value for i, value in enumerate(self.network_.get_weights())}
        write_arrays(path, {"settings": np.array(json.dumps(vars_of(self))), "size": np.array(self.size_), **weights})

    @classmethod
    def load(cls, path: str | Path) -> "ConvNet":
        arrays = read_arrays(path)
        if "settings" not in arrays:
            raise ValueError(f"{path} is not a saved ConvNet: give a file that ConvNet.save wrote")
        model = cls(**json.loads(str(arrays.pop("settings"))))
        model.size_ = int(arrays.pop("size"))
        model.network_ = build_network(model.filters)
        model.network_.set_weights([arrays[name] for name in sorted(arrays)])
        return model

    def _network_input(self, gray: np.ndarray) -> tuple[np.ndarray, int, int]:
        """Shrink a gray image to about the size of the training photos, scale its L and pad it to multiples of 32.

        Returns
        -------
        lightness : ndarray of float32, shape (1, H, W, 1)
        height, width : int
            Of the part that is not padding.
        """
        scale = min(1.0, self.size_ / np.sqrt(gray.size))
        height, width = (max(1, round(side * scale)) for side in gray.shape)
        if (height, width) != gray.shape:
            gray = resize_photo(gray, height, width)
        padding = [(0, -side % STRIDE) for side in (height, width)]
        lightness = np.pad(_scale_lightness(gray_to_lightness(gray)), padding, mode="edge")
        return lightness[None, ..., None], height, width

    def _check_settings(self, photos: np.ndarray) -> None:
        height, width = photos.shape[1:3]
        if height % STRIDE or width % STRIDE:
            raise ValueError(f"photos of {height}×{width} pixels: sides must be multiples of {STRIDE}, as of photos "
                             "loaded with size=256")
        if self.crop is not None and (self.crop % STRIDE or not 0 < self.crop <= min(height, width)):
            raise ValueError(f"crop is {self.crop} for photos of {height}×{width} pixels: give a multiple of {STRIDE} "
                             "that fits in")
        if not 0 <= self.validation_photos < len(photos):
            raise ValueError(f"validation_photos is {self.validation_photos} of {len(photos)} photos: keep at least "
                             "one photo to learn from")

    def _identity(self, photos: np.ndarray) -> str:
        return json.dumps([vars_of(self), hashlib.sha256(np.ascontiguousarray(photos)).hexdigest()])


def build_network(filters: int = 40) -> keras.Model:
    """Build the network, its weights random.

    Parameters
    ----------
    filters : int
        Of the first layer.

    Returns
    -------
    keras.Model
        From (N, H, W, 1) to (N, H/4, W/4, 2), for any H and W that are multiples of 32.
    """
    def convolve(x, width, size=3, stride=1, **options):
        options = {"kernel_initializer": "he_normal"} | options
        return layers.Conv2D(width, size, stride, padding="same", **options)(x)

    def activate(x, name=None):
        return layers.Activation("leaky_relu", name=name)(x)

    lightness = keras.Input((None, None, 1), name="lightness")
    quarter = activate(convolve(lightness, filters, 8, AB_STRIDE, name="stem"), "quarter")
    eighth = activate(convolve(quarter, 2 * filters, stride=2), "eighth")
    sixteenth = activate(convolve(eighth, 4 * filters, stride=2), "sixteenth")
    x = activate(convolve(sixteenth, 4 * filters, stride=2), "thirtysecond")
    for _ in range(2):  # residual blocks; each starts as doing nothing
        change = convolve(activate(convolve(x, 4 * filters)), 4 * filters, kernel_initializer="zeros")
        x = layers.Add()([x, change])
    for skip, width in ((sixteenth, 4), (eighth, 2), (quarter, 1)):
        x = layers.UpSampling2D()(convolve(x, width * filters, size=1))
        x = activate(layers.Add()([x, skip]))
        x = activate(convolve(x, width * filters))
    # Small weights at first, so that training starts from nearly gray.
    small = keras.initializers.RandomNormal(stddev=0.01)
    ab = layers.Conv2D(2, 1, activation="tanh", kernel_initializer=small, name="ab")(x)
    return keras.Model(lightness, ab, name="cnn")


def vars_of(model: ConvNet) -> dict:
    """Return the settings of a model, without what it learned."""
    return {name: value for name, value in vars(model).items() if not name.endswith("_")}


class _Learner:
    """What `train` trains: the network, its optimizer and, in early stopping, the best weights so far."""

    def __init__(self, model: ConvNet, lightness: np.ndarray, ab: np.ndarray):
        self.finished = False
        self._model, self._network = model, model.network_
        apart = np.arange(len(ab)) < model.validation_photos
        apart = np.random.default_rng(model.seed).permutation(apart)
        self._lightness, self._ab = lightness[~apart], ab[~apart]
        self._validation = (lightness[apart], ab[apart])
        self._best_error, self._best_iteration, self._best_weights = np.inf, 0, []
        warm_up = min(WARM_UP, model.iterations // 10)
        highest = model.learning_rate
        schedule = keras.optimizers.schedules.CosineDecay(highest / 20, model.iterations - warm_up,
                                                          warmup_target=highest, warmup_steps=warm_up)
        optimizer = keras.optimizers.Adam(schedule, weight_decay=model.weight_decay or None)
        # XLA, Keras's default, takes longer here: its convolutions on a CPU are slower than oneDNN's.
        self._network.compile(optimizer, model.loss, jit_compile=False)
        optimizer.build(self._network.trainable_variables)

    def step(self, iteration: int) -> float:
        model = self._model
        chosen = shuffled_batch(len(self._ab), model.batch, model.seed, iteration)
        lightness, ab = self._augmented(chosen, iteration_rng(model.seed, iteration))
        self._network.reset_metrics()
        loss = float(self._network.train_on_batch(lightness, ab))
        if self._model.validation_photos and iteration % VALIDATE_EVERY == 0:
            self._validate(iteration)
        return loss

    def get_state(self) -> dict[str, np.ndarray]:
        state = {f"variable_{i:03}": keras.ops.convert_to_numpy(v) for i, v in enumerate(self._variables())}
        state |= {f"best_{i:03}": value for i, value in enumerate(self._best_weights)}
        return state | {"validation": np.array([self._best_error, self._best_iteration, self.finished])}

    def set_state(self, state: dict[str, np.ndarray]) -> None:
        for i, variable in enumerate(self._variables()):
            variable.assign(state[f"variable_{i:03}"])
        self._best_weights = [state[name] for name in sorted(state) if name.startswith("best_")]
        self._best_error, self._best_iteration, finished = state["validation"].tolist()
        self.finished = bool(finished)

    def take_best(self) -> None:
        """Give the network the weights with the lowest validation error, where there is one."""
        if self._best_weights:
            self._network.set_weights(self._best_weights)

    def _variables(self) -> list:
        return self._network.variables + self._network.optimizer.variables

    def _validate(self, iteration: int) -> None:
        lightness, ab = self._validation
        predicted = keras.ops.convert_to_numpy(self._network(lightness, training=False))
        error = float(np.mean((predicted - ab) ** 2))
        if error < self._best_error:
            self._best_error, self._best_iteration = error, iteration
            self._best_weights = self._network.get_weights()
        self.finished = iteration - self._best_iteration >= PATIENCE * VALIDATE_EVERY

    def _augmented(self, chosen: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return the chosen photos, cropped, flipped and jittered, and the a,b that belong to them."""
        lightness, ab = self._lightness[chosen], self._ab[chosen]
        if self._model.crop:
            # Corners on the grid of the deepest layer, so that a crop is sampled as it is in the whole photo.
            side = self._model.crop
            cells = (np.array(lightness.shape[1:3]) - side) // STRIDE + 1
            corners = STRIDE * rng.integers(0, cells, (len(chosen), 2))
            lightness = np.stack([p[i:i + side, j:j + side] for p, (i, j) in zip(lightness, corners)])
            corners, side = corners // AB_STRIDE, side // AB_STRIDE
            ab = np.stack([p[i:i + side, j:j + side] for p, (i, j) in zip(ab, corners)])
        if self._model.flip:
            flipped = rng.random(len(chosen)) < 0.5
            lightness[flipped], ab[flipped] = lightness[flipped, :, ::-1], ab[flipped, :, ::-1]
        if self._model.lightness_jitter:
            powers = np.exp(self._model.lightness_jitter * rng.standard_normal((len(chosen), 1, 1, 1)))
            lightness = 2 * ((lightness + 1) / 2) ** powers.astype(np.float32) - 1
        return lightness, ab


def _prepare(photos: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what the network learns from: scaled L, (N, H, W, 1), and a,b over 128, (N, H/4, W/4, 2)."""
    lightness, ab = split_lab(photos)
    count, height, width = lightness.shape
    blocks = ab.reshape(count, height // AB_STRIDE, AB_STRIDE, width // AB_STRIDE, AB_STRIDE, 2)
    return _scale_lightness(lightness)[..., None], blocks.mean(axis=(2, 4)) / np.float32(AB_SCALE)


def _scale_lightness(lightness: np.ndarray) -> np.ndarray:
    return lightness / np.float32(50) - 1
