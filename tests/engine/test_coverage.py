"""What single random models of an operator do not show: ties, memory, folding, other dtypes."""

from __future__ import annotations

import subprocess
import zlib
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from hil.cli import main
from hil.errors import InputError
from pipeline.emit_c import Source, generate, two_files
from pipeline.interp import run
from pipeline.ir import Graph
from pipeline.ops.svdf import step, svdf_of
from pipeline.quant import quantize_multiplier, requantize
from pipeline.tflite import parse_tflite
from pipeline.verify import verify
from tests.engine.build_model import Builder, options
from tests.engine.native import SANITIZED, Program, cc
from tests.engine.strategies import windows
from tests.engine.tflm import Tflm

CODES = np.arange(-128, 128, dtype=np.int8).reshape(1, 256)


def graph_of(model: bytes) -> Graph:
    graph = parse_tflite(model, "m")
    verify(graph, "m")
    return graph


def unary(operator: str, scales: NDArray[np.float32], alpha: float = 0.0) -> bytes:
    builder = Builder()
    source, target = (builder.tensor((1, 256), scale=s) for s in scales)
    kind = options("LeakyReluOptions", alpha=alpha) if operator == "LEAKY_RELU" else None
    builder.op(operator, [source], [target], kind)
    return builder.finish([source], [target])


@pytest.mark.parametrize("operator", ["RELU", "QUANTIZE", "LEAKY_RELU"])
def test_scales_are_divided_in_float64_as_tflm_does(operator: str) -> None:
    """Quotients in float32 and in float64 differ in one code of millions: those are looked for."""
    rng, found = np.random.default_rng(3), 0
    x = np.arange(-128, 0) if operator == "LEAKY_RELU" else np.arange(128)
    for _ in range(40_000):
        scales = rng.uniform(0.01, 0.1, 2).astype(np.float32)
        alpha = np.float32(rng.uniform(0.05, 0.9) if operator == "LEAKY_RELU" else 1)
        single = float(scales[0] * alpha / scales[1])
        double = float(scales[0]) * float(alpha) / float(scales[1])
        wrong, right = (
            np.clip(requantize(x, *quantize_multiplier(real)), -128, 127)
            for real in (single, double)
        )
        if (wrong == right).all():
            continue
        found += 1
        model = unary(operator, scales, float(alpha))
        (of_tflm,) = Tflm(model).layers(graph_of(model), CODES)
        np.testing.assert_array_equal(of_tflm[0, x + 128], right)
        np.testing.assert_array_equal(run(graph_of(model), CODES[None])[0], of_tflm)
        if found == 5:
            return
    pytest.fail("no scales that tell the two apart")


STEPS_MAIN = """
#include "m.c"
#include <stdio.h>
int main(void) {
    static int8_t input[m_INPUT_SIZE], output[m_OUTPUT_SIZE];
    m_reset();
    while (fread(input, 1, sizeof input, stdin) == sizeof input) {
        if (m_invoke(input, output) != 0) return 1;
        fwrite(output, 1, sizeof output, stdout);
    }
    return 0;
}
"""


def svdf_model() -> bytes:
    builder = Builder()
    rng = np.random.default_rng(5)
    source = builder.tensor((1, 6), scale=0.05, zero_point=3)
    inputs = [
        source,
        builder.constant(rng.integers(-128, 128, (8, 6), dtype=np.int8), scale=0.01),
        builder.constant(rng.integers(-2000, 2000, (8, 5)).astype(np.int16), scale=2**-12),
        builder.constant(rng.integers(-9000, 9000, 4).astype(np.int32), scale=2**-23),
        builder.tensor((1, 40), "int16", scale=2**-11, variable=True),
    ]
    target = builder.tensor((1, 4), scale=0.02, zero_point=-128)
    builder.op("SVDF", inputs, [target], options("SVDFOptions", rank=2, fusedActivationFunction=1))
    return builder.finish([source], [target])


def test_svdf_remembers_from_step_to_step(tmp_path: Path) -> None:
    """Windows are independent in the interpreter; a stream goes on without a reset."""
    model = svdf_model()
    graph, inputs = graph_of(model), windows((1, 6), 9, 20)
    tflm = Tflm(model)
    of_tflm = [tflm.continued(window) for window in inputs]
    layer, source = svdf_of(graph, graph.ops[0]), graph.tensors[0]
    state, outputs = np.zeros((1, 8, 5), np.int64), []
    for window in inputs:
        state, sums = step(layer, window.astype(np.int64) - source.zero_point, state)
        outputs.append(np.clip(sums - 128, -128, 127).astype(np.int8))
    np.testing.assert_array_equal(outputs, of_tflm)
    for name, text in two_files(Source(graph), generate(Source(graph), "m")).items():
        (tmp_path / name).write_text(text)
    (tmp_path / "main.c").write_text(STEPS_MAIN)
    cc([*SANITIZED, f"-I{tmp_path}", tmp_path / "main.c", "-o", tmp_path / "steps"])
    ran = subprocess.run(
        [tmp_path / "steps"], input=inputs.tobytes(), capture_output=True, check=True
    )
    assert ran.stdout == np.array(of_tflm).tobytes()


