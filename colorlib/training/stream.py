"""Photos streamed to a training: read, cut and stacked in the background, in an order that is known in advance.

Batch ``i`` depends on the photos, the seed and ``i`` alone, so that a resumed training sees what an uninterrupted one
sees. Only the batches that are waiting are in memory, however many photos there are.
"""

import hashlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ..images import read_image
from ..processors import processors

__all__ = ["BatchStream", "PhotoFiles"]

WAITING = 4  # batches made ahead
_FOREVER = 2**50  # examples


class PhotoFiles(Sequence[np.ndarray]):
    """Photos in files, each decoded when it is asked for.

    Parameters
    ----------
    paths : sequence of Path
        Image files; one that is listed twice is learned from twice as often.
    """

    def __init__(self, paths: Sequence[Path]):
        self.paths = tuple(paths)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: Any) -> Any:
        """Decode one photo: sRGB, uint8 of shape (H, W, 3)."""
        return self.decode(self.paths[index])

    def read(self, index: int) -> tuple[np.ndarray, int]:
        """Decode one photo; returns it, and -1, as none is damaged: that is an error."""
        return self[index], -1

    @staticmethod
    def decode(path: Path) -> np.ndarray:
        """Decode a file: sRGB, uint8 of shape (H, W, 3)."""
        pixels = read_image(path).pixels
        if pixels.dtype == np.uint16:
            pixels = np.round(pixels / 257).astype(np.uint8)
        return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=-1)

    def identity(self) -> str:
        """Return a hash that other files, or another order of them, would change."""
        names = "\n".join(f"{path.name} {path.stat().st_size}" for path in self.paths)
        return hashlib.sha256(names.encode()).hexdigest()


class BatchStream:
    """Batches of examples made from photos, by Grain.

    Each photo is used once, in random order, before any of them again.

    Parameters
    ----------
    photos : sequence
        Anything with a length that returns one photo by index: an array of photos, or `PhotoFiles`.
    make_example : callable
        Called in background threads as ``make_example(position, photo)``; returns a tuple of arrays. `position` counts
        the examples of the training from 0, so that random draws can depend on it.
    batch : int
        Examples per batch.
    seed : int
        Seed of the order.
    processes : bool
        Use processes, not threads: for accelerators, which take thousands of examples a second.
    rank, world : int
        Which of how many equal parts of each batch to make, for as many computers that learn together.

    Attributes
    ----------
    damaged : set of int
        Photos that other ones stood in for, so far.
    batches : int
        Number of batches returned so far, and …
    seconds_waited : float
        … the time that it took to get them.

    References
    ----------
    Grain, https://google-grain.readthedocs.io: a dataset that is accessed by position, and read ahead by threads.
    """

    def __init__(
        self,
        photos: Sequence | np.ndarray,
        make_example: Callable[[int, Any], tuple],
        batch: int,
        seed: int,
        processes: bool = False,
        rank: int = 0,
        world: int = 1,
    ):
        grain = _load_grain()
        if not len(photos):
            raise ValueError("there are no photos to learn from: give at least one")
        if batch % world:
            raise ValueError(f"a batch of {batch} can't be shared by {world} processes: give a multiple of {world}")
        epochs = _FOREVER // len(photos)  # Grain's own "forever" is too large a number for one photo
        examples = grain.MapDataset.source(_Source(photos)).seed(seed).shuffle().repeat(epochs)
        # First batches, then their parts, so that the parts together are the batch that one process would make.
        self._batches = examples.map_with_index(_Example(make_example)).batch(batch // world)[rank::world]
        self._options = grain.ReadOptions(num_threads=2, prefetch_buffer_size=WAITING)
        # Python's lock lets threads of one process make a few hundred examples a second, which is enough for a CPU.
        count = processors() - 2
        self._workers = (
            grain.multiprocessing.MultiprocessingOptions(count, WAITING) if processes and count > 0 else None
        )
        self._next = 0
        self._iterator: Iterator[Any] = iter(())
        self.batches, self.seconds_waited = 0, 0.0
        self.damaged: set[int] = set()

    def __call__(self, iteration: int) -> Any:
        """Return the batch of an iteration, counted from 1: the examples' arrays, each stacked.

        It is there already if the last one asked for was the one before.
        """
        started = time.perf_counter()
        if iteration != self._next:
            batches = self._batches[iteration - 1 :].to_iter_dataset(self._options)
            if self._workers is not None:
                batches = batches.mp_prefetch(self._workers)
            self._iterator = iter(batches)
        *batch, damaged = next(self._iterator)
        self.damaged.update(damaged[damaged >= 0].tolist())
        self._next = iteration + 1
        self.batches += 1
        self.seconds_waited += time.perf_counter() - started
        return tuple(batch)


class _Source:
    """Photos, each with the index of the one that it stands in for, or -1; kept beside it, for processes are apart."""

    def __init__(self, photos: Sequence | np.ndarray):
        self._photos = photos

    def __len__(self) -> int:
        return len(self._photos)

    def __getitem__(self, index: Any) -> tuple[np.ndarray, int]:
        photos = self._photos
        return photos.read(index) if isinstance(photos, PhotoFiles) else (photos[index], -1)


class _Example:
    def __init__(self, make_example: Callable[[int, Any], tuple]):
        self._make_example = make_example

    def __call__(self, position: int, item: tuple[np.ndarray, int]) -> tuple:
        photo, damaged = item
        return *self._make_example(position, photo), np.int64(damaged)


def _load_grain() -> ModuleType:
    """Import Grain without its remark that JAX is missing, and without options on the command line."""
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        import grain
        from absl import flags
    finally:
        logger.setLevel(level)
    flags.FLAGS.mark_as_parsed()
    return grain
