"""Hints on the page "Color your photo", given as a person would: by mouse, by finger, by keyboard."""

import io
import json
import re

import numpy as np
import pytest
from chromium import wait_for
from color_page_browser import difference, encoded, open_browser, photo
from PIL import Image

from colorlib.pipeline.color_page import write_color_page
from conftest import run_colorlib

SECONDS = 2  # until the photo follows: many times what it takes on an idle machine, which is printed


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    page = write_color_page(tmp_path_factory.mktemp("page"))
    yield from open_browser(page, tmp_path_factory.mktemp("browser"))


@pytest.fixture
def cat():
    return photo("chelsea").resize((320, 216))


@pytest.fixture
def browser(session, cat):
    """The page with a colored photo."""
    session.open()
    session.drop("cat.png", encoded(cat))
    session.wait_for_status("cat.png is colored")
    return session


def click_photo(browser, x: float, y: float, moved: tuple[float, float] | None = None) -> None:
    """Click at a share of the photo's width and height, or drag from there."""
    from selenium.webdriver import ActionChains

    stage = browser.find("stage")
    browser.driver.execute_script("arguments[0].scrollIntoView({ block: 'center' })", stage)
    actions = ActionChains(browser.driver)
    actions.move_to_element_with_offset(stage, *place(stage, x - 0.5, y - 0.5)).click_and_hold()
    if moved:
        actions.move_by_offset(*place(stage, *moved))
    actions.release().perform()


def place(stage, x: float, y: float) -> tuple[int, int]:
    return round(x * stage.size["width"]), round(y * stage.size["height"])


def markers(browser) -> list:
    return browser.driver.find_elements("css selector", "#stage .hint")


def pixel_of(browser, marker) -> tuple[int, int]:
    """The pixel of the photo that a marker stands on."""
    left, top = (float(marker.value_of_css_property(side).removesuffix("px")) for side in ("left", "top"))
    stage = browser.find("stage")
    return int(left / stage.size["width"] * 320), int(top / stage.size["height"] * 216)


def likely(browser) -> list:
    return browser.driver.find_elements("css selector", "#likely button")


def shown(browser) -> np.ndarray:
    return browser.pixels("colored")[..., :3]


def wait_for_change(browser, before: np.ndarray) -> np.ndarray:
    wait_for(lambda: difference(shown(browser), before) > 2)
    wait_for(lambda: browser.driver.execute_script("return performance.getEntriesByName('followed').length"))
    return shown(browser)


def save_hints(browser) -> dict:
    browser.find("save-hints").click()
    browser.wait_for_status("-hints.json is in your downloads")
    (file,) = wait_for(lambda: list(browser.saved.glob("*-hints.json")))
    return json.loads(wait_for(lambda: file.read_text("utf-8")))


def command_pixels(tmp_path, content: bytes, hints: dict) -> np.ndarray:
    """What the command makes of a photo and a file of hints."""
    (tmp_path / "photo.png").write_bytes(content)
    (tmp_path / "hints.json").write_text(json.dumps(hints), "utf-8")
    names = [str(tmp_path / name) for name in ("photo.png", "colored.png", "hints.json")]
    done = run_colorlib("colorize", names[0], "-o", names[1], "--hints", names[2])
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return np.asarray(Image.open(names[1]).convert("RGB"))


def test_a_hint_is_placed_changed_moved_undone_saved_and_loaded_and_the_command_agrees(browser, cat, tmp_path):
    before = shown(browser)
    click_photo(browser, 0.3, 0.4)
    assert len(markers(browser)) == 1 and browser.find("picker").is_displayed() and len(likely(browser)) == 8
    assert int(browser.find("split").get_property("value")) < 30  # so that it is seen what becomes of it
    assert difference(shown(browser), before) <= 1  # in the color that was there, it changes nothing

    likely(browser)[4].click()
    changed = wait_for_change(browser, before)
    print(f"the photo followed after {browser.measured('followed'):.2f} s")
    assert browser.measured("followed") < SECONDS
    x, y = pixel_of(browser, markers(browser)[0])
    assert abs(x - 0.3 * 320) < 2 and abs(y - 0.4 * 216) < 2
    swatch = re.findall(r"\d+", markers(browser)[0].value_of_css_property("background-color"))[:3]
    assert np.abs(changed[y, x].astype(int) - np.array(swatch, int)).max() <= 3

    # Dragged elsewhere, the old place is as it was; undone, the hint is back.
    from selenium.webdriver import ActionChains

    ActionChains(browser.driver).drag_and_drop_by_offset(markers(browser)[0], 120, 60).perform()
    moved = wait_for_change(browser, changed)
    browser.find("undo").click()
    wait_for(lambda: difference(shown(browser), changed) <= 1)

    # A second one in a color of the plane; saved, and the download is what the command makes of the file.
    click_photo(browser, 0.7, 0.7)
    ActionChains(browser.driver).move_to_element_with_offset(browser.find("plane"), 25, -30).click().perform()
    both = wait_for_change(browser, changed)
    hints = save_hints(browser)
    assert (hints["width"], hints["height"], len(hints["hints"])) == (320, 216, 2)
    assert (hints["hints"][0]["x"], hints["hints"][0]["y"]) == (x, y)
    expected = command_pixels(tmp_path, encoded(cat), hints)
    assert difference(both, expected) <= 2 < difference(both, moved)
    result = np.asarray(Image.open(io.BytesIO(browser.download())).convert("RGB"))
    assert difference(result, expected) <= 2

    # Removed, then everything undone, then read again from the file.
    browser.find("remove").click()
    wait_for(lambda: difference(shown(browser), changed) <= 1 and len(markers(browser)) == 1)
    while browser.find("undo").is_enabled():
        browser.find("undo").click()
    wait_for(lambda: difference(shown(browser), before) == 0 and not markers(browser))
    browser.find("load-hints").send_keys(str(tmp_path / "hints.json"))
    wait_for(lambda: difference(shown(browser), both) <= 1)
    assert len(markers(browser)) == 2 and "2 hints from hints.json" in browser.status()
    severe = [entry for entry in browser.driver.get_log("browser") if entry["level"] == "SEVERE"]
    assert not severe


