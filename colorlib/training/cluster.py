"""Ray, which runs what outgrows one process: on this machine's processors, or on a cluster of machines.

References
----------
Moritz et al., "Ray: a distributed framework for emerging AI applications", OSDI 2018; https://docs.ray.io.
"""

import logging
import os
import re
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from .fit import Progress, StreamTask, fit_stream
from .photo_list import PhotoList
from .store import Store

__all__ = ["fit_on_cluster", "lost_peer", "open_cluster"]

FAILURES = 8  # of machines or processes in one call, after which a training ends
CONNECT_SECONDS = 10.0
ATTEMPTS = 3  # to start a cluster on this machine
_BUG = "failed.txt"
# How errors of XLA begin: with a code of absl's. Most are JAX's own error, but some come as a `ValueError`.
_LOST_PEER = re.compile("(ABORTED|CANCELLED|DEADLINE_EXCEEDED|INTERNAL|UNAVAILABLE|UNKNOWN): ")


@contextmanager
def open_cluster(address: str | None, processes: int) -> Iterator[ModuleType]:
    """Join a cluster, or start one on this machine that lasts as long as the context; a running one is used.

    Parameters
    ----------
    address : str, optional
        As `ray.init` takes it: ``auto`` on a machine of the cluster, ``HOST:6379``, or ``ray://HOST:10001``.
    processes : int
        Number of processes on this machine where there is no address.

    Yields
    ------
    module
        Ray.

    Raises
    ------
    ValueError
        If no cluster answers at the address.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # what is colored here is nobody else's business
    import ray

    if ray.is_initialized():
        yield ray
        return
    _check_address(address)
    _start(ray, address, processes)
    try:
        if address and processes > (found := int(ray.cluster_resources().get("CPU", 0))):
            print(f"note: the cluster has {found} processors now; {processes} are awaited", file=sys.stderr)
        yield ray
    finally:
        ray.shutdown()


def _start(ray: ModuleType, address: str | None, processes: int) -> None:
    options: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    if not address:  # a cluster that listens to this machine alone
        options |= {"num_cpus": processes, "include_dashboard": False, "_node_ip_address": "127.0.0.1"}
    for attempt in range(1, ATTEMPTS + 1):
        try:
            ray.init(address, **options)
            # It prints what became of processes on standard output, even so; those who need to know are told by us.
            ray._private.worker.print_to_stdstream = lambda *_, **__: None
            return
        except Exception as error:  # of any kind, as where a busy machine takes longer than the 30 seconds it is given
            ray.shutdown()
            if attempt == ATTEMPTS or address:
                where = f"answers at {address}" if address else "can be started on this machine"
                raise ValueError(f"no Ray cluster {where} ({error})") from error


def _check_address(address: str | None) -> None:
    """Raise an error in seconds where nothing listens; Ray itself would try for minutes."""
    if address in (None, "auto", "local"):
        return
    host, _, port = str(address).rpartition("://")[2].rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS).close()
    except (OSError, ValueError, OverflowError) as error:
        raise ValueError(
            f"no Ray cluster answers at {address} ({error}): start one, or give its address as HOST:PORT"
        ) from error


def fit_on_cluster(
    task: StreamTask,
    store: Store,
    workers: int,
    *,
    gpus: int = 0,
    every: int = 100,
    failures: int = FAILURES,
    tell: Callable[[Progress], None] = lambda progress: None,
    environment: dict[str, str] | None = None,
) -> None:
    """Train by several processes of the cluster that is open; see `fit_stream`.

    When a process or machine fails, all of them go on from the last checkpoint.

    Parameters
    ----------
    task : StreamTask
        It is sent to the processes by pickle.
    store : Store
        Folder of this training, in which the list of photos is, and which every machine sees.
    workers : int
        Number of processes: one for each processor or so, or for each machine with GPUs.
    gpus : int
        GPUs of each process.
    every : int
        As in `fit_stream`.
    failures : int
        How often a process or machine may fail.
    tell : callable
        Called now and then.
    environment : dict of str to str, optional
        More environment variables for the processes.

    Raises
    ------
    RuntimeError
        If the training failed.
    """
    import ray
    from ray.train.v2.api.config import FailureConfig, RunConfig, ScalingConfig
    from ray.train.v2.jax import JaxConfig, JaxTrainer
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    store.remove(_BUG)
    # On the caller's machine, without which there is nobody to tell: any other may fail.
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    board = ray.remote(num_cpus=0)(_Board).options(scheduling_strategy=here).remote()
    variables = {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cuda" if gpus else "cpu"} | (environment or {})
    trainer = JaxTrainer(
        _train,
        train_loop_config={"task": task, "address": store.address, "every": every, "board": board},
        jax_config=JaxConfig(use_gpu=True),  # on CPUs, too: else each process would train alone
        scaling_config=ScalingConfig(
            num_workers=workers,
            use_gpu=bool(gpus),
            resources_per_worker={"CPU": 1} | ({"GPU": gpus} if gpus else {}),
            # Since Ray sets CUDA_VISIBLE_DEVICES to the first GPUs, two processes on a machine would share them.
            placement_strategy="STRICT_SPREAD" if gpus and workers > 1 else "PACK",
        ),
        run_config=RunConfig(
            name="ray",
            storage_path=store.address,
            failure_config=FailureConfig(max_failures=failures),
            worker_runtime_env={"env_vars": variables},
        ),
    )
    with _telling(board, tell):
        try:
            trainer.fit()
        except Exception as error:
            raise RuntimeError(_reason(store) or f"the training failed ({error})") from error
    if reason := _reason(store):
        raise RuntimeError(reason)


def _reason(store: Store) -> str:
    """Return what went wrong in a process other than its end, in one line; the file has all of it."""
    if _BUG not in store.names():
        return ""
    return f"{store.read(_BUG).decode().strip().splitlines()[-1]} (all of it: {store.path(_BUG)})"


def _train(config: dict[str, Any]) -> None:
    """Take part in a training, in one of Ray's processes."""
    from ray.train import get_context

    store, board, told = Store(config["address"]), config["board"], [0.0]
    if _BUG in store.names():  # Ray tries again whatever failed, but a second time would be no better
        return
    rank, world = get_context().get_world_rank(), get_context().get_world_size()
    import jax

    def tell(progress: Progress) -> None:
        if time.monotonic() - told[0] > 0.5 or progress.iteration == config["task"].iterations:
            told[0] = time.monotonic()
            board.put.remote(rank, progress)

    try:
        photos = PhotoList.load(store)
        fit_stream(config["task"], photos, store, every=config["every"], rank=rank, world=world, tell=tell)
    except Exception as error:
        if not isinstance(error, jax.errors.JaxRuntimeError) and not lost_peer(error):
            store.write(_BUG, traceback.format_exc().encode())
        raise


