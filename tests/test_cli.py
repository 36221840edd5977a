"""The command line: every mistake is answered by one line on stderr and an exit code that is not 0."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import colorlib
from colorlib.color import to_gray
from colorlib.imagefiles import read_image
from colorlib.imagewriter import write_image
from colorlib.photos import load_photos
from conftest import run_colorlib


def refused(*arguments: str, **variables: str) -> str:
    """Run a command that must fail; return its one line."""
    done = run_colorlib(*arguments, **variables)
    assert done.returncode not in (0, None)
    assert done.stdout == "" and len(done.stderr.splitlines()) == 1 and done.stderr.startswith("error: ")
    return done.stderr


@pytest.mark.parametrize("arguments, said", [
    (["report", "--profile", "fast"], "unknown profile 'fast': use one of full, smoke"),
    (["report", "--photos", "flickr"], "unknown collection 'flickr': use one of unsplash36, "),
    (["report", "--profile", "smoke", "--notebooks", "99_none"], "unknown notebook '99_none': use one of 01_data, "),
    (["data", "flickr"], "unknown collection 'flickr'"),
    (["colour"], "invalid choice: 'colour'"),
    (["report", "--fast"], "unrecognized arguments: --fast"),
    ([], "required: COMMAND"),
])
def test_an_unknown_name_is_refused_with_the_known_ones(arguments, said):
    assert said in refused(*arguments)


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


def test_importing_the_library_is_quick_and_loads_nothing_heavy():
    code = ("import time; start = time.perf_counter(); import colorlib; seconds = time.perf_counter() - start; "
            "import sys; print(seconds, *sorted({'tensorflow', 'keras', 'matplotlib', 'sklearn'} & set(sys.modules)))")
    seconds, *heavy = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                                     check=True).stdout.split()
    assert float(seconds) < 0.5 and heavy == []


def test_coloring_does_without_tensorflow_what_the_library_does_with_it(tmp_path, monkeypatch):
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    write_image(tmp_path / "gray.png", np.dstack([to_gray(load_photos("bundled", 128, "test")[0])] * 3), bits=16)
    code = ("import runpy, sys; sys.argv = ['colorlib', 'colorize', 'gray.png', '-o', 'out.png']\n"
            "try: runpy.run_module('colorlib', run_name='__main__')\n"
            "finally: print(*sorted({'tensorflow', 'openvino'} & set(sys.modules)))\n"
            "assert not [name for name, module in sys.modules.items() if 'openvino_telemetry' in name and module]")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stderr, done.stdout.split()[-1:]) == (0, "", ["openvino"])
    assert not (tmp_path / "home" / "intel").exists()
    expected = colorlib.load("unet").colorize(read_image(tmp_path / "gray.png").gray())
    np.testing.assert_allclose(read_image(tmp_path / "out.png").rgb(), expected, atol=1e-3)
