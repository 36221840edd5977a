"""Photos colored file by file, as ``colorlib colorize`` does it."""

import io
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..images import (
    MAX_PIXELS,
    SUFFIXES,
    ImageFile,
    PhotoError,
    image_format,
    output_name,
    read_image,
    resize_image,
    write_image,
)
from ..models import Colorizer, find_model, load_model
from ..paths import write_whole
from ..training.progress import progress_bar
from .inputs import list_images, print_error, print_notes

__all__ = ["colorize", "colorize_files"]

CHROMA_RANGE = (0, 1.5)
SMALLEST_SIDE = 16
SHEET_PANEL = 640  # pixels of the longer side of a photo on a side-by-side sheet
SHEET_TITLE, SHEET_GAP = 44, 12  # pixels: height of the titles, space between panels


@dataclass(frozen=True)
class _Job:
    """One file to color: its path, that of its colored version, and that of the side-by-side sheet, if any."""

    source: Path
    target: Path
    sheet: Path | None

    @property
    def outputs(self) -> list[Path]:
        return [self.target] if self.sheet is None else [self.target, self.sheet]


def colorize(
    inputs: Sequence[str],
    output: str,
    model: str | None = None,
    *,
    chroma: float = 1.0,
    size: int | None = None,
    compare: bool = False,
    overwrite: bool = False,
) -> int:
    """Color image files and report on the terminal; see `colorize_files`.

    Returns
    -------
    int
        The exit status: 1 where a file could not be colored.
    """
    colorized, failed = colorize_files(
        inputs, output, model, chroma=chroma, size=size, compare=compare, overwrite=overwrite, on_error=print_error
    )
    if colorized:
        print(f"{colorized} colorized, in {output}")
    return 1 if failed else 0


def colorize_files(
    inputs: Sequence[str],
    output: str,
    model: str | None = None,
    *,
    chroma: float = 1.0,
    size: int | None = None,
    compare: bool = False,
    overwrite: bool = False,
    on_error: Callable[[Exception], None],
) -> tuple[int, int]:
    """Color image files; one that can't be used does not stop the others.

    Format, bits per channel, opacity and metadata are kept; colors that a file has are dropped.

    Parameters
    ----------
    inputs : sequence of str
        Files, folders (the photos directly in them) and glob patterns.
    output : str
        A file, for a single input, or a folder, which is created if necessary.
    model : str, optional
        Name of a fitted model, or path of its file; see `colorlib.models.find_model`.
    chroma : float
        Factor of the predicted a,b: 0 leaves the photo gray, 1 is what the model predicts; at most 1.5.
    size : int, optional
        Longer side of the output in pixels; that of the input by default.
    compare : bool
        Also write ``NAME-compare.jpg``: gray, colorized and, if the input has colors, true photo side by side.
    overwrite : bool
        Replace outputs that exist, which is otherwise an error.
    on_error : callable
        Called with each error that concerns a single input.

    Returns
    -------
    colorized, failed : int
        Number of files written, and of calls of `on_error`.

    Raises
    ------
    ValueError
        If an option, the output or the model can't be used.
    """
    if not CHROMA_RANGE[0] <= chroma <= CHROMA_RANGE[1]:
        raise ValueError(f"chroma {chroma} is out of range: use {CHROMA_RANGE[0]} (gray) to {CHROMA_RANGE[1]} (vivid)")
    if size is not None and not SMALLEST_SIDE <= size <= MAX_PIXELS**0.5:
        raise ValueError(f"size {size} is out of range: use {SMALLEST_SIDE} to {int(MAX_PIXELS**0.5)} pixels")
    failures = []

    def fail(error: Exception) -> None:
        failures.append(error)
        on_error(error)

    sources = list_images(inputs, fail)
    jobs = _plan(sources, Path(output), compare, overwrite, fail)
    if not jobs:
        return 0, len(failures)
    _make_folder(jobs[0].target.parent)
    colorizer = load_model(find_model(model))
    colorized = 0
    with progress_bar(len(jobs), unit="photo", enabled=len(jobs) > 1) as bar:
        for job in jobs:
            try:
                _colorize_file(job, colorizer, chroma, size)
                colorized += 1
            except PhotoError as error:
                fail(error)
            except MemoryError:
                fail(PhotoError(f"{job.source} needs more memory than is available: make it smaller with --size"))
            except (ValueError, OSError) as error:
                fail(PhotoError(f"{job.source} can't be colorized ({error})"))
            bar.update()
    return colorized, len(failures)


