"""Small files that ask for much: every structure in which a .tflite says more than it holds.

A tensor costs a file some 60 bytes, whatever its shape; buffers, names and scales may be shared by
any number of tensors, and operators may be chained, fanned out and kept alive. HOSTILE are the
worst that are known of each kind; `random_graph` joins operators at random around shared constants.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tests.engine.build_model import Builder, options

Q: dict[str, Any] = {"scale": 0.05, "zero_point": -3}

#: As pipeline/tflite.py limits them.
MANY_OPS, MANY_TENSORS, MANY_INPUTS = 2000, 9_990, 256


def again(builder: Builder, tensor: int, shape: tuple[int, ...] | None = None) -> int:
    """Add a tensor on the buffer of another one; return its index."""
    first = builder.tensors[tensor]
    copy = schema.TensorT()
    for field in ("name", "type", "quantization", "buffer", "isVariable"):
        setattr(copy, field, getattr(first, field))
    copy.shape = list(shape or first.shape)
    builder.tensors.append(copy)
    return len(builder.tensors) - 1


def repeat(builder: Builder, tensor: int, count: int) -> None:
    """Add the very table of a tensor `count` times: the file holds it once."""
    first, written = builder.tensors[tensor], []
    pack = first.Pack

    def once(into: Any) -> Any:
        if not written:
            written.append(pack(into))
        return written[0]

    first.Pack = once
    builder.tensors += [first] * count


def weights(builder: Builder, shape: tuple[int, ...], *, zeros: float = 0.0, **kind: Any) -> int:
    rng = np.random.default_rng(1)
    values = rng.integers(-127, 128, shape) * (rng.random(shape) >= zeros)
    return builder.constant(values.astype(np.int8), **({"scale": 0.001} | kind))


def chain(
    builder: Builder, count: int, shape: tuple[int, ...], add: Callable[[int, int], None]
) -> bytes:
    """Return a model of `count` layers, one after the other; add(source, target) makes one."""
    first = source = builder.tensor(shape, **Q)
    for _ in range(count):
        target = builder.tensor(shape, **Q)
        add(source, target)
        source = target
    return builder.finish([first], [source])


def shared_rows(layers: int, size: int, zeros: float = 0.0, *, tensors: bool = False) -> bytes:
    """FULLY_CONNECTED layers on one matrix; tensors: a tensor for each, all on one buffer."""
    builder = Builder()
    matrix = weights(builder, (size, size), zeros=zeros)
    kind = options("FullyConnectedOptions")

    def add(source: int, target: int) -> None:
        used = again(builder, matrix) if tensors else matrix
        builder.op("FULLY_CONNECTED", [source, used], [target], kind)

    return chain(builder, layers, (1, size), add)


def shared_kernels(layers: int, depth: int, zeros: float) -> bytes:
    builder = Builder()
    kernel = weights(builder, (depth, 3, 3, depth), zeros=zeros)
    kind = options("Conv2DOptions", strideH=1, strideW=1)
    return chain(builder, layers, (1, 8, 9, depth), lambda source, target: builder.op(
        "CONV_2D", [source, kernel], [target], kind))  # fmt: skip


def shared_gates(layers: int, units: int) -> bytes:
    """LSTMs whose eight matrices are one."""
    builder = Builder()
    matrix = weights(builder, (units, units))
    bias = builder.constant(np.arange(units, dtype=np.int32))

    def add(source: int, target: int) -> None:
        inputs = [source] + [matrix] * 8 + [-1] * 3 + [bias] * 4 + [-1] * 8
        inputs[18] = builder.tensor((1, units), **Q, variable=True)
        inputs[19] = builder.tensor((1, units), "int16", scale=2.0**-11, variable=True)
        builder.op("UNIDIRECTIONAL_SEQUENCE_LSTM", inputs, [target], options(
            "UnidirectionalSequenceLSTMOptions", fusedActivationFunction=4))  # fmt: skip

    return chain(builder, layers, (1, 1, units), add)


def wide(layers: int, rows: int) -> bytes:
    """Layers of one weight a row: what says how to scale it is twelve times as much."""
    builder = Builder()
    column = weights(builder, (rows, 1))
    source = builder.tensor((1, 1), **Q)
    targets = [builder.tensor((1, rows), **Q) for _ in range(layers)]
    for target in targets:
        builder.op("FULLY_CONNECTED", [source, column], [target], options("FullyConnectedOptions"))
    return builder.finish([source], [targets[-1]])


def shared_operands(layers: int, size: int) -> bytes:
    builder = Builder()
    other = weights(builder, (1, size))
    return chain(builder, layers, (1, size), lambda source, target: builder.op(
        "ADD", [source, other], [target], options("AddOptions")))  # fmt: skip


def joined_constants(layers: int, size: int) -> bytes:
    """One constant laid beside itself again and again."""
    builder = Builder()
    piece = builder.constant(np.ones((1, size), np.int8), **Q)
    source = builder.tensor((1, size), **Q)
    target = source
    for _ in range(layers):
        target = builder.tensor((1, size * MANY_INPUTS), **Q)
        inputs = [source] + [piece] * (MANY_INPUTS - 1)
        builder.op("CONCATENATION", inputs, [target], options("ConcatenationOptions", axis=1))
    return builder.finish([source], [target])


def shared_scales() -> bytes:
    """A list of scales and zero points that every tensor has."""
    builder = Builder()
    channels = 2**14
    first = builder.tensor((channels,), scale=np.ones(channels, np.float32))
    repeat(builder, first, MANY_TENSORS)
    source, target = builder.tensor((1, 4), **Q), builder.tensor((1, 4), **Q)
    builder.op("RELU", [source], [target])
    return builder.finish([source], [target])


def long_names(name: str) -> bytes:
    """One name that every tensor has."""
    builder = Builder()
    first = builder.tensor((1, 4), **Q, name=name)
    repeat(builder, first, MANY_TENSORS)
    target = builder.tensor((1, 4), **Q, name=name)
    builder.op("RELU", [first], [target])
    return builder.finish([first], [target])


def many_pieces() -> bytes:
    """Operators with as many outputs as there may be, all of them one tensor."""
    builder = Builder()
    source, target = builder.tensor((1, MANY_INPUTS), **Q), builder.tensor((1, 1), **Q)
    axis = builder.constant(np.array(1, np.int32))
    kind = options("SplitOptions", numSplits=MANY_INPUTS)
    for _ in range(MANY_OPS):
        builder.op("SPLIT", [axis, source], [target] * MANY_INPUTS, kind)
    return builder.finish([source], [target])


def long_tables(name: str, kind: Any, size: int) -> bytes:
    """Axes, sizes or an order that go on and on."""
    builder = Builder()
    source = builder.tensor((1, 4, 4, 4), **Q)
    table = builder.constant(np.zeros(size, np.int32))
    last = table if name == "SPLIT_V" else None
    for _ in range(MANY_OPS):
        target = builder.tensor((1, 4, 4, 4), **Q)
        builder.op(name, [source, table, *([] if last is None else [last])], [target], kind)
    return builder.finish([source], [target])


def folded_sums(size: int) -> bytes:
    """Sums of constants, of more of them than a sum has."""
    builder = Builder()
    numbers = builder.constant(np.zeros(size, np.int32))
    source, target = builder.tensor((1, 4), **Q), builder.tensor((1, 4), **Q)
    for inputs in [[numbers] * 2, [numbers] * MANY_INPUTS]:
        builder.op("ADD", inputs, [builder.tensor((4,), "int32")], options("AddOptions"))
    builder.op("RELU", [source], [target])
    return builder.finish([source], [target])


def plain_chain(count: int) -> bytes:
    builder = Builder()
    return chain(builder, count, (1, 8), lambda source, target: builder.op(
        "RELU", [source], [target]))  # fmt: skip


def all_alive(count: int, sizes: list[int]) -> bytes:
    """Tensors that are all there at once: they are made first and joined at the end."""
    builder = Builder()
    source = builder.tensor((1, 64), **Q)
    begin = builder.constant(np.zeros(2, np.int32))
    told = {size: builder.constant(np.array([1, size], np.int32)) for size in set(sizes)}
    parts = []
    for size in (sizes[i % len(sizes)] for i in range(count)):
        cut, part = builder.tensor((1, size), **Q), builder.tensor((1, size), **Q)
        builder.op("SLICE", [source, begin, told[size]], [cut])
        builder.op("RELU", [cut], [part])
        parts.append((part, size))
    total, joined = parts[0]
    for part, size in parts[1:]:
        joined += size
        target = builder.tensor((1, joined), **Q)
        kind = options("ConcatenationOptions", axis=1)
        builder.op("CONCATENATION", [total, part], [target], kind)
        total = target
    return builder.finish([source], [total])


def large(layers: int, name: str, kind: Any = None) -> bytes:
    """Activations as large as they may be, which a file says in a few bytes."""
    builder = Builder()
    shape = (1, 2048, 2048, 1) if name == "MAX_POOL_2D" else (1, 1024, 4096, 1)
    order = builder.constant(np.array([0, 1, 2, 3], np.int32))
    more = [order] if name == "TRANSPOSE" else []
    return chain(builder, layers, shape, lambda source, target: builder.op(
        name, [source, *more], [target], kind))  # fmt: skip


def grown(name: str) -> bytes:
    """A few bytes padded, reshaped or repeated to what no memory holds."""
    builder = Builder()
    shape = (65535, 65535, 65535, 65535)
    source = builder.tensor((1, 2, 2, 1), **Q)
    target = builder.tensor(shape, **Q)
    table = np.full((4, 2), 2**30, np.int32) if name == "PAD" else np.array(shape, np.int32)
    inputs = [source, builder.constant(table)]
    if name == "ADD":
        inputs = [source, builder.tensor((1,) * 4, **Q)]
    kind = options("AddOptions") if name == "ADD" else None
    builder.op(name, inputs, [target], kind)
    return builder.finish([source], [target])


class Scribble:
    """A graph made at random: tensors so far by index, their shapes, and constants that are shared.

    Shapes are small, or so large that something must give; most operators fit their inputs.
    """

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.builder = Builder()
        extents = [self.draw.choice([1, 2, 3, 8, 17, 64]) for _ in range(3)]
        if self.draw.random() < 0.2:
            extents[self.draw.randrange(3)] = self.draw.choice([255, 4096, 65535, 65536, 2**21])
        self.shapes = {self.builder.tensor((1, *extents), **Q): (1, *extents)}
        self.constants: dict[tuple[int, ...], int] = {}

    def made(self, wanted: tuple[int, ...]) -> int:
        shape = tuple(min(extent, 2**31 - 1) for extent in wanted)  # what a file can say
        target = self.builder.tensor(shape, **Q)
        self.shapes[target] = shape
        return target

    def constant(self, shape: tuple[int, ...], **kind: Any) -> int:
        """Return weights of a shape, mostly the same ones."""
        if shape not in self.constants or self.draw.random() < 0.1:
            small = shape if math.prod(shape) < 2**20 else (1, 1)
            zeros = self.draw.choice([0.0, 0.0, 0.8, 1.0])
            self.constants[shape] = weights(self.builder, small, zeros=zeros, **kind)
        return self.constants[shape]

    def source(self) -> tuple[int, tuple[int, ...]]:
        index = self.draw.choice(list(self.shapes)[-8:])
        return index, self.shapes[index]

    def rows(self) -> None:
        source, shape = self.source()
        count = self.draw.choice([1, 4, 8, 33])
        matrix = self.constant((count, shape[-1]))
        target = self.made((math.prod(shape[:-1]), count))
        kind = options("FullyConnectedOptions", fusedActivationFunction=self.draw.randrange(2))
        self.builder.op("FULLY_CONNECTED", [source, matrix], [target], kind)

    def windows(self) -> None:
        source, shape = self.source()
        if len(shape) != 4:
            return
        side, count = self.draw.choice([1, 2, 3]), self.draw.choice([1, 4, 8])
        kernel = self.constant((count, side, side, shape[-1]))
        kind = options("Conv2DOptions", strideH=1, strideW=1)
        target = self.made((*shape[:3], count))
        self.builder.op("CONV_2D", [source, kernel], [target], kind)

    def sums(self) -> None:
        source, shape = self.source()
        alike = [i for i, other in self.shapes.items() if other == shape]
        other = self.draw.choice(alike) if self.draw.random() < 0.7 else self.constant(shape, **Q)
        self.builder.op("ADD", [source, other], [self.made(shape)], options("AddOptions"))

    def joins(self) -> None:
        source, shape = self.source()
        count = self.draw.choice([1, 2, 2, 3, 40])
        target = self.made((*shape[:-1], count * shape[-1]))
        kind = options("ConcatenationOptions", axis=len(shape) - 1)
        self.builder.op("CONCATENATION", [source] * count, [target], kind)

    def moves(self) -> None:
        source, shape = self.source()
        order = self.draw.sample(range(len(shape)), len(shape))
        table = self.builder.constant(np.array(order, np.int32))
        target = self.made(tuple(shape[i] for i in order))
        self.builder.op("TRANSPOSE", [source, table], [target])

    def flattens(self) -> None:
        source, shape = self.source()
        self.builder.op("RESHAPE", [source], [self.made((1, math.prod(shape)))])

    def units(self) -> None:
        source, shape = self.source()
        self.builder.op(self.draw.choice(["RELU", "RELU6"]), [source], [self.made(shape)])


def random_graph(seed: int) -> bytes:
    """Return a file made of operators joined at random; the same seed gives the same bytes."""
    scribble = Scribble(seed)
    steps = [scribble.rows, scribble.windows, scribble.sums, scribble.joins, scribble.moves,
             scribble.flattens, scribble.units]  # fmt: skip
    for _ in range(scribble.draw.choice([1, 5, 30, 200])):
        scribble.draw.choice(steps)()
    first, *_, last = scribble.shapes
    return scribble.builder.finish([first], [last])


POOL = options("Pool2DOptions", strideH=1, strideW=1, filterHeight=2, filterWidth=2)

#: What it is → how it is made, and whether it is a model that can be emitted.
HOSTILE: dict[str, tuple[Callable[[], bytes], bool]] = {
    "90 layers on one matrix": (lambda: shared_rows(90, 700), False),
    "2000 layers on one matrix": (lambda: shared_rows(MANY_OPS, 700), False),
    "tensors on one buffer": (lambda: shared_rows(4, 700, tensors=True), True),
    "pruned layers on one matrix": (lambda: shared_rows(4, 700, 0.7), True),
    "one matrix of 4 MB": (lambda: shared_rows(1, 2048), True),
    "one pruned matrix of 4 MB": (lambda: shared_rows(1, 2048, 0.6), True),
    "convolutions on one kernel": (lambda: shared_kernels(8, 128, 0.0), True),
    "pruned convolutions on one kernel": (lambda: shared_kernels(8, 128, 0.7), True),
    "LSTMs on one matrix": (lambda: shared_gates(4, 250), True),
    "rows of one weight": (lambda: wide(250, 65_535), False),
    "fewer rows of one weight": (lambda: wide(1, 65_535), True),
    "sums with one constant": (lambda: shared_operands(10, 65_535), True),
    "a constant beside itself": (lambda: joined_constants(20, 255), True),
    "scales of every tensor": (shared_scales, True),
    "one long name": (lambda: long_names("n" * 4095), True),
    "one long name beyond 16 bits": (lambda: long_names("\U0001f409" + "n" * 4000), True),
    "256 pieces of everything": (many_pieces, False),
    "endless axes": (lambda: long_tables("MEAN", options("ReducerOptions"), 100_000), False),
    "endless sizes": (lambda: long_tables("SPLIT_V", options("SplitVOptions"), 100_000), False),
    "endless order": (lambda: long_tables("TRANSPOSE", None, 100_000), False),
    "sums of many constants": (lambda: folded_sums(1_000_000), False),
    "400 tensors at once": (lambda: all_alive(400, [1, 7, 16, 33, 64]), True),
    "a chain of 2000": (lambda: plain_chain(MANY_OPS), True),
    "2000 large activations": (lambda: large(MANY_OPS, "RELU"), False),
    "30 large activations": (lambda: large(30, "RELU"), True),
    "15 large pools": (lambda: large(15, "MAX_POOL_2D", POOL), True),
    "30 large transpositions": (lambda: large(30, "TRANSPOSE"), True),
    "padded to anything": (lambda: grown("PAD"), False),
    "reshaped to anything": (lambda: grown("RESHAPE"), False),
    "repeated to anything": (lambda: grown("ADD"), False),
}
