# PYTHON_ARGCOMPLETE_OK
"""The command line's arguments; what the commands do is in `colorlib.commands` and `colorlib.pipeline`."""

import argparse
import io
import os
import sys
import textwrap
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from . import __version__, paths

__all__ = ["main"]

PROFILES = ("full", "smoke")


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    arguments : list of str, optional
        Those of the process by default.

    Returns
    -------
    int
        The exit status: 0 where all went well, 1 where something failed, 130 where it was interrupted.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as stderr is: a file's name may be in no character set
    parser = _parser()
    if "_ARGCOMPLETE" in os.environ:  # the shell asks what could come next
        _complete(parser)
    options = vars(parser.parse_args(arguments))
    module, function = options.pop("run").split(":")
    try:
        if options.pop("needs_clone") and not paths.IS_CLONE:
            raise RuntimeError("this command needs a clone of the repository: run it there, after `pip install -e .`")
        return getattr(import_module(module, __package__), function)(**options) or 0
    except (ValueError, RuntimeError, OSError, ModuleNotFoundError) as error:
        from .commands.inputs import print_error

        if isinstance(error, ModuleNotFoundError) and error.name:
            extra = "cluster" if error.name in ("ray", "jax") else "report" if paths.IS_CLONE else "train"
            error = RuntimeError(f"the package {error.name} is missing: install colorlib with its extra `{extra}`")
        print_error(error)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message} (try: {self.prog} --help)\n")


