"""QUANTIZE and DEQUANTIZE in C."""

from __future__ import annotations

from pipeline.emit_c.layer import Context, Emitter, LayerCode
from pipeline.emit_c.overlap import element_by_element
from pipeline.emit_c.text import float_literal
from pipeline.emit_c.unary import look_up
from pipeline.ir import Op, Tensor


def _call(context: Context, op: Op, kernel: str, quantized: Tensor) -> LayerCode:
    scale = float_literal(float(quantized.scale))
    call = (
        f"{kernel}({scale}, {quantized.zero_point}, {context.source(op)}, {quantized.elements}, "
        f"{context.target(op)});"
    )
    return LayerCode("", call, 0)


def _quantize(context: Context, op: Op) -> LayerCode:
    graph = context.graph
    if graph.need(op, 0).dtype != "float32":
        return look_up(context, op)
    return _call(context, op, "nn_quantize", graph.output_of(op))


def _dequantize(context: Context, op: Op) -> LayerCode:
    return _call(context, op, "nn_dequantize", context.graph.need(op, 0))


EMITTERS = {
    "QUANTIZE": Emitter("nn_convert.h", _quantize, leads=element_by_element),
    "DEQUANTIZE": Emitter("nn_convert.h", _dequantize, leads=element_by_element),
}
