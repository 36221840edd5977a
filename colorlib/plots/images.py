"""Photos and gray images drawn.

A function that draws one panel takes an ``ax`` (of a new figure by default) and returns it; one that draws several
panels returns a new figure. Photos are sRGB in [0, 1], shape (H, W, 3); gray images are (H, W), in [0, 1].
"""

from collections.abc import Sequence

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

__all__ = ["WIDTH", "image_axes", "photo_grid", "show_image", "snapshot_strip", "triptych", "use_style", "value_grid"]

#: Width in inches of a figure that fills the report's text column.
WIDTH = 7.3


def use_style() -> None:
    """Set the look of all figures of the report."""
    mpl.rcParams.update(
        {
            "figure.dpi": 100,
            "savefig.dpi": 100,
            "figure.constrained_layout.use": True,
            "figure.facecolor": "white",
            "font.size": 9,
            "axes.titlesize": 9,
            "axes.labelsize": 9,
            "legend.fontsize": 8,
            "legend.frameon": False,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "image.interpolation": "auto",  # smooth, but for pixels that are shown large
            "svg.hashsalt": "colorlib",  # so that the same drawing is the same file
        }
    )


def show_image(image: np.ndarray, title: str = "", ax: Axes | None = None) -> Axes:
    """Draw one photo or gray image without axes.

    Parameters
    ----------
    image : ndarray, shape (H, W, 3) or (H, W)
        In [0, 1]; gray is drawn from black at 0 to white at 1, whatever its range.
    title : str
    ax : Axes, optional

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If the array has another shape.
    """
    image = np.asarray(image)
    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[-1] != 3):
        raise ValueError(f"an image of shape {image.shape} can't be drawn: give (H, W, 3) or (H, W)")
    ax = ax if ax is not None else plt.subplots()[1]
    ax.imshow(np.clip(image, 0, 1), cmap="gray", vmin=0, vmax=1)
    ax.set_title(title)
    ax.set_axis_off()
    return ax


def photo_grid(photos: Sequence[np.ndarray], titles: Sequence[str] | None = None, columns: int = 6) -> Figure:
    """Draw photos row by row, like a contact sheet.

    Parameters
    ----------
    photos : sequence of ndarray, each of shape (H, W, 3) or (H, W)
        At least one.
    titles : sequence of str, optional
        One per photo.
    columns : int
        Number of photos in a full row.

    Returns
    -------
    Figure
    """
    if len(photos) == 0 or (titles is not None and len(titles) != len(photos)):
        raise ValueError(
            f"{len(photos)} photos and {len(titles or ())} titles: give at least one photo, and either "
            "no titles or one per photo"
        )
    columns = min(columns, len(photos))
    titles = [""] * len(photos) if titles is None else list(titles)
    rows = [list(photos[start : start + columns]) for start in range(0, len(photos), columns)]
    figure, axes = image_axes(rows, columns, title_height=0.22 if any(titles) else 0.04)
    for ax, photo, title in zip(axes.flat, photos, titles, strict=False):
        show_image(photo, title, ax).title.set_fontsize(8 if columns <= 6 else 6.5)
    for ax in axes.flat[len(photos) :]:
        ax.set_axis_off()
    return figure


def snapshot_strip(
    rows: Sequence[Sequence[np.ndarray]], column_titles: Sequence[str] = (), row_titles: Sequence[str] = ()
) -> Figure:
    """Draw a table of images: one row per photo, one column per stage, model or moment of training.

    Parameters
    ----------
    rows : sequence of sequences of ndarray
        Images of shape (H, W, 3) or (H, W); rows of equal length.
    column_titles : sequence of str
        Above the first row; none by default.
    row_titles : sequence of str
        Left of the first column; none by default.

    Returns
    -------
    Figure
    """
    lengths = {len(row) for row in rows}
    if len(lengths) != 1 or 0 in lengths:
        raise ValueError(f"rows hold {[len(row) for row in rows]} images: give at least one row, all of one length")
    figure, axes = image_axes(
        rows, lengths.pop(), title_height=0.04, top=0.2 if column_titles else 0, left=0.22 if row_titles else 0
    )
    for row, row_axes in zip(rows, axes, strict=True):
        for image, ax in zip(row, row_axes, strict=True):
            show_image(image, ax=ax)
    for ax, title in zip(axes[0], column_titles, strict=False):
        ax.set_title(title)
    for ax, title in zip(axes[:, 0], row_titles, strict=False):
        ax.text(-0.04, 0.5, title, transform=ax.transAxes, rotation=90, ha="right", va="center")
    return figure


def triptych(
    gray: np.ndarray, predicted: np.ndarray, true: np.ndarray, titles: Sequence[str] = ("gray", "colorized", "true")
) -> Figure:
    """Draw a gray image, its colorization and the true photo side by side."""
    return snapshot_strip([[gray, predicted, true]], titles)


def value_grid(
    values: np.ndarray,
    spec: str = ".2f",
    colormap: str = "gray",
    limits: tuple[float, float] = (0, 1),
    ax: Axes | None = None,
) -> Axes:
    """Draw a small matrix as colored squares with its values in them.

    Parameters
    ----------
    values : ndarray, shape (rows, columns)
        For example a 3×3 neighborhood, or the nine coefficients that a linear model gives it.
    spec : str
        Format specification of the values.
    colormap : str
    limits : tuple of float
        Values at the ends of the colormap.
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    ax = ax if ax is not None else plt.subplots()[1]
    image = ax.imshow(values, cmap=colormap, vmin=limits[0], vmax=limits[1])
    for (row, column), value in np.ndenumerate(values):
        red, green, blue, _ = image.cmap(image.norm(value))
        dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
        ax.text(column, row, format(value, spec), ha="center", va="center", color="white" if dark else "black")
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    return ax


def image_axes(
    rows: Sequence[Sequence[np.ndarray]], columns: int, title_height: float, top: float = 0, left: float = 0
) -> tuple[Figure, np.ndarray]:
    """Make a figure of the report's width whose Axes fit rows of images, with these inches for text."""
    width = (WIDTH - left) / columns
    heights = [max(np.shape(image)[0] / np.shape(image)[1] for image in row) * width for row in rows]
    figure, axes = plt.subplots(
        len(rows),
        columns,
        squeeze=False,
        height_ratios=heights,
        figsize=(WIDTH, sum(heights) + title_height * len(rows) + top),
        layout=ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02, wspace=0.01, hspace=0.01),
    )
    return figure, axes
