"""The few things the harness takes from `pipeline`, each loaded by name when it is needed.

The harness never imports pipeline: it meets a model through its folder. But the preprocessing, the
reader of .tflite files and the NumPy interpreter are defined there once, and are not restated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hil.errors import ToolError
from hil.model_folder import ModelFolder, PreprocessingConstants


class Tensor(Protocol):
    """What is used of pipeline.ir.Tensor."""

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: str
    quantization: Any
    variable: bool

    @property
    def elements(self) -> int:
        """Number of elements."""

    @property
    def scale(self) -> np.float32:
        """Real value of one step."""

    @property
    def zero_point(self) -> int:
        """Code of the real value 0."""


class Graph(Protocol):
    """What is used of pipeline.ir.Graph."""

    tensors: Sequence[Tensor]
    ops: Sequence[Any]
    inputs: Sequence[int]
    outputs: Sequence[int]

    def activations(self, op: Any) -> Sequence[Tensor]:
        """Return an operator's inputs that are neither constants nor state."""


class Preprocessing(Protocol):
    """pipeline.preprocess.Preprocessing."""

    def normalise(self, raw: NDArray[np.int16]) -> NDArray[np.float32]:
        """Return the float model's input."""

    def quantize(
        self, raw: NDArray[np.int16], input_scale: float, input_zero_point: int
    ) -> NDArray[np.int8]:
        """Return the int8 model's input."""


def read_float_model(path: Path) -> Graph:
    """Read a .tflite, checking every offset. Raises InputError.

    The light check for models that only run on the host: LiteRT knows their operators itself.
    """
    graph: Graph = import_module("pipeline.tflite").read_tflite(path)
    return graph


def read_int8_model(path: Path) -> Graph:
    """Read and verify an int8 .tflite: no native runtime opens one that was not. InputError."""
    graph: Graph = import_module("pipeline.verify").read_verified(path)
    return graph


def interpreter() -> Callable[[Graph, NDArray[np.int8]], dict[int, NDArray[Any]]]:
    """Return pipeline.interp.run_layers: (graph, inputs [N, …]) → tensor index → values [N, …]."""
    run: Callable[[Graph, NDArray[np.int8]], dict[int, NDArray[Any]]]
    run = import_module("pipeline.interp").run_layers
    return run


def explain(
    graph: Graph, tensor: int, inputs: dict[int, NDArray[Any]], actual: NDArray[Any]
) -> tuple[str, str] | None:
    """Return the wrong rule that gives a layer's bytes, and its words: see pipeline/hypotheses."""
    found: tuple[str, str] | None
    found = import_module("pipeline.hypotheses").explain(graph, tensor, inputs, actual)
    return found


def probes(graph: Graph, tensor: int) -> NDArray[np.int8] | None:
    """Return inputs whose outputs tell a layer's constants: see pipeline/hypotheses/recover.py."""
    made: NDArray[np.int8] | None
    made = import_module("pipeline.hypotheses.recover").probes(graph, tensor)
    return made


def recover(graph: Graph, tensor: int, inputs: NDArray[np.int8], actual: NDArray[Any]) -> Any:
    """Return pipeline.hypotheses.recover.Recovered from the answers to `probes`; None: nothing."""
    return import_module("pipeline.hypotheses.recover").recover(graph, tensor, inputs, actual)


def experiments(  # noqa: PLR0913, PLR0917 - as pipeline has it
    int8: Graph,
    floats: Graph,
    pairs: Sequence[tuple[int, int]],
    inputs: NDArray[np.float32],
    calibration: NDArray[np.float32] | None,
    labels: NDArray[Any],
) -> Any:
    """Return pipeline.experiments.Experiments, None for a model it cannot run."""
    return import_module("pipeline.experiments").experiments(
        int8, floats, pairs, inputs, calibration, labels
    )


def retrain(folder: ModelFolder, constants: PreprocessingConstants) -> Any:
    """Return pipeline.train.retrain.Retrained. Raises InputError, and ToolError where training's
    packages are not installed: the harness does not need them.
    """
    try:
        return import_module("pipeline.train.retrain").retrain(folder, constants)
    except ModuleNotFoundError as error:
        raise ToolError(
            f"--retrain trains, which needs {error.name}: pip install -e '.[train]'"
        ) from None


def arena(model: Path) -> Any:
    """Return pipeline.emit_c.arena.Arena of an int8 .tflite as the firmware has it. InputError."""
    return import_module("pipeline.emit_c.arena").arena_of(model)


def preprocessing(mean: Sequence[float], std: Sequence[float]) -> Preprocessing:
    """Return the one definition of the preprocessing with these constants (counts per channel)."""
    made: Preprocessing = import_module("pipeline.preprocess").Preprocessing(
        tuple(mean), tuple(std)
    )
    return made
