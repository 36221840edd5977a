"""The page of timings says what the benchmarks measured, and the measurements are whole."""

import importlib.util
import json
import sys

import pytest

from colorlib import paths


def load(name: str, folder: str = "benchmarks"):
    """Import one of the scripts; they import each other."""
    spec = importlib.util.spec_from_file_location(name, paths.ROOT / folder / f"{name}.py")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


table, beyond, branch, recipe = load("table"), load("beyond"), load("hint_branch"), load("recipe")
shorter = load("shorter", "tools")
RESULTS = table.read_results()


def test_the_page_is_that_of_the_results():
    assert table.PAGE.read_text("utf-8") == table.page(RESULTS), "run `python benchmarks/table.py`"


def test_what_two_runs_are_compared_by_is_in_the_ledger_and_in_the_results():
    numbers = json.loads((paths.FIGURES / "numbers.json").read_text("utf-8"))
    notebooks = {notebook["name"]: notebook for notebook in json.loads(shorter.RESULTS.read_text("utf-8"))["notebooks"]}
    assert notebooks.keys() == shorter.SHORTER.keys()
    for name, (less, keys) in shorter.SHORTER.items():
        assert {numbers[key]["notebook"] for key in keys} == {name}
        assert notebooks[name]["less"] == less and notebooks[name]["numbers"].keys() == set(keys.values())


@pytest.mark.parametrize("name", table.CASES)
def test_both_sides_were_timed_in_one_run(name):
    result = RESULTS[name]
    assert result["machine"] and result["ours"]["peak_mb"] > 0
    assert result["ratio"] == pytest.approx(result["peer"]["seconds"] / result["ours"]["seconds"], rel=0.05)
    assert result["peer"]["name"] in table.page(RESULTS)


def test_the_page_on_many_processes_is_that_of_the_results_and_they_are_as_it_says():
    results = json.loads(beyond.RESULTS.read_text("utf-8"))
    assert beyond.PAGE.read_text("utf-8") == beyond.page(results), "run `python benchmarks/beyond.py`"
    few, many = results["folder_of_1000"], results["folder_of_100000"]
    assert many["peak_mb"] < 1.1 * few["peak_mb"]
    assert results["start_of_ten_million"]["processor_seconds"] < 30
    assert results["training_by_2"]["crops_per_second"] > results["training_by_1"]["crops_per_second"]
    coloring = results["coloring"]
    assert coloring["other"] == 0 and coloring["only_one"] == ["killer.png"]


def test_the_page_of_trials_is_that_of_the_results_and_has_all_of_them():
    results = json.loads(recipe.RESULTS.read_text("utf-8"))
    assert recipe.PAGE.read_text("utf-8") == recipe.page(results), "run `python benchmarks/recipe.py`"
    assert results["trials"].keys() == recipe.VARIANTS.keys()
    line = results["trials"][recipe.PLAIN]["turned_up"]
    assert line[0]["colorfulness_gap"] < line[-1]["colorfulness_gap"] and line[0]["skill_db"] > line[-1]["skill_db"]


def test_the_network_that_is_given_hints_was_tried_in_both_ways():
    results = json.loads(branch.RESULTS.read_text("utf-8"))
    assert results["trials"].keys() == branch.WAYS.keys()
    for trial in results["trials"].values():
        for way in branch.FOLLOWING:
            assert trial[way]["gain"] == sorted(trial[way]["gain"]) and len(trial[way]["worse"]) == len(branch.COUNTS)
