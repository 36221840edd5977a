"""The one interface of all colorization models."""

import inspect
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from PIL import Image

from ..color import gray_to_lightness, merge_lab
from ..images.resize import enlarge
from ._files import Saved, read_arrays, read_saved, write_arrays
from .hints import Hint, Spreading, check_hints, correction

__all__ = ["ArrayColorizer", "Colorizer", "check_gray", "check_photos"]

_HINT_GRID = 64  # hints are spread on a grid of about so many places squared


class Colorizer(ABC):
    """A model that gives a gray image its colors.

    A subclass stores its settings in ``__init__``, keeps what it learns in `fit` in attributes that end in an
    underscore, and predicts a,b. Merging them with the gray image's lightness is done here, once for all models.

    Attributes
    ----------
    name : str
        Short name, as in the leaderboard's ``model`` column and in ``--model``.
    suffix : str
        Ending of the file that `save` writes.
    looks : tuple of str
        What `with_look` takes.
    """

    name: str
    suffix: str = ".npz"
    looks: tuple[str, ...] = ("natural",)

    @abstractmethod
    def fit(self, photos: np.ndarray) -> Self:
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
        """Predict the colors of one gray image, which may lie outside sRGB's gamut.

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
    def load(cls, path: str | Path) -> Self:
        """Read a model that `save` wrote.

        Raises
        ------
        ValueError
            If the file does not exist, is damaged, or holds a model of another kind.
        """
        return cls.restore(read_saved(path))

    @classmethod
    def restore(cls, saved: Saved) -> Self:
        """Make the fitted model of a file that is already open; see `load`."""
        about = saved.about
        if about["model"] != cls.name:
            raise ValueError(
                f"{saved.path} holds a model of the kind {about['model']!r}, not {cls.name!r}: use colorlib.load"
            )
        if unknown := about["settings"].keys() - _setting_names(cls):
            raise ValueError(
                f"{saved.path} has unknown settings ({', '.join(sorted(unknown))}): use the version of colorlib that "
                "saved it, or fit the model again"
            )
        model = cls(**about["settings"])
        try:
            model._restore_fitted(saved)
        except KeyError as error:
            raise ValueError(f"{saved.path} lacks {error}: fit the model and save it again") from error
        return model

    @abstractmethod
    def _restore_fitted(self, saved: Saved) -> None:
        """Restore what was learned from a file."""

    @property
    @abstractmethod
    def parameters(self) -> int:
        """Number of fitted parameters."""

    @property
    def settings(self) -> dict[str, Any]:
        """Arguments of the constructor by name: what was chosen, without what was learned."""
        return {name: getattr(self, name) for name in _setting_names(type(self))}

    def with_look(self, look: str) -> Self:
        """Return this model with another balance between the least error and colors as strong as true ones.

        Parameters
        ----------
        look : str
            One of `looks`: ``"natural"``, the model as it is, or ``"vivid"``.

        Raises
        ------
        ValueError
            If the model has no such look.
        """
        if look not in self.looks:
            raise ValueError(f"{self.name} has no look {look!r}: use one of {', '.join(self.looks)}")
        return self

    def colorize(self, gray: np.ndarray, chroma: float = 1.0, hints: Sequence[Hint] = ()) -> np.ndarray:
        """Color one gray image at its own size and its own L*.

        Parameters
        ----------
        gray : ndarray of float32, shape (H, W)
            sRGB-encoded gray in [0, 1].
        chroma : float
            Factor of the predicted a,b: below 1 for duller colors, above 1 for more vivid ones.
        hints : sequence of Hint
            Colors that are known, each of one pixel, which gets it at its own L*; what looks alike follows. Of a color
            that sRGB doesn't have at that L*, the nearest one of the same hue is taken.

        Returns
        -------
        ndarray of float32, shape (H, W, 3)
            sRGB in [0, 1].

        Raises
        ------
        ValueError
            If `gray` is not a 2-D array of finite numbers in [0, 1], or a hint is no color of one of its pixels.
        """
        gray = check_gray(gray)
        if len(hints):
            ab = self.predict_hinted_ab(gray, check_hints(hints, (gray.shape[0], gray.shape[1])), chroma)
        else:
            ab = self.predict_ab(gray)
            ab = ab if chroma == 1 else ab * np.float32(chroma)
        rgb, _ = merge_lab(gray_to_lightness(gray), ab)
        return rgb

    def predict_hinted_ab(
        self, gray: np.ndarray, hints: Sequence[Hint], chroma: float = 1.0, spreading: Spreading | None = None
    ) -> np.ndarray:
        """Predict the colors of one gray image, of which some are known.

        Parameters
        ----------
        gray : ndarray of float32, shape (H, W)
        hints : sequence of Hint
            See `check_hints` and `colorize`.
        chroma : float
            Factor of what is predicted, but not of the hints.
        spreading : Spreading, optional
            How far hints reach.

        Returns
        -------
        ndarray of float32, shape (H, W, 2)
            CIELAB a* and b*, which may lie outside sRGB's gamut.
        """
        shape = gray.shape
        ab = self.predict_ab(gray) * np.float32(chroma)
        scale = min(1.0, _HINT_GRID / math.sqrt(gray.size))
        grid = max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale))
        small = enlarge(np.dstack([gray_to_lightness(gray), ab]), grid, resampling=Image.Resampling.BOX)
        predicted = np.array([ab[hint.row, hint.column] for hint in hints])
        change = correction(small[..., 0], small[..., 1:], gray, hints, predicted=predicted, spreading=spreading)
        return ab + enlarge(change, shape)


def _setting_names(model: type[Colorizer]) -> list[str]:
    """List the parameters of a constructor, including those that it passes on to its base classes."""
    names: list[str] = []
    for kind in model.__mro__:
        if kind is not object and "__init__" in vars(kind):
            parameters = list(inspect.signature(vars(kind)["__init__"]).parameters.values())[1:]  # without self
            names += [parameter.name for parameter in parameters if parameter.kind != parameter.VAR_KEYWORD]
            if all(parameter.kind != parameter.VAR_KEYWORD for parameter in parameters):
                break
    return names


class ArrayColorizer(Colorizer):
    """A colorizer whose fitted attributes, named in `fitted`, are arrays and nothing else.

    Attributes
    ----------
    fitted : tuple of str
        Names of the attributes that `fit` sets and `save` keeps.
    """

    fitted: tuple[str, ...] = ()

    def save(self, path: str | Path) -> None:
        """Write the fitted model to one file, whole or not at all."""
        write_arrays(
            path, {name: getattr(self, name) for name in self.fitted}, {"model": self.name, "settings": self.settings}
        )

    @property
    def parameters(self) -> int:
        """Number of fitted parameters."""
        return sum(getattr(self, name).size for name in self.fitted)

    def _restore_fitted(self, saved: Saved) -> None:
        arrays = read_arrays(saved.path)
        for name in self.fitted:
            setattr(self, name, arrays[name])


def check_gray(gray: np.ndarray) -> np.ndarray:
    """Return a gray image as float32, or raise a ValueError that says what is wrong with it."""
    gray = np.asarray(gray)
    if gray.ndim != 2:
        raise ValueError(f"gray has shape {gray.shape}: a gray image is 2-D, (H, W); make one with to_gray(photo)")
    if gray.dtype.kind != "f":
        raise ValueError(f"gray is of type {gray.dtype}: convert 8-bit values with astype('float32') / 255 first")
    if gray.size == 0 or not (gray.min() >= 0 and gray.max() <= 1):  # also false for NaN
        raise ValueError("gray must hold finite values in [0, 1], and at least one")
    return gray.astype(np.float32, copy=False)


def check_photos(photos: np.ndarray, values: bool = True) -> np.ndarray:
    """Return photos as float32, or raise a ValueError that says what is wrong; `values` are not checked if False."""
    photos = np.asarray(photos)
    if photos.ndim != 4 or photos.shape[-1] != 3 or len(photos) == 0:
        raise ValueError(f"photos have shape {photos.shape}: they are (N, H, W, 3) with at least one photo")
    if photos.dtype.kind != "f":
        raise ValueError(f"photos are of type {photos.dtype}: convert 8-bit values with astype('float32') / 255 first")
    if values and not (photos.min() >= 0 and photos.max() <= 1):  # also false for NaN
        raise ValueError("photos must hold finite values in [0, 1]")
    return photos.astype(np.float32, copy=False)
