"""Times the command line that colors photos, with OpenVINO, which it starts by itself, and with TensorFlow instead.

``python benchmarks/colorize.py`` writes ``benchmarks/results/colorize.json``. Every run is a process of its own, timed
from its start to its end; the two sides take turns, and the fastest run of each counts.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from patches import case

from colorlib import paths
from colorlib.__main__ import FEW_PHOTOS
from colorlib.imagewriter import write_image
from colorlib.photos import load_photos, resize_photo, usable_collection

RESULTS = paths.BENCHMARKS / "colorize.json"
SIZES = {"cold": (1000, 1000), "24mp": (4000, 6000)}
RUNS = 3
SIDES = {"ours": {}, "peer": {"KERAS_BACKEND": "tensorflow"}}
PEER = "the same command with TensorFlow"


def measure_sides(photo: Path, count: int = 1) -> dict[str, dict]:
    """Time the coloring of so many copies of a photo by one command, on both sides."""
    runs = {side: [] for side in SIDES}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(count):
            shutil.copy(photo, Path(folder) / f"{number}.jpg")
        for _ in range(RUNS):
            for side, variables in SIDES.items():
                runs[side].append(_run(["colorize", folder, "-o", str(Path(folder) / "out"), "--overwrite"], variables))
    return {side: {"seconds": min(run["seconds"] for run in of_side), "peak_mb": max(run["peak_mb"] for run in of_side)}
            for side, of_side in runs.items()}


def _run(arguments: list[str], variables: dict[str, str]) -> dict:
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "colorlib", *arguments], env=os.environ | variables,
                               stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if status:
        raise RuntimeError(f"python -m colorlib {' '.join(arguments)} failed with {variables}")
    return {"seconds": seconds, "peak_mb": round(usage.ru_maxrss / 1024)}


def main() -> None:
    photo, results = load_photos(usable_collection("unsplash36")[0], 512, "test")[0], {}
    with tempfile.TemporaryDirectory() as folder:
        for name, size in SIZES.items():
            file = Path(folder) / f"{name}.jpg"
            write_image(file, resize_photo(photo, *size))
            measured = measure_sides(file)
            results[f"command_{name}"] = case(measured["ours"], measured["peer"], PEER)
            if name == "cold":
                many = measure_sides(file, FEW_PHOTOS)
                further = {side: many[side] | {"seconds": (many[side]["seconds"] - measured[side]["seconds"]) / (FEW_PHOTOS - 1)}
                           for side in SIDES}
                results["command_further"] = case(further["ours"], further["peer"], PEER)
    paths.write_whole(RESULTS, (json.dumps(results, indent=1) + "\n").encode())
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
