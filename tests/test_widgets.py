"""Coloring a photo inside a notebook: what is shown, what is saved, and what is said of a file that is no photo."""

import base64
import io
import re
from datetime import UTC, datetime

import numpy as np
import pytest
from PIL import Image

from colorlib.color import gray_to_lightness, rgb_to_lab, split_lab, to_gray
from colorlib.images import read_image, write_image
from colorlib.models.baselines import MeanColor
from colorlib.photos import load_photos
from colorlib.widgets import ColorYourPhoto


@pytest.fixture(scope="module")
def photos() -> np.ndarray:
    return load_photos("bundled", 64, "train")


@pytest.fixture
def widget(photos, tmp_path) -> ColorYourPhoto:
    write_image(tmp_path / "holiday.png", photos[0])
    return ColorYourPhoto(MeanColor().fit(photos), tmp_path / "holiday.png")


def slider(widget: ColorYourPhoto, description: str):
    return next(child for child in widget.widget.children if getattr(child, "description", "") == description)


def shown(widget: ColorYourPhoto) -> np.ndarray:
    return np.asarray(widget.still(), np.float32) / 255


def upload(widget: ColorYourPhoto, name: str, content: bytes) -> None:
    buttons = widget.widget.children[0].children
    file = {"name": name, "type": "", "size": len(content), "content": content, "last_modified": datetime.now(UTC)}
    buttons[0].value = (file,)


def chroma_of(rgb: np.ndarray) -> float:
    return float(np.linalg.norm(split_lab(rgb)[1], axis=-1).mean())


def test_the_border_lies_between_gray_and_colored(widget):
    border = slider(widget, "gray ← → colored")
    border.value = 0.5
    left, right = shown(widget)[:, :24], shown(widget)[:, 40:]
    assert chroma_of(left) < 2 < chroma_of(right)
    border.value = 1
    assert chroma_of(shown(widget)) < 2


def test_chroma_makes_colors_more_vivid_or_gray(widget):
    slider(widget, "gray ← → colored").value = 0
    usual = chroma_of(shown(widget))
    slider(widget, "chroma").value = 1.5
    assert chroma_of(shown(widget)) > 1.2 * usual
    slider(widget, "chroma").value = 0
    assert chroma_of(shown(widget)) < 2


def test_the_download_has_the_photos_own_size_and_lightness(widget, photos, tmp_path):
    widget.widget.children[0].children[1].click()
    status = widget.widget.children[-1].value
    name, content = re.search(r'download="([^"]+)" href="data:image/png;base64,([^"]+)"', status).groups()
    assert name == "holiday-colorized.png"
    (tmp_path / name).write_bytes(base64.b64decode(content))
    colored = read_image(tmp_path / name).rgb()
    np.testing.assert_allclose(split_lab(colored)[0], gray_to_lightness(to_gray(photos[0])), atol=1)
    assert chroma_of(colored) > 2


def test_an_uploaded_photo_takes_the_place_of_the_first(widget):
    buffer = io.BytesIO()
    Image.new("L", (40, 20), 128).save(buffer, "PNG")
    upload(widget, "gray <b>.png", buffer.getvalue())
    assert widget.still().size == (40, 20) and widget.colorize().shape == (20, 40, 3)
    assert "gray &lt;b&gt;.png: 40×20 pixels" in widget.widget.children[-1].value


def test_a_file_that_is_no_photo_is_named_and_changes_nothing(widget):
    before = widget.still().size
    upload(widget, "letter.txt", b"Dear Sir or Madam")
    assert widget.widget.children[-1].value.startswith("letter.txt is not an image")
    assert widget.still().size == before


def hint_controls(widget: ColorYourPhoto) -> dict:
    rows = widget.widget.children[-2].children
    return {control.description: control for row in rows for control in row.children}


def test_a_hint_gives_its_place_a_color_that_undo_takes_away(widget, photos):
    plain, controls = widget.colorize(), hint_controls(widget)
    medium = np.abs(split_lab(photos[0])[0] - 50)  # at this L*, sRGB has the color
    row, column = np.unravel_index(medium.argmin(), medium.shape)
    controls["hint: across"].value, controls["down"].value = (column + 0.5) / 64, (row + 0.5) / 64
    assert np.array_equal(widget.colorize(), plain)  # a place alone is no hint
    controls["has the color"].value = "#6080a0"
    controls["Add hint"].click()
    expected = rgb_to_lab(np.array([0x60, 0x80, 0xA0], np.float32) / 255)[1:]
    hinted = widget.colorize()
    np.testing.assert_allclose(split_lab(hinted)[1][row, column], expected, atol=1)
    controls["down"].value = 1.0
    controls["No color"].click()
    np.testing.assert_allclose(split_lab(widget.colorize())[1][63, column], 0, atol=1)
    for _ in range(3):  # once more than there are hints
        controls["Undo"].click()
    assert np.array_equal(widget.colorize(), plain) and not np.array_equal(hinted, plain)


def test_the_picture_shows_where_the_hint_would_be(widget):
    controls, before = hint_controls(widget), shown(widget)
    controls["hint: across"].value = 0.1
    change = np.abs(shown(widget) - before).max(axis=-1) > 0.3
    assert change[:, :20].any() and change[:, 26:38].any() and not change[:, 45:].any()


def test_another_photo_starts_without_hints(widget):
    hint_controls(widget)["Add hint"].click()
    buffer = io.BytesIO()
    Image.new("L", (40, 20), 128).save(buffer, "PNG")
    upload(widget, "next.png", buffer.getvalue())
    assert np.ptp(widget.colorize().reshape(-1, 3), axis=0).max() < 0.01


def test_without_a_photo_there_is_nothing_to_color(photos):
    with pytest.raises(ValueError, match="no photo yet"):
        ColorYourPhoto(MeanColor().fit(photos)).colorize()
