"""What makes the colors better: the shipped network's choices, each tried with the others as they are.

    python tools/recipe.py --photos photos.zip --out recipe.csv [--iterations 1500] [--side 160] [--only NAME …]

Every variant trains for the same number of crops on the training photos of `colorlib weights` (packed by ``colorlib
weights --pack``) and is judged on those set aside, never on test photos. On an accelerator, several runs share it.
"""

import argparse
import csv
import tempfile
import time
from pathlib import Path

import numpy as np

from colorlib.commands.training_photos import unpack_photos
from colorlib.models import _blocks, _encoder, _heads, _learner
from colorlib.models.unet import UNet
from colorlib.models.unet_classes import UNetClasses
from colorlib.scores.leaderboard import Split, evaluate
from colorlib.training import load_keras

COMMON = dict(
    filters=48, dropout=0.2, batch=16, learning_rate=8e-4, encoder="lite2", encoder_rate=0.1, stages=((1500, 160),)
)
JUDGED = 40  # photos of each collection, at most


class WithoutScene(UNet):
    """Knows nothing of the whole picture: the branch that would tell stays at its initial zeros."""

    def build(self):
        network = super().build()
        scene = next(layer for layer in network.layers if layer.__class__.__name__ == "GlobalAveragePooling2D")
        after = network.layers.index(scene)
        convolutions = [layer for layer in network.layers[after:] if layer.__class__.__name__ == "Conv2D"]
        for layer in convolutions[:2]:
            layer.trainable = False
        return network


class WholeEncoder(UNet):
    """Trains all of the encoder, not only its upper half."""

    def build(self):
        usual = _encoder.TUNED_STRIDE
        _encoder.TUNED_STRIDE = 2
        try:
            return super().build()
        finally:
            _encoder.TUNED_STRIDE = usual


def colorful(weight):
    """The relative error, and a reward for colorfulness (Hasler & Süsstrunk's measure in CIELAB), as DDColor has it."""

    def loss(true, predicted):
        ops = load_keras().ops
        ab = predicted * _blocks.AB_SCALE
        spread = ops.sqrt(ops.sum(ops.var(ab, axis=(1, 2)), axis=-1) + 1e-3)
        strength = ops.sqrt(ops.sum(ops.mean(ab, axis=(1, 2)) ** 2, axis=-1) + 1e-3)
        return _heads.relative_error(true, predicted) + weight * (1 - (spread + 0.37 * strength) / 100)

    return loss


