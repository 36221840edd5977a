"""Drawing: every function returns what it drew and neither shows nor saves.

A function that draws one panel takes an ``ax`` (a new figure's by default) and returns it; one that draws several
panels makes a figure and returns that. Photos are sRGB in [0, 1], shape (H, W, 3); gray images are (H, W), in [0, 1].
"""

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from .color import in_gamut, lab_to_rgb, lightness_to_gray, merge_lab, split_lab

__all__ = ["WIDTH", "use_style", "show_image", "photo_grid", "snapshot_strip", "triptych", "channel_images",
           "ab_colormap", "gamut_slice", "value_grid", "learning_curves"]

#: Width in inches of a figure that fills the report's text column.
WIDTH = 7.3
#: Ends of the a and b axes that the colormaps and the slices of the gamut show; sRGB fits in between.
AB_LIMIT = 110


def use_style() -> None:
    """Set the look of all figures of the report."""
    mpl.rcParams.update({
        "figure.dpi": 100, "savefig.dpi": 100, "figure.constrained_layout.use": True, "figure.facecolor": "white",
        "font.size": 9, "axes.titlesize": 9, "axes.labelsize": 9, "legend.fontsize": 8, "legend.frameon": False,
        "axes.spines.top": False, "axes.spines.right": False, "image.interpolation": "nearest",
    })


def show_image(image: np.ndarray, title: str = "", ax: Axes | None = None) -> Axes:
    """Draw one photo or gray image without axes.

    Parameters
    ----------
    image : ndarray, shape (H, W, 3) or (H, W)
        In [0, 1]; gray from black at 0 to white at 1, whatever range it has.
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
    if image.ndim not in (2, 3) or image.ndim == 3 and image.shape[-1] != 3:
        raise ValueError(f"an image of shape {image.shape} can't be drawn: give (H, W, 3) or (H, W)")
    ax = ax if ax is not None else plt.subplots()[1]
    ax.imshow(np.clip(image, 0, 1), cmap="gray", vmin=0, vmax=1)
    ax.set_title(title)
    ax.set_axis_off()
    return ax


def photo_grid(photos: Sequence[np.ndarray], titles: Sequence[str] | None = None, columns: int = 6) -> Figure:
    """Draw photos row by row, as on a contact sheet.

    Parameters
    ----------
    photos : sequence of ndarray, each of shape (H, W, 3) or (H, W)
        At least one.
    titles : sequence of str, optional
        One a photo.
    columns : int
        How many photos a full row has.

    Returns
    -------
    Figure
    """
    if len(photos) == 0 or titles is not None and len(titles) != len(photos):
        raise ValueError(f"{len(photos)} photos and {len(titles or ())} titles: give at least one photo, and either "
                         "no titles or one a photo")
    columns = min(columns, len(photos))
    titles = [""] * len(photos) if titles is None else list(titles)
    rows = [list(photos[start:start + columns]) for start in range(0, len(photos), columns)]
    figure, axes = _image_axes(rows, columns, title_height=0.22 if any(titles) else 0.04)
    for ax, photo, title in zip(axes.flat, photos, titles):
        show_image(photo, title, ax).title.set_fontsize(8 if columns <= 6 else 6.5)
    for ax in axes.flat[len(photos):]:
        ax.set_axis_off()
    return figure


def snapshot_strip(rows: Sequence[Sequence[np.ndarray]], column_titles: Sequence[str] = (),
                   row_titles: Sequence[str] = ()) -> Figure:
    """Draw a table of images: one row a photo, one column a stage, a model or a moment of training.

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
    figure, axes = _image_axes(rows, lengths.pop(), title_height=0.04, top=0.2 if column_titles else 0,
                               left=0.22 if row_titles else 0)
    for row, row_axes in zip(rows, axes):
        for image, ax in zip(row, row_axes):
            show_image(image, ax=ax)
    for ax, title in zip(axes[0], column_titles):
        ax.set_title(title)
    for ax, title in zip(axes[:, 0], row_titles):
        ax.text(-0.04, 0.5, title, transform=ax.transAxes, rotation=90, ha="right", va="center")
    return figure


def triptych(gray: np.ndarray, predicted: np.ndarray, true: np.ndarray,
             titles: Sequence[str] = ("gray", "colorized", "true")) -> Figure:
    """Draw a gray image, its colorization and the true photo side by side."""
    return snapshot_strip([[gray, predicted, true]], titles)


def ab_colormap(channel: str, lightness: float = 62) -> LinearSegmentedColormap:
    """Make the colormap that shows each value of a* or b* in the color it stands for.

    Parameters
    ----------
    channel : {"a", "b"}
        ``"a"`` runs from green over gray to magenta-red, ``"b"`` from blue over gray to yellow.
    lightness : float
        L* of all its colors, which are kept inside sRGB.

    Returns
    -------
    LinearSegmentedColormap
    """
    if channel not in ("a", "b"):
        raise ValueError(f"unknown channel {channel!r}: use 'a' or 'b'")
    ab = np.zeros((257, 2), np.float32)
    ab[:, "ab".index(channel)] = np.linspace(-AB_LIMIT, AB_LIMIT, 257)
    colors, _ = merge_lab(np.full(257, lightness, np.float32), ab)
    return LinearSegmentedColormap.from_list(f"lab_{channel}", colors, 257)


