"""Work that is divided over all processors."""

import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

from threadpoolctl import ThreadpoolController

__all__ = ["on_all_processors"]

Part = TypeVar("Part")
Result = TypeVar("Result")


def on_all_processors(work: Callable[[Part], Result], parts: Iterable[Part]) -> list[Result]:
    """Call a function with each part, in threads of which there are as many as processors.

    Matrix products stay on one thread each meanwhile: where every one of them took all processors, they would wait
    for each other. Callers in several threads take turns, and a call from within ``work`` stays in its thread.

    Parameters
    ----------
    work : callable
        Most of its time must be spent where Python's lock is free, as in numpy.
    parts : iterable
        All are taken at once, so that they had better be small: slices, not arrays.

    Returns
    -------
    list
        The results, in the order of the parts.
    """
    if getattr(_thread, "is_busy", False):
        return [work(part) for part in parts]
    # In turn, since how many threads matrix products take is one setting of the whole process.
    with _turn, _blas().limit(limits=1):
        return list(_pool().map(work, parts))


_turn, _thread = threading.Lock(), threading.local()


def _set_busy() -> None:
    _thread.is_busy = True


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count(), initializer=_set_busy)


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController().select(user_api="blas")
