"""SVDF in C."""

from __future__ import annotations

from pipeline.emit_c.layer import Context, Emitter, LayerCode, numbers, struct
from pipeline.emit_c.text import array, shape_text
from pipeline.ir import Op
from pipeline.ops.svdf import STATE, Svdf, svdf_of


def _constants(context: Context, op: Op, layer: Svdf) -> tuple[str, int]:
    """Return weights and biases, and their bytes."""
    feature = array(
        "int8_t", context.symbol(op, "feature"), layer.feature,
        f"feature weights {shape_text(layer.feature.shape)}: filter, input",
    )  # fmt: skip
    time = array(
        "int16_t", context.symbol(op, "time"), layer.time,
        f"time weights {shape_text(layer.time.shape)}: filter, step, the newest last",
    )  # fmt: skip
    bias = array("int32_t", context.symbol(op, "bias"), layer.bias, "bias per unit")
    return feature + time + bias, layer.feature.size + 2 * layer.time.size + 4 * layer.bias.size


def _svdf(context: Context, op: Op) -> LayerCode:
    graph, symbol, layer = context.graph, context.symbol(op), svdf_of(context.graph, op)
    source, target, state = graph.need(op, 0), graph.output_of(op), graph.need(op, STATE)
    definitions, size = _constants(context, op, layer)
    definitions += struct(
        "nn_svdf",
        symbol,
        [
            (numbers(layer.depth, layer.filters, layer.memory, layer.rank),
             "inputs, filters, steps remembered, filters per unit"),
            (numbers(source.zero_point), "input: zero point"),
            (numbers(*layer.to_state), "feature to state: multiplier, shift"),
            (numbers(*layer.to_output), "sum to output: multiplier, shift"),
            (numbers(target.zero_point), "output: zero point"),
        ],
    )  # fmt: skip
    state_at = context.at_int16(context.plan.tensors[state.index])
    call = (
        f"nn_svdf(&{symbol}, {context.source(op)}, {symbol}_feature, {symbol}_time,\n"
        f"            {symbol}_bias, {state_at}, {context.target(op)});"
    )
    return LayerCode(
        definitions, call, size, f"    memset({context.at(state)}, 0, {state.size});\n"
    )


EMITTERS = {"SVDF": Emitter("nn_svdf.h", _svdf)}
