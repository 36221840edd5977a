"""Measures training and coloring by more than one process, and writes the page "Beyond one machine".

``python benchmarks/cluster.py`` writes ``benchmarks/results/cluster.json`` and ``benchmarks/beyond.md``; every part
runs in a process of its own. ``--only NAME …`` measures some parts again, ``--page`` none.
"""

import argparse
import filecmp
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from colorlib import paths

RESULTS = paths.BENCHMARKS / "cluster.json"
NAMES = 10_000_000
STEPS, WARM = 36, 10  # iterations of a run that is timed, and those before the clock starts
COLORED, BAD = 500, 5
DECODED = 60
SIDE = 320  # of shrunk photos
HERE = Path(__file__)


class Clock:
    """Seconds, and processor seconds of this process and all that it started, since it was made."""

    def __init__(self) -> None:
        self.wall, self.processor = time.perf_counter(), tree_seconds()

    def read(self) -> dict:
        return {
            "seconds": round(time.perf_counter() - self.wall, 2),
            "processor_seconds": round(tree_seconds() - self.processor, 2),
        }


def tree_seconds() -> float:
    """Processor seconds of this process and of those that descend from it and are running, on Linux."""
    parents, spent = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        process = int(stat.parent.name)
        parents[process], spent[process] = int(fields[1]), sum(map(int, fields[11:15]))
    ours = {os.getpid()}
    while new := {process for process, parent in parents.items() if parent in ours} - ours:
        ours |= new
    return sum(spent.get(process, 0) for process in ours) / os.sysconf("SC_CLK_TCK")


def peak_mb() -> int:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)


def originals() -> list[Path]:
    from colorlib.photos import fetch_photos

    return list(fetch_photos("imagenet800").values())


def link(photos: list[Path], count: int, folder: Path) -> None:
    """Fill a folder with links to a few photos, a thousand in each of its folders."""
    for number in range(count):
        file = folder / f"{number // 1000:03}" / f"{number:06}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.symlink_to(photos[number % len(photos)])


# What is measured


def start_of_ten_million(at: Path) -> dict:
    """Begin a training on ten million names, up to its first batch."""
    from colorlib.commands.train import run_name
    from colorlib.models.unet import UNet
    from colorlib.photos import load_photos
    from colorlib.training import BatchStream, PhotoList, Store

    pixels = np.round(255 * load_photos("bundled", 64)).astype(np.uint8)

    class Named(PhotoList):  # the names lead nowhere
        def read(self, index):
            return (pixels[len(self.name(index)) % len(pixels)], -1)

    clock = Clock()
    photos = Named.of(f"/photos/n{n // 1300:08}/n{n // 1300:08}_{n % 1300}.JPEG" for n in range(NAMES))
    store = Store(f"{at}/{run_name(UNet(), photos)}")
    photos.save(store)
    BatchStream(Named.load(store), lambda position, photo: (photo,), 16, seed=0)(1)
    return clock.read() | {"files": NAMES, "peak_mb": peak_mb(), "list_mb": round(photos.names.nbytes / 1e6)}


def folder_of(count: int) -> Callable[[Path], dict]:
    """Train a small network on a folder of so many links to fifty photos, with one process."""

    def measure(at: Path) -> dict:
        from colorlib.commands.train import train_folders
        from colorlib.models.unet import UNet
        from colorlib.training import find_photos

        link(originals()[:50], count, at / "photos")
        clock = Clock()
        find_photos([str(at / "photos")])
        listed = clock.read()
        train_folders(UNet(filters=4, batch=8, stages=((60, 64),)), [str(at / "photos")], str(at / "runs"))
        return {"files": count, "listed": listed, "peak_mb": peak_mb()}

    return measure


def decoding(at: Path) -> dict:
    """Cut crops out of photos, as they are and shrunk, in one thread."""
    from colorlib.commands.shrink import shrink_folder
    from colorlib.models._learner import CropMaker
    from colorlib.training import find_photos

    link(originals(), DECODED, at / "photos")
    clock = Clock()
    assert {status for status, _ in shrink_folder(str(at / "photos"), str(at / "small"), SIDE)} == {"shrunk"}
    shrinking = clock.read()["processor_seconds"]
    crop, rates = CropMaker(((1, 128),), 16, (0.5, 1.0), True, 0.2, 0), {}
    for name in ("photos", "small"):
        photos, started = find_photos([str(at / name)]), time.process_time()
        for position in range(3 * DECODED):
            crop(position, photos[position % DECODED])
        rates[name] = round(3 * DECODED / (time.process_time() - started))
    return {"side": SIDE, "shrunk_per_processor_second": round(DECODED / shrinking)} | rates


