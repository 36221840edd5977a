"""The one interface of all colorization models."""

import io
import zipfile
from abc import ABC, abstractmethod
from pathlib import Path

import numpy as np

from ..color import gray_to_lightness, merge_lab
from ..paths import write_whole

__all__ = ["Colorizer"]


class Colorizer(ABC):
    """A model that gives a gray image its colors.

    A subclass stores its parameters in ``__init__``, learns in `fit` what it keeps in attributes that end in an
    underscore, and predicts a,b; putting them onto the gray image's lightness is done here, once for all models.

    Attributes
    ----------
    name : str
        Short name, as in the leaderboard's ``model`` column and in ``--model``.
    suffix : str
        Ending of the file that `save` writes.
    """

    name: str
    suffix: str = ".npz"

    @abstractmethod
    def fit(self, photos: np.ndarray) -> "Colorizer":
        """Learn from training photos.

        Parameters
        ----------
        photos : ndarray of float32, shape (N, H, W, 3)
            sRGB in [0, 1].

        Returns
        -------
        Colorizer
            Itself.
        """

    @abstractmethod
    def predict_ab(self, gray: np.ndarray) -> np.ndarray:
        """Predict the colors of one gray image, before anything is done about sRGB's gamut.

        Parameters
        ----------
        gray : ndarray of float32, shape (H, W)
            sRGB-encoded gray in [0, 1].

        Returns
        -------
        ndarray of float32, shape (H, W, 2)
            CIELAB a* and b*.
        """

    @abstractmethod
    def save(self, path: str | Path) -> None:
        """Write the fitted model to one file, whole or not at all."""

    @classmethod
    @abstractmethod
    def load(cls, path: str | Path) -> "Colorizer":
        """Read a model that `save` wrote."""

    @property
    def parameters(self) -> int:
        """How many numbers were fitted."""
        return 0

    def colorize(self, gray: np.ndarray, chroma: float = 1.0) -> np.ndarray:
        """Color one gray image at its own size and its own L*.

        Parameters
        ----------
        gray : ndarray of float32, shape (H, W)
            sRGB-encoded gray in [0, 1].
        chroma : float
            Scales the predicted a,b: below 1 for duller colors, above 1 for more vivid ones.

        Returns
        -------
        ndarray of float32, shape (H, W, 3)
            sRGB in [0, 1].

        Raises
        ------
        ValueError
            If ``gray`` is not a 2-D array of finite numbers in [0, 1].
        """
        gray = check_gray(gray)
        ab = self.predict_ab(gray)
        rgb, _ = merge_lab(gray_to_lightness(gray), ab if chroma == 1 else ab * np.float32(chroma))
        return rgb


def check_gray(gray: np.ndarray) -> np.ndarray:
    """Return a gray image as float32, or raise a ValueError that says what is wrong with it."""
    gray = np.asarray(gray)
    if gray.ndim != 2:
        raise ValueError(f"gray has shape {gray.shape}: a gray image is 2-D, (H, W); make one with to_gray(photo)")
    if gray.dtype.kind != "f":
        raise ValueError(f"gray is of type {gray.dtype}: convert 8-bit values with astype('float32') / 255 first")
    if gray.size == 0 or not (gray.min() >= 0 and gray.max() <= 1):  # false of NaN too
        raise ValueError("gray must hold finite values in [0, 1], and at least one")
    return gray.astype(np.float32, copy=False)


def check_photos(photos: np.ndarray, values: bool = True) -> np.ndarray:
    """Return photos as float32, or raise a ValueError that says what is wrong with them, or with all but their values."""
    photos = np.asarray(photos)
    if photos.ndim != 4 or photos.shape[-1] != 3 or len(photos) == 0:
        raise ValueError(f"photos have shape {photos.shape}: they are (N, H, W, 3) with at least one photo")
    if photos.dtype.kind != "f":
        raise ValueError(f"photos are of type {photos.dtype}: convert 8-bit values with astype('float32') / 255 first")
    if values and not (photos.min() >= 0 and photos.max() <= 1):  # false of NaN too
        raise ValueError("photos must hold finite values in [0, 1]")
    return photos.astype(np.float32, copy=False)


def write_arrays(path: str | Path, arrays: dict[str, np.ndarray]) -> None:
    """Write named arrays to one ``.npz`` file, whole or not at all."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    write_whole(Path(path), buffer.getvalue())


def read_arrays(path: str | Path) -> dict[str, np.ndarray]:
    """Read what `write_arrays` wrote, or raise a ValueError that names the file and says what is wrong with it."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return dict(file)
    except FileNotFoundError as error:
        raise ValueError(f"{path} does not exist: fit the model and save it there first") from error
    except (OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} is not a saved model ({error}): fit the model and save it again") from error
