"""Baselines that a model must beat: rules that need no training or hardly any."""

from pathlib import Path

import numpy as np
from scipy.ndimage import uniform_filter
from scipy.spatial import KDTree

from ..color import gray_to_lightness, split_lab
from ..photos import resize_photo
from .base import Colorizer, check_photos, read_arrays, write_arrays

__all__ = ["GrayBaseline", "MeanColor", "MeanColorByLightness", "RandomPhotoColors", "NearestTransfer"]


class _ArrayModel(Colorizer):
    """A model whose fitted attributes, those that end in an underscore, are all arrays."""

    def save(self, path: str | Path) -> None:
        write_arrays(path, {name: value for name, value in vars(self).items() if name.endswith("_")})

    @classmethod
    def load(cls, path: str | Path) -> "_ArrayModel":
        model = cls()
        vars(model).update(read_arrays(path))
        return model

    @property
    def parameters(self) -> int:
        return sum(value.size for name, value in vars(self).items() if name.endswith("_"))


class GrayBaseline(_ArrayModel):
    """Leave the photo gray: a = b = 0."""

    name = "gray"

    def fit(self, photos: np.ndarray) -> "GrayBaseline":
        return self

    def predict_ab(self, gray: np.ndarray) -> np.ndarray:
        return np.zeros(gray.shape + (2,), np.float32)


class MeanColor(_ArrayModel):
    """Give every pixel the mean a,b of the training photos.

    Attributes
    ----------
    ab_ : ndarray of float32, shape (2,)
    """

    name = "mean_color"

    def fit(self, photos: np.ndarray) -> "MeanColor":
        per_photo = [split_lab(photo)[1].mean(axis=(0, 1), dtype=np.float64) for photo in check_photos(photos)]
        self.ab_ = np.mean(per_photo, axis=0).astype(np.float32)
        return self

    def predict_ab(self, gray: np.ndarray) -> np.ndarray:
        return np.broadcast_to(self.ab_, gray.shape + (2,)).copy()


class MeanColorByLightness(_ArrayModel):
    """Give every pixel the mean a,b that the training photos have at its L*.

    Attributes
    ----------
    lightness_ : ndarray of float32, shape (K,)
        Centers of the 1-wide bins of L* that occur in the training photos.
    ab_ : ndarray of float32, shape (K, 2)
        Mean a,b in each; between the centers it is interpolated.
    """

    name = "mean_by_lightness"

    def fit(self, photos: np.ndarray) -> "MeanColorByLightness":
        sums = np.zeros((100, 3))
        for photo in check_photos(photos):
            lightness, ab = (array.reshape(-1, *array.shape[2:]) for array in split_lab(photo))
            bins = np.clip(lightness.astype(np.intp), 0, 99)
            for column, weights in enumerate((None, ab[:, 0], ab[:, 1])):
                sums[:, column] += np.bincount(bins, weights, minlength=100)
        occupied = np.flatnonzero(sums[:, 0])
        self.lightness_ = (occupied + 0.5).astype(np.float32)
        self.ab_ = (sums[occupied, 1:] / sums[occupied, :1]).astype(np.float32)
        return self

    def predict_ab(self, gray: np.ndarray) -> np.ndarray:
        lightness = gray_to_lightness(gray)
        channels = [np.interp(lightness, self.lightness_, channel) for channel in self.ab_.T]
        return np.stack(channels, axis=-1).astype(np.float32)


