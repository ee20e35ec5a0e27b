"""Decides whether a graph can be run and emitted, before any native runtime opens the file.

Everything that stands in the way is said at once, in one line, each with its layer.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Final

from hil.errors import InputError, clean
from pipeline.ir import ABSENT, Graph, Op, Tensor
from pipeline.ops import OPERATORS, RefusedError, shape, view
from pipeline.ops.base import check_activation, require
from pipeline.tflite import read_tflite

#: Places of `shape` in `struct nn_layer` (firmware/lib/nn/nn_model.h), and the largest in one.
MAX_RANK: Final = 4
MAX_DIM: Final = 2**16 - 1
#: Of one inference, in multiply-accumulates: minutes on these boards.
MAX_MACS: Final = 2**30
#: Of one inference, in values that layers make: as much.
MAX_VALUES: Final = 2**27
#: Of all layers, in elements of constants that they read, shared ones each time: sixteen times the
#: flash of the larger board. It bounds the time that they take here.
MAX_CONSTANTS: Final = 2**24
#: Of all layers, in rows of weights; what says how to scale them takes 12 bytes a row at least.
MAX_ROWS: Final = 2**19
#: Of one constant, in elements: four times that flash. It bounds the memory.
MAX_CONSTANT: Final = 2**22
#: Of one activation, in bytes: sixteen times the RAM of the larger board.
MAX_ACTIVATION: Final = 2**22

#: Reasons told of one model.
MAX_REASONS: Final = 100

#: Operators that move values without reading them.
MOVING: Final = frozenset({*shape.INPUTS, *view.VIEWS, "CONCATENATION", "PACK"})

#: Operators whose outputs are scaled by channel.
WITH_ROWS: Final = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"})

#: Operators that remember; their own checks say which of their inputs are states.
STATEFUL: Final = frozenset({"UNIDIRECTIONAL_SEQUENCE_LSTM", "SVDF"})

#: What a model may take, and what it may give.
INPUT_TYPES: Final = ("int8", "uint8", "float32")
OUTPUT_TYPES: Final = (*INPUT_TYPES, "int32", "int64")

#: Operators that converters write where the batch is open, and not where it is one.
OPEN_BATCH: Final = frozenset({
    "SHAPE", "GATHER", "REDUCE_PROD", "FILL", "BROADCAST_TO", "SPACE_TO_BATCH_ND",
    "BATCH_TO_SPACE_ND", "WHILE",
})  # fmt: skip
ONE_WINDOW: Final = "convert it for one window, with batch_size=1: an open batch brings these"

FULL_INT8: Final = (
    "convert it with full integer quantization (TFLITE_BUILTINS_INT8, int8 input and output)"
)


def read_verified(path: Path) -> Graph:
    """Return the graph of a .tflite that can be run and emitted. Raises InputError."""
    graph = read_tflite(path)
    verify(graph, str(path))
    return graph


def require_int8_ends(graph: Graph, name: str) -> None:
    """Raise InputError unless the model takes and gives int8 codes: what a device's link carries.

    Others can be emitted: the C takes and gives their bytes.
    """
    for what, (index,) in (("input", graph.inputs), ("output", graph.outputs)):
        dtype = graph.tensors[index].dtype
        if dtype != "int8":
            raise InputError(f"{name}: its {what} is {dtype}; to run it on a device, {FULL_INT8}")


def verify(graph: Graph, name: str) -> None:
    """Raise InputError unless the model can be run; `name` is the file's, for the message."""
    if not graph.ops:
        raise InputError(f"{name}: has no operators")
    if scheme := _other_scheme(graph):
        raise InputError(f"{name}: {scheme}; {FULL_INT8}")
    if too_much := "; ".join(_too_much(graph)):
        raise InputError(f"{name}: {too_much}; use a smaller model")
    reasons = list(islice(chain(_unsupported(graph), _reasons(graph)), MAX_REASONS + 1))
    if len(reasons) > MAX_REASONS:
        reasons[-1] = "and more"
    if reasons:
        raise InputError(f"{name}: {'; '.join(reasons)}")


def _too_much(graph: Graph) -> Iterator[str]:
    """Yield what is beyond any device, before anything is looked at that takes time or memory."""
    inputs = (graph.tensors[i] for op in graph.ops for i in op.inputs if i != ABSENT)
    sizes = [tensor.elements for tensor in inputs if tensor.data is not None]
    values = sum(graph.tensors[i].elements for op in graph.ops for i in op.outputs)
    rows = sum(graph.output_of(op).shape[-1] for op in graph.ops if _has_rows(graph, op))
    for what, count, most in (
        ("has a constant of {} elements", max(sizes, default=0), MAX_CONSTANT),
        ("its layers read {} elements of constants", sum(sizes), MAX_CONSTANTS),
        ("its layers have {} rows of weights", rows, MAX_ROWS),
        ("its layers make {} values", values, MAX_VALUES),
    ):
        if count > most:
            yield f"{what.format(count)}, more than {most}"


def _has_rows(graph: Graph, op: Op) -> bool:
    return op.name in WITH_ROWS and bool(op.outputs) and bool(graph.output_of(op).shape)


def _reasons(graph: Graph) -> Iterator[str]:
    """Yield what is wrong: with how operators hang together, else with each by itself."""
    sound = True
    for reason in _ill_formed(graph):
        sound = False
        yield reason
    if sound:
        yield from _refused(graph)


