"""Times the metrics that the library computes itself, and the reading of photos, against scikit-image's.

``python benchmarks/scores.py`` writes ``benchmarks/results/scores.json``. Metrics that are not faster than a well-kept
library's have no place in `colorlib.scores.metrics`.
"""

import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from patches import case, measure
from threadpoolctl import threadpool_limits

from colorlib import paths
from colorlib.color import merge_lab, rgb_to_lab, split_lab
from colorlib.images import read_square
from colorlib.photos import fetch_photos, load_photos, usable_collection
from colorlib.scores.metrics import colorfulness, delta_e, inverse_prior, score_photo, ssim

RESULTS = paths.BENCHMARKS / "scores.json"
SIZE, RUNS = 512, 3
SCORED, SMALL = "bsds500", 256  # all scores, of this collection's test photos of this size
SCORES = ("psnr_rgb", "psnr_ab", "ssim", "delta_e_mean", "auc", "auc_rebalanced", "colorfulness", "hue_error")


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


def pairs() -> tuple[np.ndarray, np.ndarray]:
    """True photos, and the same ones with half their chroma."""
    true = load_photos(SCORED, SMALL, "test")
    return true, np.stack([merge_lab(lightness, ab / 2)[0] for lightness, ab in map(split_lab, true)])


def all_scores_ours() -> Callable:
    true, predicted = pairs()

    def work() -> list[list[float]]:
        with ThreadPoolExecutor(os.cpu_count()) as pool, threadpool_limits(1, "blas"):  # as `evaluate` has it
            return [[scores[name] for name in SCORES] for scores in pool.map(score_photo, true, predicted)]

    return work


def all_scores_peer() -> Callable:
    from skimage.color import deltaE_ciede2000, rgb2lab
    from skimage.metrics import peak_signal_noise_ratio, structural_similarity

    true, predicted = pairs()
    options = {"channel_axis": -1, "gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}

    def scores(photo: np.ndarray, colored: np.ndarray) -> list[float]:
        lab, colored_lab = rgb2lab(photo), rgb2lab(colored)
        ab, colored_ab = lab[..., 1:], colored_lab[..., 1:]
        errors, weights = np.linalg.norm(ab - colored_ab, axis=-1), inverse_prior(ab)
        reached = [errors <= threshold for threshold in range(151)]
        hues = np.degrees([np.arctan2(plane[..., 1], plane[..., 0]) for plane in (ab, colored_ab)])
        turn = np.abs((hues[0] - hues[1] + 180) % 360 - 180)
        has_hue = np.minimum(np.hypot(*ab.T), np.hypot(*colored_ab.T)).T >= 5
        return [
            peak_signal_noise_ratio(photo, colored, data_range=1),
            peak_signal_noise_ratio(ab, colored_ab, data_range=220),
            structural_similarity(photo, colored, data_range=1, **options),
            deltaE_ciede2000(lab, colored_lab).mean(),
            np.mean([np.mean(within) for within in reached]),
            np.mean([np.average(within, weights=weights) for within in reached]),
            colorfulness(colored),  # neither this nor the weights are in scikit-image
            turn[has_hue].mean() if has_hue.any() else np.nan,
        ]

    return lambda: [scores(photo, colored) for photo, colored in zip(true, predicted, strict=True)]


def files() -> list[str]:
    return [str(path) for path in fetch_photos(usable_collection("unsplash36")[0]).values()]


def read_ours() -> Callable:
    paths_ = files()

    def work() -> list[float]:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return [float(square.mean()) for square in pool.map(lambda path: read_square(path, SMALL), paths_)]

    return work


def read_peer() -> Callable:
    from skimage.io import imread
    from skimage.transform import resize

    paths_ = files()
    return lambda: [float(255 * resize(imread(path), (SMALL, SMALL), anti_aliasing=True).mean()) for path in paths_]


def copy_peak() -> float:
    """Measure how fast the machine reads and writes memory, in GB/s, by copying an array that no cache holds."""
    source = np.ones(2**26, np.float32)
    target, seconds = np.empty_like(source), []
    for _ in range(5):
        start = time.perf_counter()
        np.copyto(target, source)
        seconds.append(time.perf_counter() - start)
    return 2 * source.nbytes / min(seconds) / 1e9


def main() -> None:
    results = {}
    for name, ours, peer, peer_name in (
        ("ssim", ssim_ours, ssim_peer, "scikit-image's structural_similarity"),
        ("delta_e", delta_e_ours, delta_e_peer, "scikit-image's deltaE_ciede2000"),
    ):
        sides = measure(ours, RUNS), measure(peer, RUNS)
        difference = float(np.abs(np.subtract(*(side["result"] for side in sides))).max())
        results[name] = case(*sides, peer_name, photos=len(photos()), size=SIZE, difference=difference)
    sides = measure(all_scores_ours, RUNS), measure(all_scores_peer)
    difference = float(np.nanmax(np.abs(np.subtract(*(side["result"] for side in sides)))))
    peer_name = "scikit-image, and AuC and hues in numpy"
    photo_count = len(sides[0]["result"])
    memory_gbs = round(copy_peak(), 1)
    results["all_scores"] = case(
        *sides, peer_name, photos=photo_count, size=SMALL, difference=difference, memory_gbs=memory_gbs
    )
    sides = measure(read_ours, RUNS), measure(read_peer)
    difference = float(np.abs(np.subtract(*(side["result"] for side in sides))).max())
    peer_name = "scikit-image's imread and resize"
    results["read"] = case(*sides, peer_name, photos=len(files()), size=SMALL, difference=difference)
    paths.write_whole(RESULTS, (json.dumps(results, indent=1) + "\n").encode())
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
