"""Work divided over all processors."""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

from threadpoolctl import ThreadpoolController

from ..processors import processors

__all__ = ["on_all_processors"]

Part = TypeVar("Part")
Result = TypeVar("Result")


def on_all_processors(work: Callable[[Part], Result], parts: Iterable[Part]) -> list[Result]:
    """Apply `work` to every part, one thread per processor.

    BLAS runs single-threaded meanwhile; otherwise the threads would compete. Callers in different threads take turns,
    and a call made from within `work` stays in its thread.

    Parameters
    ----------
    work : callable
        Should spend most of its time in numpy, which releases Python's lock.
    parts : iterable
        Consumed at once, so parts should be small: slices, not arrays.

    Returns
    -------
    list
        The results, in the order of the parts.
    """
    if getattr(_thread, "is_busy", False):
        return [work(part) for part in parts]
    # One caller at a time: the number of BLAS threads is a setting of the whole process.
    with _turn, _blas().limit(limits=1):
        return list(_pool().map(work, parts))


_turn, _thread = threading.Lock(), threading.local()


def _set_busy() -> None:
    _thread.is_busy = True


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(processors(), initializer=_set_busy)


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController().select(user_api="blas")