def _other_scheme(graph: Graph) -> str | None:
    """Return in which way the model as a whole is not an int8 one, None where it is.

    float32 may stand at its ends, where QUANTIZE and DEQUANTIZE are; so may uint8.
    """
    used = {i for op in graph.ops for i in (*op.inputs, *op.outputs) if i != ABSENT}
    others = [t for t in graph.tensors if t.dtype in ("float32", "uint8") and t.index in used]
    ends = _ends(graph)
    strange = [t for t in others if t.data is not None or t.index not in ends]
    if not strange:
        return None
    constants = [t for t in strange if t.data is not None]
    what, example = ("weights", constants[0]) if constants else ("activations", strange[0])
    where = clean(example.name, 60)
    if example.dtype == "uint8":
        return f"is quantized to uint8, the older scheme (its {what} {where})"
    return f"has float {what} ({where})"


def _ends(graph: Graph) -> set[int]:
    """Return the tensors that are only quantized from, or (de)quantized to and then moved."""
    others_read = {i for op in graph.ops if op.name != "QUANTIZE" for i in op.inputs}
    ends = {i for op in graph.ops for i in op.inputs} - others_read
    for op in graph.ops:
        moved = op.name in MOVING and any(i in ends for i in op.inputs)
        if moved or op.name in ("QUANTIZE", "DEQUANTIZE"):
            ends.update(op.outputs)
    return ends


def layer(graph: Graph, op: Op) -> str:
    """Return how messages call a layer: "layer 3 (dense_1)"."""
    return (
        f"layer {op.index} ({clean(graph.layer_name(op), 40)})"
        if op.outputs
        else f"layer {op.index}"
    )


def _unsupported(graph: Graph) -> Iterator[str]:
    places: dict[str, list[Op]] = {}
    for op in graph.ops:
        if op.name not in OPERATORS:
            places.setdefault(clean(op.name, 40), []).append(op)
    if places:
        found = ", ".join(f"{name} at {_layers(graph, ops)}" for name, ops in places.items())
        remedy = f" ({ONE_WINDOW})" if places.keys() & OPEN_BATCH else ""
        supported = ", ".join(sorted(OPERATORS))
        yield f"unsupported operators: {found}{remedy}; supported are {supported}"


def _layers(graph: Graph, ops: list[Op]) -> str:
    return ", ".join([layer(graph, ops[0]), *(str(op.index) for op in ops[1:])])


def _ill_formed(graph: Graph) -> Iterator[str]:
    """Yield what is wrong with how the operators hang together."""
    for what, indices in (("input", graph.inputs), ("output", graph.outputs)):
        if len(indices) != 1 or indices[0] == ABSENT:
            yield f"has {len(indices)} {what}s, must be one"
            return
        if graph.tensors[indices[0]].elements > MAX_ACTIVATION:
            yield f"the model's {what} is too large"
        try:
            _check_end(graph.tensors[indices[0]], what)
        except RefusedError as refused:
            yield f"{refused}; {FULL_INT8}"
    ready = {graph.inputs[0]}
    yield from _shared_states(graph)
    for op in graph.ops:
        if op.name in OPERATORS:  # others are refused for that; what they make is read
            if len(op.outputs) != 1:
                yield f"{op.name} at {layer(graph, op)} has {len(op.outputs)} outputs"
                return
            yield from _out_of_order(graph, op, ready)
        ready.update(op.outputs)
    if graph.outputs[0] not in ready or graph.outputs[0] == graph.inputs[0]:
        yield "its output is not made by any operator"


def _out_of_order(graph: Graph, op: Op, ready: Collection[int]) -> Iterator[str]:
    """Yield what is wrong with what an operator reads and writes; ready: what is there by then."""
    where = f"{op.name} at {layer(graph, op)}"
    for tensor in (graph.tensors[i] for i in op.inputs if i != ABSENT):
        if tensor.data is None and not tensor.variable and tensor.index not in ready:
            yield f"{where} reads tensor {tensor.index} before it is made"
    if op.name not in STATEFUL and any(graph.tensors[i].variable for i in op.inputs if i != ABSENT):
        yield f"{where} reads a state"
    if not graph.activations(op):
        yield f"{where} reads constants only"
    target = graph.output_of(op)
    if target.index in ready or target.data is not None or target.variable:
        yield f"{where} overwrites tensor {target.index}"
    if _too_large(target):
        yield f"{where} has the shape {list(target.shape)}: too large"


def _shared_states(graph: Graph) -> Iterator[str]:
    """Yield a reason where what one operator remembers, another changes."""
    states = [i for op in graph.ops for i in op.inputs if i != ABSENT and graph.tensors[i].variable]
    if len(states) != len(set(states)):
        yield "has a state that two operators share"


def _check_end(tensor: Tensor, what: str) -> None:
    if tensor.dtype == "int8":
        check_activation(tensor, f"the model's {what}")
        return
    allowed = INPUT_TYPES if what == "input" else OUTPUT_TYPES
    good = tensor.dtype in allowed and tensor.data is None and tensor.elements > 0
    require(good, f"the model's {what} is {tensor.dtype}")


def _too_large(tensor: Tensor) -> bool:
    places = len(tensor.shape) > MAX_RANK or max(tensor.shape, default=0) > MAX_DIM
    return places or tensor.elements > MAX_ACTIVATION


def _refused(graph: Graph) -> Iterator[str]:
    macs, is_open = 0, False
    for op in (op for op in graph.ops if op.name in OPERATORS):
        try:
            OPERATORS[op.name].check(graph, op)
            macs += OPERATORS[op.name].macs(graph, op)
        except RefusedError as refused:
            yield f"{op.name} at {layer(graph, op)}: {refused}"
            is_open = is_open or any(graph.tensors[i].open for i in (*op.inputs, *op.outputs))
    if is_open:
        yield ONE_WINDOW
    if macs > MAX_MACS:
        yield f"takes {macs} multiply-accumulates, more than {MAX_MACS}"
