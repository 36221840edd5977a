"""Times the patch models against what one would use instead, both sides in one run, each in a process of its own.

``python benchmarks/patches.py`` writes ``benchmarks/results/patches.json``. Linear regression is timed against
scikit-learn's ``extract_patches_2d`` + ``LinearRegression``, the perceptron against ``MLPRegressor`` at batches of 32
and 500 epochs. Those take hours, so their curve is stored in ``mlp_regressor_500.json``, and a few live epochs tell
what one takes here and now. ``--full-peer`` runs, or takes up again, all of them.
"""

import argparse
import itertools
import json
import os
import pickle
import platform
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from colorlib import paths
from colorlib.color import to_gray
from colorlib.images import resize_image
from colorlib.models import gray_patches, patch_targets
from colorlib.models.linear import Linear
from colorlib.models.mlp import MLP, WIDTHS
from colorlib.photos import list_photos, load_photos, usable_collection

RESULTS = paths.BENCHMARKS / "patches.json"
CURVE = paths.BENCHMARKS / "mlp_regressor_500.json"
STATE = paths.BUILD / "benchmarks" / "mlp_regressor.pkl"
SIZE, PHOTO, PEER_EPOCHS, LIVE_EPOCHS, MANY = 512, "lake-sherburne", 500, 2, 1000
LARGE = (3000, 4000)


def training_photos() -> np.ndarray:
    return load_photos(usable_collection("unsplash36")[0], SIZE, "train")


def one_photo() -> np.ndarray:
    names = [photo.name for photo in list_photos(usable_collection("unsplash36")[0], "train")]
    return training_photos()[names.index(PHOTO) if PHOTO in names else 0]


def large_gray() -> np.ndarray:
    """A gray image of 12 megapixels: the one photo, enlarged, so that its neighborhoods are those of photos."""
    return resize_image(to_gray(one_photo()), *LARGE)


def linear_ours() -> Callable:
    photos = training_photos()
    return lambda: Linear().fit(photos).coefficients_


def linear_many() -> Callable:
    photos = training_photos()
    return lambda: Linear().fit(photos[i % len(photos)] for i in range(MANY)).coefficients_


def linear_peer() -> Callable:
    from sklearn.feature_extraction.image import extract_patches_2d
    from sklearn.linear_model import LinearRegression

    # In double precision, as scikit-image reads photos and as our sums are: single precision loses half the digits of
    # the coefficients.
    photos = training_photos().astype(np.float64)

    def fit():
        grays = (to_gray(photo).astype(np.float64) for photo in photos)
        patches = [extract_patches_2d(gray, (3, 3)).reshape(-1, 9) for gray in grays]
        return LinearRegression().fit(np.concatenate(patches), photos[:, 1:-1, 1:-1].reshape(-1, 3)).coef_

    return fit


def mlp_ours() -> Callable:
    photo = one_photo()

    def fit():
        model = MLP().fit(photo[None])
        return float(np.square(model.predict(to_gray(photo))[1:-1, 1:-1] - photo[1:-1, 1:-1]).mean())

    return fit


def mlp_peer() -> Callable:
    model, (patches, colors) = mlp_regressor(), peer_table()

    def fit():
        for _ in range(LIVE_EPOCHS):
            model.partial_fit(patches, colors)

    return fit


def colorize_linear() -> Callable:
    model, gray = Linear().fit([one_photo()]), large_gray()
    return lambda: model.colorize(gray).shape


def colorize_linear_peer() -> Callable:
    from skimage.color import gray2rgb, lab2rgb, rgb2lab
    from sklearn.linear_model import LinearRegression

    patches, colors = peer_table()
    model, gray = LinearRegression().fit(patches, colors), large_gray()

    def colorize():
        predicted = rgb2lab(np.clip(model.predict(gray_patches(gray, pad=True)), 0, 1).reshape(*LARGE, 3))
        predicted[..., 0] = rgb2lab(gray2rgb(gray))[..., 0]
        return np.clip(lab2rgb(predicted), 0, 1).shape

    return colorize


