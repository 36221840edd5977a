"""The page of timings says what the benchmarks measured, and the measurements are whole."""

import importlib.util

import pytest

from colorlib import paths

SPEC = importlib.util.spec_from_file_location("table", paths.ROOT / "benchmarks" / "table.py")
table = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(table)
RESULTS = table.read_results()


def test_the_page_is_that_of_the_results():
    assert table.PAGE.read_text("utf-8") == table.page(RESULTS), "run `python benchmarks/table.py`"


@pytest.mark.parametrize("name", table.CASES)
def test_both_sides_were_timed_in_one_run(name):
    result = RESULTS[name]
    assert result["machine"] and result["ours"]["peak_mb"] > 0
    assert result["ratio"] == pytest.approx(result["peer"]["seconds"] / result["ours"]["seconds"], rel=0.05)
    assert result["peer"]["name"] in table.page(RESULTS)
