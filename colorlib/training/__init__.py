"""Training: the loop, checkpoints, batches, augmentation and learning rates. Knows no model."""

from ._history import History, Learner
from .backend import accelerator, load_keras
from .batches import as_floats, augment, iteration_rng, random_crop, resized_crop, shuffled_batch, spaced_iterations
from .learner import NetworkLearner, cosine_rate, make_adam
from .loop import train
from .progress import progress_bar
from .stream import BatchStream, PhotoFiles

__all__ = [
    "BatchStream",
    "History",
    "Learner",
    "NetworkLearner",
    "PhotoFiles",
    "accelerator",
    "as_floats",
    "augment",
    "cosine_rate",
    "iteration_rng",
    "load_keras",
    "make_adam",
    "progress_bar",
    "random_crop",
    "resized_crop",
    "shuffled_batch",
    "spaced_iterations",
    "train",
]
