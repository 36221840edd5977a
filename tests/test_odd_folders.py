"""The report on folders whose photos lack something: few, of one color, without blue, nearly gray, of odd shapes."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colorlib import paths
from colorlib.color import merge_lab
from colorlib.commands.training_photos import Source, training_photos
from colorlib.pipeline import read_ledger
from conftest import run_colorlib

QUICK = ("01_data", "02_lab_theory", "03_linear_regression")


def photo(seed: int, height: int, width: int, a: tuple[float, float], b: tuple[float, float]) -> Image.Image:
    """A smooth picture whose a and b are within bounds."""
    rng = np.random.default_rng(seed)
    noise = Image.fromarray((rng.random((4, 6, 3)) * 255).astype(np.uint8)).resize((width, height), Image.BICUBIC)
    lightness, first, second = np.moveaxis(np.asarray(noise, np.float32) / 255, -1, 0)
    ab = np.stack([a[0] + first * (a[1] - a[0]), b[0] + second * (b[1] - b[0])], axis=-1)
    return Image.fromarray(np.rint(merge_lab(20 + 60 * lightness, ab)[0] * 255).astype(np.uint8))


def plain(seed: int) -> Image.Image:
    return Image.new("RGB", (90, 60), tuple(np.random.default_rng(seed).integers(0, 256, 3).tolist()))


COLORFUL = ((-40, 40), (-40, 40))
#: What a folder holds: how many photos, and how each is made.
FOLDERS: dict[str, tuple[int, Callable[[int], Image.Image]]] = {
    "of-one-color-each": (10, plain),
    "no-blue": (6, lambda i: photo(i, 90, 120, (-30, 30), (5, 40))),
    "no-yellow": (6, lambda i: photo(i, 90, 120, (-30, 30), (-40, -5))),
    "near-gray": (6, lambda i: photo(i, 90, 120, (-0.6, 0.6), (-0.6, 0.6))),
    "small-and-a-panorama": (4, lambda i: photo(i, 64, 64 if i else 2400, *COLORFUL)),
}


@pytest.fixture
def odd(tmp_path) -> Iterator[Callable[[str, int, Callable[[int], Image.Image]], str]]:
    """Make a folder of photos; return its name as a collection. What a report makes of it is removed in the end."""
    made = []

    def make(name: str, count: int, one: Callable[[int], Image.Image]) -> str:
        (tmp_path / name).mkdir()
        for number in range(count):
            one(number).save(tmp_path / name / f"photo{number:03}.png")
        made.append(f"folder:{tmp_path / name}")
        return made[-1]

    yield make
    for collection in made:
        shutil.rmtree(paths.run_folder(collection, "smoke"), ignore_errors=True)


def figures(collection: str) -> Path:
    return paths.run_folder(collection, "smoke") / "figures"


@pytest.mark.long
@pytest.mark.parametrize("name", FOLDERS)
def test_the_first_notebooks_run_on_every_kind_of_folder(odd, name):
    collection = odd(name, *FOLDERS[name])
    done = run_colorlib("report", "--profile", "smoke", "--photos", collection, "--notebooks", *QUICK)
    assert done.returncode == 0, done.stderr
    numbers = read_ledger(figures(collection))["numbers"]
    assert numbers["n_photos_train"]["value"] + numbers["n_photos_test"]["value"] == FOLDERS[name][0]


@pytest.mark.long
def test_the_whole_report_is_made_of_two_photos_of_one_color_each(odd):
    """No photo to set aside, no edge, no blue: more than one notebook has nothing to show for some of its tables."""
    collection = odd("two", 2, lambda i: Image.new("RGB", (640, 64), ("orange", "darkgreen")[i]))
    done = run_colorlib("report", "--profile", "smoke", "--photos", collection)
    assert done.returncode == 0, done.stderr
    ledger = read_ledger(figures(collection))["numbers"]
    assert ledger["cnn_early_bluish_delta_e"] | {"notebook": ""} == {"value": None, "text": "–", "notebook": ""}
    site = figures(collection).parent / "site"
    assert "gray: –" in (site / "training.html").read_text("utf-8")
    assert "not measured in this run" in (site / "assessing.html").read_text("utf-8")


def test_a_relative_folder_is_that_of_the_caller(odd, tmp_path):
    odd("gray", 3, lambda i: photo(i, 40, 60, (0, 0), (0, 0)).convert("L"))
    for arguments, variables in ((("--photos", "folder:gray"), {}), ((), {"COLORLIB_PHOTOS": "folder:./gray"})):
        done = run_colorlib(
            "report", "--profile", "smoke", *arguments, root=tmp_path, PYTHONPATH=str(paths.ROOT), **variables
        )
        assert done.returncode == 1 and done.stdout == ""
        assert done.stderr == (
            f"error: all 2 photos of {tmp_path / 'gray'} to learn from are gray: give a folder of color photos, whose "
            "colors can be learned and compared\n"
        )


def test_of_few_or_gray_photos_one_with_colors_is_kept_aside(odd):
    one = odd("one", 2, lambda i: photo(i, 40, 60, *COLORFUL))
    photos, (kept,) = training_photos({one: Source(times=1, set_aside=12)})
    assert len(photos) == len(kept.photos) == 1 and photos.paths[0].name == kept.photo_names[0]

    def mostly_gray(number: int) -> Image.Image:
        return photo(number, 40, 60, *(COLORFUL if number % 5 == 2 else ((0, 0), (0, 0)))).convert("RGB")

    photos, (kept,) = training_photos({odd("few", 20, mostly_gray): Source(times=1, set_aside=12)})
    assert len(photos) + len(kept.photos) in (15, 16) and np.ptp(kept.photos, axis=-1).max() > 0
    assert not {path.name for path in photos.paths} & set(kept.photo_names)
