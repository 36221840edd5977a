"""Hints: what a person says of one place is met there, the places that look alike follow, and no hint is no change."""

import json
import time

import numpy as np
import pytest

import colorlib
from colorlib.cli import main
from colorlib.color import gray_to_lightness, rgb_to_lab, split_lab, to_gray
from colorlib.images import read_image, resize_image, write_image
from colorlib.models import Hint
from colorlib.models.baselines import MeanByLightness, MeanColor
from colorlib.models.hints import Spreading, check_hints, possible_hints
from colorlib.photos import load_photos
from conftest import colorize


@pytest.fixture(scope="module")
def unet():
    return colorlib.load("unet")


@pytest.fixture(scope="module")
def square() -> np.ndarray:
    return load_photos("bundled", 256, "test")[0]


def halves(height: int = 128, width: int = 192) -> np.ndarray:
    """A gray image of a dark half on the left and a light one on the right."""
    gray = np.full((height, width), 0.3, np.float32)
    gray[:, width // 2 :] = 0.7
    return gray


def color_at(rgb: np.ndarray, hint: Hint) -> np.ndarray:
    return rgb_to_lab(rgb[hint.row, hint.column])[1:]


# What a hint does


def test_without_hints_every_bit_is_as_before(unet, square):
    gray = to_gray(square)
    np.testing.assert_array_equal(unet.colorize(gray, 1.2, hints=[]), unet.colorize(gray, 1.2))


@pytest.mark.parametrize("shape", [(256, 256), (301, 97), (40, 33), (17, 400), (1, 40), (1, 1), (700, 520)])
def test_the_color_is_met_at_its_pixel_at_the_pixels_own_lightness(unet, square, shape):
    gray = np.clip(resize_image(to_gray(square), *shape), 0.15, 0.85)
    hints = [Hint(shape[0] // 3, shape[1] // 2, 18, 12), Hint(shape[0] - 1, 0, -12, -15)][: gray.size]
    rgb = unet.colorize(gray, hints=hints)
    for hint in hints:
        np.testing.assert_allclose(color_at(rgb, hint), (hint.a, hint.b), atol=0.5)
    np.testing.assert_allclose(split_lab(rgb)[0], gray_to_lightness(gray), atol=0.1)


@pytest.mark.parametrize("chroma", [0, 0.5, 1.5])
def test_chroma_is_that_of_what_is_guessed_and_not_of_what_is_known(unet, square, chroma):
    gray, hint = to_gray(square), Hint(100, 120, 14, -20)
    np.testing.assert_allclose(color_at(unet.colorize(gray, chroma, [hint]), hint), (14, -20), atol=0.5)


@pytest.mark.parametrize("kind", [MeanColor, MeanByLightness])
def test_any_model_takes_hints(kind, square):
    model = kind().fit(load_photos("bundled", 64, "train"))
    for shape in ((256, 256), (30, 45)):
        gray = np.clip(resize_image(to_gray(square), *shape), 0.2, 0.8)
        hint = Hint(shape[0] // 2, shape[1] // 2, 25, -5)
        plain, rgb = model.colorize(gray), model.colorize(gray, hints=[hint])
        np.testing.assert_allclose(color_at(rgb, hint), (25, -5), atol=0.5)
        assert np.abs(color_at(plain, hint) - (25, -5)).max() > 5


def test_what_looks_alike_follows_and_across_an_edge_nothing_does(unet):
    gray = halves()
    plain, rgb = (split_lab(unet.colorize(gray, hints=hints))[1] for hints in ([], [Hint(64, 40, 30, 20)]))
    change = np.hypot(*np.moveaxis(rgb - plain, -1, 0))
    assert change[64, 70] > 5 > 1 > change[:, 110:].max()
    assert change[64, 40] > change[64, 60] > change[20, 80]


def test_no_color_here_is_a_hint_too(unet, square):
    gray = to_gray(square)
    chroma = np.hypot(*np.moveaxis(split_lab(unet.colorize(gray))[1], -1, 0))
    row, column = divmod(int(chroma.argmax()), gray.shape[1])
    assert chroma[row, column] > 10
    assert np.hypot(*color_at(unet.colorize(gray, hints=[Hint.no_color(row, column)]), Hint(row, column, 0, 0))) < 0.5


@pytest.mark.parametrize("chroma", [1, 1.5])  # at 1.5, many colors lie on the gamut's edge
def test_hints_that_agree_with_the_prediction_change_nothing(unet, square, chroma):
    gray = to_gray(square)
    plain = split_lab(unet.colorize(gray, chroma))[1]
    places = np.random.default_rng(0).integers(0, 256, (20, 2))
    hints = [Hint(int(row), int(column), *map(float, plain[row, column])) for row, column in places]
    changed = split_lab(unet.colorize(gray, chroma, hints))[1]
    assert np.abs(changed - plain).max() < 1


def test_a_color_that_its_lightness_cannot_have_moves_into_the_gamut_at_its_hue(unet):
    gray = halves()
    (met,) = possible_hints([Hint(10, 150, 80, 67)], gray)
    assert 0.1 < np.hypot(met.a, met.b) / np.hypot(80, 67) < 0.9
    np.testing.assert_allclose(np.arctan2(met.b, met.a), np.arctan2(67, 80), atol=0.02)
    np.testing.assert_allclose(color_at(unet.colorize(gray, hints=[Hint(10, 150, 80, 67)]), met), met[2:], atol=0.7)
    assert possible_hints([Hint(10, 150, 5, 5)], gray) == [Hint(10, 150, 5, 5)]


def test_of_two_hints_for_a_pixel_the_last_one_counts_and_near_ones_do_not_overshoot(unet, square):
    gray = to_gray(square)
    twice = unet.colorize(gray, hints=[Hint(50, 60, 30, 30), Hint(50, 60, -20, 10)])
    np.testing.assert_array_equal(twice, unet.colorize(gray, hints=[Hint(50, 60, -20, 10)]))
    near = unet.predict_hinted_ab(gray, [Hint(50, 60, 30, 30), Hint(50, 61, -30, -30)])
    assert np.abs(near - unet.predict_ab(gray)).max() < 100


def test_a_smaller_screen_reaches_farther(unet):
    gray = halves()
    plain = unet.predict_ab(gray)
    far, near = (
        np.abs(unet.predict_hinted_ab(gray, [Hint(64, 20, 30, 20)], spreading=Spreading(screen=screen)) - plain)
        for screen in (1e-4, 1e-1)
    )
    assert far[64, 80].max() > 3 * near[64, 80].max()


def test_ten_thousand_hints_are_met_as_well_as_the_grid_allows(unet, square):
    gray, (_, true) = to_gray(square), split_lab(square)
    places = np.random.default_rng(1).integers(0, 256, (10_000, 2))
    hints = [Hint(int(row), int(column), *map(float, true[row, column])) for row, column in places]
    started = time.perf_counter()
    error = np.abs(split_lab(unet.colorize(gray, hints=hints))[1] - true).mean()
    assert error < np.abs(split_lab(unet.colorize(gray))[1] - true).mean() / 2
    assert time.perf_counter() - started < 20


@pytest.mark.parametrize(
    "hint, said",
    [
        (Hint(64, 0, 1, 1), "lies outside the photo of 64 rows and 96 columns"),
        (Hint(0, -1, 1, 1), "lies outside"),
        (Hint(1.5, 0, 1, 1), "lies between pixels"),
        (Hint(0, 0, float("nan"), 1), "has no color"),
        ((1, 2, 3), r"is not \(row, column, a, b\)"),
        (Hint(0, 0, "red", 0), r"is not \(row, column, a, b\)"),
        (Hint(float("inf"), 0, 0, 0), r"is not \(row, column, a, b\)"),
    ],
)
def test_a_hint_that_is_none_is_refused(hint, said):
    with pytest.raises(ValueError, match=said):
        check_hints([hint], (64, 96))


# The command line


@pytest.fixture
def old(photo, tmp_path):
    """A photo of 64×96 pixels, of medium lightness."""
    write_image(tmp_path / "old.png", np.clip(photo, 0.3, 0.7), bits=16)
    return tmp_path / "old.png"


def colored(model, old, *arguments) -> np.ndarray:
    output = old.with_name(f"colored-{len(list(old.parent.iterdir()))}.png")
    colorize(model, old, "-o", output, *arguments)
    return read_image(output).rgb()


def test_the_command_takes_hints_in_pixels_and_percent_and_from_a_file(model, old, capsys):
    rgb = colored(model, old, "--hint", "10,20=#a06050", "--hint", "100%,50%=NONE")
    expected = rgb_to_lab(np.array([0xA0, 0x60, 0x50], np.float32) / 255)[1:]
    np.testing.assert_allclose(color_at(rgb, Hint(20, 10, 0, 0)), expected, atol=0.5)
    np.testing.assert_allclose(color_at(rgb, Hint(32, 95, 0, 0)), (0, 0), atol=0.5)
    file = old.with_name("hints.json")
    file.write_text(json.dumps({"hints": [{"x": 10, "y": 20, "color": "#a06050"}, {"x": 95, "y": 32, "a": 0, "b": 0}]}))
    np.testing.assert_array_equal(colored(model, old, "--hints", file), rgb)
    assert capsys.readouterr().err == ""


def test_hints_keep_their_places_at_another_size(model, old):
    file = old.with_name("hints.json")
    hint = {"x": 21, "y": 41, "a": 20, "b": -10}
    file.write_text(json.dumps({"width": 192, "height": 128, "hints": [hint]}))  # of a larger copy
    rgb = colored(model, old, "--hints", file)
    np.testing.assert_allclose(color_at(rgb, Hint(20, 10, 0, 0)), (20, -10), atol=0.5)
    small = colored(model, old, "--hints", file, "--size", "48")
    assert small.shape == (32, 48, 3)
    np.testing.assert_allclose(color_at(small, Hint(10, 5, 0, 0)), (20, -10), atol=0.5)


def test_a_color_that_had_to_move_is_said(model, old, capsys):
    rgb = colored(model, old, "--hint", "3,4=#0000ff")
    said = capsys.readouterr().err
    assert said.startswith("note: ") and len(said.splitlines()) == 1 and "the hint 3,4 became #" in said
    shown = "".join(f"{round(255 * float(channel)):02x}" for channel in rgb[4, 3])
    distance = [abs(int(said.split("#")[1][i : i + 2], 16) - int(shown[i : i + 2], 16)) for i in (0, 2, 4)]
    assert max(distance) <= 2


@pytest.mark.parametrize(
    "hint, said",
    [
        ("96,0=#aa0000", "the hint 96,0 lies outside {old}: x is 0 to 95 and y 0 to 63, in pixels"),
        ("0,101%=#aa0000", "the hint '0,101%=#aa0000' lies outside the photo: percentages are 0 to 100"),
        ("1.5,2=#aa0000", "lies between pixels"),
        ("1,2=red", "'red' is not #rrggbb or none"),
        ("1,2=#12345", "'#12345' is not #rrggbb or none"),
        ("1,2", "can't be read: give X,Y=#rrggbb"),
        ("1..2,3=#aa0000", "can't be read: give X,Y=#rrggbb"),
    ],
)
def test_a_bad_hint_is_one_line(refused, old, hint, said):
    (line,) = refused(old, "-o", old.with_name("out.png"), "--hint", hint)
    assert said.format(old=old) in line
    assert not old.with_name("out.png").exists()


@pytest.mark.parametrize(
    "content, said",
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "holds no hints"),
        ('{"hints": {}}', "holds no hints"),
        ('{"hints": [], "width": 0, "height": 10}', "wrong size of the photo"),
        ('{"hints": [], "width": 10}', "wrong size of the photo"),
        ('{"hints": [{"x": 1, "y": 2, "a": 1, "b": 1}, 7]}', "hint 2 in {file} has no place"),
        ('{"hints": [{"x": NaN, "y": 2, "a": 1, "b": 1}]}', "hint 1 in {file} has no place"),
        ('{"hints": [{"x": 1, "y": 2}]}', "hint 1 in {file} has no color"),
        ('{"hints": [{"x": 1, "y": 2, "color": "blue"}]}', "'blue' is not #rrggbb or none"),
        ('{"hints": [{"x": 1, "y": 64, "a": 1, "b": 1}]}', "the hint 1,64 lies outside"),
        ('{"hints": [{"x": -1, "y": 4, "a": 1, "b": 1}]}', "the hint -1,4 lies outside"),
    ],
)
def test_a_bad_file_of_hints_is_one_line(refused, old, content, said):
    file = old.with_name("hints.json")
    file.write_text(content)
    (line,) = refused(old, "-o", old.with_name("out.png"), "--hints", file)
    assert said.format(file=file) in line and len(line) < 500


def test_a_missing_file_of_hints_and_several_photos_are_refused(refused, old):
    assert "can't be read (No such file" in refused(old, "-o", old.parent / "out", "--hints", old.parent / "none")[0]
    write_image(old.with_name("second.png"), np.zeros((20, 20, 3), np.float32))
    (line,) = refused(old.parent, "-o", old.parent / "out", "--hint", "1,2=none")
    assert "hints are for one photo, and there are 2" in line


def test_the_file_of_hints_is_never_the_log(refused, old):
    file = old.with_name("hints.json")
    file.write_text('{"hints": []}')
    refused(old, "-o", old.with_name("out.png"), "--hints", file, "--log", file)
    assert file.read_text() == '{"hints": []}'


def test_help_shows_how(capsys):
    with pytest.raises(SystemExit):
        main(["colorize", "--help"])
    assert "--hint 50%,60%=#b03030" in capsys.readouterr().out
