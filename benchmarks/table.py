"""Writes ``benchmarks/README.md``, the page of the report that shows what the other scripts measured."""

import json
import re
from collections.abc import Callable, Iterable

from colorlib import paths

PAGE = paths.BENCHMARKS.parent / "README.md"
SPACE = "\N{NO-BREAK SPACE}"
CASES = {  # in the order of the page: name -> what was done
    "linear_fit": "Linear regression on all 3×3 neighborhoods of {photos} photos of {size}×{size} pixels",
    "linear_colorize_12mp": "Coloring 12 megapixels by it",
    "mlp_fit": "Training the perceptron on one photo",
    "mlp_colorize_12mp": "Coloring 12 megapixels by it",
    "cnn_training_2500": "Training the convolutional network for 2,500 steps",
    "cnn_colorize_12mp": "Coloring 12 megapixels by it",
    "command_one": "Coloring one photo of 1 megapixel by the U-Net from the command line, start of Python included",
    "command_four": "Coloring {photos} such photos, each of another shape, by one command",
    "command_24mp": "Coloring one of 24 megapixels by one command",
    "ssim": "SSIM of {photos} photos of {size}×{size} pixels",
    "delta_e": "CIEDE2000 of all their pixels",
    "all_scores": "All scores of {photos} photos of {size}×{size} pixels",
    "read": "Reading {photos} photos from their files, as {size}×{size} pixels",
}
LARGE = 12_000_000  # pixels
_PIXEL = 4e-9  # gigabytes of one number
_SSIM = 12 * 2 * 11 * 2e-9  # GFLOP a pixel: twelve planes, averaged along rows and columns over 11 numbers
#: Case → what it takes at least, in GFLOP and in gigabytes moved, from its result and the perceptron's GFLOP a pixel.
LEAST: dict[str, Callable[[dict, float], tuple[float, float]]] = {
    "linear_fit": lambda case, _: (_pixels(case) * 84 * 2e-9, 3 * _PIXEL * _pixels(case)),  # 84 products of 12 numbers
    "linear_colorize_12mp": lambda case, _: (LARGE * 27 * 2e-9, 4 * _PIXEL * LARGE),
    "mlp_fit": lambda case, gflop: (3 * gflop * 510**2 * case["our_epochs"], 0),  # forward, and two products back
    "mlp_colorize_12mp": lambda case, gflop: (gflop * LARGE, 4 * _PIXEL * LARGE),
    "cnn_training_2500": lambda case, _: (case["our_gflops"] * case["ours"]["seconds"], 0),
    "cnn_colorize_12mp": lambda case, _: (0, 4 * _PIXEL * LARGE),
    "ssim": lambda case, _: (_SSIM * _pixels(case), 6 * _PIXEL * _pixels(case)),
    "delta_e": lambda case, _: (0, 7 * _PIXEL * _pixels(case)),
    "all_scores": lambda case, _: (_SSIM * _pixels(case), 6 * _PIXEL * _pixels(case)),
}
TEMPLATE = """# Speed

What the library takes, and what one would use instead. Both sides of a row were timed in one run, each in a process of
its own, by `make bench`, which also wrote this page; *ratio* is their seconds over ours. Times are of one machine on
one day: of all that is here, the ratios carry over best.

{cases}

*Memory* is the most that ours and theirs took. *Limit* is the time that the machine would need at best for what can't
be avoided, the operations at {coloring[matrix_multiply_gflops]} GFLOP/s, as in a product of large matrices, or reading
what comes in and writing what goes out at {all_scores[memory_gbs]:.0f} GB/s, whichever takes longer; *share* is that
part of our time. Where it is a few percent, time goes into numpy's many passes over arrays, or into formulas that are
no products: roots, powers and arc tangents of every pixel.

The coefficients of the two linear regressions differ by {linear[coefficient_difference]:.0e} at most. Fed
{linear[photos_streamed]:,} photos one by one, ours took {linear[seconds_streamed]:.0f} s and {linear[peak_mb_streamed]}
MB.

The perceptron's mean squared error was {mlp[mse_ours]:.2e} in the end, after {mlp[our_epochs]} epochs. Theirs has the
500 that the course report asked for, and that is a good part of the ratio: an epoch takes them
{mlp[peer_epoch_seconds]:.0f} s, {epoch_ratio:.0f} times as long as ours, and after 50 their error was
{mlp[mse_peer_after_50]:.2e} already. By default `MLPRegressor` stops after {mlp[default_tolerance_stops_after]}, once
ten in a row have not lowered its loss by 0.0001; with that switched off, it was run for {mlp[peer_epochs_run]} epochs
once, and had {mlp[mse_peer_last]:.2e} after {mlp[mse_peer_last_epoch]}, its best being {mlp[mse_peer]:.2e}. The moments
that its Adam keeps of weights without gradient shrink until they are subnormal numbers, on which some processors
compute several times slower: this ratio depends on the machine more than the others.

Coloring by the linear fit is mostly the conversion between sRGB and CIELAB, which theirs does in double precision and
ours from tables; beyond that there is little to gain. Coloring by the perceptron is arithmetic: it does
{coloring[our_gflops]} GFLOP/s, {coloring[share_of_peak]:.0%} of the {coloring[matrix_multiply_gflops]} of a product of
two large `float32` matrices.

One more photo of a megapixel takes {one[warm_seconds]:.2f} s in a process that is running already, whatever its shape;
`import colorlib` takes {one[import_ms]:.0f} ms. The four photos took {four[processor_seconds]:.1f} s of processor time
in all, the one of 24 megapixels {large[processor_seconds]:.1f} s. SSIM and CIEDE2000 differ from scikit-image's by
{ssim[difference]:.0e} and {delta_e[difference]:.0e} at most, all scores by {all_scores[difference]:.2f}, the means of
the photos that were read by {read[difference]:.1f} of 255: theirs ignores color profiles. CIEDE2000 is the same long
formula in numpy on both sides: ours has no slow functions in it, and works on pieces that fit into the cache. It and
SSIM are the longest of all scores, which gain from AuC being counted once instead of at 151 thresholds.

## The two networks while they learn

Ours has {network[parameters][ours]:,} parameters and does {network[our_gflops]} GFLOP/s in training,
{network[share_of_peak]:.0%} of a product of large `float32` matrices; theirs has {network[parameters][peer]:,}, and was
trained for as long as ours. Where a processor has AMX, ours computes in `bfloat16`, which shortens every step; here it
computed in `{network[computed_in]}`. ΔE2000 on the training photos and on held-out ones:

{curves}

Measured on: {machines}.

## Would less arithmetic do?

The full report was made twice on one machine: as it is, and with less in two of the three notebooks that take longest.
It took {shorter[seconds][0]:,} s and {shorter[seconds][1]:,} s, on two processors that multiply large `float32`
matrices at {shorter[gflops][0]} and {shorter[gflops][1]} GFLOP/s. That is worth having only where it concludes the same
from it:

{fewer}

Neither does: a verdict of notebook 9 would be gone, and most of what notebook 8 says of the encoder. So both stay as
they are.
"""


