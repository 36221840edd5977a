"""The weights that ship with the project: trained, scored and described by one command, ``python -m colorlib weights``."""

import csv
import io
import json
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from . import paths
from .evaluation import Split, evaluate, load_splits
from .photos import list_photos, load_photos

if TYPE_CHECKING:
    from .models.unet import UNet

__all__ = ["SETTINGS", "SOURCES", "make_weights", "training_photos"]

#: Whose training photos the shipped network learns from.
SOURCES = ("unsplash36", "bsds500", "imagenet800")
#: The network that ships learns in two phases: from crops of all kinds first, then from nearly whole photos, as those
#: that it will be given are, the photos of the first source four times as often.
SETTINGS = ({"filters": 32, "stages": ((9000, 96), (3000, 128), (2500, 192))},
            {"filters": 32, "stages": ((2000, 192),), "zoom": (0.9, 1.0), "learning_rate": 1e-3, "size": 192})
FIRST_SOURCE_TIMES = 4
PHOTO_SIZE = 320
VALIDATION_EVERY = 12  # one training photo in so many is kept aside
LOOKS = 12  # at the validation photos, during training


def training_photos(sources: Sequence[str] = SOURCES, size: int = PHOTO_SIZE) -> tuple[np.ndarray, list[Split]]:
    """Load the training photos of several collections, one in twelve of each kept aside for validation.

    Test photos are never among them.

    Parameters
    ----------
    sources : sequence of str
        Collections.
    size : int
        Side in pixels.

    Returns
    -------
    photos : list of ndarray of float32, each of shape (N, size, size, 3)
        One a collection.
    validation : list of Split
        One a collection.
    """
    photos, validation = [], []
    for collection in sources:
        loaded = load_photos(collection, size, "train")
        names = [photo.file for photo in list_photos(collection, "train")]
        every = min(VALIDATION_EVERY, len(loaded))
        apart = np.arange(len(loaded)) % every == every // 2
        photos.append(loaded[~apart])
        kept = [i for i in np.flatnonzero(apart) if np.ptp(loaded[i], axis=-1).max() > 0]  # not those that are gray
        validation.append(Split(collection, loaded[kept], tuple(names[i] for i in kept)))
    return photos, [split for split in validation if split.photo_names]


def make_weights(folder: Path = paths.WEIGHTS, sources: Sequence[str] = SOURCES, photo_size: int = PHOTO_SIZE,
                 phases: Sequence[dict] = SETTINGS, progress: bool = True) -> dict:
    """Train the U-Net that ships, score it, and write ``unet.keras``, ``unet.json`` and the model card.

    The training goes on where an earlier call was interrupted; a log of it is kept as ``build/weights/log.csv``.

    Parameters
    ----------
    folder : Path
        Takes the three files.
    sources : sequence of str
        Collections to learn from.
    photo_size : int
        Side of the photos that it learns from, in pixels.
    phases : sequence of dict
        Settings of the `UNet` in each phase; each goes on from the weights of the one before.
    progress : bool
        Show how far it is.

    Returns
    -------
    dict
        What ``unet.json`` holds: settings, photos, time, machine, validation during training, scores.

    Raises
    ------
    PhotosUnavailable
        If the photos of a collection are not to be had.
    """
    import keras

    from .models.baselines import GrayBaseline
    parts, validation = training_photos(sources, photo_size)
    work = paths.BUILD / "weights"
    finished: list[dict] = []
    for number, settings in enumerate(phases):
        last = number == len(phases) - 1
        photos = np.concatenate(parts if number == 0 else [parts[0]] * (FIRST_SOURCE_TIMES - 1) + parts)
        model = _run_phase(work / f"phase{number}", settings, finished, photos, validation, last, progress)
    splits, notices = load_splits(sources[0], 256, ("test", "bsds500", "imagenet800"))
    gray = GrayBaseline().fit(parts[0][:1])
    scores = evaluate({"gray": gray, "unet": model}, splits).groupby(["model", "split"])
    about = {
        "phases": finished, "parameters": model.parameters, "photo_size": photo_size, "gain": model.gain_,
        "photos": {"learned from": sum(map(len, parts))} | {split.name: len(split.photo_names) for split in validation},
        "seconds": sum(phase["seconds"] for phase in finished), "machine": _machine(), "keras": keras.__version__,
        "backend": keras.backend.backend(), "notices": notices,
        "scores": {" ".join(key): {name: float(group[name].mean()) for name in
                                   ("psnr_rgb", "skill_db", "delta_e_mean", "colorfulness_gap")} | {"photos": len(group)}
                   for key, group in scores}}
    model.save(folder / "unet.keras", half=True)
    paths.write_whole(folder / "unet.json", (json.dumps(about, indent=1) + "\n").encode())
    paths.write_whole(folder / "README.md", _model_card(about, sources).encode())
    for file in work.glob("phase*"):
        file.unlink()
    return about


