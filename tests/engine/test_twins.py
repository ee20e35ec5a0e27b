"""Fast kernels: the same bits as the interpreter, in C on this machine and on an emulated core.

The shapes are chosen so that every branch of a kernel is taken: rests of rows, of inputs and of
positions, patches that hang over edges, each way in which sums become codes.
"""

from __future__ import annotations

import shutil
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hil.board import PROJECT_DIR
from pipeline.emit_c import Source, emit, emit_model, generate
from pipeline.emit_c.choice import GOALS, LIMIT, choose
from pipeline.emit_c.model import EMITTERS
from pipeline.interp import run_layers
from pipeline.ir import Graph
from pipeline.options import Activation, Padding
from pipeline.plan import make_plan
from pipeline.tflite import parse_tflite
from pipeline.verify import read_verified, verify
from tests.engine.build_model import Builder, options
from tests.engine.native import Program
from tests.engine.strategies import windows

#: (output zero point, fused activation): NN_FINISH_FLOOR, FULL, CLAMP.
FINISHES = {
    "floor": (-128, Activation.RELU),
    "full": (5, Activation.NONE),
    "clamp": (-100, Activation.RELU6),
}


def weights_of(
    shape: tuple[int, ...], density: float, seed: int, *, pairs: bool = False, lowest: int = -127
) -> NDArray[np.int8]:
    """Weights from `lowest` on; the first row is all zeros where some are.

    density: of pairs along the last axis that are not zero; pairs: both weights of them, else one.
    """
    rng = np.random.default_rng(seed)
    kept = rng.random((*shape[:-1], -(-shape[-1] // 2))) < density
    both = np.repeat(kept, 2, axis=-1)[..., : shape[-1]]
    if density < 1 and not pairs:
        both[..., 1::2] = False
    weights = rng.integers(lowest, 128, shape) * both
    if density < 1:
        weights[0] = 0
    return weights.astype(np.int8)


def finish_model(  # noqa: PLR0917 - what differs between the models
    builder: Builder, name: str, source: int, weights: NDArray[np.int8], out: tuple[int, ...],
    kind: str, axis: int, **fields: Any,
) -> bytes:  # fmt: skip
    """One operator with `weights` whose sums nearly fill the range of codes."""
    rows = weights.shape[axis]
    rng = np.random.default_rng(rows)
    scales = (0.002 * 2.0 ** rng.uniform(-1, 1, rows)).astype(np.float32)
    constant = builder.constant(weights, scale=scales)
    builder.tensors[constant].quantization.quantizedDimension = axis
    bias = builder.constant(rng.integers(-9000, 9000, rows).astype(np.int32), scale=0.1 * scales)
    zero_point, activation = FINISHES[kind]
    depth = weights.size // rows
    target = builder.tensor(out, scale=0.004 * depth**0.5, zero_point=zero_point)
    option = fields.pop("option")
    made = options(option, fusedActivationFunction=activation, **fields)
    builder.op(name, [source, constant, bias], [target], made)
    return builder.finish([source], [target])


def fully_connected(depth: int, rows: int, density: float, kind: str, **fields: Any) -> bytes:
    builder = Builder()
    source = builder.tensor((1, depth), scale=0.1, zero_point=-7)
    weights = weights_of((rows, depth), density, depth, **fields)
    return finish_model(builder, "FULLY_CONNECTED", source, weights, (1, rows), kind, 0,
                        option="FullyConnectedOptions")  # fmt: skip


def conv(  # noqa: PLR0917
    size: tuple[int, int, int], kernel: tuple[int, int], rows: int, density: float, kind: str,
    stride: int = 1, padding: Padding = Padding.VALID, **fields: Any,
) -> bytes:  # fmt: skip
    builder = Builder()
    source = builder.tensor((1, *size), scale=0.1, zero_point=-7)
    weights = weights_of((rows, *kernel, size[2]), density, rows, **fields)
    out = extents(size, kernel, stride, padding)
    return finish_model(builder, "CONV_2D", source, weights, (1, *out, rows), kind, 0,
                        option="Conv2DOptions", strideH=stride, strideW=stride, padding=padding,
                        dilationHFactor=1, dilationWFactor=1)  # fmt: skip


def depthwise(
    size: tuple[int, int, int], kernel: tuple[int, int], kind: str, stride: int, padding: Padding
) -> bytes:
    builder = Builder()
    source = builder.tensor((1, *size), scale=0.1, zero_point=-7)
    weights = weights_of((1, *kernel, size[2]), 1, size[2])
    out = extents(size, kernel, stride, padding)
    return finish_model(builder, "DEPTHWISE_CONV_2D", source, weights, (1, *out, size[2]), kind, 3,
                        option="DepthwiseConv2DOptions", strideH=stride, strideW=stride,
                        padding=padding, depthMultiplier=1, dilationHFactor=1,
                        dilationWFactor=1)  # fmt: skip


#: Size, filter, stride, padding, fused activation.
POOLS: list[tuple[Any, ...]] = [
    ((10, 1, 16), (2, 1), 2, Padding.VALID, Activation.NONE),
    ((5, 7, 4), (3, 3), 2, Padding.SAME, Activation.RELU_N1_TO_1),
    ((16, 18, 4), (16, 16), 1, Padding.VALID, Activation.NONE),
]


def pool(  # noqa: PLR0917
    name: str, size: tuple[int, int, int], filters: tuple[int, int], stride: int,
    padding: Padding, activation: Activation,
) -> bytes:  # fmt: skip
    builder = Builder()
    quantized: dict[str, Any] = {"scale": 0.05, "zero_point": -3}
    source = builder.tensor((1, *size), **quantized)
    out = extents(size, filters, stride, padding)
    target = builder.tensor((1, *out, size[2]), **quantized)
    builder.op(name, [source], [target], options(
        "Pool2DOptions", padding=padding, strideH=stride, strideW=stride, filterHeight=filters[0],
        filterWidth=filters[1], fusedActivationFunction=activation,
    ))  # fmt: skip
    return builder.finish([source], [target])


def mean(shape: tuple[int, ...], axes: tuple[int, ...], zero_point: int) -> bytes:
    builder = Builder()
    source = builder.tensor(shape, scale=0.1, zero_point=-7)
    out = tuple(d for i, d in enumerate(shape) if i not in axes)
    target = builder.tensor(out, scale=0.06, zero_point=zero_point)
    inputs = [source, builder.constant(np.array(axes, np.int32))]
    builder.op("MEAN", inputs, [target], options("ReducerOptions", keepDims=False))
    return builder.finish([source], [target])


def extents(
    size: tuple[int, int, int], kernel: tuple[int, int], stride: int, padding: Padding
) -> list[int]:
    same = padding == Padding.SAME
    return [
        -(-d // stride) if same else (d - k) // stride + 1
        for d, k in zip(size[:2], kernel, strict=True)
    ]


PACKED = {
    **{f"fc-{kind}": fully_connected(33, 21, 1, kind) for kind in FINISHES},
    "fc-8": fully_connected(64, 16, 1, "floor"),
    "fc-2": fully_connected(5, 2, 1, "full"),
    **{f"conv-{kind}": conv((5, 6, 3), (3, 3), 8, 1, kind, 1, Padding.SAME) for kind in FINISHES},
    "conv-line": conv((11, 1, 6), (7, 1), 4, 1, "floor"),
    "conv-1x1": conv((3, 3, 28), (1, 1), 12, 1, "full"),
    "conv-stride": conv((9, 8, 4), (3, 2), 4, 1, "clamp", 2, Padding.SAME),
    **{f"max-{i}": pool("MAX_POOL_2D", *shape) for i, shape in enumerate(POOLS)},
    **{f"average-{i}": pool("AVERAGE_POOL_2D", *shape) for i, shape in enumerate(POOLS)},
    "mean": mean((1, 7, 1, 12), (1, 2), 5),
    "mean-floor": mean((2, 3, 5, 8), (1, 2), -128),
    "mean-last": mean((1, 6, 16, 16), (2,), -9),
    **{
        f"depthwise-{kind}": depthwise((6, 5, 8), (3, 3), kind, 1, Padding.SAME)
        for kind in FINISHES
    },
    "depthwise-stride": depthwise((7, 7, 4), (2, 2), "full", 2, Padding.VALID),
    "depthwise-line": depthwise((9, 1, 12), (7, 1), "floor", 1, Padding.SAME),
}
SPARSE = {
    **{f"sparse-fc-{kind}": fully_connected(250, 9, 0.3, kind) for kind in FINISHES},
    **{f"sparse-conv-{kind}": conv((20, 1, 6), (7, 1), 8, 0.3, kind) for kind in FINISHES},
    **{
        f"sparse-same-{kind}": conv((6, 9, 8), (3, 3), 8, 0.15, kind, 1, Padding.SAME)
        for kind in FINISHES
    },
    "sparse-fc-parts": fully_connected(600, 4, 0.2, "full"),
    "sparse-gaps": conv((100, 1, 12), (3, 1), 4, 0.4, "full"),
    "sparse-far": conv((64, 1, 64), (1, 1), 8, 0.03, "full"),
    "sparse-1x1": conv((5, 5, 32), (1, 1), 8, 0.25, "floor"),
    "sparse-stride": conv((9, 24, 4), (3, 5), 8, 0.3, "clamp", 2, Padding.SAME),
    "sparse-stride-3": conv((7, 31, 4), (2, 2), 8, 0.3, "floor", 3),
    "sparse-few": conv((3, 4, 16), (3, 1), 64, 0.2, "full", 1, Padding.SAME),
    "sparse-zeros": conv((20, 1, 6), (7, 1), 8, 0.0, "full"),
    "sparse-channels": conv((8, 1, 24), (1, 1), 600, 0.002, "full"),
}
PAIRS = {
    **{f"pairs-fc-{kind}": fully_connected(250, 9, 0.15, kind, pairs=True) for kind in FINISHES},
    "pairs-fc-deep": fully_connected(512, 4, 0.1, "full", pairs=True),
    **{
        f"pairs-conv-{kind}": conv((20, 1, 6), (7, 1), 8, 0.2, kind, pairs=True)
        for kind in FINISHES
    },
    "pairs-gaps": conv((104, 1, 12), (3, 1), 8, 0.3, "full", pairs=True),
    "pairs-1x1": conv((6, 4, 32), (1, 1), 8, 0.3, "floor", pairs=True),
    # Lines of two columns, where GCC 12.2 dropped the call that lays them out (NN_OPAQUE).
    "pairs-two-columns": conv((2, 1, 64), (2, 1), 8, 0.1, "full", pairs=True),
}
KERNELS = {"_packed.h": PACKED, "_sparse.h": SPARSE, "_pairs.h": PAIRS}
MODELS = PACKED | SPARSE | PAIRS


def graph_of(name: str) -> Graph:
    graph = parse_tflite(MODELS[name], name)
    verify(graph, name)
    return graph


def expected(graph: Graph) -> tuple[NDArray[np.int8], NDArray[Any]]:
    """Return inputs and outputs; the outputs must be worth comparing."""
    inputs = windows(graph.tensors[graph.inputs[0]].shape, 3, 6)
    outputs = run_layers(graph, inputs)[graph.outputs[0]].astype(np.int8)
    assert len(np.unique(outputs)) > 2
    return inputs, outputs


@pytest.fixture
def any_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Models of one operator must not lose the kernel under test for its scratch."""
    monkeypatch.setitem(LIMIT, "speed", 100.0)


@pytest.mark.parametrize("name", MODELS)
def test_each_model_takes_the_kernel_it_is_meant_for(name: str) -> None:
    graph = graph_of(name)
    header = choose(graph, graph.ops[0], EMITTERS[graph.ops[0].name]).emitter.header
    assert header is not None
    assert [ending for ending in KERNELS if header.endswith(ending)] == [
        ending for ending, models in KERNELS.items() if name in models
    ]


@pytest.mark.usefixtures("any_memory")
def test_portable_c_equals_the_interpreter(tmp_path: Path) -> None:
    graphs = [graph_of(name) for name in MODELS]
    program = Program([Source(graph) for graph in graphs], tmp_path)
    for i, graph in enumerate(graphs):
        inputs, outputs = expected(graph)
        crcs = program.crcs(i, inputs)[:, -1].tolist()
        assert crcs == [zlib.crc32(output.tobytes()) for output in outputs], list(MODELS)[i]


@pytest.mark.skipif(
    shutil.which("arm-none-eabi-gcc") is None, reason="arm-none-eabi-gcc is not installed"
)
@pytest.mark.usefixtures("any_memory")
@pytest.mark.parametrize("name", MODELS)
def test_dsp_instructions_equal_the_interpreter(name: str, tmp_path: Path) -> None:
    pytest.importorskip("unicorn", reason="the emulator extra is not installed")
    from benchmarks.support.bare_core import BareCore

    (tmp_path / "m.tflite").write_bytes(MODELS[name])
    emit(tmp_path / "m.tflite", "m", tmp_path)
    core = BareCore(tmp_path)
    inputs, outputs = expected(graph_of(name))
    for window, output in zip(inputs, outputs, strict=True):
        core.start(window.tobytes())
        assert core.layer(0)[1] == output.tobytes()


@pytest.mark.usefixtures("any_memory")
def test_pruned_layer_says_what_it_would_cost_either_way() -> None:
    text = generate(Source(graph_of("sparse-1x1")), "m").implementation
    assert " * kernel sparse;\n *        instructions and bytes of weights, estimated: " in text
    assert " dense */" in text


COMMITTED = PROJECT_DIR / "test_vectors" / "models"


@pytest.mark.parametrize("arch", ["cnn", "dense", "lstm"])
@pytest.mark.parametrize("goal", GOALS)
def test_every_goal_gives_the_same_bits(arch: str, goal: str, tmp_path: Path) -> None:
    if shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("arm-none-eabi-gcc is not installed")
    pytest.importorskip("unicorn", reason="the emulator extra is not installed")
    from benchmarks.support.bare_core import BareCore

    graph = emit_model(COMMITTED / arch / "int8.tflite", "m", tmp_path, goal=goal).graph
    core = BareCore(tmp_path)
    inputs = windows(graph.tensors[graph.inputs[0]].shape, 3, 3)
    layers = run_layers(graph, inputs)
    for i, window in enumerate(inputs):
        core.start(window.tobytes())
        for op in graph.ops:
            expected_output = layers[op.outputs[0]][i].astype(np.int8).tobytes()
            assert core.layer(op.index)[1] == expected_output, graph.layer_name(op)


def test_goals_keep_what_they_promise() -> None:
    for arch in ("cnn", "dense", "lstm"):
        graph = read_verified(COMMITTED / arch / "int8.tflite")
        codes = {goal: generate(Source(graph), "m", goal) for goal in GOALS}
        least = make_plan(graph, {}).size
        assert codes["size"].constant_bytes <= codes["speed"].constant_bytes
        assert codes["ram"].plan.size <= codes["speed"].plan.size <= LIMIT["speed"] * least
        assert codes["ram"].plan.size <= least
