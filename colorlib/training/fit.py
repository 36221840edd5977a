"""Training on photos that are read while it runs, by one process or by several at once that share each batch.

Whatever the number of processes, the same batches are learned from, so that the weights are the same but for the order
of sums. What is kept of an unfinished training does not tell how many processes it had, so that any number goes on.
"""

import io
import itertools
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from .backend import accelerator, load_keras
from .photo_list import PhotoList
from .store import Store
from .stream import BatchStream

if TYPE_CHECKING:
    import keras

__all__ = ["Progress", "StreamTask", "fit_stream", "newest_checkpoint", "restore"]

_STATE = "state-"  # and the number of iterations done


class StreamTask(Protocol):
    """A network, and what it learns from each photo.

    Attributes
    ----------
    iterations, batch, seed : int
        Number of batches, crops in each, and the seed of the order of photos.
    """

    iterations: int
    batch: int
    seed: int

    def make_example(self, position: int, photo: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Make the inputs and targets of one example; see `BatchStream`."""

    def compile(self) -> "keras.Model":
        """Build the network and compile it: the same one, to the last bit, in every process."""


@dataclass(frozen=True)
class Progress:
    """How far a training is.

    Attributes
    ----------
    iteration : int
        Number of iterations done.
    loss : float
        Mean since the last but one checkpoint; not a number before the first.
    waited : float
        Share of the time that it waited for photos.
    damaged : frozenset of int
        Photos that can't be read, by their index, and for which others stood in.
    """

    iteration: int
    loss: float = math.nan
    waited: float = 0.0
    damaged: frozenset[int] = frozenset()


def fit_stream(
    task: StreamTask,
    photos: PhotoList,
    store: Store,
    *,
    every: int = 100,
    rank: int = 0,
    world: int = 1,
    tell: Callable[[Progress], None] = lambda progress: None,
    stop_requested: Callable[[], bool] = lambda: False,
) -> None:
    """Train, or go on training, in one of the processes that train together; Keras must compute with JAX.

    When it ends, the last state is in the store: take it from there by `restore`.

    Parameters
    ----------
    task : StreamTask
    photos : PhotoList
    store : Store
        Folder of this training, which all processes see.
    every : int
        Iterations between two checkpoints.
    rank, world : int
        Number of this process, from 0, and of all.
    tell : callable
        Called after every iteration.
    stop_requested : callable
        Asked after every iteration whether to stop before the last; for a single process.

    Raises
    ------
    RuntimeError
        If the processes did not find each other, or Keras does not compute with JAX.
    ValueError
        If the batch can't be shared equally.
    """
    keras = load_keras()
    if keras.backend.backend() != "jax":
        raise RuntimeError(f"Keras computes with {keras.backend.backend()}: set KERAS_BACKEND=jax before it is loaded")
    _share_batches(task.batch, world)
    network = task.compile()
    done = newest_checkpoint(store)
    _agree(done, world)
    if done:
        _set_state(network, store, done)
    left = task.iterations - done
    if left < 1:
        return
    stream = BatchStream(photos, task.make_example, task.batch, task.seed, bool(accelerator()), rank, world)
    saver = _saver(task.iterations, done, store if rank == 0 else None, stream, tell, stop_requested)
    # A single call: another one fails in Keras on JAX where weights are averaged ("donate the same buffer twice").
    network.fit(
        # Without an end, since Keras looks ahead, and warns where there is one.
        (stream(number) for number in itertools.count(done + 1)),
        steps_per_epoch=every,
        epochs=math.ceil(left / every),
        shuffle=False,
        verbose=0,
        callbacks=[saver],
    )


def restore(task: StreamTask, store: Store) -> "keras.Model":
    """Build the network of a training as its last checkpoint left it, with averaged weights."""
    network = task.compile()
    _set_state(network, store, newest_checkpoint(store))
    network.optimizer.finalize_variable_values(network.trainable_variables)
    return network


def _share_batches(batch: int, world: int) -> None:
    """Let Keras share each batch among the devices of all processes."""
    import jax

    # Processes that did not find each other would each train alone, and nobody would notice.
    if jax.process_count() != world:
        raise RuntimeError(f"{jax.process_count()} of {world} processes found each other: none was trained")
    if batch % jax.device_count():
        raise ValueError(
            f"a batch of {batch} can't be shared by {jax.device_count()} devices: give a multiple of "
            f"{jax.device_count()}"
        )
    if jax.device_count() > 1:
        distribution = load_keras().distribution
        distribution.set_distribution(distribution.DataParallel(auto_shard_dataset=False))


def _agree(done: int, world: int) -> None:
    """Check that all processes go on from the same checkpoint."""
    if world == 1:
        return
    from jax.experimental import multihost_utils

    found = np.unique(multihost_utils.process_allgather(np.int32(done))).tolist()
    if len(found) > 1:
        raise RuntimeError(f"the processes see different checkpoints ({found}): give a --storage that all share")


def _saver(
    iterations: int,
    done: int,
    store: Store | None,
    stream: BatchStream,
    tell: Callable[[Progress], None],
    stop_requested: Callable[[], bool],
) -> Any:
    """Make the callback that counts iterations, tells of them, and keeps the state in a store, if there is one."""

    class Saver(load_keras().callbacks.Callback):  # type: ignore[misc]  # a class that is imported late
        # Not `async_safe`: Keras would call it from another thread, and do more steps before it hears that it may stop.
        def on_train_begin(self, logs=None):
            self.done, self.loss, self.started = done, math.nan, time.perf_counter()

        def on_train_batch_end(self, batch, logs=None):
            self.done += 1
            if self.done == iterations or stop_requested():
                self.model.stop_training = True
            self.tell()

        def on_epoch_end(self, epoch, logs=None):
            self.loss = float(logs["loss"])
            if store is not None:
                _save_state(self.model, store, self.done)
            self.tell()

        def tell(self):
            waited = stream.seconds_waited / (time.perf_counter() - self.started)
            tell(Progress(self.done, self.loss, waited, frozenset(stream.damaged)))

    return Saver()


def _variables(network: "keras.Model") -> dict[str, Any]:
    return {f"variable_{i:03}": v for i, v in enumerate(network.variables + network.optimizer.variables)}


def _save_state(network: "keras.Model", store: Store, done: int) -> None:
    keras, content = load_keras(), io.BytesIO()
    arrays = {name: keras.ops.convert_to_numpy(variable) for name, variable in _variables(network).items()}
    np.savez(content, **arrays)
    name = _state_name(done)
    store.write(name, content.getvalue())
    for older in store.names():
        if older.startswith(_STATE) and older != name:
            store.remove(older)


def _set_state(network: "keras.Model", store: Store, done: int) -> None:
    with np.load(io.BytesIO(store.read(_state_name(done))), allow_pickle=False) as arrays:
        for name, variable in _variables(network).items():
            variable.assign(arrays[name])


def newest_checkpoint(store: Store) -> int:
    """Return the number of iterations of the newest checkpoint; 0 without any."""
    states = [name for name in store.names() if name.startswith(_STATE) and name.endswith(".npz")]
    return max((int(name[len(_STATE) : -len(".npz")]) for name in states), default=0)


def _state_name(done: int) -> str:
    return f"{_STATE}{done:09}.npz"
