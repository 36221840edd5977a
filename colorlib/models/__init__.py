"""The colorization models, one file each, behind one interface; each is imported when it is first needed."""

from importlib import import_module
from pathlib import Path

from .. import paths
from ._base import Colorizer
from ._files import read_saved
from ._patches import gray_patches, patch_table, patch_targets
from .hints import Hint

__all__ = [
    "MODELS",
    "Colorizer",
    "Hint",
    "find_model",
    "gray_patches",
    "load_model",
    "model_class",
    "patch_table",
    "patch_targets",
    "saved_models",
]

#: Name of a model → module of this package and class in it.
MODELS = {
    "gray": ("baselines", "Gray"),
    "mean_color": ("baselines", "MeanColor"),
    "mean_by_lightness": ("baselines", "MeanByLightness"),
    "random_photo": ("baselines", "RandomPhoto"),
    "welsh": ("baselines", "Welsh"),
    "linear": ("linear", "Linear"),
    "mlp": ("mlp", "MLP"),
    "cnn": ("cnn", "CNN"),
    "cnn_course": ("cnn_course", "CNNCourse"),
    "unet": ("unet", "UNet"),
    "unet_classes": ("unet_classes", "UNetClasses"),
    "unet_gan": ("unet_gan", "UNetGAN"),
}
#: Saved models to color with by default, best first.
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
    """Load a fitted model from the file that its `save` wrote, whatever model it is and whatever the file is called.

    Parameters
    ----------
    path : str or Path

    Raises
    ------
    ValueError
        If the file does not exist, is damaged or is not what a model's `save` writes.
    """
    saved = read_saved(path)
    kind = saved.about["model"]
    if kind not in MODELS:
        raise ValueError(f"{path} holds a model of the unknown kind {kind!r}: use a version of colorlib that has it")
    return model_class(kind).restore(saved)


def saved_models() -> dict[str, Path]:
    """List the fitted models available: those that ship, and those of the report's last full run."""
    folders = (paths.run_folder("unsplash36", "full") / "models", paths.WEIGHTS)
    return {
        file.stem: file
        for folder in folders
        for file in sorted(folder.glob("*"))
        if file.suffix in (".npz", ".onnx") and "." not in file.stem
    }


def find_model(name: str | Path | None = None) -> Path:
    """Find the file of a fitted model.

    Parameters
    ----------
    name : str or Path, optional
        One of `saved_models`, or the path of a file that a model's `save` wrote. By default the first available of
        `PREFERRED`.

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
            raise ValueError(
                "there is no fitted model to color with: run `make report`, which fits some, or name the file of one"
            )
    if str(name) in saved:
        return saved[str(name)]
    if Path(name).is_file():
        return Path(name)
    known = f"use one of {', '.join(saved)}" if saved else "run `make report`, which fits them"
    raise ValueError(f"unknown model {str(name)!r}: {known}, or give the path of a saved model")
