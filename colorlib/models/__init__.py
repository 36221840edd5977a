"""The colorization models, one file each, behind one interface; each is imported when it is first asked for."""

from importlib import import_module
from pathlib import Path

from .. import paths
from .base import Colorizer

__all__ = ["MODELS", "Colorizer", "model_class", "load_model", "saved_models", "find_model"]

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
    "unet": ("unet", "UNet"),
    "unet_classes": ("classes", "UNetClasses"),
    "unet_gan": ("adversarial", "UNetGAN"),
}
#: Saved models to color with unless told otherwise, the first choice first.
PREFERRED = ("unet", "cnn_early", "cnn")


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
        Named after the model, such as ``linear.npz``; what follows a ``-`` or ``_``, as in ``cnn_early.npz``, tells
        several of one model apart.

    Raises
    ------
    ValueError
        If the file is not named after a model, does not exist or is not what `save` writes.
    """
    path = Path(path)
    stem = path.stem
    named = [name for name in MODELS if stem == name or stem.startswith((f"{name}-", f"{name}_"))]
    if not named:
        raise ValueError(f"{path} is not named after a model: its name must begin with one of {', '.join(MODELS)}")
    return model_class(max(named, key=len)).load(path)


def saved_models() -> dict[str, Path]:
    """List the fitted models at hand: those of the report's last full run, and those in ``weights/`` before them."""
    folders = (paths.run_folder("unsplash36", "full") / "models", paths.WEIGHTS)
    return {file.stem: file for folder in folders for file in sorted(folder.glob("*"))
            if file.suffix in (".npz", ".keras") and "." not in file.stem}


def find_model(name: str | Path | None = None) -> Path:
    """Find the file of a fitted model.

    Parameters
    ----------
    name : str or Path, optional
        One of `saved_models`, or the path of a file that a model's `save` wrote. By default the first of `PREFERRED`
        that is at hand.

    Returns
    -------
    Path

    Raises
    ------
    ValueError
        If there is no such model.
    """
    saved = saved_models()
    if name is None:
        name = next((choice for choice in PREFERRED if choice in saved), None)
        if name is None:
            raise ValueError("no fitted model is there to color with: run `make report`, which fits them, or name the "
                             "file of one")
    if str(name) in saved:
        return saved[str(name)]
    if Path(name).is_file():
        return Path(name)
    known = f"use one of {', '.join(saved)}" if saved else "run `make report`, which fits them"
    raise ValueError(f"unknown model {str(name)!r}: {known}, or give the path of a saved model")
