"""A trained network written as one ONNX file, and run by ONNX Runtime.

Writing needs Keras and the package ``onnx``; running needs neither. In the graph, images are (N, channels, H, W) of any
N, H and W. Weights may be stored in half precision; all computing
is in single precision.

References
----------
ONNX operator schemas, opset 17.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..processors import processors

if TYPE_CHECKING:
    import keras
    import onnx

__all__ = ["Session", "dense_to_onnx", "network_to_onnx", "read_weights", "with_about"]

OPSET = 17
IR_VERSION = 8  # ONNX Runtime 1.14 and later read it
ABOUT = "colorlib"  # key of the model's description in the file's metadata
_LEAKY_SLOPE = 0.2  # Keras's default
_ADVICE = "give a file that a model's save wrote"


class Session:
    """A network in ONNX Runtime.

    Parameters
    ----------
    source : str, Path or bytes
        An ONNX file or its content.
    threads : int, optional
        Number of threads of one call; one per processor by default.

    Attributes
    ----------
    about : dict
        The model's description, as `with_about` put it into the file; empty if there is none.

    Raises
    ------
    ValueError
        If the file does not exist or is damaged.
    """

    def __init__(self, source: str | Path | bytes, threads: int | None = None):
        import onnxruntime
        from onnxruntime.capi.onnxruntime_pybind11_state import NotImplemented as NoSuchOperator

        if not isinstance(source, bytes) and not Path(source).is_file():
            raise ValueError(f"{source} does not exist: fit the model and save it there first")
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # errors are raised, and need not be printed too
        # Set explicitly; otherwise ONNX Runtime pins its threads, and complains where that isn't allowed.
        options.intra_op_num_threads = threads or processors()
        # Waiting threads would keep their processors busy.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        name = "the network" if isinstance(source, bytes) else source
        content = source if isinstance(source, bytes) else str(source)
        try:
            self._session = onnxruntime.InferenceSession(
                content, options, providers=["CPUExecutionProvider"], enable_fallback=False
            )
            self.about = json.loads(self._session.get_modelmeta().custom_metadata_map.get(ABOUT, "{}"))
        except Exception as error:  # ONNX Runtime raises errors of a dozen classes
            if isinstance(error, NoSuchOperator) or re.search("IR version|opset", str(error)):
                raise ValueError(
                    f"{name} needs a newer ONNX Runtime than {onnxruntime.__version__} ({_first_line(error)}): "
                    "pip install --upgrade onnxruntime"
                ) from error
            raise ValueError(f"{name} is not a saved model ({_first_line(error)}): {_ADVICE}") from error

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Run the network on a batch of float32; safe to call from several threads."""
        return self._session.run(None, {"input": np.ascontiguousarray(values)})[0]


def network_to_onnx(network: "keras.Model") -> bytes:
    """Write a convolutional Keras network as an ONNX graph with its weights in half precision.

    Parameters
    ----------
    network : keras.Model
        From (N, H, W, channels) to (N, h, w, channels), made of the layers that this project's networks use.
        Convolutions have "same" padding, and sides are multiples of their strides.

    Returns
    -------
    bytes
        The file's content. Its input is (N, channels, H, W), its output (N, channels, h, w).

    Raises
    ------
    TypeError
        If there is no ONNX equivalent for a layer here.
    """
    graph = _Graph()
    names: dict[int, str] = {}  # id of a Keras tensor → name in the graph
    for layer in network.layers:
        node = layer._inbound_nodes[0]
        inputs = [names[id(tensor)] for tensor in node.input_tensors] if node.input_tensors else ["input"]
        kind = type(layer).__name__
        writer = _WRITERS.get(kind)
        if writer is None:
            raise TypeError(f"layer {layer.name} is a {kind}, which can't be written as ONNX here")
        for option, value in _TAKEN_FOR_GRANTED.get(kind, {}).items():
            if getattr(layer, option) != value:
                raise TypeError(
                    f"layer {layer.name} has another {option} than {value!r}: it can't be written as ONNX here"
                )
        names[id(node.outputs[0])] = writer(graph, layer, inputs)
    output = names[id(network.outputs[0])]
    shapes = ["N", network.inputs[0].shape[-1], "H", "W"], ["N", network.outputs[0].shape[-1], "h", "w"]
    return graph.to_bytes(output, *shapes)