def open_batch_model() -> bytes:
    """What a converter makes of Flatten with an open batch: SHAPE, STRIDED_SLICE, PACK, RESHAPE."""
    builder = Builder()
    quantized: dict[str, Any] = {"scale": 0.1, "zero_point": 4}
    source = builder.tensor((1, 3, 4), **quantized)
    shape, batch, wanted = (builder.tensor(s, "int32") for s in ((3,), (), (2,)))
    flat, target = (builder.tensor((1, 12), **quantized) for _ in range(2))
    zero, one = (builder.constant(np.array([v], np.int32)) for v in (0, 1))
    all_others = builder.constant(np.array(-1, np.int32))
    builder.op("SHAPE", [source], [shape], options("ShapeOptions", outType=2))
    builder.op("STRIDED_SLICE", [shape, zero, one, one], [batch],
               options("StridedSliceOptions", shrinkAxisMask=1))  # fmt: skip
    builder.op("PACK", [batch, all_others], [wanted], options("PackOptions", valuesCount=2))
    builder.op("RESHAPE", [source, wanted], [flat])
    builder.op("RELU", [flat], [target])
    return builder.finish([source], [target])


def test_an_open_batch_is_one_and_what_follows_from_it_is_known() -> None:
    model = open_batch_model()
    graph = graph_of(model)
    assert [op.name for op in graph.ops] == ["RESHAPE", "RELU"]
    assert [op.index for op in graph.ops] == [0, 1]
    assert graph.need(graph.ops[0], 1).data is not None
    tflm = Tflm(model)
    for window in windows((1, 3, 4), 1, 5):
        np.testing.assert_array_equal(run(graph, window[None])[0], tflm.layers(graph, window)[-1])


def dense_on_open_sequence_model() -> bytes:
    """What a converter makes of Dense on [open, 3, 4]: free axes are gathered and multiplied."""
    builder = Builder()
    quantized: dict[str, Any] = {"scale": 0.1, "zero_point": 4}
    source = builder.tensor((1, 3, 4), **quantized)
    shape, free, wanted = (builder.tensor(s, "int32") for s in ((3,), (2,), (2,)))
    rows = builder.tensor((), "int32")
    flat, target = (builder.tensor((3, 4), **quantized) for _ in range(2))
    axes, axis = (builder.constant(np.array(v, np.int32)) for v in ([0, 1], [0]))
    depth = builder.constant(np.array(4, np.int32))
    builder.op("SHAPE", [source], [shape], options("ShapeOptions", outType=2))
    builder.op("GATHER", [shape, axes], [free], options("GatherOptions"))
    builder.op("REDUCE_PROD", [free, axis], [rows], options("ReducerOptions"))
    builder.op("PACK", [rows, depth], [wanted], options("PackOptions", valuesCount=2))
    builder.op("RESHAPE", [source, wanted], [flat])
    builder.op("RELU", [flat], [target])
    return builder.finish([source], [target])


def test_what_is_made_of_shapes_is_known() -> None:
    graph = graph_of(dense_on_open_sequence_model())
    assert [op.name for op in graph.ops] == ["RESHAPE", "RELU"]
    wanted = graph.need(graph.ops[0], 1).data
    assert wanted is not None
    assert wanted.tolist() == [3, 4]


@pytest.mark.parametrize("operator", ["GATHER", "REDUCE_PROD", "MUL"])
def test_shapes_that_do_not_go_together_stay_and_are_refused(operator: str) -> None:
    builder = Builder()
    source = builder.tensor((1, 4), scale=0.1)
    numbers = builder.constant(np.array([70, 2, 3], np.int32))
    others = builder.constant(np.array([1, 7], np.int32))  # no such place, no such axis
    wanted, target = builder.tensor((2,), "int32"), builder.tensor((2, 2), scale=0.1)
    kinds = {"GATHER": "GatherOptions", "REDUCE_PROD": "ReducerOptions", "MUL": "MulOptions"}
    builder.op(operator, [numbers, others], [wanted], options(kinds[operator]))
    builder.op("RESHAPE", [source, wanted], [target])
    with pytest.raises(InputError, match=operator):
        graph_of(builder.finish([source], [target]))


def test_an_open_axis_in_a_refused_layer_brings_the_remedy() -> None:
    builder = Builder()
    source, target = builder.tensor((1, 12), scale=0.1), builder.tensor((1, 4), scale=0.1)
    builder.tensors[target].shapeSignature = [-1, 4]
    wanted = builder.constant(np.array([3, 4], np.int32))
    builder.op("RESHAPE", [source, wanted], [target])
    with pytest.raises(InputError, match=r"differ in size; convert it for one window"):
        graph_of(builder.finish([source], [target]))


