"""Writes ``benchmarks/README.md``, the page of the report that shows what the other scripts measured."""

import json
from collections.abc import Iterable

from colorlib import paths

PAGE = paths.BENCHMARKS.parent / "README.md"
SPACE = "\N{NO-BREAK SPACE}"
CASES = {  # in the order of the page: name -> what was done
    "linear_fit": "Linear regression on all 3×3 neighbourhoods of {photos} photos of {size}×{size} pixels",
    "linear_colorize_12mp": "Coloring 12 megapixels by it",
    "mlp_fit": "Training the perceptron on one photo",
    "mlp_colorize_12mp": "Coloring 12 megapixels by it",
    "cnn_training_2500": "Training the convolutional network for 2,500 steps",
    "cnn_colorize_12mp": "Coloring 12 megapixels by it",
}


def page(results: dict[str, dict]) -> str:
    """Make the page from the results of all scripts, by case."""
    rows = [_row(CASES[name].format(**results[name]), results[name]) for name in CASES if name in results]
    text = ["# Speed", "", "What the library takes, and what one would use instead. Both sides of a row were timed in one run, "
            "each in a process of its own, by `make bench`,", "which also wrote this page; *ratio* is their seconds over ours. "
            "Times are of one machine on one day: of all that is here, the ratios carry over best.", "",
            *_table(("what", "ours", "memory", "instead", "theirs", "memory", "ratio"), rows), ""]
    if "linear_fit" in results:
        linear = results["linear_fit"]
        text += [f"The coefficients of the two linear regressions differ by {linear['coefficient_difference']:.0e} at most. Fed "
                 f"{linear['photos_streamed']:,} photos one by one, ours took {linear['seconds_streamed']:.0f} s and "
                 f"{linear['peak_mb_streamed']} MB.", ""]
    if "mlp_fit" in results:
        mlp = results["mlp_fit"]
        text += [f"The perceptron's mean squared error was {mlp['mse_ours']:.2e} in the end. `MLPRegressor` takes "
                 f"{mlp['peer_epoch_seconds']:.0f} s an epoch; its time is that of 500. By default it stops after "
                 f"{mlp['default_tolerance_stops_after']}; with that switched off, it was run for {mlp['peer_epochs_run']} "
                 f"epochs once, and had {mlp['mse_peer_last']:.2e} after {mlp['mse_peer_last_epoch']}, its best being "
                 f"{mlp['mse_peer']:.2e}.", ""]
    if "mlp_colorize_12mp" in results:
        mlp = results["mlp_colorize_12mp"]
        text += [f"Coloring by the perceptron is arithmetic: it does {mlp['our_gflops']} GFLOP/s, {mlp['share_of_peak']:.0%} of "
                 f"the {mlp['matrix_multiply_gflops']} of a product of two large matrices.", ""]
    if "cnn_training_2500" in results:
        text += _network(results["cnn_training_2500"])
    machines = dict.fromkeys(result["machine"] for result in results.values())
    return "\n".join(text + ["Measured on: " + "; ".join(machines) + "."]) + "\n"


def _row(what: str, result: dict) -> tuple[str, ...]:
    ours, peer = result["ours"], result["peer"]
    return (what, _seconds(ours), f"{ours['peak_mb']:,}{SPACE}MB", peer["name"], _seconds(peer), f"{peer['peak_mb']:,}{SPACE}MB",
            f"{result['ratio']:.1f}")


def _seconds(side: dict) -> str:
    seconds = side["seconds"]
    return f"{seconds:.2f}{SPACE}s" if seconds < 10 else f"{seconds:,.0f}{SPACE}s"


def _table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    header = list(header)
    return [f"| {' | '.join(row)} |" for row in (header, ["---"] * len(header), *rows)]


def _network(result: dict) -> list[str]:
    rows = [(side, f"{point['iteration']:,}", f"{point['seconds']:.0f}", f"{point['train']:.1f}", f"{point['test']:.1f}")
            for side, name in (("ours", "ours"), ("theirs", "peer")) for point in result["curves"][name]]
    return ["## The two networks while they learn", "", f"Ours has {result['parameters']['ours']:,} parameters and does "
            f"{result['our_gflops']} GFLOP/s in training, {result['share_of_peak']:.0%} of a product of large matrices; theirs has "
            f"{result['parameters']['peer']:,}, and", f"was trained for as long as ours; its time above is {result['peer']['note']}. ΔE2000 on the training photos and on "
            "held-out ones:", "", *_table(("network", "step", "seconds", "training", "held out"), rows), ""]


def read_results() -> dict[str, dict]:
    """Read what the scripts wrote, by case."""
    files = [paths.BENCHMARKS / f"{name}.json" for name in ("patches", "cnn")]
    return {name: case for file in files if file.is_file() for name, case in json.loads(file.read_text("utf-8")).items()}


if __name__ == "__main__":
    paths.write_whole(PAGE, page(read_results()).encode())
    print(PAGE.relative_to(paths.ROOT))
