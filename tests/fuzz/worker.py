"""The process that colors damaged files, with bounds to its memory; it answers with one line of JSON for each.

``python -m fuzz.worker FOLDER FIRST STOP STEP`` takes the seeds ``range(FIRST, STOP, STEP)``. If it dies or hangs,
whoever started it knows at which seed, and starts another one after that.
"""

import io
import json
import os
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path

import tifffile
from PIL import Image

from colorlib.cli import main
from colorlib.images import SUFFIXES, PhotoError, image_size, read_square

from .corpus import make_corpus, pillow
from .mutate import mutate

GIGABYTE = 1 << 30
SLACK = 1 << 28  # of addresses, which threads reserve without using them
SOUND = "sound.png"  # colored in the same call: a damaged file must not stop the others


def work(folder: Path, seeds: range) -> None:
    """Color the files of some seeds, and write what came of each to standard output."""
    import resource  # Windows, where modules are imported to look for examples, has none

    answers = os.fdopen(os.dup(1), "w")
    said = Recorder(folder / "said.txt")
    corpus, sound = make_corpus(), pillow("L", "PNG")
    for part in ("in", "out"):
        (folder / part).mkdir(exist_ok=True)
    (folder / "in" / SOUND).write_bytes(sound)
    color(folder, "warm-up.png", sound, said)  # before memory is counted: it loads what all others need
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    limit = _memory("VmSize") + GIGABYTE + SLACK
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    print(json.dumps("ready"), file=answers, flush=True)
    for seed in seeds:
        name, content, ways = mutate(corpus, seed)
        kind = SUFFIXES[Path(name).suffix]
        answer = {"seed": seed, "file": name, "format": kind, "ways": ways} | color(folder, name, content, said)
        print(json.dumps(answer), file=answers, flush=True)


def color(folder: Path, name: str, content: bytes, said: "Recorder") -> dict:
    """Color one damaged file and a sound one, and judge what came of it."""
    source, target = folder / "in" / name, folder / "out" / name
    for old in [*(folder / "out").iterdir()]:
        old.unlink()
    source.write_bytes(content)
    Path("/proc/self/clear_refs").write_text("5")  # so that the peak is that of this file
    before, start = _memory("VmRSS"), time.perf_counter()
    error = ""
    with said:
        try:
            inputs, options = (
                (source, folder / "in" / SOUND),
                ("--output", target.parent, "--model", folder / "model.npz"),
            )
            status = main(list(map(str, ("colorize", *inputs, *options))))
            with suppress(PhotoError):  # as the report reads it
                image_size(source), read_square(source, 32)
        except BaseException:  # nothing may come out of the command; whatever does is told of
            status, error = -1, traceback.format_exc()
    seconds, grown = time.perf_counter() - start, _memory("VmHWM") - before
    source.unlink()
    lines = said.lines()
    outcome, why = _judge(status, error, lines, target, grown)
    return {"outcome": outcome, "why": why, "seconds": round(seconds, 3), "mb": max(0, grown) >> 20}


def _judge(status: int, error: str, lines: list[str], target: Path, grown: int) -> tuple[str, str]:
    """Name the outcome, and what was said or is wrong."""
    whole = " / ".join(lines)
    if grown > GIGABYTE or "memory" in whole or "MemoryError" in error:
        return "too much memory", f"{grown >> 20} MB: {error or whole}"
    if error or "Traceback" in whole:
        return "traceback", error or whole
    left = {file.name for file in target.parent.iterdir()}
    if SOUND not in left:
        return "stopped the others", whole
    if unnamed := [line for line in lines if target.name not in line]:
        return "unclear", " / ".join(unnamed)
    errors = [line for line in lines if line.startswith("error: ")]
    if status == 0:
        made = left & {target.name, f"{target.name}.png"}  # where the format is one that is only read
        if errors or len(left) != 2 or not made:
            return "unclear", f"status 0, {sorted(left)}: {whole}"
        if broken := _broken(target.with_name(made.pop())):
            return "half a file", broken
        return "colored", whole
    if status != 1 or len(errors) != 1 or len(lines) != 1:
        return "unclear", f"status {status}: {whole}"
    if left != {SOUND}:
        return "half a file", f"{sorted(left - {SOUND})}: {whole}"
    return "refused", whole


def _broken(path: Path) -> str:
    """Say why a file that was written is not a whole image; empty if it is one. Decoded here without `colorlib`."""
    try:
        if path.suffix in (".tif", ".tiff"):
            whole = tifffile.imread(path).size > 0
        else:
            with Image.open(io.BytesIO(path.read_bytes())) as image:
                image.load()
                whole = image.size[0] * image.size[1] > 0
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "" if whole else "it has no pixels"


class Recorder:
    """What is written to standard output and standard error, by Python or by a decoder in C, while it is entered."""

    def __init__(self, path: Path):
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        self._null = os.open(os.devnull, os.O_WRONLY)

    def __enter__(self):
        os.ftruncate(self._file, 0)
        os.lseek(self._file, 0, os.SEEK_SET)
        self._saved = [os.dup(1), os.dup(2)]
        os.dup2(self._null, 1)
        os.dup2(self._file, 2)

    def __exit__(self, *_):
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        for number, saved in enumerate(self._saved, start=1):
            os.dup2(saved, number)
            os.close(saved)

    def lines(self) -> list[str]:
        os.lseek(self._file, 0, os.SEEK_SET)
        text = os.read(self._file, 1 << 20).decode("utf-8", "replace")
        return [line for line in text.splitlines() if line.strip()]


def _memory(field: str) -> int:
    """Return a field of this process's status, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return 1024 * int(line.split()[1])
    raise ValueError(f"the system doesn't tell {field}")


if __name__ == "__main__":
    work(Path(sys.argv[1]), range(*map(int, sys.argv[2:5])))
