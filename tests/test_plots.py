"""Drawing functions return what they drew, neither show nor save, and refuse what they can't draw."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from colorlib import plots
from colorlib.color import rgb_to_lab
from conftest import ROOT


@pytest.fixture(autouse=True)
def no_showing_no_saving(monkeypatch, tmp_path):
    def refuse(*arguments, **options):
        raise AssertionError("a drawing function must neither show nor save")

    monkeypatch.chdir(tmp_path)
    for owner, name in ((plt, "show"), (plt, "savefig"), (Figure, "show"), (Figure, "savefig")):
        monkeypatch.setattr(owner, name, refuse)
    with mpl.rc_context():
        plots.use_style()  # as in the report
        yield
    plt.close("all")
    assert not list(tmp_path.iterdir())


@pytest.fixture
def photos() -> np.ndarray:
    return np.random.default_rng(0).random((7, 20, 24, 3), dtype=np.float32)


def drawn(ax: Axes) -> np.ndarray:
    """The image that an Axes shows."""
    return np.asarray(ax.images[0].get_array())


def titles(axes) -> list[str]:
    return [ax.get_title() for ax in axes]


def test_show_image(photos):
    _, ax = plt.subplots()
    assert plots.show_image(photos[0], "a photo", ax) is ax
    assert np.array_equal(drawn(ax), photos[0]) and ax.get_title() == "a photo"
    gray = plots.show_image(photos[0, ..., 0])
    assert gray.images[0].get_clim() == (0, 1) and gray.images[0].get_cmap().name == "gray"
    assert drawn(plots.show_image(photos[0] * 3 - 1)).max() <= 1
    for shape in ((20,), (20, 24, 4), (2, 20, 24, 3)):
        with pytest.raises(ValueError, match="can't be drawn"):
            plots.show_image(np.zeros(shape))


def test_photo_grid(photos):
    figure = plots.photo_grid(photos, [f"photo {i}" for i in range(7)], columns=3)
    assert isinstance(figure, Figure) and len(figure.axes) == 9
    assert titles(figure.axes)[:7] == [f"photo {i}" for i in range(7)]
    for ax, photo in zip(figure.axes, photos):
        assert np.array_equal(drawn(ax), photo)
    assert not any(ax.axison for ax in figure.axes)
    assert figure.get_figwidth() == plots.WIDTH
    with pytest.raises(ValueError, match="7 photos and 1 titles"):
        plots.photo_grid(photos, ["one"])
    with pytest.raises(ValueError, match="0 photos"):
        plots.photo_grid([])


def test_snapshot_strip(photos):
    figure = plots.snapshot_strip([photos[:3], photos[3:6]], ["1", "10", "500"], ["first", "second"])
    assert titles(figure.axes) == ["1", "10", "500", "", "", ""]
    assert [figure.axes[i].texts[0].get_text() for i in (0, 3)] == ["first", "second"]
    assert np.array_equal(drawn(figure.axes[5]), photos[5])
    with pytest.raises(ValueError, match=r"\[3, 2\] images"):
        plots.snapshot_strip([photos[:3], photos[:2]])
    with pytest.raises(ValueError, match="at least one row"):
        plots.snapshot_strip([])


def test_triptych(photos):
    gray = photos[0].mean(axis=-1)
    figure = plots.triptych(gray, photos[1], photos[0])
    assert titles(figure.axes) == ["gray", "colorized", "true"]
    assert np.array_equal(drawn(figure.axes[0]), gray) and np.array_equal(drawn(figure.axes[2]), photos[0])


def test_channel_images(photos):
    figure = plots.channel_images(photos[0])
    lab = rgb_to_lab(photos[0])
    for i in range(3):
        assert np.allclose(drawn(figure.axes[1 + i]), lab[..., i])
    assert figure.axes[1].images[0].get_clim() == (0, 100)


def test_ab_colormap_shows_the_colors_it_stands_for():
    for channel, index in (("a", 1), ("b", 2)):
        lab = rgb_to_lab(np.array(plots.ab_colormap(channel)(np.linspace(0, 1, 11)))[:, :3])
        assert np.allclose(lab[:, 0], 62, atol=0.5) and np.allclose(lab[:, 3 - index], 0, atol=0.5)
        assert lab[0, index] < -25 and abs(lab[5, index]) < 0.5 and lab[-1, index] > 25
    with pytest.raises(ValueError, match="unknown channel 'L'"):
        plots.ab_colormap("L")


def test_gamut_slice_draws_each_point_in_its_color():
    ax = plots.gamut_slice(60, pixels=111)
    picture = drawn(ax)
    assert ax.get_title() == "L* = 60" and picture.shape == (111, 111, 3)
    column, row = 55 + 10, 55 + 15  # a* = 20, b* = 30
    assert rgb_to_lab(picture[row, column]) == pytest.approx([60, 20, 30], abs=0.1)
    assert np.ptp(picture[0, 0]) == 0  # a* = b* = -110 is not a color of sRGB


def test_value_grid():
    values = np.array([[0.0, 0.25], [0.75, 1.0]])
    ax = plots.value_grid(values)
    assert [text.get_text() for text in ax.texts] == ["0.00", "0.25", "0.75", "1.00"]
    assert [text.get_color() for text in ax.texts] == ["white", "white", "black", "black"]
    assert np.array_equal(drawn(ax), values)


def test_learning_curves():
    steps = np.arange(1, 101)
    ax = plots.learning_curves(
        {"training": (steps, 10 / steps), "held out": (steps, 10 / steps + 0.01)},
        "iteration",
        "error",
        {"gray": 13.0},
        log_x=True,
    )
    assert ax.get_xscale() == "log" and ax.get_xlabel() == "iteration" and ax.get_ylabel() == "error"
    lines = [line.get_ydata() for line in ax.get_lines()]
    assert np.array_equal(lines[0], 10 / steps) and list(lines[2]) == [13.0, 13.0]
    labels = {text.get_text(): text for text in ax.texts}
    assert labels.keys() == {"training", "held out", "gray"}
    assert [labels[name].xy[1] for name in labels] == [0.1, 0.11, 13.0]
    heights = {name: labels[name].get_window_extent().y0 for name in labels}
    assert heights["gray"] > heights["held out"] > heights["training"] + 8  # apart, though both curves end at one point


def test_labels_of_learning_curves_follow_a_logarithmic_axis():
    _, ax = plt.subplots()
    ax.set_yscale("log")
    plots.learning_curves(
        {"low": (np.arange(3), np.array([1, 0.1, 0.01])), "high": (np.arange(3), np.ones(3))}, "x", "y", ax=ax
    )
    for text, end in zip(ax.texts, (0.01, 1.0)):
        box = text.get_window_extent()
        assert box.y0 < ax.transData.transform((2, end))[1] < box.y1


# Scores


def board(points: dict[str, tuple[float, float]]) -> pd.DataFrame:
    """Rows of a leaderboard: a model's colorfulness gap and skill, with intervals of ±3 and ±0.5."""
    rows = [{"model": name, "colorfulness_gap": x, "skill_db": y} for name, (x, y) in points.items()]
    widths = {"colorfulness_gap": 3.0, "skill_db": 0.5}
    ends = [
        {f"{column}_{end}": row[column] + sign * width for column, width in widths.items() for end, sign in ENDS}
        for row in rows
    ]
    return pd.DataFrame([row | end for row, end in zip(rows, ends)])


