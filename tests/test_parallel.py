"""Work divided over processors: results in order, errors passed on, matrix products on one thread only meanwhile."""

import time

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from colorlib.color import lab_to_rgb, rgb_to_lab
from colorlib.parallel import on_all_processors


def blas_threads():
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


def test_results_come_in_the_order_of_the_parts():
    def work(part):
        time.sleep(0.1 if part == 0 else 0)  # the first part ends last
        return part * part

    assert list(on_all_processors(work, range(20))) == [part * part for part in range(20)]


def test_an_error_in_a_part_is_raised():
    with pytest.raises(ZeroDivisionError):
        list(on_all_processors(lambda part: 1 / part, [2, 1, 0]))


def test_matrix_products_get_their_threads_back():
    before = blas_threads()
    assert set().union(*on_all_processors(lambda _: blas_threads(), range(4))) == {1}
    assert blas_threads() == before


def test_bands_of_threads_do_not_disturb_each_other():
    # Each thread computes in arrays of its own that it uses again: what one has returned must survive the next call.
    rng = np.random.default_rng(0)
    photos = [rng.random((200, 300, 3), np.float32) for _ in range(6)]
    alone = [rgb_to_lab(photo) for photo in photos]
    together = list(on_all_processors(rgb_to_lab, photos))
    for photo, one, other in zip(photos, alone, together):
        np.testing.assert_array_equal(one, other)
        np.testing.assert_allclose(lab_to_rgb(one), photo, atol=1e-4)