def join_model(operator: str, count: int) -> bytes:
    builder = Builder()
    quantized: dict[str, Any] = {"scale": 0.1, "zero_point": 4}
    source = builder.tensor((1, 3), **quantized)
    parts = [builder.tensor((1, 3), **quantized) for _ in range(count)]
    joined = (1, 3 * count) if operator == "CONCATENATION" else (1, count, 3)
    target = builder.tensor(joined, **quantized)
    for i, part in enumerate(parts):
        other = builder.constant(np.full((1, 3), i, np.int8), **quantized)
        builder.op("MAXIMUM", [source, other], [part])
    fields = {"valuesCount": count} if operator == "PACK" else {}
    kind = options(f"{operator.capitalize()}Options", axis=1, **fields)
    builder.op(operator, parts, [target], kind)
    return builder.finish([source], [target])


@pytest.mark.parametrize(("operator", "count"), [("CONCATENATION", 10), ("PACK", 24)])
def test_joins_of_many_pieces(operator: str, count: int, tmp_path: Path) -> None:
    """As in an Inception block, or in an unrolled loop over time. TFLM concatenates up to ten."""
    model = join_model(operator, count)
    graph, inputs = graph_of(model), windows((1, 3), 4, 5)
    outputs = run(graph, inputs)
    tflm, program = Tflm(model), Program([Source(graph)], tmp_path)
    for window, output in zip(inputs, outputs, strict=True):
        np.testing.assert_array_equal(output, tflm.layers(graph, window)[-1])
    crcs = [zlib.crc32(output.tobytes()) for output in outputs]
    assert program.crcs(0, inputs)[:, -1].tolist() == crcs


def test_places_in_eight_bytes_are_numpys(tmp_path: Path) -> None:
    """TFLM has no ARG_MAX to int64, which is what Keras asks for."""
    builder = Builder()
    source = builder.tensor((2, 3, 70), scale=0.1)
    target = builder.tensor((2, 3), "int64")
    axis = builder.constant(np.array(-1, np.int32))
    builder.op("ARG_MAX", [source, axis], [target], options("ArgMaxOptions", outputType=4))
    graph = graph_of(builder.finish([source], [target]))
    inputs = windows((2, 3, 70), 2, 20)
    places = run(graph, inputs)
    assert places.dtype == np.int64
    np.testing.assert_array_equal(places, inputs.argmax(axis=-1))
    program = Program([Source(graph)], tmp_path)
    crcs = [[zlib.crc32(p.tobytes())] for p in places]
    assert program.crcs(0, inputs).tolist() == crcs


def test_an_older_uint8_model_is_refused_by_name_with_the_way_out() -> None:
    builder = Builder()
    tensors = [builder.tensor((1, 4), "uint8", scale=0.5, zero_point=128) for _ in range(2)]
    weights = builder.constant(np.ones((4, 4), np.uint8), scale=0.5)
    builder.op("FULLY_CONNECTED", [tensors[0], weights], [tensors[1]],
               options("FullyConnectedOptions"))  # fmt: skip
    graph = parse_tflite(builder.finish([tensors[0]], [tensors[1]]), "old")
    with pytest.raises(InputError, match=r"quantized to uint8, the older.*convert it with full"):
        verify(graph, "old")


def float_ended_model() -> bytes:
    builder = Builder()
    ends = [builder.tensor((1, 4), "float32") for _ in range(2)]
    codes = [builder.tensor((1, 4), scale=0.5, zero_point=3) for _ in range(2)]
    builder.op("QUANTIZE", [ends[0]], [codes[0]])
    builder.op("RELU", [codes[0]], [codes[1]])
    builder.op("DEQUANTIZE", [codes[1]], [ends[1]])
    return builder.finish([ends[0]], [ends[1]])


def test_a_model_with_float_ends_is_not_for_a_devices_link(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "m.tflite").write_bytes(float_ended_model())
    arguments = ["import", "--int8", str(tmp_path / "m.tflite"), "--out", str(tmp_path / "out")]
    assert main(arguments) == 2
    assert "its input is float32; to run it on a device, convert it" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_float_ends_are_stated_as_bytes_of_scale_one() -> None:
    graph = graph_of(float_ended_model())
    header = generate(Source(graph), "m").interface
    for what in ("INPUT", "OUTPUT"):
        assert f"#define m_{what}_SIZE 16 /* bytes; float32 [1, 4] */" in header
        assert f"#define m_{what}_SCALE 1.0f" in header
    reals = np.array([[[-1.0, 0.2, 0.25, 7.9]]], np.float32)
    np.testing.assert_array_equal(run(graph, reals)[0], [[0.0, 0.0, 0.5, 8.0]])


def test_a_state_is_nobody_elses() -> None:
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(svdf_model(), 0))
    graph = model.subgraphs[0]
    graph.operators = [graph.operators[0]] * 2
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    with pytest.raises(InputError, match="a state that two operators share"):
        graph_of(bytes(builder.Output()))
