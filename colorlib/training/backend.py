"""Keras, imported where a network is first needed: it takes seconds, and predicting does without."""

import faulthandler
import logging
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

__all__ = ["EAGER_STEPS", "accelerator", "built_in", "learning_policy", "load_keras", "set_seed", "uses_xla"]

EAGER_STEPS = 10  #: A training of so few steps is not compiled: that would take longer than the steps do.
#: What TensorFlow writes to standard error, past its own log level, when it is imported.
_CPUINFO = Path("/proc/cpuinfo")
_NOTICE = re.compile(r"WARNING: All log messages before absl::InitializeLog|I0000 ")


def load_keras() -> ModuleType:
    """Import Keras without TensorFlow's notices, and return it."""
    if "keras" not in sys.modules:
        os.environ.setdefault(
            "TF_CPP_MIN_LOG_LEVEL", "3"
        )  # read when TensorFlow loads: it calls missing features errors
        # It warns when the same function is compiled again and again, as where several networks are used in turn.
        logging.getLogger("tensorflow").setLevel(logging.ERROR)
        with _without_notices():
            import keras
    import keras

    return keras


def set_seed(seed: int) -> None:
    """Seed whatever is random in Keras, NumPy and Python's own `random`."""
    keras = load_keras()
    # Keras would seed TensorFlow even where it computes with JAX, and load it for that: seconds and 300 MB a process.
    unused = keras.backend.backend() != "tensorflow" and "tensorflow" not in sys.modules
    if unused:
        sys.modules["tensorflow"] = None  # type: ignore[assignment]  # as if it were not installed
    try:
        keras.utils.set_random_seed(seed)
    finally:
        if unused:
            del sys.modules["tensorflow"]


def uses_xla() -> bool:
    """Tell whether to compile with XLA: JAX is made for it; on a CPU, TensorFlow's own convolutions are faster."""
    return load_keras().backend.backend() == "jax"


def accelerator() -> str:
    """Return the name of the GPU or the like that Keras computes on; empty where that is the processor."""
    backend = load_keras().backend.backend()
    if backend == "jax":
        import jax

        return "" if jax.default_backend() == "cpu" else jax.devices()[0].device_kind
    if backend == "torch":
        import torch

        return torch.cuda.get_device_name() if torch.cuda.is_available() else ""
    import tensorflow

    found = tensorflow.config.list_physical_devices("GPU")
    return tensorflow.config.experimental.get_device_details(found[0]).get("device_name", "a GPU") if found else ""


def learning_policy() -> str:
    """Return the policy of data types, as Keras names it, that training is fastest in.

    Where a processor has AMX, it multiplies matrices of ``bfloat16`` several times as fast as those of ``float32``.
    Then layers compute in it; weights, their updates and losses stay in single precision. Processors that have
    instructions for it, but no AMX, are slower with it.

    References
    ----------
    Micikevicius et al., "Mixed precision training", ICLR 2018. Kalamkar et al., "A study of BFLOAT16 for deep learning
    training", 2019.
    """
    if load_keras().backend.backend() != "tensorflow" or accelerator():
        return "float32"
    flags = _CPUINFO.read_text("utf-8").split() if _CPUINFO.is_file() else []
    return "mixed_bfloat16" if "amx_bf16" in flags else "float32"


def built_in(policy: str, build: Callable[[], "keras.Model"]) -> "keras.Model":
    """Build a network whose layers have a policy of data types, as Keras names it."""
    config = load_keras().config
    usual = config.dtype_policy()
    config.set_dtype_policy(policy)
    try:
        return build()
    finally:
        config.set_dtype_policy(usual)


@contextmanager
def _without_notices() -> Iterator[None]:
    """Hold back what is written to standard error and pass on all but the notices; a crash is reported at once."""
    kept = os.dup(2)
    reports_crashes = faulthandler.is_enabled()
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        if not reports_crashes:
            faulthandler.enable(kept)
        try:
            yield
        finally:
            if not reports_crashes:
                faulthandler.disable()
            os.dup2(kept, 2)
            os.close(kept)
            held.seek(0)
            for line in held.read().decode(errors="replace").splitlines():
                if not _NOTICE.match(line):
                    print(line, file=sys.stderr)
