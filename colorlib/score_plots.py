"""Drawing scores: every function draws on the Axes it is given, returns it, and neither shows nor saves."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

__all__ = ["skill_against_colorfulness", "confusion_matrix", "error_map"]


def skill_against_colorfulness(rows: pd.DataFrame, ax: Axes) -> Axes:
    """Draw every model as a point: how far from leaving it gray, against how far from the true colorfulness.

    Parameters
    ----------
    rows : DataFrame
        Rows of one split of `colorlib.evaluation.leaderboard`, whose intervals are drawn as bars.
    ax : Axes

    Returns
    -------
    Axes
    """
    ax.axhline(0, color="0.7", linewidth=1, zorder=0)
    ax.axvline(0, color="0.7", linewidth=1, zorder=0)
    for row in rows.itertuples():
        x, y = row.colorfulness_gap, row.skill_db
        point = ax.errorbar(x, y, xerr=[[x - row.colorfulness_gap_low], [row.colorfulness_gap_high - x]],
                            yerr=[[y - row.skill_db_low], [row.skill_db_high - y]], fmt="o", markersize=5,
                            elinewidth=0.8, alpha=0.9)
        ax.annotate(row.model, (x, y), xytext=(5, 4), textcoords="offset points", color=point[0].get_color())
    ax.set(xlabel="colorfulness gap: dull ← 0 is right → garish", ylabel="dB over leaving it gray")
    return ax


def confusion_matrix(shares: pd.DataFrame, ax: Axes) -> Axes:
    """Draw what `colorlib.mistakes.hue_confusion` found, in percent, true hues from top to bottom."""
    ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), share in np.ndenumerate(shares.to_numpy()):
        if share >= 0.005:
            ax.text(column, row, f"{share:.0%}", ha="center", va="center", fontsize=7,
                    color="white" if share > 0.6 else "black")
    ax.set_xticks(range(len(shares.columns)), shares.columns, rotation=45, ha="right")
    ax.set_yticks(range(len(shares)), shares.index)
    ax.set(xlabel="predicted", ylabel="true")
    ax.spines[:].set_visible(False)
    return ax


def error_map(delta_e: np.ndarray, ax: Axes, title: str = "", limit: float = 40):
    """Draw the CIEDE2000 of each pixel, from black at 0 to light yellow at ``limit`` and above.

    Returns
    -------
    AxesImage
        For a color bar.
    """
    image = ax.imshow(delta_e, cmap="inferno", vmin=0, vmax=limit)
    ax.set_title(title)
    ax.set_axis_off()
    return image
