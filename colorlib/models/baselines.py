"""Baselines that a model must beat: rules that need little training, or none."""

from typing import Self

import numpy as np
from scipy.ndimage import uniform_filter
from scipy.spatial import KDTree

from ..color import gray_to_lightness, split_lab
from ..images.resize import resize_image
from ._base import ArrayColorizer, check_photos

__all__ = ["Gray", "MeanByLightness", "MeanColor", "RandomPhoto", "Welsh"]


class Gray(ArrayColorizer):
    """Leave the photo gray: a = b = 0."""

    name = "gray"

    def fit(self, photos: np.ndarray) -> Self:
        """Learn from training photos; see `Colorizer.fit`."""
        return self

    def predict_ab(self, gray: np.ndarray) -> np.ndarray:
        """Predict a* and b*; see `Colorizer.predict_ab`."""
        return np.zeros((*gray.shape, 2), np.float32)


class MeanColor(ArrayColorizer):
    """Give every pixel the mean a,b of the training photos.

    Attributes
    ----------
    ab_ : ndarray of float32, shape (2,)
    """

    name = "mean_color"
    fitted = ("ab_",)

    def fit(self, photos: np.ndarray) -> Self:
        """Learn from training photos; see `Colorizer.fit`."""
        per_photo = [split_lab(photo)[1].mean(axis=(0, 1), dtype=np.float64) for photo in check_photos(photos)]
        self.ab_ = np.mean(per_photo, axis=0).astype(np.float32)
        return self

    def predict_ab(self, gray: np.ndarray) -> np.ndarray:
        """Predict a* and b*; see `Colorizer.predict_ab`."""
        return np.broadcast_to(self.ab_, (*gray.shape, 2)).copy()


class MeanByLightness(ArrayColorizer):
    """Give every pixel the mean a,b that the training photos have at its L*.

    Attributes
    ----------
    lightness_ : ndarray of float32, shape (K,)
        Centers of the bins of L*, 1 wide, that occur in the training photos.
    ab_ : ndarray of float32, shape (K, 2)
        Mean a,b in each bin; between the centers it is interpolated.
    """

    name = "mean_by_lightness"
    fitted = ("lightness_", "ab_")

    def fit(self, photos: np.ndarray) -> Self:
        """Learn from training photos; see `Colorizer.fit`."""
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
        """Predict a* and b*; see `Colorizer.predict_ab`."""
        lightness = gray_to_lightness(gray)
        channels = [np.interp(lightness, self.lightness_, channel) for channel in self.ab_.T]
        return np.stack(channels, axis=-1).astype(np.float32)


class RandomPhoto(ArrayColorizer):
    """Merge the gray image with the a,b of a random training photo, but never of the very same photo.

    The choice depends only on the seed and on what the gray image looks like at 8×8 pixels, so that a photo always
    gets the same colors.

    Parameters
    ----------
    seed : int

    Attributes
    ----------
    lab_ : ndarray of float32, shape (N, 64, 64, 3)
        The training photos, shrunk.
    """

    name = "random_photo"
    fitted = ("lab_",)

    def __init__(self, seed: int = 0):
        self.seed = seed

    def fit(self, photos: np.ndarray) -> Self:
        """Learn from training photos; see `Colorizer.fit`."""
        small = [resize_image(photo, 64, 64) for photo in check_photos(photos)]
        self.lab_ = np.stack([np.dstack(split_lab(photo)) for photo in small])
        return self

    def predict_ab(self, gray: np.ndarray) -> np.ndarray:
        """Predict a* and b*; see `Colorizer.predict_ab`."""
        lightness = gray_to_lightness(resize_image(gray, 64, 64))
        others = np.flatnonzero(np.abs(self.lab_[..., 0] - lightness).mean(axis=(1, 2)) > 1)
        if others.size == 0:  # it was fitted to this photo alone
            return np.zeros((*gray.shape, 2), np.float32)
        # Seeded by what the photo looks like, not by its last digits, which differ between machines.
        coarse = lightness.reshape(8, 8, 8, 8).mean(axis=(1, 3)).round().astype(np.uint8)
        chosen = np.random.default_rng([self.seed, *coarse.flat]).choice(others)
        return 256 * resize_image(self.lab_[chosen, ..., 1:] / 256 + 0.5, *gray.shape) - 128


class Welsh(ArrayColorizer):
    """Transfer colors from the training photo of the most similar lightness, after Welsh et al.

    Each pixel takes the a,b of the sample whose lightness, and whose standard deviation of lightness over 5×5 pixels,
    are nearest. The source's lightness is first mapped linearly to the mean and standard deviation of the gray image;
    normalizing both does the same. In the paper a person picks the source; here it is the training photo whose
    quantiles of both features are nearest.

    Attributes
    ----------
    quantiles_ : ndarray of float32, shape (N, 2, 15)
        Quantiles of lightness and of its local standard deviation for each training photo.
    features_ : ndarray of float32, shape (N, 256, 2)
        Normalized lightness and local standard deviation of the samples, on a jittered grid.
    ab_ : ndarray of float32, shape (N, 256, 2)

    References
    ----------
    Welsh, Ashikhmin & Mueller, "Transferring color to greyscale images", ACM Transactions on Graphics 21(3), 2002.
    """

    name = "welsh"
    fitted = ("quantiles_", "features_", "ab_")

    def fit(self, photos: np.ndarray) -> Self:
        """Learn from training photos; see `Colorizer.fit`."""
        photos = check_photos(photos)
        rng = np.random.default_rng(0)
        cells = np.moveaxis(np.indices((16, 16)), 0, -1).reshape(-1, 2)
        quantiles, features, colors = [], [], []
        for photo in photos:
            lightness, ab = split_lab(photo)
            statistics = _local_statistics(lightness)
            rows, columns = ((cells + rng.random(cells.shape)) / 16 * lightness.shape).astype(np.intp).T
            quantiles.append(_quantiles(statistics))
            features.append(_normalized(statistics)[rows, columns])
            colors.append(ab[rows, columns])
        self.quantiles_, self.features_, self.ab_ = map(np.stack, (quantiles, features, colors))
        return self

    def predict_ab(self, gray: np.ndarray) -> np.ndarray:
        """Predict a* and b*; see `Colorizer.predict_ab`."""
        statistics = _local_statistics(gray_to_lightness(gray))
        source = np.abs(self.quantiles_ - _quantiles(statistics)).sum(axis=(1, 2)).argmin()
        _, nearest = KDTree(self.features_[source]).query(_normalized(statistics), workers=-1)
        return self.ab_[source][nearest]


def _local_statistics(lightness: np.ndarray) -> np.ndarray:
    """Return lightness and its standard deviation over 5×5 pixels, shape (H, W, 2)."""
    mean, mean_square = uniform_filter(lightness, 5), uniform_filter(lightness**2, 5)
    return np.dstack([lightness, np.sqrt(np.maximum(mean_square - mean**2, 0))])


def _normalized(statistics: np.ndarray) -> np.ndarray:
    lightness = statistics[..., 0]
    return (statistics - np.array([lightness.mean(), 0], np.float32)) / max(lightness.std(), 1e-3)


def _quantiles(statistics: np.ndarray) -> np.ndarray:
    return np.quantile(statistics, np.linspace(0.05, 0.95, 15), axis=(0, 1)).T.astype(np.float32)
