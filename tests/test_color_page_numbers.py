"""The arithmetic of the page "Color your photo", module by module, compared with Python's on real photos."""

import numpy as np
import pytest
from color_page_browser import open_browser, photo, rgba, unit

import colorlib
from colorlib.color import gray_to_lightness, merge_lab, rgb_to_lab, to_gray
from colorlib.images import enlarge, resize_image
from colorlib.models import Hint
from colorlib.models.hints import correction, possible_hints
from colorlib.models.likely import likely_colors
from colorlib.pipeline.color_page import write_color_page


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    page = write_color_page(tmp_path_factory.mktemp("page"))
    yield from open_browser(page, tmp_path_factory.mktemp("browser"))


def test_gray_is_that_of_the_same_luminance(browser):
    image = photo("rocket")
    gray = browser.call("return Color.toGray(values[0])", rgba(image))
    np.testing.assert_allclose(gray.reshape(image.size[::-1]), to_gray(unit(image)), atol=1e-5)


@pytest.mark.parametrize("chroma", [0, 1, 1.5])
def test_colors_are_laid_onto_the_lightness_as_python_does_it(browser, chroma):
    image = photo("astronaut").resize((256, 256))
    ab = np.random.default_rng(0).uniform(-90, 90, (*image.size[::-1], 2)).astype(np.float32)  # many outside the gamut
    painted = browser.call("Color.paint(values[0], values[1], values[2]); return values[0]", rgba(image), ab, chroma)
    expected, moved = merge_lab(gray_to_lightness(to_gray(unit(image))), ab * np.float32(chroma))
    assert (moved > 20_000) == (chroma > 0)
    painted = painted.reshape(*image.size[::-1], 4)
    # Where a color lies on the gamut's very edge, the last digit decides whether it has to move.
    moved_otherwise = np.abs(painted[..., :3] - 255 * expected).max(axis=-1) > 1.5
    assert moved_otherwise.sum() <= 5 and (painted[..., 3] == 255).all()


@pytest.mark.parametrize("height, width", [(213, 320), (101, 97), (427, 640), (500, 33)])
def test_photos_are_shrunk_as_pillow_does_it(browser, height, width):
    image = photo("rocket")  # 640×427
    shrunk = browser.call(
        "const [data, width, height, to] = values;"
        "return Bands.shrinkGray(Bands.fromPixels(new ImageData(data, width, height)), to[0], to[1])",
        rgba(image), *image.size, [width, height],
    )  # fmt: skip
    expected = resize_image(to_gray(unit(image)), height, width)
    np.testing.assert_allclose(shrunk.reshape(height, width).clip(0, 1), expected, atol=2e-5)


def test_small_planes_are_enlarged_as_pillow_does_it_and_padding_is_not_seen(browser):
    planes = np.random.default_rng(1).normal(0, 30, (16, 24, 2)).astype(np.float32)
    planes[13:], planes[:, 22:] = 1000, 1000
    covered, (height, width) = [21.25, 12.75], (51 * 7, 85 * 5)
    enlarged = browser.call(
        "const [ab, covered, width, height] = values;"
        "const cut = new Float32Array(22 * 13 * 2);"
        "for (let row = 0; row < 13; row++) cut.set(ab.subarray(48 * row, 48 * row + 44), 44 * row);"
        "const wide = new Float32Array(2 * width * 13);"
        "Resample.alongRows(cut, 22, 2, Resample.plan(22, covered[0], width, 'bicubic'), wide);"
        "return Resample.alongColumns(wide, 2 * width, Resample.plan(13, covered[1], height, 'bicubic'), 0, height)",
        planes, covered, width, height,
    )  # fmt: skip
    expected = enlarge(planes, (height, width), (0, 0, *covered))
    np.testing.assert_allclose(enlarged.reshape(height, width, 2), expected, atol=1e-3)


@pytest.mark.parametrize("contrast", [1, 1.7])
@pytest.mark.parametrize("name, size", [("chelsea", (451, 300)), ("grace_hopper", (96, 160)), ("china", (33, 20))])
def test_the_network_predicts_what_it_does_in_python(browser, name, size, contrast):
    image, model = photo(name).resize(size), colorlib.load("unet")
    model.contrast = contrast
    ab = browser.call(
        "const [data, width, height, contrast] = values, about = await Runtime.start();"
        "about.settings.contrast = contrast;"
        "const [w, h] = Network.workingSize(width, height, about.size);"
        "const photo = Bands.fromPixels(new ImageData(data, width, height));"
        "const input = Network.input(await Bands.shrinkGray(photo, w, h), w, h);"
        "return Network.smallColors(await Runtime.run(input), about).ab",
        rgba(image), *size, contrast,
    )  # fmt: skip
    expected, _ = model.predict_small_ab(to_gray(unit(image)))
    np.testing.assert_allclose(ab.reshape(expected.shape), expected, atol=0.02)


