"""Keras, imported without the start-up notices of its backend.

TensorFlow writes some of them past its own log level, straight to the process's standard error, where they would end up
on the terminal beside the one line that a command has to say.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["EAGER_STEPS", "keras", "layers", "ops"]

EAGER_STEPS = 10  # a training of so few is not compiled: that would take longer than the steps do


@contextmanager
def _standard_error_muted() -> Iterator[None]:
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


# It warns of compiling the same function again and again where several networks are used in turn.
logging.getLogger("tensorflow").setLevel(logging.ERROR)
with _standard_error_muted():
    import keras
    from keras import layers, ops