def channel_images(photo: np.ndarray, limit: float = 80) -> Figure:
    """Draw a photo and its L*, a* and b*, each in fitting colors.

    Parameters
    ----------
    photo : ndarray, shape (H, W, 3)
    limit : float
        The a* and b* at which the colormaps end.

    Returns
    -------
    Figure
    """
    lightness, ab = split_lab(photo)
    figure, axes = _image_axes([[photo] * 4], 4, title_height=0.55)
    show_image(photo, "photo", axes[0, 0])
    panels = ((lightness, "L*, lightness", "gray", (0, 100)),
              (ab[..., 0], "a*, green to red", ab_colormap("a"), (-limit, limit)),
              (ab[..., 1], "b*, blue to yellow", ab_colormap("b"), (-limit, limit)))
    for ax, (values, title, colormap, limits) in zip(axes[0, 1:], panels):
        image = ax.imshow(values, cmap=colormap, vmin=limits[0], vmax=limits[1])
        ax.set_title(title)
        ax.set_axis_off()
        bar = figure.colorbar(image, cax=ax.inset_axes([0.1, -0.08, 0.8, 0.04]), orientation="horizontal")
        bar.set_ticks([limits[0], sum(limits) / 2, limits[1]])
        bar.outline.set_visible(False)
    return figure


def gamut_slice(lightness: float, ax: Axes | None = None, limit: float = AB_LIMIT, pixels: int = 221) -> Axes:
    """Draw the a,b plane at one lightness, each point in its own color where sRGB has it.

    Parameters
    ----------
    lightness : float
        L* in [0, 100]; outside the gamut the plane is shown in the gray of this L*, made paler.
    ax : Axes, optional
    limit : float
        The a* and b* at which the plane ends.
    pixels : int
        How finely it is drawn.

    Returns
    -------
    Axes
    """
    ax = ax if ax is not None else plt.subplots()[1]
    axis = np.linspace(-limit, limit, pixels, dtype=np.float32)
    a, b = np.meshgrid(axis, axis)
    lab = np.stack([np.full_like(a, lightness), a, b], axis=-1)
    outside = 0.25 * lightness_to_gray(np.float32(lightness)) + 0.7
    colors = np.where(in_gamut(lab)[..., None], lab_to_rgb(lab), outside)
    ax.imshow(np.clip(colors, 0, 1), origin="lower", extent=(-limit, limit, -limit, limit))
    ax.axhline(0, color="black", linewidth=0.5, alpha=0.5)
    ax.axvline(0, color="black", linewidth=0.5, alpha=0.5)
    ax.set(title=f"L* = {lightness:g}", xticks=(-80, 0, 80), yticks=(-80, 0, 80))
    return ax


def value_grid(values: np.ndarray, spec: str = ".2f", colormap: str = "gray", limits: tuple[float, float] = (0, 1),
               ax: Axes | None = None) -> Axes:
    """Draw a small matrix as colored squares with its values written into them.

    Parameters
    ----------
    values : ndarray, shape (rows, columns)
        A 3×3 neighbourhood, say, or the nine coefficients that a linear model gives it.
    spec : str
        Format specification of a written value.
    colormap : str
    limits : tuple of float
        Values at the two ends of the colormap.
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


def learning_curves(curves: Mapping[str, tuple[np.ndarray, np.ndarray]], xlabel: str, ylabel: str,
                    baselines: Mapping[str, float] | None = None, log_x: bool = False,
                    ax: Axes | None = None) -> Axes:
    """Draw one line a curve, each labelled at its end, over dashed lines for what needs no learning.

    Parameters
    ----------
    curves : mapping of str to (x, y)
        What the label says → two arrays of equal length.
    xlabel, ylabel : str
    baselines : mapping of str to float, optional
        Label → y of a dashed line, such as the error of leaving the photo gray.
    log_x : bool
        Space the steps logarithmically.
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    ax = ax if ax is not None else plt.subplots(figsize=(WIDTH, 3.2))[1]
    labels = []
    for name, (x, y) in curves.items():
        line, = ax.plot(x, y, linewidth=1.8)
        labels.append((float(y[-1]), name, line.get_color()))
    for name, y in (baselines or {}).items():
        ax.axhline(y, color="0.45", linewidth=1, linestyle=(0, (4, 3)), zorder=0)
        labels.append((float(y), name, "0.35"))
    if log_x:
        ax.set_xscale("log")
    ax.margins(x=0)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    _label_right_edge(ax, labels)
    return ax


def _label_right_edge(ax: Axes, labels: list[tuple[float, str, str]], line_points: float = 11) -> None:
    """Write (y, text, color) labels right of an Axes, at their y, moved apart where they would overlap."""
    to_axes = ax.transScale + ax.transLimits
    height = ax.get_position().height * ax.figure.get_figheight() * 72
    free_from = -np.inf
    for y, text, color in sorted(labels):
        points = to_axes.transform((ax.get_xlim()[1], y))[1] * height
        shift = max(0, free_from - points)
        free_from = points + shift + line_points
        ax.annotate(text, (1, y), xycoords=ax.get_yaxis_transform(), xytext=(5, shift), textcoords="offset points",
                    color=color, va="center", annotation_clip=False)


def _image_axes(rows: Sequence[Sequence[np.ndarray]], columns: int, title_height: float, top: float = 0,
                left: float = 0) -> tuple[Figure, np.ndarray]:
    """Make a figure of the report's width whose Axes fit rows of images, with these inches of room for text."""
    width = (WIDTH - left) / columns
    heights = [max(np.shape(image)[0] / np.shape(image)[1] for image in row) * width for row in rows]
    figure, axes = plt.subplots(len(rows), columns, squeeze=False, height_ratios=heights,
                                figsize=(WIDTH, sum(heights) + title_height * len(rows) + top), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0.01, hspace=0.01)
    return figure, axes
