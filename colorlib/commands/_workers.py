"""The same work on many files: one after the other in this process, or by processes on a cluster."""

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from ..training.cluster import open_cluster

__all__ = ["run_all"]

TRIES = 2  # of an item whose process ends
STARTS_FAILED = 8  # of processes in a row that end before they are there, after which no more are started

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
        None if the process that worked on it ended, twice.

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

    A single one at a time: what else waited for the same process would be lost with an item that kills it. In place of
    a process that ended, or whose machine did, another is started, where there is room for it, and its item is tried
    once more by whichever is free first.
    """
    # Not started anew by Ray: what is given to a process that is gone would fail until there is room for it again.
    kind = ray.remote(num_cpus=1, max_restarts=0, max_task_retries=0)(_Worker)
    queue, tried = deque(range(len(items))), Counter[int]()
    free: list[Any] = []  # actors
    awaited: dict[Any, tuple[Any, int | None]] = {}  # what an actor promised → the actor, and the item's index

    def start() -> None:
        actor = kind.remote(make_work)
        # That it is there is awaited, too: a cluster may have fewer processors than are asked for.
        awaited[actor.is_ready.remote()] = actor, None

    for _ in range(min(workers, len(items))):
        start()
    left, starts_failed = len(items), 0
    while left:
        while queue and free:
            actor, index = free.pop(), queue.popleft()
            awaited[actor.work.remote(items[index])] = actor, index
        (reference,), _ = ray.wait(list(awaited))
        actor, of_item = awaited.pop(reference)
        try:
            result = ray.get(reference)
            free.append(actor)
            starts_failed = 0
        except ray.exceptions.RayActorError as error:
            starts_failed += of_item is None
            if error.actor_init_failed or starts_failed > STARTS_FAILED:
                reason = str(error).strip().splitlines()[-1]
                raise RuntimeError(f"a process of the cluster can't begin to work ({reason})") from error
            ray.kill(actor)  # it may only be out of reach
            start()
            if of_item is None:
                continue
            tried[of_item] += 1
            if tried[of_item] < TRIES:
                queue.appendleft(of_item)
                continue
            result = None
        if of_item is not None:
            left -= 1
            yield of_item, result


class _Worker:
    """One of Ray's actors."""

    def __init__(self, make_work: Callable[[], Callable[[Any], Any]]):
        self._work = make_work()

    def is_ready(self) -> bool:
        return True

    def work(self, item: Any) -> Any:
        return self._work(item)
