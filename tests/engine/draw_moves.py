"""Hypothesis strategies: operators that move values, reduce axes, or change what values are."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.engine.build_model import Builder, options
from tests.engine.draw_elementwise import quantization
from tests.engine.strategies import scales, seeds, zero_points

shapes = st.lists(st.integers(1, 5), min_size=1, max_size=4).map(tuple)


def int32(builder: Builder, values: Any) -> int:
    return builder.constant(np.array(values, np.int32))


def axis_of(draw: Any, rank: int) -> int:
    """Return an axis, counted from the front or from the back."""
    return int(draw(st.integers(-rank, rank - 1)))


@st.composite
def view_models(draw: Any, operator: str) -> bytes:
    """The output's shape is NumPy's of the same index."""
    builder = Builder()
    shape = draw(shapes)
    quantized = quantization(draw)
    source = builder.tensor(shape, **quantized)
    kind, outs = None, []
    if operator == "TRANSPOSE":
        order = draw(st.permutations(range(len(shape))))
        inputs, outs = [source, int32(builder, order)], [tuple(shape[i] for i in order)]
    elif operator == "SLICE":
        begin = [draw(st.integers(0, d - 1)) for d in shape]
        sizes = [draw(st.integers(1, d - b)) for d, b in zip(shape, begin, strict=True)]
        told = [draw(st.sampled_from([s, -1])) if b + s == d else s
                for d, b, s in zip(shape, begin, sizes, strict=True)]  # fmt: skip
        inputs = [source, int32(builder, begin), int32(builder, told)]
        outs = [tuple(sizes)]
    elif operator == "STRIDED_SLICE":
        inputs, outs, kind = strided(draw, builder, source, shape)
    else:
        axis = axis_of(draw, len(shape))
        at = axis % len(shape)
        if operator == "SPLIT":
            counts = [n for n in range(1, shape[at] + 1) if shape[at] % n == 0]
            count = draw(st.sampled_from(counts))
            inputs = [int32(builder, axis), source]
            piece = (*shape[:at], shape[at] // count, *shape[at + 1 :])
            kind = options("SplitOptions", numSplits=count)
        elif operator == "SPLIT_V":
            sizes = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
            shape = (*shape[:at], sum(sizes), *shape[at + 1 :])
            builder.tensors[source].shape = list(shape)
            told = [-1 if draw(st.booleans()) and i == 0 else s for i, s in enumerate(sizes)]
            inputs = [source, int32(builder, told), int32(builder, axis)]
            kind = options("SplitVOptions", numSplits=len(sizes))
            outs = [(*shape[:at], size, *shape[at + 1 :]) for size in sizes]
        else:
            count, inputs = shape[at], [source]
            piece = (*shape[:at], *shape[at + 1 :])
            kind = options("UnpackOptions", num=count, axis=axis)
        outs = outs or [piece] * count
    targets = [builder.tensor(out, **quantized) for out in outs]
    builder.op(operator, inputs, targets, kind)
    return builder.finish([source], [targets[draw(st.integers(0, len(targets) - 1))]])


def strided(draw: Any, builder: Builder, source: int, shape: tuple[int, ...]) -> Any:
    """Return STRIDED_SLICE's (inputs, output shapes, options): ranges that choose something."""
    begin, end, strides, index = [], [], [], []
    masks = {"beginMask": 0, "endMask": 0, "shrinkAxisMask": 0}
    for axis, extent in enumerate(shape):
        stride = draw(st.sampled_from([1, 1, 2, -1, -2, 3]))
        first, last = draw(st.integers(-extent - 1, extent)), draw(st.integers(-extent - 1, extent))
        open_ends = [draw(st.integers(0, 3)) == 0 for _ in range(2)]
        chosen: Any = slice(None if open_ends[0] else first, None if open_ends[1] else last, stride)
        if draw(st.integers(0, 4)) == 0 and -extent <= first < extent:
            masks["shrinkAxisMask"] |= 1 << axis
            stride, chosen = 1, first
        else:
            if len(range(extent)[chosen]) == 0:
                open_ends, chosen = [True, True], slice(None, None, stride)
            masks["beginMask"] |= open_ends[0] << axis
            masks["endMask"] |= open_ends[1] << axis
        begin.append(first), end.append(last), strides.append(stride), index.append(chosen)
    out = np.empty(shape)[tuple(index)].shape
    inputs = [source, *(int32(builder, v) for v in (begin, end, strides))]
    return inputs, [out], options("StridedSliceOptions", **masks)


