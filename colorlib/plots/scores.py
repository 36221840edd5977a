"""Scores drawn on given Axes."""

import itertools
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from matplotlib.patheffects import withStroke

from .words import in_words

__all__ = ["confusion_matrix", "error_map", "intervals", "skill_against_colorfulness"]

#: Marker and color of each model in turn; both differ, for whoever can't tell the colors apart.
_LOOKS = (
    ("o", "black"),
    ("s", "tab:blue"),
    ("D", "tab:orange"),
    ("^", "tab:green"),
    ("v", "tab:red"),
    ("P", "tab:purple"),
    ("X", "tab:brown"),
    ("*", "tab:cyan"),
    ("p", "tab:olive"),
    ("h", "tab:pink"),
    ("<", "tab:gray"),
)


def skill_against_colorfulness(rows: pd.DataFrame, ax: Axes, legend: bool = True) -> Axes:
    """Draw every model as a point: its skill against the distance from the true colorfulness.

    Points may lie on top of each other, so each has a marker of its own that is not filled, and a legend names them.

    Parameters
    ----------
    rows : DataFrame
        Rows of `colorlib.scores.leaderboard.leaderboard` of one split, whose intervals are drawn as bars.
    ax : Axes
    legend : bool
        Name the models to the right of `ax`.

    Returns
    -------
    Axes
    """
    ax.axhline(0, color="0.7", linewidth=1, zorder=0)
    ax.axvline(0, color="0.7", linewidth=1, zorder=0)
    for row, (marker, color) in zip(rows.to_dict("records"), itertools.cycle(_LOOKS)):
        x, y = row["colorfulness_gap"], row["skill_db"]
        bar: dict[str, Any] = {"color": color, "alpha": 0.3, "linewidth": 1}
        ax.plot([row["colorfulness_gap_low"], row["colorfulness_gap_high"]], [y, y], **bar)
        ax.plot([x, x], [row["skill_db_low"], row["skill_db_high"]], **bar)
        point: dict[str, Any] = {"color": color, "markerfacecolor": "none", "markersize": 8, "markeredgewidth": 1.8}
        ax.plot(x, y, marker, label=in_words(row["model"]), **point)
    ax.set(xlabel="colorfulness gap: dull ← 0 is right → garish", ylabel="dB over leaving it gray")
    if legend:
        ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=10)
    return ax


def intervals(rows: pd.DataFrame, column: str, ax: Axes, reference: float = 0.0) -> Axes:
    """Draw one score of every model as a point with its interval, one model a line, first model on top.

    Parameters
    ----------
    rows : DataFrame
        Rows of `colorlib.scores.leaderboard.leaderboard` of one split.
    column : str
        One of the scores with an interval, such as ``"skill_db"``.
    ax : Axes
    reference : float
        Score to compare with, drawn as a vertical line.

    Returns
    -------
    Axes
    """
    places = np.arange(len(rows))
    score = rows[column].to_numpy()
    ax.axvline(reference, color="0.6", linewidth=1, zorder=0)
    ax.hlines(places, rows[f"{column}_low"], rows[f"{column}_high"], color="tab:blue", linewidth=2.5, alpha=0.4)
    ax.plot(score, places, "o", color="tab:blue", markersize=5)
    ax.set_yticks(places, [in_words(name) for name in rows["model"]])
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.grid(axis="y", color="0.93")
    ax.set_axisbelow(True)
    ax.tick_params(axis="y", length=0, labelsize=10)  # readable on a telephone, too
    ax.spines["left"].set_visible(False)
    return ax


def confusion_matrix(shares: pd.DataFrame, ax: Axes) -> Axes:
    """Draw a table of `colorlib.scores.mistakes.hue_confusion` in percent, true hues from top to bottom.

    Shares that round to 0 are left blank.
    """
    ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), share in np.ndenumerate(shares.to_numpy()):
        if share >= 0.005:
            ax.text(
                column,
                row,
                f"{100 * share:.0f}",
                ha="center",
                va="center",
                fontsize=9,
                color="white" if share > 0.6 else "black",
            )
    ax.set_xticks(range(len(shares.columns)), shares.columns, rotation=45, ha="right")
    ax.set_yticks(range(len(shares)), shares.index)
    ax.set(xlabel="predicted", ylabel="true")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return ax


def error_map(delta_e: np.ndarray, ax: Axes, title: str = "", limit: float = 40) -> AxesImage:
    """Draw a color difference of each pixel, from black at 0 to light yellow at `limit` and above.

    Parameters
    ----------
    delta_e : ndarray, shape (H, W)
        CIEDE2000, for example, or the distance in a,b. Its mean is written into the picture's corner.
    ax : Axes
    title : str
    limit : float

    Returns
    -------
    AxesImage
        Mappable for a color bar.
    """
    image = ax.imshow(delta_e, cmap="inferno", vmin=0, vmax=limit)
    ax.text(
        0.03,
        0.04,
        f"{delta_e.mean():.1f}",
        transform=ax.transAxes,
        color="white",
        fontsize=10,
        path_effects=[withStroke(linewidth=2.5, foreground="black")],
    )
    ax.set_title(title)
    ax.set_axis_off()
    return image
