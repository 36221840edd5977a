"""What the convolutional models share: a network from L to a,b at a working size, and how it is used and kept.

A network here takes L at a working size and puts out a,b at a quarter of it, since the L that they are laid onto
supplies the detail. It is written in Keras 3 alone, so that it runs on TensorFlow, JAX and PyTorch.
"""

import hashlib
import json
import tempfile
import zipfile
from abc import abstractmethod
from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np

from ..backend import keras, layers, ops
from ..color import gray_to_lightness
from ..paths import write_whole
from ..photos import resize_photo
from ..upsampling import enlarge
from .base import Colorizer, check_gray
from .encoder import build_encoder

__all__ = ["NetworkColorizer", "build_network", "scale_lightness"]

AB_STRIDE = 4  # a,b are predicted at a quarter of the input's side …
STRIDE = 32  # … and the smallest feature maps have a 32nd of it, so that sides must be multiples of 32
AB_SCALE = 128.0  # the network's ±1 stands for a,b of ±128
#: XLA, Keras's default, is what JAX is made for; TensorFlow's own convolutions on a CPU, oneDNN's, are faster than its.
JIT = keras.backend.backend() == "jax"
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
        ab = self._run(lightness)[0] * np.float32(AB_SCALE)
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

    def _run(self, lightness: np.ndarray) -> np.ndarray:
        """Predict a,b over 128 for a batch of one. Compiled: layer by layer, Python would take most of the time."""
        if keras.backend.backend() == "openvino":  # of itself, it would compute in bfloat16 where the processor can
            return ops.convert_to_numpy(self.network_(lightness))
        return self.network_.predict_on_batch(lightness)

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


def build_network(filters: int, outputs: int = 2, activation: str | None = "tanh",
                  dropout: float = 0.0, pretrained: bool = False) -> keras.Model:
    """Build an encoder-decoder network with skip connections, its weights random.

    It has no normalisation: every residual block starts as doing nothing, so that it can be trained without.

    Parameters
    ----------
    filters : int
        Of the first layer; deeper layers have two and four times as many.
    outputs : int
        Channels that it puts out: 2 for a and b.
    activation : str, optional
        Of the outputs; None leaves them linear.
    dropout : float
        Share of whole feature maps that are left out at random in training, everywhere but where the picture is
        largest.
    pretrained : bool
        Let the encoder be that of `colorlib.models.encoder`, which is not trained; its weights are random too, until
        they are set.

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

    def drop(x):
        return layers.SpatialDropout2D(dropout)(x) if dropout else x

    lightness = keras.Input((None, None, 1), name="lightness")
    if pretrained:
        maps = build_encoder(lightness)
        x = drop(activate(convolve(drop(maps[32]), 4 * filters, size=1)))
    else:
        maps = {4: activate(convolve(lightness, filters, 8, AB_STRIDE, name="stem"), "quarter")}
        maps[8] = drop(activate(convolve(maps[4], 2 * filters, stride=2), "eighth"))
        maps[16] = drop(activate(convolve(maps[8], 4 * filters, stride=2), "sixteenth"))
        x = activate(convolve(maps[16], 4 * filters, stride=2), "thirtysecond")
        for _ in range(2):  # residual blocks
            change = convolve(activate(convolve(x, 4 * filters)), 4 * filters, kernel_initializer="zeros")
            x = layers.Add()([x, change])
        x = drop(x)
    for stride, width in ((16, 4 * filters), (8, 2 * filters), (AB_STRIDE, filters)):
        x = layers.UpSampling2D()(convolve(x, width, size=1))
        x = activate(layers.Add()([x, convolve(maps[stride], width, size=1) if pretrained else maps[stride]]))
        x = activate(convolve(x, width))
        x = x if stride == AB_STRIDE else drop(x)
    # Small weights at first, so that training starts from nearly gray.
    small = keras.initializers.RandomNormal(stddev=0.01)
    ab = layers.Conv2D(outputs, 1, activation=activation, kernel_initializer=small, name="ab")(x)
    network = keras.Model(lightness, ab)
    network.jit_compile = JIT
    return network


def scale_lightness(lightness: np.ndarray) -> np.ndarray:
    """Bring L from [0, 100] to ±1."""
    return lightness / np.float32(50) - 1


def _built_in(dtype: str, build: Callable[[], keras.Model]) -> keras.Model:
    """Build a network whose weights are of a type."""
    usual = keras.config.dtype_policy()
    keras.config.set_dtype_policy(dtype)
    try:
        return build()
    finally:
        keras.config.set_dtype_policy(usual)
