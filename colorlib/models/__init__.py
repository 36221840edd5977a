"""The colorization models, one file each, behind one interface; each is imported when it is first asked for."""

from importlib import import_module
from pathlib import Path

from .base import Colorizer

__all__ = ["MODELS", "Colorizer", "model_class", "load_model"]

#: Name of a model -> module of this package and class in it.
MODELS = {
    "gray": ("baselines", "GrayBaseline"),
    "mean_color": ("baselines", "MeanColor"),
    "mean_by_lightness": ("baselines", "MeanColorByLightness"),
    "random_photo": ("baselines", "RandomPhotoColors"),
    "welsh": ("baselines", "NearestTransfer"),
    "linear": ("linear", "LinearPatches"),
    "mlp": ("mlp", "PerceptronPatches"),
    "cnn": ("cnn", "ConvNet"),
}


def model_class(name: str) -> type[Colorizer]:
    """Return the class of a model.

    Parameters
    ----------
    name : str
        One of `MODELS`.

    Raises
    ------
    ValueError
        If there is no such model.
    """
    if name not in MODELS:
        raise ValueError(f"unknown model {name!r}: use one of {', '.join(MODELS)}")
    module, class_name = MODELS[name]
    return getattr(import_module(f".{module}", __name__), class_name)


def load_model(path: str | Path) -> Colorizer:
    """Load a fitted model from the file that its `save` wrote, whatever model it is.

    Parameters
    ----------
    path : str or Path
        Named after the model, such as ``linear.npz``; what follows a ``-``, as in ``cnn-seed1.keras``, tells several
        of one model apart.

    Raises
    ------
    ValueError
        If the file is not named after a model, does not exist or is not what `save` writes.
    """
    path = Path(path)
    return model_class(path.stem.split("-")[0]).load(path)
