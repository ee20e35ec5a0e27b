"""ADD, SUB, MUL, MAXIMUM and MINIMUM in C."""

from __future__ import annotations

from pipeline.emit_c.layer import Context, Emitter, LayerCode, numbers, struct
from pipeline.emit_c.layout import merged, strides_of
from pipeline.emit_c.operand import operand
from pipeline.emit_c.overlap import element_by_element
from pipeline.ir import Op
from pipeline.ops.elementwise import limits, product_of, sum_of

Row = tuple[str, str]


def _walk(context: Context, op: Op) -> Row:
    graph = context.graph
    shape = graph.output_of(op).shape
    sides = [strides_of(graph.need(op, i).shape, shape) for i in (0, 1)]
    extents, (first, second) = merged(shape, *sides)
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


EMITTERS = {
    name: Emitter(f"{kernel}.h", _elementwise, leads=element_by_element)
    for name, kernel in KERNELS.items()
}