def _plan(
    sources: list[Path], output: Path, compare: bool, overwrite: bool, fail: Callable[[Exception], None]
) -> list[_Job]:
    """Decide where each colored file goes; files that can't go there are reported and left out."""
    output = output.expanduser()
    is_file = output.suffix.lower() in SUFFIXES and not output.is_dir()
    if is_file or (output.suffix.lower() in Image.registered_extensions() and not output.is_dir()):
        image_format(output)  # says what it could end in
    if is_file and len(sources) > 1:
        raise ValueError(f"{len(sources)} photos can't all be written to {output}: give a folder")
    jobs: list[_Job] = []
    taken: set[Path] = set()
    for source in sources:
        target = output if is_file else output / output_name(source.name)
        job = _Job(source, target, target.with_name(f"{target.stem}-compare.jpg") if compare else None)
        if error := _obstacle(job, taken, overwrite):
            fail(PhotoError(error))
            continue
        taken.update(job.outputs)
        jobs.append(job)
    return jobs


def _obstacle(job: _Job, taken: set[Path], overwrite: bool) -> str:
    if not job.source.exists():
        return f"{job.source} does not exist: check the name"
    for path in job.outputs:
        if path in taken:
            return f"{job.source} would go to {path}, like another photo: colorize it separately"
        if path.exists() and path.samefile(job.source):
            return f"{path} would be replaced by its own colorization: choose another output"
        if path.exists() and not overwrite:
            return f"{path} exists: choose another output, or add --overwrite"
    return ""


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"{folder} can't be made ({error.strerror}): choose another output") from error
    if not os.access(folder, os.W_OK):
        raise ValueError(f"{folder} can't be written to: choose another output")


def _colorize_file(job: _Job, colorizer: Colorizer, chroma: float, size: int | None) -> None:
    image = read_image(job.source)
    gray, alpha, metadata, bits, notes = image.gray(), image.opacity(), image.metadata, image.bits, image.notes
    true = image if job.sheet is not None else None
    del image  # a large photo's pixels are not kept while it is colored
    if size is not None:
        height, width = _scaled(gray.shape, size)
        gray = resize_image(gray, height, width)
        alpha = None if alpha is None else resize_image(alpha, height, width)
    rgb = colorizer.colorize(gray, chroma)
    left_out = write_image(job.target, rgb, alpha, metadata, bits)
    print_notes(job.source, [*notes, *left_out])
    if job.sheet is not None and true is not None:
        _write_sheet(job.sheet, true, gray, rgb)


def _write_sheet(path: Path, image: ImageFile, gray: np.ndarray, rgb: np.ndarray) -> None:
    panels = {"gray": np.repeat(gray[..., None], 3, axis=-1), "colorized": rgb}
    if image.has_color():
        panels["true"] = image.rgb()
    height, width = _scaled(gray.shape, min(SHEET_PANEL, max(gray.shape)))
    font = ImageFont.load_default(SHEET_TITLE // 2)
    column = max(width, round(max(font.getlength(title) for title in panels)))
    sheet = Image.new(
        "RGB", (len(panels) * (column + SHEET_GAP) + SHEET_GAP, height + SHEET_TITLE + SHEET_GAP), "white"
    )
    draw = ImageDraw.Draw(sheet)
    for i, (title, panel) in enumerate(panels.items()):
        left = SHEET_GAP + i * (column + SHEET_GAP)
        draw.text((left + column / 2, SHEET_TITLE / 2), title, fill="black", font=font, anchor="mm")
        small = np.rint(resize_image(panel, height, width) * 255).astype(np.uint8)
        sheet.paste(Image.fromarray(small), (left + (column - width) // 2, SHEET_TITLE))
    buffer = io.BytesIO()
    sheet.save(buffer, "JPEG", quality=90)
    write_whole(path, buffer.getvalue())


def _scaled(shape: tuple[int, ...], longer_side: int) -> tuple[int, int]:
    """Return the height and width of an image scaled to a longer side of this many pixels."""
    height, width = (max(1, round(side * longer_side / max(shape))) for side in shape)
    return height, width
