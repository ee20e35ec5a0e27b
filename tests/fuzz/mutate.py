"""Damaged .tflite files: real ones with bytes, or fields of their structure, changed.

A case is (file, seed): the same seed makes the same bytes.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

#: Numbers that break readers: sign bits, limits, powers of two and their neighbours.
EVIL = [
    -(2**31), -129, -128, -2, -1, 0, 1, 2, 3, 4, 7, 127, 128, 255, 256, 2**15 - 1, 2**15, 2**16 - 1,
    2**16, 2**20, 2**22, 2**24, 2**30, 2**31 - 1,
]  # fmt: skip
SCALES = [0.0, -1.0, 1e-45, 1e-30, 1e-6, 1 / 256, 1.0, 3e38, float("inf"), float("nan")]


def damaged(data: bytes, seed: int) -> bytes:
    """Return a file made from `data` by one to six changes."""
    draw = random.Random(seed)
    if draw.random() < 0.4:
        return _bytes(data, draw)
    try:
        return _fields(data, draw)
    except (OverflowError, TypeError, ValueError, struct.error, AttributeError):
        # The writer itself could not hold the value (or a field that the change took away).
        return _bytes(data, draw)


def _bytes(data: bytes, draw: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(draw.randint(1, 6)):
        # Offsets and tables lie at both ends, weights between them.
        edge = min(len(changed), 6000)
        at = draw.choice([draw.randrange(edge), len(changed) - 1 - draw.randrange(edge)])
        kind = draw.randrange(4)
        if kind == 0:
            changed[at] ^= 1 << draw.randrange(8)
        elif kind == 1:
            at &= ~3
            changed[at : at + 4] = (draw.choice(EVIL) & 0xFFFFFFFF).to_bytes(4, "little")
        elif kind == 2:
            changed[at : at + 2] = (draw.choice(EVIL) & 0xFFFF).to_bytes(2, "little")
        else:
            del changed[at : at + draw.choice([1, 4, 100])]
    return bytes(changed)


def _fields(data: bytes, draw: random.Random) -> bytes:
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))
    for _ in range(draw.randint(1, 6)):
        draw.choice(CHANGES)(model, draw)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _tensor(model: Any, draw: random.Random) -> Any:
    return draw.choice(model.subgraphs[0].tensors)


def _operator(model: Any, draw: random.Random) -> Any:
    return draw.choice(model.subgraphs[0].operators)


def _change_shape(model: Any, draw: random.Random) -> None:
    shape = [int(d) for d in _tensor(model, draw).shape]
    tensor = _tensor(model, draw)
    kind = draw.randrange(4)
    if kind == 0 and shape:
        shape[draw.randrange(len(shape))] = draw.choice(EVIL)
    elif kind == 1:
        shape.insert(draw.randint(0, len(shape)), draw.choice([1, 1, 2, 70000]))
    elif kind == 2:
        draw.shuffle(shape)
    else:
        shape = shape[:-1]
    tensor.shape = shape


def _change_type(model: Any, draw: random.Random) -> None:
    _tensor(model, draw).type = draw.randrange(0, 20)


def _change_buffer(model: Any, draw: random.Random) -> None:
    kind, tensor = draw.randrange(3), _tensor(model, draw)
    if kind == 0:
        tensor.buffer = draw.randrange(len(model.buffers))
    elif kind == 1:
        tensor.isVariable = not tensor.isVariable
    else:
        buffer = draw.choice(model.buffers)
        size = draw.choice([0, 1, 4, 16, 1000])
        buffer.data = np.frombuffer(draw.randbytes(size), np.uint8)


def _change_constant(model: Any, draw: random.Random) -> None:
    """Small constants are axes, shapes and paddings."""
    small = [b for b in model.buffers if b.data is not None and 4 <= len(b.data) <= 64]
    if small:
        data = bytearray(bytes(draw.choice(small).data))
        at = draw.randrange(len(data) // 4) * 4
        data[at : at + 4] = (draw.choice(EVIL) & 0xFFFFFFFF).to_bytes(4, "little")
        draw.choice(small).data = np.frombuffer(bytes(data), np.uint8)


def _change_quantization(model: Any, draw: random.Random) -> None:
    quantization = _tensor(model, draw).quantization
    if quantization is None:
        return
    count = draw.choice([0, 1, 1, 2, 300])
    kind = draw.randrange(3)
    if kind == 0:
        quantization.scale = [draw.choice(SCALES)] * count
        quantization.zeroPoint = [0] * count
    elif kind == 1:
        quantization.zeroPoint = [draw.choice(EVIL)] * max(count, 1)
    else:
        quantization.quantizedDimension = draw.choice(EVIL)


def _change_links(model: Any, draw: random.Random) -> None:
    graph, operator = model.subgraphs[0], _operator(model, draw)
    links = [operator.inputs, operator.outputs, graph.inputs, graph.outputs]
    place = draw.randrange(4)
    changed = [int(i) for i in links[place]]
    kind = draw.randrange(3)
    index = draw.choice([-1, draw.randrange(len(graph.tensors)), draw.choice(EVIL)])
    if kind == 0 and changed:
        changed[draw.randrange(len(changed))] = index
    elif kind == 1:
        changed += [index] * draw.choice([1, 1, 300])
    else:
        changed = changed[:-1]
    owner, name = [
        (operator, "inputs"), (operator, "outputs"), (graph, "inputs"), (graph, "outputs")
    ][place]  # fmt: skip
    setattr(owner, name, changed)


def _change_operator(model: Any, draw: random.Random) -> None:
    code = draw.choice(model.operatorCodes)
    code.builtinCode = draw.choice([draw.randrange(0, 160), 2**31 - 1])
    code.deprecatedBuiltinCode = min(code.builtinCode, 127)


def _change_options(model: Any, draw: random.Random) -> None:
    options = _operator(model, draw).builtinOptions
    fields = [n for n, v in vars(options or object).items() if isinstance(v, (int, float))]
    if options is not None and fields:
        setattr(options, draw.choice(fields), draw.choice(EVIL))


def _copy_operators(model: Any, draw: random.Random) -> None:
    operators = model.subgraphs[0].operators
    operators.insert(draw.randrange(len(operators)), draw.choice(operators))
    if draw.random() < 0.1:
        operators += operators[-1:] * draw.choice([10, 3000])


CHANGES: list[Callable[[Any, random.Random], None]] = [
    _change_shape,
    _change_type,
    _change_buffer,
    _change_constant,
    _change_quantization,
    _change_links,
    _change_operator,
    _change_options,
    _change_options,
    _copy_operators,
]
