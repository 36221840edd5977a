"""Count which colors the training photos have at which L*, for `colorlib.models.likely`: writes weights/colors.json.

Run it from the repository's root with the photos at hand: ``python tools/color_counts.py``.
"""

import json

import numpy as np

from colorlib import paths
from colorlib.color import split_lab
from colorlib.commands.training_photos import SOURCES, training_photos
from colorlib.images import read_square
from colorlib.models.likely import BIN, LIGHTNESS_BIN, color_bins

SIDE = 64  # pixels of a photo that are counted, squared
SCALE = 100_000  # what the counts of each L* add up to, about


def main() -> None:
    files = sorted(set(training_photos(SOURCES)[0].paths))
    bins = color_bins()
    side, reach = round(len(bins) ** 0.5), -bins.min()
    counts = np.zeros((100 // LIGHTNESS_BIN, len(bins)))
    for file in files:
        lightness, ab = split_lab(read_square(file, SIDE) / np.float32(255))
        rows = np.clip(lightness // LIGHTNESS_BIN, 0, len(counts) - 1).astype(int)
        place = np.clip(np.rint((ab + reach) / BIN), 0, side - 1).astype(int)
        np.add.at(counts, (rows, place[..., 0] * side + place[..., 1]), 1)
    rounded = np.rint(SCALE * counts / counts.sum(axis=1, keepdims=True)).astype(int)
    about = {
        "photos": len(files),
        "a,b from": int(-reach),
        "to": int(reach),
        "bin": BIN,
        "lightness bin": LIGHTNESS_BIN,
    }
    lines = ",\n".join(json.dumps(row, separators=(",", ":")) for row in rounded.tolist())
    target = paths.WEIGHTS / "colors.json"
    target.write_text(f'{{"about": {json.dumps(about)},\n"counts": [\n{lines}\n]}}\n', "utf-8")
    print(f"{target}: colors of {len(files):,} photos")


if __name__ == "__main__":
    main()
