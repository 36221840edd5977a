"""Faults of the machine: kills at any moment, full disks, read-only folders, two at once, clocks that jump.

`make fuzz` runs all tests that are marked as faults, with more kills, and its page names those that passed: so their
names are sentences that a reader understands.
"""

import itertools
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from test_weights import SMALL, isolate

from conftest import SECOND, command, environment, run_colorlib, write_notebook

pytestmark = [
    pytest.mark.slow,
    pytest.mark.long,
    pytest.mark.fault,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither these signals nor these disks"),
]

KILLS = int(os.environ.get("COLORLIB_KILLS", "1"))
WEIGHTS = """
from pathlib import Path
from colorlib import paths
from colorlib.commands.training_photos import Source
from colorlib.commands.weights import make_weights
from colorlib.training import loop
loop.CHECKPOINT_SECONDS = 0.0
for name, path in {folders}.items():
    setattr(paths, name, Path(path))
make_weights(Path("out"), **{settings})
"""
TIMES = (
    "began",
    "cell_seconds",
    "seconds",
    "processor_seconds",
    "megabytes",
    "cells",
    "gflops",
    "waiting_share",
    "peak_megabytes",
)  # what differs from run to run
CARD = ("out/README.md",)  # which tells them
# Sphinx's own notes, in no order; a hash of what times are in; and bytecode, which tells when its source was written.
DOCTREES = ("bundled-smoke/doctrees", "bundled-smoke/site.sha256", "bundled-smoke/site-src/__pycache__")
TOLD = re.compile(rb" When these pages were made, running it took [^\\<\n]*\.")  # the same times, on the site's pages


def contents(folder: Path, leave_out: tuple[str, ...] = ()) -> dict[str, object]:
    """What a folder holds, by the names of the files; JSON without times, of networks what they compute."""
    found: dict[str, object] = {}
    for file in sorted(folder.rglob("*")):
        name = str(file.relative_to(folder))
        if file.is_file() and not name.startswith(leave_out):
            found[name] = TOLD.sub(b"", file.read_bytes())
            if file.suffix == ".json":
                found[name] = json.loads(file.read_bytes(), object_pairs_hook=without_times)
            if file.suffix == ".keras":
                with zipfile.ZipFile(file) as parts:
                    found[name] = {part: parts.read(part) for part in ("model.weights.h5", "colorlib.json")}
    return found


def without_times(pairs: list[tuple[str, object]]) -> dict[str, object]:
    return {key: value for key, value in pairs if key not in TIMES}


def kills(count: int, program: Callable[[Path], subprocess.Popen], seconds: float, folder: Path) -> Iterator[Path]:
    """Kill a program at so many random moments of the time that it takes, each time in a folder of its own."""
    rng = random.Random(0)
    for number in itertools.count():
        own = folder / str(number)
        own.mkdir()
        process = program(own)
        with suppress(subprocess.TimeoutExpired):
            process.wait(rng.uniform(0, seconds))
        process.kill()
        if process.wait() == -signal.SIGKILL:  # it had not ended before
            yield own
            count -= 1
        if not count:
            return


