"""The command line: ``python -m colorlib COMMAND``; ``make`` calls it too."""

import argparse
import sys

from .photos import COLLECTIONS, PhotosUnavailable, fetch_photos
from .results import PROFILES

__all__ = ["main"]


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        self.exit(2, f"error: {message} (try: python -m colorlib --help)\n")


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return the exit code, 0 where all went well."""
    options = _parse(arguments)
    try:
        options.command(options)
    except (ValueError, RuntimeError, OSError) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return 0


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


def _publish(options: argparse.Namespace) -> None:
    from .report import publish
    publish()


def _check(options: argparse.Namespace) -> None:
    from .fingerprints import missing_packages
    if missing := missing_packages():
        raise RuntimeError(f"this Python lacks {', '.join(missing)}: run `pip install -e .[report,test] -c "
                           "constraints.txt`, or make, which sets up .venv")


if __name__ == "__main__":
    sys.exit(main())
