"""The package that others install: what is in it, what it needs, and that it colors photos without the repository."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import numpy as np
import pytest

import colorlib
from colorlib.images import read_image, write_image

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
MB = 1e6
LARGEST_DOWNLOAD = 85 * MB  # of the packages that coloring needs
NOT_NEEDED = ("tensorflow", "keras", "onnx", "scipy", "pandas", "skimage", "sklearn", "matplotlib", "papermill")
LEFT_OUT = (".git", ".venv", "build", "raw", "cache", "figures", "__pycache__", "*.egg-info", ".*_cache")


def names(requirements: list[str]) -> set[str]:
    return {re.match(r"[\w-]+", requirement)[0] for requirement in requirements} - {"colorlib"}


def test_every_part_of_the_library_is_packaged():
    parts = {file.parent.relative_to(ROOT).as_posix() for file in (ROOT / "colorlib").rglob("__init__.py")}
    listed = {name.replace(".", "/") for name in PROJECT["tool"]["setuptools"]["packages"]}
    assert listed - {"colorlib/data", "colorlib/weights"} == parts


def test_environment_yml_says_what_each_package_is_for():
    extras = PROJECT["project"]["optional-dependencies"].values()
    needed = names(PROJECT["project"]["dependencies"]).union(*map(names, extras))
    explained = set(re.findall(r"^ +- ([\w-]+).*# \S", (ROOT / "environment.yml").read_text("utf-8"), re.M))
    assert explained - {"python", "make", "pip"} == needed


def test_the_changelog_knows_this_version():
    assert f"\n## [{colorlib.__version__}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess:
    """Run a command as somebody would who never saw the repository."""
    ours = re.compile("PYTHONPATH|VIRTUAL_ENV|CONDA_PREFIX|COLORLIB_.*|XDG_CACHE_HOME")
    environment = {name: value for name, value in os.environ.items() if not ours.fullmatch(name)}
    return subprocess.run(
        list(map(str, command)), cwd=cwd, env=environment, capture_output=True, text=True, timeout=600
    )


def run_well(*command: str | Path, cwd: Path) -> str:
    done = run(*command, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel of a copy of the repository; setuptools would leave its traces in the repository itself."""
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT, folder / "copy", ignore=shutil.ignore_patterns(*LEFT_OUT))
    pip = (sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder)
    run_well(*pip, folder / "copy", cwd=folder)
    return next(folder.glob("*.whl"))


def find_python(version: str) -> str | None:
    """A Python of this version that can make environments; pyenv's shims don't run unless a version is selected."""
    candidates = [f"python{version}"]
    if shutil.which("pyenv"):
        known = run("pyenv", "versions", "--bare", cwd=ROOT).stdout.split()
        chosen = [name for name in known if name.startswith(f"{version}.")]
        candidates += [f"{run('pyenv', 'prefix', name, cwd=ROOT).stdout.strip()}/bin/python" for name in chosen]
    usable = [name for name in candidates if shutil.which(name)]
    return next((name for name in usable if run(name, "-c", "import ensurepip", cwd=ROOT).returncode == 0), None)


@pytest.fixture(scope="module", params=["this Python", "3.13"])
def installed(request, wheel, tmp_path_factory) -> Path:
    """The folder of the programs of a new environment in which the wheel and what it needs are installed."""
    folder = tmp_path_factory.mktemp("installed")
    python = sys.executable if request.param == "this Python" else find_python(request.param)
    if python is None:
        pytest.skip(f"there is no Python {request.param} that can make environments")
    run_well(python, "-m", "venv", folder / "venv", cwd=folder)
    programs = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
    pip = (programs / "python", "-m", "pip", "--disable-pip-version-check")
    download = (*pip, "download", "--quiet", "--retries", "1", "--constraint", ROOT / "constraints.txt")
    if run(*download, "--no-deps", "--dest", folder / "probe", "threadpoolctl", cwd=folder).returncode:
        pytest.skip("the package index can't be reached")
    run_well(*download, "--dest", folder / "files", wheel, cwd=folder)
    run_well(*pip, "install", "--no-index", "--find-links", folder / "files", wheel, cwd=folder)
    sizes = {file.name: file.stat().st_size for file in (folder / "files").iterdir()}
    disk = sum(file.stat().st_size for file in (folder / "venv").rglob("*.*") if file.is_file())
    own = sizes.pop(wheel.name)
    print(f"the wheel {own / MB:.1f} MB, what it needs {sum(sizes.values()) / MB:.1f} MB, on disk {disk / MB:.0f} MB")
    assert sum(sizes.values()) <= LARGEST_DOWNLOAD, sizes
    return programs


