"""Times and scores our convolutional network against one that many learn from, both sides in one run.

``python benchmarks/cnn.py`` writes ``benchmarks/results/cnn.json``. The peer is written from the published description
of the "beta" network of Emil Wallner's article "How to colorize black & white photos with just 100 lines of neural
network code" (2017): 256×256 pixels, L as 0…100, a,b over 128 out of a tanh, 3×3 convolutions, RMSprop, mean
squared error, 10 photos a batch. It gets as many seconds as our whole training takes, since its own 2500 iterations
take an hour; how long those would take follows from its time a step.
"""

import json
import os
import time
from collections.abc import Callable
from functools import partial

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
from keras import layers
from patches import case, measure, multiply_peak

from colorlib import paths
from colorlib.color import gray_to_lightness, merge_lab, rgb_to_lab, split_lab, to_gray
from colorlib.models.cnn import CNN
from colorlib.photos import load_photos, usable_collection
from colorlib.scores.metrics import delta_e
from colorlib.training import learning_policy, shuffled_batch

RESULTS = paths.BENCHMARKS / "cnn.json"
SIZE, PEER_BATCH, ITERATIONS = 256, 10, 2500
LOOK_AT = (1, 10, 100, 250, 500, 1000, 1500, 2000, 2500)
LARGE = (3000, 4000)


def photos_of(split: str) -> np.ndarray:
    return load_photos(usable_collection("unsplash36")[0], SIZE, split)


def errors(predict_ab: Callable[[np.ndarray], np.ndarray]) -> dict[str, float]:
    """Mean ΔE2000 of both splits, on every second pixel in each direction, with the colors put onto the photos' L*."""
    found = {}
    for split in ("train", "test"):
        colored, photos = [], photos_of(split)
        for gray in map(to_gray, photos):
            colored.append(merge_lab(gray_to_lightness(gray), predict_ab(gray))[0][::2, ::2])
        found[split] = round(float(delta_e(rgb_to_lab(photos[:, ::2, ::2]), rgb_to_lab(np.stack(colored))).mean()), 2)
    return found


def train_ours() -> Callable:
    photos = photos_of("train")

    def fit():
        model = CNN(iterations=ITERATIONS)
        model.fit(photos, observe=lambda model, _: errors(model.predict_ab), observe_at=LOOK_AT, progress=False)
        curve = [
            {"iteration": i, **{name: round(float(value), 2) for name, value in seen.items()}}
            for i, seen in model.history_.observations.items()
        ]
        return {
            "train_seconds": model.history_.seconds,
            "iterations": ITERATIONS,
            "parameters": model.parameters,
            "step_gflop": step_gflop(model),
            "curve": curve,
        }

    return fit


def step_gflop(model: CNN) -> float:
    """Count the arithmetic of an iteration, in GFLOP: three times the convolutions' forward pass."""
    operations = 0
    for layer in model.network_.layers:
        if isinstance(layer, layers.Conv2D):
            _, height, width, _ = keras.Model(model.network_.input, layer.output).compute_output_shape(
                (1, SIZE, SIZE, 1)
            )
            operations += 2 * int(np.prod(layer.kernel.shape)) * height * width
    return 3 * model.batch * operations / 1e9


def colorize_large() -> Callable:
    model = CNN(iterations=1).fit(photos_of("train"), progress=False)
    gray = np.random.default_rng(0).random(LARGE, np.float32)
    return lambda: model.colorize(gray).shape


def colorize_large_peer() -> Callable:
    network, gray = build_peer(), np.random.default_rng(0).random(LARGE, np.float32)
    return lambda: merge_lab(gray_to_lightness(gray), predict_peer(network, gray))[0].shape


def predict_peer(network: keras.Model, gray: np.ndarray) -> np.ndarray:
    """Predict a,b of one gray image, (H, W), whose sides are multiples of 8."""
    return keras.ops.convert_to_numpy(network(gray_to_lightness(gray)[None, ..., None], training=False))[0] * 128


def build_peer() -> keras.Model:
    """Build the encoder-decoder of 3.9 million parameters."""
    stack = [keras.Input((None, None, 1))]
    for filters, stride in ((64, 1), (64, 2), (128, 1), (128, 2), (256, 1), (256, 2), (512, 1), (256, 1), (128, 1)):
        stack.append(layers.Conv2D(filters, 3, stride, padding="same", activation="relu"))
    for filters, activation in ((64, "relu"), (32, "relu")):
        stack += [layers.UpSampling2D(), layers.Conv2D(filters, 3, padding="same", activation=activation)]
    stack += [layers.Conv2D(2, 3, padding="same", activation="tanh"), layers.UpSampling2D()]
    network = keras.Sequential(stack)
    network.compile("rmsprop", "mse", jit_compile=False)
    return network


def train_peer(seconds: float) -> Callable:
    keras.utils.set_random_seed(0)
    network, (lightness, ab) = build_peer(), split_lab(photos_of("train"))

    def fit():
        spent, iteration, curve = 0.0, 0, []
        while spent < seconds and iteration < ITERATIONS:
            iteration += 1
            chosen = shuffled_batch(len(ab), PEER_BATCH, 0, iteration)
            start = time.perf_counter()
            network.train_on_batch(lightness[chosen][..., None], ab[chosen] / 128)
            spent += time.perf_counter() - start
            if iteration in LOOK_AT or spent >= seconds:
                seen = errors(partial(predict_peer, network))
                curve.append({"iteration": iteration, "seconds": round(spent, 2), **seen})
        return {"train_seconds": spent, "iterations": iteration, "parameters": network.count_params(), "curve": curve}

    return fit


def main() -> None:
    ours = measure(train_ours)
    trained = ours.pop("result")
    peer = measure(partial(train_peer, trained["train_seconds"]))
    of_peer = peer.pop("result")
    step, peer_step = (side["train_seconds"] / side["iterations"] for side in (trained, of_peer))
    large, peer_large = measure(colorize_large, 3), measure(colorize_large_peer)
    peak = multiply_peak()
    reached = trained["step_gflop"] / step
    peer_name = "the beta network of Wallner (2017), rebuilt from its description"
    results = {
        "cnn_training_2500": case(
            ours | {"seconds": trained["train_seconds"]},
            peer | {"seconds": peer_step * ITERATIONS},
            f"{peer_name}; extrapolated from {of_peer['iterations']:,} steps",
            curves={"ours": trained["curve"], "peer": of_peer["curve"]},
            parameters={"ours": trained["parameters"], "peer": of_peer["parameters"]},
            our_gflops=round(reached),
            matrix_multiply_gflops=round(peak),
            share_of_peak=round(reached / peak, 2),
            computed_in=learning_policy().removeprefix("mixed_"),
        ),
        "cnn_colorize_12mp": case(large, peer_large, peer_name),
    }
    paths.write_whole(RESULTS, (json.dumps(results, indent=1) + "\n").encode())
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