def colorize_mlp() -> Callable:
    # Fitted in another process, as a user's is: training takes memory that is not to be counted.
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        file = Path(folder) / "mlp.onnx"
        pool.submit(fit_mlp, file).result()
        model = MLP.load(file)
    gray = large_gray()
    return lambda: model.colorize(gray).shape


def fit_mlp(file: Path) -> None:
    MLP(epochs=1, rows=3200).fit(one_photo()[None]).save(file)


def colorize_mlp_peer() -> Callable:
    model, gray = mlp_regressor().partial_fit(*(part[:3200] for part in peer_table())), large_gray()

    def predict():  # in slices of a megapixel: all at once would take 12 GB
        patches = gray_patches(gray, pad=True)
        return sum(
            len(model.predict(patches[start : start + 1_000_000])) for start in range(0, len(patches), 1_000_000)
        )

    return predict


def mlp_gflop(pixels: int) -> float:
    """Count the arithmetic of coloring so many pixels, in GFLOP: two operations a weight."""
    widths = (9, *WIDTHS, 3)
    return 2 * int(pixels) * sum(before * after for before, after in itertools.pairwise(widths)) / 1e9


def mlp_regressor():
    from sklearn.neural_network import MLPRegressor

    return MLPRegressor(hidden_layer_sizes=WIDTHS, batch_size=32, random_state=0)


def peer_table() -> tuple[np.ndarray, np.ndarray]:
    photo = one_photo()
    return gray_patches(to_gray(photo)), patch_targets(photo)


def measure(prepare: Callable[[], Callable], runs: int = 1) -> dict:
    """Time one side: the fastest of some runs, each in a fresh process, and the highest memory of any."""
    measured = []
    for _ in range(runs):
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            measured.append(pool.submit(_measure, prepare).result())
    fastest = min(measured, key=lambda run: run["seconds"]) | {"peak_mb": max(run["peak_mb"] for run in measured)}
    name = getattr(prepare, "func", prepare).__name__  # of a partial, too
    print(f"{name:22} {fastest['seconds']:9.2f} s {fastest['peak_mb']:6} MB", flush=True)
    return fastest


def _measure(prepare: Callable[[], Callable]) -> dict:
    work = prepare()
    with open("/proc/self/clear_refs", "w") as file:  # forget the peak of the preparation, on Linux
        file.write("5")
    start = time.perf_counter()
    result = work()
    seconds = time.perf_counter() - start
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return {"seconds": seconds, "peak_mb": round(int(status["VmHWM"].split()[0]) / 1024), "result": result}


def multiply_peak() -> float:
    """Measure the machine's fastest float32 matrix product, in GFLOP/s."""
    matrix, seconds = np.random.default_rng(0).random((3000, 3000), np.float32), []
    for _ in range(5):
        start = time.perf_counter()
        matrix @ matrix
        seconds.append(time.perf_counter() - start)
    return 2 * 3000**3 / min(seconds) / 1e9


def machine() -> str:
    """Say in words what the times were taken on."""
    cpu = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").is_file():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        cpu = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), cpu)
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scikit-learn", "keras"))
    return f"{os.cpu_count()} cores, {cpu}, {platform.system()}, Python {platform.python_version()}, {packages}"


def default_stop(losses: list[float], tolerance: float = 1e-4, patience: int = 10) -> int | None:
    """Tell after which epoch ``MLPRegressor`` would have stopped by default, or None if it would not have."""
    best, waited = np.inf, 0
    for epoch, loss in enumerate(losses, 1):
        waited = waited + 1 if loss > best - tolerance else 0
        best = min(best, loss)
        if waited > patience:
            return epoch
    return None


