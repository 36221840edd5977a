"""The report: photos, notebooks, figures and the site, in that order."""

import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .. import paths
from ..photos import COLLECTIONS, list_photos, missing_photos, usable_collection
from .costs import matrix_gflops, read_costs, times_table, wall_seconds
from .ledger import DEFAULT_COLLECTIONS, PROFILES
from .notebooks import read_notebooks
from .packages import missing_packages
from .runner import outdated_notebooks, run_notebooks
from .site import build_site

__all__ = ["check", "make_report", "make_site", "publish"]


def make_report(
    profile: str = "full", collection: str | None = None, names: list[str] | None = None, times: bool = False
) -> None:
    """Execute the notebooks that changed, and build the site, in the run's own folder under ``build/``.

    A full run on the default collection also updates ``figures/``, whole or not at all. Where another report is working
    in the same folder, this one waits for it. What was killed is done again, and what it left behind is removed.

    Parameters
    ----------
    profile : {"full", "smoke"}
    collection : str, optional
        As in `colorlib.photos.list_photos`; the profile's own by default.
    names : list of str, optional
        Execute only these notebooks, and build no site.
    times : bool
        Only print what the notebooks of the last run, and their cells, took.

    Raises
    ------
    ValueError
        If the profile, the collection or a name is unknown, or a photo can't be used.
    RuntimeError
        If a notebook or the site fails, or the folder can't be written to.
    """
    if profile not in PROFILES:
        raise ValueError(f"unknown profile {profile!r}: use one of {', '.join(PROFILES)}")
    known = read_notebooks() if names else {}
    for name in names or []:
        if name not in known:
            raise ValueError(f"unknown notebook {name!r}: use one of {', '.join(known)}")
    wanted = collection or os.environ.get("COLORLIB_PHOTOS") or DEFAULT_COLLECTIONS[profile]
    collection, notice = usable_collection(wanted)
    if notice:
        print(notice, flush=True)
    folder = paths.run_folder(collection, profile)
    if times:
        _print_times(folder / "figures")
        return
    if profile == "full":
        _fetch_more_photos(collection, online=not notice)
    with _alone(folder):
        executed = run_notebooks(profile, collection, names)
        if names:
            return
        about = {
            "profile": profile,
            "collection": _shown_collection(collection),
            "notice": notice,
            "photos": len(list_photos(collection)),
            "seconds": wall_seconds(read_costs(folder / "figures")),
            "gflops": _gflops(folder / "figures", bool(executed)),
        }
        paths.write_whole(folder / "figures" / "run.json", (json.dumps(about, indent=1) + "\n").encode())
        if _is_published(profile, collection):
            _replace_folder(paths.FIGURES, folder / "figures")
        index = build_site(folder / "notebooks", folder / "figures", folder)
    print(f"The report: {index}")


def _gflops(figures: Path, measure: bool) -> int:
    """Return the speed of the machine that executed the notebooks: measured after they ran, else as it was noted."""
    noted = figures / "run.json"
    earlier = json.loads(noted.read_text("utf-8")).get("gflops") if noted.is_file() else None
    return round(matrix_gflops()) if measure or earlier is None else earlier


def _print_times(figures: Path) -> None:
    costs, about = read_costs(figures), figures / "run.json"
    if not costs:
        raise RuntimeError(f"{figures} holds no times: make the report first")
    print(times_table(costs, json.loads(about.read_text("utf-8")) if about.is_file() else {}), end="")


def make_site() -> None:
    """Build the site from the committed notebooks and figures, executing nothing, in ``build/site``."""
    with _alone(paths.BUILD):
        index = build_site(paths.NOTEBOOKS, paths.FIGURES, paths.BUILD)
    print(f"The report: {index}")


def publish() -> None:
    """Copy the executed notebooks of the last full run on the default collection into ``notebooks/``.

    Raises
    ------
    RuntimeError
        If that run is missing or out of date, or a notebook shows a path of this machine.
    """
    collection = DEFAULT_COLLECTIONS["full"]
    folder = paths.run_folder(collection, "full") / "notebooks"
    files = [folder / f"{name}.ipynb" for name in read_notebooks()]
    if outdated := outdated_notebooks("full", collection):
        raise RuntimeError(
            f"{', '.join(outdated)} did not run in full on {collection} as they are now: run "
            "`make report` first, with the present COLORLIB_DATA_DIR"
        )
    for file in files:
        text = file.read_text("utf-8")
        for private in {str(paths.ROOT), str(Path.home())} - {"/"}:
            if json.dumps(private)[1:-1] in text:
                raise RuntimeError(
                    f"{file.stem} shows {private}, a folder of this machine, in its output: change the "
                    "cell that prints it, and run `make report` again"
                )
    for file in files:
        paths.write_whole(paths.NOTEBOOKS / file.name, file.read_bytes())
        print(f"notebooks/{file.name}")


def check() -> None:
    """Check that this Python has the packages that the report needs.

    Raises
    ------
    RuntimeError
        If it lacks some.
    """
    if missing := missing_packages():
        raise RuntimeError(
            f"this Python lacks {', '.join(missing)}: run `pip install -e .[report,test] -c constraints.txt`, or make, "
            "which sets up .venv"
        )


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Make a folder, wait until no other report works in it, and remove what one that was killed left there."""
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK):
        raise RuntimeError(
            f"{folder} can't be written to: make the report in a copy of the project that you may change"
        )
    with _claim(folder):
        for part in (place for place in folder.glob("**/") if place.is_dir()):
            paths.discard_parts(part)
        yield


@contextmanager
def _claim(folder: Path) -> Iterator[None]:
    """Claim a folder; the system ends the claim when this process, and those that inherit it, have ended in any way.

    Kernels and Sphinx inherit it: where this process is killed, they may go on writing for a moment.
    """
    if sys.platform == "win32":  # which has no such claims
        yield
        return
    import fcntl

    opened = os.open(folder, os.O_RDONLY)
    os.set_inheritable(opened, True)
    try:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"Another report is working in {folder}: waiting for it to end.", flush=True)
            fcntl.flock(opened, fcntl.LOCK_EX)
        yield
    finally:
        os.close(opened)


def _is_published(profile: str, collection: str) -> bool:
    return profile == "full" and collection == DEFAULT_COLLECTIONS["full"]


def _shown_collection(collection: str) -> str:
    """Return a collection's name as readers see it: only the last part of a folder of photos."""
    return f"folder:{Path(collection).name}" if collection.startswith("folder:") else collection


def _fetch_more_photos(collection: str, online: bool) -> None:
    """Get the other collections, which the full report trains and tests on if they are available.

    After a first failure no other download is tried, since each may take seconds to fail.
    """
    for other, (_, folder) in COLLECTIONS.items():
        if folder and other != collection and missing_photos(other):
            online = online and not usable_collection(other)[1]
            if not online:
                print(f"The photos of {other} are not available: the report leaves out what they show.", flush=True)


def _replace_folder(target: Path, source: Path) -> None:
    """Replace a folder by a copy of another, whole or not at all."""
    new, old = target.with_name(f"{target.name}.new"), target.with_name(f"{target.name}.old")
    for stale in (new, old):
        shutil.rmtree(stale, ignore_errors=True)
    shutil.copytree(source, new)
    if target.exists():
        target.rename(old)
    new.rename(target)
    shutil.rmtree(old, ignore_errors=True)
