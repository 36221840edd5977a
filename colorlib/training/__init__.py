"""Training: the loop, checkpoints, batches, augmentation and learning rates; on one machine or many. Knows no model."""

from ._history import History, Learner
from .backend import accelerator, built_in, learning_policy, load_keras, set_seed
from .batches import as_floats, augment, iteration_rng, random_crop, resized_crop, shuffled_batch, spaced_iterations
from .fit import Progress, StreamTask, fit_stream, newest_checkpoint, restore
from .learner import NetworkLearner, cosine_rate, cosine_schedule, make_adam
from .loop import stop_requests, train
from .photo_list import PhotoList, find_photos
from .progress import progress_bar
from .store import Store
from .stream import BatchStream, PhotoFiles

__all__ = [
    "BatchStream",
    "History",
    "Learner",
    "NetworkLearner",
    "PhotoFiles",
    "PhotoList",
    "Progress",
    "Store",
    "StreamTask",
    "accelerator",
    "as_floats",
    "augment",
    "built_in",
    "cosine_rate",
    "cosine_schedule",
    "find_photos",
    "fit_stream",
    "iteration_rng",
    "learning_policy",
    "load_keras",
    "make_adam",
    "newest_checkpoint",
    "progress_bar",
    "random_crop",
    "resized_crop",
    "restore",
    "set_seed",
    "shuffled_batch",
    "spaced_iterations",
    "stop_requests",
    "train",
]
