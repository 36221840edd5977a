"""The evaluation loop: what is scored, what is left out, and that nothing of the held-out photos leaks into a fit."""

import csv
import hashlib
import math

import numpy as np
import onnx
import pytest
from PIL import Image

from colorlib import paths, photos
from colorlib.color import merge_lab, split_lab, to_gray
from colorlib.models import Colorizer, model_class
from colorlib.models._files import read_arrays
from colorlib.photos import PhotosUnavailable, load_photos
from colorlib.scores.leaderboard import COLUMNS, Split, bootstrap_interval, evaluate, leaderboard, load_splits
from colorlib.scores.metrics import auc, inverse_prior, score_photo

#: Model -> settings that make its fit a matter of seconds.
FITTED = {
    "mean_color": {},
    "mean_by_lightness": {},
    "random_photo": {},
    "welsh": {},
    "linear": {},
    "mlp": {"rows": 500, "epochs": 1},
    "cnn": {"iterations": 3, "filters": 4, "crop": 32},
    "unet": {"filters": 4, "stages": ((2, 32),), "size": 64},
}


class Oracle(Colorizer):
    """Knows the true photos and gives each gray one its true colors, with ``shift`` added to a*."""

    name = "oracle"

    def __init__(self, shift: float = 0.0):
        self.shift = shift

    def fit(self, photos: np.ndarray) -> "Oracle":
        self.ab_ = {to_gray(photo).tobytes(): split_lab(photo)[1] for photo in photos}
        return self

    def predict_ab(self, gray: np.ndarray) -> np.ndarray:
        return self.ab_[gray.tobytes()] + np.float32([self.shift, 0])

    def save(self, path):
        raise NotImplementedError

    _restore_fitted = save
    parameters = 0


@pytest.fixture(scope="module")
def split() -> Split:
    return Split("test", load_photos("bundled", 64), tuple(photo.name for photo in photos.list_photos("bundled")))


@pytest.fixture(scope="module")
def scores(split):
    models = {"gray": model_class("gray")(), "oracle": [Oracle().fit(split.photos), Oracle(10).fit(split.photos)]}
    return evaluate(models, [split])


def test_there_is_one_row_a_model_seed_and_photo(scores, split):
    assert len(scores) == 3 * len(split.photos)
    assert set(scores.photo) == set(split.photo_names)
    assert scores[scores.model == "oracle"].groupby("seed").size().to_dict() == {0: 7, 1: 7}


def test_leaving_it_gray_has_no_skill_and_the_truth_has_all(scores):
    gray, truth = scores[scores.model == "gray"], scores[(scores.model == "oracle") & (scores.seed == 0)]
    assert (gray.skill_db == 0).all() and gray.colorfulness.max() < 0.5
    assert truth.delta_e_mean.max() < 0.05 and truth.skill_db.min() > 20 and truth.ssim.min() > 0.999
    assert truth.out_of_gamut_pct.max() < 0.1


def test_a_score_is_that_of_the_colorized_photo(scores, split):
    photo = split.photos[2]
    model = model_class("gray")()
    weights = inverse_prior(split_lab(split.photos)[1])
    expected = score_photo(photo, model.colorize(to_gray(photo)), 0, weights[2])
    row = scores[(scores.model == "gray") & (scores.photo == split.photo_names[2])].iloc[0]
    for name, value in expected.items():
        assert row[name] == pytest.approx(value, nan_ok=True)


def test_brief_scores_are_those_of_the_full_ones(scores, split):
    brief = evaluate({"gray": model_class("gray")(), "oracle": Oracle().fit(split.photos)}, [split], brief=True)
    assert "ssim" not in brief
    for name in ("psnr_rgb", "skill_db", "colorfulness_gap"):
        for model in ("oracle", "gray"):
            full = scores[(scores.model == model) & (scores.seed == 0)]
            assert np.allclose(brief[brief.model == model][name], full[name])


def test_out_of_gamut_is_counted_before_correction(split):
    row = evaluate({"oracle": Oracle(400).fit(split.photos)}, [split]).iloc[0]
    assert row.out_of_gamut_pct == 100


def test_the_leaderboard_averages_seeds_and_photos(scores):
    table = leaderboard(scores, {"oracle": 1.5}).set_index("model")
    assert list(table.reset_index().columns[: len(COLUMNS)]) == COLUMNS
    assert table.n_photos.tolist() == [7, 7] and table.seeds.tolist() == [1, 2]
    oracle = scores[scores.model == "oracle"]
    assert table.delta_e_mean["oracle"] == pytest.approx(oracle.delta_e_mean.mean())
    seed_means = [group.skill_db.mean() for _, group in oracle.groupby("seed")]
    assert table.skill_db_seed_std["oracle"] == pytest.approx(np.std(seed_means, ddof=1))
    assert table.train_seconds["oracle"] == 1.5 and math.isnan(table.train_seconds["gray"])
    assert table.delta_e_mean_low["gray"] < table.delta_e_mean["gray"] < table.delta_e_mean_high["gray"]


def test_rebalanced_auc_is_one_over_all_pixels_of_the_split(scores, split):
    true = split_lab(split.photos)[1]
    expected = auc(true, np.zeros_like(true), inverse_prior(true))
    table = leaderboard(scores).set_index("model")
    assert table.auc_rebalanced["gray"] == pytest.approx(expected, abs=1e-4)


