"""A small network trained in several ways, in a process whose Keras computes with JAX; ``test_cluster`` starts it.

python cluster_training.py PHOTOS STORAGE OUTPUT WORKERS FAILURES CLUSTER, the last of which may be empty
"""

import sys

import numpy as np

from colorlib.commands.train import train_folders
from colorlib.models.unet import UNet
from colorlib.training import load_keras


class Tiny(UNet):
    """As a U-Net learns, with dropout and averaging, but compiled in seconds."""

    def build(self):
        keras = load_keras()
        layers = [
            keras.Input((None, None, 1)),
            keras.layers.Conv2D(8, 8, strides=4, padding="same", activation="relu"),
            keras.layers.Dropout(0.2),
            keras.layers.Conv2D(2, 1, name="ab"),
        ]
        return keras.Sequential(layers)

    def finish(self, network):
        self.network = network  # of layers that are no U-Net's


if __name__ == "__main__":
    photos, storage, out, workers, failures, cluster = sys.argv[1:]
    model = Tiny(batch=4, stages=((8, 32), (7, 64)), averaging=0.9)
    processes = int(workers) or None
    options = {"failures": int(failures), "environment": {"JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}} if processes else {}
    trained = train_folders(model, [photos], storage, processes, cluster=cluster or None, every=4, **options)
    np.savez(out, *trained.network.get_weights())
