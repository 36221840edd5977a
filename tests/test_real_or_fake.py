"""The real-or-fake test: the page driven from first to last pair in a browser, and what becomes of the answers."""

import asyncio
import csv
import json
import re
import time
from collections import Counter

import numpy as np
import pytest
from chromium import start_chromium, wait_for

from colorlib.color import rgb_to_lab, to_gray
from colorlib.models import model_class
from colorlib.photos import load_photos
from colorlib.scores import real_or_fake
from colorlib.scores.fool_rate import fool_rate, read_answers
from colorlib.scores.metrics import ab_error


@pytest.fixture(scope="module")
def pairs():
    return real_or_fake.make_pairs(load_photos("bundled", 256, "test"), model_class("gray")())


@pytest.fixture(scope="module")
def page(pairs, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "realfake.html"
    real_or_fake.write_page(path, pairs, "leaving it gray")
    return path


def answers(person: str, fooled: int = 10, catch_missed: int = 0, page: str = "p") -> list[list]:
    """The rows of a person who took the first ``fooled`` colorizations for real, right everywhere else."""
    rows = [list(real_or_fake.COLUMNS)]
    for trial in range(1, 51):
        kind = "practice" if trial <= 10 else "counted" if trial <= 46 else "catch"
        wrong = 10 < trial <= 10 + fooled or (kind == "catch" and trial <= 46 + catch_missed)
        rows.append([person, page, trial, trial - 1, kind, "left", "right" if wrong else "left", 1400 + trial])
    return rows


def write(path, rows):
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return path


def test_pairs_are_ten_for_practice_and_forty_counted_of_which_a_tenth_catch(pairs):
    assert Counter(pair.kind for pair in pairs) == {"practice": 10, "counted": 36, "catch": 4}
    assert len({pair.real.tobytes() for pair in pairs}) == 50  # no part of a photo is shown twice


def test_a_fake_has_the_lightness_of_its_photo_and_a_catch_trial_is_plainly_wrong(pairs):
    for pair in pairs:
        assert np.abs(to_gray(pair.real) - to_gray(pair.fake)).max() < 0.01
        if pair.kind == "catch":
            true, wrong = rgb_to_lab(pair.real), rgb_to_lab(pair.fake)
            assert np.median(ab_error(true[..., 1:], wrong[..., 1:])) > 10


def test_enough_photos_are_shown_whole():
    photos = np.random.default_rng(0).random((60, 16, 16, 3)).astype(np.float32)
    assert {pair.real.shape for pair in real_or_fake.make_pairs(photos, model_class("gray")())} == {(16, 16, 3)}


def test_the_page_is_small_and_loads_nothing(page):
    html = page.read_text("utf-8")
    assert len(html) < 3_000_000
    assert not re.findall(r"(?:src|href)\s*=\s*[\"'](?!data:|#)[^\"']+", html)
    assert "http" not in re.sub(r"data:image/jpeg;base64,[A-Za-z0-9+/=]*", "", html)


def test_noise_that_jpeg_cannot_make_small_is_refused(tmp_path):
    noise = np.random.default_rng(0).random((256, 256, 3)).astype(np.float32)
    with pytest.raises(ValueError, match="fewer pairs"):
        real_or_fake.write_page(tmp_path / "page.html", [real_or_fake.Pair("counted", noise, noise)] * 50, "noise")
    assert not list(tmp_path.iterdir())


@pytest.fixture
def browser(tmp_path):
    driver = start_chromium(tmp_path)
    yield driver
    driver.quit()


def test_a_person_takes_the_test_in_a_browser_and_the_answers_are_read_back(page, browser, tmp_path):
    """Two people, one with the keyboard and one with the mouse, who interrupts the test and goes on with it."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    # A second a pair would make this test last minutes: the page shows each for 30 ms, and nothing else is changed.
    quick = tmp_path / "quick.html"
    html = page.read_text("utf-8")
    assert '"shown_ms": 1000, "pause_ms": 400' in html
    quick.write_text(html.replace('"shown_ms": 1000, "pause_ms": 400', '"shown_ms": 30, "pause_ms": 1'), "utf-8")
    key = "realfake-" + json.loads(re.search(r'type="application/json">(.*?)</script>', html, re.S)[1])["page"]

    def find(name):
        return browser.find_element(By.ID, name)

    def state():
        return json.loads(browser.execute_script("return localStorage.getItem(arguments[0])", key))

    def take(trials, by_mouse: bool):
        for number in trials:
            wait_for(find("choices").is_displayed)
            assert not find("photos").is_displayed()
            trial = state()["trials"][number]
            fooled = trial["kind"] == "counted" and trial["pair"] % 4 == 0
            side = {"left": "right", "right": "left"}[trial["real_side"]] if fooled else trial["real_side"]
            if by_mouse:
                browser.find_element(By.CSS_SELECTOR, f"[data-side={side}]").click()
            else:
                browser.switch_to.active_element.send_keys(Keys.ARROW_LEFT if side == "left" else Keys.ARROW_RIGHT)
            wait_for(lambda done=number + 1: len(state()["answers"]) == done)

    for by_mouse in (False, True):
        browser.get(quick.as_uri())
        if by_mouse:
            find("again").click()
        find("start").click()
        take(range(20), by_mouse)
        if by_mouse:
            browser.refresh()
            assert find("resume").is_displayed()
            find("start").click()
        take(range(20, 50), by_mouse)
        wait_for(find("done").is_displayed)
        assert "9 of 36" in find("result").text  # of the pairs 10 to 45, those that 4 divides
        find("save").click()
        wait_for(lambda people=1 + by_mouse: len(list((tmp_path / "saved").glob("*.csv"))) == people)
        severe = [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
        assert not severe

    files = sorted((tmp_path / "saved").glob("*.csv"))
    for file in files:  # what the shortened second took away from every reaction time
        rows = list(csv.reader(file.read_text("utf-8").splitlines()))
        write(file, rows[:1] + [[*row[:-1], int(row[-1]) + 970] for row in rows[1:]])
    result = fool_rate(files)
    assert result.people == 2 and result.left_out == ()
    assert result.rate == pytest.approx(9 / 36)
    assert result.low < 9 / 36 < result.high


def test_a_pair_is_seen_for_one_second_before_an_answer_is_accepted(page, browser):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    browser.get(page.as_uri())
    browser.find_element(By.ID, "start").click()
    photos, choices = browser.find_element(By.ID, "photos"), browser.find_element(By.ID, "choices")
    wait_for(photos.is_displayed)
    shown = time.monotonic()
    browser.find_element(By.TAG_NAME, "body").send_keys(Keys.ARROW_LEFT)  # too early
    wait_for(choices.is_displayed)
    assert 0.7 < time.monotonic() - shown < 3
    kept = browser.execute_script("return Object.values(localStorage)[0]")
    assert json.loads(kept)["answers"] == []
    browser.find_element(By.TAG_NAME, "body").send_keys(Keys.ARROW_LEFT)
    (answer,) = wait_for(lambda: json.loads(browser.execute_script("return Object.values(localStorage)[0]"))["answers"])
    assert answer["answer"] == "left" and answer["reaction_ms"] >= 1000


def test_a_person_takes_the_test_in_a_notebook(pairs, tmp_path, monkeypatch):
    Button = pytest.importorskip("ipywidgets").Button
    from colorlib.widgets import real_or_fake as widget

    monkeypatch.setattr(widget, "SHOWN_MS", 10)

    async def take() -> None:
        test = widget.RealFakeTest(pairs, tmp_path, seed=1)
        status, row = test.widget.children
        row.children[0].click()
        left = None
        for number in range(50):
            if left is not None:
                left.click()  # too early: the photos are still there
            assert f" {number + 1} of 50" in status.value
            while not isinstance(row.children[0], Button):
                await asyncio.sleep(0.002)
            left, right = row.children
            (left if number % 2 else right).click()
        assert "Thank you" in status.value

    asyncio.run(take())
    (file,) = tmp_path.glob("realfake-*.csv")
    rows = list(csv.reader(file.read_text("utf-8").splitlines()))
    assert len(rows) == 51 and {row[6] for row in rows[1:]} == {"left", "right"}
    assert {row[5] for row in rows[1:]} == {"left", "right"}
    write(file, rows[:1] + [[*row[:-1], int(row[-1]) + 990] for row in rows[1:]])
    assert len(read_answers(file)) == 50


def test_the_fool_rate_by_hand(tmp_path):
    files = [write(tmp_path / f"{name}.csv", answers(name, fooled)) for name, fooled in (("a", 9), ("b", 18), ("c", 0))]
    result = fool_rate(files)
    assert result.rate == pytest.approx((9 + 18 + 0) / 3 / 36)
    assert (result.people, result.left_out) == (3, ())
    # people differ by more than their own answers do: the standard error is about 0.25 / √3 = 0.14
    assert 0 <= result.low < 0.08 and 0.4 < result.high < 0.6


def test_who_misses_more_than_one_catch_trial_is_left_out(tmp_path):
    files = [
        write(tmp_path / f"{name}.csv", answers(name, 18, missed)) for name, missed in (("a", 0), ("b", 1), ("c", 2))
    ]
    result = fool_rate(files)
    assert (result.people, result.left_out) == (2, ("c",))
    assert result.rate == pytest.approx(0.5)


def test_a_single_person_gives_no_interval(tmp_path):
    one = write(tmp_path / "one.csv", answers("a"))
    careless = write(tmp_path / "careless.csv", answers("b", catch_missed=3))
    with pytest.raises(ValueError, match=r"1 people answered \(one.csv\).*at least 2"):
        fool_rate([one])
    with pytest.raises(ValueError, match="1 count: an interval over people needs at least 2"):
        fool_rate([one, careless])
    with pytest.raises(ValueError, match="same person"):
        fool_rate([one, write(tmp_path / "again.csv", answers("a"))])
    with pytest.raises(ValueError, match="different pages"):
        fool_rate([one, write(tmp_path / "other.csv", answers("b", page="q"))])


@pytest.mark.parametrize("milliseconds", ["-5", "0", "999", "86400000"])
def test_an_impossible_reaction_time_is_refused_with_its_row(tmp_path, milliseconds):
    rows = answers("a")
    rows[17][-1] = milliseconds
    with pytest.raises(ValueError, match=rf"a\.csv, row 18: a reaction time of {milliseconds} ms is impossible"):
        read_answers(write(tmp_path / "a.csv", rows))


@pytest.mark.parametrize(
    "row, column, value, message",
    [
        (5, 7, "soon", "row 6 holds a number that is none"),
        (5, 7, "nan", "row 6 holds a number that is none"),
        (5, 6, "both", "row 6: answer is 'both'"),
        (5, 4, "guess", "row 6: kind is 'guess'"),
        (5, 5, "", "row 6: real_side is ''"),
        (5, 0, "", "row 6: the person is missing"),
        (5, 0, "somebody", "mixes people"),
        (5, 4, "catch", "does not have"),
        (5, 2, "3", "trials 1 to 50"),
    ],
)
def test_a_changed_file_is_refused_with_its_row(tmp_path, row, column, value, message):
    rows = answers("a")
    rows[row][column] = value
    with pytest.raises(ValueError, match=r"a\.csv") as caught:
        read_answers(write(tmp_path / "a.csv", rows))
    assert message in str(caught.value)


def test_a_file_that_holds_no_answers_is_refused(tmp_path):
    for name, content in (("empty.csv", b""), ("binary.csv", b"\xff\xfe\x00\x89PNG"), ("other.csv", b"a,b\n1,2\n")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=name):
            read_answers(tmp_path / name)
    with pytest.raises(ValueError, match=r"missing\.csv can't be read"):
        read_answers(tmp_path / "missing.csv")
    with pytest.raises(ValueError, match="holds 49 answers"):
        read_answers(write(tmp_path / "cut.csv", answers("a")[:-1]))
    with pytest.raises(ValueError, match="row 4 has 3 values"):
        read_answers(write(tmp_path / "torn.csv", [*answers("a")[:3], ["a", "p", "3"]]))
