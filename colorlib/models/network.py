"""What the convolutional models share: a network from L to a,b at a working size, and how it is trained and kept.

A network here takes L at a working size and puts out a,b at a quarter of it, since the L that they are laid onto
supplies the detail. It is written in Keras 3 alone, so that it runs on TensorFlow, JAX and PyTorch.
"""

import hashlib
import json
import tempfile
import zipfile
from abc import abstractmethod
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path

import numpy as np

from ..backend import keras, layers
from ..color import gray_to_lightness, split_lab
from ..paths import write_whole
from ..photos import resize_photo
from ..upsampling import enlarge
from .base import Colorizer, check_gray

__all__ = ["NetworkColorizer", "NetworkLearner", "augment", "build_network", "cosine_rate", "network_targets",
           "random_crop"]

AB_STRIDE = 4  # a,b are predicted at a quarter of the input's side …
STRIDE = 32  # … and the smallest feature maps have a 32nd of it, so that sides must be multiples of 32
AB_SCALE = 128.0  # the network's ±1 stands for a,b of ±128
#: XLA, Keras's default, is what JAX is made for; TensorFlow's own convolutions on a CPU, oneDNN's, are faster than its.
JIT = keras.backend.backend() == "jax"
EAGER_ITERATIONS = 6  # compiling the step takes longer than so many steps without it
_ABOUT = "colorlib.json"  # beside Keras's own files in the archive: what the model is besides its network


