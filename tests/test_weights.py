"""The weights that ship: what the command learns from, what it writes, and that it survives a kill."""

import csv
import json
import os
from types import SimpleNamespace

import numpy as np
import pytest

from colorlib import paths
from colorlib.color import to_gray
from colorlib.commands import weights
from colorlib.commands.training_photos import (
    SOURCES,
    Source,
    learned_photos,
    pack_photos,
    training_photos,
    unpack_photos,
)
from colorlib.commands.weights import finish_weights, log_row, make_weights, train_weights
from colorlib.models import load_model
from colorlib.photos import list_photos, load_photos, small_copies
from colorlib.scores.leaderboard import evaluate
from conftest import count_steps, kill_at_checkpoint

SMALL = {
    "sources": {"bundled": Source(times=1, set_aside=5)},
    "filters": 4,
    "decoders": 2,
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


def test_photos_set_aside_are_not_learned_from_and_test_photos_are_in_neither():
    photos, validation = training_photos({"bundled": Source(times=3, set_aside=5)})
    (split,) = validation
    train, test = ({photo.file for photo in list_photos("bundled", part)} for part in ("train", "test"))
    files = [path.name for path in photos.paths]
    aside = set(split.photo_names)
    learned = {photo.file for photo, path in small_copies("bundled", "train").items() if path.name in files}
    assert len(files) == 3 * 4 and len(set(files)) == 4 and split.photos.shape == (1, 256, 256, 3)
    assert learned | aside == train and not learned & aside and not (learned | aside) & test


def test_photos_to_compare_with_those_set_aside_are_as_many_and_were_learned_from():
    sources = {"bundled": Source(times=3, set_aside=3)}
    photos, (aside,) = training_photos(sources)
    (learned,) = learned_photos(sources)
    files = {photo.file for photo, path in small_copies("bundled", "train").items() if path in photos.paths}
    assert learned.name == "bundled" and learned.photos.shape == aside.photos.shape
    assert set(learned.photo_names) <= files and not pixels(learned.photos) & pixels(aside.photos)


def test_what_is_learned_from_is_named_and_none_of_it_is_tested_on():
    """By content: the hash of the original or of a small copy."""
    assert [*SOURCES] == ["unsplash36", "bsds500", "imagenet800", "everyday"]
    train, test = (
        {
            digest
            for name in SOURCES
            for photo in list_photos(name, part)
            for digest in (photo.sha256, photo.small_sha256)
        }
        for part in ("train", "test")
    )
    assert not (train - {""}) & (test - {""})


def _hashes(photo):
    return photo.sha256, photo.small_sha256


def test_packed_and_unpacked_photos_are_those_that_were_found(tmp_path):
    sources = {"bundled": Source(times=2, set_aside=5)}
    assert pack_photos(tmp_path / "photos.zip", sources) == 5
    photos, validation = training_photos(sources)
    unpacked, again = unpack_photos(tmp_path / "photos.zip", tmp_path / "unpacked", sources)
    assert len(unpacked) == len(photos) == 8
    for one, other in zip(photos, unpacked):
        assert one.shape == other.shape and min(one.shape[:2]) <= 256
        assert np.abs(one.astype(float) - other).mean() < 6
    assert [split.photo_names for split in again] == [split.photo_names for split in validation]
    (tmp_path / "no.zip").write_bytes(b"no")
    with pytest.raises(ValueError, match=r"no\.zip does not hold packed photos .*--pack"):
        unpack_photos(tmp_path / "no.zip", tmp_path / "unpacked", sources)


@pytest.mark.slow
def test_writes_weights_that_color_and_says_how_they_came_about(made):
    assert sorted(os.listdir(made.folder)) == ["README.md", "unet.json", "unet.onnx"]
    gray = to_gray(load_photos("bundled", 50, "test")[0])
    rgb = load_model(made.folder / "unet.onnx").colorize(gray)
    assert rgb.shape == (50, 50, 3) and np.ptp(rgb, axis=-1).max() > 0
    about = json.loads((made.folder / "unet.json").read_text("utf-8"))
    assert about == json.loads(json.dumps(made.about))
    assert about["parameters"] == load_model(made.folder / "unet.onnx").parameters
    assert about["settings"]["stages"] == [[4, 32], [4, 64]]
    assert about["learned_from"] == 4 and about["set_aside"] == {"bundled": 1}
    assert 0 <= about["waiting_share"] < 1


@pytest.mark.slow
def test_what_could_not_be_scored_is_said_and_the_rest_is_scored(made):
    assert {model: [*splits] for model, splits in made.about["scores"].items()} == {
        "gray": ["test"],
        "unet": ["test"],
        "unet vivid": ["test"],
    }
    assert [notice.split(" is left out")[0] for notice in made.about["notices"]] == [
        "The split bsds500",
        "The split imagenet800",
        "The split everyday",
    ]
    assert all("can't be reached" in notice for notice in made.about["notices"])
    gray, unet = made.about["scores"]["gray"]["test"], made.about["scores"]["unet"]["test"]
    assert gray["photos"] == unet["photos"] == 2 and abs(gray["skill_db"]) < 1e-6
    assert unet["skill_db"] == pytest.approx(unet["psnr_rgb"] - gray["psnr_rgb"], abs=1e-3)


@pytest.mark.slow
def test_the_numbers_of_the_card_are_those_of_the_file(made):
    about = json.loads((made.folder / "unet.json").read_text("utf-8"))
    card = (made.folder / "README.md").read_text("utf-8")
    rows = [row.strip("| ").split(" | ") for row in card.splitlines() if row.startswith("| test")]
    gray = about["scores"]["gray"]["test"]
    assert rows == [
        [
            "test",
            "2",
            f"{own['skill_db']:+.2f}",
            f"{own['better_pct']:.0f} %",
            f"{own['delta_e_mean']:.2f}",
            f"{gray['delta_e_mean']:.2f}",
            f"{100 * own['auc_rebalanced']:.1f}",
            f"{100 * gray['auc_rebalanced']:.1f}",
            f"{own['colorfulness_gap']:.1f}",
        ]
        for own in (about["scores"][model]["test"] for model in ("unet", "unet vivid"))
    ]
    for words in (
        f"{about['parameters']:,} parameters",
        f"Keras {about['keras']} on {about['backend']}",
        "EfficientNet-Lite2 without its classifier",
        "on 4 photos in batches of 2 crops: 4 of 32×32 pixels, then 4 of 64×64 pixels",
        f"That took {about['seconds'] / 60:.0f} minutes, with at most {about['peak_megabytes']:,} MB of memory, on a "
        f"machine with {about['machine']}. It waited for photos {about['waiting_share']:.1%} of the time",
        "1 of bundled",
        f"scaled by {about['gain']:.2f}",
        f"A share of {about['settings']['dropout']:g} of",
    ):
        assert words in " ".join(card.split()), words


@pytest.mark.slow
def test_the_log_has_every_look_at_the_training(made):
    with open(made.work / "log.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["iteration"]) for row in rows] == [1, 2, 3, 4, 5, 6, 7, 8]
    for row in rows:
        seen = made.about["validation"][row["iteration"]]
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


@pytest.mark.long
def test_killed_and_called_again_it_ends_with_the_weights_of_an_uninterrupted_run(made, tmp_path, monkeypatch):
    folders = isolate(tmp_path)
    program = f"""
from pathlib import Path
from colorlib import paths
from colorlib.commands.training_photos import Source
from colorlib.commands.weights import make_weights
from colorlib.training import loop
loop.CHECKPOINT_SECONDS = 0.0
for name, path in { ({name: str(path) for name, path in folders.items()}) }.items():
    setattr(paths, name, Path(path))
if __name__ == "__main__":
    make_weights(Path("out"), **{SMALL})
"""
    variables = {name: value for name, value in os.environ.items() if name != "COLORLIB_DATA_DIR"}
    checkpoint = tmp_path / "build" / "weights" / "checkpoint.npz"
    kill_at_checkpoint(program, tmp_path, checkpoint, env=variables)
    assert checkpoint.exists() and not (tmp_path / "out").exists()
    done = count_steps(monkeypatch)
    about = make_isolated(tmp_path / "out", folders)
    assert 1 < done[0] <= done[-1] == 8 and not checkpoint.exists()
    weights = [load_model(folder / "unet.onnx").network_.get_weights() for folder in (tmp_path / "out", made.folder)]
    for again, whole in zip(*weights, strict=True):
        np.testing.assert_array_equal(again, whole)
    assert about["scores"] == made.about["scores"] and about["gain"] == made.about["gain"]


def test_a_training_elsewhere_is_finished_here(tmp_path, monkeypatch):
    """Packed photos are enough to train; calibration and scores follow where the photos are."""
    sources = SMALL["sources"]
    monkeypatch.setattr(paths, "BUILD", tmp_path / "build")
    pack_photos(tmp_path / "photos.zip", sources)
    about = train_weights(tmp_path, packed=tmp_path / "photos.zip", **SMALL | {"stages": ((2, 32),)})
    assert "scores" not in about and not (tmp_path / "README.md").exists()
    before = load_model(tmp_path / "unet.onnx")
    monkeypatch.setattr(weights, "SCORED", ("test",))
    finished = finish_weights(tmp_path, sources)
    after = load_model(tmp_path / "unet.onnx")
    assert finished["scores"]["unet"].keys() == {"test"} and (tmp_path / "README.md").exists()
    assert before.gain_ == before.vivid_contrast_ == 1 and after.gain_ == finished["gain"] != 1
    assert after.vivid_contrast_ == finished["vivid_contrast"]
    text = " ".join((tmp_path / "README.md").read_text("utf-8").split())
    scored = [evaluate({"unet": after}, photos) for photos in (training_photos(sources)[1], learned_photos(sources))]
    aside, learned = (scores["skill_db"].mean() for scores in scored)
    assert f"set aside come out {aside:+.2f} dB" in text and f"learned from {learned:+.2f} dB" in text
    assert aside != learned
    for one, other in zip(before.network_.get_weights(), after.network_.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
