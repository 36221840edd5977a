"""The weights that ship: what the command learns from, what it writes, and that it survives a kill."""

import csv
import json
import os
from types import SimpleNamespace

import numpy as np
import pytest

from colorlib import paths
from colorlib.color import to_gray
from colorlib.commands.weights import log_row, make_weights, training_photos
from colorlib.models import load_model
from colorlib.photos import load_photos
from conftest import count_steps, kill_at_checkpoint

SMALL = {
    "sources": ("bundled",),
    "photo_size": 64,
    "filters": 4,
    "stages": ((4, 32), (4, 64)),
    "batch": 2,
    "size": 64,
    "progress": False,
}
FOLDERS = ("DATA", "RAW", "CACHE", "BUILD")


def isolate(folder) -> dict:
    """Prepare a machine on which only bundled photos are at hand: folders of the project, by name."""
    data = folder / "data"
    data.mkdir()
    for manifest in paths.DATA.glob("*.csv"):
        text = manifest.read_text("utf-8").replace("raw.githubusercontent.com", "photos.invalid")
        (data / manifest.name).write_text(text, "utf-8")
    return dict(zip(FOLDERS, (data, data / "raw", data / "cache", folder / "build")))


def make_isolated(out, folders: dict) -> dict:
    """Make the weights with the folders of `isolate`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("COLORLIB_DATA_DIR", raising=False)
        for name, path in folders.items():
            patch.setattr(paths, name, path)
        return make_weights(out, **SMALL)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> SimpleNamespace:
    """The weights made at once: their folder, that of the work on them, and what the command gave."""
    folder = tmp_path_factory.mktemp("weights")
    about = make_isolated(folder / "out", isolate(folder))
    return SimpleNamespace(folder=folder / "out", work=folder / "build" / "weights", about=about)


def pixels(photos: np.ndarray) -> set[bytes]:
    return {photo.tobytes() for photo in photos}


def test_photos_kept_aside_are_not_learned_from_and_test_photos_are_in_neither():
    photos, validation = training_photos(("bundled",), 64)
    kept = np.concatenate([split.photos for split in validation])
    every = pixels(load_photos("bundled", 64, "train"))
    assert len(photos) == 4 and len(kept) == 1 and photos.shape[1:] == kept.shape[1:] == (64, 64, 3)
    assert not pixels(photos) & pixels(kept) and pixels(photos) | pixels(kept) == every
    assert not pixels(load_photos("bundled", 64, "test")) & every
    names = [name for split in validation for name in split.photo_names]
    assert len(names) == len(kept) and [split.name for split in validation] == ["bundled"]


@pytest.mark.slow
def test_writes_weights_that_color_and_says_how_they_came_about(made):
    assert sorted(os.listdir(made.folder)) == ["README.md", "unet.json", "unet.keras", "unet.onnx"]
    gray = to_gray(load_photos("bundled", 50, "test")[0])
    rgb = load_model(made.folder / "unet.onnx").colorize(gray)
    np.testing.assert_array_equal(load_model(made.folder / "unet.keras").colorize(gray), rgb)
    assert rgb.shape == (50, 50, 3) and np.ptp(rgb, axis=-1).max() > 0
    about = json.loads((made.folder / "unet.json").read_text("utf-8"))
    assert about == json.loads(json.dumps(made.about))
    assert about["parameters"] == load_model(made.folder / "unet.onnx").parameters
    assert about["settings"]["stages"] == [[4, 32], [4, 64]] and about["photos"] == {"learned from": 4, "bundled": 1}


@pytest.mark.slow
def test_what_could_not_be_scored_is_said_and_the_rest_is_scored(made):
    assert sorted(made.about["scores"]) == ["gray test", "unet test"]
    assert [notice.split(" is left out")[0] for notice in made.about["notices"]] == [
        "The split bsds500",
        "The split imagenet800",
    ]
    assert all("can't be reached" in notice for notice in made.about["notices"])
    gray, unet = made.about["scores"]["gray test"], made.about["scores"]["unet test"]
    assert gray["photos"] == unet["photos"] == 2 and abs(gray["skill_db"]) < 1e-6
    assert unet["skill_db"] == pytest.approx(unet["psnr_rgb"] - gray["psnr_rgb"], abs=1e-3)


@pytest.mark.slow
def test_the_numbers_of_the_card_are_those_of_the_file(made):
    about = json.loads((made.folder / "unet.json").read_text("utf-8"))
    card = (made.folder / "README.md").read_text("utf-8")
    own, gray = about["scores"]["unet test"], about["scores"]["gray test"]
    rows = [row.strip("| ").split(" | ") for row in card.splitlines() if row.startswith("| test")]
    assert rows == [
        [
            "test",
            "2",
            f"{own['psnr_rgb']:.2f}",
            f"{gray['psnr_rgb']:.2f}",
            f"{own['skill_db']:+.2f}",
            f"{own['delta_e_mean']:.2f}",
            f"{gray['delta_e_mean']:.2f}",
            f"{own['colorfulness_gap']:.1f}",
        ]
    ]
    for words in (
        f"{about['parameters']:,} parameters",
        f"Keras {about['keras']} on {about['backend']}",
        "EfficientNet-Lite0 without its classifier",
        "on 4 photos in batches of 2 crops: 4 of 32×32 pixels, then 4 of 64×64 pixels",
        f"{about['seconds'] / 60:.0f} minutes on a machine with {about['machine']}",
        "1 of bundled",
        f"scaled by {about['gain']:.2f}",
        f"A share of {about['settings']['dropout']:g} of",
    ):
        assert words in " ".join(card.split()), words


@pytest.mark.slow
def test_the_log_has_every_look_at_the_training(made):
    with open(made.work / "log.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["iteration"]) for row in rows] == list(range(1, 9))
    for row in rows:
        seen = made.about["validation"][int(row["iteration"])]
        for name in ("bundled skill_db", "bundled delta_e_mean"):
            assert float(row[name]) == pytest.approx(seen[name], abs=6e-4)
    assert os.listdir(made.work) == ["log.csv"]


def test_a_log_goes_on_after_a_look_that_is_done_again_and_starts_anew_with_other_columns(tmp_path):
    log = tmp_path / "log.csv"
    for row in ({"iteration": 1, "a": 5}, {"iteration": 2, "a": 6}, {"iteration": 2, "a": 7}):
        log_row(log, row)
    assert log.read_text("utf-8").split() == ["iteration,a", "1,5", "2,7"]
    log_row(log, {"iteration": 3, "b": 8})
    assert log.read_text("utf-8").split() == ["iteration,b", "3,8"]


@pytest.mark.slow
def test_killed_and_called_again_it_ends_with_the_weights_of_an_uninterrupted_run(made, tmp_path, monkeypatch):
    folders = isolate(tmp_path)
    program = f"""
from pathlib import Path
from colorlib import paths
from colorlib.commands.weights import make_weights
from colorlib.training import loop
loop.CHECKPOINT_SECONDS = 0.0
for name, path in { ({name: str(path) for name, path in folders.items()}) }.items():
    setattr(paths, name, Path(path))
make_weights(Path("out"), **{SMALL})
"""
    variables = {name: value for name, value in os.environ.items() if name != "COLORLIB_DATA_DIR"}
    checkpoint = tmp_path / "build" / "weights" / "checkpoint.npz"
    kill_at_checkpoint(program, tmp_path, checkpoint, env=variables)
    assert checkpoint.exists() and not (tmp_path / "out").exists()
    done = count_steps(monkeypatch)
    about = make_isolated(tmp_path / "out", folders)
    assert 1 < done[0] <= done[-1] == 8 and not checkpoint.exists()
    weights = [load_model(folder / "unet.keras").network_.get_weights() for folder in (tmp_path / "out", made.folder)]
    for again, whole in zip(*weights, strict=True):
        np.testing.assert_array_equal(again, whole)
    assert about["scores"] == made.about["scores"] and about["gain"] == made.about["gain"]
