"""Hints that the network is given itself, beside those that are spread over its colors.

    python benchmarks/hint_branch.py [NAME …]

The network that ships gets a second input, what the hints say where they are, and a branch of layers that takes it into
each level of its decoders. The branch starts at zero, so that at first nothing changes, and learns from simulated hints
on training photos. It is judged, as in notebook 10, by clicks at the worst places, on the photos set aside, never on
test photos. Results are added to ``results/hint_branch.json``, which a section of ``recipe.md`` shows.

After Zhang et al., "Real-time user-guided image colorization with learned deep priors", SIGGRAPH 2017.
"""

import json
import re
import sys
import time
from collections.abc import Callable

import numpy as np
from table import markdown_table

from colorlib import paths
from colorlib.color import to_gray
from colorlib.commands.training_photos import training_photos
from colorlib.commands.weights import SETTINGS
from colorlib.models import _blocks, _encoder, load_model
from colorlib.models._heads import of_each_decoder, relative_error
from colorlib.models._learner import crop_maker
from colorlib.models.hints import Hint
from colorlib.models.unet import UNet
from colorlib.scores import clicks
from colorlib.training import (
    BatchStream,
    built_in,
    cosine_rate,
    iteration_rng,
    learning_policy,
    load_keras,
    make_adam,
    set_seed,
)

RESULTS = paths.BENCHMARKS / "hint_branch.json"
STEPS, SIDE, BATCH, RATE = 1200, 192, 12, 8e-4
COUNTS = (1, 3, 10)
NO_HINTS, MEAN_HINTS, MOST_HINTS = 1 / 8, 8, 40  # in training: share of photos without, and of the number of hints
INPUT_SCALE, BRANCH_SCALE = 5.0, 30.0  # otherwise the branch learns next to nothing
SPREAD = "spread over the colors, as it ships"
FOLLOWING = (SPREAD, "branch", "branch, and the rest spread")  # what follows hints
WORSE = 0.01  # dB that don't count
#: Title → whether the decoders learn along with the branch.
WAYS = {"the branch alone learns": False, "the decoders learn with it": True}


