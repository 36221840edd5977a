"""Photos colored file by file, as ``python -m colorlib colorize`` does it."""

import glob
import io
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from .imagefiles import MAX_PIXELS, SUFFIXES, ImageFile, PhotoError, read_image
from .imagewriter import image_format, write_image
from .models import Colorizer, find_model, load_model
from .paths import write_whole
from .photos import resize_photo
from .training import Progress

__all__ = ["colorize_files", "list_images"]

CHROMA_RANGE = (0, 1.5)
SMALLEST_SIDE = 16
SHEET_PANEL = 640  # pixels of the longer side of a photo on a side-by-side sheet
SHEET_DPI = 200


@dataclass(frozen=True)
class _Job:
    """One file to color: where it is, where its colored version goes, and where the side-by-side sheet, if any."""

    source: Path
    target: Path
    sheet: Path | None

    @property
    def outputs(self) -> list[Path]:
        return [self.target] if self.sheet is None else [self.target, self.sheet]


def colorize_files(inputs: Sequence[str], output: str, model: str | None = None, *, chroma: float = 1.0,
                   size: int | None = None, compare: bool = False, overwrite: bool = False,
                   on_error: Callable[[Exception], None]) -> tuple[int, int]:
    """Color image files; one that can't be used doesn't stop the others.

    Each keeps its format, its bits a channel, its opacity and its metadata; where it has colors, these are dropped.

    Parameters
    ----------
    inputs : sequence of str
        Files, folders (the photos directly in them) and glob patterns.
    output : str
        A file, which is good for one input, or a folder; it is made where it doesn't exist.
    model : str, optional
        Name of a fitted model or path of its file; see `colorlib.models.find_model`.
    chroma : float
        Scales the predicted a,b: 0 leaves the photo gray, 1 is what the model predicts; at most 1.5.
    size : int, optional
        Longer side of the output in pixels; that of the input by default.
    compare : bool
        Also write ``NAME-compare.jpg``: gray, colorized and, where the input has colors, true photo side by side.
    overwrite : bool
        Replace an output that exists; otherwise it is an error. An input is never replaced.
    on_error : callable
        Called with each error that concerns one input only.

    Returns
    -------
    colorized, failed : int
        How many files were written, and how many times ``on_error`` was called.

    Raises
    ------
    ValueError
        If an option, the output or the model can't be used at all.
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
    with Progress(len(jobs), enabled=len(jobs) > 1, unit="photo") as shown:
        for number, job in enumerate(jobs, start=1):
            try:
                _colorize_file(job, colorizer, chroma, size)
                colorized += 1
            except PhotoError as error:
                fail(error)
            except MemoryError:
                fail(PhotoError(f"{job.source} needs more memory than there is: make it smaller with --size"))
            except (ValueError, OSError) as error:
                fail(PhotoError(f"{job.source} can't be colorized ({error})"))
            shown.update(number, job.source.name)
    return colorized, len(failures)


def list_images(inputs: Sequence[str], on_error: Callable[[Exception], None]) -> list[Path]:
    """List the files that inputs stand for: files as they are, folders and glob patterns as the images in them."""
    files = []
    for name in inputs:
        path = Path(name).expanduser()
        if path.is_dir():
            found = sorted(file for file in path.iterdir() if _is_image(file))
        elif glob.has_magic(name) and not path.exists():
            found = sorted(file for file in map(Path, glob.glob(str(path), recursive=True)) if _is_image(file))
        else:
            found = [path]
        if not found:
            on_error(PhotoError(f"{name} holds no photos ({', '.join(SUFFIXES)}): check the name"))
        files += found
    return list(dict.fromkeys(files))


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and path.is_file()


def _plan(sources: list[Path], output: Path, compare: bool, overwrite: bool,
          fail: Callable[[Exception], None]) -> list[_Job]:
    """Decide where each colored file goes, leaving out, with an error, those that may not go there."""
    output = output.expanduser()
    is_file = output.suffix.lower() in SUFFIXES and not output.is_dir()
    if output.suffix.lower() in Image.registered_extensions() and not (is_file or output.is_dir()):
        image_format(output)  # says what it could end in
    if is_file and len(sources) > 1:
        raise ValueError(f"{len(sources)} photos can't all be written to {output}: give a folder")
    jobs, taken = [], set()
    for source in sources:
        target = output if is_file else output / (source.name if source.suffix.lower() in SUFFIXES
                                                  else f"{source.name}.png")
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
    gray, alpha = image.gray(), image.opacity()
    if size is not None:
        height, width = _scaled(gray.shape, size)
        gray = resize_photo(gray, height, width)
        alpha = None if alpha is None else resize_photo(alpha, height, width)
    rgb = colorizer.colorize(gray, chroma)
    write_image(job.target, rgb, alpha, image.metadata, image.bits)
    if job.sheet is not None:
        _write_sheet(job.sheet, image, gray, rgb)


def _write_sheet(path: Path, image: ImageFile, gray: np.ndarray, rgb: np.ndarray) -> None:
    import matplotlib
    matplotlib.use("agg")
    from matplotlib import pyplot

    from .plots import snapshot_strip, use_style
    panels = [gray, rgb, image.rgb()] if image.has_color() else [gray, rgb]
    shape = _scaled(gray.shape, min(SHEET_PANEL, max(gray.shape)))
    use_style()
    figure = snapshot_strip([[resize_photo(panel, *shape) for panel in panels]], ("gray", "colorized", "true"))
    buffer = io.BytesIO()
    figure.savefig(buffer, format="jpg", dpi=SHEET_DPI, pil_kwargs={"quality": 90})
    pyplot.close(figure)
    write_whole(path, buffer.getvalue())


def _scaled(shape: tuple[int, ...], longer_side: int) -> tuple[int, int]:
    """Return the height and width of an image whose longer side is to have so many pixels."""
    return tuple(max(1, round(side * longer_side / max(shape))) for side in shape)
