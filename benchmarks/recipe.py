"""What makes the colors of the network that ships: its choices, each tried with the others as they are.

    python benchmarks/recipe.py [NAME … | --page | --judge FOLDER]

Each variant is a training of the same number of crops on the training photos of ``colorlib weights``, much shorter than
that of the network that ships, and is judged on the photos set aside from them, never on test photos. Results are added
to ``results/recipe.json``, and ``recipe.md`` is a page of the report, on which ``hint_branch.py`` has a section. With
``--page``, nothing is tried; with ``--judge``, what ``colorlib weights --packed`` made elsewhere, on a GPU for
instance, is put beside the network that ships.
"""

import json
import re
import sys
import time
from pathlib import Path
from typing import Any

import hint_branch
import numpy as np
from table import markdown_table

from colorlib import paths
from colorlib.commands.training_photos import learned_photos, training_photos
from colorlib.commands.weights import SETTINGS
from colorlib.models import _blocks, _encoder, _heads
from colorlib.models.unet import UNet
from colorlib.models.unet_classes import UNetClasses
from colorlib.scores.leaderboard import bootstrap_interval, evaluate
from colorlib.training import load_keras

RESULTS, PAGE = paths.BENCHMARKS / "recipe.json", paths.BENCHMARKS.parent / "recipe.md"
STEPS, SIDE, BATCH = 1000, 128, 16
COMMON: dict[str, Any] = SETTINGS | {"stages": ((STEPS, SIDE),), "batch": BATCH, "learning_rate": 8e-4, "decoders": 1}
BRIGHTER = 5  # units of colorfulness that are no accident
CONTRASTS = (1.0, 1.4, 1.8, 2.2, 2.6)  # of the plain network, beside which the more colorful variants are put


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


def colorful(weight):
    """The relative error, and a penalty for less colorfulness (Hasler & Süsstrunk's measure in CIELAB) than the truth.

    After DDColor (Kang et al., ICCV 2023), which rewards colorfulness without bound: beside a logarithm, that diverges.
    """

    def loss(true, predicted):
        ops = load_keras().ops

        def colorfulness(ab):
            ab = ab * _blocks.AB_SCALE
            spread = ops.sqrt(ops.sum(ops.var(ab, axis=(1, 2)), axis=-1) + 1e-3)
            return spread + 0.37 * ops.sqrt(ops.sum(ops.mean(ab, axis=(1, 2)) ** 2, axis=-1) + 1e-3)

        return _heads.relative_error(true, predicted) + weight * ops.relu(colorfulness(true) - colorfulness(predicted))

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


#: Title in the table → class and settings; those that are tried with other seeds too say how far chance goes.
VARIANTS: dict[str, tuple[type[UNet], dict[str, Any]]] = {
    "as it ships, but one decoder": (UNet, {}),
    "the same, other random numbers": (UNet, {"seed": 1}),
    "the same, others again": (UNet, {"seed": 2}),
    "two decoders": (UNet, {"decoders": 2}),
    "EfficientNet-Lite0 as encoder": (UNet, {"encoder": "lite0"}),
    "the encoder's upper half learns too, at 0.3 of the rate": (UNet, {"encoder_rate": 0.3}),
    "no look at the whole scene": (WithoutScene, {}),
    "no dropout": (UNet, {"dropout": 0.0}),
    "squared error": (UNet, {"loss": "squared"}),
    "color classes, their mean": (UNetClasses, {"rebalance": False, "temperature": 1.0}),
    "color classes, rebalanced, annealed mean": (UNetClasses, {"rebalance": True, "temperature": 0.38}),
    "a penalty for dull colors": (UNet, {"loss": "colorful"}),
    "a perceptual loss beside": (Perceptual, {}),
}
#: What the network that ships goes on learning by, for some more steps of its own size.
CONTINUED: dict[str, dict[str, Any]] = {
    "the encoder's upper half learns too": {"encoder_rate": 0.25, "learning_rate": 4e-4},
    "absolute error": {"loss": "absolute", "learning_rate": 3e-4},
}
MORE_STEPS, MORE_SIDE = 500, 192
PLAIN = next(iter(VARIANTS))
_heads.LOSSES["colorful"] = colorful(0.06)