def lost_peer(error: BaseException | None) -> bool:
    """Tell whether an error is XLA's, as where another process has ended: that is worth another try.

    Parameters
    ----------
    error : Exception
        The errors that it came of count, too.
    """
    while error is not None:
        if _LOST_PEER.match(str(error)):
            return True
        error = error.__cause__ or error.__context__
    return False


class _Board:
    """What the processes tell, for the caller to read; an actor of Ray."""

    def __init__(self) -> None:
        self._latest: dict[int, Progress] = {}

    def put(self, rank: int, progress: Progress) -> None:
        self._latest[rank] = progress

    def get(self) -> Progress | None:
        if not self._latest:
            return None
        everyone = self._latest.values()
        first = self._latest.get(0, next(iter(everyone)))
        waited = max(progress.waited for progress in everyone)
        damaged = frozenset().union(*(progress.damaged for progress in everyone))
        return Progress(first.iteration, first.loss, waited, damaged)


@contextmanager
def _telling(board: Any, tell: Callable[[Progress], None]) -> Iterator[None]:
    """Tell the caller twice a second how far the processes are."""
    import ray

    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.5):
            if (progress := ray.get(board.get.remote())) is not None:
                tell(progress)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        if (progress := ray.get(board.get.remote())) is not None:
            tell(progress)