def run_full_peer() -> None:
    """Run ``MLPRegressor`` to the 500th epoch, from where an earlier run left it; save after every epoch."""
    patches, colors = peer_table()
    model, curve = (
        mlp_regressor(),
        {
            "photo": PHOTO,
            "rows": len(patches),
            "machine": machine(),
            "epochs_wanted": PEER_EPOCHS,
            "loss": [],
            "seconds": [],
            "mse": {},
        },
    )
    if STATE.is_file():
        model, curve = pickle.loads(STATE.read_bytes())
    while len(curve["loss"]) < PEER_EPOCHS:
        start = time.perf_counter()
        model.partial_fit(patches, colors)
        curve["seconds"].append(time.perf_counter() - start)
        curve["loss"].append(model.loss_)
        epochs = curve["epochs_run"] = len(curve["loss"])
        if epochs in (1, 2, 5, 10, 20, 30, 50, 75) or epochs % 50 == 0:
            curve["mse"][str(epochs)] = float(np.square(model.predict(patches) - colors).mean())
        curve["default_tolerance_stops_after"] = default_stop(curve["loss"])
        paths.write_whole(STATE, pickle.dumps((model, curve)))
        paths.write_whole(CURVE, (json.dumps(curve, indent=1) + "\n").encode())
        print(f"epoch {epochs} of {PEER_EPOCHS}: loss {model.loss_:.6f}", flush=True)


def stored_curve() -> dict:
    """Sum up what ``--full-peer`` stored."""
    curve = json.loads(CURVE.read_text())
    last = max(curve["mse"], key=int)
    return {
        "mse_peer": min(curve["mse"].values()),
        "mse_peer_last": curve["mse"][last],
        "mse_peer_last_epoch": int(last),
        "mse_peer_after_50": curve["mse"]["50"],
        "peer_epochs_run": curve["epochs_run"],
        "default_tolerance_stops_after": curve["default_tolerance_stops_after"],
    }


def case(ours: dict, peer: dict, name: str, **more) -> dict:
    """Make one entry of the results."""
    sides = {
        side: {"seconds": round(value["seconds"], 3), "peak_mb": value["peak_mb"]}
        for side, value in (("ours", ours), ("peer", peer))
    }
    sides["peer"] = {"name": name} | sides["peer"]
    return sides | {"ratio": round(peer["seconds"] / ours["seconds"], 2), "machine": machine()} | more


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the patch models against scikit-learn.")
    parser.add_argument("--full-peer", action="store_true", help="run all 500 epochs of MLPRegressor; takes hours")
    if parser.parse_args().full_peer:
        return run_full_peer()
    results = {}
    ours, peer = measure(linear_ours, 3), measure(linear_peer, 3)
    many = measure(linear_many)
    results["linear_fit"] = case(
        ours,
        peer,
        "extract_patches_2d + LinearRegression",
        photos=len(training_photos()),
        size=SIZE,
        coefficient_difference=float(np.abs(ours["result"] - peer["result"]).max()),
        photos_streamed=MANY,
        seconds_streamed=round(many["seconds"], 2),
        peak_mb_streamed=many["peak_mb"],
    )
    ours, peer = measure(mlp_ours), measure(mlp_peer)
    epoch_seconds = peer["seconds"] / LIVE_EPOCHS
    results["mlp_fit"] = case(
        ours,
        peer | {"seconds": epoch_seconds * PEER_EPOCHS},
        f"MLPRegressor, batch 32, {PEER_EPOCHS} epochs to our {MLP().epochs}: {LIVE_EPOCHS} live ones, extrapolated",
        our_epochs=MLP().epochs,
        peer_epoch_seconds=round(epoch_seconds, 2),
        mse_ours=ours["result"],
        **stored_curve(),
    )
    results["linear_colorize_12mp"] = case(
        measure(colorize_linear, 3), measure(colorize_linear_peer, 3), "LinearRegression.predict + scikit-image's Lab"
    )
    ours, peer, peak = measure(colorize_mlp, 2), measure(colorize_mlp_peer), multiply_peak()
    reached = mlp_gflop(np.prod(LARGE)) / ours["seconds"]
    results["mlp_colorize_12mp"] = case(
        ours,
        peer,
        "MLPRegressor.predict",
        our_gflops=round(reached),
        matrix_multiply_gflops=round(peak),
        share_of_peak=round(reached / peak, 2),
    )
    paths.write_whole(RESULTS, (json.dumps(results, indent=1) + "\n").encode())
    for name, entry in results.items():
        print(f"{name:22} {entry['ratio']:7.1f} times as fast as {entry['peer']['name']}")


if __name__ == "__main__":
    main()