ENDS = (("low", -1), ("high", 1))
FAR_APART = {"gray": (-40, 0), "cnn": (-20, 1.5), "unet": (-12, 2.5), "random_photo": (3, -2)}
IN_WORDS = ["gray", "CNN", "U-Net", "colors of another photo"]
CROWDED = {f"model_{i}": (-20 + 0.8 * (i % 3), 1 + 0.05 * (i // 3)) for i in range(11)}


def test_whatever_the_leaderboard_names_has_words():
    tables = (ROOT / "figures" / "tables").glob("leaderboard*.csv")
    board = pd.concat(pd.read_csv(table) for table in tables)
    scores = {name.removesuffix("_low") for name in board.columns if name.endswith("_low")}
    assert {"unet", "gray"} < set(board["model"]) and "skill_db" in scores
    without = {name for name in {*board["model"], *scores} if plots.in_words(name) == name}
    assert without <= {"gray", "linear"}, "add their words to colorlib/plots/words.py"  # those two are words


def test_every_model_is_a_point_in_its_place_with_its_intervals():
    rows = board(FAR_APART)
    _, ax = plt.subplots()
    assert plots.skill_against_colorfulness(rows, ax) is ax
    lines = ax.get_lines()[2:]  # the first two are the axes
    points = {
        line.get_label(): (line.get_xdata()[0], line.get_ydata()[0]) for line in lines if len(line.get_xdata()) == 1
    }
    assert points == dict(zip(IN_WORDS, FAR_APART.values(), strict=True))
    bars = {(tuple(line.get_xdata()), tuple(line.get_ydata())) for line in lines if len(line.get_xdata()) == 2}
    horizontal = {((x - 3, x + 3), (y, y)) for x, y in FAR_APART.values()}
    assert bars == horizontal | {((x, x), (y - 0.5, y + 0.5)) for x, y in FAR_APART.values()}
    assert "dull" in ax.get_xlabel() and "gray" in ax.get_ylabel()


def test_no_two_models_look_the_same_and_the_legend_beside_the_axes_names_all():
    figure, ax = plt.subplots()
    plots.skill_against_colorfulness(board(CROWDED), ax)
    figure.canvas.draw()
    points = [line for line in ax.get_lines() if line.get_label() in CROWDED]
    assert len({line.get_color() for line in points}) == len({line.get_marker() for line in points}) == len(CROWDED)
    assert {line.get_markerfacecolor() for line in points} == {"none"}  # so that none hides another
    assert [text.get_text() for text in ax.get_legend().get_texts()] == list(CROWDED)
    assert ax.get_legend().get_window_extent().x0 > ax.get_window_extent().x1
    _, ax = plt.subplots()
    assert plots.skill_against_colorfulness(board(CROWDED), ax, legend=False).get_legend() is None


def test_intervals_have_a_line_for_each_model_from_top_to_bottom():
    rows = board(FAR_APART)
    _, ax = plt.subplots()
    assert plots.intervals(rows, "skill_db", ax, reference=1.0) is ax
    points = next(line for line in ax.get_lines() if line.get_marker() == "o")
    assert points.get_xdata().tolist() == rows.skill_db.tolist() and points.get_ydata().tolist() == [0, 1, 2, 3]
    (bars,) = ax.collections
    ends = [segment[:, 0].tolist() for segment in bars.get_segments()]
    assert ends == [[y - 0.5, y + 0.5] for _, y in FAR_APART.values()]
    assert ax.get_lines()[0].get_xdata() == [1.0, 1.0]
    assert [label.get_text() for label in ax.get_yticklabels()] == IN_WORDS
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the first model is on top


def test_a_confusion_matrix_says_its_shares_in_percent():
    shares = pd.DataFrame(
        [[0.996, 0.004, 0], [0.25, 0.74, 0.01], [np.nan] * 3],
        index=["gray", "red", "blue"],
        columns=["gray", "red", "blue"],
    )
    _, ax = plt.subplots()
    assert plots.confusion_matrix(shares, ax) is ax
    said = {text.get_position(): text for text in ax.texts}  # by column and row; shares that round to 0 are not said
    assert {place: text.get_text() for place, text in said.items()} == {
        (0, 0): "100",
        (0, 1): "25",
        (1, 1): "74",
        (2, 1): "1",
    }
    assert [said[place].get_color() for place in ((0, 0), (0, 1), (1, 1))] == ["white", "black", "white"]
    for labels in (ax.get_xticklabels(), ax.get_yticklabels()):
        assert [label.get_text() for label in labels] == ["gray", "red", "blue"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted", "true")
    assert ax.images[0].get_clim() == (0, 1) and np.array_equal(drawn(ax)[:2], shares.to_numpy()[:2])


def test_an_error_map_ends_at_its_limit():
    errors = np.array([[0.0, 10.0], [40.0, 90.0]])
    _, ax = plt.subplots()
    image = plots.error_map(errors, ax, "unet")
    assert list(ax.images) == [image] and image.get_clim() == (0, 40) and ax.get_title() == "unet" and not ax.axison
    assert [text.get_text() for text in ax.texts] == ["35.0"]  # the mean
    black, dark, light, beyond = image.to_rgba(errors).reshape(4, 4)[:, :3]
    assert black.max() < 0.02 and light.min() > 0.5 and np.array_equal(light, beyond)
    assert black.sum() < dark.sum() < light.sum()
    assert plots.error_map(errors, ax, limit=20).get_clim() == (0, 20)
