"""Photos colored file by file, as ``colorlib colorize`` does it."""

import errno
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

from ..images import MAX_PIXELS, PhotoError, read_image, resize_image, write_image
from ..models import Colorizer, find_model, load_model
from ..paths import discard_parts, write_whole
from ..training.progress import progress_bar
from ._hints import Spot, hints_of, moved_hints, place_hints
from ._log import Log
from ._sheet import Sheet, scaled
from ._targets import Job, Targets, make_folder, plan_jobs
from ._workers import run_all
from .inputs import list_images, missing, one_line, print_error, print_note

__all__ = ["Outcome", "colorize", "colorize_files"]

CHROMA_RANGE = (0, 1.5)
SMALLEST_SIDE = 16
DISK_IS_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}

Status = Literal["colorized", "skipped", "failed"]


class Outcome(NamedTuple):
    """What became of one photo: a word, a line of text that says so, and what could not be kept of it, if anything."""

    status: Status
    text: str
    note: str = ""


def colorize(
    inputs: Sequence[str],
    output: str,
    model: str | None = None,
    *,
    look: str = "natural",
    chroma: float = 1.0,
    size: int | None = None,
    compare: bool = False,
    overwrite: bool = False,
    skip_existing: bool = False,
    log: str | None = None,
    hint: Sequence[str] = (),
    hints: str | None = None,
    workers: int | None = None,
    cluster: str | None = None,
) -> int:
    """Color image files and report on the terminal; see `colorize_files`.

    Parameters
    ----------
    inputs : sequence of str
        Files, folders (the photos directly in them) and glob patterns.
    output, model, look, chroma, size, compare, overwrite, skip_existing, workers, cluster
        As in `colorize_files`.
    log : str, optional
        File to which a line is added for each photo: when, what became of it, and why.
    hint : sequence of str
        Colors that are known, as ``"X,Y=#rrggbb"``; see `colorlib.commands._hints.parse_hint`.
    hints : str, optional
        File of such colors; see `colorlib.commands._hints.read_hints`.

    Returns
    -------
    int
        The exit status: 1 where a file could not be colored.

    Raises
    ------
    ValueError
        If an option, the output, the model or the log can't be used, or the disk is full.
    """
    counts: Counter[Status] = Counter()
    not_found: list[Exception] = []
    sources = list_images(inputs, not_found.append)
    outcomes = colorize_files(
        sources,
        output,
        model,
        look=look,
        chroma=chroma,
        size=size,
        compare=compare,
        overwrite=overwrite,
        skip_existing=skip_existing,
        spots=hints_of(hint, hints),
        workers=workers,
        cluster=cluster,
    )
    with Log(log, [*sources, *_files(model, hints)]) as lines:

        def tell(outcome: Outcome) -> None:
            counts[outcome.status] += 1
            lines.add(outcome.status, outcome.text)
            if outcome.status == "failed":
                print_error(outcome.text)
            if outcome.note:
                lines.add("note", outcome.note)
                print_note(outcome.note)

        try:
            for error in not_found:
                tell(Outcome("failed", str(error)))
            for outcome in outcomes:
                tell(outcome)
        except BaseException as error:
            lines.add("stopped", str(error) or "interrupted")
            raise
        finally:  # after Ctrl-C or on a full disk, too
            summary = f"{_summary(counts)}, in {one_line(output)}"
            lines.add("end", summary)
            if counts["colorized"] or counts.total() > 1:
                print(summary)
    return 1 if counts["failed"] else 0


def _summary(counts: Counter[Status]) -> str:
    if counts["colorized"] == counts.total():
        return f"{counts['colorized']} colorized"
    return f"{counts['colorized']} colorized, {counts['skipped']} skipped, {counts['failed']} failed"


def colorize_files(
    sources: Sequence[Path],
    output: str,
    model: str | None = None,
    *,
    look: str = "natural",
    chroma: float = 1.0,
    size: int | None = None,
    compare: bool = False,
    overwrite: bool = False,
    skip_existing: bool = False,
    spots: Sequence[Spot] = (),
    workers: int | None = None,
    cluster: str | None = None,
) -> Iterator[Outcome]:
    """Color image files; one that can't be used does not stop the others.

    Format, bits per channel, opacity and metadata are kept; colors that a file has are dropped. None of the sources is
    ever written to. Files are written whole or not at all, so that those that exist are complete.

    Parameters
    ----------
    sources : sequence of Path
        Files, as `colorlib.commands.inputs.list_images` lists them.
    output : str
        A file, for a single source, or a folder, which is created if necessary.
    model : str, optional
        Name of a fitted model, or path of its file; see `colorlib.models.find_model`.
    look : {"natural", "vivid"}
        The least error, or colors nearly as strong as true ones; see `Colorizer.with_look`.
    chroma : float
        Factor of the predicted a,b: 0 leaves the photo gray, 1 is what the model predicts; at most 1.5.
    size : int, optional
        Longer side of the output in pixels; that of the input by default.
    compare : bool
        Also write ``NAME-compare.jpg``: gray, colorized and, if the input has colors, true photo side by side.
        ``NAME`` has its ending, as in ``a.png-compare.jpg``, where the short name belongs to another file of the call.
    overwrite : bool
        Replace outputs that exist, which is otherwise an error.
    skip_existing : bool
        Leave outputs that exist as they are, and make those that are missing.
    spots : sequence of Spot
        Colors that are known of a single photo.
    workers, cluster : int, str, optional
        Color with as many processes, on this machine or on a cluster of Ray; see `colorlib.commands._workers.run_all`.

    Yields
    ------
    Outcome
        For each photo, when it is done.

    Raises
    ------
    ValueError
        If an option, the output or the model can't be used, or the disk is full.
    """
    if not CHROMA_RANGE[0] <= chroma <= CHROMA_RANGE[1]:
        raise ValueError(f"chroma {chroma} is out of range: use {CHROMA_RANGE[0]} (gray) to {CHROMA_RANGE[1]} (vivid)")
    if size is not None and not SMALLEST_SIDE <= size <= MAX_PIXELS**0.5:
        raise ValueError(f"size {size} is out of range: use {SMALLEST_SIDE} to {int(MAX_PIXELS**0.5)} pixels")
    if overwrite and skip_existing:
        raise ValueError("outputs that exist can't be both replaced and kept: choose --overwrite or --skip-existing")
    if spots and len(sources) > 1:
        raise ValueError(f"hints are for one photo, and there are {len(sources)}: give one input, or no hints")
    jobs = plan_jobs(sources, Path(output).expanduser(), compare)
    targets = Targets([*sources, *_files(model)], overwrite, keep=skip_existing)
    alone = workers is None and cluster is None
    make_work = partial(_Coloring, targets if alone else targets.without_inputs(), model, look, chroma, size, spots)
    return _colorize_jobs(jobs, targets, partial(run_all, make_work, workers=workers, cluster=cluster))