def _parser() -> argparse.ArgumentParser:
    """Describe all commands; each names the function that does it, whose parameters are called as its options."""
    parser = _Parser(
        prog="colorlib",
        description="Color grayscale photographs, and make the report on how well that can be done.",
        epilog="examples:\n  colorlib colorize old-photo.jpg -o colored.jpg\n  colorlib colorize --help\n\n"
        "exit status: 0 if all went well, 1 if something failed, 2 if the command was not understood",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, run: str, summary: str, example: str, needs_clone: bool = False) -> argparse.ArgumentParser:
        description = f"{summary[0].upper()}{summary[1:]}.{' Needs a clone of the repository.' if needs_clone else ''}"
        command = commands.add_parser(
            name,
            help=f"{summary} (needs a clone)" if needs_clone else summary,
            description=textwrap.fill(description, 78),
            epilog=f"examples:\n{example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.set_defaults(run=run, needs_clone=needs_clone)
        return command

    def add_workers(command: argparse.ArgumentParser) -> None:
        command.add_argument("--workers", type=int, metavar="N", help="work with N processes, by Ray")
        command.add_argument("--cluster", metavar="ADDRESS", help="… on this cluster; on this machine by default")

    command = add(
        "colorize",
        ".commands.colorize:colorize",
        "color photos of your own",
        "  colorlib colorize old-photo.jpg -o colored.jpg\n"
        "  colorlib colorize scans/ 'album/*.tif' -o colored/ --compare --chroma 1.2\n"
        "  colorlib colorize scans/ -o colored/ --skip-existing --log colored.txt\n"
        "  colorlib colorize dress.jpg -o red.jpg --hint 50%,60%=#b03030 --hint 120,45=none",
    )
    command.add_argument("inputs", nargs="+", metavar="IN", help="files, folders, patterns such as 'scans/*.png'")
    command.add_argument("-o", "--output", required=True, metavar="OUT", help="a file (for one input) or a folder")
    command.add_argument("--model", metavar="NAME_OR_PATH", help="a fitted model; by default the best one available")
    command.add_argument(
        "--look",
        choices=("natural", "vivid"),
        default="natural",
        help="natural, with the least error, by default; or vivid, nearly as colorful as true photos",
    )
    command.add_argument("--chroma", type=float, default=1.0, help="0 (gray) to 1.5 (vivid); 1 by default")
    command.add_argument("--size", type=int, metavar="PIXELS", help="longer side of the output; the input's by default")
    command.add_argument(
        "--compare",
        action="store_true",
        help="also write NAME-compare.jpg: gray, colorized and, if it had colors, true side by side",
    )
    existing = command.add_mutually_exclusive_group()
    existing.add_argument("--overwrite", action="store_true", help="replace outputs that exist")
    existing.add_argument(
        "--skip-existing", action="store_true", help="keep outputs that exist, make those that are missing"
    )
    command.add_argument(
        "--hint",
        action="append",
        default=[],
        metavar="X,Y=#rrggbb",
        help="the color of one place, in pixels or percent, or =none for no color; what looks like it follows; can be "
        "repeated",
    )
    command.add_argument("--hints", metavar="FILE", help='more of them, as saved by the page "Color your photo"')
    command.add_argument("--log", metavar="FILE", help="add a line for each photo to this file: what became of it, why")
    add_workers(command)

    command = add(
        "score",
        ".commands.score:score",
        "score colorized photos against the true ones",
        "  colorlib score original.jpg colored.jpg\n  colorlib score originals/ colored/ --csv scores.csv",
    )
    command.add_argument("true", metavar="TRUE", help="a photo or a folder of photos")
    command.add_argument("predicted", metavar="PREDICTED", help="its colorized version, or a folder of the same names")
    command.add_argument(
        "--csv", dest="table", metavar="FILE", help="also write every score of every photo to this file"
    )
    add_workers(command)

    command = add(
        "shrink",
        ".commands.shrink:shrink",
        "make small copies of the photos in a folder, to train on",
        "  colorlib shrink photos/ -o small/ --side 320 --workers 8",
    )
    command.add_argument("folder", metavar="FOLDER", help="a folder of photos, with all folders below it")
    command.add_argument("-o", "--output", required=True, metavar="FOLDER", help="a folder for the copies")
    command.add_argument("--side", type=int, default=320, metavar="PIXELS", help="shorter side; 320 by default")
    add_workers(command)

    command = add(
        "train",
        ".commands.train:train",
        "train the U-Net on folders of photos, on one machine or many",
        "  colorlib train small/ -o unet.keras --iterations 5000\n"
        "  colorlib train small/ -o unet.keras --workers 8 --gpus 8 --cluster auto --storage /shared/runs",
    )
    command.add_argument(
        "folders", nargs="+", metavar="FOLDER", help="folders of photos, with all below them; or s3:// and the like"
    )
    command.add_argument("-o", "--output", required=True, metavar="FILE", help="the model: .onnx, or .keras")
    command.add_argument("--iterations", type=int, help="number of batches to learn from; as the shipped network's")
    command.add_argument("--batch", type=int, help="number of crops in each, over all processes; likewise")
    command.add_argument(
        "--gpus", type=int, default=0, metavar="N", help="GPUs of each process, of which a machine has one then"
    )
    command.add_argument(
        "--storage", metavar="DIR", help="for unfinished trainings, seen by all machines; runs beside FILE by default"
    )
    add_workers(command)

    command = add(
        "report",
        ".pipeline.report:make_report",
        "execute the notebooks that changed, then build the site",
        "  colorlib report --profile smoke\n  colorlib report --photos folder:~/Pictures/holiday",
        needs_clone=True,
    )
    command.add_argument("--profile", default="full", help=" or ".join(PROFILES))
    command.add_argument(
        "--photos",
        dest="collection",
        metavar="COLLECTION",
        help="unsplash36, bsds500, imagenet800, everyday, bundled or folder:PATH; by default the profile's own",
    )
    command.add_argument(
        "--notebooks", dest="names", nargs="+", metavar="NAME", help="execute only these, and build no site"
    )
    command.add_argument("--times", action="store_true", help="only print what the last run took, cell by cell")

    add(
        "site",
        ".pipeline.report:make_site",
        "build the site from the committed notebooks, executing nothing",
        "  colorlib site",
        needs_clone=True,
    )
    add(
        "publish",
        ".pipeline.report:publish",
        "copy the notebooks of the last full run into notebooks/",
        "  colorlib publish",
        needs_clone=True,
    )
    add(
        "check",
        ".pipeline.report:check",
        "tell which packages the report needs and this Python lacks",
        "  colorlib check",
        needs_clone=True,
    )

    command = add(
        "data",
        ".commands.data:download",
        "download the photos of the report",
        "  colorlib data\n  colorlib data unsplash36",
    )
    command.add_argument("collections", nargs="*", metavar="COLLECTION", help="by default all that can be downloaded")
    command = add(
        "weights",
        ".commands.weights:run",
        "train the network that ships, score it and write its model card",
        "  colorlib weights\n  colorlib weights --pack photos.zip    # here …\n"
        "  colorlib weights --packed photos.zip  # … and on a machine with a GPU, which needs nothing else",
        needs_clone=True,
    )
    command.add_argument("--pack", type=Path, metavar="FILE", help="only write the training photos into one file")
    command.add_argument("--packed", type=Path, metavar="FILE", help="only train, on photos from such a file")
    command.add_argument("--finish", action="store_true", help="only calibrate and score the network")
    return parser


def _complete(parser: argparse.ArgumentParser) -> None:
    """Tell the shell what could come next, and end; imported here alone, as it is needed for nothing else."""
    import argcomplete

    files = argcomplete.FilesCompleter()

    def names(prefix: str, action: argparse.Action, **_: object) -> Iterable[str]:
        if action.dest == "profile":
            return PROFILES
        if action.dest == "model":
            from .models import saved_models

            return [*saved_models(), *files(prefix)]
        if action.dest in ("collection", "collections"):
            from .photos import COLLECTIONS

            return COLLECTIONS
        return files(prefix)

    argcomplete.autocomplete(parser, default_completer=names)  # type: ignore[arg-type]  # any function will do