TEMPLATE = """# Trials

Which choices make the colors of the network that ships? Each row is a training of its own, of {steps:,} steps of
{batch} crops of {side}×{side} pixels, on {photos:,} training photos. That is {share:.0%} of the pixels that the network
that ships has learned from, so all are worse than it; what counts is how they differ. They are judged on {judged}
photos set aside from training, by the mean over the collections. No test photo is used.

{table}

*Color gap* is the mean colorfulness less that of the true photos; gray has {gray_gap:.0f}. Some variants pay for
stronger colors with dB. *Plain, as colorful* is what the first row has when its contrast of colors is turned up until
its gap is that of the row: a variant is worth its price where its dB are higher. Trainings that differ in nothing but
random numbers, the first three rows, differ by {spread:.2f} dB: smaller differences say nothing. Seconds are those of
one processor, while the other one was busy as well; rows were made on different days, so compare them roughly. For the
encoder's upper half, 0.1 of the rate was tried once, too; the row is the better of the two.

The highest dB has *{best}*: {best_gain:+.2f} dB over the mean of the first three rows, in {best_ratio:.1f} times their
seconds. {verdict}

{continued}
{elsewhere}Made by `python benchmarks/recipe.py` with {machine}.
"""


def judge(model: UNet, validation: list) -> dict[str, float]:
    """Average the scores of photos set aside over the collections."""
    columns = ["skill_db", "delta_e_mean", "colorfulness_gap"]
    scores = evaluate({"model": model}, validation).groupby("split")[columns].mean().mean()
    return {column: round(float(scores[column]), 3) for column in columns}


def try_out(name: str, photos: Any, validation: list) -> dict:
    """Train one variant; return its settings, scores and seconds."""
    kind, settings = VARIANTS[name]
    model = kind(**COMMON | settings)
    started = time.perf_counter()
    model.fit(photos, validation=np.concatenate([split.photos for split in validation]))
    seconds = round(time.perf_counter() - started)
    if model.loss == "colorful":
        model.gain_ = 1.0  # the gain with the least error would take the colors back
    result = {"seconds": seconds, "gain": model.gain_, **judge(model, validation)}
    if name == PLAIN:
        turned_up = []
        for contrast in CONTRASTS:
            model.contrast = contrast
            turned_up.append(judge(model, validation))
        result["turned_up"] = turned_up
    return result


def go_on(name: str, photos: Any, validation: list) -> dict:
    """Let the network that ships learn further; return what that brings on the photos set aside, and seconds."""
    shipped = UNet.load(paths.WEIGHTS / "unet.onnx")
    model = UNet(**shipped.settings | CONTINUED[name] | {"stages": ((MORE_STEPS, MORE_SIDE),), "seed": 1})
    started = time.perf_counter()
    model.fit(photos, start=shipped.network_, validation=np.concatenate([split.photos for split in validation]))
    seconds = round(time.perf_counter() - started)
    scores = evaluate({"shipped": shipped, "model": model}, validation, brief=True)
    skill = scores.pivot(index=["split", "photo"], columns="model", values="skill_db")
    gains = (skill["model"] - skill["shipped"]).to_numpy()
    low, high = bootstrap_interval(gains)
    return {"gain": round(float(gains.mean()), 3), "low": round(low, 3), "high": round(high, 3), "seconds": seconds}


