"""Where each colored photo goes: never onto a photo of the same call, nor onto another one's colors."""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from PIL import Image

from ..images import SUFFIXES, PhotoError, image_format, output_name
from .inputs import FileSet

__all__ = ["Job", "Targets", "make_folder", "plan_jobs"]

LONGEST_NAME = 255  # bytes that file systems allow


@dataclass(frozen=True, slots=True)
class Job:
    """One file to color: its path, that of its colored version, and that of the side-by-side sheet, if any."""

    source: Path
    target: Path
    sheet: Path | None

    @property
    def outputs(self) -> list[Path]:
        """Return the files to write."""
        return [self.target] if self.sheet is None else [self.target, self.sheet]


def plan_jobs(sources: Sequence[Path], output: Path, compare: bool) -> list[Job]:
    """Name the outputs of each photo. They depend on the inputs alone, not on what exists, so that a call that is
    repeated finds what it made.

    Raises
    ------
    ValueError
        If the output is a single file but there are several photos, or a file of an unknown format.
    """
    named_as_image = output.suffix.lower() in {*SUFFIXES, *Image.registered_extensions()}
    is_file = named_as_image and not output.is_dir()
    if is_file:
        image_format(output)  # says what it could end in
    if is_file and len(sources) > 1:
        raise ValueError(f"{len(sources)} photos can't all be written to {output}: give a folder")
    targets = [output if is_file else output / _colored_name(source) for source in sources]
    if not compare:
        return [Job(source, target, None) for source, target in zip(sources, targets, strict=True)]
    taken = {path.name.casefold() for path in (*sources, *targets)}  # where case matters, this is too strict by little
    stems = Counter(path.stem.casefold() for path in set(targets))
    sheets: dict[Path, Path] = {}
    for target in targets:
        if target not in sheets:
            sheets[target] = target.with_name(_sheet_name(target, stems[target.stem.casefold()] == 1, taken))
    return [Job(source, target, sheets[target]) for source, target in zip(sources, targets, strict=True)]


def _colored_name(source: Path) -> str:
    name = output_name(source.name)
    return name if len(os.fsencode(name)) <= LONGEST_NAME else _fitting(source.stem, ".png")


def _sheet_name(target: Path, is_only: bool, taken: set[str]) -> str:
    """Name a sheet after its photo's stem, or whole name where another photo has the stem, and not as in `taken`."""
    names = (_fitting(target.name, f"-compare{f'-{n}' if n > 1 else ''}.jpg") for n in count(1))
    if is_only and (short := _fitting(target.stem, "-compare.jpg")).casefold() not in taken:
        name = short
    else:
        name = next(name for name in names if name.casefold() not in taken)
    taken.add(name.casefold())
    return name


def _fitting(start: str, ending: str) -> str:
    """Join the parts of a file name, the first cut where the name would be longer than is allowed."""
    while len(os.fsencode(start + ending)) > LONGEST_NAME:
        start = start[:-1]
    return start + ending


class Targets:
    """The files that one call writes, and those that it must not write.

    Parameters
    ----------
    inputs : iterable of Path
        Everything that the call reads; none of it is ever written to.
    overwrite, keep : bool
        What to do with other files that exist: replace them, or leave them as they are; otherwise they are errors.
    """

    def __init__(self, inputs: Iterable[Path], overwrite: bool, keep: bool):
        self._inputs, self._written = FileSet(inputs), FileSet()
        self._claimed: set[Path] = set()
        self._overwrite, self._keep = overwrite, keep

    def claim(self, job: Job) -> None:
        """Reserve the outputs of a photo.

        Raises
        ------
        PhotoError
            If one of them is another photo's already.
        """
        for path in job.outputs:
            if path in self._claimed:
                raise _like_another(job, path)
        self._claimed.update(job.outputs)

    def to_write(self, job: Job) -> list[Path]:
        """Return those outputs of a photo that are to be written now; none if all are there already.

        Raises
        ------
        PhotoError
            If writing one of them would replace what must not be replaced.
        """
        return [path for path in job.outputs if self._is_free(job, path)]

    def without_inputs(self) -> "Targets":
        """Return the same rules, for outputs that were found to be none of the inputs: for other processes."""
        return Targets([], self._overwrite, self._keep)

    def wrote(self, path: Path) -> None:
        """Note that an output is there, so that no other photo replaces it."""
        self._written.add(path)

    def _is_free(self, job: Job, path: Path) -> bool:
        if not os.path.lexists(path):
            return True
        if path in self._inputs:
            if path in FileSet([job.source]):
                raise PhotoError(f"{path} would be replaced by its own colorization: choose another output")
            raise PhotoError(f"{job.source} would replace {path}, which this call reads: choose another output")
        if path in self._written:  # by another name, on a file system that takes A.jpg and a.jpg for the same
            raise _like_another(job, path)
        if self._keep and path.is_file():
            return path.stat().st_size == 0  # of an empty file, there is nothing to keep
        if not self._overwrite:
            raise PhotoError(f"{path} exists: choose another output, or add --overwrite")
        return True


def _like_another(job: Job, path: Path) -> PhotoError:
    return PhotoError(f"{job.source} would go to {path}, like another photo: colorize it separately")


def make_folder(folder: Path) -> None:
    """Make the folder of the outputs.

    Raises
    ------
    ValueError
        If that can't be done, or nothing can be written to it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"{folder} can't be made ({error.strerror}): choose another output") from error
    if not os.access(folder, os.W_OK):
        raise ValueError(f"{folder} can't be written to: choose another output")
