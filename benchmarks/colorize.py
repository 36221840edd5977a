"""Times the command line that colors photos, with OpenVINO, which it takes for a few, and with TensorFlow instead.

``python benchmarks/colorize.py`` writes ``benchmarks/results/colorize.json``. Every run is a process of its own, timed
from its start to its end; the two sides take turns, and the fastest run of each counts.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from patches import case

from colorlib import paths
from colorlib.__main__ import FEW_PHOTOS
from colorlib.imagewriter import write_image
from colorlib.photos import load_photos, resize_photo, usable_collection

RESULTS = paths.BENCHMARKS / "colorize.json"
RUNS = 3
SIDES = {"ours": {}, "peer": {"KERAS_BACKEND": "tensorflow"}}


def measure_sides(shapes: Iterable[tuple[int, int]]) -> dict[str, dict]:
    """Time the coloring of photos of some shapes by one command, on both sides."""
    photo = load_photos(usable_collection("unsplash36")[0], 512, "test")[0]
    runs = {side: [] for side in SIDES}
    with tempfile.TemporaryDirectory() as folder:
        for height, width in shapes:
            write_image(Path(folder) / f"{height}-{width}.jpg", resize_photo(photo, height, width))
        for _ in range(RUNS):
            for side, variables in SIDES.items():
                runs[side].append(_run(["colorize", folder, "-o", str(Path(folder) / "out"), "--overwrite"], variables))
    return {side: {"seconds": min(run["seconds"] for run in of_side), "peak_mb": max(run["peak_mb"] for run in of_side)}
            for side, of_side in runs.items()}


def _run(arguments: list[str], variables: dict[str, str]) -> dict:
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "colorlib", *arguments], env=os.environ | variables,
                               stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)  # which also tells the memory of this very process
    seconds = time.perf_counter() - start
    if status:
        raise RuntimeError(f"python -m colorlib {' '.join(arguments)} failed with {variables}")
    return {"seconds": seconds, "peak_mb": round(usage.ru_maxrss / 1024)}


def main() -> None:
    # A network is compiled anew for another shape of photos, by OpenVINO for each: hence so many shapes.
    shapes = [(1000 + 32 * i, 1000 - 32 * i) for i in range(FEW_PHOTOS)]
    measured = {"command_one": measure_sides(shapes[:1]), "command_few": measure_sides(shapes),
                "command_24mp": measure_sides([(4000, 6000)])}
    results = {name: case(sides["ours"], sides["peer"], "the same command with TensorFlow", photos=FEW_PHOTOS)
               for name, sides in measured.items()}
    paths.write_whole(RESULTS, (json.dumps(results, indent=1) + "\n").encode())
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
