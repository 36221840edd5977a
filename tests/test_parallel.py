"""Work divided over processors: results in order, errors passed on, matrix products on one thread only meanwhile."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from colorlib.color import lab_to_rgb, on_all_processors, rgb_to_lab


def blas_threads():
    """Of numpy's matrix products; scipy brings a library of its own, which is not used here and may be loaded later."""
    libraries = [library for library in threadpool_info() if library["user_api"] == "blas"]
    return {library["num_threads"] for library in libraries if "scipy.libs" not in library["filepath"]}


def test_results_come_in_the_order_of_the_parts():
    last = threading.Event()

    def work(part):
        if part == 0:  # it ends last, where there are several processors
            last.wait(0.1)
        elif part == 19:
            last.set()
        return part * part

    assert on_all_processors(work, range(20)) == [part * part for part in range(20)]


def test_an_error_in_a_part_is_raised():
    with pytest.raises(ZeroDivisionError):
        on_all_processors(lambda part: 1 / part, [2, 1, 0])


def test_matrix_products_get_their_threads_back():
    before = blas_threads()
    assert set().union(*on_all_processors(lambda _: blas_threads(), range(4))) == {1}
    assert blas_threads() == before


def test_callers_in_two_threads_take_turns_and_products_get_their_threads_back():
    before, running = blas_threads(), []

    def work(call):
        running.append(call)
        time.sleep(0.02)
        threads, together = blas_threads(), set(running)
        running.remove(call)
        return threads, together

    with ThreadPoolExecutor(2) as callers:
        calls = list(callers.map(lambda call: on_all_processors(work, [call] * 4), ["first", "second"]))
    for name, results in zip(["first", "second"], calls):
        assert results == [({1}, {name})] * 4
    assert blas_threads() == before


def test_a_call_from_within_the_work_stays_in_its_thread():
    def inner(_):
        return threading.get_ident()

    for outer, *inners in on_all_processors(
        lambda _: [threading.get_ident(), *on_all_processors(inner, range(3))], [0, 1]
    ):
        assert set(inners) == {outer}


def test_bands_of_threads_do_not_disturb_each_other():
    # Each thread computes in arrays of its own that it uses again: what one has returned must survive the next call.
    rng = np.random.default_rng(0)
    photos = [rng.random((200, 300, 3), np.float32) for _ in range(6)]
    alone = [rgb_to_lab(photo) for photo in photos]
    together = on_all_processors(rgb_to_lab, photos)
    for photo, one, other in zip(photos, alone, together):
        np.testing.assert_array_equal(one, other)
        np.testing.assert_allclose(lab_to_rgb(one), photo, atol=1e-4)
