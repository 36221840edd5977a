"""Drawing: every function draws on the Axes or figure it is given or makes, returns it, and neither shows nor saves."""

import matplotlib as mpl

__all__ = ["use_style"]


def use_style() -> None:
    """Set the look of all figures of the report."""
    mpl.rcParams.update({
        "figure.dpi": 110, "savefig.dpi": 110, "figure.constrained_layout.use": True, "figure.facecolor": "white",
        "font.size": 9, "axes.titlesize": 9, "axes.labelsize": 9, "legend.fontsize": 8, "legend.frameon": False,
        "axes.spines.top": False, "axes.spines.right": False, "image.interpolation": "nearest",
    })
