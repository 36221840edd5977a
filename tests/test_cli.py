"""The command line: every mistake is answered by one line on stderr and an exit code that is not 0."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import colorlib
from colorlib import paths
from colorlib.color import to_gray
from colorlib.images import read_image, write_image
from colorlib.photos import load_photos
from conftest import ROOT, environment, run_colorlib


def refused(*arguments: str, **variables: str) -> str:
    """Run a command that must fail; return its one line."""
    done = run_colorlib(*arguments, **variables)
    assert done.returncode not in (0, None)
    assert done.stdout == "" and len(done.stderr.splitlines()) == 1 and done.stderr.startswith("error: ")
    return done.stderr


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["report", "--profile", "fast"], "unknown profile 'fast': use one of full, smoke"),
        (["report", "--photos", "flickr"], "unknown collection 'flickr': use one of unsplash36, "),
        (
            ["report", "--profile", "smoke", "--notebooks", "99_none"],
            "unknown notebook '99_none': use one of 01_data, ",
        ),
        (["data", "flickr"], "unknown collection 'flickr'"),
        (["paint"], "invalid choice: 'paint'"),
        (["report", "--fast"], "unrecognized arguments: --fast"),
        ([], "required: COMMAND"),
    ],
)
def test_an_unknown_name_is_refused_with_the_known_ones(arguments, said):
    assert said in refused(*arguments)


def test_an_unknown_notebook_is_refused_though_another_report_is_working():
    folder = paths.run_folder("bundled", "smoke")
    folder.mkdir(parents=True, exist_ok=True)
    with paths.locked(folder):
        assert "unknown notebook '99_none'" in refused("report", "--profile", "smoke", "--notebooks", "99_none")


def test_the_variable_for_photos_is_checked_too():
    assert "unknown collection 'flickr'" in refused("report", COLORLIB_PHOTOS="flickr")


def test_a_folder_without_photos_is_refused(tmp_path):
    assert f"{tmp_path} holds 0 photos" in refused("report", "--photos", f"folder:{tmp_path}")
    assert "is not a folder" in refused("report", "--photos", f"folder:{tmp_path / 'nowhere'}")


@pytest.mark.parametrize("content, said", [(b"", "is empty (0 bytes)"), (b"no photo", "is not an image")])
def test_a_bad_photo_is_named(tmp_path, content, said):
    Image.new("RGB", (20, 20), "red").save(tmp_path / "good.png")
    (tmp_path / "bad.jpg").write_bytes(content)
    assert f"{tmp_path / 'bad.jpg'} {said}" in refused("report", "--profile", "smoke", "--photos", f"folder:{tmp_path}")


def test_help_lists_the_commands():
    done = run_colorlib("--help")
    assert done.returncode == 0
    assert all(f"\n    {name}" in done.stdout for name in ("report", "site", "data", "publish", "check"))


def test_check_finds_what_the_report_needs():
    assert run_colorlib("check").returncode == 0


#: What training, scoring, plotting and downloading take, and coloring must do without.
NOT_TO_COLOR = {
    *("IPython", "keras", "matplotlib", "onnx", "pandas", "papermill", "pooch", "requests", "scipy", "skimage"),
    *("sklearn", "tensorflow", "urllib.request"),
}
#: The command line as it is run, which then names all modules that were imported.
NAMES_MODULES = """
import sys
from colorlib.cli import main
status = main(sys.argv[1:])
print(*sys.modules)
sys.exit(status)
"""


def test_coloring_a_photo_imports_nothing_that_it_does_not_take(tmp_path):
    photo = load_photos("bundled", 128, "test")[0]
    write_image(tmp_path / "gray.png", np.dstack([to_gray(photo)] * 3), bits=16)
    command = [sys.executable, "-c", NAMES_MODULES, "colorize", "gray.png", "-o", "out.png"]
    done = subprocess.run(command, env=environment(ROOT), capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    said, modules = done.stdout.splitlines()
    assert said == "1 colorized, in out.png" and {"numpy", "onnxruntime"} <= set(modules.split())
    assert NOT_TO_COLOR & set(modules.split()) == set()
    expected = colorlib.load("unet").colorize(read_image(tmp_path / "gray.png").gray())
    np.testing.assert_allclose(read_image(tmp_path / "out.png").rgb(), expected, atol=1e-4)
