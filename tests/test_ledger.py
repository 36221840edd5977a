"""The ledger: what a notebook records, how names are kept apart, and what a run starts from."""

import base64
import io
import json

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from colorlib import paths
from colorlib.pipeline import Run, ledger, read_ledger, start_run


@pytest.fixture
def build(tmp_path, monkeypatch):
    """An empty build folder, and settings of two notebooks."""
    profiles = tmp_path / "profiles.toml"
    profiles.write_text('[01_first]\nsteps = {full = 2500, smoke = 5}\nname = "x"\n')
    monkeypatch.setattr(paths, "BUILD", tmp_path / "build")
    monkeypatch.setattr(paths, "PROFILES", profiles)
    for name in ("COLORLIB_PROFILE", "COLORLIB_PHOTOS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "build"


@pytest.fixture
def run(build):
    return start_run("01_first", "smoke")


def make_figure():
    figure, ax = plt.subplots(figsize=(2, 1))
    ax.plot([1, 2])
    return figure


def figures_of(run):
    return run.folder / "figures"


def test_profile_and_collection(build, monkeypatch):
    run = start_run("01_first", "smoke")
    assert (run.profile, run.collection, run.notice) == ("smoke", "bundled", "")
    assert run.settings.steps == 5 and run.settings.name == "x"
    assert run.folder == build / "bundled-smoke"
    assert run.load_photos(16, "test").shape == (2, 16, 16, 3)
    assert run.photo_names("test") == ["chelsea", "grace_hopper"]
    assert start_run("01_first", "full", "bundled").settings.steps == 2500
    monkeypatch.setenv("COLORLIB_PROFILE", "smoke")
    monkeypatch.setenv("COLORLIB_PHOTOS", "unlike")
    run = start_run("02_second", collection="bundled")
    assert (run.profile, run.collection, vars(run.settings)) == ("smoke", "bundled", {})
    with pytest.raises(ValueError, match="'unlike' has no training photos"):
        start_run("02_second")


def test_the_checkpoints_of_other_code_are_removed(run, monkeypatch):
    before = run.checkpoint_path("cnn")
    kept, other = run.checkpoint_path("cnn-2"), run.model_path("cnn", ".onnx")
    for file in (before, kept, other):
        file.touch()
    assert run.checkpoint_path("cnn") == before and before.exists()
    monkeypatch.setattr(ledger, "fingerprint_training", lambda: 64 * "0")
    after = run.checkpoint_path("cnn")
    assert after != before and after.name.startswith("cnn-") and not before.exists()
    assert kept.exists() and other.exists()


def test_unknown_profile_and_collection(build):
    with pytest.raises(ValueError, match="unknown profile 'quick': use one of full, smoke"):
        start_run("01_first", "quick")
    with pytest.raises(ValueError, match="unknown collection 'mine'"):
        start_run("01_first", "smoke", "mine")
    assert not build.exists()


def test_only_starting_a_run_writes_anything(build):
    run = Run("01_first", "smoke", "bundled")
    assert run.settings.steps == 5 and not build.exists()
    run.begin()
    assert (run.folder / "figures" / "numbers.json").is_file() and (run.folder / "models").is_dir()


def test_two_folders_of_one_name_do_not_share_their_output(build, tmp_path):
    for parent in ("a", "b"):
        (tmp_path / parent / "My photos").mkdir(parents=True)
    first, second = (paths.run_folder(f"folder:{tmp_path / parent / 'My photos'}", "full") for parent in "ab")
    assert first != second and first.name.startswith("folder-My-photos-") and first.name.endswith("-full")


def test_numbers(run):
    assert run.record_number("r2_train", np.float32(0.5), ".3f") == 0.5
    assert run.record_number("rows", np.int64(260100), ",d") == 260100
    run.record_number("verdict", "worse than gray")
    numbers = json.loads((figures_of(run) / "numbers.json").read_text("utf-8"))
    assert numbers == {
        "r2_train": {"value": 0.5, "text": "0.500", "notebook": "01_first"},
        "rows": {"value": 260100, "text": "260,100", "notebook": "01_first"},
        "verdict": {"value": "worse than gray", "text": "worse than gray", "notebook": "01_first"},
    }


@pytest.mark.parametrize(
    "name, value, complaint",
    [
        ("R2", 1, "lower-?case"),
        ("", 1, "lower-?case"),
        ("2nd", 1, "lower-?case"),
        ("../x", 1, "lower-?case"),
        ("r2-train", 1, "subtract"),
        ("r2", float("nan"), "'r2' is nan"),
        ("r2", np.float64("inf"), "'r2' is inf"),
    ],
)
def test_bad_numbers(run, name, value, complaint):
    with pytest.raises(ValueError, match=complaint):
        run.record_number(name, value)
    assert read_ledger(figures_of(run))["numbers"] == {}


@pytest.mark.parametrize("value", [float("nan"), np.float64("inf")])
def test_what_a_folder_of_photos_does_not_tell_is_recorded_as_a_dash(build, tmp_path, value):
    run = Run("01_first", "smoke", f"folder:{tmp_path}")
    run.begin()
    run.record_number("r2_blue", value, ".2f")
    assert read_ledger(figures_of(run))["numbers"]["r2_blue"] == {"value": None, "text": "–", "notebook": "01_first"}


@pytest.mark.parametrize("columns, written", [(["kind", "at 1,036"], 'kind,"at 1,036"\n–,–\n'), ([], "–\n–\n")])
def test_a_table_without_rows_is_recorded_with_one_of_dashes(run, columns, written):
    frame = pd.DataFrame([], columns=columns)
    assert run.record_table("kinds", frame) is frame
    assert (figures_of(run) / "tables" / "kinds.csv").read_text("utf-8") == written


def test_tables(run):
    frame = pd.DataFrame({"model": ["gray", "linear"], "delta_e": [13.25, 12.5]})
    assert run.record_table("scores", frame) is frame
    assert pd.read_csv(figures_of(run) / "tables" / "scores.csv").equals(frame)
    assert read_ledger(figures_of(run))["tables"] == {"scores": {"notebook": "01_first"}}


def test_figures_are_saved_closed_and_shown_with_their_alternative_text(run):
    before = plt.get_fignums()
    shown = run.record_figure("fig-line", make_figure(), alt="A line that rises")
    assert plt.get_fignums() == before
    data, metadata = shown._repr_mimebundle_()
    assert data["text/plain"] == "A line that rises" and metadata["image/svg+xml"]["alt"] == "A line that rises"
    assert data["image/svg+xml"] == (figures_of(run) / "fig-line.svg").read_text("utf-8")
    assert read_ledger(figures_of(run))["figures"]["fig-line"] == {"alt": "A line that rises", "notebook": "01_first"}
    with pytest.raises(ValueError, match="'fig-other' has no alternative text"):
        run.record_figure("fig-other", make_figure(), alt=" ")
    plt.close("all")


def test_pixels_are_saved_as_a_picture_of_twice_the_size_that_is_shown(run):
    figure = make_figure()
    figure.axes[0].imshow(np.eye(4), aspect="auto")
    shown = run.record_figure("fig-pixels", figure, alt="A diagonal of pixels")
    data, metadata = shown._repr_mimebundle_()
    assert metadata["image/jpeg"]["alt"] == "A diagonal of pixels"
    with (
        Image.open(figures_of(run) / "fig-pixels.jpg") as saved,
        Image.open(io.BytesIO(base64.b64decode(data["image/jpeg"]))) as small,
    ):
        assert (saved.format, small.format) == ("JPEG", "JPEG")
        assert saved.width > 300 and abs(saved.width - 2 * small.width) <= 1
    run.record_figure("fig-pixels", make_figure(), alt="A line")
    assert [file.name for file in figures_of(run).glob("fig-pixels.*")] == ["fig-pixels.svg"]


def test_a_drawing_whose_colors_stand_for_themselves_is_a_picture(run):
    run.record_figure("fig-colors", make_figure(), alt="A line in a color that matters", exact_colors=True)
    assert [file.name for file in figures_of(run).glob("fig-colors.*")] == ["fig-colors.jpg"]


def test_the_same_drawing_is_the_same_file(run):
    first, second = (run.record_figure("fig-line", make_figure(), alt="A line").content for _ in range(2))
    assert first == second


def test_names_are_unique_over_notebooks(run):
    run.record_number("rows", 3)
    run.record_number("rows", 4)
    other = start_run("02_second", "smoke")
    with pytest.raises(ValueError, match="'rows' is already recorded by 01_first"):
        other.record_table("rows", pd.DataFrame({"a": [1]}))
    assert not (figures_of(run) / "tables" / "rows.csv").exists()
    assert read_ledger(figures_of(run))["numbers"]["rows"]["value"] == 4


def test_starting_again_forgets_only_what_this_notebook_made(run):
    run.record_number("rows", 3)
    run.record_table("scores", pd.DataFrame({"a": [1]}))
    run.record_figure("fig-line", make_figure(), alt="A line")
    other = start_run("02_second", "smoke")
    other.record_figure("fig-other", make_figure(), alt="Another line")
    start_run("01_first", "smoke")
    ledger = read_ledger(figures_of(run))
    assert ledger == {
        "numbers": {},
        "tables": {},
        "figures": {"fig-other": {"alt": "Another line", "notebook": "02_second"}},
    }
    assert sorted(path.name for path in figures_of(run).rglob("*") if path.is_file()) == [
        "fig-other.svg",
        "numbers.json",
        "sources.json",
    ]


def test_the_seed_makes_runs_repeatable(build):
    def draw(seed):
        start_run("01_first", "smoke", seed=seed)
        return np.random.random()

    assert draw(1) == draw(1) != draw(2)


def test_files_are_written_whole_or_not_at_all(tmp_path):
    target = tmp_path / "deep" / "file.txt"
    paths.write_whole(target, b"first")
    with pytest.raises(TypeError):
        paths.write_whole(target, "not bytes")
    assert target.read_bytes() == b"first"
    assert [path.name for path in target.parent.iterdir()] == ["file.txt"]


def test_points_are_text_without_markup_of_their_own(run):
    data = run.show_points("L* falls by -1.5 in 03_linear", "", "two")._repr_mimebundle_()
    assert data["text/markdown"] == "- L\\* falls by −1.5 in 03\\_linear\n- two"
    assert data["text/plain"] == "- L* falls by −1.5 in 03_linear\n- two"
