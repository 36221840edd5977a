"""A photo of your own, colored inside a notebook."""

import base64
import html
import io
import tempfile
from pathlib import Path
from typing import Any

import ipywidgets
import numpy as np
from PIL import Image

from ..color import rgb_to_lab
from ..images import ImageFile, PhotoError, read_image, resize_image, write_image
from ..models import Colorizer, Hint, find_model, load_model

__all__ = ["ColorYourPhoto"]

PREVIEW_SIDE = 640  # pixels of the longer side of the picture in the notebook
JPEG_QUALITY = 90
RING = 7  # pixels of the picture: radius of the ring around the place of a hint


class ColorYourPhoto:
    """Upload a photo, see it gray and colored with a slider between both, and download it at full size.

    Colors that are known can be given as hints: choose a place and a color, and what looks like that place follows.

    Parameters
    ----------
    model : Colorizer, optional
        By default the best one available, as in `colorlib.load`.
    photo : str or Path, optional
        Photo to start with.

    Attributes
    ----------
    widget : ipywidgets.VBox
        Widget to display.

    Raises
    ------
    ValueError
        If `photo` can't be read.
    """

    def __init__(self, model: Colorizer | None = None, photo: str | Path | None = None):
        self._model = load_model(find_model()) if model is None else model
        self._name = ""
        self._image: ImageFile | None = None
        self._preview_gray = self._preview_colored = np.zeros((1, 1, 3), np.float32)
        upload = ipywidgets.FileUpload(description="Choose a photo", accept="image/*")
        upload.observe(self._on_upload, names="value")
        style = {"description_width": "initial"}
        layout = ipywidgets.Layout(width=f"{PREVIEW_SIDE}px")
        self._border = ipywidgets.FloatSlider(
            0.5, min=0, max=1, step=0.01, description="gray ← → colored", style=style, layout=layout, readout=False
        )
        self._chroma = ipywidgets.FloatSlider(
            1, min=0, max=1.5, step=0.05, description="chroma", style=style, layout=layout, continuous_update=False
        )
        self._border.observe(lambda _: self._show(), names="value")
        self._chroma.observe(lambda _: self._color(), names="value")
        self._hints: list[tuple[float, float, float, float]] = []  # shares of the width and height, a, b
        self._across, self._down = (
            ipywidgets.FloatSlider(0.5, min=0, max=1, step=0.005, description=name, style=style, readout=False)
            for name in ("hint: across", "down")
        )
        self._pick = ipywidgets.ColorPicker(value="#a04030", description="has the color", style=style)
        for slider in (self._across, self._down):
            slider.observe(lambda _: self._show(), names="value")
        add, gray, undo = (ipywidgets.Button(description=name) for name in ("Add hint", "No color", "Undo"))
        add.on_click(lambda _: self._add_hint(self._pick.value))
        gray.on_click(lambda _: self._add_hint("#808080"))
        undo.on_click(lambda _: self._undo())
        hints = ipywidgets.VBox(
            [ipywidgets.HBox([self._across, self._down]), ipywidgets.HBox([self._pick, add, gray, undo])]
        )
        self._picture = ipywidgets.Image(format="jpeg")
        self._save = ipywidgets.Button(description="Full size", disabled=True)
        self._save.on_click(lambda _: self._offer())
        self._status = ipywidgets.HTML("The photo stays on this machine.")
        buttons = ipywidgets.HBox([upload, self._save])
        self.widget = ipywidgets.VBox([buttons, self._picture, self._border, self._chroma, hints, self._status])
        if photo is not None:
            self._open(Path(photo))

    def still(self) -> Image.Image:
        """Return the picture that the widget shows now, for pages without a kernel behind them."""
        return Image.open(io.BytesIO(self._picture.value))

    def colorize(self) -> np.ndarray:
        """Color the photo at full size, with the chroma of the slider and the hints.

        Returns
        -------
        ndarray of float32, shape (H, W, 3)
            sRGB in [0, 1].

        Raises
        ------
        ValueError
            If there is no photo yet.
        """
        if self._image is None:
            raise ValueError("there is no photo yet: choose one first")
        gray = self._image.gray()
        return self._model.colorize(gray, self._chroma.value, self._hints_on(gray.shape))

    def _on_upload(self, change: Any) -> None:
        for file in change["new"]:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / Path(file["name"]).name
                path.write_bytes(file["content"])
                try:
                    self._open(path)
                except PhotoError as error:
                    message = str(error).replace(str(path), file["name"])
                    self._status.value = html.escape(message)

    def _open(self, path: Path) -> None:
        self._image, self._name, self._hints = read_image(path), path.name, []
        gray = self._image.gray()
        scale = min(1.0, PREVIEW_SIDE / max(gray.shape))
        height, width = (max(1, round(side * scale)) for side in gray.shape)
        self._small = resize_image(gray, height, width)
        self._preview_gray = np.repeat(self._small[..., None], 3, axis=-1)
        self._save.disabled = False
        self._status.value = (
            f"{html.escape(self._name)}: {gray.shape[1]}×{gray.shape[0]} pixels. Its colors are guesses."
        )
        self._color()

    def _color(self) -> None:
        if self._image is not None:
            hints = self._hints_on(self._small.shape)
            self._preview_colored = self._model.colorize(self._small, self._chroma.value, hints)
            self._show()

    def _hints_on(self, shape: tuple[int, ...]) -> list[Hint]:
        """Find the pixels of the hints in the photo at some size."""
        return [Hint(*_pixel(down, across, shape), a, b) for across, down, a, b in self._hints]

    def _add_hint(self, color: str) -> None:
        """Say that the place of both sliders has a color, ``#rrggbb``, of which a* and b* count."""
        if self._image is None:
            return
        rgb = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)], np.float32) / 255
        _, a, b = map(float, rgb_to_lab(rgb))
        self._hints.append((self._across.value, self._down.value, a, b))
        self._color()

    def _undo(self) -> None:
        if self._hints:
            self._hints.pop()
            self._color()

    def _show(self) -> None:
        column = round(self._border.value * self._preview_gray.shape[1])
        shown = np.concatenate([self._preview_gray[:, :column], self._preview_colored[:, column:]], axis=1)
        for across, down in [*(hint[:2] for hint in self._hints), (self._across.value, self._down.value)]:
            _draw_ring(shown, *_pixel(down, across, shown.shape))
        buffer = io.BytesIO()
        Image.fromarray(np.rint(shown * 255).astype(np.uint8)).save(buffer, "JPEG", quality=JPEG_QUALITY)
        self._picture.value = buffer.getvalue()

    def _offer(self) -> None:
        """Color at full size, and offer the file as a link that downloads it."""
        if self._image is None:
            return
        name = f"{Path(self._name).stem}-colorized.png"
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            write_image(path, self.colorize(), self._image.opacity(), self._image.metadata, self._image.bits)
            content = base64.b64encode(path.read_bytes()).decode()
        shown = html.escape(name, quote=True)
        self._status.value = f'<a download="{shown}" href="data:image/png;base64,{content}">Download {shown}</a>'


def _pixel(down: float, across: float, shape: tuple[int, ...]) -> tuple[int, int]:
    return min(int(down * shape[0]), shape[0] - 1), min(int(across * shape[1]), shape[1] - 1)


def _draw_ring(image: np.ndarray, row: int, column: int) -> None:
    """Draw a ring around a pixel, black and white, in place."""
    top, left = max(0, row - RING), max(0, column - RING)
    part = image[top : row + RING + 1, left : column + RING + 1]
    rows, columns = np.indices(part.shape[:2])
    distance = np.hypot(rows + top - row, columns + left - column)
    part[(distance > RING - 2) & (distance <= RING)] = 0
    part[(distance > RING - 3.5) & (distance <= RING - 2)] = 1
