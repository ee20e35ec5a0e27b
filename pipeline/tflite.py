"""Reads a .tflite into the IR. The file is not trusted: see pipeline/flatbuffer.py.

Float models are read too (their layers are compared with the int8 ones); what can be run is
decided by `pipeline/verify.py`. Schema: tensorflow/compiler/mlir/lite/schema/schema.fbs, version 3.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hil.errors import InputError, clean
from hil.files import read_file
from pipeline.flatbuffer import FlatbufferError, Table, root
from pipeline.fold import fold
from pipeline.ir import ABSENT, Graph, Op, Quantization, Tensor
from pipeline.operator_names import CUSTOM, operator_name
from pipeline.options import TABLES

#: More than any board here has flash for, many times over.
MAX_FILE_BYTES: Final = 64 * 2**20
#: MobileNet-sized networks have a few hundred of each.
MAX_TENSORS: Final = 10_000
MAX_OPS: Final = 2_000
MAX_OP_TENSORS: Final = 256  # of one operator
MAX_RANK: Final = 8
MAX_ELEMENTS: Final = 2**24  # of one tensor
MAX_TEXT: Final = 4096
#: Of a name's bytes, what is kept: any number of tensors may share one long name.
KEPT_TEXT: Final = 512
MAX_CHANNELS: Final = 2**14  # of one tensor with a scale per channel

#: Operators that cut their input into pieces.
PARTED: Final = ("SPLIT", "SPLIT_V", "UNPACK")

#: TensorType of the schema → NumPy dtype; types that no supported operator touches keep a name.
DTYPES: Final = {
    0: "float32", 1: "float16", 2: "int32", 3: "uint8", 4: "int64", 6: "bool", 7: "int16",
    8: "complex64", 9: "int8", 10: "float64", 11: "complex128", 12: "uint64", 15: "uint32",
    16: "uint16",
}  # fmt: skip


def read_tflite(path: Path) -> Graph:
    """Return the graph of a .tflite file. Raises InputError naming the file and the reason."""
    return parse_tflite(read_file(path, MAX_FILE_BYTES), str(path))


def parse_tflite(data: bytes, name: str) -> Graph:
    """Return the graph of a .tflite's bytes; `name` is used in messages. Raises InputError."""
    try:
        model = root(data, b"TFL3")
        subgraphs = model.tables(2, 64)
        if len(subgraphs) != 1:
            raise FlatbufferError(f"{len(subgraphs)} subgraphs, must be one")
        return fold(_graph(data, model, subgraphs[0]))
    except FlatbufferError as error:
        raise InputError(f"{name}: not a readable .tflite: {clean(str(error))}") from None


def _graph(data: bytes, model: Table, subgraph: Table) -> Graph:
    buffers = model.tables(4, MAX_TENSORS)
    codes = [_operator_code(code) for code in model.tables(1, MAX_OPS)]
    tensors = tuple(
        _tensor(i, table, buffers) for i, table in enumerate(subgraph.tables(0, MAX_TENSORS))
    )
    stored = [_op(i, t, codes, len(tensors)) for i, t in enumerate(subgraph.tables(3, MAX_OPS))]
    count = sum(len(op.outputs) if op.name in PARTED else 1 for op in stored)
    if count > MAX_OPS:
        raise FlatbufferError(f"{count} operators, more than {MAX_OPS}")
    single = (part for op in stored for part in _parts(op))
    ops = tuple(dataclasses.replace(op, index=i) for i, op in enumerate(single))
    inputs = _indices(subgraph, 1, len(tensors), "the model's inputs")
    outputs = _indices(subgraph, 2, len(tensors), "the model's outputs")
    return Graph(tensors, ops, inputs, outputs, hashlib.sha256(data).digest())


def _operator_code(table: Table) -> str:
    # The code moved to a wider field when it passed 127; the larger of the two counts.
    code = max(table.scalar(0, "i8"), table.scalar(3, "i32"))
    return clean(_text(table, 1), 40) or "CUSTOM" if code == CUSTOM else operator_name(code)


def _text(table: Table, slot: int) -> str:
    return table.text(slot, MAX_TEXT, KEPT_TEXT)


def _indices(table: Table, slot: int, count: int, what: str) -> tuple[int, ...]:
    numbers = table.numbers(slot, "int32", MAX_OP_TENSORS)
    indices = () if numbers is None else tuple(int(i) for i in numbers)
    if any(not 0 <= i < count and i != ABSENT for i in indices):
        raise FlatbufferError(f"{what} name a tensor that is not there")
    return indices


