"""The U-Net trained on folders of any size, as ``colorlib train`` does it: by one process, or by many on a cluster."""

import hashlib
import importlib.util
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..models.streamed import StreamedUNet
from ..models.unet import UNet
from ..training import (
    PhotoList,
    Progress,
    Store,
    find_photos,
    fit_stream,
    newest_checkpoint,
    progress_bar,
    stop_requests,
)
from ..training.cluster import fit_on_cluster, open_cluster
from .inputs import print_note
from .weights import SETTINGS

__all__ = ["run_name", "train", "train_folders"]

NAMED = 5  # damaged photos that the last line names
ENDINGS = (".onnx", ".keras")


def train(
    folders: Sequence[str],
    output: str,
    iterations: int | None = None,
    batch: int | None = None,
    workers: int | None = None,
    gpus: int = 0,
    cluster: str | None = None,
    storage: str | None = None,
) -> int:
    """Train the U-Net on the photos in folders and write it to a file; see `train_folders`.

    Parameters
    ----------
    folders : sequence of str
        Paths, or addresses such as ``s3://bucket/photos``.
    output : str
        File for the model, ``.onnx`` or ``.keras``.
    iterations, batch : int, optional
        Number of batches, and of crops in each; as for the network that ships, by default.
    workers, gpus, cluster
        As in `train_folders`.
    storage : str, optional
        Folder for unfinished trainings; ``runs`` beside the output by default.

    Returns
    -------
    int
        The exit status: 0.

    Raises
    ------
    ValueError
        If an option, a folder or the output can't be used.
    RuntimeError
        If it was interrupted, or failed.
    """
    target = Path(output).expanduser()
    if target.suffix not in ENDINGS:
        raise ValueError(f"{output} can't be the model: name it {' or '.join(ENDINGS)}")
    model = UNet(**SETTINGS | _settings(iterations, batch))
    model = train_folders(model, folders, storage or str(target.parent / "runs"), workers, gpus, cluster)
    model.save(target)
    print(f"{model.parameters:,} parameters, trained for {model.iterations:,} iterations: {output}")
    return 0


def _settings(iterations: int | None, batch: int | None) -> dict[str, Any]:
    """Return the settings that differ from those of the network that ships."""
    settings: dict[str, Any] = {} if batch is None else {"batch": batch}
    if batch is not None and batch < 1:
        raise ValueError(f"batch is {batch}: give at least 1")
    if iterations is not None:
        if iterations < 1:
            raise ValueError(f"iterations is {iterations}: give at least 1")
        usual = SETTINGS["stages"]
        share = usual[0][0] / sum(count for count, _ in usual)
        counts = (round(share * iterations), iterations - round(share * iterations))
        settings["stages"] = tuple((n, side) for n, (_, side) in zip(counts, usual, strict=True) if n)
    return settings


def train_folders(
    model: UNet,
    folders: Sequence[str],
    storage: str,
    workers: int | None = None,
    gpus: int = 0,
    cluster: str | None = None,
    *,
    every: int = 100,
    **options: Any,
) -> UNet:
    """Train a U-Net on all photos in folders, or go on where an earlier call stopped, with any number of processes.

    Parameters
    ----------
    model : UNet
    folders : sequence of str
        Paths, or addresses.
    storage : str
        Folder that all machines see; this training has one in it, named by its settings and photos.
    workers : int, optional
        Number of processes that share each batch; with neither them nor a cluster, this process does it all.
    gpus : int
        GPUs of each process.
    cluster : str, optional
        Address of a cluster of Ray; by default, the processes run on this machine.
    every : int
        Iterations between two checkpoints.
    **options
        As in `colorlib.training.cluster.fit_on_cluster`.

    Returns
    -------
    UNet
        The same, trained.

    Raises
    ------
    ValueError
        If a folder has no photos, or the batch can't be shared equally.
    RuntimeError
        If it was interrupted, or failed.
    """
    if workers is not None and workers < 1:
        raise ValueError(f"workers is {workers}: give at least 1")
    if model.batch % (workers or 1):
        raise ValueError(f"a batch of {model.batch} can't be shared by {workers} workers: give a multiple of {workers}")
    task = StreamedUNet(model)
    os.environ.setdefault("KERAS_BACKEND", "jax")  # read when Keras is loaded, which is later
    if importlib.util.find_spec("jax") is None:  # told before millions of photos are listed
        raise ModuleNotFoundError("No module named 'jax'", name="jax")
    photos = find_photos(folders)
    store = Store(f"{storage}/{run_name(model, photos)}")
    photos.save(store)
    latest = Progress(newest_checkpoint(store))
    with progress_bar(model.iterations, latest.iteration, "iteration") as bar:

        def tell(progress: Progress) -> None:
            nonlocal latest
            bar.set_postfix(loss=f"{progress.loss:.4f}", waited=f"{progress.waited:.0%}", refresh=False)
            bar.update(progress.iteration - latest.iteration)  # back, where processes began again
            latest = progress

        if workers is None and cluster is None:
            with stop_requests() as stop_requested:
                fit_stream(task, photos, store, every=every, tell=tell, stop_requested=stop_requested)
        else:
            with open_cluster(cluster, workers or 1):
                fit_on_cluster(task, store, workers or 1, gpus=gpus, every=every, tell=tell, **options)
    if latest.damaged:
        names = ", ".join(photos.name(index) for index in sorted(latest.damaged)[:NAMED])
        more = ", …" if len(latest.damaged) > NAMED else ""
        count = f"{len(latest.damaged)} photo{'s' * (len(latest.damaged) > 1)}"
        print_note(f"{count} can't be read, and others stood in: {names}{more}")
    if (done := newest_checkpoint(store)) < model.iterations:
        raise RuntimeError(
            f"interrupted after {done:,} of {model.iterations:,} iterations: the same command goes on from there"
        )
    return task.finish(store)


def run_name(model: UNet, photos: PhotoList) -> str:
    """Return the name of a training: another for other settings, or other names of photos."""
    settings = json.dumps([model.name, model.settings, photos.identity()])
    return f"{model.name}-{hashlib.sha256(settings.encode()).hexdigest()[:12]}"