def start(arguments: list[str], folder: Path, variables: Mapping[str, str] = os.environ) -> subprocess.Popen:
    return subprocess.Popen(arguments, cwd=folder, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def one_line(done: subprocess.CompletedProcess) -> str:
    """The only line that a command wrote to standard error, failing."""
    lines = done.stderr.splitlines()
    assert done.returncode == 1 and len(lines) == 1 and lines[0].startswith("error: "), done.stderr
    return lines[0]


@contextmanager
def small_disk(folder: Path, size: str, options: str = "") -> Iterator[None]:
    """Put a disk of a size, in memory, in the place of a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("only an administrator can mount a small disk")
    try:
        if options:
            remount(folder, options)
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def remount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", folder], check=True)


# The report


@pytest.fixture
def build(project) -> Iterator[Path]:
    """The folder of a project's results, empty."""
    yield project / "build"
    shutil.rmtree(project / "build", ignore_errors=True)


def report(project: Path) -> subprocess.CompletedProcess:
    return run_colorlib("report", "--profile", "smoke", root=project)


@pytest.fixture(scope="module")
def undisturbed(project) -> tuple[dict[str, object], float, int]:
    """What a report that nothing disturbs makes, and the seconds and bytes that it takes."""
    began = time.monotonic()
    done = report(project)
    seconds = time.monotonic() - began
    assert done.returncode == 0, done.stderr
    made = contents(project / "build", DOCTREES)
    size = sum(file.stat().st_size for file in (project / "build").rglob("*"))
    shutil.rmtree(project / "build")
    return made, seconds, size


def test_a_report_that_is_killed_and_made_again_is_as_if_it_had_not_been_killed(
    project, build, undisturbed, tmp_path, record_property
):
    made, seconds, _ = undisturbed

    def program(folder: Path) -> subprocess.Popen:
        shutil.rmtree(build, ignore_errors=True)
        return start(command("report", "--profile", "smoke"), project, environment(project))

    for _ in kills(KILLS, program, seconds, tmp_path):
        done = report(project)
        assert done.returncode == 0, done.stderr
        assert contents(build, DOCTREES) == made
    record_property("kills", KILLS)


def test_two_reports_at_once_wait_for_each_other_and_make_the_same(project, build, undisturbed):
    processes = [
        subprocess.Popen(
            command("report", "--profile", "smoke"),
            cwd=project,
            env=environment(project),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    printed = [process.communicate(timeout=300) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], printed
    assert sorted(output.count(" done in ") for output, _ in printed) == [0, 2]
    assert sum("Another report is working in" in output for output, _ in printed) == 1
    assert contents(build, DOCTREES) == undisturbed[0]


@pytest.mark.parametrize("share", [0.01, 0.2, 0.6])
def test_a_full_disk_stops_the_report_in_one_line_and_with_more_space_it_goes_on(project, build, undisturbed, share):
    with small_disk(build, str(4096 + int(share * undisturbed[2]) // 4096 * 4096)):
        assert "No space left on device" in one_line(report(project))
        for file in (build / "bundled-smoke" / "figures").rglob("*.json"):
            json.loads(file.read_bytes())
        assert not list(build.rglob("*.part*"))
        remount(build, "size=200m")
        assert report(project).returncode == 0
        assert contents(build, DOCTREES) == undisturbed[0]


def test_a_read_only_project_is_told_of_in_one_line(project, build):
    with small_disk(build, "1m", "ro"):
        assert f"{build / 'bundled-smoke'} can't be written to: make the report in a copy" in one_line(report(project))


def test_file_times_in_the_future_or_long_ago_change_nothing(project, build, undisturbed):
    assert report(project).stdout.count(" done in ") == 2
    second = project / "notebooks" / "02_second.ipynb"
    try:
        for years in (20, -20):
            for file in project.rglob("*"):
                os.utime(file, (time.time() + years * 365 * 86400,) * 2)
            done = report(project)
            assert done.returncode == 0 and " done in " not in done.stdout
            write_notebook(second, SECOND, f"1 + {years}")  # what changed runs again all the same
            os.utime(second, (time.time() - years * 365 * 86400,) * 2)
            assert report(project).stdout.count(" done in ") == 1
    finally:
        write_notebook(second, SECOND)
    assert report(project).returncode == 0 and contents(build, DOCTREES) == undisturbed[0]


# The network that ships

PLACES = {"DATA": "data", "RAW": "data/raw", "CACHE": "data/cache", "BUILD": "build"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> tuple[dict[str, object], float]:
    """Weights that nothing disturbs, and the seconds that they take."""
    folder = tmp_path_factory.mktemp("undisturbed")
    isolate(folder)
    began = time.monotonic()
    subprocess.run(weights(folder), cwd=folder, env=without_photos(), check=True)
    return contents(folder, CARD), time.monotonic() - began


def weights(folder: Path) -> list[str]:
    """A program that makes small weights in a folder that `isolate` has prepared."""
    folders = {name: str(folder / path) for name, path in PLACES.items()}
    return [sys.executable, "-c", WEIGHTS.format(folders=folders, settings=SMALL)]


def without_photos() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "COLORLIB_DATA_DIR"}


def test_weights_whose_training_is_killed_and_called_again_are_the_same(trained, tmp_path, record_property):
    made, seconds = trained

    def program(folder: Path) -> subprocess.Popen:
        isolate(folder)
        return start(weights(folder), folder, without_photos())

    for folder in kills(KILLS, program, seconds, tmp_path):
        subprocess.run(weights(folder), cwd=folder, env=without_photos(), check=True)
        assert contents(folder, CARD) == made
    record_property("kills", KILLS)
