"""Work that is divided over all processors."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

from threadpoolctl import ThreadpoolController

__all__ = ["on_all_processors"]

Part = TypeVar("Part")
Result = TypeVar("Result")


def on_all_processors(work: Callable[[Part], Result], parts: Iterable[Part]) -> Iterator[Result]:
    """Call a function with each part, in threads of which there are as many as processors.

    Matrix products inside it stay on one thread each: where every one of them took all processors, they would wait
    for each other.

    Parameters
    ----------
    work : callable
        Most of its time must be spent where Python's lock is free, as in numpy.
    parts : iterable
        All are taken at once, so that they had better be small: slices, not arrays.

    Returns
    -------
    iterator
        The results, in the order of the parts.
    """
    with _blas().limit(limits=1), ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from pool.map(work, parts)


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController().select(user_api="blas")
