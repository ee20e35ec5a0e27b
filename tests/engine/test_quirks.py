"""What real files do: every quirk is among the models that are drawn and held against TFLM.

tests/engine/test_operators.py compares drawn models; here it is looked whether they have what they
are drawn for. A quirk that no model has any more would be tested by nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from pipeline.interp import run
from pipeline.ir import ABSENT, Graph, Op
from pipeline.options import Activation, Padding
from pipeline.tflite import parse_tflite
from pipeline.verify import verify
from tests.engine.build_model import Builder, options
from tests.engine.drawn import drawn
from tests.engine.tflm import Tflm

Quirk = Callable[[Graph, Op], bool]


def dilated_same(_graph: Graph, op: Op) -> bool:
    o = op.options
    return o.padding == Padding.SAME and max(o.dilation_h, o.dilation_w) > 1


def scales_per_row(graph: Graph, op: Op) -> bool:
    quantization = graph.need(op, 1).quantization
    return quantization is not None and len(quantization.scale) > 1


def fused(activation: Activation) -> Quirk:
    return lambda _, op: op.options.activation == activation


def has_bias(graph: Graph, op: Op) -> bool:
    return graph.input_of(op, 2) is not None


def axis_of_pack(_graph: Graph, op: Op) -> bool:
    return bool(op.options.axis != 0)


QUIRKS: list[tuple[str, str, Quirk]] = [
    ("MEAN", "keeps axes", lambda _, op: op.options.keep_dims),
    ("MEAN", "drops axes", lambda _, op: not op.options.keep_dims),
    ("REDUCE_MAX", "keeps axes", lambda _, op: op.options.keep_dims),
    ("STRIDED_SLICE", "begins anywhere", lambda _, o: o.options.begin_mask & ~o.options.end_mask),
    ("STRIDED_SLICE", "ends anywhere", lambda _, o: o.options.end_mask & ~o.options.begin_mask),
    ("STRIDED_SLICE", "removes an axis", lambda _, op: op.options.shrink_axis_mask),
    ("STRIDED_SLICE", "steps", lambda g, op: (abs(g.need(op, 3).data) > 1).any()),
    ("STRIDED_SLICE", "goes back", lambda g, op: (g.need(op, 3).data < 0).any()),
    ("SPLIT_V", "what others leave", lambda g, op: (g.need(op, 1).data == -1).any()),
    ("SPLIT_V", "other sizes", lambda g, op: len(set(g.need(op, 1).data.tolist())) > 1),
    ("SPLIT", "an axis from the back", lambda g, op: g.need(op, 0).data.item() < 0),
    ("PACK", "another axis than the first", axis_of_pack),
    ("PACK", "an axis from the back", lambda _, op: op.options.axis < 0),
    ("UNPACK", "another axis than the first", axis_of_pack),
    ("UNPACK", "an axis from the back", lambda _, op: op.options.axis < 0),
    ("UNIDIRECTIONAL_SEQUENCE_LSTM", "time first", lambda _, op: op.options.time_major),
    ("UNIDIRECTIONAL_SEQUENCE_LSTM", "batch first", lambda _, op: not op.options.time_major),
    ("FULLY_CONNECTED", "scales per row", scales_per_row),
    ("FULLY_CONNECTED", "one scale", lambda g, op: not scales_per_row(g, op)),
    ("FULLY_CONNECTED", "no bias", lambda g, op: not has_bias(g, op)),
    ("FULLY_CONNECTED", "a bias", has_bias),
    ("CONV_2D", "dilated with SAME", dilated_same),
    ("DEPTHWISE_CONV_2D", "dilated with SAME", dilated_same),
    ("DEPTHWISE_CONV_2D", "several kernels a channel", lambda _, op: op.options.multiplier > 1),
    ("RESHAPE", "no options", lambda _, op: op.options is None),
    ("RESHAPE", "neither options nor a shape", lambda _, op: len(op.inputs) == 1),
    *[(name, f"fused {activation.name}", fused(activation))
      for name in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "MAX_POOL_2D",
                   "AVERAGE_POOL_2D", "ADD", "SUB", "MUL")
      for activation in (Activation.RELU, Activation.RELU6, Activation.RELU_N1_TO_1)],
]  # fmt: skip


@pytest.mark.parametrize("operator", sorted({name for name, _, _ in QUIRKS}))
def test_every_quirk_is_drawn(operator: str) -> None:
    graphs = [parse_tflite(model, "drawn") for model in drawn(operator, 100, same=True)]
    for name, what, quirk in QUIRKS:
        if name == operator:
            layers = [(g, op) for g in graphs for op in g.ops if op.name == operator]
            assert any(quirk(g, op) for g, op in layers), what


@pytest.mark.parametrize("operator", ["CONV_2D", "FULLY_CONNECTED"])
def test_a_bias_that_is_left_off_in_its_place(operator: str) -> None:
    """Converters write −1 for it. TFLM's DEPTHWISE_CONV_2D crashes there: it is refused."""

    builder = Builder()
    conv = operator == "CONV_2D"
    shape, kernel = ((1, 2, 3, 4), (5, 1, 1, 4)) if conv else ((1, 4), (5, 4))
    kind = "Conv2DOptions" if conv else "FullyConnectedOptions"
    source = builder.tensor(shape, scale=0.1, zero_point=3)
    values = np.random.default_rng(1).integers(-127, 128, kernel, dtype=np.int8)
    weights = builder.constant(values, scale=0.01)
    target = builder.tensor((*shape[:-1], 5), scale=0.2)
    strides = {"strideH": 1, "strideW": 1} if conv else {}
    builder.op(operator, [source, weights, ABSENT], [target], options(kind, **strides))
    model = builder.finish([source], [target])
    graph = parse_tflite(model, "m")
    verify(graph, "m")
    inputs = np.random.default_rng(2).integers(-128, 128, (5, *shape), dtype=np.int8)
    tflm = Tflm(model)
    for window, output in zip(inputs, run(graph, inputs), strict=True):
        np.testing.assert_array_equal(output, tflm.continued(window))


def test_one_zero_point_for_all_scales() -> None:
    """TFLM takes the first for every channel."""
    builder = Builder()
    source = builder.tensor((1, 2, 3, 4), scale=0.1, zero_point=3)
    values = np.random.default_rng(3).integers(-127, 128, (5, 1, 1, 4), dtype=np.int8)
    scale = np.float32([0.01, 0.02, 0.03, 0.004, 0.005])
    weights = builder.constant(values, scale=scale)
    bias = builder.constant(np.arange(5, dtype=np.int32) * 100, scale=scale * np.float32(0.1))
    for index in (weights, bias):
        builder.tensors[index].quantization.zeroPoint = [0]
    target = builder.tensor((1, 2, 3, 5), scale=0.2)
    made = options("Conv2DOptions", strideH=1, strideW=1)
    builder.op("CONV_2D", [source, weights, bias], [target], made)
    model = builder.finish([source], [target])
    graph = parse_tflite(model, "m")
    verify(graph, "m")
    inputs = np.random.default_rng(4).integers(-128, 128, (5, 1, 2, 3, 4), dtype=np.int8)
    tflm = Tflm(model)
    for window, output in zip(inputs, run(graph, inputs), strict=True):
        np.testing.assert_array_equal(output, tflm.continued(window))