def _run_phase(file: Path, settings: dict, finished: list[dict], photos: np.ndarray, validation: list[Split],
               last: bool, progress: bool) -> "UNet":
    """Train one phase, or take its result where an earlier call finished it; add what is known of it to ``finished``."""
    from .models.unet import UNet
    network, about = file.with_suffix(".keras"), file.with_suffix(".json")
    model = UNet(**settings)
    if about.is_file() and json.loads(about.read_text("utf-8"))["settings"] == json.loads(json.dumps(model.settings)):
        finished.append(json.loads(about.read_text("utf-8")))
        return UNet.load(network)

    def look(model: UNet, iteration: int) -> dict:
        scores = evaluate({"unet": model}, validation).groupby("split")[["skill_db", "delta_e_mean"]].mean()
        seen = {f"{split} {name}": float(scores.loc[split, name]) for split in scores.index for name in scores.columns}
        _log(file.parent / "log.csv", {"iteration": done + iteration} | {k: round(v, 3) for k, v in seen.items()})
        return seen

    done = sum(sum(count for count, _ in phase["settings"]["stages"]) for phase in finished)
    start = UNet.load(file.with_name(f"phase{len(finished) - 1}.keras")).network_ if finished else None
    looks = sorted({round(i) for i in np.linspace(0, model.iterations, LOOKS // 2 + 1)[1:]})
    kept = np.concatenate([split.photos for split in validation]) if last else None
    model.fit(photos, kept, look, looks, file.with_suffix(".checkpoint.npz"), progress, start)
    if model.history_.interrupted:
        raise RuntimeError(f"interrupted after {done + model.history_.iterations} iterations: the same command goes on "
                           "from there")
    finished.append({"settings": model.settings, "seconds": round(model.history_.seconds),
                     "validation": {done + i: {name: float(value) for name, value in seen.items()}
                                    for i, seen in sorted(model.history_.observations.items())}})
    if not last:
        model.save(network)
        paths.write_whole(about, json.dumps(finished[-1]).encode())
    return model


def _log(path: Path, row: dict) -> None:
    """Add a row to a table of text; its first row starts it anew."""
    text = io.StringIO()
    writer = csv.DictWriter(text, row)
    earlier = path.read_text("utf-8") if path.is_file() else ""
    rows = [line for line in csv.DictReader(io.StringIO(earlier)) if line.keys() == row.keys()
            and int(line["iteration"]) < row["iteration"]]
    writer.writeheader()
    writer.writerows([*rows, row])
    paths.write_whole(path, text.getvalue().encode())


def _machine() -> str:
    return f"{os.cpu_count()} processor cores, {platform.machine()}"


def _model_card(about: dict, sources: Sequence[str]) -> str:
    phases, photos, scores = [phase["settings"] for phase in about["phases"]], about["photos"], about["scores"]
    rows = []
    for key in scores:
        model, split = key.split()
        if model == "unet":
            own, gray = scores[key], scores[f"gray {split}"]
            rows.append(f"| {split} | {own['photos']} | {own['psnr_rgb']:.2f} | {gray['psnr_rgb']:.2f} | "
                        f"{own['skill_db']:+.2f} | {own['delta_e_mean']:.2f} | {gray['delta_e_mean']:.2f} | "
                        f"{own['colorfulness_gap']:.1f} |")
    stages = "; then ".join(", ".join(f"{count:,} of {side}×{side} pixels" for count, side in phase["stages"])
                            + f", each showing {phase['zoom'][0]:.0%} to {phase['zoom'][1]:.0%} of a photo's side"
                            for phase in phases)
    kept = ", ".join(f"{photos[name]} of {name}" for name in sources if name in photos)
    return f"""# Model card: `unet.keras`

A residual U-Net that predicts CIELAB's a\\* and b\\* from L\\*, for coloring gray photographs of any size. Written by
`make weights`, which also wrote every number below; `unet.json` holds them all.

## What it is

- {about['parameters']:,} parameters, kept in half precision, which Keras reads ({about['keras']} wrote it, on {about['backend']}).
- Trained on {photos['learned from']:,} photos in batches of {phases[0]['batch']} crops: {stages}.
  That took {about['seconds'] / 60:.0f} minutes on a machine with {about['machine']}.
  This is the only setting there is; no GPU was used unless the machine's line says so.
- Kept aside from the training photos, for calibration and for looking at the training: {kept}. No test photo was
  used to train, to calibrate or to choose anything.
- Its loss is the logarithm of each photo's squared error, so that a nearly gray photo counts as much as a colorful one:
  where the network can't know a color, it stays near gray. Its last layer was then scaled by {about['gain']:.2f}, the gain
  with the least error on the photos kept aside.

## Scores on held-out photos, 256×256

| split | photos | dB | dB, gray | above gray | ΔE2000 | ΔE2000, gray | colorfulness gap |
|---|---|---|---|---|---|---|---|
{chr(10).join(rows)}

Means over photos. `test` are the report's own held-out photos; the others are the collections' own test photos.

## Data and licences

{chr(10).join('- `' + name + '`: see `data/README.md` for where the photos are from and their licences.' for name in sources)}

BSDS500 and ImageNet are for non-commercial research and teaching, and so are these weights.

## Limits

It has seen about a thousand photos: skies, grass, skin and wood it has met often, most things it has not. Its colors
are duller than true ones (the gap above), and where a thing can have many colors it gives it their mean. It can't know
historical colors: what it makes of an old photograph is a guess, and should be said to be one wherever it is shown.
"""
