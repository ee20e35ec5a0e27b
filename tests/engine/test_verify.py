"""What the verifier refuses, and that it says why, where and all at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from hil.board import PROJECT_DIR
from hil.errors import InputError
from pipeline.tflite import parse_tflite, read_tflite
from pipeline.verify import verify
from tests.engine.build_model import Builder, options

MODELS = PROJECT_DIR / "test_vectors" / "models"

Change = Callable[[Any], object]


def changed(arch: str, change: Change) -> bytes:
    """Return a committed int8 model with something changed in its object form."""
    import flatbuffers

    data = (MODELS / arch / "int8.tflite").read_bytes()
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))
    change(model)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def set_tensor(index: int, **fields: Any) -> Change:
    def change(model: Any) -> None:
        for name, value in fields.items():
            setattr(model.subgraphs[0].tensors[index], name, value)

    return change


def set_options(index: int, **fields: Any) -> Change:
    def change(model: Any) -> None:
        for name, value in fields.items():
            setattr(model.subgraphs[0].operators[index].builtinOptions, name, value)

    return change


def quantized(index: int, **fields: Any) -> Change:
    def change(model: Any) -> None:
        for name, value in fields.items():
            setattr(model.subgraphs[0].tensors[index].quantization, name, value)

    return change


def operator(index: int, **fields: Any) -> Change:
    def change(model: Any) -> None:
        for name, value in fields.items():
            setattr(model.subgraphs[0].operators[index], name, value)

    return change


def graph_field(**fields: Any) -> Change:
    def change(model: Any) -> None:
        for name, value in fields.items():
            setattr(model.subgraphs[0], name, value)

    return change


#: In the cnn: tensor 0 input, 12 and 11 weights and bias of conv1, 13 its input, 14 its output,
#: 15 pool1, 19 average, 21 scores, 22 softmax; operator 1 is conv1, 6 the mean. In the lstm: 18, 19
#: its states, 25 its output.
REFUSALS: list[tuple[str, Change, str]] = [
    ("cnn", set_tensor(0, type=schema.TensorType.FLOAT32), "has float activations"),
    ("cnn", set_tensor(0, type=schema.TensorType.UINT8), "is quantized to uint8, the older"),
    ("cnn", set_tensor(22, quantization=None), "the model's output has no scale"),
    ("cnn", set_tensor(14, type=schema.TensorType.INT16), r"layer 1 \(conv1\): output is int16"),
    ("cnn", set_tensor(14, shape=[1, 44, 2, 8]), r"output is \[1, 44, 2, 8\], must be \[1, 44, 1"),
    ("cnn", set_tensor(14, shape=[1, 70000, 1, 16]), "too large"),
    ("cnn", set_tensor(15, shape=[1, 21, 1, 16]), r"MAX_POOL_2D at layer 2 \(pool1\): output is"),
    ("cnn", set_tensor(19, shape=[1, 60]), "does not go with the axes"),
    ("cnn", quantized(15, scale=[0.1]), "input and output scales differ"),
    ("cnn", quantized(12, zeroPoint=[1] * 16), "weights have a zero point"),
    ("cnn", quantized(12, scale=[-1.0] * 16), "not a positive number"),
    ("cnn", quantized(12, zeroPoint=None), "weights have no scale or no zero point"),
    ("cnn", quantized(12, scale=[1.0] * 15, zeroPoint=[0] * 15), "15 scales"),
    ("cnn", quantized(12, quantizedDimension=3, scale=[1.0] * 6, zeroPoint=[0] * 6), "axis 3"),
    ("cnn", quantized(14, scale=[1e-30]), "absurdly small"),
    ("cnn", quantized(22, scale=[0.1]), "must have scale 1/256"),
    ("cnn", quantized(0, zeroPoint=[200]), "zero point is 200"),
    ("cnn", set_options(1, fusedActivationFunction=4), "fused activation 4"),
    ("cnn", set_options(1, strideH=0), "impossible kernel or stride"),
    ("cnn", set_options(1, padding=7), "unknown padding 7"),
    ("cnn", set_options(2, filterHeight=100), "larger than its input"),
    ("cnn", set_options(9, beta=float("nan")), "beta"),
    ("cnn", operator(1, builtinOptions=None), "has no options"),
    (
        "cnn",
        operator(1, builtinOptions=schema.SoftmaxOptionsT(), builtinOptionsType=9),
        "has no options of its kind",
    ),
    ("cnn", operator(1, inputs=[13]), "has 1 inputs"),
    ("cnn", operator(1, inputs=[13, 14, 11]), "reads tensor 14 before it is made"),
    ("cnn", operator(1, inputs=[13, -1, 11]), "weights is not a constant"),
    ("cnn", operator(1, outputs=[0]), "overwrites tensor 0"),
    ("cnn", operator(1, outputs=[14, 15]), "has 2 outputs"),
    ("cnn", operator(1, inputs=[99]), "name a tensor that is not there"),
    ("cnn", graph_field(inputs=[]), "has 0 inputs"),
    ("cnn", graph_field(outputs=[0]), "not made by any operator"),
    ("cnn", graph_field(operators=[]), "has no operators"),
    ("lstm", set_tensor(18, isVariable=False), "reads tensor 18 before it is made"),
    ("lstm", set_tensor(18, type=schema.TensorType.INT16), "not a variable int8 tensor"),
    ("lstm", quantized(19, scale=[0.3]), "not 2"),
    ("lstm", quantized(18, scale=[0.3]), "output and hidden state have different scales"),
    ("lstm", set_options(0, fusedActivationFunction=1), "activation other than tanh"),
    ("lstm", set_options(0, cellClip=-1.0), "cell clip"),
    ("lstm", set_options(1, newAxisMask=1), "a new axis"),
    ("lstm", set_options(1, shrinkAxisMask=0), r"output is \[1, 32\], must be"),
]


@pytest.mark.parametrize(("arch", "change", "reason"), REFUSALS, ids=[r[2] for r in REFUSALS])
def test_refused(arch: str, change: Change, reason: str) -> None:
    data = changed(arch, change)
    with pytest.raises(InputError, match=reason) as refused:
        verify(parse_tflite(data, "changed.tflite"), "changed.tflite")
    assert str(refused.value).startswith("changed.tflite: ")
    assert "\n" not in str(refused.value)


def test_unchanged_is_accepted() -> None:
    for arch in ("cnn", "lstm", "dense"):
        verify(parse_tflite(changed(arch, lambda _: None), arch), arch)


def test_float_weights_are_refused_with_the_way_out() -> None:
    with pytest.raises(InputError, match=r"float weights.*convert it with full integer"):
        verify(read_tflite(MODELS / "cnn" / "float.tflite"), "float.tflite")


def test_all_unsupported_operators_are_named_with_their_layers() -> None:
    builder = Builder()
    tensors = [builder.tensor((1, 4), scale=0.5) for _ in range(4)]
    for i, name in enumerate(["COS", "PRELU", "COS"]):
        builder.op(name, [tensors[i]], [tensors[i + 1]])
    with pytest.raises(InputError) as refused:
        verify(parse_tflite(builder.finish([tensors[0]], [tensors[3]]), "m"), "m")
    said = str(refused.value)
    assert "COS at layer 0 (t1), 2" in said
    assert "PRELU at layer 1 (t2)" in said
    assert "supported are ADD, " in said


def test_operators_that_are_not_supported_and_those_in_a_wrong_form_are_named_at_once() -> None:
    builder = Builder()
    tensors = [builder.tensor((1, 4), scale=0.5) for _ in range(4)]
    builder.op("COS", [tensors[0]], [tensors[1]])
    builder.op("SOFTMAX", [tensors[1]], [tensors[2]], options("SoftmaxOptions", beta=1.0))
    builder.op("LOGISTIC", [tensors[2]], [tensors[3]])
    with pytest.raises(InputError) as refused:
        verify(parse_tflite(builder.finish([tensors[0]], [tensors[3]]), "m"), "m")
    said = str(refused.value)
    assert "COS at layer 0 (t1)" in said
    assert "SOFTMAX at layer 1 (t2): " in said
    assert "LOGISTIC at layer 2 (t3): " in said
    assert "\n" not in said


def test_a_state_is_for_operators_that_remember() -> None:
    builder = Builder()
    source, target = builder.tensor((1, 4), scale=0.5), builder.tensor((2, 2), scale=0.5)
    wanted = builder.tensor((2,), "int32", variable=True)
    builder.op("RESHAPE", [source, wanted], [target])
    with pytest.raises(InputError, match=r"RESHAPE at layer 0 .* reads a state"):
        verify(parse_tflite(builder.finish([source], [target]), "m"), "m")


def test_sums_that_can_leave_32_bits_are_refused() -> None:
    """TFLM's accumulator is an int32 whose overflow is undefined."""
    for bias, good in ((2**31 - 1 - 256 * 127, True), (2**31 - 256 * 127, False)):
        builder = Builder()
        source = builder.tensor((1, 1), scale=0.5, zero_point=-128)
        weights = builder.constant(np.array([[127]], np.int8), scale=0.5)
        start = builder.constant(np.array([bias], np.int32), scale=0.25)
        target = builder.tensor((1, 1), scale=0.5)
        builder.op("FULLY_CONNECTED", [source, weights, start], [target],
                   options("FullyConnectedOptions"))  # fmt: skip
        graph = parse_tflite(builder.finish([source], [target]), "m")
        if good:
            verify(graph, "m")
            continue
        with pytest.raises(InputError, match="more than 32 bits hold"):
            verify(graph, "m")


