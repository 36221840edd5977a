"""A color mixed with sliders of CIELAB, inside a notebook."""

import io

import ipywidgets
import numpy as np
from PIL import Image

from ..color import in_gamut, merge_lab

__all__ = ["LabSliders"]

WIDTH, TRACK, SWATCH, GAP = 600, 28, 90, 8  # pixels
#: Name of each slider → its least and its greatest value.
RANGES = {"L*": (0, 100), "a*": (-110, 110), "b*": (-110, 110)}


class LabSliders:
    """Sliders for L*, a* and b*, and the color that they make.

    Each slider lies on the colors that moving it alone would give, gray where sRGB has no such color; the swatch below
    shows the color itself, with its chroma reduced to what sRGB has.

    Parameters
    ----------
    lightness : float
        L* to start with, in [0, 100].
    a, b : float
        a* and b* to start with, in [-110, 110].

    Attributes
    ----------
    widget : ipywidgets.VBox
        Widget to display.
    """

    def __init__(self, lightness: float = 60, a: float = 30, b: float = 30):
        self._sliders = [
            ipywidgets.FloatSlider(value, min=low, max=high, step=1, description=name, layout={"width": f"{WIDTH}px"})
            for value, (name, (low, high)) in zip((lightness, a, b), RANGES.items(), strict=True)
        ]
        for slider in self._sliders:
            slider.observe(lambda _: self._show(), names="value")
        self._picture, self._status = ipywidgets.Image(format="png"), ipywidgets.HTML()
        self.widget = ipywidgets.VBox([*self._sliders, self._picture, self._status])
        self._show()

    def still(self) -> Image.Image:
        """Return the picture that the widget shows now, for pages without a kernel behind them."""
        return Image.open(io.BytesIO(self._picture.value))

    @property
    def lab(self) -> np.ndarray:
        """The color of the sliders: L*, a* and b*, shape (3,)."""
        return np.array([slider.value for slider in self._sliders], np.float32)

    def _track(self, moved: int) -> np.ndarray:
        """Return the colors that one slider would give, (TRACK, WIDTH, 3), with a mark where it stands."""
        low, high = list(RANGES.values())[moved]
        lab = np.tile(self.lab, (WIDTH, 1))
        lab[:, moved] = np.linspace(low, high, WIDTH)
        colors = np.where(in_gamut(lab)[:, None], _color(lab), 0.85)
        track = np.tile(colors, (TRACK, 1, 1))
        place = round((self.lab[moved] - low) / (high - low) * (WIDTH - 1))
        track[:, max(0, place - 2) : place + 3] = 1
        track[:, place : place + 1] = 0
        return track

    def _show(self) -> None:
        lab = self.lab[None]
        swatch = np.tile(_color(lab), (SWATCH, WIDTH, 1))
        gap = np.ones((GAP, WIDTH, 3))
        picture = np.concatenate([part for moved in range(3) for part in (self._track(moved), gap)] + [swatch])
        file = io.BytesIO()
        Image.fromarray(np.rint(picture * 255).astype(np.uint8)).save(file, "PNG")
        self._picture.value = file.getvalue()
        red, green, blue = np.rint(255 * swatch[0, 0]).astype(int)
        outside = "" if in_gamut(lab)[0] else "; sRGB has no such color: the swatch has less chroma"
        self._status.value = f"R {red}, G {green}, B {blue}; chroma {np.hypot(*self.lab[1:]):.0f}{outside}"


def _color(lab: np.ndarray) -> np.ndarray:
    return merge_lab(lab[:, 0], lab[:, 1:])[0]
