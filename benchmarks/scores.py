"""Times the metrics that the library computes itself against scikit-image's, at equal values.

``python benchmarks/scores.py`` writes ``benchmarks/results/scores.json``. Metrics that are not faster than a well-kept
library's have no place in `colorlib.scores.metrics`.
"""

import json
from collections.abc import Callable

import numpy as np
from patches import case, measure

from colorlib import paths
from colorlib.color import rgb_to_lab
from colorlib.photos import load_photos, usable_collection
from colorlib.scores.metrics import delta_e, ssim

RESULTS = paths.BENCHMARKS / "scores.json"
SIZE, RUNS = 512, 3


def photos() -> np.ndarray:
    return load_photos(usable_collection("unsplash36")[0], SIZE, "test")


def ssim_ours() -> Callable:
    true = photos()
    return lambda: [ssim(photo, photo**1.2) for photo in true]


def ssim_peer() -> Callable:
    from skimage.metrics import structural_similarity

    true = photos()
    options = {
        "channel_axis": -1,
        "gaussian_weights": True,
        "sigma": 1.5,
        "use_sample_covariance": False,
        "data_range": 1,
    }
    return lambda: [structural_similarity(photo, photo**1.2, **options) for photo in true]


def delta_e_ours() -> Callable:
    labs = rgb_to_lab(photos())
    return lambda: [float(delta_e(lab, lab[::-1]).mean()) for lab in labs]


def delta_e_peer() -> Callable:
    from skimage.color import deltaE_ciede2000

    labs = rgb_to_lab(photos())
    return lambda: [float(deltaE_ciede2000(lab, lab[::-1]).mean()) for lab in labs]


def main() -> None:
    results = {}
    for name, ours, peer, peer_name in (
        ("ssim", ssim_ours, ssim_peer, "skimage.metrics.structural_similarity"),
        ("delta_e", delta_e_ours, delta_e_peer, "skimage.color.deltaE_ciede2000"),
    ):
        sides = measure(ours, RUNS), measure(peer, RUNS)
        difference = float(np.abs(np.subtract(*(side["result"] for side in sides))).max())
        results[name] = case(*sides, peer_name, photos=len(photos()), size=SIZE, difference=difference)
    paths.write_whole(RESULTS, (json.dumps(results, indent=1) + "\n").encode())
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
