"""What a run costs is measured in the kernel's process, and told."""

import os
import time

import pytest

from colorlib.pipeline import runner
from colorlib.pipeline.costs import Meter, matrix_gflops, read_costs, times_table, wall_seconds, write_cost


def work(seconds):
    ends = time.process_time() + seconds
    while time.process_time() < ends:
        sum(range(1000))


@pytest.fixture(scope="module")
def cost():
    meter = Meter()
    meter.kernel = os.getpid()
    meter.start_cell()
    work(1.2)
    meter.end_cell()
    meter.start_cell()
    time.sleep(1.2)
    meter.end_cell()
    meter.start_cell()
    meter.end_cell()
    return meter.cost()


def test_a_cell_that_works_and_one_that_waits_are_told_apart(cost):
    (first, _, worked), (second, waited, idle) = cost["cells"]  # the third took no second
    assert (first, second) == (1, 2)
    assert 1.1 <= worked < 3 and waited >= 1.2 and idle < 0.6


def test_a_notebook_has_the_sum_of_its_cells(cost):
    assert cost["seconds"] >= 2 and 1 <= cost["processor_seconds"] <= 3
    assert cost["megabytes"] > 20


def test_without_a_kernel_only_the_clock_is_read():
    meter = Meter()
    meter.start_cell()
    meter.end_cell()
    cost = meter.cost()
    assert abs(cost.pop("began") - time.time()) < 5
    assert cost == {"seconds": 0, "processor_seconds": None, "megabytes": None, "cells": []}


def test_costs_are_kept_by_notebook_and_shown_with_the_machine(tmp_path, cost):
    assert read_costs(tmp_path) == {}
    write_cost("02_b", tmp_path, cost)
    earlier = {"began": cost["began"] - 10, "seconds": 3, "processor_seconds": None, "megabytes": None, "cells": []}
    write_cost("01_a", tmp_path, earlier)
    costs = read_costs(tmp_path)
    assert list(costs) == ["01_a", "02_b"]
    text = times_table(costs, {"gflops": 230})
    assert "| 01_a | 3 | – | – |" in text and "| cell 2 |" in text and "230 GFLOP/s" in text
    assert f"**{3 + cost['seconds']}**" in text


def test_a_matrix_product_is_timed():
    assert 1 < matrix_gflops() < 1e5


def test_time_in_which_two_notebooks_ran_counts_once():
    intervals = {"a": (100, 10), "b": (103, 4), "c": (108, 7), "d": (130, 5)}  # b within a, c begins in it, d alone
    costs = {name: {"began": began, "seconds": seconds} for name, (began, seconds) in intervals.items()}
    assert wall_seconds(costs) == 15 + 5
    assert wall_seconds({}) == 0


def test_notebooks_that_others_wait_for_come_first_and_then_the_longest(monkeypatch):
    seconds = {"awaited": 1, "long": 9, "waits": 5, "short": 2}
    monkeypatch.setattr(runner, "read_costs", lambda _: {name: {"seconds": took} for name, took in seconds.items()})
    needs = {name: {"awaited"} if name == "waits" else set() for name in seconds}
    assert runner._longest_first(list(seconds), needs) == ["awaited", "long", "waits", "short"]