@st.composite
def rename_models(draw: Any, operator: str) -> bytes:
    builder = Builder()
    shape = draw(shapes)
    quantized = quantization(draw)
    if operator == "SQUEEZE":
        places = draw(st.lists(st.booleans(), min_size=len(shape), max_size=len(shape)))
        shape = tuple(1 if p else d for p, d in zip(places, shape, strict=True))
    source = builder.tensor(shape, **quantized)
    if operator == "RESHAPE":
        out = (int(np.prod(shape)),) if draw(st.booleans()) else (*shape[::-1],)
        told = draw(st.sampled_from(["options", "tensor", "neither"]))
        inputs = [source, int32(builder, out)] if told == "tensor" else [source]
        kind = options("ReshapeOptions", newShape=list(out)) if told == "options" else None
    elif operator == "SQUEEZE":
        out = tuple(d for d in shape if d != 1)
        inputs, kind = [source], options("SqueezeOptions", squeezeDims=[])
    else:
        axis = axis_of(draw, len(shape) + 1) if len(shape) < 4 else 0
        shape = shape[:3]
        builder.tensors[source].shape = list(shape)
        at = axis % (len(shape) + 1)
        out = (*shape[:at], 1, *shape[at:])
        inputs, kind = [source, int32(builder, axis)], options("ExpandDimsOptions")
    target = builder.tensor(out, **quantized)
    builder.op(operator, inputs, [target], kind)
    return builder.finish([source], [target])


@st.composite
def join_models(draw: Any, operator: str) -> bytes:
    """The input, a constant, and the input moved, in any order."""
    builder = Builder()
    shape = draw(shapes.filter(lambda s: operator == "CONCATENATION" or len(s) < 4))
    quantized = quantization(draw)
    source = builder.tensor(shape, **quantized)
    rank = len(shape) + (operator == "PACK")
    axis = axis_of(draw, rank)
    at, parts, sizes = axis % rank, [], []
    for kind in draw(st.lists(st.sampled_from(["same", "moved", "constant"]), max_size=3)):
        other = shape
        if operator == "CONCATENATION" and kind == "constant":
            other = (*shape[:at], draw(st.integers(1, 3)), *shape[at + 1 :])
        if kind == "same":
            parts.append(source)
        elif kind == "moved":
            parts.append(builder.tensor(shape, **quantized))
            order = int32(builder, range(len(shape)))
            builder.op("TRANSPOSE", [source, order], [parts[-1]])
        else:
            rng = np.random.default_rng(draw(seeds))
            values = rng.integers(-128, 128, other, dtype=np.int8)
            parts.append(builder.constant(values, **quantized))
        sizes.append(other)
    parts.append(source)
    sizes.append(shape)
    if operator == "PACK":
        out = (*shape[:at], len(parts), *shape[at:])
        kind = options("PackOptions", valuesCount=len(parts), axis=axis)
    else:
        out = (*shape[:at], sum(s[at] for s in sizes), *shape[at + 1 :])
        kind = options("ConcatenationOptions", axis=axis)
    target = builder.tensor(out, **quantized)
    builder.op(operator, parts, [target], kind)
    return builder.finish([source], [target])