def read_weights(content: bytes) -> list[np.ndarray]:
    """Read the weights that `network_to_onnx` wrote, in the order of `keras.Model.get_weights`."""
    import onnx
    from onnx import numpy_helper

    graph = onnx.load_model_from_string(content).graph
    stored = {f"{array.name.removesuffix('.half')}": numpy_helper.to_array(array) for array in graph.initializer}
    weights = []
    for node in graph.node:
        if node.op_type == "Conv":
            kernel, bias = (stored[name].astype(np.float32) for name in node.input[1:])
            groups = next(attribute.i for attribute in node.attribute if attribute.name == "group")
            weights += [kernel.transpose((2, 3, 0, 1) if groups > 1 else (2, 3, 1, 0)), bias]
    return weights


def dense_to_onnx(weights: Sequence[np.ndarray], activation: str) -> bytes:
    """Write a fully connected network with a linear output layer as an ONNX graph, in single precision.

    Parameters
    ----------
    weights : sequence of ndarray of float32
        For each layer the kernel, (inputs, outputs), and the bias, (outputs,).
    activation : {"relu", "sigmoid", "tanh"}
        Of the hidden layers.

    Returns
    -------
    bytes
        The file's content. Its input is (rows, inputs), its output (rows, outputs).
    """
    graph = _Graph()
    values = "input"
    for i, (kernel, bias) in enumerate(zip(weights[::2], weights[1::2], strict=True)):
        if i:
            values = graph.add(activation.capitalize(), [values], f"hidden_{i}")
        arrays = [graph.store(f"kernel_{i}", kernel), graph.store(f"bias_{i}", bias)]
        values = graph.add("Gemm", [values, *arrays], f"dense_{i}")
    return graph.to_bytes(values, ["N", weights[0].shape[0]], ["N", weights[-1].shape[0]])


def with_about(content: bytes, about: dict[str, Any]) -> bytes:
    """Return the content of an ONNX file with a description, as JSON, in its metadata."""
    import onnx

    model = onnx.load_model_from_string(content)
    onnx.helper.set_model_props(model, {ABOUT: json.dumps(about)})
    return model.SerializeToString()


