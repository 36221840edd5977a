"""The same work on many files: one after the other in this process, or by processes on a cluster."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from ..training.cluster import open_cluster

__all__ = ["run_all"]

Item = TypeVar("Item")
Result = TypeVar("Result")


def run_all(
    make_work: Callable[[], Callable[[Item], Result]],
    items: Sequence[Item],
    workers: int | None = None,
    cluster: str | None = None,
) -> Iterator[tuple[int, Result | None]]:
    """Do some work on each of many items.

    Parameters
    ----------
    make_work : callable
        Called once in every process that works; returns what is called with each item and returns its result. Neither
        raises errors. All of it, items and results can be pickled.
    items : sequence
    workers : int, optional
        Number of processes; the work is done in this one if neither they nor a cluster are given.
    cluster : str, optional
        Address of a cluster of Ray; by default, the processes run on this machine.

    Yields
    ------
    index : int
        Of the item, when it is done; the order is that of the items in a single process only.
    result
        None if the process that worked on it was killed, twice.

    Raises
    ------
    ValueError
        If the number of workers is not at least 1, or the cluster doesn't answer.
    RuntimeError
        If the work can't begin on a machine of the cluster.
    """
    if workers is None and cluster is None:
        work = make_work()
        for index, item in enumerate(items):
            yield index, work(item)
        return
    workers = 1 if workers is None else workers
    if workers < 1:
        raise ValueError(f"workers is {workers}: give at least 1")
    make_work()  # what is wrong with it is told here, once
    with open_cluster(cluster, workers) as ray:
        yield from _on_workers(ray, make_work, items, workers)


def _on_workers(
    ray: Any, make_work: Callable[[], Callable[[Item], Result]], items: Sequence[Item], workers: int
) -> Iterator[tuple[int, Result | None]]:
    """Give each of Ray's actors one item after the other.

    A single one at a time: what else waited for the same process would be lost with an item that kills it. A process
    that ended is started anew, and tries its item once more.
    """
    kind = ray.remote(num_cpus=1, max_restarts=-1, max_task_retries=1)(_Worker)
    actors = [kind.remote(make_work) for _ in range(min(workers, len(items)))]
    waiting = iter(range(len(items)))
    # What is awaited → the actor, and the item's index; at first, that the actor is there: a cluster may have fewer
    # processors than are asked for.
    awaited = {actor.is_ready.remote(): (actor, -1) for actor in actors}
    left = len(items)
    while left:
        (reference,), _ = ray.wait(list(awaited))
        actor, index = awaited.pop(reference)
        try:
            result = ray.get(reference)
        except ray.exceptions.RayActorError as error:
            if index < 0:
                reason = str(error).strip().splitlines()[-1]
                raise RuntimeError(f"a process of the cluster can't begin to work ({reason})") from error
            result = None
        if index >= 0:
            left -= 1
            yield index, result
        if (following := next(waiting, None)) is not None:
            awaited[actor.work.remote(items[following])] = (actor, following)


class _Worker:
    """One of Ray's actors."""

    def __init__(self, make_work: Callable[[], Callable[[Any], Any]]):
        self._work = make_work()

    def is_ready(self) -> bool:
        return True

    def work(self, item: Any) -> Any:
        return self._work(item)
