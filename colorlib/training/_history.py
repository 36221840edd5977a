"""What `train` trains, and what it returns."""

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

__all__ = ["History", "Learner"]


class Learner(Protocol):
    """What `train` trains.

    Attributes
    ----------
    finished : bool
        Whether to stop before the last iteration, as in early stopping.
    """

    finished: bool

    def step(self, iteration: int) -> float:
        """Do one iteration, counted from 1, and return its loss."""

    def get_state(self) -> dict[str, np.ndarray]:
        """Return everything that later iterations depend on: weights, the optimizer's moments, …"""

    def set_state(self, state: dict[str, np.ndarray]) -> None:
        """Restore what `get_state` returned."""


@dataclass
class History:
    """Record of a training.

    Attributes
    ----------
    losses : list of float
        One per iteration.
    observations : dict of int to dict of str to ndarray
        What `observe` returned, by iteration, and the ``seconds`` until then.
    seconds : float
        Time spent on iterations, over all runs that it took, without that of `observe` and of checkpoints.
    interrupted : bool
        Whether the user stopped it before its last iteration.
    """

    losses: list[float] = field(default_factory=list)
    observations: dict[int, dict[str, np.ndarray]] = field(default_factory=dict)
    seconds: float = 0.0
    interrupted: bool = False

    @property
    def iterations(self) -> int:
        """Number of iterations done."""
        return len(self.losses)
