"""ADD, SUB, MUL, MAXIMUM and MINIMUM in C."""

from __future__ import annotations

from typing import Final

import numpy as np

from pipeline.emit_c.layer import Context, Emitter, LayerCode, numbers, struct
from pipeline.emit_c.layout import Strides, merged, strides_of
from pipeline.emit_c.operand import operand
from pipeline.emit_c.overlap import element_by_element
from pipeline.emit_c.packed_matrix import finish_rows, scale_rows
from pipeline.emit_c.packing import Scales, shifts_fit
from pipeline.ir import Graph, Op
from pipeline.ops.elementwise import limits, product_of, sum_of

Row = tuple[str, str]

#: Largest right shift of a side: half of what is lost must fit 32 bits.
MAX_SIDE_RIGHT: Final = 30


def _walk(context: Context, op: Op) -> Row:
    extents, (first, second) = _walks(context.graph, op)
    walk = ", ".join(f"{{{numbers(*v)}}}" for v in (extents, first, second))
    return f"{{{walk}}}", "output's axes; steps of both inputs along them"


def _limits(context: Context, op: Op) -> Row:
    target = context.graph.output_of(op)
    values = numbers(target.zero_point, *limits(context.graph, op))
    return values, "output: zero point, lowest and highest code"


def _zero_points(context: Context, op: Op) -> Row:
    values = numbers(*(context.graph.need(op, i).zero_point for i in (0, 1)))
    return values, "zero points of the inputs"


def _rows(context: Context, op: Op) -> list[Row]:
    if op.name in ("MAXIMUM", "MINIMUM"):
        return [_walk(context, op), (str(int(op.name == "MAXIMUM")), "1: the larger one")]
    if op.name == "MUL":
        scaling = [(numbers(*product_of(context.graph, op)), "product: multiplier, shift")]
    else:
        layer = sum_of(context.graph, op)
        scaling = [
            (numbers(*layer.first), "first input: multiplier, shift"),
            (numbers(*layer.second), "second input: multiplier, shift"),
            (numbers(layer.sign), "1: add, -1: subtract"),
            (numbers(*layer.output), "sum: multiplier, shift"),
        ]
    return [_walk(context, op), _zero_points(context, op), *scaling, _limits(context, op)]


KERNELS = {"ADD": "nn_add", "SUB": "nn_add", "MUL": "nn_mul"} | dict.fromkeys(
    ("MAXIMUM", "MINIMUM"), "nn_choose"
)


def _elementwise(context: Context, op: Op) -> LayerCode:
    symbol, kernel = context.symbol(op), KERNELS[op.name]
    layer = struct(kernel, symbol, _rows(context, op))
    first, second = (operand(context, op, i) for i in (0, 1))
    call = f"{kernel}(&{symbol}, {first[1]}, {second[1]}, {context.target(op)});"
    return LayerCode(first[0] + second[0] + layer, call, first[2] + second[2])


def _walks(graph: Graph, op: Op) -> tuple[tuple[int, ...], list[Strides]]:
    shape = graph.output_of(op).shape
    return merged(shape, *(strides_of(graph.need(op, i).shape, shape) for i in (0, 1)))


def _scales(graph: Graph, op: Op) -> Scales:
    """Return what becomes of the sums: one row."""
    multiplier, shift = (np.array([v], np.int64) for v in sum_of(graph, op).output)
    zero_point = graph.output_of(op).zero_point
    return Scales(np.zeros(1, np.int64), multiplier, shift, zero_point, *limits(graph, op))


def _line(context: Context, op: Op) -> LayerCode:
    graph, symbol = context.graph, context.symbol(op)
    layer, scales = sum_of(graph, op), _scales(graph, op)
    sides = [
        (f"{{{numbers(graph.need(op, i).zero_point, multiplier, -shift)}}}",
         f"{place} input: zero point, multiplier, shift to the right")
        for i, (place, (multiplier, shift)) in enumerate(
            [("first", layer.first), ("second", layer.second)]
        )
    ]  # fmt: skip
    made = struct(
        "nn_add_line",
        symbol,
        [
            (numbers(graph.output_of(op).elements), "elements"),
            *sides,
            (numbers(layer.sign), "1: add, -1: subtract"),
            (scale_rows(scales)[0], "sum: multiplier, shift to the right, half a code and offset"),
            *finish_rows(scales),
        ],
    )
    first, second = (operand(context, op, i) for i in (0, 1))
    call = f"nn_add_line(&{symbol}, {first[1]}, {second[1]}, {context.target(op)});"
    return LayerCode(first[0] + second[0] + made, call, first[2] + second[2])


def _line_twin(graph: Graph, op: Op) -> Emitter | str:
    layer, (extents, walks) = sum_of(graph, op), _walks(graph, op)
    if any(d != 1 for d in extents[:-1]) or any(walk[-1] != 1 for walk in walks):
        return "one side is repeated"
    if any(not -MAX_SIDE_RIGHT <= shift <= 0 for _, shift in (layer.first, layer.second)):
        return "one side is next to nothing"
    if not shifts_fit(_scales(graph, op).shift):
        return "a multiplier of 1/2 or more, or none"
    return Emitter("nn_add_line.h", _line, note="one line", leads=element_by_element)


TWINS = {"ADD": _line_twin, "SUB": _line_twin}

EMITTERS = {
    name: Emitter(f"{kernel}.h", _elementwise, leads=element_by_element)
    for name, kernel in KERNELS.items()
}