def continued_section(continued: dict[str, dict], judged: int) -> str:
    """Say what came of letting the network that ships learn further."""
    if not continued:
        return ""
    rows = [
        (name, f"{row['gain']:+.2f} ({row['low']:+.2f} to {row['high']:+.2f})", f"{row['seconds']:,}")
        for name, row in continued.items()
    ]
    better = [name for name, row in continued.items() if row["low"] > 0]
    return CONTINUED_TEMPLATE.format(
        steps=MORE_STEPS,
        batch=SETTINGS["batch"],
        side=MORE_SIDE,
        judged=judged,
        table=markdown_table(("what is different now", "dB, mean over the photos", "seconds"), rows),
        verdict=f"Better by more than the choice of photos explains: {', '.join(better)}."
        if better
        else "Neither is better by more than the choice of photos explains. That does not rule out as much as the "
        "short training gained: the intervals are wide, and this is a mean over photos, where the table above has one "
        "over collections, in which the three photos of unsplash36 count as much as all of another.",
    )


def judge_elsewhere(folder: Path) -> dict:
    """Put a network that was trained elsewhere beside the one that ships."""
    about = json.loads((folder / "unet.json").read_text("utf-8"))
    shipped, model = UNet.load(paths.WEIGHTS / "unet.onnx"), UNet.load(folder / "unet.onnx")
    _, validation = training_photos()
    model.calibrate(np.concatenate([split.photos for split in validation]))
    result = {name: about[name] for name in ("settings", "seconds", "machine")}
    for name, splits in {"learned": learned_photos(), "set_aside": validation}.items():
        scores = evaluate({"ships": shipped, "elsewhere": model}, splits, brief=True)
        result[name] = scores.groupby("model")["skill_db"].mean().round(4).to_dict()
    return result


def elsewhere_section(trained: dict) -> str:
    """Say what came of a training on another machine."""
    if not trained:
        return ""
    settings, learned, aside = trained["settings"], trained["learned"], trained["set_aside"]
    ((steps, side),) = settings["stages"]
    gains = learned["elsewhere"] - learned["ships"], aside["elsewhere"] - aside["ships"]
    return ELSEWHERE_TEMPLATE.format(
        steps=steps,
        batch=settings["batch"],
        side=side,
        minutes=trained["seconds"] / 60,
        machine=trained["machine"],
        rate=settings["encoder_rate"],
        pixels=steps * settings["batch"] * side**2 / shipped_pixels(),
        table=markdown_table(
            ("dB, mean over the photos", "that network", "ships"),
            [
                (title, f"{row['elsewhere']:+.2f}", f"{row['ships']:+.2f}")
                for title, row in {"photos learned from": learned, "photos set aside": aside}.items()
            ],
        ),
        verdict="It knows more of its photos by heart, and less about others."
        if gains[0] > 0 > gains[1]
        else "It is better on photos that it has not seen."
        if gains[1] > 0
        else "It is worse on both.",
    )


def shipped_pixels() -> int:
    """Count the pixels that the network that ships has learned from."""
    return sum(count * side**2 for count, side in SETTINGS["stages"]) * SETTINGS["batch"]


ELSEWHERE_TEMPLATE = """## Does a faster machine help?

Once, a network was trained on a machine with {machine}:
{steps:,} steps of {batch} crops of {side}×{side} pixels in {minutes:.0f} minutes, {pixels:.1f} times the pixels that
the network that ships has learned from. The encoder's upper half learned along, from the start, at {rate:g} of the
rate. Its photos came from `colorlib weights --pack`, which compresses them further and takes some color out of pale
ones; the scores are on photos as they are. How much of the difference comes of that was not measured.

{table}

{verdict}

"""

CONTINUED_TEMPLATE = """## Does it help the network that ships, too?

Does what a short training gains last? The network that ships goes on learning for {steps:,} steps of {batch} crops of
{side}×{side} pixels. The rows say what that brings over the network as it ships, on the same {judged} photos set aside,
with a 95 % interval over photos.

{table}

{verdict}
"""