@pytest.mark.parametrize(
    ("more", "multiplier", "reason"),
    [([], 1, None), ([-1], 1, "leaves its bias off by -1"), ([], 0, "multiplier is 0, must be 1")],
)
def test_what_tflm_cannot_run_of_a_depthwise_layer(
    more: list[int], multiplier: int, reason: str | None
) -> None:
    """Its reference kernel crashes on the second and writes no output for the third."""
    builder = Builder()
    source, target = (builder.tensor((1, 2, 2, 2), scale=0.5) for _ in range(2))
    weights = builder.constant(np.ones((1, 1, 1, 2), np.int8), scale=0.5)
    kind = options("DepthwiseConv2DOptions", strideH=1, strideW=1, depthMultiplier=multiplier)
    builder.op("DEPTHWISE_CONV_2D", [source, weights, *more], [target], kind)
    graph = parse_tflite(builder.finish([source], [target]), "m")
    if reason is None:
        verify(graph, "m")
        return
    with pytest.raises(InputError, match=reason):
        verify(graph, "m")


def test_more_reasons_than_anybody_reads_are_cut() -> None:
    builder = Builder()
    source, target = (builder.tensor((1, 4), scale=0.5) for _ in range(2))
    for _ in range(300):
        builder.op("RELU", [source, source], [builder.tensor((1, 4), scale=0.5)])
    builder.op("RELU", [source], [target])
    with pytest.raises(InputError) as refused:
        verify(parse_tflite(builder.finish([source], [target]), "m"), "m")
    assert str(refused.value).endswith("; and more")
    assert str(refused.value).count("must have one input") == 100


def test_a_bias_of_another_scale_is_refused_as_tflm_does() -> None:
    builder = Builder()
    source = builder.tensor((1, 1), scale=0.5)
    weights = builder.constant(np.ones((1, 1), np.int8), scale=0.5)
    start = builder.constant(np.ones(1, np.int32), scale=0.5)
    target = builder.tensor((1, 1), scale=0.5)
    builder.op("FULLY_CONNECTED", [source, weights, start], [target],
               options("FullyConnectedOptions"))  # fmt: skip
    with pytest.raises(InputError, match="bias scale"):
        verify(parse_tflite(builder.finish([source], [target]), "m"), "m")