@pytest.fixture
def folder(tmp_path) -> Path:
    """Somewhere outside the repository, with a JPEG and a TIFF of 16 bits."""
    ramp = np.linspace(0.1, 0.9, 96, dtype=np.float32)
    photo = np.dstack([np.add.outer(ramp, ramp) / 2] * 3)
    write_image(tmp_path / "old.jpg", photo)
    write_image(tmp_path / "scan.tif", photo, bits=16)
    return tmp_path


@pytest.mark.slow
def test_it_holds_the_library_the_manifests_and_the_network_alone(wheel):
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    files = [file for file in (ROOT / "colorlib").rglob("*.*") if file.is_file() and file.suffix != ".pyc"]
    expected = {file.relative_to(ROOT).as_posix() for file in files}
    expected |= {f"colorlib/data/{file.name}" for file in (ROOT / "data").glob("*.csv")}
    expected |= {
        f"colorlib/weights/{name}" for name in ("unet.onnx", "unet.json", "colors.json", "LICENSE-EfficientNet")
    }
    assert held == expected


def test_it_needs_little(installed, folder):
    code = f"import importlib.util as u; print(*[name for name in {NOT_NEEDED} if u.find_spec(name)])"
    assert run_well(installed / "python", "-c", code, cwd=folder).split() == []


def test_it_colors_and_scores_photos(installed, folder):
    said = run_well(installed / "colorlib", "colorize", "old.jpg", "scan.tif", "-o", "colored", cwd=folder)
    assert said == "2 colorized, in colored\n"
    jpeg, tiff = (read_image(folder / "colored" / name) for name in ("old.jpg", "scan.tif"))
    assert (jpeg.bits, tiff.bits) == (8, 16) and jpeg.has_color() and tiff.has_color()
    assert "mean, left gray" in run_well(installed / "colorlib", "score", ".", "colored", cwd=folder)


def test_it_colors_from_python(installed, folder):
    code = "import colorlib, numpy; print(colorlib.load().colorize(numpy.full((40, 50), 0.5, 'float32')).shape)"
    assert run_well(installed / "python", "-c", code, cwd=folder) == "(40, 50, 3)\n"


@pytest.mark.parametrize("name", ["report", "site", "publish", "check", "weights"])
def test_what_makes_the_report_says_that_it_needs_a_clone(installed, folder, name):
    done = run(installed / "colorlib", name, cwd=folder)
    assert done.returncode == 1 and done.stdout == ""
    assert len(done.stderr.splitlines()) == 1 and "needs a clone of the repository" in done.stderr


def test_it_says_what_it_can_do_and_helps_the_shell(installed, folder):
    assert "colorize" in run_well(installed / "colorlib", "--help", cwd=folder)
    assert run_well(installed / "colorlib", "--version", cwd=folder) == f"colorlib {colorlib.__version__}\n"
    line = "colorlib colorize --mod"
    asks = f"import os; os.environ.update(_ARGCOMPLETE='1', _ARGCOMPLETE_STDOUT_FILENAME='offers', COMP_LINE={line!r}, "
    asks += f"COMP_POINT='{len(line)}'); import colorlib.cli; colorlib.cli.main()"
    run_well(installed / "python", "-c", asks, cwd=folder)
    assert (folder / "offers").read_text("utf-8").strip() == "--model"
