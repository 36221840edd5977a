"""CIELAB drawn: channels in fitting colors, slices of sRGB's gamut."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from ..color import in_gamut, lab_to_rgb, lightness_to_gray, merge_lab, split_lab
from .images import image_axes, show_image

__all__ = ["ab_colormap", "channel_images", "gamut_slice"]

#: Ends of the a and b axes of colormaps and of slices of the gamut; sRGB fits in between.
AB_LIMIT = 110


def ab_colormap(channel: str, lightness: float = 62) -> LinearSegmentedColormap:
    """Make a colormap that shows each value of a* or b* in its color.

    Parameters
    ----------
    channel : {"a", "b"}
        ``"a"`` runs from green through gray to magenta-red, ``"b"`` from blue through gray to yellow.
    lightness : float
        L* of all its colors, which stay inside sRGB.

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
        a* and b* at the ends of the colormaps.

    Returns
    -------
    Figure
    """
    lightness, ab = split_lab(photo)
    figure, axes = image_axes([[photo] * 4], 4, title_height=0.55)
    show_image(photo, "photo", axes[0, 0])
    panels = (
        (lightness, "L*, lightness", "gray", (0, 100)),
        (ab[..., 0], "a*, green to red", ab_colormap("a"), (-limit, limit)),
        (ab[..., 1], "b*, blue to yellow", ab_colormap("b"), (-limit, limit)),
    )
    for ax, (values, title, colormap, limits) in zip(axes[0, 1:], panels, strict=True):
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
        L* in [0, 100]; outside the gamut, the plane is drawn in a paler gray of this L*.
    ax : Axes, optional
    limit : float
        a* and b* at the ends of the plane.
    pixels : int
        Number of pixels per axis.

    Returns
    -------
    Axes
    """
    ax = ax if ax is not None else plt.subplots()[1]
    axis = np.linspace(-limit, limit, pixels, dtype=np.float32)
    a, b = np.meshgrid(axis, axis)
    lab = np.stack([np.full_like(a, lightness), a, b], axis=-1)
    outside = 0.25 * lightness_to_gray(np.array(lightness, np.float32)) + 0.7
    colors = np.where(in_gamut(lab)[..., None], lab_to_rgb(lab), outside)
    ax.imshow(np.clip(colors, 0, 1), origin="lower", extent=(-limit, limit, -limit, limit))
    ax.axhline(0, color="black", linewidth=0.5, alpha=0.5)
    ax.axvline(0, color="black", linewidth=0.5, alpha=0.5)
    ax.set(title=f"L* = {lightness:g}", xticks=(-80, 0, 80), yticks=(-80, 0, 80))
    return ax
