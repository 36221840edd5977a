"""A few hundred damaged files, the same in every test; `make fuzz` colors ten thousand, and writes a page on it."""

import json
import sys
import time

import pytest

from colorlib.images import SUFFIXES

if sys.platform != "linux":
    pytest.skip("memory is bounded and measured as Linux does it", allow_module_level=True)

import fuzz.run
from fuzz.corpus import FILES, make_corpus
from fuzz.mutate import mutate
from fuzz.page import PAGE, RESULTS, page
from fuzz.run import FINE, color_damaged, count_outcomes

COUNT = 400
#: All formats that are read, but for one that nothing that is installed for sure can write.
FORMATS = {SUFFIXES[ending] for ending in SUFFIXES if ending in FILES or ending not in (".heic", ".heif", ".hif")}


def test_damaged_files_are_colored_or_refused_in_one_line():
    answers = color_damaged(range(COUNT), 2)
    bad = [answer for answer in answers if answer["outcome"] not in FINE]
    assert not bad, json.dumps(bad[:9], indent=1)
    assert [answer["seed"] for answer in answers] == list(range(COUNT))
    counts = count_outcomes(answers)
    assert set(counts) == FORMATS
    assert all(sum(outcomes.values()) > 10 for outcomes in counts.values()), "too few to tell"


def test_the_files_themselves_are_colored_within_the_same_bounds():
    corpus = make_corpus()
    answers = color_damaged(range(-len(corpus), 0), 1)
    assert [answer["file"] for answer in answers] == sorted(corpus)
    assert {answer["file"]: answer["why"] for answer in answers if answer["outcome"] != "colored"} == {}


def test_every_format_has_files_that_are_damaged_in_ways_that_a_number_fixes():
    corpus = make_corpus()
    assert {SUFFIXES[ending] for ending in FILES if ending in SUFFIXES} == FORMATS
    for seed in range(COUNT):
        name, content, ways = mutate(corpus, seed)
        assert (name, content, ways) == mutate(corpus, seed) and len(content) < 1_000_000
    assert sum(mutate(corpus, seed)[1] == corpus[mutate(corpus, seed)[0]] for seed in range(COUNT)) < COUNT / 20


BAD_ENDS = {  # what a worker does with a file → what is said of it
    "os.kill(os.getpid(), 11)": "crashed (11)",
    "time.sleep(60)": "hung",
    "1 / 0": "traceback",
    "print('Traceback', file=sys.stderr)": "traceback",
    "os.write(2, b'libtiff: bad strip\\n')": "unclear",
    "(folder / 'out' / name).write_bytes(content[:200])": "half a file",
    "held = bytearray(1_200_000_000)": "too much memory",
    "held = bytearray(9_000_000_000)": "too much memory",
    "(folder / 'out' / SOUND).unlink()": "stopped the others",
    "pass": "colored",
}


@pytest.mark.parametrize("deed, outcome", BAD_ENDS.items())
def test_whatever_ends_badly_is_noticed_and_the_others_are_colored_all_the_same(tmp_path, monkeypatch, deed, outcome):
    """A worker of its own, whose command does something else with the second of three sound files."""
    program = f"""
import os, sys, time
from pathlib import Path
from fuzz import worker
from fuzz.worker import SOUND
real, calls = worker.main, []
def main(arguments):
    status = real(arguments)
    calls.append(status)
    folder, name = Path(sys.argv[1]), "gray.png"
    content = (folder / "in" / name).read_bytes()
    if len(calls) > 1 and seed_of(calls) == 1:
        {deed}
    return status
def seed_of(calls):
    return int(sys.argv[2]) + len(calls) - 2  # the first is that of the warm-up
worker.main = main
sound = worker.pillow("L", "PNG")
worker.mutate = lambda corpus, seed: ("gray.png", sound, "none")
worker.work(Path(sys.argv[1]), range(*map(int, sys.argv[2:5])))
"""
    (tmp_path / "program.py").write_text(program)
    monkeypatch.setattr(fuzz.run, "HANG_SECONDS", 3 if outcome == "hung" else 30)
    monkeypatch.setattr(fuzz.run, "WORKER", (str(tmp_path / "program.py"),))
    start = time.monotonic()
    assert [answer["outcome"] for answer in color_damaged(range(3), 1)] == ["colored", outcome, "colored"]
    assert time.monotonic() - start < 60


def test_the_page_is_that_of_the_last_run_in_which_all_was_survived():
    result = json.loads(RESULTS.read_text("utf-8"))
    assert PAGE.read_text("utf-8") == page(result), "run `PYTHONPATH=tests python -m fuzz.page`"
    assert {outcome for counts in result["outcomes"].values() for outcome in counts} == set(FINE)
    assert result["files"] >= 10_000 and min(result["kills"].values()) >= 15 and len(result["kills"]) > 1
    assert result["most seconds"] < 10 and result["most mb"] < 1024