class NetworkColorizer(Colorizer):
    """A colorizer that is a convolutional network; a subclass says which, and how it learns.

    Attributes
    ----------
    network_ : keras.Model
        L, scaled to ±1, shape (N, H, W, 1), to a,b over 128, shape (N, H/4, W/4, 2); sides are multiples of 32.
    size_ : int
        Larger images than this squared are shrunk to so many pixels before a,b are predicted.
    """

    suffix = ".keras"

    @abstractmethod
    def build(self) -> keras.Model:
        """Build the network that the settings ask for, its weights random."""

    def predict_ab(self, gray: np.ndarray) -> np.ndarray:
        """Predict a* and b*; see `Colorizer.predict_ab`."""
        gray = check_gray(gray)
        ab, box = self.predict_small_ab(gray)
        return enlarge(ab, gray.shape, box)

    def predict_small_ab(self, gray: np.ndarray) -> tuple[np.ndarray, tuple[float, float, float, float]]:
        """Predict a* and b* at a quarter of the working size, as the network puts them out.

        Parameters
        ----------
        gray : ndarray of float32, shape (H, W)

        Returns
        -------
        ab : ndarray of float32, shape (rows, columns, 2)
        box : tuple of float
            Left, top, right and bottom of the part that the image covers; the rest is padding.
        """
        lightness, height, width = self._network_input(gray)
        ab = keras.ops.convert_to_numpy(self._run(lightness))[0] * np.float32(AB_SCALE)
        return ab, (0, 0, width / AB_STRIDE, height / AB_STRIDE)

    def feature_maps(self, gray: np.ndarray, layer_names: Collection[str]) -> dict[str, np.ndarray]:
        """Return what layers of the network put out for one gray image, each of shape (height, width, filters)."""
        outputs = {name: self.network_.get_layer(name).output for name in layer_names}
        lightness, _, _ = self._network_input(check_gray(gray))
        maps = keras.Model(self.network_.input, outputs)(lightness, training=False)
        return {name: keras.ops.convert_to_numpy(values)[0] for name, values in maps.items()}

    @property
    def parameters(self) -> int:
        return self.network_.count_params()

    @property
    def settings(self) -> dict:
        """The settings, by name, without what was learned."""
        return {name: value for name, value in vars(self).items() if not name.endswith("_")}

    def save(self, path: str | Path, half: bool = False) -> None:
        """Write the fitted model to one file, whole or not at all.

        Parameters
        ----------
        path : str or Path
            Keras's own format, ``.keras``, which `keras.saving.load_model` reads too.
        half : bool
            Keep the weights in half precision: half the size. They are rounded to 11 bits.
        """
        network = _built_in("float16" if half else "float32", self.build)  # without the optimizer's memory
        network.set_weights(self.network_.get_weights())
        about = json.dumps({"model": self.name, "settings": self.settings, "size": self.size_})
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "model.keras"
            network.save(file)
            with zipfile.ZipFile(file, "a") as archive:
                archive.writestr(_ABOUT, about)
            write_whole(Path(path), file.read_bytes())

    @classmethod
    def load(cls, path: str | Path) -> "NetworkColorizer":
        """Read a model that `save` wrote."""
        try:
            with zipfile.ZipFile(path) as archive:
                about = json.loads(archive.read(_ABOUT))
                weights = archive.read("model.weights.h5")
        except FileNotFoundError as error:
            raise ValueError(f"{path} does not exist: fit the model and save it there first") from error
        except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise ValueError(f"{path} is not a saved {cls.__name__} ({error}): give a file that {cls.__name__}.save "
                             "wrote") from error
        if about["model"] != cls.name:
            raise ValueError(f"{path} is a saved model of the kind {about['model']!r}, not {cls.name!r}: name the "
                             "file after its kind")
        model = cls(**about["settings"])
        model.size_ = about["size"]
        model.network_ = model.build()
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "model.weights.h5"
            file.write_bytes(weights)
            model.network_.load_weights(file)
        return model

    def _run(self, lightness: np.ndarray):
        return self.network_(lightness, training=False)

    def _network_input(self, gray: np.ndarray) -> tuple[np.ndarray, int, int]:
        """Shrink a gray image to about the working size, scale its L and pad it to multiples of 32.

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
        lightness = np.pad(scale_lightness(gray_to_lightness(gray)), padding, mode="edge")
        return lightness[None, ..., None], height, width

    def _check_sides(self, photos: np.ndarray) -> None:
        height, width = photos.shape[1:3]
        if height % STRIDE or width % STRIDE:
            raise ValueError(f"photos of {height}×{width} pixels: sides must be multiples of {STRIDE}, as of photos "
                             "loaded with size=256")

    def _identity(self, photos: np.ndarray) -> str:
        """Tell a training from those with other settings or photos."""
        return json.dumps([self.settings, hashlib.sha256(np.ascontiguousarray(photos)).hexdigest()])


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
        self._compiled = {"run_eagerly": True} if iterations <= EAGER_ITERATIONS else {"jit_compile": JIT}
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


def build_network(filters: int, outputs: int = 2, activation: str | None = "tanh", blocks: int = 0,
                  dropout: float = 0.0) -> keras.Model:
    """Build an encoder-decoder network with skip connections, its weights random.

    It has no normalisation: every residual block starts as doing nothing, so that it trains as well without.

    Parameters
    ----------
    filters : int
        Of the first layer; deeper layers have two and four times as many.
    outputs : int
        Channels that it puts out: 2 for a and b.
    activation : str, optional
        Of the outputs; None leaves them linear.
    blocks : int
        Residual blocks after each layer of the encoder and the decoder; where the picture is smallest there are two
        more.
    dropout : float
        Share of whole feature maps that are left out at random in training, everywhere but where the picture is
        largest.

    Returns
    -------
    keras.Model
        From (N, H, W, 1) to (N, H/4, W/4, outputs), for any H and W that are multiples of 32.

    References
    ----------
    Ronneberger, Fischer & Brox, "U-Net: convolutional networks for biomedical image segmentation", MICCAI 2015.
    He et al., "Identity mappings in deep residual networks", ECCV 2016.
    Tompson et al., "Efficient object localization using convolutional networks", CVPR 2015 (leaving out whole maps).
    Zhang, Dauphin & Ma, "Fixup initialization: residual learning without normalization", ICLR 2019.
    """
    def convolve(x, width, size=3, stride=1, **options):
        options = {"kernel_initializer": "he_normal"} | options
        return layers.Conv2D(width, size, stride, padding="same", **options)(x)

    def activate(x, name=None):
        return layers.Activation("leaky_relu", name=name)(x)

    def refine(x, width, count=blocks):
        for _ in range(count):
            change = convolve(activate(convolve(x, width)), width, kernel_initializer="zeros")
            x = layers.Add()([x, change])
        return layers.SpatialDropout2D(dropout)(x) if dropout and width > filters else x

    lightness = keras.Input((None, None, 1), name="lightness")
    quarter = refine(activate(convolve(lightness, filters, 8, AB_STRIDE, name="stem"), "quarter"), filters)
    eighth = refine(activate(convolve(quarter, 2 * filters, stride=2), "eighth"), 2 * filters)
    sixteenth = refine(activate(convolve(eighth, 4 * filters, stride=2), "sixteenth"), 4 * filters)
    x = refine(activate(convolve(sixteenth, 4 * filters, stride=2), "thirtysecond"), 4 * filters, blocks + 2)
    for skip, width in ((sixteenth, 4 * filters), (eighth, 2 * filters), (quarter, filters)):
        x = layers.UpSampling2D()(convolve(x, width, size=1))
        x = activate(layers.Add()([x, skip]))
        x = refine(activate(convolve(x, width)), width)
    # Small weights at first, so that training starts from nearly gray.
    small = keras.initializers.RandomNormal(stddev=0.01)
    ab = layers.Conv2D(outputs, 1, activation=activation, kernel_initializer=small, name="ab")(x)
    return keras.Model(lightness, ab)


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


def scale_lightness(lightness: np.ndarray) -> np.ndarray:
    """Bring L from [0, 100] to ±1."""
    return lightness / np.float32(50) - 1


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


def _built_in(dtype: str, build: Callable[[], keras.Model]) -> keras.Model:
    """Build a network whose weights are of a type."""
    usual = keras.config.dtype_policy()
    keras.config.set_dtype_policy(dtype)
    try:
        return build()
    finally:
        keras.config.set_dtype_policy(usual)
