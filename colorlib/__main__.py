"""The command line: ``python -m colorlib COMMAND``; ``make`` calls it too."""

import argparse
import os
import sys
from pathlib import Path

from .photos import COLLECTIONS, PhotosUnavailable, fetch_photos
from .results import PROFILES

__all__ = ["main"]

FEW_PHOTOS = 4  # OpenVINO starts seconds sooner than TensorFlow, but takes some tenths longer for every photo


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        self.exit(2, f"error: {message} (try: python -m colorlib --help)\n")


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return the exit code, 0 where all went well."""
    options = _parse(arguments)
    try:
        return options.command(options) or 0
    except (ValueError, RuntimeError, OSError, ModuleNotFoundError) as error:
        _print_error(error)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = _Parser(prog="python -m colorlib", description=__doc__.split(":")[0] + " of the colorization report.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("report", help="execute the notebooks that changed, then build the site")
    command.add_argument("--profile", default="full", help=" or ".join(PROFILES))
    command.add_argument("--photos", metavar="COLLECTION",
                         help=f"{', '.join(COLLECTIONS)} or folder:PATH; the profile's own by default")
    command.add_argument("--notebooks", nargs="+", metavar="NAME", help="execute only these, and build no site")
    command.set_defaults(command=_report)

    command = commands.add_parser("site", help="build the site from the committed notebooks, executing nothing")
    command.set_defaults(command=_site)

    command = commands.add_parser("data", help="download the photos")
    command.add_argument("collections", nargs="*", metavar="COLLECTION",
                         default=[name for name, (_, folder) in COLLECTIONS.items() if folder],
                         help="by default all that can be downloaded")
    command.set_defaults(command=_data)

    command = commands.add_parser("colorize", help="color photos of your own")
    command.add_argument("inputs", nargs="+", metavar="IN", help="files, folders, patterns such as 'scans/*.png'")
    command.add_argument("-o", "--output", required=True, metavar="OUT", help="a file (for one input) or a folder")
    command.add_argument("--model", metavar="NAME_OR_PATH", help="a fitted model; the best of those at hand by default")
    command.add_argument("--chroma", type=float, default=1.0, help="0 (gray) to 1.5 (vivid); 1 by default")
    command.add_argument("--size", type=int, metavar="PIXELS", help="longer side of the output; the input's by default")
    command.add_argument("--compare", action="store_true",
                         help="also write NAME-compare.jpg: gray, colorized and, if it had colors, true side by side")
    command.add_argument("--overwrite", action="store_true", help="replace outputs that exist")
    command.set_defaults(command=_colorize)

    command = commands.add_parser("score", help="score colorized photos against the true ones")
    command.add_argument("true", metavar="TRUE", help="a photo or a folder of photos")
    command.add_argument("predicted", metavar="PREDICTED", help="its colorized version, or a folder of the same names")
    command.add_argument("--csv", metavar="FILE", help="also write every score of every photo to this file")
    command.set_defaults(command=_score)

    command = commands.add_parser("weights", help="train the network that ships, score it and write its model card")
    command.set_defaults(command=_weights)

    command = commands.add_parser("publish", help="copy the notebooks of the last full run into notebooks/")
    command.set_defaults(command=_publish)

    command = commands.add_parser("check", help="tell which packages the report needs and this Python lacks")
    command.set_defaults(command=_check)
    return parser.parse_args(arguments)


def _report(options: argparse.Namespace) -> None:
    from .report import make_report
    make_report(options.profile, options.photos, options.notebooks)


def _site(options: argparse.Namespace) -> None:
    from .report import make_site
    make_site()


def _data(options: argparse.Namespace) -> None:
    failed = []
    for collection in options.collections:
        try:
            files = fetch_photos(collection)
        except PhotosUnavailable as error:
            failed.append(str(error))
        else:
            print(f"{collection}: {len(files)} photos in {next(iter(files.values())).parent}")
    if failed:
        raise PhotosUnavailable("; ".join(failed))


def _colorize(options: argparse.Namespace) -> int:
    from .colorize import colorize_files, list_images
    few = len(list_images(options.inputs, on_error=lambda _: None)) <= FEW_PHOTOS
    if few and __name__ == "__main__":  # in a process of its own, which only predicts
        os.environ.setdefault("KERAS_BACKEND", "openvino")
    colorized, failed = colorize_files(options.inputs, options.output, options.model, chroma=options.chroma,
                                       size=options.size, compare=options.compare, overwrite=options.overwrite,
                                       on_error=_print_error)
    if colorized:
        print(f"{colorized} colorized, in {options.output}")
    return 1 if failed else 0


def _score(options: argparse.Namespace) -> int:
    from .paths import write_whole
    from .scoring import score_files, summary
    errors = []
    scores = score_files(options.true, options.predicted, lambda error: (errors.append(error), _print_error(error)))
    print(summary(scores))
    if options.csv:
        write_whole(Path(options.csv), scores.to_csv(index=False).encode())
    return 1 if errors else 0


def _weights(options: argparse.Namespace) -> None:
    from .weights import make_weights
    about = make_weights()
    print(f"{about['parameters']:,} parameters, trained in {about['seconds'] / 60:.0f} min: weights/unet.keras, scores in "
          "weights/README.md")


def _publish(options: argparse.Namespace) -> None:
    from .report import publish
    publish()


def _check(options: argparse.Namespace) -> None:
    from .fingerprints import missing_packages
    if missing := missing_packages():
        raise RuntimeError(f"this Python lacks {', '.join(missing)}: run `pip install -e .[report,test] -c "
                           "constraints.txt`, or make, which sets up .venv")


def _print_error(error: Exception) -> None:
    start = "\r\033[K" if sys.stderr.isatty() else ""  # a progress line may be there
    print(f"{start}error: {' '.join(str(error).split())}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