class HintedNetwork:
    """The network of a U-Net, with a branch for hints in the decoders."""

    def __init__(self, unet: UNet):
        keras, settings = load_keras(), unet.settings
        lightness = keras.Input((None, None, 1))
        maps = _encoder.build_encoder(lightness, settings["encoder"])
        self.encoder = keras.Model(lightness, [maps[stride] for stride in (4, 8, 16, 32)])
        for layer in self.encoder.layers:
            if layer.weights:
                layer.set_weights(unet.network_.get_layer(layer.name).get_weights())
        self.decoders, trained = self._build_decoders(settings["filters"], settings["dropout"], settings["decoders"])
        for layer, known in zip(trained, decoder_layers(unet), strict=True):
            layer.set_weights(known.get_weights())
        self.branch = [layer for layer in self.decoders.layers if layer.weights and layer not in trained]

    def _build_decoders(self, filters, dropout, count):
        keras, trained = load_keras(), []
        layers = keras.layers

        def convolve(x, width, size=3, known=True, **options):
            layer = layers.Conv2D(width, size, padding="same", kernel_initializer="he_normal", **options)
            if known:
                trained.append(layer)
            return layer(x)

        def activate(x):
            return layers.Activation("leaky_relu")(x)

        def drop(x):
            return layers.SpatialDropout2D(dropout)(x)

        widths = {4: filters, 8: 2 * filters, 16: 4 * filters, 32: 4 * filters}
        maps = [keras.Input((None, None, tensor.shape[-1])) for tensor in self.encoder.outputs]
        by_stride = dict(zip((4, 8, 16, 32), maps, strict=True))
        hints = keras.Input((None, None, 3))
        told = {4: activate(convolve(layers.Rescaling(INPUT_SCALE)(hints), 32, known=False))}
        for stride, width in ((8, 64), (16, 96), (32, 128)):
            told[stride] = activate(convolve(told[stride // 2], width, known=False, strides=2))
        for _ in range(2):  # so that a hint reaches the whole photo
            told[32] = activate(layers.Add()([told[32], convolve(told[32], 128, known=False)]))

        def add(parts, stride):
            taken = layers.Conv2D(widths[stride], 1, kernel_initializer="zeros")(told[stride])
            return layers.Add()([*parts, layers.Rescaling(BRANCH_SCALE)(taken)])

        outputs = []
        for _ in range(count):
            x = drop(activate(convolve(drop(by_stride[32]), widths[32], 1)))
            scene = activate(convolve(layers.GlobalAveragePooling2D(keepdims=True)(by_stride[32]), widths[32], 1))
            x = add([x, convolve(scene, widths[32], 1)], 32)
            for stride in (16, 8, 4):
                x = layers.UpSampling2D()(convolve(x, widths[stride], 1))
                x = activate(add([x, convolve(by_stride[stride], widths[stride], 1)], stride))
                x = activate(convolve(x, widths[stride]))
                x = x if stride == 4 else drop(x)
            outputs.append(convolve(x, 2, 1, dtype="float32"))
        return keras.Model([*maps, hints], layers.Concatenate(dtype="float32")(outputs)), trained


def decoder_layers(unet: UNet) -> list:
    """List the convolutions of a U-Net's decoders, one decoder after the other, in the order in which they are made."""
    layers = [layer for layer in unet.network_.layers if layer.weights and not _encoder.is_encoder_layer(layer.name)]
    last = sorted((layer for layer in layers if layer.name.startswith("ab")), key=lambda layer: layer.name)
    number = re.compile(r"\d*$")
    others = sorted(
        (layer for layer in layers if layer not in last), key=lambda layer: int(number.search(layer.name)[0] or 0)
    )
    each = len(others) // len(last)
    return [layer for i, end in enumerate(last) for layer in [*others[i * each : (i + 1) * each], end]]


def simulate_hints(ab: np.ndarray, error: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Give hints on true a,b / 128, (N, h, w, 2): half of them anywhere, half where the prediction is more in error."""
    hints = np.zeros((*ab.shape[:3], 3), np.float32)
    height, width = ab.shape[1:3]
    for true, wrong, given in zip(ab, error, hints, strict=True):
        if rng.random() < NO_HINTS:
            continue
        likely = wrong.ravel() ** 2 / (wrong**2).sum()
        for _ in range(min(MOST_HINTS, rng.geometric(1 / MEAN_HINTS))):
            place = rng.choice(likely.size, p=likely) if rng.random() < 0.5 else rng.integers(likely.size)
            put_hint(given, *divmod(int(place), width), true.reshape(height * width, 2)[place], rng.integers(1, 4))
    return hints


def put_hint(given: np.ndarray, row: int, column: int, ab: np.ndarray, side: int = 3) -> None:
    """Write a hint into a square of the grid."""
    square = (
        slice(max(0, row - side // 2), row - side // 2 + side),
        slice(max(0, column - side // 2), column - side // 2 + side),
    )
    given[square] = [*ab, 1]


class Scene(clicks.Scene):
    """A photo whose hints the network is given; what it does not follow is spread over its colors."""

    def __init__(self, unet: UNet, photo: np.ndarray, encode: Callable, decode: Callable):
        super().__init__(unet, photo)
        self._maps, self._decode, self.spreads = encode(to_gray(photo)), decode, True
        self.predicted = self._ask([])

    def follow(self, hints, spreading=None, solve=None):
        self.predicted = self._ask(hints)  # the grid differs each time, so that nothing can be shared
        return super().follow(hints, spreading) if self.spreads else self.predicted

    def _ask(self, hints: list[Hint]) -> np.ndarray:
        given = np.zeros((*self.true.shape[:2], 3), np.float32)
        for hint in hints:
            put_hint(
                given, hint.row // self._stride, hint.column // self._stride, np.array(hint[2:]) / _blocks.AB_SCALE
            )
        return self._decode(self._maps, given)


def try_out(tuned: bool, photos, validation) -> dict:
    """Train a branch, with or without the decoders, and judge it."""
    keras, unet = load_keras(), load_model(paths.WEIGHTS / "unet.onnx")
    set_seed(0)
    started = time.perf_counter()
    network = built_in(learning_policy(), lambda: HintedNetwork(unet))
    decoders, settings = network.decoders, unet.settings | {"stages": ((STEPS, SIDE),), "batch": BATCH}
    decoders.trainable = True
    for layer in decoders.layers:
        layer.trainable = tuned or layer in network.branch
    stream = BatchStream(photos, crop_maker(settings), BATCH, seed=0)
    decoders.compile(make_adam(RATE, 0.998), of_each_decoder(relative_error, unet.decoders), jit_compile=False)

    def mean(outputs):
        parts = np.split(keras.ops.convert_to_numpy(outputs), unet.decoders, axis=-1)
        return np.mean(parts, axis=0)

    for step in range(1, STEPS + 1):
        lightness, ab = stream(step)
        maps = network.encoder.predict_on_batch(lightness)
        nothing = np.zeros((*ab.shape[:3], 3), np.float32)
        error = np.linalg.norm(ab - mean(decoders.predict_on_batch([*maps, nothing])), axis=-1)
        hints = simulate_hints(ab, error, iteration_rng(0, step))
        decoders.optimizer.learning_rate = cosine_rate(RATE, STEPS, 100, step)
        decoders.train_on_batch([*maps, hints], ab)
    decoders.optimizer.finalize_variable_values(decoders.trainable_variables)
    seconds = round(time.perf_counter() - started)

    def encode(gray):
        lightness, _, _ = unet._network_input(gray)
        return network.encoder.predict_on_batch(np.concatenate([lightness, lightness[:, :, ::-1]])[..., None])

    def decode(maps, given):
        """As the library predicts: the mean of the photo and its mirror image, and the gain."""
        both = mean(decoders.predict_on_batch([*maps, np.stack([given, given[:, ::-1]])]))
        return ((both[0] + both[1, :, ::-1]) / 2 * _blocks.AB_SCALE * unet.gain_).astype(np.float32)

    every = [photo for split in validation for photo in split.photos]
    rows: dict[str, list[list[float]]] = {way: [] for way in FOLLOWING}
    without = []
    for photo in every:
        shipped, hinted = clicks.Scene(unet, photo), Scene(unet, photo, encode, decode)
        without.append(hinted.psnr(hinted.predicted) - shipped.psnr(shipped.predicted))
        rows[SPREAD].append(gains(shipped))
        unhinted = hinted.predicted
        for way, spreads in zip(FOLLOWING[1:], (False, True), strict=True):
            hinted.predicted, hinted.spreads = unhinted, spreads
            rows[way].append(gains(hinted))
    return {"seconds": seconds, "without_hints": round(float(np.mean(without)), 3)} | {
        way: {
            "gain": np.mean(of_way, axis=0).round(3).tolist(),
            "worse": (100 * np.mean(np.array(of_way) < -WORSE, axis=0)).round(1).tolist(),
        }
        for way, of_way in rows.items()
    }


def gains(scene: clicks.Scene) -> list[float]:
    """dB that hints bring over what the same network predicts without any."""
    start = scene.psnr(scene.predicted)
    clicked = [scene.psnr(ab) - start for _, ab in clicks.click(scene, max(COUNTS))]
    return [clicked[count - 1] for count in COUNTS]


def section(results: dict) -> str:
    """Make the section of the page from the results."""
    trials, rows = results["trials"], []
    for name, way in [(next(iter(trials)), SPREAD), *((name, way) for name in trials for way in FOLLOWING[1:])]:
        trial = trials[name]
        told = [
            f"{gain:+.2f} dB, {worse:.0f}\N{NO-BREAK SPACE}%"
            for gain, worse in zip(trial[way]["gain"], trial[way]["worse"])
        ]
        shipped = way == SPREAD
        rows.append(
            (
                way if shipped else f"{way}: {name}",
                *told,
                "–" if shipped else f"{round(trial['without_hints'], 2) + 0.0:+.2f} dB",
            )
        )
    clear = [
        f"{way} where {name}"
        for name, trial in trials.items()
        for way in FOLLOWING[1:]
        if np.all(np.array(trial[way]["gain"]) > np.array(trial[SPREAD]["gain"]))
        and np.all(np.array(trial[way]["worse"]) <= np.array(trial[SPREAD]["worse"]))
    ]
    shipped_pixels = SETTINGS["batch"] * sum(count * side**2 for count, side in SETTINGS["stages"])
    share = STEPS * BATCH * SIDE**2 / shipped_pixels
    titles = ("what follows hints", *(f"{count} hint{'s' * (count > 1)}" for count in COUNTS), "without hints")
    verdict = (
        f"More at every number of hints, without more photos made worse: {', '.join(clear)}."
        if clear
        else "None brings more at every number of hints without making more photos worse: so what ships is the "
        "spreading, which also leaves the file and the page as small as they are."
    )
    return SECTION.format(
        table=markdown_table(titles, rows), verdict=verdict, steps=STEPS, batch=BATCH, side=SIDE, share=share, **results
    )


SECTION = """
## A network that is given the hints

Hints (notebook 10) are spread over the colors after the network. They could also be told to the network itself: here a
branch of layers takes them into each level of its decoders. It starts at zero, so that nothing changes at first, and
learns for {steps:,} steps of {batch} crops of {side}×{side} pixels from simulated hints: {share:.0%} of the pixels that
the network itself has learned from, so this tells how such a branch begins and not where it ends. The rows say what
hints at the worst places bring over the same network without any, and the share of photos that they make worse, on the
{judged} photos set aside; and what that network has without hints, beside the one that ships. *The rest spread*: what
the network does not follow is spread as it is now, so that hints are met.

{table}

{verdict}

Made by `python benchmarks/hint_branch.py` with {machine}.
"""


def main() -> None:
    from patches import machine

    photos, validation = training_photos()
    for name in sys.argv[1:] or WAYS:
        trial = try_out(WAYS[name], photos, validation)
        print(name, trial, flush=True)
        with paths.locked(RESULTS.parent):
            results = json.loads(RESULTS.read_text("utf-8")) if RESULTS.is_file() else {"trials": {}}
            results["trials"][name] = trial
            results |= {"judged": sum(len(split.photos) for split in validation), "machine": machine()}
            paths.write_whole(RESULTS, (json.dumps(results, indent=1) + "\n").encode())


if __name__ == "__main__":
    main()
