"""Scores drawn on given Axes."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from matplotlib.typing import ColorType

__all__ = ["confusion_matrix", "error_map", "skill_against_colorfulness"]


def skill_against_colorfulness(rows: pd.DataFrame, ax: Axes) -> Axes:
    """Draw every model as a point: its skill against the distance from the true colorfulness.

    Parameters
    ----------
    rows : DataFrame
        Rows of `colorlib.scores.leaderboard.leaderboard` of one split, whose intervals are drawn as bars.
    ax : Axes

    Returns
    -------
    Axes
    """
    ax.axhline(0, color="0.7", linewidth=1, zorder=0)
    ax.axvline(0, color="0.7", linewidth=1, zorder=0)
    colors: list[ColorType] = []
    for row in rows.to_dict("records"):
        x, y = row["colorfulness_gap"], row["skill_db"]
        (point,) = ax.plot(x, y, "o", markersize=5.5)
        colors.append(point.get_color())
        bar: dict[str, Any] = {"color": colors[-1], "alpha": 0.3, "linewidth": 1}
        ax.plot([row["colorfulness_gap_low"], row["colorfulness_gap_high"]], [y, y], **bar)
        ax.plot([x, x], [row["skill_db_low"], row["skill_db_high"]], **bar)
    ax.set(xlabel="colorfulness gap: dull ← 0 is right → garish", ylabel="dB over leaving it gray")
    _label_points(ax, rows["colorfulness_gap"], rows["skill_db"], rows["model"], colors)
    return ax


def confusion_matrix(shares: pd.DataFrame, ax: Axes) -> Axes:
    """Draw a table of `colorlib.scores.mistakes.hue_confusion` in percent, true hues from top to bottom."""
    ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), share in np.ndenumerate(shares.to_numpy()):
        if share >= 0.005:
            ax.text(
                column,
                row,
                f"{share:.0%}",
                ha="center",
                va="center",
                fontsize=7,
                color="white" if share > 0.6 else "black",
            )
    ax.set_xticks(range(len(shares.columns)), shares.columns, rotation=45, ha="right")
    ax.set_yticks(range(len(shares)), shares.index)
    ax.set(xlabel="predicted", ylabel="true")
    ax.spines[:].set_visible(False)
    return ax


def error_map(delta_e: np.ndarray, ax: Axes, title: str = "", limit: float = 40) -> AxesImage:
    """Draw the CIEDE2000 of each pixel, from black at 0 to light yellow at `limit` and above.

    Returns
    -------
    AxesImage
        Mappable for a color bar.
    """
    image = ax.imshow(delta_e, cmap="inferno", vmin=0, vmax=limit)
    ax.set_title(title)
    ax.set_axis_off()
    return image


def _label_points(
    ax: Axes, xs: Iterable[float], ys: Iterable[float], labels: Iterable[str], colors: Iterable[ColorType]
) -> None:
    """Write a label beside each point, where it hides neither a point nor another label."""
    figure = ax.get_figure(root=True)
    assert figure is not None  # an Axes to draw on always has one
    size = np.array([ax.get_position().width, ax.get_position().height]) * figure.get_size_inches() * 72
    ax.set(xlim=ax.get_xlim(), ylim=ax.get_ylim())  # fixes the limits, on which the next line depends
    points = ax.transLimits.transform(np.column_stack([list(xs), list(ys)])) * size
    taken = [(*point - 4, *point + 4) for point in points]
    for point, label, color in zip(points, labels, colors, strict=True):
        width, height = 4.6 * len(label), 9
        places = [
            (side * 6 - (width if side < 0 else 0), up)
            for up in (-4.5, 5, -14, 14, -23, 23, 32, -32)
            for side in (1, -1)
        ]
        boxes = [(*(point + place), *(point + place + (width, height))) for place in places]
        free = [
            box
            for box in boxes
            if box[0] > 0 and box[2] < size[0] * 1.04 and not any(_overlap(box, other) for other in taken)
        ]
        box = (free or boxes)[0]
        taken.append(box)
        ax.annotate(label, np.array(box[:2]) / size, xycoords="axes fraction", color=color, fontsize=8)


def _overlap(box: tuple, other: tuple) -> bool:
    return box[0] < other[2] and other[0] < box[2] and box[1] < other[3] and other[1] < box[3]
