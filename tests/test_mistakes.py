"""What becomes of true colors: hue classes by hand, and each named mistake on pixels made to have it."""

import numpy as np
import pytest

from colorlib.color import rgb_to_lab
from colorlib.scores.mistakes import HUES, MISTAKES, hue_classes, hue_confusion, mistake_masks, mistake_table


def test_the_hues_go_once_around_the_circle():
    starts_and_ends = list(HUES.values())
    assert all(end == start for (_, end), (start, _) in zip(starts_and_ends, starts_and_ends[1:] + starts_and_ends[:1]))


@pytest.mark.parametrize(
    "rgb, expected",
    [
        ((1, 0, 0), "red"),
        ((1, 1, 0), "yellow"),
        ((1, 0.6, 0), "yellow"),
        ((0, 1, 0), "green"),
        ((0, 1, 1), "cyan"),
        ((0, 0, 1), "blue"),
        ((0.4, 0.7, 1), "blue"),
        ((1, 0, 1), "purple"),
        ((1, 0.7, 0.8), "red"),
        ((0.5, 0.5, 0.5), "gray"),
        ((0.5, 0.5, 0.52), "gray"),
    ],
)
def test_named_colors_are_classed_by_their_name(rgb, expected):
    ab = rgb_to_lab(np.array(rgb, np.float32))[1:]
    assert ("gray", *HUES)[int(hue_classes(ab))] == expected


def test_hue_classes_change_at_their_limits():
    for place, (start, end) in enumerate(HUES.values(), 1):
        for degrees, expected in ((start + 0.01, place), (end - 0.01, place), (start, place)):
            ab = 30 * np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])
            assert hue_classes(ab + 1e-9 * np.array([-ab[1], ab[0]])) == expected


def test_hue_confusion_by_hand():
    red, blue, gray = [30.0, 10.0], [5.0, -30.0], [1.0, 1.0]
    table = hue_confusion(np.array([red, red, blue, gray]), np.array([red, blue, gray, gray]))
    assert table.loc["red", "red"] == table.loc["red", "blue"] == 0.5
    assert table.loc["blue", "gray"] == table.loc["gray", "gray"] == 1
    assert table.loc["green"].isna().all()
    np.testing.assert_allclose(table.dropna().sum(axis=1), 1)


def test_each_mistake_is_found_where_it_was_made():
    true = np.array([[[80.0, 2, 2], [80, 30, 0], [10, 0, 0], [50, 5, -30]]])
    predicted = np.array([[[80.0, -20, 8], [80, -20, 8], [10, 12, 0], [50, 5, -30]]])  # green twice; reddish; right
    at_risk, wrong = mistake_masks("green clouds", true, predicted)
    assert at_risk.tolist() == wrong.tolist() == [[True, False, False, False]]
    at_risk, wrong = mistake_masks("shadows", true, predicted)
    assert at_risk.tolist() == wrong.tolist() == [[False, False, True, False]]
    night_sky = np.array([[[10.0, 5, -15]]])
    assert not mistake_masks("shadows", night_sky, 0 * night_sky)[0].any()  # dark, but no shadow
    at_risk, wrong = mistake_masks("blue spread", true, predicted[:, ::-1])
    assert at_risk.tolist() == [[True, True, True, False]]
    assert wrong.tolist() == [[True, False, False, False]]
    cyan_sky = np.array([[[70.0, -20, -10]]])
    assert not mistake_masks("blue spread", cyan_sky, true[:, 3:])[0].any()
    with pytest.raises(ValueError, match="unknown mistake 'brown'.*blue spread"):
        mistake_masks("brown", true, predicted)


def test_the_mistake_table_names_the_worst_photo():
    clouds = np.full((4, 4, 3), [80.0, 0, 0])
    half_green = clouds.copy()
    half_green[:2, :, 1:] = (-20, 8)
    table = mistake_table([clouds, clouds], [clouds, half_green], ["good", "bad"]).set_index("mistake")
    assert list(table.index) == list(MISTAKES)
    assert table.loc["green clouds"].tolist() == [100, 25, "bad"]
    assert np.isnan(table.wrong_pct["shadows"]) and table.worst_photo["shadows"] == ""
