"""Training: the loop, checkpoints, batches, augmentation and learning rates. Knows no model."""

from ._history import History, Learner
from .backend import load_keras
from .batches import augment, iteration_rng, random_crop, shuffled_batch, spaced_iterations, zoomed_crop
from .learner import NetworkLearner, cosine_rate
from .loop import train
from .progress import progress_bar

__all__ = [
    "History",
    "Learner",
    "NetworkLearner",
    "augment",
    "cosine_rate",
    "iteration_rng",
    "load_keras",
    "progress_bar",
    "random_crop",
    "shuffled_batch",
    "spaced_iterations",
    "train",
    "zoomed_crop",
]
