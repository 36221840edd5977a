"""The network that ships: trained, calibrated, scored and described by one command, ``colorlib weights``."""

import csv
import io
import json
import os
import platform
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from .. import paths
from ..models.baselines import Gray
from ..models.unet import UNet
from ..scores.leaderboard import SPLITS, Split, evaluate, load_splits
from ..training import accelerator, load_keras
from ._model_card import model_card
from .training_photos import SOURCES, Source, learned_photos, pack_photos, training_photos, unpack_photos

__all__ = ["SETTINGS", "calibrate_vivid", "finish_weights", "log_row", "make_weights", "train_weights"]

#: Settings of the network that ships, for 45 minutes on two processor cores …
SETTINGS: dict[str, Any] = {
    "filters": 48,
    "dropout": 0.25,
    "stages": ((1600, 128), (2700, 192)),
    "batch": 32,
    "learning_rate": 1.4e-3,
    "encoder": "lite2",
    "decoders": 3,
}
#: … and what changes for some minutes on a GPU.
ACCELERATED: dict[str, Any] = {"stages": ((8000, 192),), "batch": 64, "learning_rate": 1.5e-3}
LOOKS, LOOKED_AT = 8, 24  # times during training, and photos of each collection
VIVID_GAP_LEFT = 0.08  # share of gray's colorfulness gap that the look "vivid" keeps on validation photos
_CONTRASTS = np.linspace(1, 2.6, 9)
SCORED = tuple(name for name in SPLITS if name not in ("train", "unlike"))


def run(pack: Path | None = None, packed: Path | None = None, finish: bool = False) -> None:
    """Do what ``colorlib weights`` is asked for, and report on the terminal.

    Parameters
    ----------
    pack : Path, optional
        Only write the training photos into this file.
    packed : Path, optional
        Train on such a file. Test photos aren't in it, so that nothing is scored.
    finish : bool
        Only calibrate and score the network that is there.
    """
    if pack is not None:
        print(f"{pack_photos(pack):,} photos packed into {pack}, {pack.stat().st_size / 1e6:.0f} MB")
        return
    if packed is not None:
        about = train_weights(packed=packed)
    elif finish:
        about = finish_weights()
    else:
        about = make_weights()
    print(
        f"{about['parameters']:,} parameters, trained in {about['seconds'] / 60:.0f} min: weights/unet.onnx, "
        + ("not calibrated and scored yet: colorlib weights --finish" if packed else "scores in weights/README.md")
    )


def make_weights(folder: Path | None = None, **options: Any) -> dict:
    """Train the U-Net that ships, calibrate and score it, and write ``unet.onnx``, ``unet.json`` and the model card.

    Parameters
    ----------
    folder, **options
        As in `train_weights`.

    Returns
    -------
    dict
        Content of ``unet.json``: settings, photos, time, machine, validation during training, scores.

    Raises
    ------
    PhotosUnavailable
        If the photos of a collection are not available.
    """
    train_weights(folder, **options)
    return finish_weights(folder, options.get("sources", SOURCES))


def train_weights(
    folder: Path | None = None,
    *,
    sources: Mapping[str, Source] = SOURCES,
    packed: Path | None = None,
    progress: bool = True,
    **settings: Any,
) -> dict:
    """Train the U-Net that ships, and write ``unet.onnx`` and ``unet.json``.

    The training resumes where an earlier call was interrupted, and keeps a log in ``build/weights/log.csv``.

    Parameters
    ----------
    folder : Path
        Folder for the files; ``weights/`` by default.
    sources : mapping of str to Source
        Collections to learn from.
    packed : Path, optional
        File that holds their training photos; see `pack_photos`.
    progress : bool
        Show a progress bar.
    **settings
        Settings of the `UNet` that replace those of `SETTINGS`.

    Returns
    -------
    dict
        Content of ``unet.json``, but for what `finish_weights` adds.

    Raises
    ------
    PhotosUnavailable
        If the photos of a collection are not available.
    RuntimeError
        If it was interrupted.
    """
    keras = load_keras()
    folder = paths.WEIGHTS if folder is None else folder
    model = UNet(**SETTINGS | (ACCELERATED if accelerator() else {}) | settings)
    work = paths.BUILD / "weights"
    work.mkdir(parents=True, exist_ok=True)
    if not (work / "checkpoint.npz").exists():
        (work / "log.csv").unlink(missing_ok=True)  # of an earlier training
    with ExitStack() as stack:
        if packed is None:
            photos, validation = training_photos(sources)
        else:
            unpacked = stack.enter_context(tempfile.TemporaryDirectory())
            photos, validation = unpack_photos(packed, Path(unpacked), sources)

        looked_at = [split.first(LOOKED_AT) for split in validation]

        def look(model: UNet, iteration: int) -> dict:
            seen = _mean_scores(model, looked_at, ("skill_db", "delta_e_mean"))
            rounded = {name: round(value, 3) for name, value in seen.items()}
            log_row(work / "log.csv", {"iteration": iteration} | rounded)
            return seen

        model.fit(
            photos,
            observe=look,
            observe_at={round(i) for i in np.linspace(0, model.iterations, LOOKS + 1)[1:]},
            checkpoint=work / "checkpoint.npz",
            progress=progress,
        )
    history = model.history_
    if history.interrupted:
        raise RuntimeError(
            f"interrupted after {history.iterations} of {model.iterations} iterations: the same command goes on from "
            "there"
        )
    model.save(folder / "unet.onnx")
    about = {
        "settings": model.settings,
        "parameters": model.parameters,
        "learned_from": len(set(photos.paths)),
        "sources": {name: source.times for name, source in sources.items()},
        "seconds": round(history.seconds),
        "waiting_share": round(model.waiting_share_, 4),
        "peak_megabytes": _peak_megabytes(),
        "machine": _machine(),
        "keras": keras.__version__,
        "backend": keras.backend.backend(),
        "validation": {
            int(i): {name: float(value) for name, value in seen.items()}
            for i, seen in sorted(history.observations.items())
        },
    }
    _write_about(folder, about)
    return about