def lab_to_rgb(ops, lightness, ab):
    """CIELAB to sRGB, clipped, in Keras."""
    fy = (lightness + 16) / 116
    xyz = []
    for f, white in ((fy + ab[..., :1] / 500, 0.95047), (fy, 1.0), (fy - ab[..., 1:] / 200, 1.08883)):
        xyz.append(white * ops.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)))
    matrix = np.array(
        [[3.2404542, -1.5371385, -0.4985314], [-0.9692660, 1.8760108, 0.0415560], [0.0556434, -0.2040259, 1.0572252]],
        np.float32,
    )
    linear = ops.clip(ops.matmul(ops.concatenate(xyz, axis=-1), matrix.T), 1e-4, 1)
    return ops.where(linear < 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


class Perceptual(UNet):
    """Adds the distance between feature maps that the frozen encoder, which was trained on color, has of both photos.

    Johnson, Alahi & Fei-Fei, "Perceptual losses for real-time style transfer and super-resolution", ECCV 2016.
    """

    weight = 1.0

    def make_learner(self, photos):
        keras = load_keras()
        rgb = keras.Input((None, None, 3))
        gray = keras.Input((None, None, 1))
        maps = _encoder.build_encoder(gray, "lite0")
        inner = keras.Model(gray, [maps[4], maps[8]])
        _encoder.set_imagenet_weights(inner, "lite0")
        color_stem = keras.layers.Conv2D(32, 3, 2, padding="same")
        color_stem.build((None, None, None, 3))
        kernel, bias = _encoder._fold(_encoder.imagenet_weights("lite0"), _encoder._STEM)
        color_stem.set_weights([kernel, bias])
        # The same layers after a stem for three channels.
        outputs, x = {}, color_stem(rgb)
        for layer in inner.layers[2:]:
            node = layer._inbound_nodes[0]
            inputs = [outputs.get(id(tensor), x) for tensor in node.input_tensors]
            outputs[id(node.outputs[0])] = layer(inputs if len(inputs) > 1 else inputs[0])
        features = keras.Model(rgb, [outputs[id(tensor)] for tensor in inner.outputs])
        features.trainable = False
        ops, weight = keras.ops, self.weight

        def loss(true, predicted):
            ab, lightness = true[..., :2], true[..., 2:]
            seen = [
                features(2 * lab_to_rgb(ops, lightness, a * _blocks.AB_SCALE) - 1, training=False)
                for a in (ab, predicted)
            ]
            distances = [ops.mean((a - b) ** 2, axis=(1, 2, 3)) for a, b in zip(*seen, strict=True)]
            return _heads.relative_error(ab, predicted) + weight * sum(distances)

        class Head(_heads.ABHead):
            def loss(self, photos):
                return loss

        perceptual_head = Head("relative")
        model = self
        type(model).head = property(lambda self: perceptual_head)
        learner = UNet.make_learner(model, photos)
        stream = learner.stream

        def with_lightness(iteration):
            lightness, ab = stream(iteration)
            n, h, w, _ = ab.shape
            small = lightness.reshape(n, h, 4, w, 4).mean(axis=(2, 4))
            return lightness, np.concatenate([ab, 50 * (small[..., None] + 1)], axis=-1).astype(np.float32)

        learner._draw = with_lightness
        return learner


VARIANTS = {
    "as chosen": (UNet, {}),
    "another seed": (UNet, {"seed": 1}),
    "Lite0, frozen": (UNet, {"encoder": "lite0", "encoder_rate": 0.0}),
    "Lite2, frozen": (UNet, {"encoder_rate": 0.0}),
    "encoder's rate 0.3": (UNet, {"encoder_rate": 0.3}),
    "whole encoder learns": (WholeEncoder, {}),
    "no scene": (WithoutScene, {}),
    "zoom from 0.3": (UNet, {"zoom": (0.3, 1.0)}),
    "dropout 0.3": (UNet, {"dropout": 0.3}),
    "rate 2e-3": (UNet, {"learning_rate": 2e-3}),
    "squared error": (UNet, {"loss": "squared"}),
    "classes": (UNetClasses, {"rebalance": False, "temperature": 1.0}),
    "classes, rebalanced": (UNetClasses, {"rebalance": True, "temperature": 0.38}),
    "colorfulness term 1": (UNet, {"loss": "colorful 1"}),
    "colorfulness term 4": (UNet, {"loss": "colorful 4"}),
    "perceptual": (Perceptual, {}),
}
_heads.LOSSES |= {f"colorful {weight}": colorful(weight) for weight in (1, 4)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="*", default=list(VARIANTS))
    parser.add_argument("--iterations", type=int, default=COMMON["stages"][0][0])
    parser.add_argument("--side", type=int, default=COMMON["stages"][0][1])
    parser.add_argument("--batch", type=int, default=COMMON["batch"])
    arguments = parser.parse_args()
    _learner.accelerator = lambda: ""  # several of these runs share the processors
    with tempfile.TemporaryDirectory() as folder:
        photos, validation = unpack_photos(arguments.photos, Path(folder))
        judged = [Split(s.name, s.photos[:JUDGED], s.photo_names[:JUDGED]) for s in validation]
        for name in arguments.only:
            kind, settings = VARIANTS[name]
            stages = ((arguments.iterations, arguments.side),)
            model = kind(**COMMON | {"stages": stages, "batch": arguments.batch} | settings)
            started = time.perf_counter()
            model.fit(photos, validation=np.concatenate([s.photos for s in judged]), progress=False)
            seconds = time.perf_counter() - started
            columns = ["skill_db", "delta_e_mean", "colorfulness_gap"]
            scores = evaluate({"model": model}, judged).groupby("split")[columns].mean()
            row = {"variant": name, "steps": model.history_.iterations, "seconds": round(seconds), "gain": model.gain_}
            row |= {f"{split} {c}": round(float(scores.loc[split, c]), 3) for split in scores.index for c in columns}
            new = not arguments.out.exists()
            with open(arguments.out, "a", newline="") as file:
                writer = csv.DictWriter(file, row)
                if new:
                    writer.writeheader()
                writer.writerow(row)
            print(row, flush=True)


if __name__ == "__main__":
    main()