def page(results: dict[str, dict]) -> str:
    """Make the page from the results of all scripts, by case."""
    network = results["cnn_training_2500"]
    points = [
        (
            side,
            f"{point['iteration']:,}",
            *(f"{point[name]:.{digits}f}" for name, digits in (("seconds", 0), ("train", 1), ("test", 1))),
        )
        for side, name in (("ours", "ours"), ("theirs", "peer"))
        for point in network["curves"][name]
    ]
    return TEMPLATE.format(
        cases=markdown_table(
            ("what", "instead", "ours", "theirs", "ratio", "limit, share", "memory"),
            (_row(what.format(**results[name]), results[name], _limit(name, results)) for name, what in CASES.items()),
        ),
        curves=markdown_table(("network", "step", "seconds", "training", "held out"), points),
        linear=results["linear_fit"],
        mlp=(mlp := results["mlp_fit"]),
        epoch_ratio=mlp["peer_epoch_seconds"] * mlp["our_epochs"] / mlp["ours"]["seconds"],
        coloring=results["mlp_colorize_12mp"],
        network=network,
        one=results["command_one"],
        four=results["command_four"],
        large=results["command_24mp"],
        ssim=results["ssim"],
        delta_e=results["delta_e"],
        all_scores=results["all_scores"],
        read=results["read"],
        shorter=(shorter := json.loads((paths.BENCHMARKS / "shorter.json").read_text("utf-8"))),
        fewer="\n\n".join(map(_fewer, shorter["notebooks"])),
        machines="; ".join(dict.fromkeys(result["machine"] for result in results.values())),
    )


def _fewer(notebook: dict) -> str:
    """Say what a notebook did with less, and what that changed."""
    number = notebook["name"].split("_")[0].lstrip("0")
    numbers = {"processor seconds": [f"{seconds:,}" for seconds in notebook["processor_seconds"]]} | notebook["numbers"]
    table = markdown_table(
        (f"notebook {number}", "as it is", "with less"),
        ((what, *map(_names, values)) for what, values in numbers.items()),
    )
    return f"With {notebook['less']}:\n\n{table}"


def _names(text: str) -> str:
    """Set names of models as code, as in the leaderboard."""
    return re.sub(r"\bunet_\w+", r"`\g<0>`", text)


def _pixels(case: dict) -> int:
    return case["photos"] * case["size"] ** 2


def _limit(name: str, results: dict[str, dict]) -> float | None:
    """Return the seconds that a case takes at least, or None where decoding or starting Python is most of it."""
    if name not in LEAST:
        return None
    coloring = results["mlp_colorize_12mp"]
    gflop, gigabytes = LEAST[name](results[name], coloring["our_gflops"] * coloring["ours"]["seconds"] / LARGE)
    return max(gflop / coloring["matrix_multiply_gflops"], gigabytes / results["all_scores"]["memory_gbs"])


def _row(what: str, result: dict, limit: float | None) -> tuple[str, ...]:
    sides = result["ours"], result["peer"]
    seconds = [f"{side['seconds']:,.{2 if side['seconds'] < 10 else 0}f}{SPACE}s" for side in sides]
    memory = f"{sides[0]['peak_mb']:,} and {sides[1]['peak_mb']:,}{SPACE}MB"
    bound = "–"
    if limit is not None:  # in two lines: a wider table would hide its last columns
        bound = f"{limit:.{1 if limit > 1 else 3}f}{SPACE}s {limit / result['ours']['seconds']:.0%}"
    return what, result["peer"]["name"], *seconds, f"{result['ratio']:.1f}", bound, memory


def markdown_table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Lay out rows as a table of Markdown."""
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, ("---",) * len(header), *rows))


def read_results() -> dict[str, dict]:
    """Read what the scripts wrote, by case."""
    return {
        name: case
        for file in ("patches", "cnn", "colorize", "scores")
        for name, case in json.loads((paths.BENCHMARKS / f"{file}.json").read_text("utf-8")).items()
    }


if __name__ == "__main__":
    paths.write_whole(PAGE, page(read_results()).encode())
    print(PAGE.relative_to(paths.ROOT))
