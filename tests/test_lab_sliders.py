"""Sliders of L*, a* and b*: the color that they show, and what they say of colors that sRGB doesn't have."""

import numpy as np
import pytest

from colorlib.color import merge_lab
from colorlib.widgets import LabSliders
from colorlib.widgets.lab_sliders import GAP, SWATCH, TRACK, WIDTH


def shown(sliders: LabSliders) -> np.ndarray:
    return np.asarray(sliders.still().convert("RGB"), np.float32) / 255


def status(sliders: LabSliders) -> str:
    return sliders.widget.children[-1].value


@pytest.mark.parametrize("lab", [(60, 30, 30), (40, -20, 10), (100, 0, 0)])
def test_the_swatch_has_the_color_of_the_sliders(lab):
    sliders = LabSliders(*lab)
    picture = shown(sliders)
    expected = merge_lab(np.float32([lab[0]]), np.float32([lab[1:]]))[0][0]
    assert picture.shape == (3 * (TRACK + GAP) + SWATCH, WIDTH, 3)
    assert np.abs(picture[-1, 0] - expected).max() < 0.5 / 255 + 1e-6
    assert status(sliders).startswith("R {}, G {}, B {}".format(*np.rint(255 * expected).astype(int)))


def test_moving_a_slider_changes_the_color_and_the_mark():
    sliders = LabSliders(50, 0, 0)
    before = shown(sliders)
    sliders.widget.children[0].value = 80
    after = shown(sliders)
    assert after[-1, 0].mean() > before[-1, 0].mean() + 0.2
    assert [
        float(picture[0, round(share * (WIDTH - 1))].max()) for picture, share in ((before, 0.5), (after, 0.8))
    ] == [0, 0]


def test_a_color_that_srgb_lacks_is_said_to_be_none():
    assert "sRGB has no such color" not in status(LabSliders(60, 30, 30))
    assert "sRGB has no such color" in status(LabSliders(95, 90, -90))
