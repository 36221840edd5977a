"""What all networks share: however they were trained, they predict in ONNX Runtime and are saved as ONNX files."""

import hashlib
from pathlib import Path
from typing import Any, Self

import numpy as np

from ..paths import write_whole
from ._base import Colorizer
from ._files import Saved
from ._onnx import Session, with_about

__all__ = ["GraphColorizer"]


class GraphColorizer(Colorizer):
    """A colorizer that is a network; `fit` ends with `_set_graph`.

    Attributes
    ----------
    fitted : tuple of str
        Names of the numbers that `fit` sets besides the network and `save` keeps.
    threads : int, optional
        Number of threads of one run of the network; one per processor by default.
    """

    suffix = ".onnx"
    fitted: tuple[str, ...] = ()
    threads: int | None = None
    _graph: bytes | None = None
    _session: Session | None = None
    _parameters = 0
    _remembered: dict[bytes, np.ndarray] | None = None

    @property
    def parameters(self) -> int:
        """Number of fitted parameters."""
        return self._parameters

    @property
    def about(self) -> dict[str, Any]:
        """Description that a saved file holds: the model's name, its settings and the fitted numbers."""
        fitted = {name.removesuffix("_"): getattr(self, name) for name in self.fitted}
        return {"model": self.name, "settings": self.settings, "parameters": self.parameters} | fitted

    def save(self, path: str | Path) -> None:
        """Write the fitted model to one ``.onnx`` file, whole or not at all."""
        if self._graph is None:
            raise ValueError(f"nothing can be saved in {path}: fit the model first")
        write_whole(Path(path), with_about(self._graph, self.about))

    def run(self, values: np.ndarray) -> np.ndarray:
        """Run the network on a batch of inputs."""
        if self._session is None:
            raise ValueError(f"this {type(self).__name__} is not fitted: call fit, or load a saved one")
        if self._remembered is None:
            return self._session(values)
        key = hashlib.sha256(f"{values.shape}".encode() + values.tobytes()).digest()
        if key not in self._remembered:
            self._remembered[key] = self._session(values)
        return self._remembered[key]

    def remember(self) -> Self:
        """Keep the network's outputs from now on, so that an image that comes again costs next to nothing.

        Copies of the model that use the same network otherwise, such as those of `with_look`, share what is kept. It
        takes the memory of all outputs: less than half a megabyte a photo for a U-Net that puts out a,b.

        Returns
        -------
        GraphColorizer
            Itself.
        """
        self._remembered = {}
        return self

    def _set_graph(self, graph: bytes, parameters: int) -> None:
        """Predict with this graph from now on."""
        self._graph, self._parameters = graph, parameters
        if self._remembered is not None:
            self._remembered = {}
        self._session = Session(graph, self.threads)

    def _restore_fitted(self, saved: Saved) -> None:
        for name in self.fitted:
            setattr(self, name, saved.about[name.removesuffix("_")])
        if saved.session is None:
            raise ValueError(f"{saved.path} is not an ONNX file: give one that {type(self).__name__}.save wrote")
        self._graph, self._parameters = saved.path.read_bytes(), saved.about["parameters"]
        self._session = saved.session if self.threads is None else Session(self._graph, self.threads)
