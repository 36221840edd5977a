"""Learning curves."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.typing import ColorType

from .images import WIDTH

__all__ = ["learning_curves"]


def learning_curves(
    curves: Mapping[str, tuple[np.ndarray, np.ndarray]],
    xlabel: str,
    ylabel: str,
    baselines: Mapping[str, float] | None = None,
    log_x: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """Draw curves, each labeled at its end, over dashed lines for what needs no learning.

    Parameters
    ----------
    curves : mapping of str to (x, y)
        Label → two arrays of equal length.
    xlabel, ylabel : str
    baselines : mapping of str to float, optional
        Label → y of a dashed line, such as the error of leaving the photo gray.
    log_x : bool
        Use a logarithmic x axis.
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    ax = ax if ax is not None else plt.subplots(figsize=(WIDTH, 3.2))[1]
    labels: list[tuple[float, str, ColorType]] = []
    for name, (x, y) in curves.items():
        (line,) = ax.plot(x, y, linewidth=1.8)
        labels.append((float(y[-1]), name, line.get_color()))
    for name, level in (baselines or {}).items():
        ax.axhline(level, color="0.45", linewidth=1, linestyle=(0, (4, 3)), zorder=0)
        labels.append((float(level), name, "0.35"))
    if log_x:
        ax.set_xscale("log")
    ax.margins(x=0)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    _label_right_edge(ax, labels)
    return ax


def _label_right_edge(ax: Axes, labels: list[tuple[float, str, ColorType]], line_points: float = 11) -> None:
    """Write labels (y, text, color) to the right of an Axes, moved apart where they would overlap."""
    to_axes = ax.transScale + ax.transLimits
    figure = ax.get_figure(root=True)
    assert figure is not None  # an Axes to draw on always has one
    height = ax.get_position().height * figure.get_figheight() * 72
    free_from = -np.inf
    for y, text, color in sorted(labels, key=lambda label: label[0]):
        points = to_axes.transform((ax.get_xlim()[1], y))[1] * height
        shift = max(0, free_from - points)
        free_from = points + shift + line_points
        ax.annotate(
            text,
            (1, y),
            xycoords=ax.get_yaxis_transform(),
            xytext=(5, shift),
            textcoords="offset points",
            color=color,
            va="center",
            annotation_clip=False,
        )
