"""Faults of the machine: kills at any moment, full disks, read-only folders, two at once, clocks that jump.

`make fuzz` runs these tests too, with more kills, and its page names those that passed: so their names are sentences
that a reader understands.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from test_weights import SMALL, isolate

from colorlib.models import model_class
from colorlib.photos import load_photos
from conftest import SECOND, command, environment, run_colorlib, write_notebook

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither these signals nor these disks"),
]

KILLS = int(os.environ.get("COLORLIB_KILLS", "2"))
WEIGHTS = """
from pathlib import Path
from colorlib import paths
from colorlib.commands.weights import make_weights
from colorlib.training import loop
loop.CHECKPOINT_SECONDS = 0.0
for name, path in {folders}.items():
    setattr(paths, name, Path(path))
make_weights(Path("out"), **{settings})
"""
TIMES = ("cell_seconds", "seconds")  # what differs from run to run
DOCTREES = ("bundled-smoke/doctrees",)  # Sphinx's own notes, in no order


def contents(folder: Path, leave_out: tuple[str, ...] = ()) -> dict[str, object]:
    """What a folder holds, by the names of the files; JSON without times, of networks what they compute."""
    found: dict[str, object] = {}
    for file in sorted(folder.rglob("*")):
        name = str(file.relative_to(folder))
        if file.is_file() and not name.startswith(leave_out):
            found[name] = file.read_bytes()
            if file.suffix == ".json":
                found[name] = json.loads(file.read_bytes(), object_pairs_hook=without_times)
            if file.suffix == ".keras":
                with zipfile.ZipFile(file) as parts:
                    found[name] = {part: parts.read(part) for part in ("model.weights.h5", "colorlib.json")}
    return found


def without_times(pairs: list[tuple[str, object]]) -> dict[str, object]:
    return {key: value for key, value in pairs if key not in TIMES}


def killed_at_random(arguments: list[str], folder: Path, variables: dict[str, str], most: float, rng) -> bool:
    """Run a program in a folder, and kill it at a moment of its time; tell whether it was still running then."""
    process = subprocess.Popen(
        arguments, cwd=folder, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        process.wait(rng.uniform(0, most))
    except subprocess.TimeoutExpired:
        process.kill()
    return process.wait() == -signal.SIGKILL


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
    start = time.monotonic()
    done = report(project)
    seconds = time.monotonic() - start
    assert done.returncode == 0, done.stderr
    made = contents(project / "build", DOCTREES)
    size = sum(file.stat().st_size for file in (project / "build").rglob("*"))
    shutil.rmtree(project / "build")
    return made, seconds, size


def test_a_report_that_is_killed_and_made_again_is_as_if_it_had_not_been_killed(
    project, build, undisturbed, record_property
):
    made, seconds, _ = undisturbed
    rng, killed = random.Random(0), 0
    for _ in range(KILLS):
        arguments = command("report", "--profile", "smoke")
        killed += killed_at_random(arguments, project, environment(project), seconds, rng)
        done = report(project)
        assert done.returncode == 0, done.stderr
        assert contents(build, DOCTREES) == made
        shutil.rmtree(build)
    record_property("kills", killed)
    assert killed


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


@pytest.mark.parametrize("share", [0.01, 0.05, 0.2, 0.5, 0.8])
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


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> tuple[dict[str, object], float]:
    """Weights that nothing disturbs, and the seconds that they take."""
    folder = tmp_path_factory.mktemp("undisturbed")
    start = time.monotonic()
    subprocess.run(weights(folder), cwd=folder, env=without_photos(), check=True)
    return contents(folder), time.monotonic() - start


def weights(folder: Path) -> list[str]:
    folders = {name: str(path) for name, path in isolate(folder).items()}
    return [sys.executable, "-c", WEIGHTS.format(folders=folders, settings=SMALL)]


def without_photos() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "COLORLIB_DATA_DIR"}


def test_weights_whose_training_is_killed_and_called_again_are_the_same(trained, tmp_path, record_property):
    made, seconds = trained
    rng, killed = random.Random(1), 0
    for number in range(KILLS):
        folder = tmp_path / str(number)
        folder.mkdir()
        arguments = weights(folder)
        killed += killed_at_random(arguments, folder, without_photos(), seconds, rng)
        subprocess.run(arguments, cwd=folder, env=without_photos(), check=True)
        assert contents(folder) == made
    record_property("kills", killed)
    assert killed


# Photos


@pytest.fixture(scope="module")
def album(tmp_path_factory) -> tuple[Path, list[str], dict[str, object], float]:
    """A folder of photos, the arguments that color them into ``out``, what comes out, and the seconds it takes."""
    folder = tmp_path_factory.mktemp("album")
    (folder / "in").mkdir()
    model_class("linear")().fit(load_photos("bundled", 64, "train")).save(folder / "model.npz")
    photos = load_photos("bundled", 256)
    for number in range(40):
        picture = Image.fromarray(np.roll((photos[number % 7] * 255).astype(np.uint8), number, axis=0))
        picture.save(folder / "in" / f"photo{number:02}{('.jpg', '.png', '.tif', '.webp')[number % 4]}")
    arguments = command(
        "colorize", str(folder / "in"), "--model", str(folder / "model.npz"), "--overwrite", "-o", "out"
    )
    start = time.monotonic()
    subprocess.run(arguments, cwd=folder, env=os.environ, check=True, stdout=subprocess.DEVNULL)
    return folder, arguments, contents(folder / "out"), time.monotonic() - start


def test_photos_whose_coloring_is_killed_are_whole_or_absent_and_all_there_after_the_next_call(
    album, tmp_path, record_property
):
    _, arguments, made, seconds = album
    rng, killed = random.Random(2), 0
    for number in range(2 * KILLS if KILLS < 10 else KILLS):
        folder = tmp_path / str(number)
        folder.mkdir()
        killed += killed_at_random(arguments, folder, dict(os.environ), seconds, rng)
        left = contents(folder / "out")
        assert all(made[name] == content for name, content in left.items() if not name.endswith(".part"))
        subprocess.run(arguments, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        assert contents(folder / "out") == made
    record_property("kills", killed)
    assert killed


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_full_disk_leaves_whole_photos_and_a_line_for_each_of_the_others(album, tmp_path, share):
    _, arguments, made, _ = album
    size = int(share * sum(map(len, made.values()))) // 4096 * 4096 + 4096
    with small_disk(tmp_path / "out", str(size)):
        done = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True)
        left = contents(tmp_path / "out")
        lines = done.stderr.splitlines()
        assert done.returncode == 1 and len(left) + len(lines) == len(made) and len(left) < len(made)
        assert all("No space left on device" in line and line.startswith("error: ") for line in lines)
        assert all(made[name] == content for name, content in left.items())
        assert sum(map(len, made.values())) * share > 0 or not left
        remount(tmp_path / "out", "size=100m")
        subprocess.run(arguments, cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
        assert contents(tmp_path / "out") == made


def test_a_read_only_output_folder_is_told_of_in_one_line(album, tmp_path):
    with small_disk(tmp_path / "out", "1m", "ro"):
        done = subprocess.run(album[1], cwd=tmp_path, capture_output=True, text=True)
        assert one_line(done) == "error: out can't be written to: choose another output"
