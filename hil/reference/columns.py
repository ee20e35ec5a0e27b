"""What the model answers on this computer: float, int8 by the definition, and the side branches.

Every runtime is a column of its own, named. The column `int8` is the definition that the device
must equal byte for byte; the others show what the same file gives elsewhere.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from hil.errors import InputError, clean
from hil.model_folder import LayerPair, ModelFolder
from hil.record import ByteComparison, Column, LayerQuantization, Validation
from hil.reference.histogram import HistogramCounter
from hil.reference.inputs import Inputs, check_shapes
from hil.reference.pipeline_parts import Graph, read_float_model, read_int8_model
from hil.reference.runtimes import LITERT, HostModel, LiteRt, definition
from hil.verdict.drift import CODE_RANGES, LayerError, compare_bytes

#: Columns that are made here; a manifest's stage or variant must not pass for one of them.
RESERVED: Final = {"int8", "device", "device-raw", "retrained", *LITERT}

#: Not XNNPACK: it does not keep the tensors it computes.
FLOAT_KERNELS: Final = ("BUILTIN_WITHOUT_DEFAULT_DELEGATES", "LiteRT float kernels")


@dataclass
class Reference:
    """The host's side of a run. `int8[i]`: the definition's output for window i, flat.

    notes: what the report should say of it.
    """

    graph: Graph
    model: HostModel
    inputs: NDArray[np.int8]
    columns: list[Column] = field(default_factory=list)
    comparisons: list[ByteComparison] = field(default_factory=list)
    quantization: list[LayerQuantization] = field(default_factory=list)
    int8: list[NDArray[np.int8]] = field(default_factory=list)
    validation: Validation | None = None
    held_out: Validation | None = None
    notes: list[str] = field(default_factory=list)

    def layer_crcs(self, window: int, tensors: Sequence[int]) -> list[int]:
        """Return the CRC-32 of these tensors of the definition for one window."""
        self.model.run(self.inputs[window])
        return [zlib.crc32(np.ascontiguousarray(self.model.tensor(t)).tobytes()) for t in tensors]

    def tensors(self, window: int, tensors: Sequence[int]) -> list[NDArray[Any]]:
        """Return these tensors of the definition for one window."""
        self.model.run(self.inputs[window])
        return [self.model.tensor(t) for t in tensors]

    def kept(self, windows: Sequence[int], tensor: int) -> NDArray[Any] | None:
        """Return a tensor of the last of `windows`, had no state been reset before any but the
        first; None where this computer's runtime cannot tell.
        """
        if not self.model.run_on([self.inputs[i] for i in windows]):
            return None
        return self.model.tensor(tensor)


def scored(  # noqa: PLR0913, PLR0917 - a column is made of these
    name: str,
    runtime: str,
    kind: Literal["float", "int8", "device"],
    after: str | None,
    side_branch: bool,
    graph: Graph,
    outputs: Sequence[NDArray[Any] | None],
) -> Column:
    """Return a column from outputs (codes or floats, flat); None: the window was not measured.

    The class is the largest output, the first of equals, compared before any conversion: a device
    and a host with the same bytes have the same class.
    """
    predicted = tuple(-1 if o is None else int(np.argmax(o)) for o in outputs)
    scores = tuple(() if o is None else probabilities(graph, o) for o in outputs)
    return Column(name, runtime, kind, side_branch, after, predicted, scores)


def probabilities(graph: Graph, output: NDArray[Any]) -> tuple[float, ...]:
    """Dequantize where needed; apply a softmax where the model does not end in one."""
    values = output.astype(np.float64)
    if output.dtype != np.float32:
        tensor = graph.tensors[graph.outputs[0]]
        values = (values - int(tensor.zero_point)) * float(tensor.scale)
    if graph.ops[-1].name != "SOFTMAX":
        values = np.exp(values - values.max())
        values /= values.sum()
    return tuple(round(float(v), 6) for v in values)


def run_reference(folder: ModelFolder, inputs: Inputs, quiet: bool = False) -> Reference:
    """Run every host model over the windows. Raises InputError for files that do not fit."""
    _check_names(folder)
    graph = _checked(folder.int8, inputs, int8=True)
    made = Reference(graph, definition(folder.int8, graph), inputs.for_int8(graph))
    manifest = folder.manifest
    work = len(manifest.stages) + len(manifest.variants) + 1 + len(LITERT)
    with tqdm(
        total=work * len(inputs),
        desc="host models",
        unit="window",
        disable=True if quiet else None,
        leave=False,
    ) as bar:
        _float_stages(folder, inputs, made, bar)
        _definition(folder, inputs, made, bar)
        _variants(folder, inputs, made, bar)
        _other_runtimes(folder, made, bar)
    return made


def _check_names(folder: ModelFolder) -> None:
    for name in (*folder.manifest.stages, *folder.manifest.variants):
        if name in RESERVED or not name.isidentifier():
            raise InputError(f"{folder.path}: {clean(name, 40)!r} cannot name a stage or variant")


def _checked(path: Path, inputs: Inputs, int8: bool) -> Graph:
    graph = read_int8_model(path) if int8 else read_float_model(path)
    check_shapes(path, graph, inputs)
    return graph


def _float_stages(folder: ModelFolder, inputs: Inputs, made: Reference, bar: Any) -> None:
    after = None
    for name, file in folder.manifest.stages.items():
        path = folder.path / file
        graph = _checked(path, inputs, int8=False)
        model = LiteRt(path, *FLOAT_KERNELS)
        outputs = _all(model, inputs.for_float(graph), bar)
        made.columns.append(scored(name, model.runtime, "float", after, False, graph, outputs))
        after = name


def _all(model: HostModel, windows: NDArray[Any], bar: Any) -> list[NDArray[Any]]:
    outputs = []
    for window in windows:
        outputs.append(model.run(window).copy())
        bar.update()
    return outputs


def _definition(folder: ModelFolder, inputs: Inputs, made: Reference, bar: Any) -> None:
    """Run the definition, and beside it the float model it was quantized from, layer by layer."""
    twin = _Twin.of(folder, inputs, made.graph)
    for i, window in enumerate(made.inputs):
        made.int8.append(made.model.run(window).copy())
        if twin is not None:
            twin.compare(i, made.model)
        bar.update()
    if twin is not None:
        made.quantization = twin.results()
    after = made.columns[-1].name if made.columns else None
    made.columns.append(
        scored("int8", made.model.runtime, "int8", after, False, made.graph, made.int8)
    )


class _Twin:
    """The float model beside the int8 one: the same windows, tensor against tensor."""

    def __init__(
        self, path: Path, inputs: Inputs, graph: Graph, pairs: Sequence[LayerPair]
    ) -> None:
        float_graph = _checked(path, inputs, int8=False)
        self.model = LiteRt(path, *FLOAT_KERNELS, keep=True)
        self.inputs = inputs.for_float(float_graph)
        self.pairs = [_checked_pair(path, p, graph, float_graph) for p in pairs]
        self.layers = [_layer_error(p, graph) for p in pairs]
        self.counters = [_counter(p, graph) for p in pairs]

    @classmethod
    def of(cls, folder: ModelFolder, inputs: Inputs, graph: Graph) -> _Twin | None:
        """Return the twin, None where the folder has no float model or no pairs."""
        manifest = folder.manifest
        pairs = [p for p in manifest.layers if p.float_tensor is not None]
        if manifest.float_file is None or not pairs:
            return None
        return cls(folder.path / manifest.float_file, inputs, graph, pairs)

    def compare(self, i: int, model: HostModel) -> None:
        """Add window i, which `model` has just run."""
        self.model.run(self.inputs[i])
        places = zip(self.layers, self.counters, self.pairs, strict=True)
        for layer, counter, (ours, floats) in places:
            reference, codes = self.model.tensor(floats), model.tensor(ours)
            layer.add(reference, codes)
            counter.add(reference, codes)

    def results(self) -> list[LayerQuantization]:
        """Return what all windows together gave, layer by layer."""
        return [
            replace(layer.result(), histogram=counter.result())
            for layer, counter in zip(self.layers, self.counters, strict=True)
        ]


def _checked_pair(path: Path, pair: LayerPair, graph: Graph, float_graph: Graph) -> tuple[int, int]:
    where = f"{path.parent}/manifest.json: layer {clean(pair.name, 60)!r}"
    assert pair.float_tensor is not None
    for index, tensors in ((pair.int8_tensor, graph), (pair.float_tensor, float_graph)):
        if not 0 <= index < len(tensors.tensors):
            raise InputError(f"{where}: no tensor {index}")
    ours, floats = graph.tensors[pair.int8_tensor], float_graph.tensors[pair.float_tensor]
    if np.dtype(ours.dtype) not in CODE_RANGES or ours.quantization is None:
        raise InputError(f"{where}: tensor {pair.int8_tensor} is not quantized to int8 or int16")
    if floats.dtype != "float32" or floats.elements != ours.elements:
        raise InputError(f"{where}: float tensor {pair.float_tensor} does not have its size")
    return pair.int8_tensor, pair.float_tensor


def _layer_error(pair: LayerPair, graph: Graph) -> LayerError:
    tensor = graph.tensors[pair.int8_tensor]
    return LayerError(pair.name, pair.op, float(tensor.scale), int(tensor.zero_point))


def _counter(pair: LayerPair, graph: Graph) -> HistogramCounter:
    tensor = graph.tensors[pair.int8_tensor]
    return HistogramCounter(float(tensor.scale), int(tensor.zero_point), tensor.dtype)


def _variants(folder: ModelFolder, inputs: Inputs, made: Reference, bar: Any) -> None:
    """Further int8 models (qat): side branches after the last float stage."""
    floats = [c.name for c in made.columns if c.kind == "float"]
    after = floats[-1] if floats else None
    for name, file in folder.manifest.variants.items():
        path = folder.path / file
        graph = _checked(path, inputs, int8=True)
        model = definition(path, graph)
        outputs = _all(model, inputs.for_int8(graph), bar)
        made.columns.append(scored(name, model.runtime, "int8", after, True, graph, outputs))


def _other_runtimes(folder: ModelFolder, made: Reference, bar: Any) -> None:
    for name, (resolver, title) in LITERT.items():
        model = LiteRt(folder.int8, resolver, title)
        outputs = _all(model, made.inputs, bar)
        made.columns.append(scored(name, model.runtime, "int8", "int8", True, made.graph, outputs))
        made.comparisons.append(compare_bytes("int8", name, "output", made.int8, outputs))
