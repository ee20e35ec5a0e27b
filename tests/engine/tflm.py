"""The definition: TFLM's reference kernels as the tflite-micro wheel runs them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from tflite_micro.python.tflite_micro import runtime

from pipeline.ir import Graph

#: More than any model here needs; the wheel's own guess is too small for tiny files.
ARENA = 2**21


class Tflm:
    """One model in TFLM's interpreter."""

    def __init__(self, model: bytes) -> None:
        self._interpreter = runtime.Interpreter.from_bytes(
            model,
            arena_size=ARENA,
            intrepreter_config=runtime.InterpreterConfig.kPreserveAllTensors,
        )

    def continued(self, window: NDArray[Any]) -> NDArray[Any]:
        """Return the model's output for one window, state as the last one left it."""
        self._interpreter.set_input(window, 0)
        self._interpreter.invoke()
        output: NDArray[Any] = self._interpreter.get_output(0)
        return output

    def layers(self, graph: Graph, window: NDArray[Any]) -> list[NDArray[Any]]:
        """Return every operator's output for one window, state reset before."""
        self._interpreter.reset()
        self._interpreter.set_input(window, 0)
        self._interpreter.invoke()
        tensors = (graph.output_of(op) for op in graph.ops)
        return [
            np.array(self._interpreter.GetTensor(t.index, 0)["tensor_data"]).reshape(t.shape)
            for t in tensors
        ]
