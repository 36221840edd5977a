"""colorlib: grayscale photographs colored, and the library behind the report on how well that can be done.

What a student reads is `color`, `images`, `photos`, `training`, `models`, `scores` and `plots`, in the order in which
data flows. `widgets`, `commands` and `pipeline` are the machinery: for notebooks, for the command line, and what
executes and publishes the report. Nothing heavy is imported here, so that ``import colorlib`` takes milliseconds.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .models import Colorizer

__all__ = ["load"]
__version__ = "0.2.0"


def load(name: str | Path | None = None) -> "Colorizer":
    """Load a fitted model, ready to color gray images: ``colorlib.load("unet").colorize(gray)``.

    Parameters
    ----------
    name : str or Path, optional
        Name of a model that ships with the library or that the report's last full run fitted, or the path of a file
        that a model's `save` wrote; by default the best one available, see `colorlib.models.find_model`.

    Returns
    -------
    Colorizer

    Raises
    ------
    ValueError
        If there is no such model, or its file is damaged.
    """
    from .models import find_model, load_model

    return load_model(find_model(name))
