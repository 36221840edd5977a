"""Times the command line that colors photos against what one would write with Keras and scikit-image instead.

``python benchmarks/colorize.py`` writes ``benchmarks/results/colorize.json``. Every run is a process of its own, timed
from its start to its end; the two sides take turns, and the median run of each counts.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from patches import case

import colorlib
from colorlib import paths
from colorlib.images import resize_image, write_image
from colorlib.photos import load_photos, usable_collection

RESULTS = paths.BENCHMARKS / "colorize.json"
RUNS = 5
ONE, FOUR, LARGE = [(1000, 1000)], [(1000 + 32 * i, 1000 - 32 * i) for i in range(4)], [(4000, 6000)]
PEER = "the same network in Keras, with scikit-image"
HERE = Path(__file__).parent


def measure_sides(shapes: list[tuple[int, int]]) -> dict[str, dict]:
    """Time the coloring of photos of some shapes by one process, on both sides."""
    photo = load_photos(usable_collection("unsplash36")[0], 512, "test")[0]
    with (
        tempfile.TemporaryDirectory() as folder,
        tempfile.TemporaryDirectory() as out,
        tempfile.TemporaryDirectory() as at,
    ):
        network = Path(at) / "unet.keras"
        # In a process of its own: the memory of this one would count for all that it starts.
        save = "import sys, colorlib; colorlib.load('unet').save(sys.argv[1])"
        subprocess.run([sys.executable, "-c", save, network], check=True)
        for height, width in shapes:
            write_image(Path(folder) / f"{height}-{width}.jpg", resize_image(photo, height, width))
        commands = {
            "ours": ["-m", "colorlib", "colorize", folder, "-o", out, "--overwrite"],
            "peer": [str(HERE / "peers" / "keras_colorize.py"), str(network), folder, out],
        }
        runs: dict[str, list[dict]] = {side: [] for side in commands}
        for _ in range(RUNS):
            for side, arguments in commands.items():
                runs[side].append(_run(arguments))
    return {side: _median(of_side) for side, of_side in runs.items()}


def _run(arguments: list[str]) -> dict:
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)  # which also tells the memory of this very process
    seconds = time.perf_counter() - start
    if status:
        raise RuntimeError(f"python {' '.join(arguments)} failed")
    processor = usage.ru_utime + usage.ru_stime
    return {"seconds": seconds, "processor": processor, "peak_mb": round(usage.ru_maxrss / 1024)}


def _median(runs: list[dict]) -> dict:
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def warm_seconds() -> float:
    """Time one more photo of a megapixel in a process that has colored before, each of another shape."""
    model, rng, seconds = colorlib.load("unet"), np.random.default_rng(0), []
    for height, width in [*ONE, *FOUR, (700, 1430), (1250, 800)]:
        gray = rng.random((height, width), np.float32)
        start = time.perf_counter()
        model.colorize(gray)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[1:])


def import_milliseconds() -> float:
    """Time ``import colorlib`` in fresh processes."""
    code = "import time; s = time.perf_counter(); import colorlib; print(time.perf_counter() - s)"
    runs = [float(subprocess.check_output([sys.executable, "-c", code])) for _ in range(RUNS)]
    return 1000 * statistics.median(runs)


def main() -> None:
    results = {}
    for name, shapes in (("command_one", ONE), ("command_four", FOUR), ("command_24mp", LARGE)):
        sides = measure_sides(shapes)
        results[name] = case(
            sides["ours"],
            sides["peer"],
            PEER,
            processor_seconds=round(sides["ours"]["processor"], 2),
            photos=len(shapes),
        )
    results["command_one"] |= {"warm_seconds": round(warm_seconds(), 3), "import_ms": round(import_milliseconds(), 1)}
    paths.write_whole(RESULTS, (json.dumps(results, indent=1) + "\n").encode())
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
