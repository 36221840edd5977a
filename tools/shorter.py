"""Shows what the report concludes with less arithmetic: the same numbers from two full runs.

    python tools/shorter.py RUN LESS

Both are folders of runs, such as ``build/unsplash36-full``. It writes ``benchmarks/results/shorter.json``, of which
``benchmarks/table.py`` makes a section of the page on speed.
"""

import json
import sys
from pathlib import Path

from colorlib import paths

RESULTS = paths.BENCHMARKS / "shorter.json"
#: Notebook → what it did with less, and the numbers of the ledger that its conclusions rest on, with what they are.
SHORTER = {
    "09_vivid_colors": (
        "8 instead of 12 crops a step, in all five trainings",
        {
            "vivid_above_line": "above the line of contrasts",
            "vivid_level": "too close to tell",
            "vivid_below_line": "below it",
            "unet_gan_price": "price of the adversary, dB",
            "unet_classes_price": "price of classes, dB",
        },
    ),
    "08_more_photos": (
        "150 instead of 300 steps of the four networks of the size that ships",
        {
            "more_photos_gain_full": "what all photos bring a network that starts from nothing, dB",
            "pretrained_gain_few": "what the encoder brings, with the fewest photos, dB",
            "pretrained_gain_many": "what it brings, with all photos, dB",
        },
    ),
}


def read_run(folder: Path) -> tuple[dict, dict, dict]:
    """Return what the run says of itself, its numbers, and what its notebooks took."""
    about, numbers, times = (
        json.loads((folder / "figures" / f"{name}.json").read_text("utf-8")) for name in ("run", "numbers", "times")
    )
    return about, numbers, times


def compare(run: Path, less: Path) -> dict:
    """Put both runs side by side: what they took, and the numbers that conclusions rest on."""
    runs = read_run(run), read_run(less)
    return {
        "seconds": [about["seconds"] for about, _, _ in runs],
        "gflops": [about["gflops"] for about, _, _ in runs],
        "notebooks": [
            {
                "name": name,
                "less": less,
                "processor_seconds": [times[name]["processor_seconds"] for _, _, times in runs],
                "numbers": {what: [numbers[key]["text"] for _, numbers, _ in runs] for key, what in keys.items()},
            }
            for name, (less, keys) in SHORTER.items()
        ],
    }


if __name__ == "__main__":
    results = compare(*map(Path, sys.argv[1:3]))
    paths.write_whole(RESULTS, (json.dumps(results, indent=1) + "\n").encode())