class _Graph:
    """ONNX graph under construction."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._arrays: dict[str, onnx.TensorProto] = {}

    def add(self, kind: str, inputs: Sequence[str], name: str, **attributes: Any) -> str:
        """Add a node, and return the name of its output, which is that of the node."""
        from onnx import helper

        self._nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def store(self, name: str, values: np.ndarray, half: bool = False) -> str:
        """Add an array, and return the name under which its values are available in single precision."""
        from onnx import TensorProto, numpy_helper

        stored = f"{name}.half" if half else name
        if stored not in self._arrays:
            dtype = np.float16 if half else np.float32
            self._arrays[stored] = numpy_helper.from_array(np.ascontiguousarray(values, dtype), stored)
            if half:
                self.add("Cast", [stored], name, to=TensorProto.FLOAT)
        return name

    def to_bytes(self, output: str, input_shape: list, output_shape: list) -> bytes:
        """Check the graph and return the content of its file."""
        import onnx
        from onnx import TensorProto, helper

        first = helper.make_tensor_value_info("input", TensorProto.FLOAT, input_shape)
        last = helper.make_tensor_value_info(output, TensorProto.FLOAT, output_shape)
        graph = helper.make_graph(self._nodes, "colorlib", [first], [last], list(self._arrays.values()))
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
        onnx.checker.check_model(model, full_check=True)
        return model.SerializeToString()


def _convolution(graph: _Graph, layer: "keras.layers.Layer", inputs: list[str]) -> str:
    kernel, bias = (np.asarray(values) for values in layer.get_weights())
    depthwise = type(layer).__name__ == "DepthwiseConv2D"
    kernel = kernel.transpose((2, 3, 0, 1) if depthwise else (3, 2, 0, 1))
    size, stride = kernel.shape[-1], layer.strides[0]
    if layer.padding != "same" and size > 1:
        raise TypeError(f"layer {layer.name} has the padding {layer.padding}: it can't be written as ONNX here")
    before = max(size - stride, 0) // 2  # "same", for sides that are multiples of the stride
    after = max(size - stride, 0) - before
    arrays = [
        graph.store(f"{layer.name}.kernel", kernel, half=True),
        graph.store(f"{layer.name}.bias", bias, half=True),
    ]
    name = graph.add(
        "Conv",
        inputs + arrays,
        layer.name,
        kernel_shape=[size, size],
        strides=[stride, stride],
        pads=[before, before, after, after],
        group=len(kernel) if depthwise else 1,
    )
    activation = layer.activation.__name__
    if activation not in ("linear", "tanh"):
        raise TypeError(f"layer {layer.name} has the activation {activation}, which can't be written as ONNX here")
    return graph.add("Tanh", [name], f"{name}.tanh") if activation == "tanh" else name


def _relu6(graph: _Graph, layer: "keras.layers.Layer", inputs: list[str]) -> str:
    if layer.max_value != 6 or layer.negative_slope or layer.threshold:
        raise TypeError(f"layer {layer.name} is not a ReLU6 and can't be written as ONNX here")
    limits = [graph.store("zero", np.array(0)), graph.store("six", np.array(6))]
    return graph.add("Clip", inputs + limits, layer.name)


def _leaky_relu(graph: _Graph, layer: "keras.layers.Layer", inputs: list[str]) -> str:
    config = layer.get_config()["activation"]
    if config != "leaky_relu":
        raise TypeError(f"layer {layer.name} has the activation {config}, which can't be written as ONNX here")
    return graph.add("LeakyRelu", inputs, layer.name, alpha=_LEAKY_SLOPE)


def _upsampling(graph: _Graph, layer: "keras.layers.Layer", inputs: list[str]) -> str:
    scales = graph.store("twice", np.array([1, 1, 2, 2]))
    options = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    return graph.add("Resize", [*inputs, "", scales], layer.name, **options)


#: Kind of a Keras layer → function that adds it to a graph and returns the name of its output.
_WRITERS = {
    "InputLayer": lambda graph, layer, inputs: "input",
    "Conv2D": _convolution,
    "DepthwiseConv2D": _convolution,
    "ReLU": _relu6,
    "Activation": _leaky_relu,
    "Concatenate": lambda graph, layer, inputs: graph.add("Concat", inputs, layer.name, axis=1),
    "Add": lambda graph, layer, inputs: graph.add("Add", inputs, layer.name),
    "UpSampling2D": _upsampling,
    "GlobalAveragePooling2D": lambda graph, layer, inputs: graph.add("GlobalAveragePool", inputs, layer.name),
    "SpatialDropout2D": lambda graph, layer, inputs: inputs[0],  # active only in training
}
#: Kind of a Keras layer → its options whose values those functions take for granted.
_TAKEN_FOR_GRANTED: dict[str, dict[str, Any]] = {
    "Conv2D": {"use_bias": True, "dilation_rate": (1, 1), "groups": 1},
    "DepthwiseConv2D": {"use_bias": True, "dilation_rate": (1, 1), "depth_multiplier": 1},
    "Concatenate": {"axis": -1},
    "GlobalAveragePooling2D": {"keepdims": True},
    "UpSampling2D": {"size": (2, 2), "interpolation": "nearest"},
}


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]
