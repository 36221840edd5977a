"""A figure as a file, and as Jupyter displays it: lines and letters as SVG, pixels as JPEG."""

import base64
import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL import Image

PICTURE_DPI = 200  # twice the density at which pages show figures


class Drawing:
    """An SVG that Jupyter displays with an alternative text."""

    suffix, kind = ".svg", "image/svg+xml"

    def __init__(self, content: bytes, alt: str):
        self.content, self._alt = content, alt

    def _repr_mimebundle_(self, include=None, exclude=None):
        return {self.kind: self.shown(), "text/plain": self._alt}, {self.kind: {"alt": self._alt}}

    def shown(self) -> str:
        """Return what Jupyter displays."""
        return self.content.decode()


class Picture(Drawing):
    """A JPEG that Jupyter displays at half its size, with an alternative text."""

    suffix, kind = ".jpg", "image/jpeg"

    def __init__(self, png: bytes, alt: str):
        from PIL import Image

        self._picture = Image.open(io.BytesIO(png)).convert("RGB")  # without Matplotlib's unused alpha channel
        super().__init__(self._jpeg(self._picture, quality=90, subsampling=0), alt)

    def shown(self) -> str:
        return base64.b64encode(self._jpeg(self._picture.reduce(2), quality=85)).decode()

    @staticmethod
    def _jpeg(picture: "Image.Image", **options: Any) -> bytes:
        file = io.BytesIO()
        picture.save(file, "JPEG", optimize=True, **options)
        return file.getvalue()


def show_figure(figure: "Figure", alt: str, exact_colors: bool = False) -> Drawing:
    """Draw a figure with an alternative text and close it; see `colorlib.pipeline.Run.record_figure`.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    alt : str
        What the figure shows, in a sentence, for readers who can't see it.
    exact_colors : bool
        Whether colors in it stand for themselves though none of it is an image.

    Returns
    -------
    object
        What a notebook displays.
    """
    import matplotlib.pyplot as plt
    from matplotlib.image import AxesImage

    file = io.BytesIO()
    is_picture = exact_colors or bool(figure.findobj(AxesImage))
    if is_picture:
        figure.savefig(file, format="png", bbox_inches="tight", facecolor="white", dpi=PICTURE_DPI)
    else:
        figure.savefig(
            file, format="svg", bbox_inches="tight", transparent=True, dpi=PICTURE_DPI, metadata={"Date": None}
        )
    plt.close(figure)
    return Picture(file.getvalue(), alt) if is_picture else Drawing(file.getvalue(), alt)