def test_the_bootstrap_interval_of_a_normal_sample_is_the_textbook_one():
    values = np.random.default_rng(1).normal(5, 2, 400)
    low, high = bootstrap_interval(values)
    half_width = 1.96 * values.std() / 20
    assert low == pytest.approx(values.mean() - half_width, abs=0.05)
    assert high == pytest.approx(values.mean() + half_width, abs=0.05)
    assert bootstrap_interval(np.array([3.0])) == (3.0, 3.0)


def test_photos_that_were_trained_on_are_dropped_and_named():
    splits, notices = load_splits("bundled", 32, ["train", "test", "unlike"])
    counts = {split.name: len(split.photos) for split in splits}
    assert counts == {"train": 5, "test": 2, "unlike": 4}
    assert notices == ["Left out of unlike, since trained on: astronaut, coffee, rocket."]


def test_a_split_that_is_not_to_be_had_is_left_out_and_said(monkeypatch):
    def load(collection, *arguments):
        if collection == "bsds500":
            raise PhotosUnavailable("the host can't be reached")
        return load_photos(collection, *arguments)

    monkeypatch.setattr("colorlib.scores.leaderboard.load_photos", load)
    splits, notices = load_splits("bundled", 32, ["test", "bsds500"])
    assert [split.name for split in splits] == ["test"]
    assert notices == ["The split bsds500 is left out, because the host can't be reached."]


def test_an_unknown_split_is_refused():
    with pytest.raises(ValueError, match="unknown split 'tets'.*train, test, bsds500"):
        load_splits("bundled", 32, ["tets"])


def make_collection(folder, monkeypatch, held_out_colors: str) -> str:
    """Make a collection of 4 training and 2 test photos; those to be held out may have other colors or none."""
    rng = np.random.default_rng(3)
    lightness = np.linspace(20, 80, 96, dtype=np.float32)[:, None] + np.zeros((96, 96), np.float32)
    rows = []
    (folder / "tiny").mkdir(parents=True)
    for i in range(6):
        ab = np.cumsum(rng.normal(0, 1, (96, 96, 2)), axis=1).astype(np.float32)
        if i >= 4 and held_out_colors == "permuted":
            ab = rng.permutation(ab.reshape(-1, 2)).reshape(ab.shape)
        elif i >= 4 and held_out_colors == "none":
            ab[:] = 0
        rgb, _ = merge_lab(lightness + rng.normal(0, 3, (96, 96)).clip(-9, 9).astype(np.float32), ab)
        file = folder / "tiny" / f"{i}.png"
        Image.fromarray((rgb * 255).round().astype(np.uint8)).save(file)
        rows.append([file.name, "train" if i < 4 else "test", hashlib.sha256(file.read_bytes()).hexdigest()])
    with open(folder / "tiny.csv", "w", newline="") as file:
        csv.writer(file).writerows([["file", "split", "sha256"], *rows])
    monkeypatch.setenv("COLORLIB_DATA_DIR", str(folder))
    monkeypatch.setattr(paths, "DATA", folder)
    monkeypatch.setattr(paths, "CACHE", folder / "cache")
    monkeypatch.setitem(photos.COLLECTIONS, "tiny", ("tiny.csv", "tiny"))
    return "tiny"


def fitted_numbers(file):
    """Everything in a saved model that was fitted; Keras numbers the layers of all networks of a process."""
    if file.suffix == ".onnx":
        return dict(enumerate(map(onnx.numpy_helper.to_array, onnx.load(file).graph.initializer)))
    return read_arrays(file)


@pytest.mark.parametrize("name", FITTED)
def test_permuting_the_held_out_colors_changes_nothing_that_was_fitted(name, tmp_path, monkeypatch):
    """The leak test: the same training photos beside other held-out photos give the very same model."""
    files, scored = [], []
    for held_out_colors in ("true", "permuted"):
        collection = make_collection(tmp_path / held_out_colors, monkeypatch, held_out_colors)
        model = model_class(name)(**FITTED[name]).fit(load_photos(collection, 64, "train"))
        files.append(tmp_path / f"{name}-{held_out_colors}{model.suffix}")
        model.save(files[-1])
        splits, _ = load_splits(collection, 64, ["train", "test"])
        scored.append(evaluate({name: model}, splits).set_index("split")["delta_e_mean"])
    first, second = map(fitted_numbers, files)
    assert first.keys() == second.keys() and first
    for key in first:
        np.testing.assert_array_equal(first[key], second[key])
    np.testing.assert_array_equal(scored[0]["train"], scored[1]["train"])
    assert (scored[0]["test"].to_numpy() != scored[1]["test"].to_numpy()).all()


def test_the_leak_test_would_notice_a_leak(tmp_path, monkeypatch):
    models = []
    for held_out_colors in ("true", "permuted"):
        collection = make_collection(tmp_path / held_out_colors, monkeypatch, held_out_colors)
        models.append(model_class("mean_by_lightness")().fit(load_photos(collection, 64)))  # all photos: a leak
    ramp = np.linspace(0, 1, 64, dtype=np.float32)[None]
    assert np.abs(models[0].predict_ab(ramp) - models[1].predict_ab(ramp)).max() > 0.1


def test_photos_that_are_gray_themselves_are_left_out_and_named(tmp_path, monkeypatch):
    splits, notices = load_splits(make_collection(tmp_path / "none", monkeypatch, "none"), 64, ["train", "test"])
    assert [split.name for split in splits] == ["train"]
    assert notices == ["Left out of test, since gray themselves: 4, 5."]