@st.composite
def pad_models(draw: Any, operator: str) -> bytes:
    builder = Builder()
    shape = draw(shapes)
    quantized = quantization(draw)
    source = builder.tensor(shape, **quantized)
    pairs = [[draw(st.integers(0, 3)), draw(st.integers(0, 3))] for _ in shape]
    inputs = [source, int32(builder, pairs)]
    if operator == "PADV2":
        value = np.array(draw(st.integers(-128, 127)), np.int8)
        inputs.append(builder.constant(value, **quantized))
    out = tuple(d + a + b for d, (a, b) in zip(shape, pairs, strict=True))
    target = builder.tensor(out, **quantized)
    kind = "PadOptions" if operator == "PAD" else "PadV2Options"
    builder.op(operator, inputs, [target], options(kind))
    return builder.finish([source], [target])


@st.composite
def reduce_models(draw: Any, operator: str) -> bytes:
    builder = Builder()
    shape = draw(shapes)
    axes = draw(st.lists(st.integers(0, len(shape) - 1), min_size=1, max_size=4, unique=True))
    told = [a - len(shape) if draw(st.booleans()) else a for a in axes]
    keep = draw(st.booleans())
    kept = [1 if i in axes else d for i, d in enumerate(shape) if keep or i not in axes]
    quantized = quantization(draw)
    source = builder.tensor(shape, **quantized)
    after = quantized if operator == "REDUCE_MAX" else quantization(draw)
    target = builder.tensor(tuple(kept), **after)
    inputs = [source, int32(builder, told)]
    builder.op(operator, inputs, [target], options("ReducerOptions", keepDims=keep))
    return builder.finish([source], [target])


@st.composite
def arg_max_models(draw: Any) -> bytes:
    builder = Builder()
    shape = draw(shapes)
    axis = axis_of(draw, len(shape))
    source = builder.tensor(shape, **quantization(draw))
    at = axis % len(shape)
    target = builder.tensor((*shape[:at], *shape[at + 1 :]), "int32")
    inputs = [source, int32(builder, axis)]
    builder.op("ARG_MAX", inputs, [target], options("ArgMaxOptions", outputType=2))
    return builder.finish([source], [target])


@st.composite
def dequantize_models(draw: Any) -> bytes:
    """What follows at a model's end: moved as floats, or not."""
    builder = Builder()
    shape = draw(shapes)
    source = builder.tensor(shape, scale=draw(scales(-30, 10)), zero_point=draw(zero_points))
    target = builder.tensor(shape, "float32")
    builder.op("DEQUANTIZE", [source], [target])
    if draw(st.booleans()):
        order = draw(st.permutations(range(len(shape))))
        moved = builder.tensor(tuple(shape[i] for i in order), "float32")
        builder.op("TRANSPOSE", [target, int32(builder, order)], [moved])
        target = moved
    return builder.finish([source], [target])


@st.composite
def quantize_models(draw: Any) -> bytes:
    """From float32, from uint8, or to uint8."""
    builder = Builder()
    shape = draw(shapes)
    ends = draw(st.sampled_from([("float32", "int8"), ("uint8", "int8"), ("int8", "uint8")]))
    tensors = []
    for dtype in ends:
        shift = 128 if dtype == "uint8" else 0
        quantized = {} if dtype == "float32" else {
            "scale": draw(scales(-6, 3)), "zero_point": draw(zero_points) + shift
        }  # fmt: skip
        tensors.append(builder.tensor(shape, dtype, **quantized))
    builder.op("QUANTIZE", tensors[:1], tensors[1:])
    return builder.finish(tensors[:1], tensors[1:])


VIEWS = ["STRIDED_SLICE", "SLICE", "SPLIT", "SPLIT_V", "UNPACK", "TRANSPOSE"]

MODELS = {
    **{name: view_models(name) for name in VIEWS},
    **{name: rename_models(name) for name in ("RESHAPE", "SQUEEZE", "EXPAND_DIMS")},
    **{name: join_models(name) for name in ("CONCATENATION", "PACK")},
    **{name: pad_models(name) for name in ("PAD", "PADV2")},
    **{name: reduce_models(name) for name in ("MEAN", "REDUCE_MAX")},
    "ARG_MAX": arg_max_models(),
    "DEQUANTIZE": dequantize_models(),
    "QUANTIZE": quantize_models(),
}
