"""Simulated clicks, and the colors that are offered for a place, on real photos."""

import numpy as np
import pytest

import colorlib
from colorlib import paths
from colorlib.color import in_gamut
from colorlib.models.likely import color_bins, color_weights, likely_colors
from colorlib.photos import load_photos
from colorlib.scores.clicks import RULES, Scene, click


@pytest.fixture(scope="module")
def scenes():
    model = colorlib.load("unet")
    return [Scene(model, photo) for photo in load_photos("bundled", 128, "train")[:3]]


def test_every_click_at_the_worst_place_tells_its_true_color_and_the_photos_gain(scenes):
    gains = []
    for scene in scenes:
        for count, (hints, ab) in enumerate(click(scene, 4), 1):
            assert len(hints) == count
            hint = hints[-1]
            row, column = hint.row * len(ab) // 128, hint.column * len(ab) // 128
            np.testing.assert_allclose(hint[2:], scene.true[row, column], atol=1e-4)
        assert len({hint[:2] for hint in hints}) == 4
        gains.append(scene.psnr(ab) - scene.psnr(scene.predicted))
    assert np.mean(gains) > 0.5


def test_the_first_click_is_where_the_error_is_large(scenes):
    for scene in scenes:
        wrong = np.linalg.norm(scene.true - scene.predicted, axis=-1)
        (hints, _), = click(scene, 1)  # fmt: skip
        row, column = hints[0].row * len(wrong) // 128, hints[0].column * len(wrong) // 128
        assert wrong[max(0, row - 2) : row + 3, max(0, column - 2) : column + 3].mean() > 1.3 * wrong.mean()


@pytest.mark.parametrize("rule", RULES)
def test_clicks_are_the_same_every_time_and_never_twice_in_one_place(scenes, rule):
    first, again = (list(click(scenes[0], 5, rule, seed=3))[-1] for _ in range(2))
    assert first[0] == again[0] and len({hint[:2] for hint in first[0]}) == 5
    np.testing.assert_array_equal(first[1], again[1])


def test_other_seeds_are_other_places_and_other_rules_are_refused(scenes):
    places = [next(click(scenes[0], 1, "random", seed=seed))[0][0][:2] for seed in (0, 1)]
    assert places[0] != places[1]
    with pytest.raises(ValueError, match="unknown rule 'best': use one of worst, uncertain, random"):
        next(click(scenes[0], 1, "best"))


def test_on_a_photo_of_few_places_clicks_end(scenes):
    tiny = Scene(colorlib.load("unet"), load_photos("bundled", 32, "train")[0])
    assert 1 <= len(list(click(tiny, 100, "uncertain"))) <= 64


def test_without_a_prediction_all_color_comes_from_hints(scenes):
    bare = Scene(colorlib.load("unet"), scenes[0].photo, predicts=False)
    assert not bare.predicted.any() and bare.follow([bare.hint(3, 4)]).any()


# Colors that are offered


def test_colors_are_counted_at_every_lightness_and_gray_is_most_frequent():
    weights = color_weights(np.arange(5, 100, 10), np.zeros((10, 2)))
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    assert (weights.argmax(axis=1) == np.flatnonzero((color_bins() == 0).all(axis=1))).all()
    assert (paths.WEIGHTS / "colors.json").stat().st_size < 30_000


@pytest.mark.parametrize("lightness", [0, 3, 25, 50, 75, 97, 100])
def test_likely_colors_are_distinct_and_possible(lightness):
    colors = likely_colors(lightness, np.array([10, 15]))
    assert 1 <= len(colors) <= 8 and len(np.unique(colors, axis=0)) == len(colors)
    assert in_gamut(np.column_stack([np.full(len(colors), lightness, np.float32), colors])).all()
    if 25 <= lightness <= 75:
        apart = np.linalg.norm(colors[:, None] - colors[None], axis=-1) + 100 * np.eye(len(colors))
        assert len(colors) == 8 and apart.min() >= 10 and np.ptp(colors, axis=0).min() > 40


def test_the_prediction_steers_what_is_offered():
    for color in ((40, 30), (5, -40)):
        first = likely_colors(50, np.array(color))[:2]
        assert np.linalg.norm(first - color, axis=-1).min() < 15
        unsteered = likely_colors(50, np.zeros(2))[:2]
        assert np.linalg.norm(unsteered - color, axis=-1).min() > 20


def test_they_hold_the_true_color_better_than_fixed_hues_do(scenes):
    angles = np.arange(7) * 2 * np.pi / 7
    fixed = np.vstack([[0, 0], 25 * np.column_stack([np.cos(angles), np.sin(angles)])])
    offered, same = [], []
    for scene in scenes:
        for hint in list(click(scene, 6))[-1][0]:
            row, column = hint.row * len(scene.true) // 128, hint.column * len(scene.true) // 128
            colors = likely_colors(float(scene._small_lightness[row, column]), scene.predicted[row, column])
            offered.append(np.linalg.norm(colors - hint[2:], axis=-1).min())
            same.append(np.linalg.norm(fixed - hint[2:], axis=-1).min())
    assert np.mean(offered) < np.mean(same)


def test_what_is_found_directly_for_more_and_more_hints_is_what_the_library_makes_of_them(scenes):
    for scene in scenes:
        for hints, ab in click(scene, 5):
            np.testing.assert_allclose(ab, scene.follow(hints), atol=0.01)