def _files(*names: str | None) -> list[Path]:
    return [Path(name) for name in names if name is not None]  # a model's name that is no file's does no harm


def _colorize_jobs(jobs: Sequence[Job], targets: Targets, run: Callable[[Sequence[Job]], Any]) -> Iterator[Outcome]:
    waiting = []
    if jobs:
        discard_parts(jobs[0].target.parent)
    # First those that keep their names, so that a.gif.png is not taken for a.gif. All that can be told is told before
    # the first is colored, which may take hours.
    for job in sorted(jobs, key=lambda job: job.target.name != job.source.name):
        try:
            if reason := missing(job.source):
                raise PhotoError(reason)
            targets.claim(job)
            if targets.to_write(job):
                waiting.append(job)
            else:
                yield _skipped(job)
        except PhotoError as error:
            yield Outcome("failed", str(error))
    if not waiting:
        return
    make_folder(waiting[0].target.parent)
    with progress_bar(len(waiting), unit="photo", enabled=len(waiting) > 1) as bar:
        for number, (index, result) in enumerate(run(waiting), 1):
            reason = "ended the process that colored it: it may need more memory than there is, or be damaged"
            outcome, is_full = result or (Outcome("failed", f"{waiting[index].source} {reason}"), False)
            yield outcome
            if is_full and number < len(waiting):
                raise ValueError("the disk is full: make room, then go on with --skip-existing")
            bar.update()


class _Coloring:
    """What colors one photo after the other, in the process that it was made in."""

    def __init__(
        self, targets: Targets, model: str | None, look: str, chroma: float, size: int | None, spots: Sequence[Spot]
    ):
        self._colorizer = load_model(find_model(model)).with_look(look)
        self._targets, self._chroma, self._size, self._spots = targets, chroma, size, spots

    def __call__(self, job: Job) -> tuple[Outcome, bool]:
        """Color a photo; returns what became of it, and whether the disk is full."""
        is_full = False
        try:
            return _colorize_file(job, self._targets, self._colorizer, self._chroma, self._size, self._spots), is_full
        except MemoryError:
            text = f"{job.source} needs more memory than is available: make it smaller with --size"
        except PhotoError as error:
            text, is_full = str(error), getattr(error.__cause__, "errno", None) in DISK_IS_FULL
        except Exception as error:  # whatever is wrong with one photo, the others are colored
            text = f"{job.source} can't be colorized ({error or type(error).__name__})"
        return Outcome("failed", text), is_full


def _colorize_file(
    job: Job, targets: Targets, colorizer: Colorizer, chroma: float, size: int | None, spots: Sequence[Spot]
) -> Outcome:
    wanted = targets.to_write(job)  # since another program may have written some meanwhile
    if not wanted:
        return _skipped(job)
    image = read_image(job.source)
    gray, alpha, metadata, bits, notes = image.gray(), image.opacity(), image.metadata, image.bits, image.notes
    full = gray.shape
    if size is not None:
        height, width = scaled(gray.shape, size)
        gray = resize_image(gray, height, width)
        alpha = None if alpha is None else resize_image(alpha, height, width)
    sheet = Sheet(gray, image) if job.sheet in wanted else None
    del image  # a large photo's pixels are not kept while it is colored
    hints = place_hints(spots, job.source, full, gray.shape)
    notes = (*notes, *moved_hints(spots, hints, gray))
    rgb = colorizer.colorize(gray, chroma, hints)
    if job.target in wanted:
        notes = (*notes, *write_image(job.target, rgb, alpha, metadata, bits))
        targets.wrote(job.target)
    if sheet is not None and job.sheet is not None:
        content = sheet.jpeg(rgb)
        try:
            write_whole(job.sheet, content)
        except OSError as error:
            raise PhotoError(f"{job.sheet} can't be written ({error.strerror}): choose another place") from error
        targets.wrote(job.sheet)
    note = f"{job.source}: {'; '.join(notes)}" if notes else ""
    return Outcome("colorized", f"{job.source} -> {job.target}", note)


def _skipped(job: Job) -> Outcome:
    return Outcome("skipped", f"{job.source}: {job.target} exists")
