"""How many processors work may use."""

import os

__all__ = ["LIBRARIES", "processors", "share_of_processors"]

_SHARE = "COLORLIB_PROCESSORS"
#: Variables that tell libraries the number of their threads: OpenMP's, OpenBLAS's, TensorFlow's.
LIBRARIES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")


def processors() -> int:
    """Return the number of processors to use: all of the machine, or this process's share of them."""
    return int(os.environ.get(_SHARE) or os.cpu_count() or 1)


def share_of_processors(count: int) -> dict[str, str]:
    """Return the environment of a process that is to use so many of them, whichever library does the work."""
    return dict.fromkeys((_SHARE, *LIBRARIES), str(count))