def _op(index: int, table: Table, codes: list[str], tensors: int) -> Op:
    code = table.scalar(0, "u32")
    if code >= len(codes):
        raise FlatbufferError(f"operator {index} has a code that is not listed")
    what = f"operator {index} ({codes[code]})"
    inputs = _indices(table, 1, tensors, what)
    outputs = _indices(table, 2, tensors, what)
    if ABSENT in outputs:
        raise FlatbufferError(f"{what} has an output that is not there")
    return Op(index, codes[code], inputs, outputs, _options(table))


def _parts(op: Op) -> list[Op]:
    """Return one operator per output for those that cut their input into pieces."""
    if op.name not in PARTED:
        return [op]
    return [
        dataclasses.replace(op, outputs=(output,), part=part)
        for part, output in enumerate(op.outputs)
    ]


def _options(table: Table) -> Any:
    kind = TABLES.get(table.scalar(3, "u8"))
    stored = table.table(4)
    if kind is None or stored is None:
        return None
    fields = dataclasses.fields(kind)
    return kind(
        **{f.name: stored.scalar(f.metadata["slot"], f.metadata["kind"], f.default) for f in fields}
    )


def _tensor(index: int, table: Table, buffers: list[Table]) -> Tensor:
    name = _text(table, 3)
    what = f"tensor {index} ({clean(name, 60)})"
    dims = table.numbers(0, "int32", MAX_RANK)
    shape = () if dims is None else tuple(int(d) for d in dims)
    if any(d < 0 for d in shape) or math.prod(shape) > MAX_ELEMENTS:
        raise FlatbufferError(f"{what} has the impossible shape {list(shape)}")
    kind = table.scalar(1, "i8")
    # int4, strings and whatever comes later: named, so that the verifier can refuse them by name.
    dtype = DTYPES.get(kind, f"type {kind}")
    return Tensor(
        index=index,
        name=name,
        shape=shape,
        dtype=dtype,
        quantization=_quantization(table.table(4), shape, what),
        data=_constant(table, buffers, shape, dtype, what),
        variable=bool(table.scalar(5, "bool", False)),
        open=_is_open(table),
    )


def _is_open(table: Table) -> bool:
    signature = table.numbers(7, "int32", MAX_RANK)
    return signature is not None and bool((signature < 0).any())


def _constant(
    table: Table, buffers: list[Table], shape: tuple[int, ...], dtype: str, what: str
) -> NDArray[Any] | None:
    number = table.scalar(2, "u32")
    if number >= len(buffers):
        raise FlatbufferError(f"{what} names a buffer that is not there")
    buffer = buffers[number]
    if buffer.scalar(1, "u64") > 1 or table.scalar(10, "u32"):
        raise FlatbufferError(f"{what} keeps its data outside the FlatBuffer")
    content = buffer.numbers(0, "uint8", MAX_FILE_BYTES)
    if content is None or len(content) == 0 or dtype not in DTYPES.values():
        return None
    if table.has(6):
        raise FlatbufferError(f"{what} is stored sparse; convert the model without sparsity")
    if len(content) != math.prod(shape) * np.dtype(dtype).itemsize:
        raise FlatbufferError(f"{what} holds {len(content)} bytes, not what its shape needs")
    constant: NDArray[Any] = content.view(np.dtype(dtype).newbyteorder("<")).reshape(shape)
    return constant


def _quantization(table: Table | None, shape: tuple[int, ...], what: str) -> Quantization | None:
    if table is None:
        return None
    scale = table.numbers(2, "float32", MAX_CHANNELS)
    zero_point = table.numbers(3, "int64", MAX_CHANNELS)
    # TFLM takes a tensor without zero points for one that is not quantized; so do we.
    if scale is None or len(scale) == 0 or zero_point is None or len(zero_point) == 0:
        return None
    if not (np.isfinite(scale).all() and (scale > 0).all()):
        raise FlatbufferError(f"{what} has a scale that is not a positive number")
    axis = table.scalar(6, "i32")
    # One for all scales saves space; TFLM takes the first for all, too.
    if len(zero_point) == 1 < len(scale):
        zero_point = np.full(len(scale), zero_point[0])
    if len(zero_point) != len(scale) or (np.abs(zero_point.astype(np.float64)) > 2**31).any():
        raise FlatbufferError(f"{what} has zero points that do not go with its scales")
    if len(scale) > 1 and not (0 <= axis < len(shape) and shape[axis] == len(scale)):
        raise FlatbufferError(f"{what} has {len(scale)} scales, which its shape does not")
    return Quantization(scale, zero_point, axis)