class RandomPhotoColors(_ArrayModel):
    """Lay the a,b of a random training photo onto the gray image; never those of the very same photo.

    Which one it is depends on what the gray image looks like at 8×8 pixels and on the seed alone, so that a photo always
    gets the same colors.

    Parameters
    ----------
    seed : int

    Attributes
    ----------
    lab_ : ndarray of float32, shape (N, 64, 64, 3)
        The training photos, made small.
    seed_ : ndarray of int, shape ()
    """

    name = "random_photo"

    def __init__(self, seed: int = 0):
        self.seed = seed

    def fit(self, photos: np.ndarray) -> "RandomPhotoColors":
        self.seed_ = np.array(self.seed)
        small = [resize_photo(photo, 64, 64) for photo in check_photos(photos)]
        self.lab_ = np.stack([np.dstack(split_lab(photo)) for photo in small])
        return self

    def predict_ab(self, gray: np.ndarray) -> np.ndarray:
        lightness = gray_to_lightness(resize_photo(gray, 64, 64))
        others = np.flatnonzero(np.abs(self.lab_[..., 0] - lightness).mean(axis=(1, 2)) > 1)
        if others.size == 0:  # fitted on nothing but this photo
            return np.zeros(gray.shape + (2,), np.float32)
        # Seeded by what the photo looks like, not by its last digits: those are not the same on every machine.
        coarse = lightness.reshape(8, 8, 8, 8).mean(axis=(1, 3)).round().astype(np.uint8)
        chosen = np.random.default_rng([int(self.seed_), *coarse.flat]).choice(others)
        return 256 * resize_photo(self.lab_[chosen, ..., 1:] / 256 + 0.5, *gray.shape) - 128


class NearestTransfer(_ArrayModel):
    """Transfer colors from the training photo of the most similar lightness, after Welsh et al.

    Each pixel takes the a,b of the sample whose lightness and whose standard deviation of lightness in its 5×5
    neighbourhood are nearest. The source's lightness is first mapped linearly so that its mean and standard deviation
    are those of the gray image; dividing out each one's own mean and standard deviation does the same. In the paper a
    person picks the source; here it is the training photo whose quantiles of both features are nearest.

    Attributes
    ----------
    quantiles_ : ndarray of float32, shape (N, 2, 15)
        Of lightness and of its local standard deviation, for each training photo.
    features_ : ndarray of float32, shape (N, 256, 2)
        Normalised lightness and local standard deviation of the samples, taken on a jittered grid.
    ab_ : ndarray of float32, shape (N, 256, 2)

    References
    ----------
    Welsh, Ashikhmin & Mueller, "Transferring color to greyscale images", ACM Transactions on Graphics 21(3), 2002.
    """

    name = "welsh"

    def fit(self, photos: np.ndarray) -> "NearestTransfer":
        photos = check_photos(photos)
        rng = np.random.default_rng(0)
        cells = np.moveaxis(np.indices((16, 16)), 0, -1).reshape(-1, 2)
        quantiles, features, colors = [], [], []
        for photo in photos:
            lightness, ab = split_lab(photo)
            statistics = _local_statistics(lightness)
            rows, columns = ((cells + rng.random(cells.shape)) / 16 * lightness.shape).astype(np.intp).T
            quantiles.append(_quantiles(statistics))
            features.append(_normalised(statistics)[rows, columns])
            colors.append(ab[rows, columns])
        self.quantiles_, self.features_, self.ab_ = map(np.stack, (quantiles, features, colors))
        return self

    def predict_ab(self, gray: np.ndarray) -> np.ndarray:
        statistics = _local_statistics(gray_to_lightness(gray))
        source = np.abs(self.quantiles_ - _quantiles(statistics)).sum(axis=(1, 2)).argmin()
        _, nearest = KDTree(self.features_[source]).query(_normalised(statistics), workers=-1)
        return self.ab_[source][nearest]


def _local_statistics(lightness: np.ndarray) -> np.ndarray:
    """Return lightness and its standard deviation over 5×5 pixels, shape (H, W, 2)."""
    mean, mean_square = uniform_filter(lightness, 5), uniform_filter(lightness**2, 5)
    return np.dstack([lightness, np.sqrt(np.maximum(mean_square - mean**2, 0))])


def _normalised(statistics: np.ndarray) -> np.ndarray:
    lightness = statistics[..., 0]
    return (statistics - np.array([lightness.mean(), 0], np.float32)) / max(lightness.std(), 1e-3)


def _quantiles(statistics: np.ndarray) -> np.ndarray:
    return np.quantile(statistics, np.linspace(0.05, 0.95, 15), axis=(0, 1)).T.astype(np.float32)
