"""Fully connected networks in OpenVINO, for prediction alone: it takes a fraction of a second to import and to compile.

Keras would take seconds, and would send what each layer puts out to memory and back.
"""

import os
from collections.abc import Callable, Sequence

import numpy as np
import openvino
from openvino import opset13 as ops

__all__ = ["compile_network"]


def compile_network(weights: Sequence[np.ndarray], activation: str, exact: bool) -> Callable[[np.ndarray], np.ndarray]:
    """Compile a network whose hidden layers share one activation and whose output layer is linear.

    Parameters
    ----------
    weights : sequence of ndarray of float32
        Of each layer the kernel, (inputs, outputs), and the bias, (outputs,).
    activation : {"relu", "sigmoid", "tanh"}
    exact : bool
        Compute in ``float32``; otherwise in what the processor multiplies fastest, which may be ``bfloat16``.

    Returns
    -------
    callable
        Turns an array of float32, (rows, inputs), into (rows, outputs), on one processor: call it from several threads.
    """
    values = rows = ops.parameter([-1, len(weights[0])], np.float32)
    for i in range(0, len(weights), 2):
        if i:
            values = getattr(ops, activation)(values)
        values = ops.add(ops.matmul(values, ops.constant(weights[i]), False, False), ops.constant(weights[i + 1][None]))
    processors = os.cpu_count()
    options = {"NUM_STREAMS": processors, "INFERENCE_NUM_THREADS": processors}
    if exact:
        options["INFERENCE_PRECISION_HINT"] = "f32"
    compiled = openvino.Core().compile_model(openvino.Model([values], [rows], "perceptron"), "CPU", options)

    def run(patches: np.ndarray) -> np.ndarray:
        return compiled.create_infer_request().infer([np.ascontiguousarray(patches)], share_inputs=True)[0]

    return run
