"""What one would write to color photos with Keras and scikit-image: the same network, without this library.

``python benchmarks/peers/keras_colorize.py NETWORK FOLDER OUT`` colors all photos of a folder with a ``.keras`` file.
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
from skimage import color, io, transform

SIDE, STRIDE, AB_STRIDE = 256, 32, 4


def main(file: Path, folder: Path, out: Path) -> None:
    network = keras.saving.load_model(file, compile=False)
    for file in sorted(folder.glob("*.jpg")):
        lightness = color.rgb2lab(io.imread(file))[..., 0].astype(np.float32)
        scale = SIDE / np.sqrt(lightness.size)
        height, width = (round(side * scale / STRIDE) * STRIDE for side in lightness.shape)
        small = transform.resize(lightness, (height, width), anti_aliasing=True) / 50 - 1
        both = np.stack([small, small[:, ::-1]])[..., None]
        ab = network.predict_on_batch(both)
        ab = ab.reshape(*ab.shape[:3], -1, 2).mean(axis=3)  # over the decoders
        ab = (ab[0] + ab[1, :, ::-1]) * 64
        large = transform.resize(ab, lightness.shape, order=3)
        rgb = color.lab2rgb(np.dstack([lightness, large]))
        io.imsave(out / file.name, (rgb * 255).round().astype(np.uint8), quality=95)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
