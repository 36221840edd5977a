"""colorlib: the library behind the report on colorizing grayscale photographs.

The modules, in the order in which data flows through them: `paths`, `color`, `imagefiles`, `photos`, `patches`,
`models`, `training`, `metrics`, `plots`, `results`. Nothing heavy is imported here, so that ``import colorlib`` takes
milliseconds; TensorFlow loads when a network is first built.
"""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .models import Colorizer

__all__ = ["load"]
__version__ = "0.1.0"

# TensorFlow reads this when it loads: without it, its start-up notices end up in notebooks and on the terminal.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Without this package, which comes with OpenVINO, importing OpenVINO tells nobody and writes nothing to $HOME.
sys.modules.setdefault("openvino_telemetry", None)


def load(name: str | Path | None = None) -> "Colorizer":
    """Load a fitted model, ready to color gray images: ``colorlib.load("unet").colorize(gray)``.

    Parameters
    ----------
    name : str or Path, optional
        Name of a model that ships in ``weights/`` or that the report's last full run fitted, or the path of a file
        that a model's `save` wrote; by default the best of those at hand, see `colorlib.models.find_model`.

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