def page(results: dict) -> str:
    """Make the page from the results."""
    trials = results["trials"]
    line = sorted((point["colorfulness_gap"], point["skill_db"]) for point in trials[PLAIN]["turned_up"])
    gaps, skills = zip(*line, strict=True)
    rows, worth = [], []
    for name in (name for name in VARIANTS if name in trials):
        trial = trials[name]
        at_gap = float(np.interp(trial["colorfulness_gap"], gaps, skills))
        brighter = trial["colorfulness_gap"] > gaps[0] + BRIGHTER
        if brighter:
            worth.append((trial["skill_db"] - at_gap, name))
        numbers = f"{trial['skill_db']:+.2f}", f"{trial['delta_e_mean']:.2f}", f"{trial['colorfulness_gap']:.0f}"
        rows.append((name, *numbers, f"{at_gap:+.2f}" if brighter else "–", f"{trial['seconds']:,}"))
    seeds = [trials[name]["skill_db"] for name in list(VARIANTS)[:3] if name in trials]
    spread = max(seeds) - min(seeds)
    paying = [f"{name} ({gain:+.2f} dB)" for gain, name in sorted(worth, reverse=True) if gain > spread]
    plain = [trials[name] for name in list(VARIANTS)[:3] if name in trials]
    best = max(VARIANTS, key=lambda name: trials.get(name, trials[PLAIN])["skill_db"])
    text = TEMPLATE.format(
        best=best,
        best_gain=trials[best]["skill_db"] - np.mean(seeds),
        best_ratio=trials[best]["seconds"] / np.mean([trial["seconds"] for trial in plain]),
        steps=STEPS,
        batch=BATCH,
        side=SIDE,
        share=STEPS * BATCH * SIDE**2 / shipped_pixels(),
        photos=results["photos"],
        judged=results["judged"],
        gray_gap=results["gray_gap"],
        machine=results["machine"],
        continued=continued_section(results.get("continued", {}), results["judged"]),
        elsewhere=elsewhere_section(results.get("elsewhere", {})),
        spread=spread,
        table=markdown_table(("what is different", "dB", "ΔE2000", "color gap", "plain, as colorful", "seconds"), rows),
        verdict=f"More color for its price than by contrast alone: {', '.join(paying)}."
        if paying
        else "None of the more colorful variants is better, by more than chance, than the plain one with its contrast "
        "turned up: that is why the look *vivid* is no network of its own.",
    )
    branches = hint_branch.RESULTS
    if branches.is_file():
        text += hint_branch.section(json.loads(branches.read_text("utf-8")))
    return re.sub(r"-(?=\d)", "\N{MINUS SIGN}", re.sub(r"-(?=0\b(?!\.))", "", text))  # as everywhere in the report


def main() -> None:
    from patches import machine  # the machine that measures, in words

    from colorlib.models.baselines import Gray

    if sys.argv[1:] == ["--page"]:
        paths.write_whole(PAGE, page(json.loads(RESULTS.read_text("utf-8"))).encode())
        return
    if sys.argv[1:2] == ["--judge"]:
        results = json.loads(RESULTS.read_text("utf-8"))
        results["elsewhere"] = judge_elsewhere(Path(sys.argv[2]))
        paths.write_whole(RESULTS, (json.dumps(results, indent=1, ensure_ascii=False) + "\n").encode())
        paths.write_whole(PAGE, page(results).encode())
        return
    photos, validation = training_photos()
    for name in sys.argv[1:] or [*VARIANTS, *CONTINUED]:
        print(name, flush=True)
        trial = (go_on if name in CONTINUED else try_out)(name, photos, validation)
        print(trial, flush=True)
        with paths.locked(RESULTS.parent):  # another call may be trying others
            results = json.loads(RESULTS.read_text("utf-8")) if RESULTS.is_file() else {"trials": {}}
            results.setdefault("continued" if name in CONTINUED else "trials", {})[name] = trial
            results |= {"photos": len(set(photos.paths)), "judged": sum(len(split.photos) for split in validation)}
            results |= {"gray_gap": judge(Gray(), validation)["colorfulness_gap"], "machine": machine()}
            paths.write_whole(RESULTS, (json.dumps(results, indent=1, ensure_ascii=False) + "\n").encode())
            if PLAIN in results["trials"]:
                paths.write_whole(PAGE, page(results).encode())


if __name__ == "__main__":
    main()