def training_by(workers: int) -> Callable[[Path], dict]:
    """Train the network that ships with some processes, by Ray but for one."""

    def measure(at: Path) -> dict:
        from colorlib.commands.weights import SETTINGS
        from colorlib.models.streamed import StreamedUNet
        from colorlib.models.unet import UNet
        from colorlib.training import Store, find_photos, fit_stream
        from colorlib.training.cluster import fit_on_cluster, open_cluster

        link(originals(), DECODED, at / "photos")
        task = StreamedUNet(UNet(**SETTINGS | {"stages": ((STEPS, 128),)}))
        photos, store, seen = find_photos([str(at / "photos")]), Store(str(at / "run")), []
        photos.save(store)

        def tell(progress) -> None:
            if progress.iteration >= WARM and (not seen or progress.iteration > seen[-1][0]):
                seen.append((progress.iteration, time.perf_counter(), tree_seconds(), progress.waited))

        started = Clock()
        if workers == 1:
            fit_stream(task, photos, store, tell=tell)
        else:
            with open_cluster(None, workers):
                fit_on_cluster(task, store, workers, tell=tell)
        (first, wall, processor, _), (last, wall_end, processor_end, waited) = seen[0], seen[-1]
        crops = (last - first) * task.batch
        return {
            "processes": workers,
            "batch": task.batch,
            "crops_per_second": round(crops / (wall_end - wall), 2),
            "processor_seconds_per_crop": round((processor_end - processor) / crops, 3),
            "waited_percent": round(100 * waited, 2),
            "processor_seconds_before": round(processor - started.processor, 1),
        }

    return measure


def coloring(at: Path) -> dict:
    """Color photos with one process and with two, some of them bad and one that kills."""
    photos = originals()
    link(photos, COLORED - BAD, at / "photos")
    for number in range(BAD - 1):
        (at / "photos" / "000" / f"bad{number}.jpg").write_bytes(photos[number].read_bytes()[: 40 * number])
    (at / "photos" / "000" / "killer.png").symlink_to(photos[0])
    kills = {
        "PYTHONPATH": f"{paths.ROOT / 'tests' / 'kills'}:{paths.ROOT}",
        "COLORLIB_KILLS": '[["killer.png", "", ""]]',
    }
    told = {}
    for name, more, variables in (
        ("one", [], {}),
        ("two", ["--workers", "2"], kills),
        ("again", ["--workers", "2", "--skip-existing"], kills),
    ):
        out = at / ("one" if name == "one" else "two")
        command = [sys.executable, "-m", "colorlib", "colorize", str(at / "photos" / "000"), "-o", str(out), *more]
        started = time.perf_counter()
        done = subprocess.run(command, env=os.environ | variables, capture_output=True, text=True)
        told[name] = done.stdout.strip().splitlines()[-1].rpartition(", in ")[0]
        told[f"{name}_seconds"] = round(time.perf_counter() - started, 1)
        if name == "two":
            told["named"] = sum(line.startswith("error: ") for line in done.stderr.splitlines())
    compared = filecmp.dircmp(at / "one", at / "two")
    equal, other, _ = filecmp.cmpfiles(at / "one", at / "two", compared.common_files, shallow=False)
    return told | {"photos": COLORED, "equal": len(equal), "other": len(other), "only_one": compared.left_only}


PARTS: dict[str, Callable[[Path], dict]] = {
    "start_of_ten_million": start_of_ten_million,
    "folder_of_1000": folder_of(1_000),
    "folder_of_100000": folder_of(100_000),
    "decoding": decoding,
    "training_by_1": training_by(1),
    "training_by_2": training_by(2),
    "coloring": coloring,
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", nargs="+", default=list(PARTS), choices=list(PARTS))
    parser.add_argument("--page", action="store_true")
    parser.add_argument("--part", choices=list(PARTS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(PARTS[options.part](Path(folder))))
        return
    results = json.loads(RESULTS.read_text("utf-8")) if RESULTS.is_file() else {}
    quiet = {"KERAS_BACKEND": "jax", "RAY_AUTH_MODE": "disabled", "RAY_memory_monitor_refresh_ms": "0"}
    for name in () if options.page else options.only:
        command = [sys.executable, str(HERE), "--part", name]
        done = subprocess.run(command, env=os.environ | quiet, stdout=subprocess.PIPE, text=True, check=True)
        results[name] = json.loads(done.stdout.splitlines()[-1])
        print(name, results[name])
        paths.write_whole(RESULTS, (json.dumps(results, indent=1) + "\n").encode())
    subprocess.run([sys.executable, str(HERE.with_name("beyond.py"))], check=True)


if __name__ == "__main__":
    main()
