"""What the convolutional models share: a network from L to a,b at a working size, its use and its files."""

import hashlib
import json
import math
import tempfile
import zipfile
from abc import abstractmethod
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..color import gray_to_lightness
from ..images.resize import enlarge, resize_image
from ..training import PhotoFiles, built_in, load_keras
from ._base import check_gray
from ._blocks import AB_SCALE, AB_STRIDE, STRIDE, scale_lightness
from ._files import Saved, write_archive
from ._graph import GraphColorizer
from ._onnx import network_to_onnx, read_weights
from .hints import Hint, Spreading, correction

if TYPE_CHECKING:
    import keras

__all__ = ["NetworkColorizer", "hash_arrays"]

Box = tuple[float, float, float, float]


class NetworkColorizer(GraphColorizer):
    """A colorizer that is a convolutional network; subclasses say which, and how it learns.

    Attributes
    ----------
    size_ : int
        Working size: images of more pixels than its square are shrunk to about that many.
    gain_ : float
        Factor of the predicted a,b, fitted to validation photos; 1 without them.
    """

    fitted: tuple[str, ...] = ("size_", "gain_")
    _network: "keras.Model | None" = None
    size_: int
    gain_: float = 1.0

    @property
    def network_(self) -> "keras.Model":
        """The network in Keras, to train on: from L scaled to ±1, (N, H, W, 1), to a,b / 128, (N, H/4, W/4, 2).

        Sides are multiples of 32. When a training ends, its weights are rounded to half precision, as files keep them.
        Of a loaded model it is built when it is asked for, which takes Keras.
        """
        if self._network is None:
            if self._graph is None:
                raise ValueError(f"this {type(self).__name__} is not fitted: call fit, or load a saved one")
            self._network = self.build()
            self._network.set_weights(read_weights(self._graph))
        return self._network

    @abstractmethod
    def build(self) -> "keras.Model":
        """Build the network that the settings ask for, with random weights."""

    def predict_ab(self, gray: np.ndarray) -> np.ndarray:
        """Predict a* and b*; see `Colorizer.predict_ab`."""
        gray = check_gray(gray)
        ab, box = self.predict_small_ab(gray)
        return enlarge(ab, gray.shape, box)

    def predict_hinted_ab(
        self, gray: np.ndarray, hints: Sequence[Hint], chroma: float = 1.0, spreading: Spreading | None = None
    ) -> np.ndarray:
        """Predict a* and b*, some of which are known; see `Colorizer.predict_hinted_ab`."""
        ab, box = self.predict_small_ab(gray)
        ab, covered = ab * np.float32(chroma), (box[3], box[2])
        rows, columns = map(math.ceil, covered)
        change = correction(
            self.small_lightness(gray)[:rows, :columns], ab[:rows, :columns], gray, hints, covered, None, spreading
        )
        ab[:rows, :columns] += change
        return enlarge(ab, (gray.shape[0], gray.shape[1]), box)

    def small_lightness(self, gray: np.ndarray) -> np.ndarray:
        """Return the L* of a gray image where `predict_small_ab` gives its colors, in [0, 100]."""
        scaled = self._network_input(gray)[0][0]
        height, width = scaled.shape
        blocks = scaled.reshape(height // AB_STRIDE, AB_STRIDE, width // AB_STRIDE, AB_STRIDE)
        return 50 * (blocks.mean(axis=(1, 3)) + 1)

    def predict_small_ab(self, gray: np.ndarray) -> tuple[np.ndarray, Box]:
        """Predict a* and b* at a quarter of the working size, as they come out of the network.

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
        """Return the outputs of layers of the network for one gray image, each of shape (height, width, filters)."""
        keras = load_keras()
        network = self.network_
        outputs = {name: network.get_layer(name).output for name in layer_names}
        lightness, _, _ = self._network_input(check_gray(gray))
        maps = keras.Model(network.input, outputs)(lightness[..., None], training=False)
        return {name: keras.ops.convert_to_numpy(values)[0] for name, values in maps.items()}

    def save(self, path: str | Path) -> None:
        """Write the fitted model to one file, whole or not at all.

        Parameters
        ----------
        path : str or Path
            If it ends in ``.keras``, Keras's own format, for other programs; otherwise ONNX. Both keep the weights in
            half precision.

        Raises
        ------
        ValueError
            If the model is not fitted.
        """
        if Path(path).suffix != ".keras":
            super().save(path)
            return
        weights = self.network_.get_weights()
        network = built_in("float16", self.build)  # without the optimizer's memory
        network.set_weights(weights)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "model.keras"
            network.save(file)
            write_archive(path, file.read_bytes(), self.about)

    def _restore_fitted(self, saved: Saved) -> None:
        if saved.session is not None:
            super()._restore_fitted(saved)
            return
        for name in self.fitted:
            setattr(self, name, saved.about[name.removesuffix("_")])
        self._network = self.build()
        try:
            with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(saved.path) as archive:
                self._network.load_weights(archive.extract("model.weights.h5", folder))
        except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise ValueError(f"{saved.path} is damaged ({error}): fit the model and save it again") from error
        self._finish_training()

    def _begin_training(self, network: "keras.Model") -> None:
        """Train this network from now on: until the training ends, it predicts in Keras."""
        self._network, self._session = network, None

    def _finish_training(self) -> None:
        """Round the weights to half precision, as files keep them, and predict in ONNX Runtime from now on."""
        weights = [values.astype(np.float16).astype(np.float32) for values in self.network_.get_weights()]
        if self.network_.dtype_policy.compute_dtype != "float32":  # it learned in another precision
            self._network = self.build()
        network = self.network_
        network.set_weights(weights)
        self._set_graph(network_to_onnx(network), network.count_params())

    def _run(self, lightness: np.ndarray) -> np.ndarray:
        """Run the network on L scaled to ±1, (N, H, W); returns its outputs as (N, H/4, W/4, channels)."""
        if self._session is None:  # during a training
            return np.asarray(self.network_.predict_on_batch(lightness[..., None]))
        return np.moveaxis(self.run(lightness[:, None]), 1, -1)

    def _network_input(self, gray: np.ndarray) -> tuple[np.ndarray, int, int]:
        """Shrink a gray image to about the working size, scale its L and pad it to multiples of 32.

        Returns
        -------
        lightness : ndarray of float32, shape (1, H, W)
        height, width : int
            Size of the part that is not padding.
        """
        scale = min(1.0, self.size_ / np.sqrt(gray.size))
        height, width = (max(1, round(side * scale)) for side in gray.shape)
        if (height, width) != gray.shape:
            gray = resize_image(gray, height, width)
        padding = [(0, -side % STRIDE) for side in (height, width)]
        lightness = np.pad(scale_lightness(gray_to_lightness(gray)), padding, mode="edge")
        return lightness[None], height, width

    def _check_sides(self, photos: np.ndarray) -> None:
        height, width = photos.shape[1:3]
        if height % STRIDE or width % STRIDE:
            raise ValueError(
                f"photos of {height}×{width} pixels: sides must be multiples of {STRIDE}, as of photos "
                "loaded with size=256"
            )

    def _identity(self, photos: np.ndarray | PhotoFiles) -> str:
        """Return a text that tells trainings with different settings or photos apart."""
        if isinstance(photos, PhotoFiles):
            return json.dumps([self.settings, photos.identity()])
        return json.dumps([self.settings, hash_arrays([photos])])


def hash_arrays(arrays: Iterable[np.ndarray]) -> str:
    """Return the SHA-256 of the values of arrays, one after the other, in hexadecimal."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
