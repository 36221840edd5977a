"""A photo side by side: gray, colorized and, if it had colors, true."""

import io

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..images import ImageFile, resize_image

__all__ = ["SHEET_GAP", "SHEET_TITLE", "Sheet", "scaled"]

SHEET_PANEL = 640  # pixels of the longer side of a photo
LEAST_SIDE = 16  # pixels of its shorter side, so that there is something to see of a very narrow one
SHEET_TITLE, SHEET_GAP = 44, 12  # pixels: height of the titles, space between panels


class Sheet:
    """A sheet that keeps small copies of its photos, whatever their size.

    Parameters
    ----------
    gray : ndarray of float32, shape (H, W)
        In [0, 1].
    image : ImageFile
        The photo as it was, perhaps of another size.
    """

    def __init__(self, gray: np.ndarray, image: ImageFile):
        height, width = scaled(gray.shape, min(SHEET_PANEL, max(gray.shape)))
        self._size = max(height, LEAST_SIDE), max(width, LEAST_SIDE)
        self._gray = self._small(gray[..., None])
        has_color = image.has_color()
        self._true = self._small(image.pixels, np.iinfo(image.pixels.dtype).max) if has_color else None

    def jpeg(self, rgb: np.ndarray) -> bytes:
        """Draw the sheet with the colorized photo, sRGB in [0, 1], and return it as a JPEG file's content."""
        panels = {"gray": np.repeat(self._gray, 3, axis=-1), "colorized": self._small(rgb)}
        if self._true is not None:
            panels["true"] = self._true
        height, width = self._size
        font = ImageFont.load_default(SHEET_TITLE // 2)
        column = max(width, round(max(font.getlength(title) for title in panels)))
        sheet = Image.new(
            "RGB", (len(panels) * (column + SHEET_GAP) + SHEET_GAP, height + SHEET_TITLE + SHEET_GAP), "white"
        )
        draw = ImageDraw.Draw(sheet)
        for i, (title, panel) in enumerate(panels.items()):
            left = SHEET_GAP + i * (column + SHEET_GAP)
            draw.text((left + column / 2, SHEET_TITLE / 2), title, fill="black", font=font, anchor="mm")
            sheet.paste(Image.fromarray(panel), (left + (column - width) // 2, SHEET_TITLE))
        buffer = io.BytesIO()
        sheet.save(buffer, "JPEG", quality=90)
        return buffer.getvalue()

    def _small(self, pixels: np.ndarray, peak: float = 1) -> np.ndarray:
        """Shrink a photo of shape (H, W, C), one channel after the other, since a large one takes much memory."""
        planes = [resize_image(pixels[..., i] / np.float32(peak), *self._size) for i in range(pixels.shape[-1])]
        return np.rint(np.stack(planes, axis=-1) * 255).astype(np.uint8)


def scaled(shape: tuple[int, ...], longer_side: int) -> tuple[int, int]:
    """Return the height and width of an image scaled to a longer side of this many pixels."""
    height, width = (max(1, round(side * longer_side / max(shape))) for side in shape)
    return height, width