def test_hints_are_given_by_keyboard_alone(browser):
    from selenium.webdriver.common.keys import Keys

    before = shown(browser)
    browser.find("add").send_keys(Keys.ENTER)
    marker = browser.driver.switch_to.active_element
    assert marker.get_attribute("aria-label").startswith("Hint 1: ")
    first = marker.rect["x"]
    marker.send_keys(Keys.ARROW_RIGHT * 3)
    assert marker.rect["x"] > first + 10
    browser.find("plane").send_keys(Keys.ARROW_UP * 4)
    changed = wait_for_change(browser, before)
    assert "b " in browser.find("plane").get_attribute("aria-valuetext")
    browser.find("no-color").send_keys(Keys.ENTER)
    wait_for_change(browser, changed)
    assert markers(browser)[0].get_attribute("aria-label") == "Hint 1: gray"
    browser.find("done").send_keys(Keys.ESCAPE)
    assert not browser.find("picker").is_displayed()
    markers(browser)[0].send_keys(Keys.DELETE)
    wait_for(lambda: difference(shown(browser), before) == 0)
    assert not markers(browser)
    browser.find("add").send_keys(Keys.CONTROL, "z")
    assert len(markers(browser)) == 1


def test_a_finger_places_and_moves_hints(browser):
    stage = browser.find("stage")
    browser.driver.execute_script("arguments[0].scrollIntoView({ block: 'center' })", stage)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        touches = [{"x": x, "y": y} for x, y in points]
        browser.driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})

    def middle(element) -> tuple[float, float]:
        box = browser.driver.execute_script("return arguments[0].getBoundingClientRect().toJSON()", element)
        return box["left"] + box["width"] / 2, box["top"] + box["height"] / 2

    touch("touchStart", middle(stage))
    touch("touchEnd")
    wait_for(lambda: len(markers(browser)) == 1)
    before, (x, y) = markers(browser)[0].rect, middle(markers(browser)[0])
    touch("touchStart", (x, y))
    for step in range(1, 6):
        touch("touchMove", (x + 10 * step, y))
    touch("touchEnd")
    wait_for(lambda: abs(markers(browser)[0].rect["x"] - before["x"] - 50) < 4)


def test_dragging_on_the_photo_still_moves_the_border_and_places_nothing(browser):
    click_photo(browser, 0.5, 0.5, (0.2, 0))
    assert not markers(browser) and browser.find("split").get_property("value") == "70"


@pytest.mark.parametrize(
    "content, said",
    [
        ("{", "bad.json is not JSON"),
        ("[1, 2]", "bad.json holds no hints"),
        ('{"hints": [{"x": 1, "y": 2}]}', "Hint 1 in bad.json has no color"),
        ('{"hints": [{"y": 2, "a": 1, "b": 2}]}', "Hint 1 in bad.json has no place"),
        ('{"hints": [{"x": 320, "y": 2, "a": 1, "b": 2}]}', "Hint 1 in bad.json lies outside the photo"),
        ('{"hints": [{"x": 3, "y": 2, "color": "blue"}]}', "Hint 1 in bad.json has no color"),
    ],
)
def test_a_bad_file_of_hints_is_named_and_the_hints_stay(browser, content, said):
    click_photo(browser, 0.6, 0.5)
    browser.drop("bad.json", content.encode(), "application/json")
    browser.wait_for_status(said)
    assert "error" in browser.find("status").get_attribute("class") and len(markers(browser)) == 1


def test_hints_of_another_size_of_the_photo_come_to_the_same_places(browser):
    hints = {
        "width": 640,
        "height": 432,
        "hints": [{"x": 321, "y": 101, "color": "#804020"}, {"x": 0, "y": 0, "color": "none"}],
    }
    browser.drop("large.json", json.dumps(hints).encode(), "application/json")
    browser.wait_for_status("2 hints from large.json")
    assert [(hint["x"], hint["y"]) for hint in save_hints(browser)["hints"]] == [(160, 50), (0, 0)]


def test_a_color_that_its_lightness_cannot_have_is_said_to_have_moved(browser):
    hints = {"hints": [{"x": 100, "y": 80, "a": 100, "b": -120}, {"x": 5, "y": 9, "color": "none"}]}
    browser.drop("strong.json", json.dumps(hints).encode(), "application/json")
    browser.wait_for_status("2 hints from strong.json. Of 1, the photo is too light or too dark for so much color")
    (strong, _) = save_hints(browser)["hints"]
    assert np.hypot(strong["a"], strong["b"]) < np.hypot(100, -120) - 20
