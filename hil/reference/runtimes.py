"""Host runtimes behind one face: LiteRT's kernels and TFLM's. Each resets state before a window.

Which is which matters: they give different bytes for the same int8 file. The definition that the
device must equal is TFLM's reference arithmetic, as PyPI's `tflite-micro` runs it.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Protocol

from numpy.typing import NDArray

from hil.errors import InputError, ToolError, clean
from hil.reference.pipeline_parts import Graph, interpreter

#: Column → (LiteRT's op resolver, what the record calls it).
LITERT: Final = {
    "int8-litert-ref": ("BUILTIN_REF", "LiteRT reference kernels"),
    "int8-litert": ("BUILTIN_WITHOUT_DEFAULT_DELEGATES", "LiteRT optimized kernels"),
    "int8-xnnpack": ("AUTO", "LiteRT with XNNPACK (its default)"),
}

#: TFLM's arena. Untouched pages take no memory, so it is generous: a model that fits a board's
#: 256 KB needs a few times that when every tensor is kept.
ARENA_BYTES: Final = 64 * 2**20


class HostModel(Protocol):
    """A model that runs here, one window at a time."""

    runtime: str

    def run(self, window: NDArray[Any]) -> NDArray[Any]:
        """Return the output (flat) for one window in the model's input shape."""

    def run_on(self, windows: Sequence[NDArray[Any]]) -> bool:
        """Run windows without resetting state between them; False where that cannot be done."""

    def tensor(self, index: int) -> NDArray[Any]:
        """Return a copy of a tensor of the last window, by its index in the .tflite."""


class LiteRt:
    """A model on LiteRT. `keep`: every intermediate tensor can be read."""

    def __init__(self, path: Path, resolver: str, title: str, keep: bool = False) -> None:
        litert = _runtime("ai_edge_litert.interpreter", "ai-edge-litert")
        self.runtime = f"{title} (ai-edge-litert {version('ai-edge-litert')})"
        with _native_errors(path):
            self._interpreter = litert.Interpreter(
                model_path=str(path),
                experimental_op_resolver_type=litert.OpResolverType[resolver],
                experimental_preserve_all_tensors=keep,
                num_threads=1,  # one order of summation, so floats repeat
            )
            self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]

    def run(self, window: NDArray[Any]) -> NDArray[Any]:
        """Return the output (flat) for one window."""
        self._interpreter.reset_all_variables()
        self._interpreter.set_tensor(self._input, window)
        self._interpreter.invoke()
        output: NDArray[Any] = self._interpreter.get_tensor(self._output).ravel()
        return output

    def run_on(self, windows: Sequence[NDArray[Any]]) -> bool:
        """Run windows without resetting state between them."""
        self._interpreter.reset_all_variables()
        for window in windows:
            self._interpreter.set_tensor(self._input, window)
            self._interpreter.invoke()
        return True

    def tensor(self, index: int) -> NDArray[Any]:
        """Return a copy of a tensor of the last window."""
        copy: NDArray[Any] = self._interpreter.get_tensor(index)
        return copy


class Tflm:
    """A model on TFLM's reference kernels: the int8 definition. Every tensor can be read."""

    def __init__(self, path: Path) -> None:
        tflm = _runtime("tflite_micro.python.tflite_micro.runtime", "tflite-micro")
        self.runtime = f"TFLM reference (tflite-micro {version('tflite-micro')})"
        with _native_errors(path):
            self._interpreter = tflm.Interpreter.from_bytes(
                path.read_bytes(),
                arena_size=ARENA_BYTES,
                intrepreter_config=tflm.InterpreterConfig.kPreserveAllTensors,
            )

    def run(self, window: NDArray[Any]) -> NDArray[Any]:
        """Return the output (flat) for one window. State (an LSTM's) would outlive an invoke."""
        self._interpreter.reset()
        self._interpreter.set_input(window, 0)
        self._interpreter.invoke()
        output: NDArray[Any] = self._interpreter.get_output(0).ravel()
        return output

    def run_on(self, windows: Sequence[NDArray[Any]]) -> bool:
        """Run windows without resetting state between them."""
        self._interpreter.reset()
        for window in windows:
            self._interpreter.set_input(window, 0)
            self._interpreter.invoke()
        return True

    def tensor(self, index: int) -> NDArray[Any]:
        """Return a copy of a tensor of the last window."""
        copy: NDArray[Any] = self._interpreter.GetTensor(index, 0)["tensor_data"]
        return copy


class NumpyInterpreter:
    """pipeline/interp.py: proved equal to TFLM, and there where tflite-micro has no wheel."""

    def __init__(self, graph: Graph) -> None:
        python = f"{sys.version_info.major}.{sys.version_info.minor}"
        self.runtime = f"pipeline.interp (tflite-micro has no wheel for Python {python})"
        self._run = interpreter()
        self._graph = graph
        self._tensors: dict[int, NDArray[Any]] = {}

    def run(self, window: NDArray[Any]) -> NDArray[Any]:
        """Return the output (flat) for one window."""
        self._tensors = self._run(self._graph, window[None])
        return self.tensor(self._graph.outputs[0]).ravel()

    def run_on(self, windows: Sequence[NDArray[Any]]) -> bool:
        """Not possible: this interpreter has no state between calls."""
        return False

    def tensor(self, index: int) -> NDArray[Any]:
        """Return a tensor of the last window."""
        value: NDArray[Any] = self._tensors[index][0]
        return value


def definition(path: Path, graph: Graph) -> HostModel:
    """Return the int8 definition for a verified .tflite."""
    return Tflm(path) if find_spec("tflite_micro") else NumpyInterpreter(graph)


def _runtime(module: str, package: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        raise ToolError(f"{package}: {clean(str(error))}; pip install {package}") from None


@contextmanager
def _native_errors(path: Path) -> Iterator[None]:
    """Turn what native code raises and prints into one line; keep its chatter off the screen."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        saved = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except (ValueError, RuntimeError) as error:
            held.seek(0)
            said = held.read().decode(errors="replace").strip().splitlines()
            reason = " ".join([str(error), *said[-1:]])
            raise InputError(f"{path}: the runtime refuses it: {clean(reason, 300)}") from None
        finally:
            os.dup2(saved, 2)
            os.close(saved)