def hints_on(gray: np.ndarray, count: int, spread: float) -> tuple[list[Hint], list[dict]]:
    """Random hints in Python's terms and in the page's."""
    rng, lightness = np.random.default_rng(count), gray_to_lightness(gray)
    hints = [
        Hint(int(rng.integers(gray.shape[0])), int(rng.integers(gray.shape[1])), *map(float, rng.normal(0, spread, 2)))
        for _ in range(count)
    ]
    page = [
        {
            "y": hint.row,
            "x": hint.column,
            "a": hint.a,
            "b": hint.b,
            "lightness": float(lightness[hint.row, hint.column]),
        }
        for hint in hints
    ]
    return hints, page


@pytest.mark.parametrize("count", [1, 3, 10, 40])
@pytest.mark.parametrize("name, size", [("chelsea", (451, 300)), ("grace_hopper", (96, 160)), ("china", (33, 20))])
def test_hints_are_spread_as_python_does_it(browser, name, size, count):
    gray = to_gray(unit(photo(name).resize(size))).clip(0.3, 0.8)  # so that sRGB has all the colors
    model = colorlib.load("unet")
    ab, (_, _, *covered) = model.predict_small_ab(gray)
    rows, columns = np.ceil(covered[::-1]).astype(int)
    ab, lightness = ab[:rows, :columns], model.small_lightness(gray)[:rows, :columns]
    hints, page = hints_on(gray, count, 8)
    followed = browser.call(
        "const [ab, lightness, width, height, covered, size, hints] = values;"
        "const grid = { ab, lightness, width, height, covered };"
        "Hints.follow(grid, { width: size[0], height: size[1] }, hints);"
        "return grid.ab",
        ab, lightness.astype(np.float32), int(columns), int(rows), covered, size, page,
    )  # fmt: skip
    assert all(hint is met for hint, met in zip(hints, possible_hints(hints, gray)))
    expected = ab + correction(lightness, ab, gray, hints, (covered[1], covered[0]))
    np.testing.assert_allclose(followed.reshape(expected.shape), expected, atol=1e-3)


def test_the_lightness_of_the_grid_is_pythons(browser):
    image, model = photo("chelsea"), colorlib.load("unet")
    lightness = browser.call(
        "const [data, width, height, size] = values, [w, h] = Network.workingSize(width, height, size);"
        "const photo = Bands.fromPixels(new ImageData(data, width, height));"
        "return Network.smallLightness(Network.input(await Bands.shrinkGray(photo, w, h), w, h))",
        rgba(image), *image.size, model.size_,
    )  # fmt: skip
    expected = model.small_lightness(to_gray(unit(image)))
    np.testing.assert_allclose(lightness.reshape(expected.shape), expected, atol=0.01)


def test_colors_move_into_the_gamut_as_in_python(browser):
    gray = to_gray(unit(photo("astronaut").resize((64, 64))))
    hints, page = hints_on(gray, 300, 60)
    met = possible_hints(hints, gray)
    assert sum(hint is not other for hint, other in zip(hints, met)) > 100
    fitted = browser.call(
        "return new Float32Array(values[0].flatMap(({ lightness, a, b }) => Color.fit(lightness, a, b)))", page
    ).reshape(-1, 2)
    np.testing.assert_allclose(fitted, [hint[2:] for hint in met], atol=0.3)
    rgb = browser.call("return new Float32Array(Color.fromRgb(200, 30, 120))")
    np.testing.assert_allclose(rgb, rgb_to_lab(np.array([200, 30, 120]) / 255)[1:], atol=0.01)


@pytest.mark.parametrize(
    "lightness, predicted", [(52, (4, 11)), (81, (-2, -9)), (27, (11, 19)), (99, (0, 0)), (2, (1, 3))]
)
def test_the_likely_colors_are_pythons(browser, lightness, predicted):
    likely = browser.call("return new Float32Array(Likely.colors(values[0], values[1]).flat())", lightness, predicted)
    np.testing.assert_array_equal(likely.reshape(-1, 2), likely_colors(lightness, np.array(predicted)))