def finish_weights(folder: Path | None = None, sources: Mapping[str, Source] = SOURCES) -> dict:
    """Calibrate the network in a folder on the photos set aside, score it on those held out, and write the model card.

    Parameters
    ----------
    folder, sources
        As in `train_weights`. The split ``"test"`` are the test photos of the first source.

    Returns
    -------
    dict
        Content of ``unet.json``.
    """
    folder = paths.WEIGHTS if folder is None else folder
    about = json.loads((folder / "unet.json").read_text("utf-8"))
    model = UNet.load(folder / "unet.onnx")
    _, validation = training_photos(sources)
    model.calibrate(np.concatenate([split.photos for split in validation]))
    calibrate_vivid(model, [split.first(LOOKED_AT) for split in validation])
    model.save(folder / "unet.onnx")
    about |= {"gain": model.gain_, "vivid_contrast": model.vivid_contrast_}
    about["set_aside"] = {split.name: len(split.photo_names) for split in validation}
    about["looked_at"] = {split.name: len(split.first(LOOKED_AT).photo_names) for split in validation}
    about["validated"] = _mean_scores(model, validation, ("skill_db", "delta_e_mean"))
    for name, chosen in {"learned_db": learned_photos(sources), "set_aside_db": validation}.items():
        about[name] = float(evaluate({"unet": model}, chosen, brief=True)["skill_db"].mean())
    splits, about["notices"] = load_splits(next(iter(sources)), 256, SCORED)
    everything = {"gray": Gray(), "unet": model, "unet vivid": model.with_look("vivid")}
    scores = evaluate(everything, splits)
    scores["better_pct"] = 100.0 * (scores.skill_db > 0)
    names = ["psnr_rgb", "skill_db", "better_pct", "delta_e_mean", "auc_rebalanced", "colorfulness_gap"]
    about["scores"] = {
        model: {
            split: {name: float(rows[name].mean()) for name in names} | {"photos": len(rows)}
            for split, rows in of_model.groupby("split", sort=False)
        }
        for model, of_model in scores.groupby("model", sort=False)
    }
    _write_about(folder, about)
    return about


def calibrate_vivid(model: UNet, validation: Sequence[Split]) -> None:
    """Set the contrast of the look "vivid", so that colors are nearly as strong as true ones on validation photos.

    Parameters
    ----------
    model : UNet
    validation : sequence of Split
        Photos that were not learned from.
    """

    def gap(model: Any) -> float:
        return float(evaluate({"model": model}, validation).groupby("split")["colorfulness_gap"].mean().mean())

    wanted, gaps = VIVID_GAP_LEFT * gap(Gray()), []
    for contrast in _CONTRASTS:
        model.vivid_contrast_ = float(contrast)
        gaps.append(gap(model.with_look("vivid")))
        if gaps[-1] >= wanted:
            break
    order = np.argsort(gaps)
    model.vivid_contrast_ = round(float(np.interp(wanted, np.take(gaps, order), _CONTRASTS[order])), 2)


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


def _mean_scores(model: UNet, splits: Sequence[Split], names: Sequence[str]) -> dict[str, float]:
    """Return the means over each split's photos, by the names of split and score."""
    means: pd.DataFrame = evaluate({"unet": model}, splits).groupby("split")[list(names)].mean()
    return {f"{split} {name}": float(means.loc[split, name]) for split in means.index for name in means.columns}


def _write_about(folder: Path, about: dict) -> None:
    paths.write_whole(folder / "unet.json", (json.dumps(about, indent=1) + "\n").encode())
    if "scores" in about:
        paths.write_whole(folder / "README.md", model_card(about).encode())


def _machine() -> str:
    gpu = accelerator()
    return f"{os.cpu_count()} processor cores, {platform.machine()}" + f", and a GPU, {gpu}" * bool(gpu)


def _peak_megabytes() -> int | None:
    """Return the most memory that this process had so far; None where the system doesn't say."""
    try:
        import resource
    except ModuleNotFoundError:  # on Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1e6 if sys.platform == "darwin" else 1e3))
